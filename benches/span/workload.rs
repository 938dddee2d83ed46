//! What is measured: spans below an open one, with both destinations on, as in a service that is not flooded.
#![allow(clippy::unwrap_used, reason = "a program for the terminal")]

use std::time::Duration;

use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::{Otlp, Pipeline};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// What is made again and again.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    beneath: Beneath,
    run: fn(&Texts, u64),
}

/// What the spans are made under.
#[derive(Clone, Copy, PartialEq)]
enum Beneath {
    /// The registry and a level, which is no layer of ours: the floor. (Alone a registry frees no span.)
    Registry,
    /// Two destinations, which take everything.
    Destinations,
    /// One destination, whose filter turns the spans off.
    Filter,
}

/// **empty** has no fields; **generation** has 12 (8 at the start, one of them 2 KB of messages; 4 recorded late, one of
/// them 1 KB of output) and one event with a field.
pub(crate) const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "empty-bare",
        beneath: Beneath::Registry,
        run: empty,
    },
    Workload {
        name: "empty-filtered",
        beneath: Beneath::Filter,
        run: empty,
    },
    Workload {
        name: "empty",
        beneath: Beneath::Destinations,
        run: empty,
    },
    Workload {
        name: "generation-bare",
        beneath: Beneath::Registry,
        run: generation,
    },
    Workload {
        name: "generation",
        beneath: Beneath::Destinations,
        run: generation,
    },
];

impl Workload {
    /// Runs `measure` with code that makes the spans. Before that callsites are registered, and buffers grown and given
    /// back.
    pub(crate) fn set_up(self, spans: u64, measure: impl FnOnce(&dyn Fn())) {
        let builder = tracing_llm::builder().on_diagnostic(|_| {});
        let builder = if self.beneath == Beneath::Filter {
            builder.otlp_to(Otlp::new("http://127.0.0.1:9").filter(concat!(module_path!(), "=off")))
        } else {
            builder
                .exporter(Discard("otlp"), Scope::Everything)
                .exporter(Discard("langfuse"), Scope::Observations)
        };
        let (layer, llm) = builder.build().unwrap();
        let subscriber = if self.beneath == Beneath::Registry {
            Dispatch::new(registry().with(LevelFilter::INFO))
        } else {
            Dispatch::new(registry().with(LevelFilter::INFO).with(layer))
        };
        dispatcher::with_default(&subscriber, || {
            let texts = Texts::new();
            let _parent = info_span!(target: "agent", "agent", as_type = "agent").entered();
            for _ in 0..3 {
                (self.run)(&texts, spans);
                flush(&llm);
            }
            measure(&|| (self.run)(&texts, spans));
        });
        drop(llm);
    }
}

fn flush(llm: &Pipeline) {
    llm.flush_blocking(Duration::from_secs(60));
}

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

/// What is said in a generation.
pub(crate) struct Texts {
    input: String,
    output: String,
}

impl Texts {
    pub(crate) fn new() -> Self {
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
