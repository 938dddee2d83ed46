//! `tracing-llm traces`: the last traces, or one of them.

mod tree;

use tracing_llm::langfuse::TraceRow;
use tracing_llm::{Langfuse, Level};

use crate::args::Traces;
use crate::page::{Outcome, Page};
use crate::table::{Cell, Table};

/// What is shown of a name, a user and a session.
const NAME: usize = 32;

pub(crate) fn run(args: &Traces, page: &mut Page<'_>) -> Outcome {
    let langfuse = Langfuse::from_env()?;
    if let Some(id) = &args.id {
        return tree::run(&langfuse, id, &args.form, page);
    }
    let mut table = Table::new([
        "start", "id", "name", "user", "session", "latency", "tokens", "cost", "level",
    ]);
    for trace in question(&langfuse, args).rows().blocking() {
        table.push(row(&trace?));
    }
    if table.is_empty() && !args.form.json && !args.form.csv {
        let since = humantime::format_rfc3339_seconds(args.since);
        return page.line(format_args!("none since {since}"));
    }
    if args.form.json {
        page.json(&table.json())
    } else if args.form.csv {
        table.print_csv(page)
    } else {
        table.print(page)
    }
}

fn question(langfuse: &Langfuse, args: &Traces) -> tracing_llm::langfuse::Traces {
    let mut question = langfuse.traces().from(args.since).limit(args.limit);
    if let Some(user) = &args.user {
        question = question.user(user);
    }
    if let Some(session) = &args.session {
        question = question.session(session);
    }
    if let Some(name) = &args.name {
        question = question.name(name);
    }
    if let Some(environment) = &args.environment {
        question = question.environment(environment);
    }
    question
}

fn row(trace: &TraceRow) -> [Cell; 9] {
    [
        Cell::time(trace.start),
        Cell::text(Some(&trace.id), usize::MAX),
        Cell::text(trace.name.as_deref(), NAME),
        Cell::text(trace.user_id.as_deref(), NAME),
        Cell::text(trace.session_id.as_deref(), NAME),
        Cell::seconds(trace.latency),
        Cell::count(trace.tokens()),
        Cell::money(trace.total_cost),
        Cell::text(trace.level.map(Level::as_str), NAME),
    ]
}
