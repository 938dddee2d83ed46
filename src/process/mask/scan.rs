//! Finds and replaces the values behind credential names, in text that nobody promises to be well-formed. Of its
//! structure only one thing is kept count of: which string the scan is in.

use std::num::NonZeroUsize;

use memchr::memchr2_iter;

use super::quote::{self, Mark};
use super::{REDACTED, key};

/// As [`super::redact`].
pub(super) fn redact(text: &str, out: &mut Vec<u8>) -> Option<NonZeroUsize> {
    let bytes = text.as_bytes();
    // Nearly every text ends here; looked at byte by byte it would be half of what the worker does for a generation.
    if !memchr2_iter(b':', b'=', bytes).any(|at| key::is_before(bytes, at)) {
        return None;
    }
    let before = out.len();
    let mut scan = Scan {
        bytes,
        string: None,
        copied: 0,
        count: 0,
        out,
    };
    scan.all();
    let count = NonZeroUsize::new(scan.count);
    match count {
        Some(_) => scan.copy_to(bytes.len()),
        None => out.truncate(before),
    }
    count
}

/// As [`super::may_be_in`].
pub(super) fn may_be_in(texts: &str) -> bool {
    let bytes = texts.as_bytes();
    memchr2_iter(b':', b'=', bytes).any(|at| key::may_be_before(bytes, at))
}

/// The text, and what of it is written. Positions go up only.
struct Scan<'t, 'o> {
    /// The text.
    bytes: &'t [u8],
    /// The level of the string that the scan is in, if it is in one.
    string: Option<usize>,
    /// Up to here the text is in `out`, or replaced there.
    copied: usize,
    /// Replacements made.
    count: usize,
    /// Where the redacted text goes.
    out: &'o mut Vec<u8>,
}

impl Scan<'_, '_> {
    /// Goes through the whole text.
    fn all(&mut self) {
        let mut at = 0;
        while let Some(byte) = self.byte(at) {
            at = match byte {
                b'"' | b'\\' => self.pass_mark(at),
                b'\'' => self.pass_quote_char(at),
                b':' | b'=' if key::is_before(self.bytes, at) => {
                    self.string = quote::around_key(self.bytes, at, self.string);
                    self.value(at + 1, byte)
                }
                _ => at + 1,
            };
        }
    }

    /// Passes a quote, and enters or leaves its string.
    fn pass_mark(&mut self, at: usize) -> usize {
        let (mark, next) = self.mark(at);
        match mark {
            Mark::Close(level) => self.string = quote::outer(level),
            Mark::Open(level) => self.string = Some(level),
            Mark::Space(_) | Mark::Backslashes => {}
        }
        next
    }

    /// Passes `'"'`, which begins no string, or an apostrophe.
    fn pass_quote_char(&self, at: usize) -> usize {
        let (Mark::Open(_), next) = self.mark(at + 1) else {
            return at + 1;
        };
        if self.byte(next) == Some(b'\'') {
            next + 1
        } else {
            at + 1
        }
    }

    /// Replaces the value that begins at `at`, behind a credential's name; gives where it ends.
    fn value(&mut self, at: usize, separator: u8) -> usize {
        let mut start = self.after_space(at);
        while let Some(next) = self.after_tab(start) {
            start = self.after_space(next);
        }
        match self.byte(start) {
            Some(b'"' | b'\\') => match quote::mark_of_value(self.bytes, start, self.string) {
                (Mark::Open(level), inside) => return self.string(inside, level, false),
                (Mark::Close(_) | Mark::Space(_), _) => return start,
                (Mark::Backslashes, _) => {}
            },
            Some(b'(' | b'[' | b'{') => return self.structure(start),
            _ => {}
        }
        if let Some(open) = self.constructor(start) {
            return self.structure(open);
        }
        if separator == b'=' {
            return if start == at { self.bare(start, true) } else { at };
        }
        let is_same_line = self
            .bytes
            .get(at..start)
            .is_some_and(|space| !space.contains(&b'\n'));
        if is_same_line {
            self.plain(start).unwrap_or_else(|| self.bare(start, false))
        } else {
            at
        }
    }

    /// Replaces the text of a string that begins at `start`; a key's text may stay. Gives where the string ends.
    fn string(&mut self, start: usize, level: usize, may_be_key: bool) -> usize {
        let end = quote::string_end(self.bytes, start, level);
        let is_key = may_be_key && end.next > end.text && self.byte(self.after_space(end.next)) == Some(b':');
        if !is_key {
            self.replace(start, end.text);
        }
        end.next
    }

