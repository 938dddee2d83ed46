//! How much of a span a destination is told.

use crate::env::{FromEnv, Reader, Variables};

/// What is longer is cut, what comes later is left out and counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Limits {
    /// So many attributes of a span, or of an event.
    pub(crate) count: Option<usize>,
    /// So many characters of a text.
    pub(crate) length: Option<usize>,
}

/// That of spans before that of everything.
const COUNT: [&str; 2] = ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"];
const LENGTH: [&str; 2] = [
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
];

impl Limits {
    /// What OpenTelemetry's variables say.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| Self {
            count: reader.number(&COUNT, 0, "no limit"),
            length: reader.number(&LENGTH, 0, "no limit"),
        })
    }

    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, others: Self) -> Self {
        Self {
            count: self.count.or(others.count),
            length: self.length.or(others.length),
        }
    }

    /// As much of a text as is told.
    #[inline]
    pub(crate) fn cut(self, text: &str) -> &str {
        let end = self.length.and_then(|length| text.char_indices().nth(length));
        end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
    }

    /// The same for text that has been written, from here on.
    pub(crate) fn cut_behind(self, from: usize, out: &mut Vec<u8>) {
        if self.length.is_none() {
            return;
        }
        let written = out
            .get(from..)
            .and_then(|written| std::str::from_utf8(written).ok());
        if let Some(kept) = written.map(|text| self.cut(text).len()) {
            out.truncate(from + kept);
        }
    }
}
