//! Scores an answer in every way there is: from inside its span, the whole trace, and later, by the trace's id.
//!
//! ```sh
//! LANGFUSE_PUBLIC_KEY=pk-lf-… LANGFUSE_SECRET_KEY=sk-lf-… LANGFUSE_BASE_URL=http://localhost:3000 cargo run --example scores
//! ```
//!
//! The trace, whose address is printed, has four scores some seconds later. The config `example relevance` is made if the project has
//! none, and stays; a project cannot delete one.
#![expect(clippy::print_stdout, reason = "what became of it is for the terminal")]

use std::collections::HashSet;

use tracing::instrument;
use tracing_llm::langfuse::NewScoreConfig;
use tracing_llm::{Langfuse, Score, ScoreConfig, ScoreKind, TraceId, current};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder().from_env().init()?;
    let Some(langfuse) = llm.langfuse() else {
        println!(
            "This example needs a Langfuse: set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL."
        );
        return Ok(());
    };
    let trace = run(&langfuse).await?;
    println!("{}", langfuse.trace_url(trace).await?);
    println!("{}", llm.flush().await);
    Ok(())
}

async fn run(langfuse: &Langfuse) -> Result<TraceId, Error> {
    let relevance = relevance_config(langfuse).await?;
    let (answer, trace) = answer("How long do we keep invoices?", &relevance);
    println!("{answer}");

    // The user clicks, some time later. The key makes a second click of the same user replace this one.
    let trace = trace.ok_or("nothing was recorded")?;
    let rating = Score::new("user_rating", 0.8).on_trace(trace).key("u-1");
    let scored = langfuse.score(rating.comment("4 of 5")).await?;
    println!("score {} was taken", scored.id());

    // Said here, because the server would answer with success and drop it.
    let outside = Score::new("relevance", 7).on_trace(trace).config(&relevance);
    if let Err(error) = langfuse.score(outside).await {
        println!("{error}");
    }
    Ok(trace)
}

/// The project's own bounds for the score, made once.
async fn relevance_config(langfuse: &Langfuse) -> Result<ScoreConfig, Error> {
    const NAME: &str = "example relevance";
    let known = langfuse.score_configs().await?.into_iter();
    if let Some(config) = known.filter(|it| !it.is_archived()).find(|it| it.name() == NAME) {
        return Ok(config);
    }
    let range = ScoreKind::Numeric {
        min: Some(0.0),
        max: Some(1.0),
    };
    let new = NewScoreConfig::new(NAME, range).description("words of the question that are in the answer");
    Ok(langfuse.create_score_config(new).await?)
}

#[instrument(fields(as_type = "agent"), skip(relevance))]
fn answer(question: &str, relevance: &ScoreConfig) -> (String, Option<TraceId>) {
    let answer = look_up(question, relevance);
    current().output(&answer);
    let is_brief = answer.split_whitespace().count() < 20;
    current().trace().score(Score::new("brief", is_brief));
    current().score(Score::new("tone", "neutral").comment("no adjectives"));
    (answer, current().trace_id())
}

#[instrument(fields(as_type = "retriever"), skip(relevance), ret)]
fn look_up(question: &str, relevance: &ScoreConfig) -> String {
    let answer = "We keep invoices for seven years.".to_owned();
    let overlap = overlap(question, &answer);
    // Queued: it is sent with the traces, and nobody waits for it.
    current().score(Score::new("relevance", overlap).config(relevance));
    answer
}

/// The share of the question's words that stand in the answer.
fn overlap(question: &str, answer: &str) -> f64 {
    let words = |text: &str| -> HashSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (asked, answered) = (words(question), words(answer));
    asked.intersection(&answered).count() as f64 / asked.len().max(1) as f64
}

#[cfg(test)]
#[path = "../tests/it/support/receiver.rs"]
mod receiver;
#[cfg(test)]
#[path = "../tests/it/support/replay.rs"]
mod replay;
#[cfg(test)]
#[path = "../tests/it/support/scores.rs"]
mod stored;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::instrument::WithSubscriber;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::receiver::{Answer, Receiver};

    #[tokio::test]
    async fn an_answer_gets_four_scores() {
        let server = Receiver::new(|request| match (request.method.as_str(), request.path.as_str()) {
            (_, "/api/public/ingestion") => stored::taken(request),
            (_, "/api/public/scores") => replay::answered("scores", "numeric on an observation"),
            ("POST", "/api/public/score-configs") => replay::answered("scores", "config: numeric"),
            ("GET", "/api/public/score-configs?page=1&limit=100") => Answer::json(
                200,
                r#"{"data":[],"meta":{"page":1,"limit":100,"totalItems":0,"totalPages":0}}"#,
            ),
            _ => Answer::json(200, "{}"),
        });
        let project = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
        let (layer, llm) = tracing_llm::builder().langfuse(project).build().unwrap();
        let langfuse = llm.langfuse().unwrap();
        let trace = run(&langfuse)
            .with_subscriber(tracing_subscriber::registry().with(layer))
            .await
            .unwrap();
        let report = llm.flush_blocking(Duration::from_secs(60));
        assert_eq!(
            report.to_string(),
            "langfuse 2 sent · langfuse scores 3 sent · 0 lost"
        );

        let queued = stored::stored(&server);
        let shown: Vec<_> = queued
            .iter()
            .map(|it| format!("{} {} {}", it["name"], it["value"], it["subject"]["kind"]))
            .collect();
        assert_eq!(
            shown,
            [
                // The name is the config's.
                r#""relevance-8e04" 0.5 "observation""#,
                r#""brief" 1 "trace""#,
                r#""tone" "neutral" "observation""#,
            ]
        );
        let awaited = server
            .requests()
            .into_iter()
            .filter(|it| it.path.ends_with("/scores"));
        let awaited: Vec<_> = awaited.map(|request| stored::body(&request)).collect();
        assert_eq!(awaited.len(), 1, "7 is above 1, and not sent");
        assert_eq!(
            (&awaited[0]["value"], &awaited[0]["traceId"]),
            (&0.8.into(), &trace.to_string().into())
        );
    }
}
