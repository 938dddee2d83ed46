//! An agent that answers questions about this crate: a model chooses the tools.
//!
//! ```sh
//! OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=qwen3:8b cargo run --example support_agent
//! cargo run --example support_agent -- "What does LANGFUSE_TIMEOUT do?"
//! ```
//!
//! The model may be at any OpenAI-compatible endpoint that knows tools: `OPENAI_BASE_URL`, `OPENAI_MODEL`,
//! `OPENAI_API_KEY`, and `OPENAI_STREAM=false` for one that does not stream. Without `OPENAI_BASE_URL`, `extractive`
//! goes through the same loop: fixed rules choose the tools, and what they find is quoted. It is no model and counts no
//! tokens.
//!
//! The five questions give five shapes of trace: one search; a tool that fails, and the second try; two tools at once;
//! two rounds; no tool at all. An answer of the model that fails (429, a cut connection) is a generation of its own, at
//! ERROR, before the one that succeeds. The trees are shown on the terminal; with `OTEL_EXPORTER_OTLP_ENDPOINT`, or with
//! `LANGFUSE_PUBLIC_KEY` and `LANGFUSE_SECRET_KEY`, they go there as well.
#![expect(clippy::print_stdout, reason = "the answers are for the terminal")]

mod agent;
#[path = "../shared/bm25.rs"]
mod bm25;
mod extractive;
#[path = "../shared/library.rs"]
mod library;
mod model;
#[path = "../shared/openai.rs"]
mod openai;
#[path = "../shared/questions.rs"]
mod questions;
#[path = "../shared/quote.rs"]
mod quote;
mod stream;
mod tools;

#[cfg(test)]
mod tests;

use tracing_llm::PriceTable;

use crate::agent::Agent;
use crate::library::Library;
use crate::model::Model;
use crate::questions::questions;
use crate::tools::Desk;

type Error = Box<dyn std::error::Error + Send + Sync>;

const QUESTIONS: [&str; 5] = [
    "What is sent as [redacted]?",
    "What does LANGFUSE_URL do?",
    "What would a call of gpt-4o with 12000 tokens in and 800 out cost? Which cost is Langfuse sent?",
    "Read the section on delivery: what becomes of observations when the memory is full?",
    "Hello! What can you do for me?",
];

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder()
        .from_env()
        .console()
        .capture_content(true)
        .init()?;
    let agent = Agent {
        model: Model::from_env(),
        desk: Desk {
            library: Library::of_this_repository(),
            prices: PriceTable::shipped(),
        },
    };
    if let Model::Extractive = agent.model {
        println!(
            "OPENAI_BASE_URL is not set, so no model is asked: fixed rules choose the tools and quote.\n"
        );
    }
    for question in questions() {
        match agent.answer(&question, "u-1", "s-1").await {
            Ok(answer) => println!("{question}\n{answer}\n"),
            Err(error) => println!("{question}\nno answer: {error}\n"),
        }
    }
    println!("{}", llm.flush().await);
    Ok(())
}
