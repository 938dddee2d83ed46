//! Who answers: a model behind an OpenAI-compatible endpoint, or the sentences themselves.

use serde_json::{Value, json};

use crate::Error;
use crate::library::Passage;
use crate::openai::{Completion, Endpoint, Failure};
use crate::quote::quote;

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
    endpoint: Option<Endpoint>,
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
        let endpoint = Endpoint::from_env();
        let asked = endpoint.as_ref();
        Self {
            name: asked.map_or("extractive", |endpoint| &endpoint.model).to_owned(),
            temperature: asked.map(|_| 0.2),
            max_tokens: asked.map(|_| 300),
            endpoint,
        }
    }

    /// Answers the last message.
    pub(crate) async fn reply(&self, messages: &[Message]) -> Result<Reply, Error> {
        match &self.endpoint {
            Some(endpoint) => self.ask(endpoint, messages).await,
            None => Ok(Reply {
                text: extract(messages).unwrap_or_else(|| "The documents do not say.".to_owned()),
                tokens: None,
            }),
        }
    }

    async fn ask(&self, endpoint: &Endpoint, messages: &[Message]) -> Result<Reply, Error> {
        let message = |message: &Message| json!({"role": message.role, "content": message.content});
        let body = json!({
            "model": self.name,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "messages": messages.iter().map(message).collect::<Vec<Value>>(),
        });
        let answer = endpoint.post(&body).await?.text().await;
        let body = answer.map_err(Failure::broken)?;
        let Completion { text, usage, .. } = Completion::read(&body)?;
        let count = |side| usage.as_ref()?.get(side);
        Ok(Reply {
            tokens: count("input").zip(count("output")),
            text,
        })
    }
}

/// The sentences of the passages that answer best.
fn extract(messages: &[Message]) -> Option<String> {
    let passages = messages.first()?.content.strip_prefix(INSTRUCTION)?;
    quote(&messages.last()?.content, passages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passages_are_quoted_and_not_the_instruction() {
        let passage = |text: &str| Passage {
            document: "handbook.md".to_owned(),
            heading: "Archive".to_owned(),
            text: text.to_owned(),
            score: 1.0,
        };
        let passages = [
            passage("Invoices are kept for seven years."),
            passage("- Cups are not."),
        ];
        let extract = |question| extract(&messages(question, &passages));
        assert_eq!(
            extract("How long are invoices kept?").unwrap(),
            "Invoices are kept for seven years."
        );
        assert_eq!(extract("Three passages in the archive?"), None);
    }
}
