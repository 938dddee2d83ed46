//! What the crate costs before the first span: time to it, crates, time to compile, size of a binary.

mod builds;

use std::time::Instant;

use tokio::runtime::Builder;
use tracing::info_span;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::Result;
use crate::figures::{Middle, Table, whole};
use crate::helper::Helper;
use crate::rows::{Row, ours};
use crate::scale::Scale;
use crate::sink::{PUBLIC_KEY, SECRET_KEY, Sink};
use builds::Builds;

/// How a process begins, on a command line and in the table.
const WAYS: [(&str, &str); 4] = [
    ("registry", "bare `Registry`"),
    (
        "pair",
        "(i) tracing-opentelemetry, OTLP and Langfuse over `http://`",
    ),
    (
        "ours",
        "**tracing-llm, `init()`, OTLP and Langfuse over `http://`**",
    ),
    ("ours-tls", "**the same over `https://`**"),
];

pub(crate) struct Startup {
    /// Of each of [`WAYS`], in microseconds.
    first_span: Vec<Middle>,
    pub(crate) crates: f64,
    builds: Option<Builds>,
}

impl Startup {
    pub(crate) fn measure(sink: &mut Sink, scale: &Scale) -> Result<Self> {
        let port = sink.port()?.to_string();
        let mut samples = vec![Vec::new(); WAYS.len()];
        for _ in 0..scale.starts {
            for ((way, _), samples) in WAYS.iter().zip(&mut samples) {
                let mut process = Helper::start(&["start", way, &port])?;
                samples.push(process.answer()?.parse::<f64>()? / 1e3);
                process.end()?;
            }
        }
        let middles = samples.into_iter().map(|it| Middle::of(it).ok_or("no starts"));
        Ok(Self {
            first_span: middles.collect::<std::result::Result<_, _>>()?,
            crates: builds::crates()?,
            builds: if scale.is_whole {
                Some(Builds::measure()?)
            } else {
                None
            },
        })
    }

    pub(crate) fn show(&self) {
        println!("#### Start-up and binary\n");
        let mut table = Table::new(&[
            "from the beginning of the set-up to the end of the first span, in a new process",
            "median µs",
        ]);
        for ((_, label), middle) in WAYS.iter().zip(&self.first_span) {
            table.row(&[(*label).to_owned(), whole(middle.median)]);
        }
        println!("{table}");
        let mut table = Table::new(&["build", "figure"]);
        table.row(&["crates with default features".to_owned(), whole(self.crates)]);
        if let Some(builds) = &self.builds {
            builds.rows(&mut table);
        }
        println!("{table}");
    }
}

/// The process that begins: it says how many nanoseconds passed, and ends without sending anything.
pub(crate) fn main(way: &str, port: u16) -> Result<()> {
    // A program has its runtime before; only (i) needs one.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let start = Instant::now();
    let mut guard = None;
    match way {
        "registry" => set_global_default(registry().with(LevelFilter::INFO))?,
        "pair" => drop(Row::Pair.open(port, &runtime)?),
        "ours" => {
            let (langfuse, otlp) = ours::destinations(port);
            guard = Some(tracing_llm::builder().langfuse(langfuse).otlp_to(otlp).init()?);
        }
        _ => {
            // Nobody is asked: nothing is sent before the end.
            let (host, collector) = (
                "https://langfuse.example.com",
                "https://otlp.example.com/v1/traces",
            );
            let langfuse = tracing_llm::Langfuse::builder(PUBLIC_KEY, SECRET_KEY).base_url(host);
            let builder = tracing_llm::builder().langfuse(langfuse);
            guard = Some(builder.otlp_to(tracing_llm::Otlp::new(collector)).init()?);
        }
    }
    info_span!("first").in_scope(|| {});
    println!("{}", start.elapsed().as_nanos());
    // As at a crash: what waits is not sent, and nothing is waited for.
    std::mem::forget(guard);
    std::process::exit(0)
}
