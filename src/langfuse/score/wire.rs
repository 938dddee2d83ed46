//! A score as the server takes it.

use serde_json::{Map, Value, json};

use crate::langfuse::environment::normalise;
use crate::model::{Ready, ScoreValue, Subject};

/// What `/scores` takes, and stands in an event of `/ingestion`. What is not said is left out: a null is refused.
pub(super) fn body(ready: &Ready, environment: Option<&str>) -> Value {
    let score = &ready.score;
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("id", json!(ready.id));
    say("name", json!(score.name));
    match &score.value {
        // Its type is inferred: a number may stand for a yes under a config.
        ScoreValue::Numeric(number) => say("value", json!(number)),
        // `true` is refused.
        ScoreValue::Boolean(yes) => say("value", json!(u8::from(*yes))),
        ScoreValue::Categorical(text) | ScoreValue::Text(text) | ScoreValue::Correction(text) => {
            say("value", json!(text));
        }
    }
    if !matches!(score.value, ScoreValue::Numeric(_)) {
        say("dataType", json!(score.value.data_type()));
    }
    match &ready.subject {
        Subject::Trace(trace) => say("traceId", json!(trace.to_string())),
        Subject::Observation(trace, observation) => {
            say("traceId", json!(trace.to_string()));
            say("observationId", json!(observation.to_string()));
        }
        Subject::Session(id) => say("sessionId", json!(id)),
        Subject::DatasetRun(id) => say("datasetRunId", json!(id)),
    }
    let own = score.environment.as_deref().map(normalise);
    let texts = [
        ("comment", score.comment.as_deref()),
        ("configId", score.config_id.as_deref()),
        ("environment", own.as_deref().or(environment)),
        ("queueId", score.queue_id.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            say(name, json!(text));
        }
    }
    if !score.metadata.is_empty() {
        say("metadata", Value::Object(score.metadata.clone()));
    }
    Value::Object(body)
}

/// An event of `/ingestion`, whose time is the score's.
pub(super) fn event(ready: &Ready, environment: Option<&str>) -> Value {
    json!({
        "id": ready.event,
        "type": "score-create",
        "timestamp": humantime::format_rfc3339_millis(ready.time).to_string(),
        "body": body(ready, environment),
    })
}

/// What `/ingestion` takes.
pub(super) fn batch(events: Vec<Value>) -> Value {
    json!({ "batch": events })
}
