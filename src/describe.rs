//! What is said of an observation through a handle, as entries of its fields: one way for the spans of `tracing` and for
//! those made by hand.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use crate::field::Role;
use crate::model::{Cost, Fields, Head, Key, PromptUse, Usage, ValueRef};

/// The tokens of a call.
pub(crate) fn usage(fields: &mut Fields, usage: Usage) {
    for (bucket, tokens) in usage.into_buckets() {
        let key = match bucket {
            Cow::Borrowed(name) => Key::Known(name),
            Cow::Owned(name) => fields.name(&name),
        };
        fields.u64(Head::handle(key, Role::Usage), tokens);
    }
}

/// What a call cost: the total, and its parts where there are some.
pub(crate) fn cost(fields: &mut Fields, cost: Cost) {
    let cost = cost.with_total();
    if let Some(total) = cost.get("total") {
        fields.f64(Head::handle(Key::Known("cost"), Role::Cost), total);
    }
    if cost.parts().count() > 1 {
        let mut object = serde_json::Map::new();
        object.extend(
            cost.parts()
                .map(|(part, dollars)| (part.to_owned(), dollars.into())),
        );
        let text = serde_json::Value::Object(object).to_string();
        fields.json(Head::handle(Key::Known("cost_details"), Role::CostDetails), &text);
    }
}

/// The prompt version that a generation used, and what belongs to it.
pub(crate) fn prompt(fields: &mut Fields, prompt: &PromptUse) {
    if let Some(link) = &prompt.link {
        fields.str(
            Head::handle(Key::Known("prompt.name"), Role::PromptName),
            &link.name,
        );
        let head = Head::handle(Key::Known("prompt.version"), Role::PromptVersion);
        fields.u64(head, link.version.into());
    }
    for (name, value) in &prompt.config {
        match value.as_str() {
            Some(model) if name == "model" => {
                fields.str(Head::handle(Key::Known("model"), Role::Model), model);
            }
            _ => named(fields, name, Role::Parameter, &value.to_string()),
        }
    }
}

/// The user's `Serialize`, which runs before anything is locked. One that fails or panics says nothing.
pub(crate) fn json(value: &impl Serialize) -> Option<String> {
    calmly(|| serde_json::to_string(value))?.ok()
}

/// Writes what `serde_json` made of a value: text as text, numbers and booleans with their type, nothing for null.
pub(crate) fn serialized(fields: &mut Fields, head: Head, json: &str) {
    match json.as_bytes().first() {
        Some(b'"') => {
            if let Ok(text) = serde_json::from_str::<Cow<'_, str>>(json) {
                fields.str(head, &text);
            }
        }
        Some(b'{' | b'[') => fields.json(head, json),
        Some(b't' | b'f') => fields.bool(head, json == "true"),
        Some(b'n') | None => {}
        Some(_) => match (json.parse::<i64>(), json.parse::<u64>(), json.parse::<f64>()) {
            (Ok(number), ..) => fields.i64(head, number),
            (_, Ok(number), _) => fields.u64(head, number),
            (.., Ok(number)) if json.contains(['.', 'e']) => fields.f64(head, number),
            _ => fields.json(head, json),
        },
    }
}

/// The same under a name that only the program knows.
pub(crate) fn named(fields: &mut Fields, name: &str, role: Role, json: &str) {
    let key = fields.name(name);
    serialized(fields, Head::handle(key, role), json);
}

/// A value of a trace's metadata, which is no entry of an observation; nothing is done for null and for what cannot be
/// serialised.
pub(crate) fn trace_metadata<T>(value: &impl Serialize, set: impl FnOnce(ValueRef<'_>) -> T) -> Option<T> {
    let mut fields = Fields::default();
    let head = Head::handle(Key::Known(""), Role::TraceMetadata);
    serialized(&mut fields, head, &json(value)?);
    let entry = fields.entries().first()?;
    Some(set(fields.value(entry)))
}

/// Runs a user's formatting. If it panics, the value is left out and the host goes on: it asked for a span, not for
/// this.
pub(crate) fn calmly<T>(format: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(format)).ok()
}

/// Lends a buffer of this thread. Taken out, never borrowed: a user's `Debug` that logs finds an empty cell.
pub(crate) fn with_scratch(act: impl FnOnce(&mut Fields)) {
    thread_local! {
        static SCRATCH: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
    }
    /// A buffer that one huge value has blown up is not kept.
    const KEEP: usize = 64 * 1024;

    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    act(&mut scratch);
    scratch.clear();
    if scratch.capacity() <= KEEP {
        let _ = SCRATCH.try_with(|cell| cell.set(Some(scratch)));
    }
}
