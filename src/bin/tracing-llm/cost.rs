//! `tracing-llm cost`: what the project cost.

use serde_json::{Map, Value};
use tracing_llm::langfuse::{DailyCost, UserCost, Window};
use tracing_llm::{Error, Langfuse};

use crate::args::{By, Cost};
use crate::page::{Failure, Outcome, Page, Paint};
use crate::table::{Cell, Table};

/// How many days are looked back at, when nothing is said.
const DAYS_BY_MODEL: u32 = 30;
const DAYS_BY_USER: u32 = 7;

/// What is shown of a name.
const NAME: usize = 48;

pub(crate) fn run(args: &Cost, page: &mut Page<'_>) -> Outcome {
    let langfuse = Langfuse::from_env()?;
    let mut tables = Vec::new();
    if args.by != Some(By::User) {
        let days = args.days.unwrap_or(DAYS_BY_MODEL);
        let rows = langfuse.cost_by_day_blocking(&window(args, days)).map_err(old)?;
        tables.push((
            "by_model",
            format!("Cost by day and model, {days} days"),
            by_model(rows),
        ));
    }
    if args.by != Some(By::Model) {
        let days = args.days.unwrap_or(DAYS_BY_USER);
        let rows = langfuse
            .cost_by_user_blocking(&window(args, days), args.limit)
            .map_err(old)?;
        tables.push(("by_user", format!("Cost by user, {days} days"), by_user(rows)));
    }
    if args.form.json {
        let members = tables
            .iter()
            .map(|(key, _, table)| ((*key).to_owned(), table.json()));
        return page.json(&Value::Object(Map::from_iter(members)));
    }
    for (number, (_, title, table)) in tables.iter().enumerate() {
        if number > 0 {
            page.line("")?;
        }
        if args.form.csv {
            table.print_csv(page)?;
            continue;
        }
        page.line(page.paint(Paint::BOLD, title))?;
        if table.is_empty() {
            page.line("nothing")?;
        } else {
            table.print(page)?;
        }
    }
    Ok(())
}

fn old(error: Error) -> Failure {
    Failure::before_v4(error, "sums need")
}

fn window(args: &Cost, days: u32) -> Window {
    let window = Window::last_days(days);
    match &args.environment {
        Some(name) => window.environment(name),
        None => window,
    }
}

fn by_model(rows: Vec<DailyCost>) -> Table {
    let mut table = Table::new([
        "day",
        "model",
        "cost",
        "input_tokens",
        "output_tokens",
        "observations",
    ]);
    for row in rows {
        table.push([
            Cell::text(Some(&row.day), NAME),
            Cell::text(Some(&row.model), NAME),
            Cell::money(row.cost),
            Cell::count(Some(row.input_tokens)),
            Cell::count(Some(row.output_tokens)),
            Cell::count(Some(row.observations)),
        ]);
    }
    table
}

fn by_user(rows: Vec<UserCost>) -> Table {
    let mut table = Table::new(["user", "cost", "traces"]);
    for row in rows {
        table.push([
            Cell::text(Some(&row.user_id), NAME),
            Cell::money(Some(row.cost)),
            Cell::count(Some(row.traces)),
        ]);
    }
    table
}
