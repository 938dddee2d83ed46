//! What a command writes to, and how it ends.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use serde_json::Value;

/// Stdout, perhaps in colour.
pub(crate) struct Page<'a> {
    out: &'a mut dyn Write,
    is_terminal: bool,
    color: bool,
}

/// An SGR parameter: what a text is shown in.
#[derive(Clone, Copy)]
pub(crate) struct Paint(&'static str);

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What is to be said of it.
    Said(String),
    /// It stands on the page already.
    Told,
    /// Nobody reads the page any more.
    Unread,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Paint {
    pub(crate) const BOLD: Self = Self("1");
    pub(crate) const RED: Self = Self("1;31");
    pub(crate) const GREEN: Self = Self("32");
    pub(crate) const YELLOW: Self = Self("33");
}

impl<'a> Page<'a> {
    /// In colour when it is a terminal, unless `NO_COLOR` says otherwise.
    pub(crate) fn stdout(out: &'a mut dyn Write) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stdout().is_terminal();
        Self {
            out,
            is_terminal,
            color: is_terminal && !set("NO_COLOR") && !dumb,
        }
    }

    /// Without colour, whatever the tests run on.
    #[cfg(test)]
    pub(crate) fn of(out: &'a mut dyn Write, is_terminal: bool) -> Self {
        Self {
            out,
            is_terminal,
            color: false,
        }
    }

    pub(crate) fn color(&self) -> bool {
        self.color
    }

    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Outcome {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// A text of somebody else, as it is for whoever reads it from a pipe; a terminal is given no orders.
    pub(crate) fn content(&mut self, text: &str) -> Outcome {
        if !self.is_terminal {
            return self.text(text);
        }
        for line in text.lines() {
            let parts: Vec<_> = line.split('\t').map(plain).collect();
            self.line(parts.join("\t"))?;
        }
        Ok(())
    }

    /// A text as it is, with an end of its last line.
    pub(crate) fn text(&mut self, text: &str) -> Outcome {
        self.out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// JSON, the same for a pipe and a terminal: what that would obey stands in texts only, where JSON has another way to write it.
    pub(crate) fn json(&mut self, json: &Value) -> Outcome {
        let mut text = format!("{json:#}");
        let is_raw = |char| is_obeyed(char) && char > '\u{7e}';
        if text.contains(is_raw) {
            let escaped = text.chars().map(|char| match is_raw(char) {
                true => format!("\\u{:04x}", u32::from(char)).into(),
                false => Cow::from(String::from(char)),
            });
            text = escaped.collect();
        }
        self.line(text)
    }

    /// What stands there is shown now: more may take a while.
    pub(crate) fn flush(&mut self) -> Outcome {
        Ok(self.out.flush()?)
    }

    pub(crate) fn paint<'t>(&self, paint: Paint, text: &'t str) -> Cow<'t, str> {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", paint.0).into()
        } else {
            text.into()
        }
    }
}

/// A text of somebody else on one line, with nothing in it that a terminal would obey.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_obeyed(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown.into()
}

/// What moves the cursor, or the text around it.
fn is_obeyed(char: char) -> bool {
    let reorders = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || reorders
}

impl Failure {
    /// Of a question that older servers do not know, which then answer as to any address that is not theirs.
    pub(crate) fn before_v4(error: tracing_llm::Error, what: &str) -> Self {
        match error.status() {
            Some(404) => Self::Said(format!("{error:?}; {what} Langfuse v4")),
            _ => error.into(),
        }
    }
}

/// With its causes, none of which holds a key.
impl From<tracing_llm::Error> for Failure {
    fn from(error: tracing_llm::Error) -> Self {
        Self::Said(format!("{error:?}"))
    }
}

/// Of the page: whatever else is written says which file it was.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Said(format!("cannot write: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_is_given_no_orders() {
        assert_eq!(plain("naïve 見"), "naïve 見");
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        let (mut out, name) = (Vec::new(), "見\u{1b}[2J\u{9b}2J\u{7f}\u{202e}");
        let mut page = Page::of(&mut out, true);
        page.content(&format!("{name}\tb\n")).unwrap();
        page.json(&json!({ "name": name })).unwrap();
        let shown = String::from_utf8(out).unwrap();
        let (content, json) = shown.split_once('\n').unwrap();
        assert_eq!(content, "見\\u{1b}[2J\\u{9b}2J\\u{7f}\\u{202e}\tb");
        assert_eq!(
            json,
            "{\n  \"name\": \"見\\u001b[2J\\u009b2J\\u007f\\u202e\"\n}\n"
        );
        assert_eq!(serde_json::from_str::<Value>(json).unwrap()["name"], name);
    }
}
