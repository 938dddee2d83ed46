//! A Langfuse that takes traces and batches of scores, and what it would store for those.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "examples include this file for their tests and use a part of it; a test that cannot go on says so"
)]

use serde_json::{Value, json};

use super::receiver::{Answer, Receiver, Request};

/// The server.
pub(crate) fn langfuse() -> Receiver {
    Receiver::new(|request| match request.path.as_str() {
        "/api/public/ingestion" => taken(request),
        _ => Answer::json(200, "{}"),
    })
}

/// What it says to a batch of which it takes all, as it was recorded.
pub(crate) fn taken(request: &Request) -> Answer {
    let batch = body(request);
    let events = batch["batch"].as_array().unwrap().iter();
    let successes: Vec<_> = events
        .map(|event| json!({"id": event["id"], "status": 201}))
        .collect();
    Answer::json(207, &json!({"successes": successes, "errors": []}).to_string())
}

pub(crate) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The events of all batches that came, in their order.
pub(crate) fn events(server: &Receiver) -> Vec<Value> {
    let requests = server.requests().into_iter();
    let batches = requests.filter(|request| request.path == "/api/public/ingestion");
    let events = batches.flat_map(|batch| body(&batch)["batch"].as_array().unwrap().clone());
    events.collect()
}

/// The facts of each score, as `GET /v3/scores` shows them: a type that is not said is that of the value.
pub(crate) fn stored(server: &Receiver) -> Vec<Value> {
    let bodies = events(server).into_iter().map(|mut event| event["body"].take());
    let facts = bodies.map(|body| {
        let of = |value: &Value| {
            if value.is_number() {
                "NUMERIC"
            } else {
                "CATEGORICAL"
            }
        };
        let said = body.get("dataType").and_then(Value::as_str);
        let subject = match (&body["traceId"], &body["observationId"]) {
            (trace, Value::Null) => json!({"kind": "trace", "id": trace}),
            (trace, observation) => json!({"kind": "observation", "id": observation, "traceId": trace}),
        };
        let mut facts = json!({
            "name": body["name"],
            "value": body["value"],
            "dataType": said.unwrap_or(of(&body["value"])),
            "environment": body.get("environment").cloned().unwrap_or(json!("default")),
            "source": "API",
            "subject": subject,
        });
        if let Some(comment) = body.get("comment") {
            facts["comment"] = comment.clone();
        }
        facts
    });
    facts.collect()
}
