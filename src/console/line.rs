//! One line of text for a terminal: bounded, and with nothing in it that a terminal would obey.

use crate::media_text::in_words;
use crate::model::ValueRef;

/// A short text on one line: at most `width` characters, then an ellipsis.
pub(crate) fn word(text: &str, width: usize) -> String {
    let mut line = Line::new(width);
    line.extend(text.chars());
    line.text
}

/// The first line of a value that is not blank, followed by an ellipsis when more follows; of media their type. JSON is one line; of a
/// chat that does not fit, the last message is shown: the first is the same in every call.
pub(super) fn first_line(value: ValueRef<'_>, width: usize) -> String {
    let mut line = Line::new(width);
    match value {
        ValueRef::Text(text) | ValueRef::Debug(text) | ValueRef::Error(text) => {
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            line.extend(in_words(lines.next().unwrap_or_default().trim()).chars());
            if lines.next().is_some() && !line.cut {
                line.text.push_str(" …");
            }
        }
        ValueRef::Json(text) => {
            let text = &*in_words(text);
            match last_message(text).filter(|_| compact(text).nth(width).is_some()) {
                Some(message) => line.extend("[…,".chars().chain(compact(message)).chain([']'])),
                None => line.extend(compact(text)),
            }
        }
        ValueRef::Bytes(bytes) => line.extend(format!("{} bytes", bytes.len()).chars()),
        number => {
            let mut json = Vec::new();
            number.write_json(&mut json);
            line.extend(String::from_utf8_lossy(&json).chars());
        }
    }
    line.text
}

/// JSON text without the blanks between its parts.
fn compact(json: &str) -> impl Iterator<Item = char> {
    let (mut quoted, mut escaped) = (false, false);
    json.chars().filter(move |char| {
        let keep = quoted || !char.is_ascii_whitespace();
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        keep
    })
}

/// The last message of a chat with several: an object with a role, in a list.
fn last_message(json: &str) -> Option<&str> {
    let list = json.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    let mut last = None;
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => last = list.get(at + 1..),
            _ => {}
        }
    }
    let message: serde_json::Value = serde_json::from_str(last?).ok()?;
    message.get("role")?;
    last
}

struct Line {
    text: String,
    left: usize,
    /// More followed than the line takes.
    cut: bool,
}

impl Line {
    fn new(width: usize) -> Self {
        Self {
            text: String::new(),
            left: width,
            cut: false,
        }
    }

    fn extend(&mut self, chars: impl Iterator<Item = char>) {
        for char in chars {
            let width = if obeyed(char) {
                char.escape_default().count()
            } else {
                1
            };
            let Some(left) = self.left.checked_sub(width) else {
                self.text.push('…');
                self.cut = true;
                return;
            };
            self.left = left;
            if obeyed(char) {
                self.text.extend(char.escape_default());
            } else {
                self.text.push(char);
            }
        }
    }
}

/// Whether a terminal acts on the character or reorders its neighbours: controls, line and paragraph separators,
/// directional marks.
fn obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_that_says_something() {
        let text = |text| first_line(ValueRef::Text(text), 12);
        assert_eq!(text("\n  \n  one\n\n"), "one");
        assert_eq!(text("one\r\ntwo"), "one …");
        assert_eq!(text("exactly a do"), "exactly a do");
        assert_eq!(text("exactly a doz"), "exactly a do…");
        assert_eq!(text("twelve and m\nore"), "twelve and m …");
        assert_eq!(text(""), "");
    }

    #[test]
    fn json_is_one_line_and_keeps_the_blanks_in_its_strings() {
        let pretty = "{\n  \"a b\": [1, true],\n\t\"q\\\" c\": null\n}";
        assert_eq!(
            first_line(ValueRef::Json(pretty), 80),
            r#"{"a b":[1,true],"q\" c":null}"#
        );
    }

    #[test]
    fn of_a_chat_that_does_not_fit_the_last_message_is_shown() {
        let chat = r#"[ {"role": "system", "content": "Be \"brief\", [please]."}, {"role": "user", "content": "a, b"} ]"#;
        let json = |text, width| first_line(ValueRef::Json(text), width);
        assert_eq!(json(chat, 50), r#"[…,{"role":"user","content":"a, b"}]"#);
        assert_eq!(json(chat, 20), r#"[…,{"role":"user","c…"#);
        assert_eq!(json(chat, 100), compact(chat).collect::<String>());
        let documents = r#"[{"text":"one"},{"text":"two"}]"#;
        assert_eq!(json(documents, 10), r#"[{"text":"…"#);
        let alone = r#"[{"role":"user","content":"a, b"}]"#;
        assert_eq!(json(alone, 10), r#"[{"role":"…"#);
        for odd in ["[", "]", "[,]", "[]]", r#"["\\"#, "{}", "[1,2]"] {
            json(odd, 0);
        }
    }

    #[test]
    fn of_media_the_type_is_shown() {
        let png = "@@@langfuseMedia:type=image/png|id=Fmuwmqjxy3J57vR601MKdr|source=base64_data_uri@@@";
        let text = format!("see {png}\nand");
        assert_eq!(first_line(ValueRef::Text(&text), 80), "see [image/png] …");
        let json = format!(r#"{{"question": "what is it?", "scan": "{png}"}}"#);
        assert_eq!(
            first_line(ValueRef::Json(&json), 80),
            r#"{"question":"what is it?","scan":"[image/png]"}"#
        );
    }

    #[test]
    fn numbers_and_bytes() {
        assert_eq!(first_line(ValueRef::F64(0.5), 80), "0.5");
        assert_eq!(first_line(ValueRef::U128(u128::MAX), 80), u128::MAX.to_string());
        assert_eq!(first_line(ValueRef::Bytes(&[1, 2, 3]), 80), "3 bytes");
    }

    #[test]
    fn a_terminal_is_given_no_orders() {
        let clear_screen = "\u{1b}[2J\u{9b}2J\u{7}\u{202e}evil";
        assert_eq!(word(clear_screen, 80), r"\u{1b}[2J\u{9b}2J\u{7}\u{202e}evil");
        assert_eq!(word("name\nnext", 80), r"name\nnext");
        assert_eq!(word("naïve 👩‍🚀 日本", 80), "naïve 👩‍🚀 日本");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_one_bounded_line(text in any::<String>(), width in 0_usize..40) {
            for line in [word(&text, width), first_line(ValueRef::Text(&text), width), first_line(ValueRef::Json(&text), width)] {
                prop_assert!(line.chars().count() <= width + 2);
                prop_assert!(!line.chars().any(obeyed));
            }
        }
    }
}
