//! A list of attributes, written in place.
//!
//! What every destination needs holds here: an attribute has a key and a value, no list is empty, and a key stands
//! once in its list. (One attribute without a value and Langfuse's server loses the whole request after its 200.)
//!
//! Source: open-telemetry/opentelemetry-proto v1, `common.proto`.

use std::fmt::Display;
use std::io::Write as _;

use smallvec::SmallVec;

use super::protobuf::{self, Number};
use crate::dialect::{self, Attributes as _, Key, Limits};
use crate::model::ValueRef;

/// A list of attributes that is being written.
pub(crate) struct Attributes<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The number of the list in its message.
    field: Number,
    keys: Keys,
    limits: Limits,
    /// How many were left out for the limit of their number.
    dropped: u32,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, field: Number) -> Self {
        Self::limited(out, field, Limits::default())
    }

    /// A list of which no more than this is written.
    pub(super) fn limited(out: &'a mut Vec<u8>, field: Number, limits: Limits) -> Self {
        Self {
            out,
            field,
            keys: Keys::default(),
            limits,
            dropped: 0,
        }
    }

    /// How many were left out for the limit of their number.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The limits that hold here.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    fn integer(&mut self, key: Key<'_>, number: impl TryInto<i64> + Display + Copy) {
        match number.try_into() {
            // Two's complement in 64 bits, as protobuf has its `int64`.
            Ok(number) => self.number(key, field::INT_VALUE, number as u64),
            // Writing to a vector does not fail.
            Err(_) => self.text_with(key, |out| drop(write!(out, "{number}"))),
        }
    }

    fn number(&mut self, key: Key<'_>, kind: Number, number: u64) {
        if self.begin(key, 1 + protobuf::varint_len(number)) {
            protobuf::number(self.out, kind, number);
        }
    }

    fn bytes(&mut self, key: Key<'_>, kind: Number, bytes: &[u8]) {
        let len = 1 + protobuf::varint_len(bytes.len() as u64) + bytes.len();
        if self.begin(key, len) {
            protobuf::bytes(self.out, kind, bytes);
        }
    }

    /// Writes all of an attribute up to its value, which is `len` bytes long and up to the caller; unless the key is
    /// empty or taken.
    fn begin(&mut self, key: Key<'_>, len: usize) -> bool {
        let key_len = 1 + protobuf::varint_len(key.len() as u64) + key.len();
        let value_len = 1 + protobuf::varint_len(len as u64) + len;
        let Some(fingerprint) = self.admit(key) else {
            return false;
        };
        protobuf::length(self.out, self.field, key_len + value_len);
        self.keys.write(key, fingerprint, self.out);
        protobuf::length(self.out, field::VALUE, len);
        true
    }

    fn admit(&mut self, key: Key<'_>) -> Option<u32> {
        let fingerprint = self.keys.admit(key, self.out)?;
        if self
            .limits
            .count
            .is_some_and(|count| self.keys.places.len() >= count)
        {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        Some(fingerprint)
    }

    /// Like [`begin`](Self::begin), with a value whose length is not known.
    fn nested(&mut self, key: Key<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(fingerprint) = self.admit(key) else {
            return;
        };
        let Self { out, field, keys, .. } = self;
        protobuf::nested(out, *field, |out| {
            keys.write(key, fingerprint, out);
            protobuf::nested(out, field::VALUE, write);
        });
    }
}

