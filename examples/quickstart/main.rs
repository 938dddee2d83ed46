//! Answers questions from this repository's own documents, and shows on the terminal how it did.
//!
//! ```sh
//! cargo run --example quickstart
//! cargo run --example quickstart -- "When is a span a generation?"
//! ```
//!
//! With `OTEL_EXPORTER_OTLP_ENDPOINT`, or with `LANGFUSE_PUBLIC_KEY` and `LANGFUSE_SECRET_KEY`, the same spans go
//! there as well, under the same ids. With `OPENAI_BASE_URL`, a model at any OpenAI-compatible endpoint answers
//! (`OPENAI_MODEL`, `OPENAI_API_KEY`); without it, `extractive` does, which is no model: it quotes the sentences that
//! match best, and so has no tokens to count.
#![expect(clippy::print_stdout, reason = "the answers are for the terminal")]

#[path = "../shared/bm25.rs"]
mod bm25;
#[path = "../shared/library.rs"]
mod library;
mod model;
#[path = "../shared/openai.rs"]
mod openai;
#[path = "../shared/questions.rs"]
mod questions;
#[path = "../shared/quote.rs"]
mod quote;

use std::sync::LazyLock;

use tracing::instrument;
use tracing_llm::{Usage, current};

use crate::library::{Library, Passage};
use crate::model::{Message, Model};
use crate::questions::questions;

type Error = Box<dyn std::error::Error + Send + Sync>;

const QUESTIONS: [&str; 3] = [
    "What is sent as [redacted]?",
    "Does RUST_LOG decide what is traced?",
    "What is retried when a destination fails?",
];

static LIBRARY: LazyLock<Library> = LazyLock::new(Library::of_this_repository);
static MODEL: LazyLock<Model> = LazyLock::new(Model::from_env);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder()
        .from_env()
        .console()
        .capture_content(true)
        .init()?;
    for question in questions() {
        match answer(&question, "u-1", "s-1").await {
            Ok(answer) => println!("{question}\n{answer}\n"),
            Err(error) => println!("{question}\nno answer: {error}\n"),
        }
    }
    println!("{}", llm.flush().await);
    Ok(())
}

#[instrument(fields(as_type = "agent"), ret, err)]
async fn answer(question: &str, user_id: &str, session_id: &str) -> Result<String, Error> {
    let passages = search(question, 3);
    generate(&model::messages(question, &passages)).await
}

#[instrument(fields(as_type = "retriever"), ret)]
fn search(query: &str, top_k: usize) -> Vec<Passage> {
    LIBRARY.search(query, top_k)
}

#[instrument(fields(model = MODEL.name, temperature = MODEL.temperature, max_tokens = MODEL.max_tokens), err)]
async fn generate(messages: &[Message]) -> Result<String, Error> {
    let reply = MODEL.reply(messages).await?;
    current().output(&reply.text);
    if let Some((input, output)) = reply.tokens {
        current().usage(Usage::new(input, output));
    }
    Ok(reply.text)
}
