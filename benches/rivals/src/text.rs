//! Made-up prose, different for every span, that compresses about as prose does.

/// What the generations of a run say, in turn. A window of gzip (32 KB) sees no text twice.
pub(crate) struct Texts {
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// How many generations differ.
const DIFFERENT: usize = 512;
const INPUT_BYTES: usize = 2_000;
const OUTPUT_BYTES: usize = 1_000;

impl Texts {
    /// They live as long as the process, so that tasks can have them.
    pub(crate) fn leaked() -> &'static Self {
        let mut prose = Prose::new();
        let inputs = (0..DIFFERENT).map(|_| {
            let (system, question) = (prose.text(INPUT_BYTES / 2), prose.text(INPUT_BYTES / 2));
            format!(r#"[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{question}"}}]"#)
        });
        let inputs = inputs.collect();
        let outputs = (0..DIFFERENT).map(|_| {
            let answer = prose.text(OUTPUT_BYTES);
            format!(r#"{{"role":"assistant","content":"{answer}"}}"#)
        });
        let outputs = outputs.collect();
        Box::leak(Box::new(Self { inputs, outputs }))
    }

    pub(crate) fn input(&self, turn: u64) -> &str {
        &self.inputs[turn as usize % DIFFERENT]
    }

    pub(crate) fn output(&self, turn: u64) -> &str {
        &self.outputs[turn as usize % DIFFERENT]
    }
}

/// One text of about so many bytes.
pub(crate) fn of_bytes(bytes: usize) -> String {
    Prose::new().text(bytes)
}

/// Sentences of invented words; few words are said often and many seldom, as in a language.
struct Prose {
    words: Vec<String>,
    state: u64,
}

impl Prose {
    fn new() -> Self {
        let mut prose = Self {
            words: Vec::new(),
            state: 0x9E37_79B9_7F4A_7C15,
        };
        prose.words = (0..2_000).map(|_| prose.word()).collect();
        prose
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 24] = [
            "ba", "con", "de", "er", "fi", "ga", "in", "ka", "lo", "ment", "na", "or", "pre", "qui", "ra",
            "sta", "ti", "un", "ver", "wi", "al", "ex", "tion", "ly",
        ];
        let length = 1 + self.below(3);
        (0..length)
            .map(|_| SYLLABLES[self.below(SYLLABLES.len())])
            .collect()
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            // The product of two dice is small more often than not.
            let common = self.below(self.words.len()) * self.below(self.words.len()) / self.words.len();
            text.push_str(&self.words[common]);
            text.push_str(if self.below(12) == 0 { ". " } else { " " });
        }
        text.truncate(bytes);
        text
    }

    /// xorshift: the same texts in every run.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) as usize % bound
    }
}
