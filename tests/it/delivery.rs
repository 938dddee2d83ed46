//! Two destinations, one of them in trouble: the other gets everything and the program does not wait.

use std::time::{Duration, Instant};

use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Guard, Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::{Answer, Receiver};

const SPANS: usize = 300;

struct Program {
    subscriber: Dispatch,
    llm: Guard,
    lines: Lines,
}

/// A program with Langfuse and OTLP; requests time out after one second.
fn program(langfuse: &str, otlp: &str) -> Program {
    let lines = Lines::default();
    let second = Duration::from_secs(1);
    let (layer, llm) = tracing_llm::builder()
        .langfuse(
            Langfuse::new(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
                .base_url(langfuse)
                .timeout(second),
        )
        .otlp_to(Otlp::new(format!("{otlp}/v1/traces")).timeout(second))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    Program {
        subscriber,
        llm,
        lines,
    }
}

impl Program {
    /// Makes spans and says how long that took.
    fn work(&self) -> Duration {
        let start = Instant::now();
        dispatcher::with_default(&self.subscriber, || {
            for number in 0..SPANS {
                info_span!("work", number).in_scope(|| {});
            }
        });
        start.elapsed()
    }

    fn assert_balanced(&self) {
        for lane in self.llm.ledger().lanes() {
            let settled = lane.exported() + lane.failed() + lane.dropped() + lane.queued();
            assert_eq!(lane.offered(), settled, "{}", lane.name());
        }
        assert_eq!(self.llm.ledger().open(), 0);
    }
}

/// Langfuse answers so; OTLP must have everything, and soon.
fn while_langfuse(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Program, Receiver) {
    let langfuse = Receiver::new(move |_| answer());
    let otlp = Receiver::otlp();
    let program = program(&langfuse.url(), &otlp.url());
    program.work();
    let report = program.llm.flush_blocking(Duration::from_millis(1500));
    assert_eq!(report.lane("otlp").unwrap().sent(), SPANS as u64, "{report}");
    assert_eq!(otlp.spans().len(), SPANS);
    program.assert_balanced();
    (program, langfuse)
}

#[test]
fn langfuse_hangs() {
    let (program, _langfuse) = while_langfuse(|| Answer::Hang);
    let account = program.llm.ledger();
    let account = account.lane("langfuse").unwrap();
    assert_eq!((account.exported(), account.queued()), (0, SPANS as u64));
}

#[test]
fn langfuse_answers_500() {
    let (program, _langfuse) = while_langfuse(|| Answer::status(500));
    assert_eq!(
        program.llm.ledger().lane("langfuse").unwrap().queued(),
        SPANS as u64
    );
    assert_eq!(program.lines.count("langfuse"), 1, "{:?}", program.lines.all());
}

#[test]
fn langfuse_asks_to_wait_and_is_not_asked_again_before() {
    let (_program, langfuse) = while_langfuse(|| Answer::status(429).header("Retry-After", "60"));
    assert_eq!(langfuse.requests().len(), 1);
}

#[test]
fn langfuse_finds_every_body_too_large() {
    let (program, langfuse) = while_langfuse(|| Answer::status(413));
    let account = program.llm.ledger();
    let account = account.lane("langfuse").unwrap();
    assert_eq!((account.failed(), account.queued()), (SPANS as u64, 0));
    // Halved down to one span each: a binary tree over the spans, less what the first batch had.
    assert!(
        langfuse.requests().len() >= 2 * SPANS - 2,
        "{}",
        langfuse.requests().len()
    );
}

#[test]
fn langfuse_takes_halves() {
    let langfuse = Receiver::new(|request| match request.export() {
        Some(export) if export.resource_spans[0].scope_spans[0].spans.len() > 100 => Answer::status(413),
        _ => Answer::json(200, "{}"),
    });
    let otlp = Receiver::otlp();
    let program = program(&langfuse.url(), &otlp.url());
    program.work();
    let report = program.llm.flush_blocking(Duration::from_secs(10));
    assert_eq!(report.to_string(), "langfuse 300 sent · otlp 300 sent · 0 lost");
    program.assert_balanced();
}

#[test]
fn langfuse_is_down_and_the_spans_cost_the_program_no_more() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let otlp = Receiver::otlp();
    let program = program(&format!("http://127.0.0.1:{port}"), &otlp.url());
    program.work();
    let report = program.llm.flush_blocking(Duration::from_millis(500));
    assert_eq!(report.lane("otlp").unwrap().sent(), SPANS as u64);
    assert_eq!(report.lane("langfuse").unwrap().pending(), SPANS as u64);
    // The ledger goes on balancing while the destination is away, and what ends then is dropped and counted.
    let report = program.llm.shutdown_blocking(Duration::from_millis(200));
    assert_eq!(
        report.lane("langfuse").unwrap().dropped(),
        SPANS as u64,
        "{report}"
    );
    program.work();
    program.assert_balanced();
    assert_eq!(program.llm.ledger().lane("otlp").unwrap().dropped(), SPANS as u64);
}

