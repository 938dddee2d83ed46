//! The keys of attributes.

use std::borrow::Cow;

/// The key of an attribute: one text, or a prefix and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) rest: &'a str,
    /// A number below [`MARKS`] that equal keys have in common, and hardly any others of a span.
    pub(crate) mark: u16,
}

/// So many marks there are.
pub(crate) const MARKS: usize = 1024;

impl Key<'_> {
    /// Its length in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.prefix.len() + self.rest.len()
    }

    /// Whether this is what is written there.
    pub(crate) fn is(self, written: &[u8]) -> bool {
        written.len() == self.len()
            && written.ends_with(self.rest.as_bytes())
            && written.starts_with(self.prefix.as_bytes())
    }
}

impl<'a> From<&'a str> for Key<'a> {
    #[inline]
    fn from(key: &'a str) -> Self {
        Self::from(("", key))
    }
}

impl<'a> From<(&'a str, &'a str)> for Key<'a> {
    #[inline]
    fn from((prefix, rest): (&'a str, &'a str)) -> Self {
        Self {
            prefix,
            rest,
            mark: mark(prefix, rest),
        }
    }
}

/// The name of an attribute that comes again and again: its mark is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    text: Cow<'static, str>,
    mark: u16,
}

impl Name {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self {
            mark: mark("", &text),
            text,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl<'a> From<&'a Name> for Key<'a> {
    #[inline]
    fn from(name: &'a Name) -> Self {
        Self {
            prefix: "",
            rest: &name.text,
            mark: name.mark,
        }
    }
}

#[inline]
fn mark(prefix: &str, rest: &str) -> u16 {
    // The last eight bytes, where keys differ, be they of the one part or of both.
    let end = rest.as_bytes().last_chunk().copied().unwrap_or_else(|| {
        let mut end = [0; 8];
        let bytes = rest.bytes().rev().chain(prefix.bytes().rev());
        end.iter_mut().rev().zip(bytes).for_each(|(to, byte)| *to = byte);
        end
    });
    let len = (prefix.len() + rest.len()) as u64;
    // Spread by an odd factor, with which the names of the vocabularies hardly meet; the upper bits are the best mixed.
    let mixed = (u64::from_le_bytes(end) ^ len).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> (u64::BITS - MARKS.ilog2())) as u16
}
