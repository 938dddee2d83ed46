//! The whole pipeline, on its thread, with destinations in memory.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

use super::*;
use crate::export::{Batch, ExportError, ExportFuture, Exported, Exporter, Scope};
use crate::field::Role;
use crate::ledger::Account;
use crate::model::{Head, Recorded};
use crate::sink::Sink as _;

/// Nothing here takes that long; a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(20);

/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(50);

/// A destination that does with a batch what the test says.
struct Fake<F> {
    name: &'static str,
    export: F,
}

impl<F> Exporter for Fake<F>
where
    F: for<'a> FnMut(&'a Batch) -> ExportFuture<'a> + Send + 'static,
{
    fn name(&self) -> &str {
        self.name
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        (self.export)(batch)
    }
}

fn fake<F>(name: &'static str, export: F) -> LaneSpec
where
    F: for<'a> FnMut(&'a Batch) -> ExportFuture<'a> + Send + 'static,
{
    LaneSpec::new(Box::new(Fake { name, export }), Scope::Everything)
}

/// Takes everything.
fn good(name: &'static str) -> LaneSpec {
    fake(name, |_| Box::pin(async { Ok(Exported::all()) }))
}

/// Is never there.
fn dead(name: &'static str) -> LaneSpec {
    fake(name, |_| {
        Box::pin(async { Err(ExportError::retry("connection refused").after(LONG * 2)) })
    })
}

/// Never answers.
fn hung(name: &'static str) -> LaneSpec {
    fake(name, |_| Box::pin(std::future::pending()))
}

/// Answers when the test says so; the receiver has a message for each batch that arrives.
fn gated(name: &'static str) -> (LaneSpec, Arc<Semaphore>, Receiver<usize>) {
    let gate = Arc::new(Semaphore::new(0));
    let (sender, receiver) = channel();
    let opened = gate.clone();
    let spec = fake(name, move |batch| {
        sender.send(batch.len()).unwrap();
        let gate = opened.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(Exported::all())
        })
    });
    (spec, gate, receiver)
}

struct Bench {
    queue: Arc<Queue>,
    guard: Option<Guard>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(lanes: impl IntoIterator<Item = LaneSpec>) -> Self {
        Self::with(&Settings::default(), lanes)
    }

    fn with(settings: &Settings, lanes: impl IntoIterator<Item = LaneSpec>) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = said.clone();
        let diagnostics = Diagnostics::new(move |line| lines.lock().unwrap().push(line.to_owned()));
        let lanes = lanes.into_iter().collect();
        let guard = start(settings, lanes, diagnostics).unwrap();
        let queue = guard.queue.clone();
        Self {
            queue,
            guard: Some(guard),
            said,
        }
    }

    fn end(&self, count: usize) -> &Self {
        for _ in 0..count {
            self.queue.open();
            self.queue.finish(Recorded::sample("sample", self.queue.lanes()));
        }
        self
    }

    fn guard(&self) -> &Guard {
        self.guard.as_ref().unwrap()
    }

    fn flush(&self, wait: Duration) -> String {
        self.guard().flush_blocking(wait).to_string()
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until the account of a lane is as wished.
    fn until(&self, lane: &str, wish: impl Fn(&Account) -> bool) {
        let begin = Instant::now();
        while !self.queue.ledger().lane(lane).is_some_and(&wish) {
            assert!(begin.elapsed() < LONG, "{}", self.queue.ledger());
            thread::yield_now();
        }
    }
}

/// A guard that drops would wait five seconds for a destination that hangs.
impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            let _ = guard.shutdown_blocking(SHORT);
        }
    }
}

/// Runs a future on this thread without any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park_timeout(LONG);
    }
}

/// Panics without the hook, which would write to the test's output.
fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("a test's panic"))
}

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_handles_can_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn sent<T: Send>(value: T) -> T {
        value
    }
    anywhere::<Pipeline>();
    anywhere::<Guard>();
    let bench = Bench::new([good("otlp")]);
    assert!(block_on(sent(bench.guard().flush())).is_complete());
}

