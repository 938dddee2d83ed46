//! A list of attributes, written in place.
//!
//! What every destination needs holds here: an attribute has a key and a value, no list is empty, and a key stands
//! once in its list. (One attribute without a value and Langfuse's server loses the whole request after its 200.)
//!
//! Source: open-telemetry/opentelemetry-proto v1, `common.proto`.

use std::fmt::Display;
use std::io::Write as _;

use super::protobuf::{self, Number, Words};
use crate::dialect::{self, Key, Limits, MARKS};
use crate::model::ValueRef;

/// A list of attributes that is being written.
pub(crate) struct Attributes<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The number of the list in its message.
    field: Number,
    /// Where in the body the list begins.
    from: usize,
    count: usize,
    /// A bit for each key, by its mark: a key whose bit is not here is new. Few keys of a span share one, and each that does
    /// costs a walk through what is written.
    seen: [u64; SEEN],
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
            field,
            from: out.len(),
            out,
            count: 0,
            seen: [0; SEEN],
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

    fn value(&mut self, key: Key<'_>, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(value) => self.number(key, field::BOOL_VALUE, value.into()),
            ValueRef::I64(value) => self.integer(key, value),
            ValueRef::U64(value) => self.integer(key, value),
            ValueRef::I128(value) => self.integer(key, value),
            ValueRef::U128(value) => self.integer(key, value),
            ValueRef::F64(value) => {
                const LEN: usize = 1 + size_of::<f64>();
                if self.begin(key, LEN) {
                    protobuf::length(self.out, field::VALUE, LEN);
                    protobuf::fixed64(self.out, field::DOUBLE_VALUE, value.to_bits());
                }
            }
            ValueRef::Text(text) | ValueRef::Debug(text) | ValueRef::Json(text) | ValueRef::Error(text) => {
                self.string(key, text);
            }
            ValueRef::Bytes(bytes) => self.bytes(key, field::BYTES_VALUE, bytes),
        }
    }

    fn string(&mut self, key: Key<'_>, text: &str) {
        let text = self.limits.cut(text);
        self.bytes(key, field::STRING_VALUE, text.as_bytes());
    }

    fn written(&mut self, key: Key<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let limits = self.limits;
        self.nested(key, |out| {
            protobuf::nested(out, field::STRING_VALUE, |out| {
                let from = out.len();
                write(out);
                limits.cut_behind(from, out);
            });
        });
    }

    fn integer(&mut self, key: Key<'_>, number: impl TryInto<i64> + Display + Copy) {
        match number.try_into() {
            // Two's complement in 64 bits, as protobuf has its `int64`.
            Ok(number) => self.number(key, field::INT_VALUE, number as u64),
            // Writing to a vector does not fail.
            Err(_) => self.written(key, |out| drop(write!(out, "{number}"))),
        }
    }

    fn number(&mut self, key: Key<'_>, kind: Number, number: u64) {
        let len = 1 + protobuf::varint_len(number);
        if !self.begin(key, len) {
            return;
        }
        let mut words = Words::default();
        if words.length(field::VALUE, len) && words.number(kind, number) {
            return words.write(self.out);
        }
        protobuf::length(self.out, field::VALUE, len);
        protobuf::number(self.out, kind, number);
    }

    fn bytes(&mut self, key: Key<'_>, kind: Number, bytes: &[u8]) {
        let len = bytes.len();
        if key.len() + len < SHORT {
            if self.begin(key, 2 + len) {
                self.out
                    .extend_from_slice(&[field::VALUE << 3 | 2, 2 + len as u8, kind << 3 | 2, len as u8]);
                self.out.extend_from_slice(bytes);
            }
            return;
        }
        let value_len = 1 + protobuf::varint_len(len as u64) + len;
        if !self.begin(key, value_len) {
            return;
        }
        let mut words = Words::default();
        if words.length(field::VALUE, value_len) && words.length(kind, len) {
            words.write(self.out);
            return self.out.extend_from_slice(bytes);
        }
        protobuf::length(self.out, field::VALUE, value_len);
        protobuf::bytes(self.out, kind, bytes);
    }

    /// Writes all of an attribute up to its value, which is `len` bytes long and up to the caller; unless the key is
    /// empty or taken.
    #[inline]
    fn begin(&mut self, key: Key<'_>, len: usize) -> bool {
        if !self.admits(key) {
            return false;
        }
        let key_len = key.len();
        if key_len + len < SHORT {
            let whole_len = 4 + key_len + len;
            let tags = [
                self.field << 3 | 2,
                whole_len as u8,
                field::KEY << 3 | 2,
                key_len as u8,
            ];
            self.out.extend_from_slice(&tags);
        } else {
            self.long(key_len, len);
        }
        write_key(self.out, key);
        true
    }

    /// The tags and lengths before the key of an attribute of any length.
    fn long(&mut self, key_len: usize, len: usize) {
        let whole_len = 1 + protobuf::varint_len(key_len as u64) + key_len;
        let whole_len = whole_len + 1 + protobuf::varint_len(len as u64) + len;
        let mut words = Words::default();
        if words.length(self.field, whole_len) && words.length(field::KEY, key_len) {
            return words.write(self.out);
        }
        protobuf::length(self.out, self.field, whole_len);
        protobuf::length(self.out, field::KEY, key_len);
    }

    /// Like [`begin`](Self::begin), with a value whose length is not known.
    fn nested(&mut self, key: Key<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.admits(key) {
            return;
        }
        protobuf::nested(self.out, self.field, |out| {
            protobuf::length(out, field::KEY, key.len());
            write_key(out, key);
            protobuf::nested(out, field::VALUE, write);
        });
    }

    /// Whether an attribute of this key may be written. It is then taken for written.
    #[inline]
    fn admits(&mut self, key: Key<'_>) -> bool {
        let (word, bit) = (usize::from(key.mark / 64), 1 << (key.mark % 64));
        let is_new = self.seen.get(word).is_some_and(|seen| seen & bit == 0);
        if key.len() == 0 || !is_new && self.has(key) {
            return false;
        }
        if self.limits.count.is_some_and(|count| self.count >= count) {
            self.dropped = self.dropped.saturating_add(1);
            return false;
        }
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
        self.count += 1;
        true
    }

    /// Whether the list has this key: looks through what is written, which is slow, and seldom asked.
    #[cold]
    fn has(&self, key: Key<'_>) -> bool {
        let mut rest = self.out.get(self.from..).unwrap_or_default();
        while let Some((number, attribute, behind)) = protobuf::split_first(rest) {
            let written = protobuf::split_first(attribute).filter(|_| number == self.field);
            if written.is_some_and(|(_, written, _)| key.is(written)) {
                return true;
            }
            rest = behind;
        }
        false
    }
}

impl dialect::Attributes for Attributes<'_> {
    #[inline]
    fn put<'k>(&mut self, key: impl Into<Key<'k>>, value: ValueRef<'_>) {
        self.value(key.into(), value);
    }

    #[inline]
    fn text<'k>(&mut self, key: impl Into<Key<'k>>, text: &str) {
        self.string(key.into(), text);
    }

    #[inline]
    fn text_with<'k>(&mut self, key: impl Into<Key<'k>>, write: impl FnOnce(&mut Vec<u8>)) {
        self.written(key.into(), write);
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

#[inline]
fn write_key(out: &mut Vec<u8>, key: Key<'_>) {
    if !key.prefix.is_empty() {
        out.extend_from_slice(key.prefix.as_bytes());
    }
    out.extend_from_slice(key.rest.as_bytes());
}

/// An attribute whose key and value are shorter together has no length of two bytes.
const SHORT: usize = 0x80 - 8;

/// So many words of 64 bits.
const SEEN: usize = MARKS / 64;

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
