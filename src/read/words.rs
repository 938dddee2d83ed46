//! A value as a word, a message, a switch.

use std::borrow::Cow;

use crate::debug_text;
use crate::model::{Value, ValueRef};

/// A value as text: read as Debug where it is, nothing where it is absent.
pub(crate) fn text(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    Some(match value {
        ValueRef::Text(text) | ValueRef::Error(text) => Cow::Borrowed(text),
        ValueRef::Json(json) => match serde_json::from_str(json) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Borrowed(json),
        },
        ValueRef::Debug(text) => {
            let mut out = Vec::new();
            match debug_text::read(text, false, &mut out) {
                debug_text::Reading::Absent => return None,
                debug_text::Reading::AsIs => Cow::Borrowed(text),
                _ => Cow::Owned(String::from_utf8(out).unwrap_or_default()),
            }
        }
        ValueRef::Bytes(_) => return None,
        ValueRef::Bool(value) => Cow::Owned(value.to_string()),
        ValueRef::I64(value) => Cow::Owned(value.to_string()),
        ValueRef::U64(value) => Cow::Owned(value.to_string()),
        ValueRef::I128(value) => Cow::Owned(value.to_string()),
        ValueRef::U128(value) => Cow::Owned(value.to_string()),
        ValueRef::F64(value) => Cow::Owned(value.to_string()),
    })
}

/// A value that is read by people, a name or a message: text as it stands, without the quotes of `?text`.
pub(crate) fn message(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Debug(text) if !text.starts_with('"') => Some(Cow::Borrowed(text)),
        value => text(value),
    }
}

/// A value as a switch.
pub(crate) fn flag(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Bool(value) => Some(value),
        value => match text(value)?.trim() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    }
}

/// A value that owns its text, read as Debug where it is.
pub(crate) fn value(value: ValueRef<'_>) -> Option<Value> {
    match value {
        ValueRef::Debug(_) => text(value).map(|text| Value::Text(text.into_owned())),
        value => Some(value.to_value()),
    }
}
