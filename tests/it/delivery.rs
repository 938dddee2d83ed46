//! Two destinations, one of them in trouble: the other gets everything and the program does not wait.

mod answers;
mod child;
mod proxy;
mod scene;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Guard, Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use self::scene::{Faulty, Program, SPANS, Side, assert_nothing_taken_came_again};
use crate::support::lines::Lines;
use crate::support::receiver::{Answer, Receiver};

#[test]
fn a_destination_that_comes_back_gets_everything_and_that_is_said() {
    for side in [Side::Langfuse, Side::Otlp] {
        let down = AtomicBool::new(true);
        let faulty = Faulty::answers(move |_| match down.swap(false, Ordering::SeqCst) {
            true => Answer::status(503),
            false => Answer::json(200, "{}"),
        });
        let mut program = Program::new(side, &faulty);
        program.work();
        program.wait_until(|program| program.account(side).exported() == SPANS);
        let name = side.name();
        program.wait_until(|program| program.lines.all().len() == 2);
        let lines = program.lines.all();
        assert_eq!(
            lines[0],
            format!("{name}: sending fails and is tried again: 503 Service Unavailable")
        );
        // How long it took is the clock's affair.
        assert!(
            lines[1].starts_with(&format!("{name}: everything arrives again, after ")),
            "{lines:?}"
        );
        assert_nothing_taken_came_again(&faulty.server.unwrap().requests());
        program.wait_until(|program| program.account(side.other()).exported() == SPANS);
        program.assert_other_has_everything();
    }
}

#[test]
fn a_wrong_secret_is_said_once_and_not_tried_again() {
    let langfuse = Receiver::langfuse();
    let lines = Lines::default();
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, "sk-lf-wrong").base_url(langfuse.url()))
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
    let langfuse = Faulty::server(Receiver::langfuse());
    let mut program = Program::new(Side::Langfuse, &langfuse);
    program.work();
    let line = format!("langfuse {SPANS} sent · otlp {SPANS} sent · 0 lost");
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

fn to_both(langfuse: &Receiver, otlp: &Receiver, immediate: bool) -> (Dispatch, Guard) {
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .immediate(immediate)
        .build()
        .unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), llm)
}

#[test]
fn a_flush_costs_no_request_when_nothing_waits_and_one_for_each_destination_when_something_does() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (subscriber, llm) = to_both(&langfuse, &otlp, false);
    let requests = || (langfuse.requests().len(), otlp.requests().len());
    let flush = || {
        let report = llm.flush_blocking(Duration::from_secs(30));
        assert!(report.is_complete(), "{report}");
    };
    flush();
    assert_eq!(requests(), (0, 0));
    for served in 1..=5 {
        // One request to a service that flushes before it answers.
        dispatcher::with_default(&subscriber, || drop(info_span!("request")));
        flush();
        flush();
        assert_eq!(requests(), (served, served));
    }
    dispatcher::with_default(&subscriber, || (0..300).for_each(|_| drop(info_span!("work"))));
    flush();
    // All that waits goes together: 300 are two batches for Langfuse, one for OTLP.
    assert_eq!(requests(), (7, 6));
}

#[test]
fn immediately_an_observation_arrives_without_a_flush() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (subscriber, llm) = to_both(&langfuse, &otlp, true);
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
