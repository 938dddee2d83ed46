//! Every usual way to put the layer beside others, under every usual level: the same three observations arrive, or one
//! line names what hides them; and whoever stands beside it sees what it sees without it. What a subscriber wants counts
//! for the whole process, so this needs a process of its own.
#![cfg(feature = "env-filter")]
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "it/support/lines.rs"]
#[allow(dead_code, reason = "the other tests ask more of it")]
mod lines;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lines::Lines;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::{Dispatch, Subscriber, debug, debug_span, dispatcher, info, info_span, trace, warn};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::testing::Capture;
use tracing_llm::{Guard, LlmLayer, SpanId, current};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{EnvFilter, fmt, registry, reload};

/// The program: three observations, a span that the layer does not record, and log lines of all levels.
fn work() {
    info_span!("answer", as_type = "agent").in_scope(|| {
        info!("asked");
        debug_span!("helper").in_scope(|| {
            debug!("thinking");
            info_span!("search", as_type = "tool").in_scope(|| trace!("deep"));
        });
        info_span!("generate", model = "m", prompt = "p").in_scope(|| {
            warn!("slow");
            current().output("x");
        });
    });
}

const SHOWN: [&str; 3] = [
    "tool search < answer",
    "generation generate < answer",
    "agent answer < nothing",
];

const HIDDEN: &str = "no span was seen before the first flush; a filter set for the whole subscriber, such as an \
    EnvFilter without RUST_LOG, hides the level INFO, or the layer was not added to the subscriber";

/// What a composition is made of.
struct Parts {
    ours: Option<LlmLayer>,
    /// As `RUST_LOG` has them; empty is unset.
    directives: &'static str,
    page: Page,
    spans: Spans,
}

impl Parts {
    fn env_filter(&self) -> EnvFilter {
        EnvFilter::new(self.directives)
    }

    fn level(&self) -> LevelFilter {
        // Without a word `EnvFilter` lets errors through.
        self.directives.parse().unwrap_or(LevelFilter::ERROR)
    }

    fn fmt<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let page = self.page.clone();
        fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_writer(move || page.clone())
    }

    fn open_telemetry<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(self.spans.clone())
            .build();
        tracing_opentelemetry::layer().with_tracer(provider.tracer("host"))
    }
}

