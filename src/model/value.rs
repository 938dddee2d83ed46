//! One recorded value, with the type it was recorded with.

/// A value as an observation holds it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum ValueRef<'a> {
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A signed integer of 128 bits.
    I128(i128),
    /// An unsigned integer of 128 bits.
    U128(u128),
    /// A float; it may be no number or infinite.
    F64(f64),
    /// Text as the program gave it.
    Text(&'a str),
    /// What `Debug` or `Display` wrote and nothing has read yet.
    Debug(&'a str),
    /// Text that is one JSON value.
    Json(&'a str),
    /// An error's `Display` text.
    Error(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// The text of a value that is text of any sort.
    pub(crate) fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Debug(text) | Self::Json(text) | Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Whether both are the same text, whatever it was found to be, or the same value.
    pub(crate) fn says(self, other: ValueRef<'_>) -> bool {
        match (self.as_str(), other.as_str()) {
            (Some(text), Some(other)) => text == other,
            _ => self == other,
        }
    }

    /// The bytes of a text or of bytes; 0 of anything else.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            _ => self.as_str().map_or(0, str::len),
        }
    }

    /// The value as a count: a non-negative integer, also as text of digits. Fractions are none.
    pub(crate) fn as_count(self) -> Option<u64> {
        match self {
            Self::I64(number) => u64::try_from(number).ok(),
            Self::U64(number) => Some(number),
            Self::I128(number) => u64::try_from(number).ok(),
            Self::U128(number) => u64::try_from(number).ok(),
            // Exact up to 2^53, which no count of tokens reaches.
            Self::F64(number) if number >= 0.0 && number.fract() == 0.0 && number < 9.0e15 => {
                Some(number as u64)
            }
            _ => self.as_str()?.trim().parse().ok(),
        }
    }

    /// The value as a finite number, also from text.
    pub(crate) fn as_number(self) -> Option<f64> {
        let number = match self {
            Self::I64(number) => number as f64,
            Self::U64(number) => number as f64,
            Self::I128(number) => number as f64,
            Self::U128(number) => number as f64,
            Self::F64(number) => number,
            _ => self.as_str()?.trim().parse().ok()?,
        };
        number.is_finite().then_some(number)
    }

    /// Writes the value as JSON. What JSON has no word for is text: no number, infinity, bytes (as base64).
    pub(crate) fn write_json(self, out: &mut Vec<u8>) {
        // Writing to a vector does not fail, and these values always serialise.
        let _ = match self {
            Self::Bool(value) => serde_json::to_writer(out, &value),
            Self::I64(value) => serde_json::to_writer(out, &value),
            Self::U64(value) => serde_json::to_writer(out, &value),
            Self::I128(value) => serde_json::to_writer(out, &value),
            Self::U128(value) => serde_json::to_writer(out, &value),
            Self::F64(value) if value.is_finite() => serde_json::to_writer(out, &value),
            Self::F64(value) => serde_json::to_writer(out, &value.to_string()),
            Self::Text(text) | Self::Debug(text) | Self::Error(text) => serde_json::to_writer(out, text),
            Self::Json(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Self::Bytes(_) => return self.to_value().as_ref().write_json(out),
        };
    }

    /// A copy that owns its text.
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::I64(value) => Value::I64(value),
            Self::U64(value) => Value::U64(value),
            Self::F64(value) => Value::F64(value),
            Self::I128(value) => Value::Text(value.to_string()),
            Self::U128(value) => Value::Text(value.to_string()),
            Self::Text(text) | Self::Debug(text) | Self::Error(text) => Value::Text(text.to_owned()),
            Self::Json(text) => Value::Json(text.to_owned()),
            Self::Bytes(bytes) => {
                use base64::Engine as _;
                Value::Text(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
        }
    }
}

/// Writes members as one JSON object. Each name is given once.
pub(crate) fn write_object<'a>(
    members: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>,
    out: &mut Vec<u8>,
) {
    write_members(members, write_name, out);
}

/// The same, of members whose names `name` writes, each with its colon.
pub(crate) fn write_members<'a, N>(
    members: impl IntoIterator<Item = (N, ValueRef<'a>)>,
    name: impl Fn(N, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (at, (named, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        name(named, out);
        value.write_json(out);
    }
    out.push(b'}');
}

/// Writes the name of a member of an object, with its colon. Nearly every name stands as it is.
pub(crate) fn write_name(name: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if name.bytes().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    } else {
        ValueRef::Text(name).write_json(out);
        out.push(b':');
    }
}

/// A value with a type of its own, made from numbers, booleans and text.
///
/// OTLP has no larger integers than `i64`: above, a number is sent as its decimal text.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A float.
    F64(f64),
    /// Text.
    Text(String),
    /// Text that is one JSON value.
    Json(String),
}

impl Value {
    /// The same value, borrowed.
    pub(crate) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::I64(value) => ValueRef::I64(*value),
            Self::U64(value) => ValueRef::U64(*value),
            Self::F64(value) => ValueRef::F64(*value),
            Self::Text(text) => ValueRef::Text(text),
            Self::Json(text) => ValueRef::Json(text),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident,)*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    bool => Bool,
    i32 => I64,
    i64 => I64,
    u32 => U64,
    u64 => U64,
    f64 => F64,
    &str => Text,
    String => Text,
}
