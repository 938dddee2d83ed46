//! Who answers: a model behind an OpenAI-compatible endpoint, or the sentences themselves.

use std::env;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::bm25::Index;
use crate::library::Passage;

const INSTRUCTION: &str = "Answer in at most three sentences, and only from these passages.";

/// One message of a chat.
#[derive(Debug)]
pub(crate) struct Message {
    role: &'static str,
    content: String,
}

/// The chat that asks the question: the passages first.
pub(crate) fn messages(question: &str, passages: &[Passage]) -> Vec<Message> {
    let mut content = INSTRUCTION.to_owned();
    for passage in passages {
        content += &format!(
            "\n\n[{} › {}]\n{}",
            passage.document, passage.heading, passage.text
        );
    }
    let message = |role, content| Message { role, content };
    vec![message("system", content), message("user", question.to_owned())]
}

/// Who answers, and how it is asked to.
pub(crate) struct Model {
    /// As it is called in the trace.
    pub(crate) name: String,
    /// How freely it speaks.
    pub(crate) temperature: Option<f64>,
    /// How long it may speak.
    pub(crate) max_tokens: Option<u64>,
    /// Where it is asked; nowhere is the extractive answerer.
    base_url: Option<String>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) text: String,
    /// Tokens in and out, where somebody counted them.
    pub(crate) tokens: Option<(u64, u64)>,
}

