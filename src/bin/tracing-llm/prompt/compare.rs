//! What two versions of a prompt differ in, and how they did.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use similar::TextDiff;
use tracing_llm::Langfuse;
use tracing_llm::langfuse::{MeanScore, PromptComparison, PromptFigures, Window};

use crate::args::Which;
use crate::page::{Failure, Outcome, Page, Paint, plain};
use crate::prompt::Version;
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
    let compared = langfuse.compare_prompts_blocking(name, numbers, &Window::last_days(days));
    // Both versions are there: what is not found is the question.
    let compared = compared.map_err(|error| Failure::before_v4(error, "how they did is known to"))?;
    page.line(page.paint(Paint::BOLD, &format!("Generations with it, {days} days")))?;
    table(&compared).print(page)?;
    if compared.is_cut && compared.versions.iter().any(|it| !it.trace_scores.is_empty()) {
        let most = PromptComparison::MOST_CALLS;
        page.line(format_args!(
            "Scores of traces are those of the newest {most} calls"
        ))?;
    }
    if compared.is_incomplete {
        page.line("There is more than an answer of the server has: fewer --days would do")?;
    }
    Ok(())
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
        let both = format!("{old} and {new} have the same template");
        return page.line(plain(&both));
    }
    let diff = TextDiff::from_lines(&a, &b);
    let unified = diff.unified_diff().header(old, new).to_string();
    // Not `lines()`, to which CR LF is an end like LF: it may be what differs.
    for line in unified.split_terminator('\n') {
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

/// A column a version, below the columns of their difference: scores may be many.
fn table(compared: &PromptComparison) -> Table {
    let versions = &compared.versions;
    let heads = versions.iter().map(|it| format!("version {}", it.version));
    let mut table = Table::new([String::new()].into_iter().chain(heads));
    let mut row = |name: &str, cell: &dyn Fn(&PromptFigures) -> Cell| {
        let cells = versions.iter().map(cell);
        table.push([Cell::text(Some(name), usize::MAX)].into_iter().chain(cells));
    };
    row("generations", &|it| Cell::count(Some(it.calls)));
    row("cost", &|it| Cell::money(it.cost));
    row("cost of one", &|it| Cell::money(it.cost_of_a_call()));
    row("latency, mean", &|it| Cell::seconds(it.mean_latency));
    row("latency, 95 of 100 below", &|it| Cell::seconds(it.p95_latency));
    row("tokens in", &|it| Cell::count(Some(it.input_tokens)));
    row("tokens out", &|it| Cell::count(Some(it.output_tokens)));
    type Scores = fn(&PromptFigures) -> &BTreeMap<String, MeanScore>;
    let kinds: [(&str, Scores); 2] = [
        ("mean of scores", |it| &it.scores),
        ("mean of its traces' scores", |it| &it.trace_scores),
    ];
    for (what, scores) in kinds {
        let names: BTreeSet<_> = versions.iter().flat_map(|it| scores(it).keys()).collect();
        for name in names {
            row(&format!("{name}, {what}"), &|it| Cell::mean(scores(it).get(name)));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_lines_may_be_what_differs() {
        let mut out = Vec::new();
        let templates = ["a\r\nb\n", "a\nb\n"].map(str::to_owned);
        let heads = ["version 1", "version 2"].map(str::to_owned);
        diff(templates, &heads, &mut Page::of(&mut out, false)).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.ends_with("@@ -1,2 +1,2 @@\n-a\\r\n+a\n b\n"), "{shown}");
    }
}
