//! Tries a program on questions whose answers are known, and says whether it is good enough.
//!
//! ```sh
//! LANGFUSE_PUBLIC_KEY=pk-lf-… LANGFUSE_SECRET_KEY=sk-lf-… LANGFUSE_BASE_URL=http://localhost:3000 \
//!   cargo run --example experiment -- "first try"
//! ```
//!
//! It needs a Langfuse server, v4, where it makes the dataset `tracing-llm-example/invoices` if there is none. With
//! `OPENAI_BASE_URL`, a model at any OpenAI-compatible endpoint answers, and judges (`OPENAI_MODEL`, `OPENAI_API_KEY`);
//! without it, `extractive` does, which is no model: it quotes what matches best, and nobody judges it.
//!
//! You should see a line that counts the items, a table with a line for each, and the address of the experiment's page.
#![expect(clippy::print_stdout, reason = "the table is for the terminal")]

#[path = "../shared/bm25.rs"]
mod bm25;
#[path = "../shared/openai.rs"]
mod openai;
#[path = "../shared/quote.rs"]
mod quote;

use std::time::Duration;

use serde_json::json;
use tracing::instrument;
use tracing_llm::experiment::{Case, Report, to_stderr};
use tracing_llm::langfuse::{NewDataset, NewDatasetItem};
use tracing_llm::{Langfuse, Pipeline, current};

use crate::openai::{Completion, Endpoint, Failure};
use crate::quote::quote;

type Error = Box<dyn std::error::Error + Send + Sync>;

const DATASET: &str = "tracing-llm-example/invoices";
const CONTEXT: &str = "The cellar is dry. Invoices are kept for seven years. Anna has the key of the cellar. \
    Receipts are kept for two years. Nobody counts the mice.";
/// Questions, with words that the answer must have.
const QUESTIONS: [(&str, &str); 4] = [
    ("How long are invoices kept?", "seven years"),
    ("How long are receipts kept?", "two years"),
    ("Who has the key of the cellar?", "Anna"),
    ("How many mice are there?", "not known"),
];

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder().from_env().init()?;
    let Some(langfuse) = llm.langfuse() else {
        println!(
            "This example needs a Langfuse server: set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL."
        );
        return Ok(());
    };
    prepare(&langfuse).await?;
    let name = std::env::args().nth(1).unwrap_or_else(|| "first try".to_owned());
    let report = run(&llm, &name, Endpoint::from_env().as_ref()).await?;
    println!("{report}");
    match report.check_min("has_words", 0.7) {
        Ok(share) => println!("good enough: {share}"),
        Err(unmet) => println!("{unmet}"),
    }
    Ok(())
}

/// Makes the dataset, if there is none. An item's id makes it one, however often it is put.
async fn prepare(langfuse: &Langfuse) -> Result<(), Error> {
    match langfuse.dataset(DATASET).await {
        Err(error) if error.is_not_found() => {}
        known => return Ok(known.map(drop)?),
    }
    let dataset = NewDataset::new(DATASET).description("questions on invoices");
    langfuse.put_dataset(&dataset).await?;
    for (number, (question, words)) in QUESTIONS.into_iter().enumerate() {
        let item = NewDatasetItem::new(DATASET).id(&format!("tracing-llm-example-{number}"));
        langfuse
            .put_dataset_item(&item.input(question).expected_output(words))
            .await?;
    }
    Ok(())
}

async fn run(llm: &Pipeline, name: &str, model: Option<&Endpoint>) -> Result<Report<String>, Error> {
    let report = llm
        .experiment(name)
        .dataset(DATASET)
        .metadata(json!({ "model": model.map_or("extractive", |model| &model.model) }))
        .timeout(Duration::from_secs(60))
        .progress(to_stderr)
        .task(|item| async move { answer(&item.input_text(), model).await })
        .evaluator("has_words", |case| {
            case.output().contains(&*case.item().expected_text())
        })
        .evaluator("words", |case| case.output().split_whitespace().count())
        .async_evaluator("judge", |case| judge(case, model))
        .run_evaluator("longest", |rows| {
            rows.iter().filter_map(|row| row.output()).map(String::len).max()
        })
        .run()
        .await?;
    Ok(report)
}

/// The program that is tried.
#[instrument(skip(model), fields(as_type = "agent"), ret, err)]
async fn answer(question: &str, model: Option<&Endpoint>) -> Result<String, Error> {
    let Some(model) = model else {
        return Ok(quote(question, CONTEXT).unwrap_or_else(|| "That is not known.".to_owned()));
    };
    let task = "Answer from these sentences, in one; what does not stand there is \"not known\".";
    complete(model, &format!("{task}\n{CONTEXT}\n\n{question}")).await
}

/// A model's opinion, with its reason; none without a model.
async fn judge(case: Case<String>, model: Option<&Endpoint>) -> Result<Option<(f64, String)>, Error> {
    let Some(model) = model else {
        return Ok(None);
    };
    let (question, answer) = (case.item().input_text(), case.output());
    let task = "Say how useful the answer is: a number from 0 to 1, a blank, and why in one sentence.";
    let said = complete(model, &format!("{task}\nQuestion: {question}\nAnswer: {answer}")).await?;
    let (number, why) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
    Ok(Some((number.parse()?, why.to_owned())))
}

#[instrument(skip_all, fields(as_type = "generation"), ret, err)]
async fn complete(model: &Endpoint, prompt: &str) -> Result<String, Error> {
    current().model(&model.model).input(prompt);
    let body = json!({"model": model.model, "messages": [{"role": "user", "content": prompt}]});
    let reply = model.post(&body).await?.text().await.map_err(Failure::broken)?;
    let completion = Completion::read(&reply)?;
    if let Some(usage) = completion.usage {
        current().usage(usage);
    }
    Ok(completion.text)
}

#[cfg(test)]
mod tests;
