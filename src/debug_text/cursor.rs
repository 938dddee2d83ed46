//! Reads a Debug text token by token: the smallest pieces of the grammar, and where an item ends.

use super::literal;

/// A text and how far it is read. Methods that read return `None`, or false, where the text is not what they read.
pub(super) struct Cursor<'t> {
    /// The whole Debug text.
    text: &'t str,
    /// Bytes already read.
    at: usize,
}

impl<'t> Cursor<'t> {
    /// At the start of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place where this cursor was.
    pub(super) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    /// Reads `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Option<&'t str> {
        let taken = self.rest().get(..length)?;
        self.at += length;
        Some(taken)
    }

    /// Reads `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    /// Reads `token` if it comes next and `after` behind it.
    pub(super) fn eat_before(&mut self, token: &str, after: &str) -> bool {
        self.rest()
            .strip_prefix(token)
            .is_some_and(|rest| rest.starts_with(after))
            && self.eat(token)
    }

    /// Skips white space, and `close` if that comes then.
    pub(super) fn ends_with(&mut self, close: u8) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        let is_end = self.peek() == Some(close);
        self.at += usize::from(is_end);
        is_end
    }

    /// Reads the `.. }` of a structure that does not show all of itself.
    pub(super) fn ends_unfinished(&mut self) -> bool {
        let is_next = self
            .rest()
            .strip_prefix("..")
            .is_some_and(|rest| rest.trim_start().starts_with('}'));
        is_next && self.eat("..") && self.ends_with(b'}')
    }

    /// Reads the comma behind an item. (That an item ends here, `value` has seen.)
    pub(super) fn separator(&mut self) {
        self.eat(",");
    }

    /// Whether the colon between a key and its value comes next.
    pub(super) fn is_colon(&self) -> bool {
        matches!(self.rest().as_bytes(), [b':', space, ..] if space.is_ascii_whitespace())
    }

    /// Reads the colon between a key and its value, and the space behind it.
    pub(super) fn colon(&mut self) -> Option<()> {
        self.is_colon().then(|| self.at += 2)
    }

    /// Whether an item may end here. Debug puts a space or a new line behind each comma; `1,000` goes on.
    pub(super) fn is_item_end(&self, is_key: bool) -> bool {
        match self.rest().as_bytes() {
            [] => true,
            [b',', after, ..] => after.is_ascii_whitespace() || is_closing(*after),
            [b':', ..] => is_key && self.is_colon(),
            [byte, ..] if byte.is_ascii_whitespace() => self.rest().trim_start().starts_with([')', ']', '}']),
            [byte, ..] => is_closing(*byte),
        }
    }

    /// An identifier, or a path of them.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut end = 0;
        loop {
            let part = rest.get(end..)?;
            let word = part.strip_prefix("r#").unwrap_or(part);
            let after = word.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            if after.len() == word.len() || word.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            end = rest.len() - after.len();
            if !after.starts_with("::") {
                return self.take(end);
            }
            end += 2;
        }
    }

    /// A JSON number.
    pub(super) fn number(&mut self) -> Option<&'t str> {
        let number = self.take(number_end(self.rest().as_bytes())?)?;
        let is_plain = number.len() < 300 && !number.contains('e');
        (is_plain || number.parse::<f64>().is_ok_and(f64::is_finite)).then_some(number)
    }
}

/// Walks over literals and bracketed parts until `stop` says so of a byte outside of them, or a bracket is closed that
/// `text` did not open. Kinds of brackets are not compared (`[0, 5)` is an interval); `None` for a string without end.
pub(super) fn walk(text: &str, mut stop: impl FnMut(usize, u8) -> bool) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += literal::end(text.get(at..)?)?,
            b'\'' => at += text.get(at..).and_then(literal::end).unwrap_or(1),
            b'(' | b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            _ if is_closing(byte) => {
                let Some(outer) = depth.checked_sub(1) else {
                    return Some(at);
                };
                depth = outer;
                at += 1;
            }
            _ if depth == 0 && stop(at, byte) => return Some(at),
            _ => at += 1,
        }
    }
    Some(at)
}

/// Where the JSON number at the start of `text` ends.
fn number_end(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let start = usize::from(text.first() == Some(&b'-'));
    let mut end = match (digits(start), text.get(start)) {
        (0, _) => return None,
        (2.., Some(b'0')) => return None,
        (whole, _) => start + whole,
    };
    if text.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if text.get(end) == Some(&b'e') {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits(end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    Some(end)
}

/// Whether `byte` is a closing bracket.
fn is_closing(byte: u8) -> bool {
    matches!(byte, b')' | b']' | b'}')
}
