//! The trace that is sent: as a program of its user's would make it, through the pipeline that its variables set up.

use std::time::{Duration, SystemTime};

use tracing::instrument;
use tracing::subscriber::with_default;
use tracing_llm::{Kind, LaneReport, Langfuse, Pipeline, TraceId, Usage, current};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::doctor::destinations::Destinations;
use crate::doctor::report::Report;
use crate::page::Outcome;

/// The name of the trace.
pub(super) const TRACE: &str = "tracing-llm doctor";
/// The name of its generation, which is that of a function.
pub(super) const GENERATION: &str = "generate";
/// A model that every server has a price for.
pub(super) const MODEL: &str = "gpt-4o-mini";
/// Its tokens: in, out.
pub(super) const TOKENS: (u64, u64) = (12, 3);

const TAG: &str = "tracing-llm-doctor";
const QUESTION: &str = "Is anybody there?";
const ANSWER: &str = "Yes.";

/// How long sending may take.
const SENT_WITHIN: Duration = Duration::from_secs(15);

/// How many ids are looked at for one that is of the share which is sent.
const MOST_IDS: u32 = 10_000;

/// What was sent.
pub(super) struct Sent {
    pub(super) trace: TraceId,
    pub(super) start: SystemTime,
    pub(super) is_at_langfuse: bool,
}

/// Sends the trace to all destinations, and ends the pipeline; `None` when it is not sent at all.
pub(super) fn send(
    destinations: Destinations,
    wait: Duration,
    report: &mut Report<'_, '_>,
) -> Outcome<Option<Sent>> {
    let Destinations {
        layer,
        llm,
        diagnostics,
        ..
    } = destinations;
    let start = SystemTime::now();
    let Some(trace) = kept_id(start, llm.langfuse().as_ref()) else {
        report.failure("no trace is sent: the sample rate is 0, or nearly")?;
        report.advise("LANGFUSE_SAMPLE_RATE, OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG set it")?;
        return Ok(None);
    };
    with_default(tracing_subscriber::registry().with(layer), || make(&llm, trace));
    let flushed = llm.flush_blocking(wait.min(SENT_WITHIN));
    for lane in flushed.lanes() {
        tell(lane, report)?;
    }
    if !flushed.is_complete() {
        for line in diagnostics.take() {
            report.advise(line)?;
        }
    }
    // What is not there by now has been told.
    llm.shutdown_blocking(Duration::ZERO);
    let langfuse = flushed.lane("langfuse");
    Ok(Some(Sent {
        trace,
        start,
        is_at_langfuse: langfuse.is_some_and(|lane| lane.sent() > 0),
    }))
}

fn tell(lane: &LaneReport, report: &mut Report<'_, '_>) -> Outcome {
    if lane.failed() + lane.dropped() + lane.pending() > 0 {
        report.failure(lane)
    } else if lane.sent() == 0 {
        report.warning(format_args!(
            "{} is not sent it: its sample rate leaves it out",
            lane.name()
        ))
    } else {
        report.ok(lane)
    }
}

/// An id of the share that Langfuse is sent.
fn kept_id(start: SystemTime, langfuse: Option<&Langfuse>) -> Option<TraceId> {
    let now = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = format!("{TRACE} {} {}", now.as_nanos(), std::process::id());
    let mut ids = (0..MOST_IDS).map(|number| TraceId::from_seed(&format!("{seed} {number}")));
    ids.find(|id| langfuse.is_none_or(|langfuse| langfuse.samples(*id)))
}

fn make(llm: &Pipeline, trace: TraceId) {
    let root = llm.trace(TRACE).id(trace.to_string()).kind(Kind::Agent).start();
    root.trace().tags([TAG]);
    root.input(QUESTION);
    let answer = root.in_scope(|| generate(QUESTION));
    root.output(answer);
    root.end();
}

/// Its argument becomes the input, and what it returns the output, unless a variable says otherwise.
#[instrument(fields(model = MODEL, temperature = 0.0), ret)]
fn generate(question: &str) -> &'static str {
    current().usage(Usage::new(TOKENS.0, TOKENS.1));
    ANSWER
}
