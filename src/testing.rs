//! A test kit: what a piece of code shows, offline, with ids and times that do not change.
//!
//! ```
//! use tracing_llm::testing::Capture;
//! use tracing_llm::{Price, PriceTable, Usage, current};
//!
//! #[tracing::instrument(fields(as_type = "agent"), ret)]
//! fn answer(question: &str) -> String {
//!     let draft = generate(question);
//!     generate(&format!("Shorten: {draft}"))
//! }
//!
//! #[tracing::instrument(fields(model = "mistral-7b", temperature = 0.2), ret)]
//! fn generate(prompt: &str) -> String {
//!     // … a model answers, or what stands for it in tests …
//!     current().usage(Usage::new(prompt.len(), 4));
//!     "Seven years.".to_owned()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prices = PriceTable::new().per_thousand("mistral-7b", Price::new(0.0001, 0.0002));
//! let capture = Capture::new().with_prices(prices)?;
//! let answer = capture.run(|| answer("How long do we keep invoices?"));
//!
//! assert_eq!(answer, "Seven years.");
//! let captured = capture.captured();
//! // At most two generations, under one cent; the tree is printed when that does not hold.
//! assert!(captured.generations().len() <= 2, "{captured}");
//! assert!(captured.cost()? < 0.01, "{captured}");
//! assert_eq!(captured.usage().get("total"), Some(58));
//!
//! // Reads of one observation are ordinary types.
//! let root = captured.find("answer")?;
//! assert_eq!(captured.children_of(root).len(), 2);
//! assert_eq!(root.output().as_deref(), Some("Seven years."));
//! # Ok(())
//! # }
//! ```
//!
//! [`capture`] and [`capture_async`] are the same in one call. The text of what was captured is a snapshot:
//!
//! ```
//! use tracing_llm::testing::capture;
//!
//! #[tracing::instrument(ret)]
//! fn answer(question: &str) -> String {
//!     question.to_uppercase()
//! }
//!
//! let (_, captured) = capture(|| answer("how long?"));
//! assert_eq!(
//!     captured.to_string(),
//!     r#"
//! span answer
//!   in:     {"question":"how long?"}
//!   out:    HOW LONG?
//!   meta:   {"question":"how long?"}
//! "#
//! );
//! ```
//!
//! # What does not change
//!
//! Ids count from 1. The clock stands at 2026-01-01T00:00:00Z and nothing moves it but [`Capture::clock`], so what is
//! not moved took no time, and the tree shows no durations. A cost is what the code says, or what the prices given
//! say: shipped list prices are asked only by [`Capture::with_shipped_prices`], since they change with this crate.
//! Nothing is sent, no variable is read, and the process's own subscriber sees nothing of what is captured.
//!
//! # Threads and tasks
//!
//! A subscriber of `tracing` is a thread's, and so is a capture. What that means for code that does not stay on one:
//!
//! | the code under test | what is captured |
//! | --- | --- |
//! | runs on the test's thread | all of it |
//! | is a future | [`capture_async`] sees it on whatever threads it is polled, with what it joins and selects over |
//! | spawns tasks on a runtime of one thread | all of it, if the runtime runs inside: `capture.run(\|\| runtime.block_on(code))` |
//! | spawns tasks or threads, and you can change how | all of it: `tokio::spawn(task.with_current_subscriber())` (of `tracing::instrument::WithSubscriber`), `dispatcher::with_default(&capture.dispatch(), \|\| …)` on the other thread |
//! | spawns them out of your reach | nothing of theirs; with [`Capture::install`] all of the process |
//!
//! A span that is kept by another thread ends there, and is captured; but a thread without the capture's subscriber does
//! not let go of the span above it, which then never ends and is missing.
//!
//! Captures do not mix: tests that run at the same time see their own, and of one inside another the inner sees what
//! runs in it, alone. Code that panics is captured up to there, with the panic as an error: hold a [`Capture`], catch the
//! panic, and ask it. What `tracing` compiles out (`max_level_info`, `release_max_level_info`) no test sees.

mod captured;
mod missing;
mod tree;

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::layer::SubscriberExt;

pub use captured::Captured;
pub use missing::{NoCost, NotFound};

use crate::clock::Clock;
pub use crate::clock::ManualClock;
use crate::diag::Diagnostics;
use crate::error::{Error, Kind};
use crate::id::{Ids, SpanId, TraceId};
use crate::layer::{LlmLayer, Settings};
use crate::manual::StartTrace;
use crate::model::{Callsite, Lane, Lanes, Observation, Recorded, Score, Shared, Subject};
use crate::process::{Masker, MediaTaker, PriceTable, Prices};
use crate::read::Reader;
use crate::sink::{Sink, Source};

/// Everything that is recorded, infrastructure too: what OTLP shows.
const EVERYTHING: Lane = 0;
/// Observations only: what Langfuse shows.
const OBSERVATIONS: Lane = 1;

/// Runs code on this thread; answers what it returns, and what it showed.
///
/// The short form of a [`Capture`] without settings.
pub fn capture<T>(code: impl FnOnce() -> T) -> (T, Captured) {
    let capture = Capture::new();
    let returned = capture.run(code);
    (returned, capture.captured())
}

