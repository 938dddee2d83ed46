//! Answers a question by a prompt that Langfuse keeps, and links the call to its version.
//!
//! ```sh
//! cargo run --example prompts -- --create   # makes a version of the prompt, once
//! cargo run --example prompts
//! ```
//!
//! It needs a Langfuse server: `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` and, unless it is Langfuse's cloud,
//! `LANGFUSE_BASE_URL`. With `OPENAI_BASE_URL`, a model at any OpenAI-compatible endpoint answers (`OPENAI_MODEL`,
//! `OPENAI_API_KEY`); without it, `extractive` does, which is no model: it quotes what matches best.
//!
//! You should see which version was used and where it came from, what a forgotten variable is told, the answer, and the
//! trace; in Langfuse the generation is linked to the version.
#![expect(clippy::print_stdout, reason = "the answers are for the terminal")]

#[path = "../shared/bm25.rs"]
mod bm25;
#[path = "../shared/openai.rs"]
mod openai;
#[path = "../shared/quote.rs"]
mod quote;

use serde_json::json;
use tracing::instrument;
use tracing_llm::langfuse::NewPrompt;
use tracing_llm::{Langfuse, Prompt, current};

use crate::openai::{Completion, Endpoint, Failure};
use crate::quote::quote;

type Error = Box<dyn std::error::Error + Send + Sync>;

const NAME: &str = "tracing-llm-example/rag_synthesis";
const TEXT: &str = "Use the context to answer.\n\nContext:\n{{context}}\n\nQuestion: {{ query }}\nAnswer:";
const CONTEXT: &str = "The cellar is dry. Invoices are kept for seven years. Nobody counts them.";
const QUESTION: &str = "How long are invoices kept?";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder().from_env().console().init()?;
    let Some(langfuse) = llm.langfuse() else {
        println!(
            "This example needs a Langfuse server: set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL."
        );
        return Ok(());
    };
    if std::env::args().any(|argument| argument == "--create") {
        create(&langfuse, NAME).await?;
    }
    run(&langfuse, NAME, Endpoint::from_env().as_ref()).await?;
    println!("{}", llm.flush().await);
    Ok(())
}

async fn create(langfuse: &Langfuse, name: &str) -> Result<(), Error> {
    let prompt = NewPrompt::text(name, TEXT)
        .labels(["production"])
        .config(json!({"model": "mistral-7b", "temperature": 0.3, "max_tokens": 1024}))
        .tags(["rag"])
        .commit_message("first");
    let prompt = langfuse.create_prompt(prompt).await?;
    println!("made version {} of {name}", prompt.version());
    Ok(())
}

async fn run(langfuse: &Langfuse, name: &str, model: Option<&Endpoint>) -> Result<(), Error> {
    let prompt = langfuse.prompt(name).fallback(TEXT).await?;
    println!("{name}: version {}, from {:?}", prompt.version(), prompt.source());
    if let Some(reason) = prompt.fallback_reason() {
        println!("the program's own text, since: {reason}\nmake it with --create");
    }
    // The second time it is in memory.
    let again = langfuse.prompt(name).fallback(TEXT).await?;
    println!("and again from {:?}", again.source());
    if let Err(error) = prompt.compile_strict(json!({ "query": QUESTION })) {
        println!("forgotten: {error}");
    }
    println!("{QUESTION} {}", answer(&prompt, QUESTION, model).await?);
    Ok(())
}

#[instrument(skip_all, fields(as_type = "generation"), ret, err)]
async fn answer(prompt: &Prompt, query: &str, model: Option<&Endpoint>) -> Result<String, Error> {
    let text = prompt.compile_strict(json!({ "context": CONTEXT, "query": query }))?;
    let Some(endpoint) = model else {
        current().prompt(prompt).model("extractive").input(&text);
        return Ok(quote(query, CONTEXT).unwrap_or_default());
    };
    // The config's parameters are the call's; which model there is, the endpoint says.
    let config = prompt.with_config();
    current().prompt(config).model(&endpoint.model).input(&text);
    let body = json!({
        "model": endpoint.model,
        "temperature": prompt.config()["temperature"],
        "max_tokens": prompt.config()["max_tokens"],
        "messages": [{"role": "user", "content": text}],
    });
    let reply = endpoint
        .post(&body)
        .await?
        .text()
        .await
        .map_err(Failure::broken)?;
    let completion = Completion::read(&reply)?;
    if let Some(usage) = completion.usage {
        current().usage(usage);
    }
    Ok(completion.text)
}

#[cfg(test)]
mod tests;
