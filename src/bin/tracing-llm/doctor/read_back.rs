//! Whether what was sent can be read, and whether it is whole.

use std::thread;
use std::time::{Duration, Instant};

use tracing_llm::langfuse::{Fields, ObservationRow};
use tracing_llm::{Error, Kind, Langfuse};

use crate::doctor::report::Report;
use crate::doctor::sending::{GENERATION, MODEL, Sent, TOKENS, TRACE};
use crate::doctor::server::Reads;
use crate::doctor::variables::{CAPTURE, Variables};
use crate::page::{Outcome, plain};

/// The server takes a trace, and stores it some seconds later.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The server finds faster what it is told the time of.
const BEFORE: Duration = Duration::from_secs(60);

pub(super) fn check(
    langfuse: &Langfuse,
    reads: Reads,
    sent: &Sent,
    time: (Instant, Duration),
    variables: &Variables,
    report: &mut Report<'_, '_>,
) -> Outcome {
    match reads {
        Reads::Observations => {
            let rows = until(time, || observations(langfuse, sent));
            let Some(rows) = there(rows, "2 observations", time, report)? else {
                return Ok(());
            };
            if let Some(generation) = rows.iter().find(|row| row.name.as_deref() == Some(GENERATION)) {
                self::generation(generation, variables, report)?;
            }
        }
        Reads::Traces => {
            let found = until(time, || stored(langfuse, sent));
            if there(found, "the trace", time, report)?.is_none() {
                return Ok(());
            }
        }
    }
    match langfuse.trace_url_blocking(sent.trace) {
        Ok(url) => report.advise(plain(&url)),
        Err(_) => Ok(()),
    }
}

/// What is found, once it is there; `None` when the time is over.
fn until<T>(
    (begun, wait): (Instant, Duration),
    look: impl Fn() -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let mut pause = FIRST_WAIT;
    loop {
        match look() {
            Ok(None) => {}
            Err(error) if is_for_now(&error) => {}
            found => return found,
        }
        if begun.elapsed() + pause > wait {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}

fn is_for_now(error: &Error) -> bool {
    error.is_rate_limited() || error.is_server_failure() || error.is_timeout() || error.is_unreachable()
}

fn observations(langfuse: &Langfuse, sent: &Sent) -> Result<Option<Vec<ObservationRow>>, Error> {
    let groups = [Fields::Basic, Fields::Io, Fields::Model, Fields::Usage];
    let question = langfuse
        .observations()
        .trace(sent.trace)
        .fields(groups)
        .from(sent.start - BEFORE);
    let rows: Vec<_> = question.rows().blocking().collect::<Result<_, _>>()?;
    let has = |name: &str| rows.iter().any(|row| row.name.as_deref() == Some(name));
    let is_whole = has(TRACE) && has(GENERATION);
    Ok(is_whole.then_some(rows))
}

fn stored(langfuse: &Langfuse, sent: &Sent) -> Result<Option<()>, Error> {
    let id = sent.trace.to_string();
    for trace in langfuse
        .traces()
        .name(TRACE)
        .from(sent.start - BEFORE)
        .rows()
        .blocking()
    {
        if trace?.id == id {
            return Ok(Some(()));
        }
    }
    Ok(None)
}

fn there<T>(
    found: Result<Option<T>, Error>,
    what: &str,
    (begun, wait): (Instant, Duration),
    report: &mut Report<'_, '_>,
) -> Outcome<Option<T>> {
    match found {
        Ok(Some(found)) => {
            report.ok(format_args!(
                "read back after {:.1} s: {what}",
                begun.elapsed().as_secs_f64()
            ))?;
            return Ok(Some(found));
        }
        Ok(None) => {
            report.failure(format_args!(
                "not read back within {wait:?}, though the server took it"
            ))?;
            report.advise("is its worker running, and ClickHouse, Redis and the object store behind it? `--wait 5m` waits longer")?;
        }
        Err(error) => report.failure(format_args!("{error:?}"))?,
    }
    Ok(None)
}

fn generation(row: &ObservationRow, variables: &Variables, report: &mut Report<'_, '_>) -> Outcome {
    if row.kind != Kind::Generation {
        let kind = row.kind.as_str().to_ascii_uppercase();
        report.failure(format_args!("the generation came back as {kind}"))?;
    }
    match row.model.as_deref() {
        Some(MODEL) => {}
        Some(other) => report.failure(format_args!("its model is {}, not {MODEL}", plain(other)))?,
        None => report.failure("it has no model")?,
    }
    let tokens = |bucket| row.usage.get(bucket).unwrap_or_default();
    let (input, output) = (tokens("input"), tokens("output"));
    if (input, output) != TOKENS {
        report.failure(format_args!(
            "it has {input} → {output} tokens, not {} → {}",
            TOKENS.0, TOKENS.1
        ))?;
    }
    match row.total_cost {
        Some(cost) => report.ok(format_args!(
            "GENERATION {GENERATION}  {MODEL}  {input} → {output} tokens  ${cost}"
        ))?,
        None => {
            report.warning(format_args!(
                "GENERATION {GENERATION}  {MODEL}  {input} → {output} tokens  has no cost"
            ))?;
            report.advise(format_args!(
                "the server has no price for {MODEL}: its settings have a list of models, and a program may"
            ))?;
            report.advise(
                "say prices of its own (`prices`) or send those of this crate (`send_shipped_prices`)",
            )?;
        }
    }
    contents(row, variables, report)
}

fn contents(row: &ObservationRow, variables: &Variables, report: &mut Report<'_, '_>) -> Outcome {
    let missing = match (&row.input, &row.output) {
        (Some(_), Some(_)) => return report.ok("it has its input and its output"),
        (None, Some(_)) => "input",
        (Some(_), None) => "output",
        (None, None) => "input and output",
    };
    if variables.is_off(CAPTURE) {
        report.warning(format_args!("it has no {missing}: {CAPTURE} is off"))?;
        return report.advise(
            "without it, or where the program says `current().input(..)` and `.output(..)`, they are there",
        );
    }
    report.failure(format_args!(
        "it was sent with input and output, and has no {missing}"
    ))
}
