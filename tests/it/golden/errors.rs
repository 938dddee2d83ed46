//! A tool that fails, caught and uncaught, the four levels, a refused call, an event.

use std::fmt;

use serde_json::json;
use tracing::{info_span, instrument, warn};
use tracing_llm::{Level, SpanExt};

use super::{Golden, served, stored};

#[derive(Debug)]
struct NoTicket(String);

impl fmt::Display for NoTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no ticket {}", self.0)
    }
}

#[instrument(fields(as_type = "agent"), ret)]
fn agent_with_failing_tool(ticket: &str) -> String {
    served("errors", "gd-session-errors");
    match lookup_ticket(ticket) {
        Ok(found) => found,
        Err(_) => "I could not find that ticket.".into(),
    }
}

#[instrument(fields(as_type = "tool"), ret, err)]
fn lookup_ticket(ticket: &str) -> Result<String, NoTicket> {
    Err(NoTicket(ticket.into()))
}

#[instrument(fields(as_type = "agent"), ret, err)]
fn uncaught() -> Result<String, NoTicket> {
    served("errors", "gd-session-errors");
    lookup_ticket("T-2")
}

#[instrument]
fn levels() {
    served("errors", "gd-session-errors");
    for level in [Level::Debug, Level::Default, Level::Warning, Level::Error] {
        let word = level.as_str();
        let span = info_span!("level", otel.name = format!("level_{}", word.to_lowercase()));
        span.observation()
            .level(level)
            .status_message(format!("{word} by hand"));
    }
    let _ = model_refused("…");
    warn!(
        as_type = "event",
        key = "k1",
        langfuse.observation.status_message = "cold",
        "cache_miss"
    );
}

#[instrument(fields(model = "mistral-7b"), err)]
fn model_refused(prompt: &str) -> Result<String, &'static str> {
    Err("429 rate limited")
}

#[test]
fn are_stored_as_the_official_sdk_stores_them() {
    let rows = stored(|| {
        let _ = agent_with_failing_tool("T-1");
        let _ = uncaught();
        levels();
    });
    let mut golden = Golden::read(include_str!("../../fixtures/golden/errors.json"))
        .without_a_parent_that_exists_nowhere()
        .arguments("agent_with_failing_tool#1", &["ticket"])
        .arguments("lookup_ticket#1", &["ticket"])
        .arguments("uncaught#1", &[])
        .arguments("lookup_ticket#2", &["ticket"]);
    // What failed is said to have no tokens: left out, the server counts and prices those of a model that it knows.
    golden
        .of("model_refused#1")
        .insert("usage", json!({"input": 0, "output": 0, "total": 0}));
    // The text of a Python `KeyError` is its key's `repr`, with quotes; ours is what the error displays.
    for id in ["lookup_ticket#1", "uncaught#1", "lookup_ticket#2"] {
        let status = golden.of(id).get_mut("status").unwrap();
        *status = json!(status.as_str().unwrap().trim_matches('\''));
    }
    // A failed call says that it used nothing, so that the server does not count its prompt and price it.
    let none = json!({"input": 0, "output": 0, "total": 0});
    golden.of("model_refused#1").insert("usage", none);
    golden.assert_stored(&rows);
}
