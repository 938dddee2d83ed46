//! An exporter of the SDK's as one of ours.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanExporter;
use tokio::task::JoinHandle;
use tracing::dispatcher::{self, Dispatch};

use super::span;
use crate::dialect::Dialect;
use crate::export::{Batch, ExportError, ExportFuture, Exported, Exporter};
use crate::http::one_line;
use crate::id::SpanId;
use crate::model::Observation;

/// Sends batches through an exporter of the SDK's.
///
/// Such an exporter may block, as that of `opentelemetry-otlp` over HTTP does by default, or want a Tokio runtime around
/// it, as that over gRPC does. So it runs on a thread of the runtime's that may block: there it finds both, and one that
/// hangs holds up nobody.
pub(crate) struct SdkExporter<D, E: SpanExporter> {
    name: &'static str,
    dialect: D,
    scope: InstrumentationScope,
    exporter: Arc<E>,
    judge: Judge,
    /// The export that is running: it is never called a second time before the first is over.
    flight: Option<Flight>,
    /// What it took after the attempt had been given up.
    taken: Vec<SpanId>,
    /// How many answers in a row said nothing certain.
    doubts: u32,
}

/// What a failure means.
pub(crate) type Judge = fn(&OTelSdkError) -> Failure;

/// What a failure means for a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// As it says.
    Certain(ExportError),
    /// Perhaps it passes, perhaps never: tried again some times, and then as it says.
    Doubtful(ExportError),
}

/// An export on its way.
struct Flight {
    /// The observations of its batch.
    batch: Vec<SpanId>,
    running: JoinHandle<OTelSdkResult>,
}

/// So often a doubtful failure is tried again: some 10 s by the lane's back-off.
const MOST_DOUBTS: u32 = 4;

impl<D: Dialect, E: SpanExporter + 'static> SdkExporter<D, E> {
    /// An exporter of this name that says what the dialect says.
    pub(crate) fn new(name: &'static str, mut exporter: E, dialect: D, judge: Judge) -> Self {
        exporter.set_resource(&span::resource(&dialect));
        Self {
            name,
            scope: span::scope(&dialect),
            dialect,
            exporter: Arc::new(exporter),
            judge,
            flight: None,
            taken: Vec::new(),
            doubts: 0,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Exported, ExportError> {
        if let Some(flight) = &mut self.flight {
            let answer = (&mut flight.running).await;
            let batch = mem::take(&mut flight.batch);
            self.flight = None;
            self.taken = if matches!(answer, Ok(Ok(()))) {
                batch
            } else {
                Vec::new()
            };
        }
        // The lane gave an attempt up and makes it again, whole or in halves: what was taken is not sent again.
        if batch.observations().all(|one| self.taken.contains(&one.id())) {
            return self.read(Ok(()));
        }
        self.taken.clear();
        let flight = self.flight.insert(Flight {
            batch: batch.observations().map(Observation::id).collect(),
            running: self.start(batch),
        });
        let answer = (&mut flight.running).await;
        self.flight = None;
        match answer {
            Ok(answer) => self.read(answer),
            // The lane knows what to do with a panic.
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(ExportError::retry("the export was given up")),
            },
        }
    }

    fn start(&self, batch: &Batch) -> JoinHandle<OTelSdkResult> {
        let (dialect, scope) = (&self.dialect, &self.scope);
        let spans = batch.observations();
        let spans = spans.map(|observation| span::span_data(observation, batch.lane(), dialect, scope));
        let (spans, exporter) = (spans.collect(), Arc::clone(&self.exporter));
        tokio::task::spawn_blocking(move || {
            // What it does is not observed, as with every other exporter.
            dispatcher::with_default(&Dispatch::none(), || block_on(exporter.export(spans)))
        })
    }

    fn read(&mut self, answer: OTelSdkResult) -> Result<Exported, ExportError> {
        let failure = match answer {
            Ok(()) => None,
            Err(error) => Some((self.judge)(&error)),
        };
        match failure {
            Some(Failure::Doubtful(error)) if self.doubts < MOST_DOUBTS => {
                self.doubts += 1;
                Err(ExportError::retry(error.to_string()))
            }
            Some(Failure::Doubtful(error) | Failure::Certain(error)) => {
                self.doubts = 0;
                Err(error)
            }
            None => {
                self.doubts = 0;
                Ok(Exported::all())
            }
        }
    }
}