#[test]
fn everything_that_has_ended_is_sent_now() {
    let bench = Bench::new([good("langfuse"), good("otlp")]);
    bench.end(3);
    assert_eq!(bench.flush(LONG), "langfuse 3 sent · otlp 3 sent · 0 lost");
    bench.end(1000);
    assert_eq!(bench.flush(LONG), "langfuse 1003 sent · otlp 1003 sent · 0 lost");
    assert!(bench.said().is_empty());
}

#[test]
fn without_a_flush_it_is_sent_after_the_interval() {
    let (mut spec, gate, arrivals) = gated("otlp");
    spec.interval = Duration::ZERO;
    gate.add_permits(9);
    let bench = Bench::new([spec]);
    bench.end(3);
    assert_eq!(arrivals.recv_timeout(LONG), Ok(3));
    bench.until("otlp", |account| account.exported() == 3);
}

#[test]
fn immediately_each_is_sent_as_it_ends_and_what_ends_meanwhile_goes_together() {
    let settings = Settings {
        immediate: true,
        ..Settings::default()
    };
    let (mut spec, gate, arrivals) = gated("otlp");
    // Without a flush it would be waited for.
    spec.interval = LONG * 9;
    let bench = Bench::with(&settings, [spec]);
    for _ in 0..3 {
        bench.end(1);
        assert_eq!(arrivals.recv_timeout(LONG), Ok(1));
        gate.add_permits(1);
        let sent = bench.queue.ledger().lanes()[0].offered();
        bench.until("otlp", |account| account.exported() == sent);
    }
    bench.end(1);
    assert_eq!(arrivals.recv_timeout(LONG), Ok(1));
    bench.end(2);
    // Asked for before the answer comes, so the worker has read both by then.
    let mut flush = pin!(bench.guard().flush());
    let asked = flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(asked.is_pending());
    gate.add_permits(2);
    assert_eq!(arrivals.recv_timeout(LONG), Ok(2));
    assert_eq!(block_on(flush).to_string(), "otlp 6 sent · 0 lost");
}

#[test]
fn a_dead_destination_leaves_the_other_complete() {
    let bench = Bench::new([dead("langfuse"), good("otlp")]);
    bench.end(3);
    // It rests for longer than the flush would wait, so the flush does not.
    let begin = Instant::now();
    assert_eq!(
        bench.flush(LONG),
        "langfuse 0 sent, 3 pending · otlp 3 sent · 0 lost"
    );
    assert!(begin.elapsed() < LONG / 2);
    let report = bench.guard().shutdown_blocking(LONG);
    assert_eq!(
        report.to_string(),
        "langfuse 0 sent, 3 dropped · otlp 3 sent · 3 lost"
    );
    assert_eq!(
        bench.said(),
        [
            "langfuse: sending fails and is tried again: connection refused",
            "shut down before everything was sent; dropped: langfuse 3"
        ]
    );
}

#[test]
fn a_hung_destination_costs_a_flush_its_deadline_and_no_more() {
    let bench = Bench::new([hung("langfuse"), good("otlp")]);
    for (ended, expected) in [
        (3, "langfuse 0 sent, 3 pending · otlp 3 sent · 0 lost"),
        (5, "langfuse 0 sent, 5 pending · otlp 5 sent · 0 lost"),
    ] {
        bench.end(ended - bench.queue.ledger().lanes()[0].offered() as usize);
        bench.flush(SHORT);
        // On a busy machine that was too short for the other one, too, which has it soon after.
        bench.until("otlp", |account| account.exported() == ended as u64);
        assert_eq!(bench.flush(SHORT), expected);
    }
    let report = block_on(bench.guard().shutdown(SHORT));
    assert_eq!(
        report.to_string(),
        "langfuse 0 sent, 5 dropped · otlp 5 sent · 5 lost"
    );
}

