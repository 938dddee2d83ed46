//! What is done while it is measured, in the two APIs that there are.

pub(crate) mod with_fastrace;
pub(crate) mod with_tracing;

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;

use crate::text::Texts;

/// Spans of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// W1: an empty `#[instrument]` span.
    Empty,
    /// W2: a generation, of 12 fields (8 at the start, one of them 2 KB; 4 recorded late, one of them 1 KB) and one event.
    Generation,
    /// W3: an agent's trace of 16 spans on two workers of a runtime: a root, three spawned agents, each of two
    /// generations and two tools.
    Agent,
    /// W4: generations from so many threads at once.
    Threads(usize),
}

impl Workload {
    pub(crate) const ALL: [Self; 5] = [
        Self::Empty,
        Self::Generation,
        Self::Agent,
        Self::Threads(2),
        Self::Threads(8),
    ];

    /// What it is, for the heading of a table.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Empty => "W1, an empty span".to_owned(),
            Self::Generation => "W2, a generation of 3 KB".to_owned(),
            Self::Agent => "W3, an async agent's trace of 16 spans".to_owned(),
            Self::Threads(threads) => format!("W4, generations from {threads} threads at once"),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("W1"),
            Self::Generation => f.write_str("W2"),
            Self::Agent => f.write_str("W3"),
            Self::Threads(threads) => write!(f, "W4-{threads}"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.to_string() == name);
        found.ok_or_else(|| format!("no workload is called {name:?}"))
    }
}

/// A trace that runs on the runtime.
pub(crate) type Trace = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The same work in one API.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    /// So many empty spans.
    pub(crate) empty: fn(u64),
    /// So many generations, the first with this turn.
    pub(crate) generations: fn(&'static Texts, u64, u64),
    /// One trace of [`AGENT_SPANS`] spans.
    pub(crate) agent: fn(&'static Texts, u64) -> Trace,
    /// Does it below a span of its own, which is one more.
    pub(crate) below_a_parent: fn(&mut dyn FnMut()),
}

/// How many spans a trace of [`Workload::Agent`] has.
pub(crate) const AGENT_SPANS: u64 = 1 + AGENTS * (1 + 2 * CALLS);
const AGENTS: u64 = 3;
/// Generations of each agent, and as many tools.
const CALLS: u64 = 2;
