//! Which string a quote begins or ends, when strings stand in strings.
//!
//! A string inside a string has its quotes escaped, so the number of backslashes before a quote says what the quote can
//! be: 0 around the outermost string, 1 around a string in it, 3 in that, 7, 15. That number is a string's *level*. A
//! quote that ends a level ends all strings inside of it too, so text that is cut off or unbalanced in a string never
//! reaches out of that string.

/// What stands at a position, as far as strings are concerned.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// A quote that ends the string of this level, and with it the one the scan is in.
    Close(usize),
    /// A quote that begins a string of this level.
    Open(usize),
    /// An escaped line end or tab, of so many bytes.
    Space(usize),
    /// Backslashes with nothing special behind them.
    Backslashes,
}

/// Where a string's text ends, and where the scan goes on.
pub(super) struct StringEnd {
    /// The end of its text.
    pub(super) text: usize,
    /// Behind its closing quote; at the end of its text when it has none of its own.
    pub(super) next: usize,
}

/// Reads the quote or the backslashes at `at`, as seen from inside a string of that level; gives what is behind.
pub(super) fn mark(bytes: &[u8], at: usize, string: Option<usize>) -> (Mark, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    let backslashes = rest.iter().take_while(|b| **b == b'\\').count();
    let next = at + backslashes + 1;
    match (rest.get(backslashes), string) {
        (Some(b'"'), Some(level)) => match closed_level(backslashes, level) {
            Some(closed) => (Mark::Close(closed), next),
            None => (Mark::Open(backslashes), next),
        },
        (Some(b'"'), None) => (Mark::Open(backslashes), next),
        (Some(b'n' | b'r' | b't'), Some(level))
            if backslashes > level && is_multiple(backslashes - level - 1, level) =>
        {
            (Mark::Space(level + 2), next)
        }
        _ => (Mark::Backslashes, at + backslashes.max(1)),
    }
}

/// As [`mark`], where a value is expected: a quote that ends a string there, but has no end of a value behind it, begins
/// one. So a stray quote earlier in the text (`a 5" screen`) does not turn the strings of the rest inside out.
pub(super) fn mark_of_value(bytes: &[u8], at: usize, string: Option<usize>) -> (Mark, usize) {
    let (mark, next) = mark(bytes, at, string);
    match mark {
        Mark::Close(level) if !is_value_end(bytes, next, outer(level)) => (Mark::Open(level), next),
        _ => (mark, next),
    }
}

/// The level of the string around a key with its colon at `colon`: the key's own quote tells; without one it is `string`.
pub(super) fn around_key(bytes: &[u8], colon: usize, string: Option<usize>) -> Option<usize> {
    let key = bytes.get(..colon).unwrap_or_default().trim_ascii_end();
    match key.strip_suffix(b"\"") {
        Some(key) => outer(key.iter().rev().take_while(|b| **b == b'\\').count()),
        None => string,
    }
}

/// The level of the string around one of this level.
pub(super) fn outer(level: usize) -> Option<usize> {
    level.checked_sub(1).map(|level| level / 2)
}

/// Where a string of this level ends that begins at `start`.
pub(super) fn string_end(bytes: &[u8], start: usize, level: usize) -> StringEnd {
    let mut at = start;
    while let Some(byte) = bytes.get(at).copied() {
        if !matches!(byte, b'"' | b'\\') {
            at += 1;
            continue;
        }
        let (mark, next) = mark(bytes, at, Some(level));
        if let Mark::Close(closed) = mark {
            let text = next - 1 - closed;
            return StringEnd {
                text,
                next: if closed == level { next } else { text },
            };
        }
        at = next;
    }
    StringEnd { text: at, next: at }
}

/// Whether a value has ended at `at`, in a string of that level.
fn is_value_end(bytes: &[u8], at: usize, string: Option<usize>) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    match rest.get(spaces) {
        None | Some(b',' | b')' | b']' | b'}' | b':') => true,
        Some(b'"' | b'\\') => matches!(
            mark(bytes, at + spaces, string).0,
            Mark::Close(_) | Mark::Space(_)
        ),
        Some(_) => false,
    }
}

/// The level of the outermost string that a quote with so many backslashes ends, seen from inside one of level `inside`.
/// Backslashes of the text itself come before those of the quote, each of them doubled as often as the level is deep.
fn closed_level(backslashes: usize, inside: usize) -> Option<usize> {
    let mut level = 0;
    while level < inside {
        if backslashes >= level && is_multiple(backslashes - level, level) {
            return Some(level);
        }
        level = 2 * level + 1;
    }
    (backslashes >= inside && is_multiple(backslashes - inside, inside)).then_some(inside)
}

/// Whether so many backslashes can be text in a string of this level.
fn is_multiple(backslashes: usize, level: usize) -> bool {
    backslashes % (2 * (level + 1)) == 0
}
