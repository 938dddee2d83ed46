//! What others said, made fit for a line of ours.

/// At most 200 characters on one line; an empty text says nothing.
pub(crate) fn one_line(text: &str) -> String {
    const MOST_CHARS: usize = 200;
    let printable = |char: char| if char.is_control() { ' ' } else { char };
    let text: String = text.chars().map(printable).collect();
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MOST_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Texts that must not show up anywhere; not even here.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Shorter ones are no secrets, and would tear up words.
    const LEAST_BYTES: usize = 8;

    /// The words of a text are secret: `Bearer abc…` as well as the key alone.
    pub(crate) fn add(&mut self, text: &str) {
        let words = text
            .split_whitespace()
            .filter(|word| word.len() >= Self::LEAST_BYTES);
        self.0.extend(words.map(str::to_owned));
    }

    /// One line of what a server said, with a mark wherever a secret stood; `None` when that is nothing.
    pub(crate) fn excerpt(&self, said: &str) -> Option<String> {
        let mut said = said.to_owned();
        for secret in &self.0 {
            said = said.replace(secret, "[redacted]");
        }
        Some(one_line(&said)).filter(|line| !line.is_empty())
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
