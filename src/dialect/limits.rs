//! How much of a span a destination is told.

/// What is longer is cut, what comes later is left out and counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Limits {
    /// So many attributes of a span, or of an event.
    pub(crate) count: Option<usize>,
    /// So many characters of a text.
    pub(crate) length: Option<usize>,
}

impl Limits {
    /// As much of a text as is told.
    pub(crate) fn cut(self, text: &str) -> &str {
        let end = self.length.and_then(|length| text.char_indices().nth(length));
        end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
    }

    /// The same for text that has been written, from here on.
    pub(crate) fn cut_behind(self, from: usize, out: &mut Vec<u8>) {
        let written = out
            .get(from..)
            .and_then(|written| std::str::from_utf8(written).ok());
        if let Some(kept) = written.map(|text| self.cut(text).len()) {
            out.truncate(from + kept);
        }
    }
}
