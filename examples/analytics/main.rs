//! What a project costs and how it does: the questions of a weekly review, asked of the server.
//!
//! ```sh
//! cargo run --example analytics                  # all environments
//! cargo run --example analytics -- production    # one of them
//! ```
//!
//! It needs a Langfuse server, v4: `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` and, unless it is Langfuse's cloud,
//! `LANGFUSE_BASE_URL`. It only reads.
//!
//! You should see cost by day and model, the users that cost most, tokens by model, latency by name, the share of errors, and
//! the last traces.
#![expect(clippy::print_stdout, reason = "the tables are for the terminal")]

use std::fmt::Write as _;

use tracing_llm::langfuse::Window;
use tracing_llm::{Error, Langfuse};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let langfuse = match Langfuse::from_env() {
        Ok(langfuse) => langfuse,
        Err(error) => {
            println!("This example needs a Langfuse server: {error}.");
            return Ok(());
        }
    };
    let environment = std::env::args().nth(1);
    let within = |window: Window| match &environment {
        Some(name) => window.environment(name),
        None => window,
    };
    let (week, month) = (within(Window::last_days(7)), within(Window::last_days(30)));
    print!("{}", costs(&langfuse, &month, &week).await?);
    print!("{}", health(&langfuse, &week).await?);
    print!("{}", last_traces(&langfuse, environment.as_deref(), 5).await?);
    Ok(())
}

async fn costs(langfuse: &Langfuse, month: &Window, week: &Window) -> Result<String, Error> {
    let mut page = String::from("Cost by day and model, 30 days\n");
    for row in langfuse.cost_by_day(month).await? {
        let cost = row.cost.unwrap_or_default();
        let (day, model) = (&row.day, &row.model);
        line(
            &mut page,
            format_args!(
                "{day}  {model:24} ${cost:<12.6} {} in, {} out",
                row.input_tokens, row.output_tokens
            ),
        );
    }
    page.push_str("\nThe dearest users, 7 days\n");
    for row in langfuse.cost_by_user(week, 10).await? {
        line(
            &mut page,
            format_args!("{:24} ${:<12.6} {} traces", row.user_id, row.cost, row.traces),
        );
    }
    page.push_str("\nTokens by model, 7 days\n");
    for row in langfuse.tokens_by_model(week).await? {
        line(
            &mut page,
            format_args!("{:24} {} in, {} out", row.model, row.input, row.output),
        );
    }
    Ok(page)
}

async fn health(langfuse: &Langfuse, week: &Window) -> Result<String, Error> {
    let mut page = String::from("\nLatency by name, 7 days\n");
    for row in langfuse.latency_by_name(week).await? {
        let (mean, p95) = (row.mean.unwrap_or_default(), row.p95.unwrap_or_default());
        line(
            &mut page,
            format_args!("{:24} mean {mean:?}, 95 of 100 below {p95:?}", row.name),
        );
    }
    let rate = langfuse.error_rate(week).await?;
    let share = rate.share() * 100.0;
    line(
        &mut page,
        format_args!(
            "\n{} of {} observations failed ({share:.1} %)",
            rate.errors, rate.observations
        ),
    );
    Ok(page)
}

async fn last_traces(langfuse: &Langfuse, environment: Option<&str>, limit: usize) -> Result<String, Error> {
    let mut page = String::from("\nThe last traces\n");
    let mut question = langfuse.traces().limit(limit);
    if let Some(name) = environment {
        question = question.environment(name);
    }
    let mut traces = question.rows();
    while let Some(trace) = traces.next().await {
        let trace = trace?;
        let name = trace.name.as_deref().unwrap_or("-");
        let (latency, cost) = (
            trace.latency.unwrap_or_default(),
            trace.total_cost.unwrap_or_default(),
        );
        let tokens = trace.tokens().unwrap_or_default();
        line(
            &mut page,
            format_args!("{}  {name:24} {latency:?}, {tokens} tokens, ${cost:.6}", trace.id),
        );
    }
    Ok(page)
}

/// Writing to a text does not fail.
fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(page, "{text}");
}

#[cfg(test)]
mod tests;