/// With the layer on top, if it is there.
fn on_top<S, L>(beneath: S, ours: Option<L>) -> Dispatch
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    L: Layer<S> + Send + Sync,
{
    match ours {
        Some(ours) => Dispatch::new(beneath.with(ours)),
        None => Dispatch::new(beneath),
    }
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Its name, whether its filter stands before our layer, too, and how it is put together.
type Composition = (&'static str, bool, fn(Parts) -> Dispatch);

const COMPOSITIONS: [Composition; 21] = [
    ("fmt without a filter", false, |parts| {
        on_top(registry().with(parts.fmt()), parts.ours)
    }),
    ("fmt under its own EnvFilter", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        on_top(registry().with(fmt), parts.ours)
    }),
    (
        "fmt under its own EnvFilter, after ours",
        false,
        |mut parts| match parts.ours.take() {
            Some(ours) => {
                let fmt = parts.fmt().with_filter(parts.env_filter());
                Dispatch::new(registry().with(ours).with(fmt))
            }
            None => Dispatch::new(registry().with(parts.fmt().with_filter(parts.env_filter()))),
        },
    ),
    ("an EnvFilter for all", true, |parts| {
        let filtered = registry().with(parts.env_filter()).with(parts.fmt());
        on_top(filtered, parts.ours)
    }),
    ("an EnvFilter for all, after ours", true, |mut parts| {
        let (filter, fmt) = (parts.env_filter(), registry().with(parts.fmt()));
        match parts.ours.take() {
            Some(ours) => Dispatch::new(fmt.with(ours).with(filter)),
            None => Dispatch::new(fmt.with(filter)),
        }
    }),
    ("an EnvFilter for all that reloads", true, |parts| {
        let (filter, _) = reload::Layer::new(parts.env_filter());
        on_top(registry().with(filter).with(parts.fmt()), parts.ours)
    }),
    ("fmt under an EnvFilter that reloads", false, |parts| {
        let (filter, _) = reload::Layer::new(parts.env_filter());
        on_top(registry().with(parts.fmt().with_filter(filter)), parts.ours)
    }),
    ("fmt's own subscriber with an EnvFilter", true, |parts| {
        let page = parts.page.clone();
        let subscriber = fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(move || page.clone())
            .with_env_filter(parts.env_filter())
            .finish();
        on_top(subscriber, parts.ours)
    }),
    ("fmt's own subscriber with a level", true, |parts| {
        let page = parts.page.clone();
        let subscriber = fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(move || page.clone())
            .with_max_level(parts.level())
            .finish();
        on_top(subscriber, parts.ours)
    }),
    ("a level for all", true, |parts| {
        on_top(registry().with(parts.level()).with(parts.fmt()), parts.ours)
    }),
    ("targets for all", true, |parts| {
        let targets = Targets::new().with_default(parts.level());
        on_top(registry().with(targets).with(parts.fmt()), parts.ours)
    }),
    ("ours under its own EnvFilter", true, |parts| {
        let ours = EnvFilter::new(parts.directives);
        let filtered = parts.fmt().with_filter(parts.env_filter());
        on_top(
            registry().with(filtered),
            parts.ours.map(|layer| layer.with_filter(ours)),
        )
    }),
    ("ours boxed", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        let subscriber = registry().with(fmt);
        let boxed = parts
            .ours
            .map(|layer| Box::new(layer) as Box<dyn Layer<_> + Send + Sync>);
        on_top(subscriber, boxed)
    }),
    ("ours optional", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        Dispatch::new(registry().with(fmt).with(parts.ours))
    }),
    ("ours in a vector", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        on_top(registry().with(fmt), parts.ours.map(|layer| vec![layer]))
    }),
    ("both boxed in a vector", false, |parts| {
        let fmt: Boxed = Box::new(parts.fmt().with_filter(parts.env_filter()));
        let ours = parts.ours.map(|layer| Box::new(layer) as Boxed);
        Dispatch::new(registry().with([fmt].into_iter().chain(ours).collect::<Vec<_>>()))
    }),
    ("ours reloadable", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        on_top(
            registry().with(fmt),
            parts.ours.map(|layer| reload::Layer::new(layer).0),
        )
    }),
    ("another of ours after it", false, |parts| {
        let filtered = registry().with(parts.fmt().with_filter(parts.env_filter()));
        match parts.ours {
            Some(ours) => Dispatch::new(filtered.with(ours).with(Capture::new().layer())),
            None => Dispatch::new(filtered),
        }
    }),
    ("a boxed subscriber", true, |parts| {
        let filtered = registry().with(parts.env_filter()).with(parts.fmt());
        let boxed: Box<dyn Subscriber + Send + Sync> = match parts.ours {
            Some(ours) => Box::new(filtered.with(ours)),
            None => Box::new(filtered),
        };
        Dispatch::new(boxed)
    }),
    ("OpenTelemetry's layer without a filter", false, |parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        on_top(registry().with(fmt).with(parts.open_telemetry()), parts.ours)
    }),
    (
        "OpenTelemetry's layer under an EnvFilter, after ours",
        false,
        |mut parts| match parts.ours.take() {
            Some(ours) => {
                let theirs = parts.open_telemetry().with_filter(parts.env_filter());
                Dispatch::new(registry().with(ours).with(theirs))
            }
            None => Dispatch::new(registry().with(parts.open_telemetry().with_filter(parts.env_filter()))),
        },
    ),
];

/// One after the other: the greatest level is the process's.
#[test]
fn beside_others() {
    the_same_three_observations_arrive_or_one_line_says_what_hides_them_and_no_neighbour_loses_a_thing();
    in_a_chain_the_upper_layer_alone_says_which_levels_there_are();
    nobody_sees_what_is_said_through_opentelemetrys_own_api_but_opentelemetry();
}

fn the_same_three_observations_arrive_or_one_line_says_what_hides_them_and_no_neighbour_loses_a_thing() {
    for (name, stands_before_ours, compose) in COMPOSITIONS {
        for directives in ["", "warn", "info", "debug"] {
            let case = format!("{name}, {directives:?}");
            let (arrived, said, with) = run(directives, true, compose);
            let hidden = stands_before_ours && matches!(directives, "" | "warn");
            if hidden {
                assert_eq!((arrived, said), (vec![], vec![HIDDEN.to_owned()]), "{case}");
            } else {
                assert_eq!(
                    (arrived, said),
                    (SHOWN.map(str::to_owned).into(), vec![]),
                    "{case}"
                );
            }
            let (_, _, without) = run(directives, false, compose);
            assert_eq!(
                with, without,
                "{case}: what the neighbours see with us and without"
            );
        }
    }
}

