//! What `/ingestion` says of each score of a batch.

use serde_json::Value;

use crate::langfuse::client::first_issue;

/// What became of one score.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// It never will be, and why.
    Refused(String),
    /// It may be, later, and why.
    NotNow(String),
    /// This way takes no scores.
    NoWay(String),
}

/// The verdict on each of the events with these ids, which the server names in any order; `None` when the answer is not one to a
/// batch.
pub(super) fn read<'a>(answer: &Value, events: impl Iterator<Item = &'a str>) -> Option<Vec<Verdict>> {
    let (taken, refused) = (answer["successes"].as_array()?, answer["errors"].as_array()?);
    let of = |list: &'_ [Value], event: &str| list.iter().find(|entry| entry["id"] == event).cloned();
    let verdicts = events.map(|event| match (of(refused, event), of(taken, event)) {
        (Some(entry), _) => refusal(&entry),
        (None, Some(_)) => Verdict::Taken,
        // An event whose id is none is called `unknown`; ours are ids.
        (None, None) => Verdict::Refused("the server says nothing of it".to_owned()),
    });
    Some(verdicts.collect())
}

fn refusal(entry: &Value) -> Verdict {
    let message = entry["message"].as_str().unwrap_or("no reason given");
    let status = entry["status"].as_u64().unwrap_or_default();
    let why = match issue(entry) {
        Some(issue) => format!("{status}: {message}: {issue}"),
        None => format!("{status}: {message}"),
    };
    match status {
        400 if message == "Event type not accepted" => Verdict::NoWay(why),
        429 | 500.. => Verdict::NotNow(why),
        _ => Verdict::Refused(why),
    }
}

/// The first thing that its schema does not take, which stands in the answer as JSON in a text.
fn issue(entry: &Value) -> Option<String> {
    first_issue(&serde_json::from_str(entry["error"].as_str()?).ok()?)
}
