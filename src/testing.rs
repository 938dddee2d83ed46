//! A test kit: what a piece of code shows, offline, with ids and times that do not change.
//!
//! ```
//! use tracing_llm::testing::Capture;
//!
//! #[tracing::instrument(ret)]
//! fn answer(question: &str) -> String {
//!     question.to_uppercase()
//! }
//!
//! let capture = Capture::new();
//! capture.run(|| answer("how long?"));
//! assert_eq!(
//!     capture.tree(),
//!     r#"
//! span answer
//!   in:     {"question":"how long?"}
//!   out:    HOW LONG?
//!   meta:   {"question":"how long?"}
//! "#
//! );
//! ```

mod tree;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::clock::Clock;
pub use crate::clock::ManualClock;
use crate::diag::Diagnostics;
use crate::error::Error;
use crate::id::{Ids, TraceId};
use crate::layer::{LlmLayer, Settings};
use crate::manual::StartTrace;
use crate::model::{Callsite, Fields, Lane, Lanes, Observation, Recorded, Shared};
use crate::process::{Masker, PriceTable, Prices};
use crate::read::Reader;
use crate::sink::{Sink, Source};

/// Everything that is recorded, infrastructure too: what OTLP shows.
const EVERYTHING: Lane = 0;
/// Observations only: what Langfuse shows.
const OBSERVATIONS: Lane = 1;

/// Records what the code under test does. Ids count from 1 and the clock stands until it is moved.
#[derive(Clone, Debug)]
pub struct Capture {
    memory: Arc<Memory>,
    clock: ManualClock,
    ids: Ids,
    level: tracing::Level,
    plain_names: bool,
    error_events: bool,
}

impl Capture {
    /// Records spans from INFO up.
    #[must_use]
    pub fn new() -> Self {
        Self {
            memory: Arc::default(),
            clock: ManualClock::new(),
            ids: Ids::sequential(),
            level: tracing::Level::INFO,
            plain_names: true,
            error_events: true,
        }
    }

    /// Records spans from another level up.
    #[must_use]
    pub fn with_level(mut self, level: tracing::Level) -> Self {
        self.level = level;
        self
    }

    /// Gives calls their cost by this table alone. Without one they have the cost that the code says: the list prices
    /// that the crate ships change with it, and tests should not.
    ///
    /// # Errors
    ///
    /// A row of the table cannot be; the message names it.
    pub fn with_prices(mut self, prices: PriceTable) -> Result<Self, Error> {
        let memory = Memory {
            prices: Prices::only(&prices)?,
            ..Memory::default()
        };
        self.memory = Arc::new(memory);
        Ok(self)
    }

    /// Without the meaning of obvious words, without that of ERROR events.
    #[cfg(test)]
    pub(crate) fn with_switches(mut self, plain_names: bool, error_events: bool) -> Self {
        (self.plain_names, self.error_events) = (plain_names, error_events);
        self
    }

    /// The layer alone, for a subscriber of one's own.
    #[must_use]
    pub fn layer(&self) -> LlmLayer {
        let said = Arc::clone(&self.memory);
        LlmLayer::new(Settings {
            source: self.source(),
            diagnostics: Diagnostics::new(move |line| lock(&said.said).push(line.to_owned())),
            level: self.level,
            plain_names: self.plain_names,
            error_events: self.error_events,
        })
    }

    /// A trace made by hand, as [`Pipeline::trace`](crate::Pipeline::trace) makes one.
    pub fn trace(&self, name: impl Into<String>) -> StartTrace {
        StartTrace::new(self.source(), name.into())
    }

    fn source(&self) -> Source {
        Source {
            sink: Arc::clone(&self.memory) as _,
            clock: Clock::Manual(self.clock.clone()),
            ids: self.ids.clone(),
        }
    }

    /// Runs code on this thread with the layer around it.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::registry().with(self.layer());
        tracing::dispatcher::with_default(&Dispatch::new(subscriber), code)
    }

    /// The clock, to be moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What has ended so far, in that order.
    #[must_use]
    pub fn observations(&self) -> Vec<Arc<Observation>> {
        lock(&self.memory.finished).clone()
    }

    /// The observation with this name; of several the one that ended last.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Observation>> {
        lock(&self.memory.finished)
            .iter()
            .rfind(|observation| observation.name() == name)
            .cloned()
    }

    /// The lines that the layer had to say.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.memory.said).clone()
    }

    /// What has ended, as an indented text with a line for each fact; infrastructure is left out, as Langfuse leaves
    /// it out. It begins with a line break, so that it stands well in a raw string.
    #[must_use]
    pub fn tree(&self) -> String {
        self.render(OBSERVATIONS)
    }

    /// The same with infrastructure, events and links, as OTLP shows it.
    #[must_use]
    pub fn whole_tree(&self) -> String {
        self.render(EVERYTHING)
    }

    fn render(&self, lane: Lane) -> String {
        let observations = self.observations();
        let shown: Vec<&Observation> = observations
            .iter()
            .map(AsRef::as_ref)
            .filter(|one| one.shown().contains(lane))
            .collect();
        tree::render(&shown, lane, lane == EVERYTHING)
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

/// A sink that reads at once and keeps everything.
#[derive(Debug, Default)]
struct Memory {
    finished: Mutex<Vec<Shared>>,
    said: Mutex<Vec<String>>,
    prices: Prices,
}

impl Sink for Memory {
    fn lanes(&self) -> Lanes {
        [EVERYTHING, OBSERVATIONS].into_iter().collect()
    }

    fn shown(&self, callsite: &Callsite) -> Lanes {
        if callsite.hidden {
            [EVERYTHING].into_iter().collect()
        } else {
            self.lanes()
        }
    }

    fn sample(&self, _: TraceId) -> Lanes {
        self.lanes()
    }

    fn open(&self) {}

    fn finish(&self, recorded: Recorded) {
        let mut observation = Reader::default().read(recorded);
        Masker::default().mask(&mut observation);
        self.prices.price(&mut observation);
        lock(&self.finished).push(Arc::new(observation));
    }

    fn buffer(&self) -> Fields {
        Fields::default()
    }

    fn late(&self) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
