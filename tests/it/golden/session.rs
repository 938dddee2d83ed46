//! Two turns of a conversation: two traces, one session.

use serde_json::json;
use tracing::instrument;
use tracing_llm::{Usage, current};

use super::{Golden, served, stored};

const SESSION: &str = "gd-session-conversation-1";

#[instrument(
    skip_all,
    fields(as_type = "agent", otel.name = format!("turn_{number}"), input = format!("message {number}")),
    ret
)]
fn turn(number: u64) -> String {
    served("turn", SESSION);
    reply(number)
}

#[instrument(skip_all, fields(model = "mistral-7b"), ret)]
fn reply(number: u64) -> String {
    current().usage(Usage::new(10 * number, number));
    format!("reply {number}")
}

#[test]
fn is_stored_as_the_official_sdk_stores_it() {
    let rows = stored(|| {
        for number in [1, 2] {
            let _ = turn(number);
        }
    });
    assert_ne!(rows[0].trace_id, rows[2].trace_id);
    let mut golden = Golden::read(include_str!("../../fixtures/golden/session.json"));
    for (_, facts) in &mut golden.observations {
        // The golden run had a new one each time, and its number is left out.
        let session = facts.insert("session", json!(SESSION));
        assert_eq!(session, Some(json!("gd-session-conversation-<run>")));
    }
    golden.assert_stored(&rows);
}
