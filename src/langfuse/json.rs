//! Objects that travel as text: Langfuse's server takes structure as JSON in a string, never as OTLP's own maps.

use crate::model::Value;

/// The members of a JSON object; `None` when it is something else.
pub(super) fn members(json: &str) -> Option<Vec<(String, Value)>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    Some(
        object
            .into_iter()
            .map(|(name, value)| (name, own(value)))
            .collect(),
    )
}

fn own(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::I64)
            .or_else(|| number.as_u64().map(Value::U64))
            .unwrap_or_else(|| Value::Json(number.to_string())),
        other => Value::Json(other.to_string()),
    }
}
