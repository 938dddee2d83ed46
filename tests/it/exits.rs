//! The ways in which a program ends, each in a process of its own: what arrives, and what is lost.

use std::time::Duration;

use tracing::info_span;
use tracing_llm::{Otlp, Pipeline};

use crate::support::child::{Child, Ended, RUN};
use crate::support::receiver::Receiver;

const LONG: Duration = Duration::from_secs(60);

/// What a user's `main` does; how it ends the variable says.
#[test]
fn program() {
    let Ok(how) = std::env::var(RUN) else { return };
    let endpoint = std::env::var("PROGRAM_OTLP").unwrap();
    let llm = tracing_llm::builder()
        .otlp_to(Otlp::new(endpoint))
        .init()
        .unwrap();
    let _open = info_span!("open");
    drop(info_span!("closed"));
    match how.as_str() {
        "returns" => {}
        "panics" => panic!("on purpose"),
        "panics in a span" => info_span!("entered").in_scope(|| panic!("on purpose")),
        "panics in a thread" => {
            let _ = std::thread::spawn(|| info_span!("entered").in_scope(|| panic!("on purpose"))).join();
        }
        "exits" => std::process::exit(3),
        "flushes and exits" => {
            llm.flush_blocking(LONG);
            std::process::exit(3);
        }
        "aborts a panic that flushes" => {
            let last: Pipeline = (*llm).clone();
            std::panic::set_hook(Box::new(move |_| {
                last.flush_blocking(LONG);
                // As `panic = "abort"` does when the hook is done.
                std::process::abort();
            }));
            panic!("on purpose");
        }
        "keeps the guard in a static" => {
            static GUARD: std::sync::OnceLock<tracing_llm::Guard> = std::sync::OnceLock::new();
            GUARD.set(llm).unwrap();
        }
        other => unreachable!("{other}"),
    }
}

/// How it ended, and the names of what arrived.
fn run(how: &str) -> (Ended, Vec<String>) {
    let otlp = Receiver::otlp();
    let endpoint = format!("{}/v1/traces", otlp.url());
    let ended = Child::run("exits::program", &[(RUN, how), ("PROGRAM_OTLP", &endpoint)]);
    let arrived = otlp.spans().into_iter().map(|span| span.name).collect();
    (ended, arrived)
}

#[test]
fn a_main_that_returns_sends_what_has_closed() {
    let (ended, arrived) = run("returns");
    assert!(ended.succeeded, "{ended:?}");
    // Locals go in reverse: what is open in `main` closes before the guard goes.
    assert_eq!(arrived, ["closed", "open"]);
    assert_eq!(ended.complaints(), [""; 0]);
}

#[test]
fn a_panic_in_main_sends_what_has_closed_and_the_spans_that_it_leaves() {
    let (ended, arrived) = run("panics");
    assert!(!ended.succeeded);
    assert_eq!(arrived, ["closed", "open"]);
    let (_, arrived) = run("panics in a span");
    assert_eq!(arrived, ["closed", "entered", "open"]);
    let (ended, arrived) = run("panics in a thread");
    assert!(ended.succeeded, "{ended:?}");
    assert_eq!(arrived, ["closed", "entered", "open"]);
}

#[test]
fn an_exit_loses_what_waits_and_a_flush_before_it_loses_only_what_is_open() {
    let (ended, arrived) = run("exits");
    assert_eq!((ended.code, arrived), (Some(3), vec![]));
    let (ended, arrived) = run("flushes and exits");
    assert_eq!((ended.code, arrived), (Some(3), vec!["closed".to_owned()]));
}

#[test]
fn a_panic_that_aborts_loses_only_what_is_open_when_its_hook_flushes() {
    let (ended, arrived) = run("aborts a panic that flushes");
    assert!(!ended.succeeded);
    assert_eq!(arrived, ["closed"]);
}

#[test]
fn a_guard_in_a_static_is_never_dropped_and_sends_nothing_at_the_end() {
    let (ended, arrived) = run("keeps the guard in a static");
    assert!(ended.succeeded, "{ended:?}");
    assert_eq!(arrived, [""; 0]);
}
