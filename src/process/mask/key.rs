//! Which names are credentials, and which name stands before a colon.

use super::NAMES;

/// As [`super::is_credential`], for bytes.
pub(super) fn is_credential(name: &[u8]) -> bool {
    if !ends_like_one(name) {
        return false;
    }
    NAMES
        .iter()
        .any(|known| match before_word(name, known.as_bytes()) {
            // `token` alone says nothing behind another word.
            Some(before) if *known == "token" => trim_separators(before).is_empty(),
            Some(_) => true,
            None => false,
        })
}

/// Nearly every name ends with two letters that no credential ends with.
fn ends_like_one(name: &[u8]) -> bool {
    let Some((last, before)) = trim_separators(name).split_last() else {
        return false;
    };
    let ends = |second: &u8| {
        ENDS.get(number(*last))
            .is_some_and(|ends| ends & 1 << number(*second) != 0)
    };
    trim_separators(before).last().is_some_and(ends)
}

/// Which letters the last letter of a credential's name stands behind: a bit each.
const ENDS: [u32; 32] = {
    let mut ends = [0; 32];
    let mut names: &[&str] = &NAMES;
    while let [name, rest @ ..] = names {
        if let [.., second, last] = name.as_bytes() {
            ends[number(*last)] |= 1 << number(*second);
        }
        names = rest;
    }
    ends
};

/// The same for a letter of either case; what else has that number is sorted out later.
const fn number(letter: u8) -> usize {
    (letter & 31) as usize
}

/// Whether the `:` or `=` at `at` stands behind a credential's name, quoted or not.
pub(super) fn is_before(bytes: &[u8], at: usize) -> bool {
    let Some((&separator, before)) = bytes.get(..=at).and_then(<[u8]>::split_last) else {
        return false;
    };
    let is_operator = match bytes.get(at + 1) {
        Some(b':') => separator == b':',
        Some(b'=' | b'>' | b'~') => separator == b'=',
        _ => false,
    };
    if is_operator {
        return false;
    }
    let text = without_quote(before.trim_ascii_end());
    if !ends_like_one(text) {
        return false;
    }
    let (rest, name) = text.split_at(text.len() - name_length(text));
    let is_known = match separator {
        b':' => is_credential(with_word_before(text, name.len())),
        _ => is_credential(name),
    };
    // The first letter may belong to an escape: `hello\ntoken: ..`.
    is_known || (rest.ends_with(b"\\") && name.split_first().is_some_and(|(_, name)| is_credential(name)))
}

/// The same where it is not known in which text of many, one behind the other, that stands, for what is before any of them
/// is no reason to say no: whatever [`is_before`] finds in a part of `bytes`, this finds in the whole.
pub(super) fn may_be_before(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let text = without_quote(before.trim_ascii_end());
    ends_like_one(text)
        && NAMES
            .iter()
            .any(|known| last_word(text, known.as_bytes()).is_some())
}

/// `text` without the quote that ends it, if one does. Some encoders write the quotes of JSON inside JSON as `\u0022`.
fn without_quote(text: &[u8]) -> &[u8] {
    let unquoted = text.strip_suffix(b"\"").or_else(|| text.strip_suffix(b"'"));
    let unquoted = unquoted.or_else(|| text.strip_suffix(b"u0022"));
    unquoted.map_or(text, trim_backslashes)
}

/// The name at the end of `text`, with the word before it: in prose, `next token:` is no `token:`, and `API key:` is one.
fn with_word_before(text: &[u8], length: usize) -> &[u8] {
    let before = text.get(..text.len() - length).unwrap_or_default();
    let word = match before.strip_suffix(b" ") {
        Some(words) => {
            1 + words
                .iter()
                .rev()
                .take(MAX_NAME)
                .take_while(|b| b.is_ascii_alphabetic())
                .count()
        }
        None => 0,
    };
    text.get(text.len() - length - word..).unwrap_or_default()
}

/// More of a name is not looked at: only its last words matter.
const MAX_NAME: usize = 64;

/// The length of the name that `text` ends with.
fn name_length(text: &[u8]) -> usize {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || is_separator(**byte);
    text.iter().rev().take(MAX_NAME).take_while(is_name).count()
}

/// What `name` holds before `word`, if it ends with that word, whatever the separators.
fn before_word<'n>(name: &'n [u8], word: &[u8]) -> Option<&'n [u8]> {
    let (rest, first, second) = last_word(name, word)?;
    starts_word(rest, first, second).then_some(rest)
}

/// The same, also in the midst of a word; with the first two letters of `word` as they stand there.
fn last_word<'n>(name: &'n [u8], word: &[u8]) -> Option<(&'n [u8], u8, u8)> {
    let mut rest = name;
    let (mut first, mut second) = (b' ', b' ');
    for expected in word.iter().rev() {
        let (last, before) = trim_separators(rest).split_last()?;
        if last.to_ascii_lowercase() != *expected {
            return None;
        }
        (first, second, rest) = (*last, first, before);
    }
    Some((rest, first, second))
}

/// Whether a new word begins with `first`: `_key`, `aKey`, `AIKey`, `3key`.
fn starts_word(before: &[u8], first: u8, second: u8) -> bool {
    match before.last() {
        Some(byte) if byte.is_ascii_lowercase() => first.is_ascii_uppercase(),
        Some(byte) if byte.is_ascii_uppercase() => first.is_ascii_uppercase() && second.is_ascii_lowercase(),
        _ => true,
    }
}

/// `name` without the separators at its end.
fn trim_separators(name: &[u8]) -> &[u8] {
    let count = name
        .iter()
        .rev()
        .take_while(|b| is_separator(**b) || **b == b' ')
        .count();
    name.get(..name.len() - count).unwrap_or_default()
}

/// `text` without the backslashes at its end.
fn trim_backslashes(text: &[u8]) -> &[u8] {
    let count = text.iter().rev().take_while(|b| **b == b'\\').count();
    text.get(..text.len() - count).unwrap_or_default()
}

/// Whether `byte` only separates the words of a name.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}
