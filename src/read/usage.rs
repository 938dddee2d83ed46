//! Tokens and cost, from numbers under many names.

use serde_json::Value as Json;

use crate::field::{Role, Roles, TOOL_USE, Trust};
use crate::model::{Cost, Entry, Reading, Recorded, Usage, ValueRef};
use crate::read::asked::{Asked, Question};
use crate::read::plan::Indices;

/// Details of OpenAI's answer and the bucket that each is.
const OPENAI_DETAILS: &[(&str, &str, &str)] = &[
    ("prompt_tokens_details", "cached_tokens", "input_cached_tokens"),
    ("prompt_tokens_details", "audio_tokens", "input_audio_tokens"),
    ("input_tokens_details", "cached_tokens", "input_cached_tokens"),
    (
        "completion_tokens_details",
        "reasoning_tokens",
        "output_reasoning_tokens",
    ),
    ("completion_tokens_details", "audio_tokens", "output_audio_tokens"),
    (
        "output_tokens_details",
        "reasoning_tokens",
        "output_reasoning_tokens",
    ),
];

/// The names that a usage object has for its main buckets.
const MAIN: &[(&str, &str)] = &[
    ("prompt_tokens", "input"),
    ("input_tokens", "input"),
    ("completion_tokens", "output"),
    ("output_tokens", "output"),
    ("total_tokens", "total"),
];

/// Which entries count tokens and money, and whose words are taken for each.
#[derive(Default, Debug)]
pub(super) struct Counted {
    usage: Option<Trust>,
    cost: Option<Trust>,
    entries: Indices,
}

pub(super) fn decide(recorded: &Recorded, reading: &mut Reading, asked: &mut Asked) -> Counted {
    if !recorded.fields.roles().meet(Roles::USAGE) {
        return Counted::default();
    }
    // Two vocabularies are never added up: the most trusted one is the usage.
    let roles = [Role::Usage, Role::UsageDetails];
    let usage = most_trusted(recorded, reading, &roles);
    if let Some(trust) = usage {
        yield_to(recorded, reading, trust, &roles, asked);
    }
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    let counting = entries.filter(|(_, (entry, used))| used.counts && entry.head.role.is_usage());
    Counted {
        usage,
        cost: most_trusted(recorded, reading, &[Role::Cost, Role::CostDetails]),
        entries: counting.map(|(index, _)| index).collect(),
    }
}

pub(super) fn read(recorded: &Recorded, counted: &Counted) -> (Usage, Cost) {
    if counted.entries.is_empty() {
        return <(Usage, Cost)>::default();
    }
    let usage = counted.usage.map(|trust| usage(recorded, counted, trust));
    let cost = match counted.cost {
        Some(trust) => cost(recorded, counted, trust).with_total(),
        None => cost_in_usage(recorded, counted),
    };
    (usage.unwrap_or_default(), cost)
}

fn most_trusted(recorded: &Recorded, reading: &Reading, roles: &[Role]) -> Option<Trust> {
    let entries = recorded.fields.entries().iter().zip(&reading.uses);
    entries
        .filter(|(entry, used)| used.counts && roles.contains(&entry.head.role))
        .map(|(entry, _)| entry.head.trust)
        .max()
}

/// What another vocabulary says beside the one that is taken is metadata, unless it says the same.
fn yield_to(recorded: &Recorded, reading: &mut Reading, trust: Trust, roles: &[Role], asked: &mut Asked) {
    let entries = recorded.fields.entries();
    for (index, (entry, used)) in entries.iter().zip(&mut reading.uses).enumerate() {
        let counts_apart = match entry.head.role {
            Role::UsageDetails => entry.head.trust != trust,
            _ => !entry.head.trust.counts_with(trust),
        };
        if !used.counts || !roles.contains(&entry.head.role) || !counts_apart {
            continue;
        }
        let is_said = asked.ask(recorded, Question::IsCounted(index));
        (used.counts, used.metadata) = (is_said, !is_said);
    }
}

