//! All ten types of observation, nested in each other.

use serde_json::json;
use tracing::{info, instrument};
use tracing_llm::{Kind, Usage, current};

use super::{Golden, served, stored};

const NESTED: [Kind; 9] = [
    Kind::Agent,
    Kind::Chain,
    Kind::Tool,
    Kind::Retriever,
    Kind::Embedding,
    Kind::Guardrail,
    Kind::Evaluator,
    Kind::Generation,
    Kind::Span,
];

#[instrument(skip_all, fields(as_type = kinds[0].as_str(), otel.name = format!("type_{}", kinds[0].as_str())))]
fn nest(kinds: &[Kind]) {
    let kind = kinds[0];
    let word = kind.as_str();
    if kind == Kind::Agent {
        served("types", "gd-session-types");
    }
    current().input(json!({"type": word}));
    if matches!(kind, Kind::Embedding | Kind::Generation) {
        current()
            .model("mistral-7b")
            .usage(Usage::default().bucket("input", 7));
    }
    match &kinds[1..] {
        [] => info!(as_type = "event", input = %json!({"at": "the bottom"}), "type_event"),
        inner => nest(inner),
    }
    current().output(json!({"done": word}));
}

#[test]
fn are_stored_as_the_official_sdk_stores_them() {
    let rows = stored(|| nest(&NESTED));
    Golden::read(include_str!("../../fixtures/golden/types.json")).assert_stored(&rows);
}