#[test]
fn an_attempt_without_an_answer_is_given_up_and_made_again() {
    let mut spec = hung("langfuse");
    spec.timeout = Duration::from_millis(1);
    let bench = Bench::new([spec]);
    bench.end(3);
    bench.flush(SHORT);
    bench.until("langfuse", |account| account.ambiguous() >= 3);
    assert_eq!(
        bench.said(),
        ["langfuse: sending fails and is tried again: no answer within 1ms"]
    );
    // The back-off of one second is real time here.
    bench.until("langfuse", |account| account.resent() == 3);
}

#[test]
fn an_exporter_that_panics_loses_its_batch_and_nothing_else() {
    let calls = AtomicUsize::new(0);
    let panicky = fake("langfuse", move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => panic_quietly(),
        1 => Box::pin(async { panic_quietly() }),
        _ => Box::pin(async { Ok(Exported::all()) }),
    });
    let bench = Bench::new([panicky, good("otlp")]);
    bench.end(3).flush(LONG);
    bench.end(2).flush(LONG);
    bench.end(1);
    assert_eq!(
        bench.flush(LONG),
        "langfuse 1 sent, 5 failed · otlp 6 sent · 5 lost"
    );
    assert_eq!(bench.queue.ledger().lane("langfuse").unwrap().panicked(), 5);
    assert_eq!(
        bench.said(),
        [
            "langfuse: the exporter panicked",
            "langfuse: everything arrives again, after 0 s"
        ]
    );
}

#[test]
fn a_reader_of_lines_that_panics_takes_nothing_down() {
    let diagnostics = Diagnostics::new(|_| panic_quietly());
    let lanes = vec![dead("otlp")];
    let guard = start(&Settings::default(), lanes, diagnostics).unwrap();
    let queue = guard.queue.clone();
    queue.finish(Recorded::sample("sample", queue.lanes()));
    assert_eq!(guard.flush_blocking(LONG).pending(), 1);
    assert_eq!(guard.flush_blocking(LONG).pending(), 1);
}

#[test]
fn a_dropped_guard_sends_what_has_ended() {
    let mut bench = Bench::new([good("otlp")]);
    bench.end(3);
    drop(bench.guard.take());
    bench.end(1);
    let ledger = bench.queue.ledger();
    assert_eq!(
        ledger.to_string(),
        "otlp: 4 offered = 3 exported + 0 failed + 1 dropped + 0 queued\n0 open"
    );
}

#[test]
fn a_guard_may_drop_inside_a_panic_and_inside_a_runtime() {
    let mut bench = Bench::new([good("otlp")]);
    bench.end(3);
    let guard = bench.guard.take();
    let panicked = thread::spawn(move || {
        current_thread().block_on(async move {
            let _guard = guard;
            panic_quietly()
        })
    })
    .join();
    assert!(panicked.is_err());
    assert_eq!(bench.queue.ledger().lane("otlp").unwrap().exported(), 3);
}

#[test]
fn after_a_shutdown_nothing_waits() {
    let mut bench = Bench::new([hung("otlp")]);
    bench.end(3);
    let clone = Pipeline::clone(bench.guard());
    let _ = clone.shutdown_blocking(SHORT);
    bench.until("otlp", |account| account.dropped() == 3);
    let begin = Instant::now();
    bench.end(1);
    let expected = "otlp 0 sent, 4 dropped · 4 lost";
    assert_eq!(bench.flush(LONG), expected);
    assert_eq!(block_on(clone.flush()).to_string(), expected);
    assert_eq!(block_on(clone.shutdown(LONG)).to_string(), expected);
    drop(bench.guard.take());
    assert!(begin.elapsed() < LONG / 2);
}

