//! Observations as an indented text with a line for each fact.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::{iter, mem};

use crate::langfuse::parameters::Parameters;
use crate::model::{EventKind, Forest, Kind, Lane, Level, Observation, ValueRef};

/// Draws what a lane shows; `everything` adds events and links.
pub(super) fn render(shown: &[&Observation], lane: Lane, everything: bool) -> String {
    let lines = pieces(shown, lane, everything).into_iter().map(|(_, text)| text);
    iter::once("\n".to_owned()).chain(lines).collect()
}

/// The same with siblings in the order of their texts.
pub(super) fn render_sorted(shown: &[&Observation], lane: Lane) -> String {
    // The subtrees seen so far, by depth, whose parent comes yet: children come before parents here.
    let mut orphans: Vec<Vec<String>> = vec![Vec::new()];
    for (depth, text) in pieces(shown, lane, false).into_iter().rev() {
        orphans.resize_with(orphans.len().max(depth + 2), Vec::new);
        let children = orphans.get_mut(depth + 1).map(mem::take);
        if let Some(siblings) = orphans.get_mut(depth) {
            siblings.push(text + &sorted(children.unwrap_or_default()));
        }
    }
    format!("\n{}", sorted(orphans.swap_remove(0)))
}

fn sorted(mut texts: Vec<String>) -> String {
    texts.sort_unstable();
    texts.concat()
}

/// The text of each observation with its depth, parents before their children.
fn pieces(shown: &[&Observation], lane: Lane, everything: bool) -> Vec<(usize, String)> {
    let mut pieces = Vec::with_capacity(shown.len());
    let mut above: Vec<String> = Vec::new();
    for node in Forest::new(shown, lane).walk() {
        let trace = trace(node.observation);
        above.truncate(node.depth);
        // Below the top only where it is not what the parent has.
        let news = match above.last() {
            None => trace.as_str(),
            Some(parents) if *parents == trace => "",
            Some(_) if trace.is_empty() => "(nothing)",
            Some(_) => trace.as_str(),
        };
        let mut text = String::new();
        describe(node.observation, (node.depth, news), everything, &mut text);
        pieces.push((node.depth, text));
        above.push(trace);
    }
    pieces
}

/// Writes one observation: the line that names it, and a line for each thing that it holds.
fn describe(observation: &Observation, (depth, trace): (usize, &str), everything: bool, text: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = write!(text, "{indent}{} {}", observation.kind(), observation.name());
    if let Some(model) = observation.model() {
        let _ = write!(text, "  model={model}");
    }
    if observation.level() != Level::Default {
        let _ = write!(text, "  {}", observation.level());
    }
    if let Some(message) = observation.status_message() {
        let _ = write!(text, "  status={message:?}");
    }
    if observation.duration().as_nanos() > 0 && observation.kind() != Kind::Event {
        let _ = write!(text, "  {:?}", observation.duration());
    }
    text.push('\n');
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{indent}  {:<7} {value}", format!("{label}:"));
        }
    };
    if depth == 0 {
        let named = observation
            .trace_name()
            .filter(|name| *name != observation.name())
            .map(|name| format!("name={name}"));
        line(
            "trace",
            &joined(
                named
                    .into_iter()
                    .chain([trace.to_owned()])
                    .filter(|it| !it.is_empty()),
            ),
        );
    } else {
        line("trace", trace);
    }
    line("params", &parameters(observation));
    line(
        "usage",
        &joined(
            observation
                .usage()
                .buckets()
                .map(|(bucket, tokens)| format!("{bucket}={tokens}")),
        ),
    );
    line(
        "cost",
        &joined(
            observation
                .cost()
                .parts()
                .map(|(part, dollars)| format!("{part}={dollars}")),
        ),
    );
    if let Some(prompt) = observation.prompt() {
        line("prompt", &format!("{}@{}", prompt.name, prompt.version));
    }
    if let Some(first) = observation.time_to_first_token() {
        line("first", &format!("{first:?}"));
    }
    line("in", &one_line(observation.input()));
    line("out", &one_line(observation.output()));
    line("meta", &metadata(observation));
    if everything {
        for (head, fields) in observation.events() {
            let label = match head.kind {
                EventKind::Plain => "event",
                EventKind::Exception => "error",
            };
            line(label, &pairs(fields.map(|field| (field.name, field.value))));
        }
        for link in observation.links() {
            line("link", &format!("{} {}", short(&link.trace_id), short(&link.id)));
        }
        line("dropped", &dropped(observation));
    }
}

/// An id without its leading zeros: ids of this kit count from 1.
fn short(id: &impl ToString) -> String {
    id.to_string().trim_start_matches('0').to_owned()
}

fn dropped(observation: &Observation) -> String {
    let counts = [
        ("events", observation.dropped_events()),
        ("fields", observation.dropped_fields()),
        ("links", observation.dropped_links()),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    joined(counts.map(|(what, count)| format!("{what}={count}")))
}

fn trace(observation: &Observation) -> String {
    let trace = observation.trace();
    let mut facts: Vec<String> = [
        ("user", trace.user.as_deref()),
        ("session", trace.session.as_deref()),
        ("environment", trace.environment.as_deref()),
        ("release", trace.release.as_deref()),
        ("version", trace.version.as_deref()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some(format!("{key}={}", value?)))
    .collect();
    if !trace.tags.is_empty() {
        facts.push(format!("tags=[{}]", trace.tags.join(",")));
    }
    if let Some(public) = trace.public {
        facts.push(format!("public={public}"));
    }
    facts.extend(
        trace
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={}", json(value.as_ref()))),
    );
    facts.join(" ")
}

fn parameters(observation: &Observation) -> String {
    let parameters = Parameters::of(observation);
    let mut out = Vec::new();
    if !parameters.is_empty() {
        parameters.write(&mut out);
    }
    String::from_utf8(out).unwrap_or_default()
}

fn metadata(observation: &Observation) -> String {
    let fields = observation.fields().filter(|field| field.used.metadata);
    pairs(fields.map(|field| {
        let key = if field.used.counts {
            field.short
        } else {
            field.name
        };
        (key, field.value)
    }))
}

fn pairs<'a>(facts: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    let facts: Vec<String> = facts
        .map(|(key, value)| format!("{}:{}", json(ValueRef::Text(key)), json(value)))
        .collect();
    if facts.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", facts.join(","))
    }
}

fn joined(facts: impl Iterator<Item = String>) -> String {
    facts.collect::<Vec<_>>().join(" ")
}

/// On one line, so that a fact is a line.
fn one_line(content: Option<Cow<'_, str>>) -> String {
    content.unwrap_or_default().replace('\n', "\\n")
}

fn json(value: ValueRef<'_>) -> String {
    let mut out = Vec::new();
    value.write_json(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
