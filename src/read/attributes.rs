//! What a value says about the trace of its observation.

use std::borrow::Cow;
use std::sync::Arc;

use crate::field::Role;
use crate::model::{TEXT_LIMIT, TraceAttributes, Value, ValueRef, cut};
use crate::read;

/// Sets one attribute from a recorded value.
pub(crate) fn set_attribute(attributes: &mut TraceAttributes, role: Role, short: &str, value: ValueRef<'_>) {
    let text = || word(value);
    match role {
        Role::User => attributes.user = text().or(attributes.user.take()),
        Role::Session => attributes.session = text().or(attributes.session.take()),
        Role::TraceName => attributes.name = text().or(attributes.name.take()),
        Role::Environment => attributes.environment = text().or(attributes.environment.take()),
        Role::Release => attributes.release = text().or(attributes.release.take()),
        Role::Version => attributes.version = text().or(attributes.version.take()),
        Role::Public => attributes.public = read::flag(value).or(attributes.public),
        Role::Tags => tags(value, |tag| attributes.tag(tag)),
        Role::TraceMetadata => {
            if let Some(value) = read::value(value) {
                attributes.set_metadata(short, value);
            }
        }
        Role::TraceMetadataObject => {
            let object = read::text(value).and_then(|text| serde_json::from_str(&text).ok());
            let Some(serde_json::Value::Object(object)) = object else {
                return;
            };
            for (key, value) in object {
                attributes.set_metadata(&key, of_json(value));
            }
        }
        _ => {}
    }
}

/// A value as one word: a newtype, which `Debug` shows with its name (`UserId("u-1")`), is what it holds. An empty word
/// is none.
fn word(value: ValueRef<'_>) -> Option<Arc<str>> {
    let text = read::text(value)?;
    let is_structure = matches!(value, ValueRef::Debug(_)) && text.starts_with('{');
    let held = is_structure
        .then(|| held(serde_json::from_str(&text).ok()?))
        .flatten();
    Some(held.as_deref().unwrap_or(&text))
        .filter(|text| !text.is_empty())
        .map(|text| Arc::from(cut(text, TEXT_LIMIT)))
}

/// What the innermost of nested newtypes holds.
fn held(mut value: serde_json::Value) -> Option<String> {
    loop {
        value = match value {
            serde_json::Value::Object(object) if object.len() == 1 => object.into_iter().next()?.1,
            serde_json::Value::String(text) => return Some(text),
            serde_json::Value::Number(number) => return Some(number.to_string()),
            _ => return None,
        }
    }
}

fn of_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Bool(value) => Value::Bool(value),
        other => match (other.as_i64(), other.as_u64(), other.as_f64()) {
            (Some(number), _, _) => Value::I64(number),
            (_, Some(number), _) => Value::U64(number),
            (_, _, Some(number)) => Value::F64(number),
            _ => Value::Json(other.to_string()),
        },
    }
}

/// Tags as a JSON or Debug list of texts, else split at commas and trimmed.
fn tags(value: ValueRef<'_>, mut tag: impl FnMut(&str)) {
    let Some(text) = read::text(value) else { return };
    let list: Option<Vec<Cow<'_, str>>> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).ok()
    } else {
        None
    };
    match list {
        Some(list) => list.iter().for_each(|one| tag(one.trim())),
        None => text.split(',').for_each(|one| tag(one.trim())),
    }
}