#[test]
fn a_destination_in_the_same_thread_is_not_starved() {
    let (to_host, mut from_worker) = unbounded_channel::<oneshot::Sender<()>>();
    let spec = fake("otlp", move |_| {
        let to_host = to_host.clone();
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            let _ = to_host.send(sender);
            receiver.await.map_err(|_| ExportError::reject("no host"))?;
            Ok(Exported::all())
        })
    });
    let bench = Bench::new([spec]);
    bench.end(3);
    current_thread().block_on(async {
        tokio::spawn(async move {
            while let Some(sender) = from_worker.recv().await {
                let _ = sender.send(());
            }
        });
        // Blocking here holds up the destination, so it cannot arrive; but it neither panics nor hangs.
        assert_eq!(bench.guard().flush_blocking(SHORT).pending(), 3);
        assert_eq!(bench.guard().flush().await.to_string(), "otlp 3 sent · 0 lost");
        assert!(bench.guard().shutdown_blocking(LONG).is_complete());
    });
}

#[test]
fn flushes_at_once_are_all_answered() {
    let (spec, gate, arrivals) = gated("otlp");
    let bench = Bench::new([spec]);
    bench.end(3);
    let (report, other) = thread::scope(|scope| {
        let one = scope.spawn(|| bench.guard().flush_blocking(LONG));
        let other = scope.spawn(|| block_on(bench.guard().flush()));
        arrivals.recv_timeout(LONG).unwrap();
        gate.add_permits(9);
        (one.join().unwrap(), other.join().unwrap())
    });
    assert!(report.is_complete() && other.is_complete());
}

#[test]
fn what_ends_during_a_flush_is_not_pending_for_it() {
    let (spec, gate, arrivals) = gated("otlp");
    let bench = Bench::new([spec]);
    bench.end(3);
    let report = thread::scope(|scope| {
        let flush = scope.spawn(|| bench.guard().flush_blocking(LONG));
        arrivals.recv_timeout(LONG).unwrap();
        bench.end(2);
        gate.add_permits(1);
        flush.join().unwrap()
    });
    assert_eq!(report.to_string(), "otlp 3 sent · 0 lost");
}

#[test]
fn a_flush_waits_for_a_retry_within_its_time() {
    let calls = AtomicUsize::new(0);
    let spec = fake("otlp", move |_| {
        let is_first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move {
            if is_first {
                Err(ExportError::retry("503"))
            } else {
                Ok(Exported::all())
            }
        })
    });
    let bench = Bench::new([spec]);
    bench.end(3);
    assert_eq!(bench.flush(LONG), "otlp 3 sent · 0 lost");
}

#[test]
fn on_its_own_thread_a_flush_is_an_answer_and_no_deadlock() {
    let (hand, handed): (Sender<Pipeline>, _) = channel();
    let (report, reported) = channel();
    let spec = fake("otlp", move |_| {
        if let Ok(pipeline) = handed.try_recv() {
            report.send(pipeline.flush_blocking(LONG)).unwrap();
            report.send(block_on(pipeline.flush())).unwrap();
        }
        Box::pin(async { Ok(Exported::all()) })
    });
    let bench = Bench::new([spec]);
    hand.send(Pipeline::clone(bench.guard())).unwrap();
    bench.end(3);
    assert_eq!(bench.flush(LONG), "otlp 3 sent · 0 lost");
    for _ in 0..2 {
        let report = reported.recv_timeout(LONG).unwrap();
        assert!(!report.is_complete());
        assert_eq!(
            report.to_string(),
            "not waited for: called on the pipeline's own thread · otlp 0 sent, 3 pending · 0 lost"
        );
    }
}

#[test]
fn what_an_exporter_does_is_not_observed() {
    let (sender, receiver) = channel();
    let spec = fake("otlp", move |_| {
        let sender = sender.clone();
        Box::pin(async move {
            let unheard = tracing::dispatcher::get_default(Dispatch::is::<NoSubscriber>);
            let blocking = tokio::task::spawn_blocking(own_thread::is_ours).await;
            let name = thread::current().name().map(str::to_owned);
            let _ = sender.send((unheard, own_thread::is_ours(), blocking.unwrap_or(false), name));
            Ok(Exported::all())
        })
    });
    let bench = Bench::new([spec]);
    bench.end(1).flush(LONG);
    assert_eq!(
        receiver.recv_timeout(LONG).unwrap(),
        (true, true, true, Some(THREAD.to_owned()))
    );
}