    /// Replaces each text in the brackets that open at `start`; gives where they close.
    fn structure(&mut self, start: usize) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(byte) = self.byte(at) {
            at = match byte {
                b'[' if self.is_redacted(at) && depth == 0 => return at + REDACTED.len(),
                b'[' if self.is_redacted(at) => at + REDACTED.len(),
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    at + 1
                }
                b')' | b']' | b'}' if depth <= 1 => return at + 1,
                b')' | b']' | b'}' => {
                    depth -= 1;
                    at + 1
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at + 1,
                b'"' | b'\\' => match quote::mark_of_value(self.bytes, at, self.string) {
                    (Mark::Close(_), _) => return at,
                    (Mark::Open(level), inside) => self.string(inside, level, true),
                    (Mark::Space(_), next) => next,
                    (Mark::Backslashes, _) => self.bare(at, false),
                },
                _ => self.word(at),
            };
        }
        at
    }

    /// Passes a field's name, a constructor or a number inside a structure; replaces other text.
    fn word(&mut self, at: usize) -> usize {
        let name = self.name_end(at);
        let is_field =
            self.byte(name) == Some(b':') && matches!(self.byte(name + 1), Some(b' ' | b'\n' | b'"' | b'\\'));
        if is_field && name > at {
            return name + 1;
        }
        self.constructor(at)
            .or_else(|| self.plain(at))
            .unwrap_or_else(|| self.bare(at, false))
    }

    /// Replaces text that no quotes delimit; gives its end, which is behind `start` unless there is none.
    fn bare(&mut self, start: usize, is_query: bool) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        if self.byte(at) == Some(b'\'') {
            at = self.single_quoted_end(at);
        }
        while let Some(byte) = self.byte(at) {
            at = match byte {
                b'\n' | b'\r' => break,
                b' ' | b'\t' | b'&' | b';' if is_query => break,
                b',' if depth == 0 && self.is_separator(at + 1) => break,
                b')' | b']' | b'}' if depth == 0 => break,
                b')' | b']' | b'}' => {
                    depth -= 1;
                    at + 1
                }
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    at + 1
                }
                b'"' | b'\\' => match self.mark(at) {
                    (Mark::Close(level), next) => {
                        at = next - 1 - level;
                        break;
                    }
                    (Mark::Space(length), next) if self.after_tab(next - length).is_none() => {
                        at = next - length;
                        break;
                    }
                    (Mark::Open(level), inside) => quote::string_end(self.bytes, inside, level).next,
                    (Mark::Backslashes | Mark::Space(_), next) => next,
                },
                _ => at + 1,
            };
        }
        let text = self.bytes.get(start..at).unwrap_or_default().trim_ascii_end();
        if !is_query || !is_plain(text) {
            self.replace(start, start + text.len());
        }
        at
    }

    /// The end of the number, boolean or nothing at `start`, if that is the whole value.
    fn plain(&self, start: usize) -> Option<usize> {
        let rest = self.bytes.get(start..)?;
        let is_end = |b: &u8| matches!(b, b',' | b']' | b'}' | b'"' | b'\\') || b.is_ascii_whitespace();
        let end = match rest.strip_prefix(b"()") {
            Some(_) => 2,
            None => rest
                .iter()
                .position(|b| is_end(b) || *b == b')')
                .unwrap_or(rest.len()),
        };
        let spaces = rest
            .get(end..)?
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let after = start + end + spaces;
        let is_whole = match self.byte(after) {
            None | Some(b',' | b')' | b']' | b'}' | b'\n' | b'\r') => true,
            Some(b'"' | b'\\') => matches!(self.mark(after).0, Mark::Close(_) | Mark::Space(_)),
            _ => false,
        };
        (is_whole && is_plain(rest.get(..end)?)).then_some(start + end)
    }

    /// The bracket behind a constructor's name: `Secret(`, `a::Key {`, `Array [`.
    fn constructor(&self, start: usize) -> Option<usize> {
        let end = self.name_end(start);
        let name = self.bytes.get(start..end)?;
        let last_part = name.rsplit(|b| *b == b':').next()?;
        let open = if self.byte(end) == Some(b' ') {
            end + 1
        } else {
            end
        };
        let is_open = match self.byte(open) {
            Some(b'(') => open == end,
            byte => matches!(byte, Some(b'[' | b'{')),
        };
        (is_open && last_part.first()?.is_ascii_uppercase()).then_some(open)
    }

    /// The end of the path at `start`: words with `::` between them.
    fn name_end(&self, start: usize) -> usize {
        let mut at = start;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            at += rest
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                .count();
            if self.byte(at) != Some(b':') || self.byte(at + 1) != Some(b':') {
                return at;
            }
            at += 2;
        }
    }

    /// The end of `'..'` on one line, or of the apostrophe.
    fn single_quoted_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at + 1..).unwrap_or_default();
        match rest.iter().position(|b| matches!(b, b'\'' | b'\n' | b'"')) {
            Some(end) if rest.get(end) == Some(&b'\'') => at + end + 2,
            _ => at + 1,
        }
    }

    /// Whether a comma before `at` separates; the one in `1,000` does not.
    fn is_separator(&self, at: usize) -> bool {
        self.byte(at)
            .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b')' | b']' | b'}'))
    }

    /// Where the white space at `at` ends.
    fn after_space(&self, at: usize) -> usize {
        at + self
            .bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count()
    }

    /// Where the escaped tab at `at` ends, if there is one.
    fn after_tab(&self, at: usize) -> Option<usize> {
        let (mark, next) = self.mark(at);
        (matches!(mark, Mark::Space(_)) && self.byte(next - 1) == Some(b't')).then_some(next)
    }

    /// The quote or the backslashes at `at`, and what is behind.
    fn mark(&self, at: usize) -> (Mark, usize) {
        quote::mark(self.bytes, at, self.string)
    }

    /// Whether what stands here is redacted already.
    fn is_redacted(&self, at: usize) -> bool {
        self.bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(REDACTED.as_bytes()))
    }

    /// The byte at `at`.
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Writes `[redacted]` for the text between, if there is one that is not redacted yet.
    fn replace(&mut self, start: usize, end: usize) {
        match self.bytes.get(start..end) {
            None | Some([]) => return,
            Some(text) if text == REDACTED.as_bytes() => return,
            Some(_) => {}
        }
        self.copy_to(start);
        self.out.extend_from_slice(REDACTED.as_bytes());
        self.copied = end;
        self.count += 1;
    }

    /// Writes the text that is not written yet, up to `end`.
    fn copy_to(&mut self, end: usize) {
        self.out
            .extend_from_slice(self.bytes.get(self.copied..end).unwrap_or_default());
        self.copied = end;
    }
}

/// Whether this is a number, a boolean or nothing, and so no text.
fn is_plain(text: &[u8]) -> bool {
    let is_word = matches!(text, b"true" | b"false" | b"null" | b"None" | b"()" | b"..");
    let is_number = text.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-')
        && std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok());
    is_word || is_number
}
