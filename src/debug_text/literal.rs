//! String and character literals as Debug writes them, and JSON's way to write the same text.

/// Appends the text of `literal` if the whole of it is one string or character literal; else leaves `out` alone.
pub(super) fn read_whole(literal: &str, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let read = match end(literal) {
        Some(end) if end == literal.len() => unescape(literal, |text| out.extend_from_slice(text.as_bytes())),
        _ => None,
    };
    if read.is_none() {
        out.truncate(before);
    }
    read.is_some()
}

/// Where the literal at the start of `text` ends, closing quote included. Only quotes and backslashes are looked at:
/// whether the escapes are Rust's is [`unescape`]'s question.
pub(super) fn end(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => string_end(text),
        b'\'' => char_end(text),
        _ => None,
    }
}

/// Hands the text of a literal, quotes included, to `sink` piece by piece. `None` when it holds what Debug would have
/// escaped, or an escape that is not Rust's; `sink` may have seen pieces by then.
pub(super) fn unescape(literal: &str, mut sink: impl FnMut(&str)) -> Option<()> {
    let mut rest = literal.get(1..literal.len().checked_sub(1)?)?;
    loop {
        let plain = rest
            .bytes()
            .position(|b| b == b'\\' || b < b' ')
            .unwrap_or(rest.len());
        sink(rest.get(..plain)?);
        rest = rest.get(plain..)?;
        if rest.is_empty() {
            return Some(());
        }
        let (decoded, after) = escape(rest)?;
        sink(decoded.encode_utf8(&mut [0; 4]));
        rest = after;
    }
}

/// Appends `text` as the inside of a JSON string.
pub(super) fn append_json(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(plain) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | ..b' ')) {
        let (before, special) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((&byte, after)) = special.split_first() else {
            return;
        };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (byte >> 4));
                out.push(hex_digit(byte & 0xF));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// One lower-case hexadecimal digit.
fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' - 10 + value
    }
}

/// Reads the escape that `text` starts with, and gives the rest behind it.
fn escape(text: &str) -> Option<(char, &str)> {
    let body = text.strip_prefix('\\')?;
    if let Some(code) = body.strip_prefix("u{") {
        let digits = code.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let code_point = u32::from_str_radix(code.get(..digits)?, 16).ok()?;
        return Some((
            char::from_u32(code_point)?,
            code.get(digits..)?.strip_prefix('}')?,
        ));
    }
    let mut chars = body.chars();
    let decoded = match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        same @ ('"' | '\'' | '\\') => same,
        _ => return None,
    };
    Some((decoded, chars.as_str()))
}

/// The end of a string literal: the first quote that no backslash escapes.
fn string_end(text: &str) -> Option<usize> {
    let mut is_escaped = true; // the opening quote
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The end of a character literal: one character or one escape, so that an apostrophe is none.
fn char_end(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let after = if body.starts_with('\\') {
        escape(body)?.1
    } else {
        let mut chars = body.chars();
        if chars.next()? == '\'' {
            return None;
        }
        chars.as_str()
    };
    Some(text.len() - after.strip_prefix('\'')?.len())
}