#[test]
fn spans_still_open_at_the_end_are_said() {
    let bench = Bench::new([good("otlp")]);
    bench.queue.open();
    bench.queue.open();
    assert_eq!(bench.guard().ledger().open(), 2);
    let _ = bench.guard().shutdown_blocking(LONG);
    assert_eq!(
        bench.said(),
        ["shut down while observations were open, which are not sent: 2"]
    );
}

#[test]
fn what_is_masked_is_counted() {
    let bench = Bench::new([good("otlp")]);
    let mut recorded = Recorded::sample("sample", bench.queue.lanes());
    let key = recorded.fields.name("api_key");
    recorded
        .fields
        .str(Head::handle(key, Role::Metadata), "sk-secret");
    bench.queue.open();
    bench.queue.finish(recorded);
    bench.flush(LONG);
    assert_eq!(bench.queue.ledger().redacted(), 1);
}

#[test]
fn a_guard_that_nobody_kept_is_said_at_the_first_span() {
    let mut bench = Bench::new([good("otlp")]);
    drop(bench.guard.take());
    assert!(bench.said().is_empty());
    bench.end(2);
    let said = bench.said();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("the guard was dropped before the first span"));
}

#[test]
fn a_flush_that_finds_nothing_says_what_hides_it() {
    let bench = Bench::new([good("otlp")]);
    assert_eq!(bench.flush(LONG), "otlp 0 sent · 0 lost");
    assert_eq!(bench.flush(LONG), "otlp 0 sent · 0 lost");
    let said = bench.said();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("no span was seen before the first flush"));
}

#[test]
fn many_threads_lose_nothing() {
    let bench = Bench::new([good("langfuse"), good("otlp")]);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                bench.end(500);
            });
        }
    });
    assert_eq!(bench.flush(LONG), "langfuse 2000 sent · otlp 2000 sent · 0 lost");
}

/// Has something to do when it is dropped, as the console has.
struct Closing<F: FnMut() + Send + 'static>(F);

impl<F: FnMut() + Send + 'static> Exporter for Closing<F> {
    fn name(&self) -> &str {
        "closing"
    }

    fn export<'a>(&'a mut self, _: &'a Batch) -> ExportFuture<'a> {
        Box::pin(async { Ok(Exported::all()) })
    }
}

impl<F: FnMut() + Send + 'static> Drop for Closing<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_shutdown_is_answered_when_the_destinations_have_closed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = closed.clone();
    let exporter = Closing(move || {
        thread::sleep(SHORT);
        count.fetch_add(1, Ordering::Relaxed);
    });
    let bench = Bench::new([LaneSpec::new(Box::new(exporter), Scope::Everything)]);
    let report = block_on(bench.end(1).guard().shutdown(LONG));
    assert_eq!(report.to_string(), "closing 1 sent · 0 lost");
    assert_eq!(closed.load(Ordering::Relaxed), 1);
}

#[test]
fn a_destination_that_does_not_close_holds_nobody_up() {
    let (never, told) = channel::<()>();
    let told = Mutex::new(told);
    let exporter = Closing(move || {
        let _ = told.lock().unwrap().recv();
    });
    let bench = Bench::new([LaneSpec::new(Box::new(exporter), Scope::Everything)]);
    let begin = Instant::now();
    let report = block_on(bench.end(1).guard().shutdown(SHORT * 4));
    assert_eq!(report.to_string(), "closing 1 sent · 0 lost");
    assert!(begin.elapsed() < LONG);
    drop(never);
}

#[test]
fn more_destinations_than_bits_are_an_error() {
    let lanes = (0..33).map(|_| good("otlp")).collect();
    let started = start(&Settings::default(), lanes, Diagnostics::new(|_| {}));
    assert!(started.is_err_and(|error| error.is_invalid_value()));
}

#[test]
fn no_destination_is_one_too() {
    let bench = Bench::new([]);
    bench.end(3);
    assert_eq!(bench.flush(LONG), "no destination");
}
