//! What two versions of a prompt differ in, and how they did.

use serde_json::Value;
use similar::TextDiff;
use tracing_llm::Langfuse;
use tracing_llm::langfuse::Window;

use crate::args::Which;
use crate::page::{Outcome, Page, Paint, plain};
use crate::prompt::Version;
use crate::prompt::figures::{self, Figures};
use crate::table::{Cell, Table};

pub(super) fn run(
    langfuse: &Langfuse,
    name: &str,
    which: [Which; 2],
    days: u32,
    page: &mut Page<'_>,
) -> Outcome {
    let [a, b] = which.map(|which| Version::fetch(langfuse, name, &which));
    let versions = [a?, b?];
    if versions[0].version == versions[1].version {
        return page.line(format_args!("both are {}", plain(&head(&versions[0]))));
    }
    let heads = versions.each_ref().map(head);
    diff(
        versions.each_ref().map(|version| template(&version.body)),
        &heads,
        page,
    )?;
    let configs = versions
        .each_ref()
        .map(|version| format!("{:#}\n", version.config));
    if configs[0] != configs[1] {
        page.line("")?;
        diff(configs, &heads.map(|head| format!("{head}, config")), page)?;
    }
    page.line("")?;
    page.flush()?;
    let numbers = versions.each_ref().map(|version| version.version);
    let figures = figures::of(langfuse, name, numbers, &Window::last_days(days))?;
    page.line(page.paint(Paint::BOLD, &format!("Generations with it, {days} days")))?;
    table(numbers, &figures).print(page)
}

fn head(version: &Version) -> String {
    let labels = version.labels.join(", ");
    match labels.as_str() {
        "" => format!("version {}", version.version),
        _ => format!("version {} ({labels})", version.version),
    }
}

/// A text, or messages in lines: what is compared are the lines of a prompt, not of its JSON.
fn template(body: &Value) -> String {
    if let Some(text) = body.as_str() {
        return format!("{text}\n");
    }
    let mut lines = String::new();
    for part in body.as_array().into_iter().flatten() {
        let mut part = part.clone();
        let mut take = |name: &str| part.as_object_mut().and_then(|part| part.remove(name));
        let (role, content) = (take("role"), take("content"));
        let text = |value: Option<Value>| {
            value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let rest = Some(part).filter(|rest| rest.as_object().is_some_and(|rest| !rest.is_empty()));
        let head = [
            text(role).map(|role| format!("[{role}]")),
            rest.map(|rest| rest.to_string()),
        ];
        lines.push_str(&head.into_iter().flatten().collect::<Vec<_>>().join(" "));
        lines.push('\n');
        lines.extend(text(content).map(|content| format!("{content}\n")));
    }
    lines
}

fn diff([a, b]: [String; 2], [old, new]: &[String; 2], page: &mut Page<'_>) -> Outcome {
    if a == b {
        return page.line(format_args!("{old} and {new} have the same template"));
    }
    let diff = TextDiff::from_lines(&a, &b);
    let unified = diff.unified_diff().header(old, new).to_string();
    for line in unified.lines() {
        let line = plain(line);
        let painted = match line.as_bytes().first() {
            Some(b'-') => page.paint(Paint::RED, &line),
            Some(b'+') => page.paint(Paint::GREEN, &line),
            _ => line.as_ref().into(),
        };
        page.line(painted)?;
    }
    Ok(())
}

fn table(versions: [u32; 2], figures: &[Figures; 2]) -> Table {
    let heads = versions.map(|version| format!("version {version}"));
    let mut table = Table::new([String::new()].into_iter().chain(heads));
    let mut row = |name: &str, cell: &dyn Fn(&Figures) -> Cell| {
        let cells = figures.iter().map(cell);
        table.push([Cell::text(Some(name), usize::MAX)].into_iter().chain(cells));
    };
    row("generations", &|it| Cell::count(Some(it.generations)));
    row("cost", &|it| Cell::money(it.cost));
    row("latency, mean", &|it| Cell::seconds(it.mean));
    row("latency, 95 of 100 below", &|it| Cell::seconds(it.p95));
    let names = figures.iter().flat_map(|it| it.scores.keys());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    for name in names {
        row(&format!("{name}, mean of scores"), &|it| {
            Cell::mean(it.scores.get(name).copied())
        });
    }
    table
}