impl dialect::Attributes for Attributes<'_> {
    fn put<'k>(&mut self, key: impl Into<Key<'k>>, value: ValueRef<'_>) {
        let key = key.into();
        match value {
            ValueRef::Bool(value) => self.number(key, field::BOOL_VALUE, value.into()),
            ValueRef::I64(value) => self.integer(key, value),
            ValueRef::U64(value) => self.integer(key, value),
            ValueRef::I128(value) => self.integer(key, value),
            ValueRef::U128(value) => self.integer(key, value),
            ValueRef::F64(value) => {
                if self.begin(key, 1 + size_of::<f64>()) {
                    protobuf::fixed64(self.out, field::DOUBLE_VALUE, value.to_bits());
                }
            }
            ValueRef::Text(text) | ValueRef::Debug(text) | ValueRef::Json(text) | ValueRef::Error(text) => {
                self.text(key, text);
            }
            ValueRef::Bytes(bytes) => self.bytes(key, field::BYTES_VALUE, bytes),
        }
    }

    fn text<'k>(&mut self, key: impl Into<Key<'k>>, text: &str) {
        let text = self.limits.cut(text);
        self.bytes(key.into(), field::STRING_VALUE, text.as_bytes());
    }

    fn text_with<'k>(&mut self, key: impl Into<Key<'k>>, write: impl FnOnce(&mut Vec<u8>)) {
        let limits = self.limits;
        self.nested(key.into(), |out| {
            protobuf::nested(out, field::STRING_VALUE, |out| {
                let from = out.len();
                write(out);
                limits.cut_behind(from, out);
            });
        });
    }

    fn texts<'k, 't>(&mut self, key: impl Into<Key<'k>>, texts: impl IntoIterator<Item = &'t str>) {
        let limits = self.limits;
        let mut texts = texts.into_iter().map(|text| limits.cut(text)).peekable();
        if texts.peek().is_none() {
            return;
        }
        self.nested(key.into(), |out| {
            protobuf::nested(out, field::ARRAY_VALUE, |out| {
                for text in texts {
                    let len = 1 + protobuf::varint_len(text.len() as u64) + text.len();
                    protobuf::length(out, field::ARRAY_VALUES, len);
                    protobuf::bytes(out, field::STRING_VALUE, text.as_bytes());
                }
            });
        });
    }
}

impl Key<'_> {
    /// A number that equal keys share, and hardly any others: of the length and of bytes near the end, where keys
    /// differ.
    fn fingerprint(self) -> u32 {
        fn nth_back(text: &[u8], at: usize) -> Option<u8> {
            text.get(text.len().checked_sub(at + 1)?).copied()
        }
        let (prefix, rest) = (self.prefix.as_bytes(), self.rest.as_bytes());
        let from_end = |at: usize| {
            let byte = nth_back(rest, at).or_else(|| nth_back(prefix, at - rest.len().min(at)));
            byte.unwrap_or_default()
        };
        u32::from_le_bytes([self.len() as u8, from_end(0), from_end(2), from_end(5)])
    }
}

/// The keys of a list: the fingerprint of each, and where it stands in the body.
#[derive(Default)]
struct Keys {
    /// A bit for each fingerprint: a key whose bit is not here is new.
    bits: u64,
    places: SmallVec<[(u32, usize, usize); 32]>,
}

impl Keys {
    /// The fingerprint of a key that may be written, since it is not empty and not there.
    fn admit(&self, key: Key<'_>, out: &[u8]) -> Option<u32> {
        let fingerprint = key.fingerprint();
        let taken = || {
            // The body is looked at last: reading what was just written is slow.
            let alike = self.places.iter().filter(|(known, ..)| *known == fingerprint);
            let mut written = alike.filter_map(|(_, from, to)| out.get(*from..*to));
            written.any(|written| key.is(written))
        };
        let is_new = key.len() > 0 && (self.bits & bit(fingerprint) == 0 || !taken());
        is_new.then_some(fingerprint)
    }

    fn write(&mut self, key: Key<'_>, fingerprint: u32, out: &mut Vec<u8>) {
        protobuf::length(out, field::KEY, key.len());
        let from = out.len();
        if !key.prefix.is_empty() {
            out.extend_from_slice(key.prefix.as_bytes());
        }
        out.extend_from_slice(key.rest.as_bytes());
        self.bits |= bit(fingerprint);
        self.places.push((fingerprint, from, out.len()));
    }
}

fn bit(fingerprint: u32) -> u64 {
    // Spread by the golden ratio; the upper six bits are the best mixed.
    1 << (fingerprint.wrapping_mul(0x9e37_79b1) >> 26)
}

/// Field numbers, message by message.
mod field {
    use super::Number;

    pub(super) const KEY: Number = 1;
    pub(super) const VALUE: Number = 2;

    pub(super) const STRING_VALUE: Number = 1;
    pub(super) const BOOL_VALUE: Number = 2;
    pub(super) const INT_VALUE: Number = 3;
    pub(super) const DOUBLE_VALUE: Number = 4;
    pub(super) const ARRAY_VALUE: Number = 5;
    pub(super) const BYTES_VALUE: Number = 7;

    pub(super) const ARRAY_VALUES: Number = 1;
}
