//! Reads what `{:?}` wrote. `tracing` hands a layer most values as Debug text only, so a list, an `Option` or a struct
//! arrives as a sentence about itself; [`read`] turns that sentence back into text or JSON.
//!
//! It is strict, because the same way also brings Display text (`%x`), which may be prose: **what does not parse whole
//! stays as it is**. And it is pure and bounded: no I/O, [`MAX_DEPTH`] levels, time linear in the text for that depth.
//!
//! | text | becomes |
//! | --- | --- |
//! | `"a\tb"`, `'x'` | the text between the quotes |
//! | `None`, `()` | absent; `null` inside a value |
//! | `Some(x)` | x, at any depth |
//! | `Ok(x)` and `Err(x)`, in a `return` only | x; an error with message x |
//! | `[a, b]`, `{a, b}`, `(a, b)` | a JSON list |
//! | `{k: v}` | a JSON object; keys that are not strings are their text |
//! | `Name { a: 1 }` | `{"a":1,"_type":"Name"}`; no `_type` beside `role` and `content`, or when it is a field |
//! | `Name(a)`, `Name(a, b)` | `{"Name":a}`, `{"Name":[a,b]}` |
//! | `Name`, `1.5s`, `NaN`, `0..5` inside a value | text; what reads as a JSON number or boolean is one |
//! | `Object {"a": Number(1)}` (`serde_json::Value`) | the JSON it shows |
//! | JSON: `{"a":1}`, `[1,2]` | that JSON, byte for byte |
//!
//! # Limits
//!
//! - `{}` is an empty object, also where it was an empty set.
//! - Debug does not tell `Circle(1.0)` of an enum from `Circle(1.0)` of a struct, nor a list of unit variants from the
//!   Display text `[red, green]`: both become JSON.
//! - `name(x)` with a small first letter is taken for prose or code, not for a tuple struct.
//! - Words with spaces between them are a value only inside `Name { field: .. }`, where prose does not get by accident.
//! - Generic arguments with a comma (`PhantomData<(A, B)>`) and unbalanced quotes are beyond it: the whole stays text.
//! - What lies deeper than [`MAX_DEPTH`] is text inside the value that holds it.

mod cursor;
mod json;
mod literal;
mod parser;

/// How deep the JSON made or taken over may nest; serde_json's own readers stop at 127.
const MAX_DEPTH: usize = 64;

/// What [`read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// `None` or `()`: there is no value. Nothing was appended.
    Absent,
    /// Text was appended: what a string literal says, or what a wrapper held (`Some(5)` gives `5`).
    Text,
    /// One JSON list or object was appended.
    Json,
    /// The text is `Err(..)` of a `return`; its message was appended.
    Error,
    /// Nothing to read: the caller's text is the value. Nothing was appended.
    AsIs,
}

/// Reads one Debug text and appends what it says to `out`, as UTF-8.
///
/// `is_return` says that the text is a function's result: only then `Ok(..)` and `Err(..)` are opened. A bare number,
/// boolean or name is [`Reading::AsIs`]: whether digits are a number, only the caller knows.
pub(crate) fn read(text: &str, is_return: bool, out: &mut Vec<u8>) -> Reading {
    let mut inner = text;
    for _ in 0..MAX_DEPTH {
        if let Some(value) = wrapped(inner, "Some(") {
            inner = value;
        } else if !is_return {
            break;
        } else if let Some(message) = wrapped(inner, "Err(") {
            append_message(message, out);
            return Reading::Error;
        } else if let Some(value) = wrapped(inner, "Ok(") {
            inner = value;
        } else {
            break;
        }
    }
    match read_bare(inner, out) {
        Reading::AsIs
            if inner.len() < text.len() && (is_return_value(text, is_return) || parser::is_atom(inner)) =>
        {
            out.extend_from_slice(inner.as_bytes());
            Reading::Text
        }
        reading => reading,
    }
}

/// Reads a text that no `Some`, `Ok` or `Err` surrounds.
fn read_bare(text: &str, out: &mut Vec<u8>) -> Reading {
    if text == "None" || text == "()" {
        return Reading::Absent;
    }
    if text.starts_with(['"', '\'']) {
        return if literal::read_whole(text, out) {
            Reading::Text
        } else {
            Reading::AsIs
        };
    }
    let trimmed = text.trim();
    if json::is_container(trimmed, MAX_DEPTH) {
        out.extend_from_slice(trimmed.as_bytes());
        return Reading::Json;
    }
    if parser::structure(text, out) {
        Reading::Json
    } else {
        Reading::AsIs
    }
}

/// The message of an error: a string literal's text, else the text itself. (`Err(Os { code: 2, .. })` reads best as it is.)
fn append_message(text: &str, out: &mut Vec<u8>) {
    if !literal::read_whole(text, out) {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether the outermost wrapper is `Ok(..)` of a result: what it holds is then a value even when it does not parse.
fn is_return_value(text: &str, is_return: bool) -> bool {
    is_return && text.starts_with("Ok(")
}

/// What stands between `open` and the parenthesis that ends the text, if that one closes `open`. `Err(a) or (b)` is no
/// wrapper; `Err(it's 5" wide)`, whose quotes do not balance, is one.
fn wrapped<'t>(text: &'t str, open: &str) -> Option<&'t str> {
    let inner = text.strip_prefix(open)?.strip_suffix(')')?;
    if parser::closes_early(inner) {
        return None;
    }
    let is_pretty = inner.starts_with('\n');
    if !is_pretty {
        return Some(inner);
    }
    let inner = inner.trim();
    Some(inner.strip_suffix(',').unwrap_or(inner))
}

#[cfg(test)]
mod tests;
