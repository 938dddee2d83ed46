//! Whether a text is JSON. Nothing is built of it, and strings, which contents mostly are, are passed many bytes at a time:
//! every input and output is asked, and asking `serde_json` is dearer than to encode them.

use memchr::memchr2;
use smallvec::SmallVec;

/// Whether a text is one JSON object or list, whole, by the grammar of RFC 8259. Which numbers and which code points a
/// reader can represent is not asked, and it may be nested as deep as it likes.
pub(crate) fn is_container(text: &str) -> bool {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    matches!(scan.peek(), Some(b'{' | b'[')) && scan.whole().is_some()
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Scan<'_> {
    /// One value, and nothing behind it.
    fn whole(&mut self) -> Option<()> {
        // What closes each of those that are open.
        let mut open = SmallVec::<[u8; 64]>::new();
        loop {
            match self.token()? {
                b'{' if !self.closes(b'}') => {
                    open.push(b'}');
                    self.key()?;
                    continue;
                }
                b'[' if !self.closes(b']') => {
                    open.push(b']');
                    continue;
                }
                b'{' | b'[' => {}
                b'"' => self.string()?,
                b't' => self.rest_of(b"rue")?,
                b'f' => self.rest_of(b"alse")?,
                b'n' => self.rest_of(b"ull")?,
                first @ (b'-' | b'0'..=b'9') => self.number(first)?,
                _ => return None,
            }
            // The value has ended, and those around it may, too.
            loop {
                let Some(close) = open.last() else {
                    return self.peek().is_none().then_some(());
                };
                match self.token()? {
                    b',' if *close == b'}' => break self.key()?,
                    b',' => break,
                    byte if byte == *close => drop(open.pop()),
                    _ => return None,
                }
            }
        }
    }

    /// Passes the bracket that closes what is empty, if it comes next.
    fn closes(&mut self, bracket: u8) -> bool {
        let is_next = self.peek() == Some(bracket);
        self.at += usize::from(is_next);
        is_next
    }

    /// A name and its colon.
    fn key(&mut self) -> Option<()> {
        if self.token()? != b'"' {
            return None;
        }
        self.string()?;
        (self.token()? == b':').then_some(())
    }

    /// The rest of a string, behind its first quote.
    fn string(&mut self) -> Option<()> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let mark = memchr2(b'"', b'\\', rest)?;
            let (stretch, behind) = rest.split_at(mark);
            // Without an early end this is done many bytes at a time.
            if stretch.iter().fold(false, |found, byte| found | (*byte < b' ')) {
                return None;
            }
            self.at += mark + 1;
            if behind.first() == Some(&b'"') {
                return Some(());
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.bytes.get(self.at..self.at + 4)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.at += 4;
                }
                _ => return None,
            }
        }
    }

    /// The rest of a number, behind its first byte.
    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => drop(self.digits()),
            _ => return None,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn rest_of(&mut self, word: &[u8]) -> Option<()> {
        let is_there = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_there.then_some(())
    }

    /// The next byte that is no white space, passed.
    fn token(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// What `serde_json` says.
    fn reference(text: &str) -> bool {
        let begins = text.trim_start_matches([' ', '\t', '\n', '\r']);
        begins.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn what_is_whole_is_and_what_is_not_is_not() {
        for text in [
            "{}",
            " [ ] ",
            r#"{"a":[1,-0.5e+3,true,false,null,"\u00e9\n"],"b":{}}"#,
            "[[[[]]],{\"k\" : \"v\"}]\n",
            "[0]",
            "[1E5]",
        ] {
            assert!(is_container(text) && reference(text), "{text}");
        }
        for text in [
            "",
            "1",
            "\"text\"",
            "{",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "[01]",
            "[1.]",
            "[.5]",
            "[-]",
            "[1e]",
            "[+1]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[\"a\nb\"]",
            "[\"open]",
            "[tru]",
            "[nul",
            "[]]",
            "[}",
            "{} {}",
            "\u{a0}[]",
        ] {
            assert!(!is_container(text) && !reference(text), "{text}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(is_container(&deep));
    }

    proptest! {
        /// Texts of the pieces that JSON is made of, most of them wrong somewhere.
        #[test]
        fn it_says_what_serde_json_says(pieces in prop::collection::vec(
            prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\""), Just("\\"), Just(" "),
                Just("\"a\""), Just("\"a\":"), Just("1"), Just("-"), Just("0"), Just("."), Just("e"), Just("+"),
                Just("true"), Just("null"), Just("\\u0041"), Just("\\n"), Just("\n"), Just("\u{1}"), Just("é"),
            ], 0..12)) {
            let text: String = pieces.concat();
            for text in [text.clone(), format!("[{text}]"), format!("{{\"k\":{text}}}"), format!("[\"{text}\"]")] {
                prop_assert_eq!(is_container(&text), reference(&text), "{}", text);
            }
        }
    }
}