/// Whether an entry with the same role and name that is trusted more has the same value.
pub(super) fn is_counted(recorded: &Recorded, index: usize) -> bool {
    let entries = recorded.fields.entries();
    let is_said = |entry: &Entry| {
        entries.iter().any(|other| {
            other.head.role == entry.head.role
                && other.head.trust > entry.head.trust
                && recorded.names(other).1 == recorded.names(entry).1
                && recorded.fields.value(other) == recorded.fields.value(entry)
        })
    };
    entries.get(index).is_some_and(is_said)
}

fn usage(recorded: &Recorded, counted: &Counted, trust: Trust) -> Usage {
    let mut usage = Usage::default();
    let mut disjoint = None;
    for (entry, value) in counting(recorded, counted).filter(|(entry, _)| entry.head.trust.counts_with(trust))
    {
        match entry.head.role {
            Role::Usage => {
                if let Some(tokens) = value.as_count() {
                    usage.set(recorded.short_name(entry), tokens);
                }
            }
            Role::UsageDetails if entry.head.trust == trust => {
                disjoint = object(value).map(|object| details(&object)).or(disjoint);
            }
            _ => {}
        }
    }
    usage.fold(TOOL_USE, "input");
    disjoint.unwrap_or_else(|| usage.into_disjoint())
}

/// A usage object: in OpenAI's shape its details are part of the main counts, in any other shape the buckets are
/// taken for disjoint, as the server takes them.
fn details(object: &serde_json::Map<String, Json>) -> Usage {
    let mut usage = Usage::default();
    let reported = object.keys().any(|key| MAIN.iter().any(|(name, _)| name == key));
    for (key, value) in object {
        let bucket = MAIN
            .iter()
            .find(|(name, _)| name == key)
            .map_or(key.as_str(), |(_, bucket)| bucket);
        // A cost among the tokens is no tokens.
        if let Some(tokens) = count(value).filter(|_| !key.contains("cost")) {
            usage.set(bucket.to_owned().into(), tokens);
        }
    }
    for (outer, inner, bucket) in OPENAI_DETAILS {
        let tokens = object
            .get(*outer)
            .and_then(|details| details.get(inner))
            .and_then(count);
        if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
            usage.set((*bucket).into(), tokens);
        }
    }
    if reported {
        usage.into_disjoint()
    } else {
        usage.with_total()
    }
}

fn count(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn cost(recorded: &Recorded, counted: &Counted, trust: Trust) -> Cost {
    let mut cost = Cost::default();
    for (entry, value) in counting(recorded, counted).filter(|(entry, _)| entry.head.trust == trust) {
        match entry.head.role {
            Role::Cost => {
                let part = match recorded.names(entry).1 {
                    "input" => "input",
                    "output" => "output",
                    _ => "total",
                };
                if let Some(dollars) = value.as_number() {
                    cost.set(part.into(), dollars);
                }
            }
            Role::CostDetails => {
                for (part, dollars) in object(value).unwrap_or_default() {
                    let dollars = dollars.as_f64().or_else(|| dollars.as_str()?.trim().parse().ok());
                    if let Some(dollars) = dollars {
                        cost.set(part.into(), dollars);
                    }
                }
            }
            _ => {}
        }
    }
    cost
}

/// A cost among the tokens is cost, where nothing else says one.
fn cost_in_usage(recorded: &Recorded, counted: &Counted) -> Cost {
    let details = counting(recorded, counted)
        .filter(|(entry, _)| entry.head.role == Role::UsageDetails)
        .max_by_key(|(entry, _)| entry.head.trust);
    let Some(object) = details.and_then(|(_, value)| object(value)) else {
        return Cost::default();
    };
    let total = ["cost", "total_cost"]
        .iter()
        .find_map(|name| object.get(*name)?.as_f64());
    total.map(Cost::total).unwrap_or_default()
}

fn object(value: ValueRef<'_>) -> Option<serde_json::Map<String, Json>> {
    serde_json::from_str(value.as_str()?).ok()
}

fn counting<'a>(
    recorded: &'a Recorded,
    counted: &'a Counted,
) -> impl Iterator<Item = (&'a Entry, ValueRef<'a>)> {
    let entries = counted
        .entries
        .iter()
        .filter_map(|index| recorded.fields.entries().get(*index));
    entries.map(|entry| (entry, recorded.fields.value(entry)))
}