/// Runs a future, on any executor; answers what it returns, and what it showed.
///
/// ```
/// use tracing_llm::testing::capture_async;
///
/// #[tracing::instrument]
/// async fn search(query: &str) {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (_, captured) = capture_async(search("invoices")).await;
/// assert_eq!(captured.observations().len(), 1);
/// # }
/// ```
pub async fn capture_async<F: Future>(code: F) -> (F::Output, Captured) {
    let capture = Capture::new();
    let returned = capture.run_async(code).await;
    (returned, capture.captured())
}

/// Records what the code under test does. Ids count from 1 and the clock stands until it is moved.
#[derive(Clone, Debug)]
pub struct Capture {
    memory: Arc<Memory>,
    clock: ManualClock,
    ids: Ids,
    level: tracing::Level,
    plain_names: bool,
    error_events: bool,
    dispatch: Arc<OnceLock<Dispatch>>,
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
            dispatch: Arc::default(),
        }
    }

    /// Records spans from another level up.
    #[must_use]
    pub fn with_level(mut self, level: tracing::Level) -> Self {
        self.level = level;
        self.dispatch = Arc::default();
        self
    }

    /// Gives calls their cost by this table. Without one they have the cost that the code says.
    ///
    /// # Errors
    ///
    /// A row of the table cannot be; the message names it.
    pub fn with_prices(self, prices: PriceTable) -> Result<Self, Error> {
        let prices = self.memory.prices.clone().and_own(&prices)?;
        Ok(self.priced(prices))
    }

    /// Gives calls that no table of yours knows their cost by the list prices that this crate ships, as a pipeline does.
    /// They change with the crate.
    #[must_use]
    pub fn with_shipped_prices(self) -> Self {
        let prices = self.memory.prices.clone().and_shipped();
        self.priced(prices)
    }

    fn priced(mut self, prices: Prices) -> Self {
        self.memory = Arc::new(Memory {
            prices,
            ..Memory::default()
        });
        self.dispatch = Arc::default();
        self
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

    /// The subscriber of this capture, a registry with the layer: for another thread
    /// (`dispatcher::with_default`), or for a future (`WithSubscriber::with_subscriber`).
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        let make = || Dispatch::new(tracing_subscriber::registry().with(self.layer()));
        self.dispatch.get_or_init(make).clone()
    }

    /// Records the whole process from now on, every thread of it: for code whose threads are out of reach. A process
    /// has one such subscriber, for ever, so this belongs into a test binary with one test (or a runner that gives each
    /// test a process).
    ///
    /// # Errors
    ///
    /// The process has a global subscriber already.
    pub fn install(&self) -> Result<(), Error> {
        dispatcher::set_global_default(self.dispatch()).map_err(|source| {
            let message =
                "a global subscriber is already set: add Capture::layer() to it instead of install()";
            Error::new(Kind::AlreadyInitialized, message).because(source)
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

    /// Runs code on this thread with the layer around it. It may be called again: what ends adds up.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        dispatcher::with_default(&self.dispatch(), code)
    }

    /// Runs a future with the layer around it, whoever polls it.
    pub async fn run_async<F: Future>(&self, code: F) -> F::Output {
        code.with_subscriber(self.dispatch()).await
    }

    /// The clock, to be moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What has ended so far, to be asked.
    #[must_use]
    pub fn captured(&self) -> Captured {
        Captured::new(self.observations(), self.memory.open.load(Ordering::Relaxed))
    }

    /// What has ended so far, in that order, infrastructure too.
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

    /// The text of what has ended so far, as [`Captured`] shows it.
    #[must_use]
    pub fn tree(&self) -> String {
        self.captured().to_string()
    }

    /// The same with infrastructure, events and links, as OTLP shows it.
    #[must_use]
    pub fn whole_tree(&self) -> String {
        self.captured().whole_tree()
    }
}

// A panic inside is part of what is captured, and nothing here is half done after one. The compiler cannot see that of a
// subscriber.
impl UnwindSafe for Capture {}
impl RefUnwindSafe for Capture {}

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
    /// How many have begun and not ended.
    open: AtomicUsize,
    prices: Prices,
}

impl Sink for Memory {
    fn lanes(&self) -> Lanes {
        [EVERYTHING, OBSERVATIONS].into_iter().collect()
    }

    fn observations(&self) -> Lanes {
        [OBSERVATIONS].into_iter().collect()
    }

    fn shown(&self, callsite: &Callsite) -> Lanes {
        if callsite.hidden {
            [EVERYTHING].into_iter().collect()
        } else {
            self.lanes()
        }
    }

    fn samples(&self) -> bool {
        false
    }

    fn sample(&self, _: TraceId) -> Lanes {
        self.lanes()
    }

    fn open(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    fn finish(&self, mut recorded: Box<Recorded>) {
        MediaTaker::default().take(&mut recorded);
        let mut observation = Reader::default().read(recorded);
        Masker::default().mask(&mut observation);
        self.prices.price(&mut observation);
        lock(&self.finished).push(Arc::new(observation));
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn blank(&self, callsite: &Arc<Callsite>, trace: TraceId, id: SpanId) -> Box<Recorded> {
        Box::new(Recorded::new(Arc::clone(callsite), trace, id))
    }

    fn give_back(&self, _: Box<Recorded>) {}

    fn score(&self, _: Score, _: &dyn Fn(Lane) -> Option<Subject>) {}

    fn late(&self) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
