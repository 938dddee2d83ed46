//! Far more than there is room for, and a million spans: what is kept stays within its bound, and every span is counted.
//! A binary of its own, since it counts what the whole process allocates.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "it/support/receiver.rs"]
mod receiver;

use std::io::{BufReader, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use receiver::{Receiver, read_request};
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_llm::{Guard, Langfuse, Otlp, Pipeline, current};
use tracing_subscriber::layer::SubscriberExt;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(30);

const MIB: usize = 1 << 20;

/// The queue's, and each of the two lanes'.
const BOUND: usize = 8 * MIB;

/// A body on its way, one a lane: what a batch may weigh.
const BODY: usize = 4 * MIB;

/// A server that takes connections and nothing else.
fn deaf() -> Receiver {
    Receiver::on_the_wire(|stream| {
        while stream.peer_addr().is_ok() {
            thread::park_timeout(Duration::from_millis(100));
        }
        Ok(None)
    })
}

fn program(langfuse: &Receiver, otlp: &Receiver, bytes: usize) -> (Dispatch, Guard) {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let (layer, llm) = tracing_llm::builder()
        .langfuse(keys.base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .capture_content(true)
        .queue_bytes(bytes)
        .on_diagnostic(|_| {})
        .build()
        .unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), llm)
}

/// Both destinations hang while spans of one shape end, far more than there is room for.
fn flood(shape: &str, spans: u64, span: impl Fn(u64)) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let (langfuse, otlp) = (deaf(), deaf());
    let (subscriber, llm) = program(&langfuse, &otlp, BOUND);
    dispatcher::with_default(&subscriber, || (0..spans).for_each(&span));
    let peak = MEMORY.peak_usage() - before;
    let ledger = llm.ledger();
    println!("{shape}: {:.1} MiB at most\n{ledger}", peak as f64 / MIB as f64);
    assert!(peak <= 3 * BOUND + 2 * BODY, "{shape}: {peak}");
    for lane in ledger.lanes() {
        assert_eq!(lane.queued() + lane.dropped_full(), spans, "{shape}: {lane}");
        assert!(
            lane.queued() > 0 && lane.dropped_full() > lane.queued(),
            "{shape}: {lane}"
        );
    }
    llm.shutdown_blocking(Duration::ZERO);
    wait_until(shape, || {
        llm.ledger().lanes().iter().all(|lane| lane.dropped() == spans)
    });
    drop((llm, subscriber, langfuse, otlp));
    // The worker lets go of everything, and so do the servers.
    wait_until(shape, || MEMORY.current_usage() <= before + 2 * MIB);
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + HANG;
    while !is_so() {
        assert!(
            Instant::now() < end,
            "{what}: {} bytes in use",
            MEMORY.current_usage()
        );
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// What a server has taken: the ids of its spans.
type Taken = Arc<Mutex<Vec<u64>>>;

/// A server that takes everything and keeps only ids.
fn counting() -> (Receiver, Taken) {
    let taken = Taken::default();
    let into = Arc::clone(&taken);
    let server = Receiver::on_the_wire(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader)? {
            let export = request.export().expect("a body of OTLP");
            let scopes = export.resource_spans.iter().flat_map(|it| &it.scope_spans);
            let ids = scopes.flat_map(|it| &it.spans).map(|span| {
                let id: [u8; 8] = span.span_id[..].try_into().unwrap();
                u64::from_be_bytes(id)
            });
            into.lock().unwrap().extend(ids);
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")?;
        }
        Ok(None)
    });
    (server, taken)
}

/// A million spans on 64 threads, which flush whenever so many have ended, if they do.
fn million(flush_each: Option<u64>) {
    const THREADS: u64 = 64;
    const EACH: u64 = 1_000_000 / THREADS;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let ((langfuse, at_langfuse), (otlp, at_otlp)) = (counting(), counting());
    let (subscriber, llm) = program(&langfuse, &otlp, Pipeline::DEFAULT_QUEUE_BYTES);
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                dispatcher::with_default(&subscriber, || {
                    for number in 1..=EACH {
                        drop(info_span!("work", number));
                        if flush_each.is_some_and(|each| number % each == 0) {
                            llm.flush_blocking(HANG);
                        }
                    }
                });
            });
        }
    });
    let ended = begin.elapsed();
    let report = llm.shutdown_blocking(HANG * 10);
    let (peak, seconds) = (MEMORY.peak_usage() - before, begin.elapsed());
    let ledger = llm.ledger();
    println!(
        "a million, flushed each {flush_each:?}: made in {ended:.1?}, sent in {seconds:.1?}, {:.1} MiB at most\n{ledger}",
        peak as f64 / MIB as f64
    );
    // The ids, some 8 MiB a server, are the test's.
    assert!(peak <= 3 * Pipeline::DEFAULT_QUEUE_BYTES + 2 * BODY, "{peak}");
    for (lane, taken) in ledger.lanes().iter().zip([at_langfuse, at_otlp]) {
        assert_eq!(lane.offered(), THREADS * EACH);
        assert_eq!(lane.exported() + lane.dropped_full(), lane.offered(), "{report}");
        if flush_each.is_some() {
            assert_eq!(lane.dropped(), 0, "{report}");
        }
        let mut ids = taken.lock().unwrap().clone();
        assert_eq!(ids.len() as u64, lane.exported());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, lane.exported(), "some came twice");
    }
}

#[test]
fn memory_stays_within_its_bound_and_every_span_is_counted() {
    flood("without a field", 100_000, |_| drop(info_span!("tiny")));
    flood("a number", 100_000, |n| drop(info_span!("small", n)));
    for (bytes, spans) in [(3_000, 50_000), (33_000, 5_000), (600_000, 200)] {
        let text = "x".repeat(bytes);
        let shape = format!("a text of {bytes} bytes");
        flood(&shape, spans, |n| drop(info_span!("call", n, input = text)));
    }
    flood("a hundred events", 10_000, |n| {
        info_span!("events", n).in_scope(|| (0..100).for_each(|n| info!(n, "one of many")));
    });
    let text = "x".repeat(8_000);
    flood("two documents of the trace", 10_000, |n| {
        info_span!("root", n).in_scope(|| {
            current()
                .trace()
                .metadata("document", &text)
                .metadata("other", &text);
        });
    });
    million(None);
    million(Some(100));
}