impl Model {
    /// The model at `OPENAI_BASE_URL`, or the extractive answerer.
    pub(crate) fn from_env() -> Self {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let Some(base_url) = set("OPENAI_BASE_URL") else {
            return Self {
                name: "extractive".to_owned(),
                temperature: None,
                max_tokens: None,
                base_url: None,
            };
        };
        Self {
            name: set("OPENAI_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned()),
            temperature: Some(0.2),
            max_tokens: Some(300),
            base_url: Some(base_url),
        }
    }

    /// Answers the last message.
    pub(crate) async fn reply(&self, messages: &[Message]) -> Result<Reply, Error> {
        match &self.base_url {
            Some(base_url) => self.ask(base_url, messages).await,
            None => Ok(Reply {
                text: quote(messages).unwrap_or_else(|| "The documents do not say.".to_owned()),
                tokens: None,
            }),
        }
    }

    async fn ask(&self, base_url: &str, messages: &[Message]) -> Result<Reply, Error> {
        let message = |message: &Message| json!({"role": message.role, "content": message.content});
        let body = json!({
            "model": self.name,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "messages": messages.iter().map(message).collect::<Vec<_>>(),
        });
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()?;
        let mut request = client
            .post(format!("{}/chat/completions", base_url.trim_end_matches('/')))
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Ok(key) = env::var("OPENAI_API_KEY") {
            request = request.bearer_auth(key);
        }
        let response = request.send().await?.error_for_status()?;
        read(&response.text().await?)
    }
}

/// Reads a chat completion.
fn read(body: &str) -> Result<Reply, Error> {
    let body: Value = serde_json::from_str(body)?;
    let text = body.pointer("/choices/0/message/content").and_then(Value::as_str);
    let count = |name| body.pointer("/usage")?.get(name)?.as_u64();
    Ok(Reply {
        text: text
            .ok_or("the answer has no choices[0].message.content")?
            .trim()
            .to_owned(),
        tokens: count("prompt_tokens").zip(count("completion_tokens")),
    })
}

/// The sentence of the passages that shares most with the question, and a second that does nearly as well, in their
/// order.
fn quote(messages: &[Message]) -> Option<String> {
    let passages = messages.first()?.content.strip_prefix(INSTRUCTION)?;
    let sentences = sentences(passages);
    let mut best = Index::new(&sentences).rank(&messages.last()?.content, 2);
    let (_, highest) = *best.first()?;
    best.retain(|(_, score)| *score > 0.7 * highest);
    best.sort_by_key(|(place, _)| *place);
    let quoted: Vec<&str> = best
        .iter()
        .filter_map(|(place, _)| Some(sentences.get(*place)?.as_str()))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}

/// The sentences of a text in markdown. A list's item and a table's row begin one; code and headings are none.
fn sentences(markdown: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for line in markdown.lines().map(str::trim) {
        let fence = line.starts_with("```");
        fenced ^= fence;
        let ruler = line.chars().all(|char| "|-: ".contains(char));
        if ruler && line.starts_with('|') {
            // The row above was the table's head.
            blocks.pop();
        } else if fence || fenced || ruler || line.starts_with(['#', '[']) {
            open = false;
        } else if line.starts_with('|') {
            let cells = line.trim_matches('|').split(" | ").map(str::trim);
            blocks.push(cells.collect::<Vec<_>>().join(": "));
            open = false;
        } else if let Some(item) = item(line) {
            blocks.push(item.to_owned());
            open = true;
        } else if let Some(block) = blocks.last_mut().filter(|_| open) {
            block.push(' ');
            block.push_str(line);
        } else {
            blocks.push(line.to_owned());
            open = true;
        }
    }
    blocks.iter().flat_map(|block| split(block)).collect()
}

/// The text of a list's item.
fn item(line: &str) -> Option<&str> {
    let numbered = line.trim_start_matches(|char: char| char.is_ascii_digit());
    let rest = if numbered.len() < line.len() {
        numbered.strip_prefix(". ")
    } else {
        None
    };
    rest.or_else(|| line.strip_prefix("- "))
        .or_else(|| line.strip_prefix("* "))
}

/// Cuts after a full stop that something new follows.
fn split(block: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut from = 0;
    for (end, _) in block.match_indices([' ']) {
        let stopped = block[..end].ends_with(['.', '!', '?']);
        let begins = block[end..]
            .trim_start()
            .starts_with(|char: char| char.is_uppercase() || "`*\"".contains(char));
        if stopped && begins {
            sentences.push(block[from..end].trim().to_owned());
            from = end;
        }
    }
    sentences.push(block[from..].trim().to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(text: &str) -> Passage {
        Passage {
            document: "handbook.md".to_owned(),
            heading: "Archive".to_owned(),
            text: text.to_owned(),
            score: 1.0,
        }
    }

    #[test]
    fn the_best_sentences_are_quoted_in_their_order() {
        let passages = [
            passage(
                "The cellar is dry. Invoices are kept\nfor seven years, e.g. in boxes. Nobody counts them.",
            ),
            passage("```sh\nls invoices\n```\n- Years of invoices stand in row 7.\n- Cups do not."),
        ];
        let quoted = quote(&messages("Which row has the invoices of seven years?", &passages)).unwrap();
        assert_eq!(
            quoted,
            "Invoices are kept for seven years, e.g. in boxes. Years of invoices stand in row 7."
        );
        assert_eq!(quote(&messages("zebra", &passages)), None);
        assert_eq!(quote(&messages("invoices", &[])), None);
    }

    #[test]
    fn a_row_of_a_table_is_a_sentence() {
        let table = "| you write | it becomes |\n| --- | --- |\n| `ret` | the output |";
        assert_eq!(sentences(table), ["`ret`: the output"]);
    }

    #[test]
    fn a_completion_is_read_with_its_tokens_or_without() {
        let reply = read(r#"{"choices":[{"message":{"content":" Seven. "}}],"usage":{"prompt_tokens":120,"completion_tokens":8}}"#).unwrap();
        assert_eq!((reply.text.as_str(), reply.tokens), ("Seven.", Some((120, 8))));
        let reply = read(r#"{"choices":[{"message":{"content":"Seven."}}]}"#).unwrap();
        assert_eq!(reply.tokens, None);
        assert!(read(r#"{"choices":[]}"#).is_err());
        assert!(read("<html>").is_err());
    }
}
