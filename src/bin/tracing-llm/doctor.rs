//! `tracing-llm doctor`: why traces do not arrive, or arrive empty. It looks where a program would: the same variables, the same
//! pipeline, the same client.

mod destinations;
mod read_back;
mod report;
mod sending;
mod server;
mod variables;

use std::time::{Duration, Instant};

use tracing_llm::Langfuse;

use self::destinations::Destinations;
use self::report::Report;
use self::variables::Variables;
use crate::args::Doctor;
use crate::page::{Outcome, Page};

pub(crate) fn run(args: &Doctor, page: &mut Page<'_>) -> Outcome {
    let mut report = Report::new(page);
    let variables = Variables::of_this_process();
    let destinations = Destinations::open()?;
    report.section("variables")?;
    variables.report(&mut report)?;
    for line in destinations.said() {
        report.warning(line)?;
    }
    report.section("destinations")?;
    destinations.report(&variables, &mut report)?;
    let server = match destinations.client(&variables) {
        Some(langfuse) => {
            report.section("langfuse")?;
            server::ask(&langfuse, &variables, &mut report)?.map(|reads| (langfuse, reads))
        }
        None => None,
    };
    if args.no_trace {
        destinations.reach_otlp(&variables, &mut report)?;
    } else {
        trace(args.wait, destinations, server, &variables, &mut report)?;
    }
    report.end()
}

/// Sends a trace wherever a program's would go, unless it is known that nobody takes it, and reads it back.
fn trace(
    wait: Duration,
    destinations: Destinations,
    server: Option<(Langfuse, server::Reads)>,
    variables: &Variables,
    report: &mut Report<'_, '_>,
) -> Outcome {
    let langfuse_is_open = destinations.langfuse().is_some();
    if !(destinations.opens_otlp() || langfuse_is_open && server.is_some()) {
        return Ok(());
    }
    report.section("trace")?;
    let begun = Instant::now();
    let Some(sent) = sending::send(destinations, wait, report)? else {
        return Ok(());
    };
    match server {
        Some((langfuse, reads)) if langfuse_is_open && sent.is_at_langfuse => {
            read_back::check(&langfuse, reads, &sent, (begun, wait), variables, report)
        }
        _ => Ok(()),
    }
}
