//! The documents of this repository, in passages that can be searched.
#![allow(dead_code, reason = "each example uses a part of it")]

use std::fs;
use std::path::Path;

use crate::bm25::Index;

/// A piece of a document, as a search found it.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    /// The file.
    pub(crate) document: String,
    /// The headings above it, outermost first.
    pub(crate) heading: String,
    /// Its markdown.
    pub(crate) text: String,
    /// How well it fits the query; the trace shows it.
    pub(crate) score: f64,
}

/// Documents, cut into passages.
pub(crate) struct Library {
    passages: Vec<Passage>,
    index: Index,
}

impl Library {
    /// The markdown files at the root of this repository and in its `docs`.
    pub(crate) fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut documents = Vec::new();
        for folder in [root.to_owned(), root.join("docs")] {
            let files = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|file| file.path());
            for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                documents.extend(fs::read_to_string(&path).map(|text| (name, text)));
            }
        }
        documents.sort();
        Self::new(&documents)
    }

    /// These documents: name and markdown.
    pub(crate) fn new<T: AsRef<str>>(documents: &[(T, T)]) -> Self {
        let read = |(name, text): &(T, T)| passages(name.as_ref(), text.as_ref());
        let passages: Vec<Passage> = documents.iter().flat_map(read).collect();
        let index = Index::new(
            passages
                .iter()
                .map(|passage| format!("{} {}", passage.heading, passage.text)),
        );
        Self { passages, index }
    }

    /// The passages that fit the query best, best first.
    pub(crate) fn search(&self, query: &str, top_k: usize) -> Vec<Passage> {
        let found = self.index.rank(query, top_k);
        let scored = found.into_iter().filter_map(|(place, score)| {
            let passage = self.passages.get(place)?.clone();
            // Two digits are enough to compare by eye.
            let score = (score * 100.0).round() / 100.0;
            Some(Passage { score, ..passage })
        });
        scored.collect()
    }

    /// All passages, in the order of the documents.
    pub(crate) fn passages(&self) -> &[Passage] {
        &self.passages
    }
}

/// What a passage may grow to before the next item of its list begins another: a few sentences.
const BYTES: usize = 400;

/// Cuts markdown at its headings and blank lines, and long lists between their items. Blocks of code and comments are
/// no prose to quote from.
fn passages(document: &str, markdown: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut headings: Vec<&str> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for line in markdown.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fence || fenced || line.starts_with("<!--") {
            open = false;
            continue;
        }
        let long = passages.last().is_some_and(|passage| passage.text.len() > BYTES);
        open &= !(long && begins_item(line));
        if let Some((level, title)) = heading(line) {
            headings.resize(level, "");
            headings.extend([title]);
            open = false;
        } else if line.trim().is_empty() {
            open = false;
        } else if let Some(passage) = passages.last_mut().filter(|_| open) {
            passage.text.push('\n');
            passage.text.push_str(line);
        } else {
            let headings = headings.iter().filter(|title| !title.is_empty());
            passages.push(Passage {
                document: document.to_owned(),
                heading: headings.copied().collect::<Vec<_>>().join(" › "),
                text: line.to_owned(),
                score: 0.0,
            });
            open = true;
        }
    }
    passages
}

/// The level of a heading, from 0, and its title.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = (line.len() - title.len()).checked_sub(1)?;
    title.starts_with(' ').then(|| (level, title.trim()))
}

/// Whether an item of a list begins, at the left edge.
fn begins_item(line: &str) -> bool {
    let unnumbered = line.trim_start_matches(|char: char| char.is_ascii_digit());
    line.starts_with("- ") || unnumbered.len() < line.len() && unnumbered.starts_with(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDBOOK: &str = "\
# Handbook

Rules of the house.

## Archive

Invoices are kept for seven years.
They stand in the cellar.

```sh
# no heading

ls cellar
```

## Kitchen

| what | where |
| --- | --- |
| cups | left |

- Wash your cup.
";

    #[test]
    fn headings_and_blank_lines_cut_and_code_is_left_out() {
        let lines = |passage: &Passage| format!("{}: {}", passage.heading, passage.text.replace('\n', "|"));
        let read: Vec<String> = passages("handbook.md", HANDBOOK).iter().map(lines).collect();
        let expected = [
            "Handbook: Rules of the house.",
            "Handbook › Archive: Invoices are kept for seven years.|They stand in the cellar.",
            "Handbook › Kitchen: | what | where ||| --- | --- ||| cups | left |",
            "Handbook › Kitchen: - Wash your cup.",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn questions_find_their_passage() {
        let library = Library::new(&[
            ("handbook.md", HANDBOOK),
            (
                "queue.md",
                "# Queue\n\nWhat the full queue refuses is dropped and counted.\n\n# Retry\n\nA destination that is down is asked again later.",
            ),
        ]);
        for (question, document, heading) in [
            ("How long are invoices kept?", "handbook.md", "Handbook › Archive"),
            ("Where do I find a cup?", "handbook.md", "Handbook › Kitchen"),
            ("What is dropped when the queue is full?", "queue.md", "Queue"),
            ("What if a destination is down?", "queue.md", "Retry"),
        ] {
            let found = library.search(question, 3);
            assert_eq!(
                (found[0].document.as_str(), found[0].heading.as_str()),
                (document, heading),
                "{question}"
            );
        }
        assert!(library.search("zebra", 3).is_empty());
    }

    #[test]
    fn a_long_list_is_cut_between_its_items() {
        let item = "words ".repeat(50);
        let list = format!("1. {item}\n   - {item}\n2. {item}\n   {item}\n3. end");
        let begins: Vec<String> = passages("", &list)
            .iter()
            .map(|passage| passage.text[..3].to_owned())
            .collect();
        assert_eq!(begins, ["1. ", "2. ", "3. "]);
    }

    /// The question, the document that answers it, and a word of the passage that does.
    const ASKED: [(&str, &str, &str); 10] = [
        ("What is sent as [redacted]?", "README.md", "`api_key`"),
        ("Does RUST_LOG decide what is traced?", "README.md", "`RUST_LOG`"),
        ("What is retried when a destination fails?", "README.md", "429"),
        (
            "How many bytes are kept in memory before observations are dropped?",
            "README.md",
            "32 MiB",
        ),
        (
            "Which price tables does the crate ship?",
            "README.md",
            "OpenAI, Anthropic, Google and Mistral",
        ),
        ("How do I see a cancelled future?", "README.md", ".observe(span)"),
        ("Which Langfuse servers take OTLP?", "README.md", "v3.22"),
        (
            "Why do imports go down only between rooms and floors?",
            "ARCHITECTURE.md",
            "`tests/tidy.rs`",
        ),
        (
            "Why is the worker an owned OS thread with a Tokio runtime?",
            "ARCHITECTURE.md",
            "current-thread",
        ),
        (
            "What does the changelog say of the unreleased version 0.1.0?",
            "CHANGELOG.md",
            "First light",
        ),
    ];

    #[test]
    fn ten_questions_find_their_document_among_the_first_three() {
        let library = Library::of_this_repository();
        // A packaged crate has no documents but the front page.
        if !library
            .passages
            .iter()
            .any(|passage| passage.document == "ARCHITECTURE.md")
        {
            return;
        }
        for (question, document, word) in ASKED {
            let found = library.search(question, 3);
            let answers = |passage: &Passage| passage.document == document && passage.text.contains(word);
            assert!(found.iter().any(answers), "{question}: {found:#?}");
        }
    }
}