#[test]
fn otlp_is_dead_and_langfuse_has_everything() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::new(|_| Answer::Reset));
    let program = program(&langfuse.url(), &otlp.url());
    program.work();
    let report = program.llm.flush_blocking(Duration::from_secs(1));
    assert_eq!(report.lane("langfuse").unwrap().sent(), SPANS as u64, "{report}");
    assert_eq!(langfuse.spans().len(), SPANS);
    program.assert_balanced();
}

#[test]
fn a_destination_that_comes_back_gets_everything_and_that_is_said() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static DOWN: AtomicBool = AtomicBool::new(true);
    let langfuse = Receiver::new(|_| match DOWN.swap(false, Ordering::SeqCst) {
        true => Answer::status(503),
        false => Answer::json(200, "{}"),
    });
    let otlp = Receiver::otlp();
    let program = program(&langfuse.url(), &otlp.url());
    program.work();
    let report = program.llm.flush_blocking(Duration::from_secs(20));
    assert_eq!(report.to_string(), "langfuse 300 sent · otlp 300 sent · 0 lost");
    assert_eq!(program.lines.count("langfuse"), 2, "{:?}", program.lines.all());
}

#[test]
fn a_wrong_secret_is_said_once_and_not_tried_again() {
    let langfuse = Receiver::langfuse();
    let lines = Lines::default();
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::new(Receiver::PUBLIC_KEY, "sk-lf-wrong").base_url(langfuse.url()))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    for _ in 0..2 {
        dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
        llm.flush_blocking(Duration::from_secs(10));
    }
    assert_eq!(langfuse.requests().len(), 2, "one for each batch");
    assert_eq!(lines.count("401"), 1, "{:?}", lines.all());
    assert!(!lines.all().concat().contains("sk-lf-wrong"));
}

#[test]
fn flush_works_in_every_runtime_and_in_none() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let program = program(&langfuse.url(), &otlp.url());
    program.work();
    let line = "langfuse 300 sent · otlp 300 sent · 0 lost";
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(current.block_on(program.llm.flush()).to_string(), line);
    // A blocking wait inside a runtime holds its thread up, and neither panics nor hangs.
    let blocking = current.block_on(async { program.llm.flush_blocking(Duration::from_secs(5)) });
    assert_eq!(blocking.to_string(), line);
    let many = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    assert_eq!(many.block_on(program.llm.flush()).to_string(), line);
    assert_eq!(
        many.block_on(program.llm.shutdown(Duration::from_secs(5)))
            .to_string(),
        line
    );
}

#[test]
fn a_flush_costs_no_request_when_nothing_waits_and_one_for_each_destination_when_something_does() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let program = program(&langfuse.url(), &otlp.url());
    let requests = || (langfuse.requests().len(), otlp.requests().len());
    let flush = || {
        let report = program.llm.flush_blocking(Duration::from_secs(30));
        assert!(report.is_complete(), "{report}");
    };
    flush();
    assert_eq!(requests(), (0, 0));
    for served in 1..=5 {
        // One request to a service that flushes before it answers.
        dispatcher::with_default(&program.subscriber, || drop(info_span!("request")));
        flush();
        flush();
        assert_eq!(requests(), (served, served));
    }
    program.work();
    flush();
    // All that waits goes together: 300 are two batches for Langfuse, one for OTLP.
    assert_eq!(requests(), (7, 6));
}

#[test]
fn immediately_an_observation_arrives_without_a_flush() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::new(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .immediate(true)
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    for ended in 1..=3 {
        dispatcher::with_default(&subscriber, || drop(info_span!("work")));
        for receiver in [&langfuse, &otlp] {
            let spans = receiver.wait_for(ended, Duration::from_secs(30));
            assert_eq!(spans.len(), ended);
            assert_eq!(receiver.requests().len(), ended);
        }
    }
    assert!(llm.flush_blocking(Duration::from_secs(30)).is_complete());
}

#[test]
fn a_type_that_is_none_is_counted_each_time_and_said_once() {
    let lines = Lines::default();
    let (layer, llm) = tracing_llm::builder()
        .otlp_to(Otlp::new(format!("{}/v1/traces", Receiver::otlp().url())))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        for _ in 0..2 {
            info_span!("work", as_type = "robot").in_scope(|| {});
        }
    });
    assert_eq!(llm.ledger().unknown_types(), 2);
    assert_eq!(
        lines.count("\"robot\" on span \"work\" is no observation type"),
        1,
        "{:?}",
        lines.all()
    );
}
