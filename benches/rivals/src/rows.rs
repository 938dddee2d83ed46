//! What is compared: each is a way to have this program's spans delivered, or not.

mod fastrace;
#[cfg(feature = "ours")]
pub(crate) mod ours;
mod sdk;

use std::process::Command;
use std::str::FromStr;
use std::{env, fmt};

use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::Result;
use crate::helper::Helper;
use crate::sink::Arrived;
use crate::workloads::{Api, with_fastrace, with_tracing};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Row {
    Registry,
    Otlp,
    OtlpGzip,
    OtlpGzipAlone,
    Pair,
    PairTuned,
    Fastrace,
    Ours,
    OursGzip,
    HiddenByLevel,
    HiddenByFilter,
    SampledOut,
}

impl Row {
    /// All that are timed, span by span.
    pub(crate) const TIMED: [Self; 9] = [
        Self::Registry,
        Self::Otlp,
        Self::Pair,
        Self::PairTuned,
        Self::Fastrace,
        Self::Ours,
        Self::HiddenByLevel,
        Self::HiddenByFilter,
        Self::SampledOut,
    ];

    /// Its name on a command line, and what it is.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Registry => ("registry", "bare `Registry`"),
            Self::Otlp => ("otlp", "(g) tracing-opentelemetry, one batch processor: OTLP"),
            Self::OtlpGzip => ("otlp-gzip", "(g) with gzip by zlib-rs, as beside tracing-llm"),
            Self::OtlpGzipAlone => (
                "otlp-gzip-alone",
                "(g) with its gzip, in a build without tracing-llm",
            ),
            Self::Pair => (
                "pair",
                "(i) tracing-opentelemetry, two as people write it: OTLP, opentelemetry-langfuse",
            ),
            Self::PairTuned => (
                "pair-tuned",
                "(i3) the same tuned: both opentelemetry-otlp, extras off",
            ),
            Self::Fastrace => ("fastrace", "fastrace, its own API: OTLP"),
            Self::Ours => ("ours", "**tracing-llm: OTLP and Langfuse**"),
            Self::OursGzip => ("ours-gzip", "**tracing-llm, both with gzip**"),
            Self::HiddenByLevel => ("hidden-by-level", "tracing-llm, span below its `level`"),
            Self::HiddenByFilter => (
                "hidden-by-filter",
                "tracing-llm, span hidden by the `filter` of both destinations",
            ),
            Self::SampledOut => (
                "sampled-out",
                "tracing-llm, trace not sampled (`sample_rate(0.0)`)",
            ),
        }
    }

    pub(crate) fn label(self) -> &'static str {
        self.words().1
    }

    /// Whether spans go to OTLP, and whether to Langfuse.
    pub(crate) fn destinations(self) -> [bool; 2] {
        match self {
            Self::Registry | Self::HiddenByLevel | Self::HiddenByFilter | Self::SampledOut => [false, false],
            Self::Otlp | Self::OtlpGzip | Self::OtlpGzipAlone | Self::Fastrace => [true, false],
            Self::Pair | Self::PairTuned | Self::Ours | Self::OursGzip => [true, true],
        }
    }

    fn is_packed(self) -> bool {
        matches!(self, Self::OtlpGzip | Self::OtlpGzipAlone | Self::OursGzip)
    }

    /// Whether it counts what becomes of each span.
    pub(crate) fn keeps_books(self) -> bool {
        matches!(self, Self::Ours | Self::OursGzip)
    }

    /// Starts this program for the row, or the one beside it that was built without tracing-llm.
    pub(crate) fn process(self, words: &[&str]) -> Result<Helper> {
        match self {
            Self::OtlpGzipAlone => {
                Helper::run(Command::new(env::current_exe()?.with_file_name("rivals-alone")).args(words))
            }
            _ => Helper::start(words),
        }
    }

    /// Whether what arrived is compressed where the row says so, and nowhere else.
    pub(crate) fn check_packing(self, arrived: &[Arrived; 2]) -> Result<()> {
        let packed = arrived.iter().any(|it| it.packed > 0);
        let plain = arrived.iter().any(|it| it.bytes > 0 && it.packed == 0);
        if (self.is_packed() && plain) || (!self.is_packed() && packed) {
            return Err(format!("{self}: bodies are not packed as they should be: {arrived:?}").into());
        }
        Ok(())
    }

    /// Sets this process up so, to send to this port. The runtime is the application's own.
    pub(crate) fn open(self, port: u16, runtime: &Runtime) -> Result<Ground> {
        let subscriber = registry().with(LevelFilter::INFO);
        let delivery: Box<dyn Delivery> = match self {
            Self::Registry => {
                set_global_default(subscriber)?;
                Box::new(Nothing)
            }
            Self::Otlp | Self::OtlpGzip | Self::OtlpGzipAlone | Self::Pair | Self::PairTuned => {
                let provider = match self {
                    Self::Pair => sdk::pair(port, runtime)?,
                    Self::PairTuned => sdk::pair_tuned(port)?,
                    _ => sdk::one(port, self.is_packed())?,
                };
                set_global_default(subscriber.with(sdk::layer(&provider, self == Self::PairTuned)))?;
                Box::new(provider)
            }
            Self::Fastrace => Box::new(fastrace::open(port)?),
            #[cfg(feature = "ours")]
            Self::Ours | Self::OursGzip | Self::HiddenByLevel | Self::HiddenByFilter | Self::SampledOut => {
                let (layer, llm) = ours::builder(self, port).build()?;
                set_global_default(subscriber.with(layer))?;
                Box::new(llm)
            }
            #[cfg(not(feature = "ours"))]
            _ => return Err("this build is without tracing-llm".into()),
        };
        let api = match self {
            Self::Fastrace => with_fastrace::API,
            _ => with_tracing::API,
        };
        Ok(Ground { api, delivery })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().0)
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let mut all = Self::TIMED
            .into_iter()
            .chain([Self::OtlpGzip, Self::OtlpGzipAlone, Self::OursGzip]);
        let found = all.find(|it| it.to_string() == name);
        found.ok_or_else(|| format!("no row is called {name:?}"))
    }
}

/// A process that has been set up.
pub(crate) struct Ground {
    pub(crate) api: Api,
    pub(crate) delivery: Box<dyn Delivery>,
}

/// Who delivers.
pub(crate) trait Delivery: Sync {
    /// Returns when what has ended is delivered, or was dropped.
    fn flush(&self) -> Result<()>;

    /// What the books say of OTLP and then of Langfuse: spans offered, exported, failed, dropped, queued. The rivals keep none.
    fn books(&self) -> Option<[[u64; 5]; 2]> {
        None
    }
}

struct Nothing;

impl Delivery for Nothing {
    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
