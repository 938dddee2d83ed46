//! What is measured: spans below an open one, with both destinations on, as in a service that is not flooded.
#![allow(clippy::unwrap_used, reason = "a program for the terminal")]

use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, dispatcher, info_span};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::{Langfuse, Otlp, Pipeline};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use super::generation::{Texts, generation};

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
    /// Two destinations, whose filters turn off the spans and the one above them.
    FilterOfAll,
    /// Two destinations, and a level that has no such spans.
    Level,
}

/// **empty** has no fields.
pub(crate) const WORKLOADS: [Workload; 8] = [
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
        name: "generation-leveled",
        beneath: Beneath::Level,
        run: generation,
    },
    Workload {
        name: "generation-filtered",
        beneath: Beneath::Filter,
        run: generation,
    },
    Workload {
        name: "generation-hidden",
        beneath: Beneath::FilterOfAll,
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
        let level = match self.beneath {
            Beneath::Level => Level::WARN,
            _ => Level::INFO,
        };
        let otlp = Otlp::new("http://127.0.0.1:9");
        let langfuse = Langfuse::builder("pk-lf-bench", "sk-lf-bench").base_url("http://127.0.0.1:9");
        let builder = match self.beneath {
            Beneath::Filter => builder.otlp_to(otlp.filter("agent=info")),
            Beneath::FilterOfAll => builder
                .otlp_to(otlp.filter("off"))
                .langfuse(langfuse.filter("off")),
            Beneath::Registry | Beneath::Destinations | Beneath::Level => builder
                .level(level)
                .exporter(Discard("otlp"), Scope::Everything)
                .exporter(Discard("langfuse"), Scope::Observations),
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

fn empty(_texts: &Texts, spans: u64) {
    for _ in 0..spans {
        info_span!("empty").in_scope(|| {});
    }
}