impl<D: Dialect, E: SpanExporter + 'static> Exporter for SdkExporter<D, E> {
    fn name(&self) -> &str {
        self.name
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        Box::pin(self.send(batch))
    }
}

impl<D, E: SpanExporter> Drop for SdkExporter<D, E> {
    /// The pipeline drops its exporters where they may block, and within the time of the shutdown.
    fn drop(&mut self) {
        let shutdown = || self.exporter.shutdown();
        let _ = catch_unwind(AssertUnwindSafe(shutdown));
    }
}

impl<D, E: SpanExporter> fmt::Debug for SdkExporter<D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkExporter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a failure of an exporter that nobody knows means. The SDK leaves it to the exporter to try again, and keeps the
/// reason to its text.
pub(crate) fn judge(error: &OTelSdkError) -> Failure {
    let said = one_line(&error.to_string());
    match error {
        OTelSdkError::AlreadyShutdown => Failure::Certain(ExportError::reject(said)),
        OTelSdkError::Timeout(_) => Failure::Certain(ExportError::retry(said).ambiguous()),
        OTelSdkError::InternalFailure(_) => Failure::Doubtful(ExportError::reject(said)),
    }
}

/// Waits for a future on a thread that may block. Tokio's own `block_on` forbids to block within the future.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes a thread up.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use opentelemetry_sdk::trace::SpanData;

    use super::*;
    use crate::dialect::GenAiDialect;
    use crate::otlp::fixture::Draft;

    struct Fake<F>(F);

    impl<F> fmt::Debug for Fake<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Fake")
        }
    }

    impl<F: Fn(Vec<SpanData>) -> OTelSdkResult + Send + Sync> SpanExporter for Fake<F> {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            (self.0)(batch)
        }
    }

    fn exporter<E: SpanExporter + 'static>(exporter: E) -> SdkExporter<GenAiDialect, E> {
        SdkExporter::new("sdk", exporter, GenAiDialect::new(Arc::default(), true), judge)
    }

    fn batch(name: &'static str) -> Batch {
        Batch::new(0, vec![Arc::new(Draft::new(name).build())])
    }

    fn failed(message: &str) -> OTelSdkResult {
        Err(OTelSdkError::InternalFailure(message.to_owned()))
    }

    /// An exporter that blocks its thread until it is let go, and what it was given.
    fn blocking() -> (impl SpanExporter, mpsc::Sender<()>, Arc<Mutex<Vec<String>>>) {
        let (go, wait) = mpsc::channel();
        let (wait, names) = (Mutex::new(wait), Arc::new(Mutex::new(Vec::new())));
        let (taken, inside) = (Arc::clone(&names), AtomicUsize::new(0));
        let export = move |spans: Vec<SpanData>| {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "called while it runs");
            taken
                .lock()
                .unwrap()
                .extend(spans.into_iter().map(|span| span.name.into_owned()));
            wait.lock().unwrap().recv().unwrap();
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        (Fake(export), go, names)
    }

    /// Starts an export and gives it up, as the lane does when its time is over.
    async fn give_up(exporter: &mut impl Exporter, batch: &Batch) {
        let given_up = tokio::time::timeout(Duration::ZERO, exporter.export(batch)).await;
        assert!(given_up.is_err());
    }

    #[tokio::test]
    async fn an_export_that_was_given_up_and_ends_well_is_not_made_again() {
        let (sdk, go, names) = blocking();
        let mut exporter = exporter(sdk);
        give_up(&mut exporter, &batch("a")).await;
        give_up(&mut exporter, &batch("a")).await;
        go.send(()).unwrap();
        assert_eq!(exporter.export(&batch("a")).await, Ok(Exported::all()));
        assert_eq!(*names.lock().unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn nor_are_its_halves() {
        let (sdk, go, names) = blocking();
        let mut exporter = exporter(sdk);
        let (a, b) = (batch("a").into_observations(), batch("b").into_observations());
        let whole = Batch::new(0, [a.clone(), b.clone()].concat());
        give_up(&mut exporter, &whole).await;
        go.send(()).unwrap();
        for half in [a, b] {
            let half = Batch::new(0, half);
            assert_eq!(exporter.export(&half).await, Ok(Exported::all()));
        }
        assert_eq!(*names.lock().unwrap(), ["a", "b"]);
        go.send(()).unwrap();
        assert_eq!(exporter.export(&batch("c")).await, Ok(Exported::all()));
    }

    #[tokio::test]
    async fn another_batch_waits_for_it_and_is_sent() {
        let (sdk, go, names) = blocking();
        let mut exporter = exporter(sdk);
        give_up(&mut exporter, &batch("a")).await;
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert_eq!(exporter.export(&batch("b")).await, Ok(Exported::all()));
        assert_eq!(*names.lock().unwrap(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_failure_that_may_pass_is_tried_again_but_not_for_ever() {
        let calls = AtomicUsize::new(0);
        let answer = move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            6 => Ok(()),
            _ => failed("down"),
        };
        let mut exporter = exporter(Fake(answer));
        let mut again = Vec::new();
        for _ in 0..8 {
            match exporter.export(&batch("a")).await {
                Ok(_) => again.push("taken"),
                Err(error) => {
                    assert_eq!(error.to_string(), "Operation failed: down");
                    again.push(if error.is_retryable() { "again" } else { "never" });
                }
            }
        }
        let (a, n) = ("again", "never");
        assert_eq!(again, [a, a, a, a, n, a, "taken", a]);
    }

    #[test]
    fn what_a_failure_means() {
        let certain = |error: &OTelSdkError| match judge(error) {
            Failure::Certain(error) => error,
            Failure::Doubtful(error) => panic!("{error}"),
        };
        let late = certain(&OTelSdkError::Timeout(Duration::from_secs(3)));
        assert!(late.is_retryable() && late.is_ambiguous());
        assert!(!certain(&OTelSdkError::AlreadyShutdown).is_retryable());
        let Failure::Doubtful(error) = judge(&OTelSdkError::InternalFailure("a\nb".repeat(200))) else {
            panic!("nobody knows what it means");
        };
        let said = error.to_string();
        assert!(said.starts_with("Operation failed: a ba b") && said.ends_with('…'));
        assert_eq!(said.chars().count(), 201);
    }

    #[tokio::test]
    async fn it_may_block_and_finds_a_runtime_and_no_subscriber() {
        #[derive(Debug)]
        struct Curious;
        impl SpanExporter for Curious {
            async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
                // What reqwest's blocking client does, and what panics where one must not block.
                drop(tokio::runtime::Builder::new_current_thread().build());
                tokio::task::yield_now().await;
                let timer = tokio::time::timeout(Duration::from_secs(60), tokio::spawn(async { 7 })).await;
                assert_eq!(timer.unwrap().unwrap(), 7);
                assert!(tracing::info_span!("inner").is_disabled());
                Ok(())
            }
        }
        let _default = tracing::subscriber::set_default(tracing_subscriber::registry());
        assert!(!tracing::info_span!("outer").is_disabled());
        assert_eq!(exporter(Curious).export(&batch("a")).await, Ok(Exported::all()));
    }

    #[test]
    fn when_it_is_dropped_the_sdks_is_shut_down_and_a_panic_there_stays_there() {
        #[derive(Debug)]
        struct Fragile(Arc<AtomicUsize>);
        impl SpanExporter for Fragile {
            async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
                Ok(())
            }
            fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
                self.0.fetch_add(1, Ordering::SeqCst);
                panic!("planted");
            }
        }
        let count = Arc::new(AtomicUsize::new(0));
        drop(exporter(Fragile(Arc::clone(&count))));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