fn in_a_chain_the_upper_layer_alone_says_which_levels_there_are() {
    let chain = |parts: Parts| {
        let fmt = parts.fmt().with_filter(parts.env_filter());
        match parts.ours {
            Some(ours) => Dispatch::new(registry().with(fmt.and_then(ours))),
            None => Dispatch::new(registry().with(fmt)),
        }
    };
    let (arrived, _, (with, _)) = run("debug", true, chain);
    let (_, _, (without, _)) = run("debug", false, chain);
    assert_eq!(arrived, SHOWN);
    // fixme: when this fails, tokio-rs/tracing#2352 is mended, and the advice against `and_then` can go.
    assert!(
        without.contains("thinking") && !with.contains("thinking"),
        "{with}"
    );
}

fn nobody_sees_what_is_said_through_opentelemetrys_own_api_but_opentelemetry() {
    let (arrived, llm, ours, _) = pipeline();
    let parts = Parts {
        ours: None,
        directives: "",
        page: Page::default(),
        spans: Spans::default(),
    };
    let theirs = parts.spans.clone();
    let dispatch = Dispatch::new(registry().with(parts.open_telemetry()).with(ours));
    dispatcher::with_default(&dispatch, || {
        let span = info_span!("call", app.kept = 1);
        span.set_attribute("app.lost", 2);
    });
    llm.flush_blocking(Duration::from_secs(60));
    let metadata = arrived.0.lock().unwrap()[0].metadata.clone();
    assert_eq!(metadata, ["app.kept"]);
    let theirs = theirs.0.lock().unwrap();
    let keys: Vec<_> = theirs[0].attributes.iter().map(|one| one.key.as_str()).collect();
    assert!(
        keys.contains(&"app.lost") && keys.contains(&"app.kept"),
        "{keys:?}"
    );
}

/// What arrived, what was said, and what the neighbours saw.
fn run(
    directives: &'static str,
    with_ours: bool,
    compose: fn(Parts) -> Dispatch,
) -> (Vec<String>, Vec<String>, (String, Vec<String>)) {
    let (arrived, llm, layer, lines) = pipeline();
    let (page, spans) = (Page::default(), Spans::default());
    let dispatch = compose(Parts {
        ours: with_ours.then_some(layer),
        directives,
        page: page.clone(),
        spans: spans.clone(),
    });
    dispatcher::with_default(&dispatch, work);
    drop(dispatch);
    // Twice: what is said is said once.
    llm.flush_blocking(Duration::from_secs(60));
    llm.flush_blocking(Duration::from_secs(60));
    (arrived.lines(), lines.all(), (page.text(), spans.names()))
}

fn pipeline() -> (Arrived, Guard, LlmLayer, Lines) {
    let (arrived, lines) = (Arrived::default(), Lines::default());
    let (layer, llm) = tracing_llm::builder()
        .exporter(arrived.clone(), Scope::Observations)
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    (arrived, llm, layer, lines)
}

/// What our pipeline delivered.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<Vec<One>>>);

struct One {
    id: SpanId,
    parent: Option<SpanId>,
    kind: &'static str,
    name: String,
    metadata: Vec<String>,
}

impl Arrived {
    fn lines(&self) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let names: HashMap<_, _> = all.iter().map(|one| (one.id, one.name.as_str())).collect();
        let parent = |one: &One| one.parent.map_or("nothing", |id| names[&id]);
        all.iter()
            .map(|one| format!("{} {} < {}", one.kind, one.name, parent(one)))
            .collect()
    }
}

impl Exporter for Arrived {
    fn name(&self) -> &str {
        "arrived"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        let ones = batch.observations().map(|one| One {
            id: one.id(),
            parent: batch.parent(one),
            kind: one.kind().as_str(),
            name: one.name().to_owned(),
            metadata: one.metadata().map(|(key, _)| key.to_owned()).collect(),
        });
        self.0.lock().unwrap().extend(ones);
        Box::pin(async { Ok(Exported::all()) })
    }
}

/// What `fmt` wrote.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What OpenTelemetry's pipeline delivered.
#[derive(Clone, Default, Debug)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl Spans {
    /// With the name of each one's parent.
    fn names(&self) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let name = |id| {
            all.iter()
                .find(|one| one.span_context.span_id() == id)
                .map_or("nothing", |one| &one.name)
        };
        all.iter()
            .map(|one| format!("{} < {}", one.name, name(one.parent_span_id)))
            .collect()
    }
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}
