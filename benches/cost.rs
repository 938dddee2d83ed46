//! What a span costs the thread that makes it: allocations, and (under callgrind) instructions. `scripts/cost` runs
//! both and prints the table. Neither depends on how busy the machine is.
//!
//! Workloads: **empty** is a span without fields; **generation** has 12 fields (8 at the start, one of them 2 KB of
//! messages; 4 recorded late, one of them 1 KB of output) and one event with a field. Both stand below an open span,
//! and both destinations are on.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

use std::hint::black_box;
use std::time::Duration;

use tracing::field::Empty;
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_llm::Pipeline;
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_subscriber::layer::SubscriberExt;

/// Takes everything and does nothing with it.
struct Discard(&'static str);

impl Exporter for Discard {
    fn name(&self) -> &str {
        self.0
    }

    fn export<'a>(&'a mut self, _batch: &'a Batch) -> ExportFuture<'a> {
        Box::pin(async { Ok(Exported::all()) })
    }
}

fn main() {
    let workload = std::env::args().nth(1).unwrap_or_default();
    let spans: u64 = std::env::args()
        .nth(2)
        .and_then(|spans| spans.parse().ok())
        .unwrap_or(500);
    let (layer, llm) = tracing_llm::builder()
        .exporter(Discard("otlp"), Scope::Everything)
        .exporter(Discard("langfuse"), Scope::Observations)
        .on_diagnostic(|_| {})
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        let texts = Texts::new();
        let parent = info_span!("agent", as_type = "agent").entered();
        let spans_of: fn(&Texts, u64) = match workload.as_str() {
            "empty" => empty,
            "generation" => generation,
            _ => {
                for (name, run) in [("empty", empty as fn(&Texts, u64)), ("generation", generation)] {
                    warm(&llm, run, &texts, spans);
                    let counted = allocation_counter::measure(|| run(&texts, spans));
                    let per_span = |count: u64| count as f64 / spans as f64;
                    let (count, bytes) = (per_span(counted.count_total), per_span(counted.bytes_total));
                    println!("{name} {count:.2} {bytes:.0}");
                }
                return drop(parent);
            }
        };
        warm(&llm, spans_of, &texts, spans);
        measured(spans_of, &texts, spans);
        drop(parent);
    });
    drop(llm);
}

/// Callsites are registered, and buffers grown and given back, before anything is counted: what is measured is a burst
/// that the worker has room for, as in a service that is not flooded.
fn warm(llm: &Pipeline, run: fn(&Texts, u64), texts: &Texts, spans: u64) {
    for _ in 0..3 {
        run(texts, spans);
        llm.flush_blocking(Duration::from_secs(60));
    }
}

/// What callgrind counts (`--toggle-collect`).
#[inline(never)]
fn measured(run: fn(&Texts, u64), texts: &Texts, spans: u64) {
    run(black_box(texts), black_box(spans));
}

struct Texts {
    input: String,
    output: String,
}

impl Texts {
    fn new() -> Self {
        let prose =
            "Invoices are kept for seven years in the finance archive, and then destroyed. ".repeat(30);
        let cut = |len: usize| prose.get(..len).unwrap_or(&prose).to_owned();
        Self {
            input: format!(r#"[{{"role":"user","content":"{}"}}]"#, cut(2_000)),
            output: format!(r#"{{"role":"assistant","content":"{}"}}"#, cut(1_000)),
        }
    }
}

fn empty(_texts: &Texts, spans: u64) {
    for _ in 0..spans {
        info_span!("empty").in_scope(|| {});
    }
}

fn generation(texts: &Texts, spans: u64) {
    for turn in 0..spans {
        let span = info_span!(
            "generation",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "mistral_ai",
            gen_ai.request.model = "mistral-7b",
            gen_ai.request.temperature = 0.7,
            gen_ai.request.max_tokens = 1024_i64,
            gen_ai.conversation.id = "session-1",
            turn,
            gen_ai.input.messages = texts.input,
            gen_ai.output.messages = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.total_tokens = Empty,
        );
        span.in_scope(|| info!(attempt = 1_i64, "sending"));
        span.record("gen_ai.output.messages", texts.output.as_str());
        span.record("gen_ai.usage.input_tokens", 500_i64);
        span.record("gen_ai.usage.output_tokens", 250_i64);
        span.record("gen_ai.usage.total_tokens", 750_i64);
    }
}
