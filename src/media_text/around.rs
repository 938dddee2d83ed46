//! What stands around a stretch of base64 says what it is.

use super::MARK;

/// What it is part of.
pub(super) enum Shape {
    /// A data URI, of which so many bytes stand before it.
    Uri { mime: String, head: usize },
    /// A value that has its type beside it.
    Block { mime: String },
}

/// No type with its parameters is longer.
const MOST_HEAD: usize = 160;
/// So far from the content a type is looked for.
const NEAR: usize = 256;

impl Shape {
    /// Read from what is directly before and after.
    pub(super) fn of(before: &[u8], after: &[u8]) -> Option<Self> {
        match before.strip_suffix(MARK.as_bytes()) {
            Some(before) => uri(before),
            None => block(before, after).map(|mime| Self::Block { mime }),
        }
    }
}

fn uri(before: &[u8]) -> Option<Shape> {
    const SCHEME: &str = "data:";
    let in_head = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-/;=:".contains(byte);
    let len = before.iter().rev().take(MOST_HEAD).take_while(in_head).count();
    let head = std::str::from_utf8(before.get(before.len() - len..)?).ok()?;
    let (other, kind) = head.rsplit_once(SCHEME)?;
    // `metadata:` is another word.
    if other.ends_with(|char: char| char.is_ascii_alphanumeric()) {
        return None;
    }
    let mime = kind.split(';').next().and_then(mime)?;
    Some(Shape::Uri {
        mime,
        head: SCHEME.len() + kind.len() + MARK.len(),
    })
}

/// The type of what is a whole value under one of the names that providers have for a content.
fn block(before: &[u8], after: &[u8]) -> Option<String> {
    if after.iter().find(|byte| **byte != b'\\') != Some(&b'"') {
        return None;
    }
    let near = before.get(before.len().saturating_sub(NEAR)..)?;
    let opened = trim_end(near.strip_suffix(b"\"")?, b"\\ ");
    let key = trim_end(opened.strip_suffix(b":")?, b" \"\\");
    let name = word_at_end(key);
    if !["data", "content", "bytes"].contains(&name) {
        return None;
    }
    let before = key.get(..key.len() - name.len())?;
    let before = before.rsplit(|byte| b"{[(".contains(byte)).next()?;
    let after = after.get(..after.len().min(NEAR))?;
    let after = after.split(|byte| b"}])".contains(byte)).next()?;
    [before, after].into_iter().find_map(|beside| {
        // Cut anywhere, it may begin or end within a character.
        let beside = String::from_utf8_lossy(beside);
        let value = |name| value_of(&beside, name);
        let named = ["media_type", "mime_type", "mimeType", "mediaType"]
            .into_iter()
            .find_map(value);
        let audio = || value("format").filter(|format| ["wav", "mp3"].contains(format));
        named
            .and_then(mime)
            .or_else(|| Some(format!("audio/{}", audio()?)))
    })
}

/// What stands behind a name: `"mime_type": "image/png"`.
fn value_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(name)?;
    let rest = rest.trim_start_matches(['"', '\\', ' ']).strip_prefix(':')?;
    let rest = rest.trim_start_matches(['"', '\\', ' ']);
    let end = rest.find(['"', '\\', ' ', ',']).unwrap_or(rest.len());
    rest.get(..end)
}

/// A type, if it looks like one.
fn mime(text: &str) -> Option<String> {
    let (major, minor) = text.split_once('/')?;
    let is_word = |word: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !word.is_empty() && word.len() <= MOST_HEAD && word.bytes().all(is_part)
    };
    (is_word(major) && is_word(minor)).then(|| text.to_owned())
}

/// The word that a text ends with.
fn word_at_end(text: &[u8]) -> &str {
    let len = text
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    text.get(text.len() - len..)
        .and_then(|word| std::str::from_utf8(word).ok())
        .unwrap_or_default()
}

/// A text without these at its end.
fn trim_end<'t>(text: &'t [u8], these: &[u8]) -> &'t [u8] {
    let last = text.iter().rposition(|byte| !these.contains(byte));
    text.get(..last.map_or(0, |last| last + 1)).unwrap_or_default()
}
