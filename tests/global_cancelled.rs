//! A function under `#[instrument(ret)]` that is given up, known by its missing `return`. Whether a function returns is
//! forgotten whenever a subscriber comes or goes, so this needs a process with one subscriber.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::future::{Future, pending};
use std::task::{Context, Waker};

use tracing::instrument;
use tracing_llm::testing::Capture;
use tracing_subscriber::layer::SubscriberExt;

#[instrument(ret)]
async fn answer(hangs: bool) -> u8 {
    if hangs { pending().await } else { 1 }
}

#[instrument(ret, err)]
async fn fallible(how: &str) -> Result<u8, String> {
    match how {
        "hangs" => pending().await,
        "fails" => Err("failed".to_owned()),
        _ => Ok(1),
    }
}

#[instrument]
async fn silent(hangs: bool) {
    if hangs {
        pending::<()>().await;
    }
}

#[instrument(ret, err(level = "debug"))]
fn fails_quietly(fails: bool) -> Result<u8, String> {
    if fails { Err("quietly".to_owned()) } else { Ok(1) }
}

#[instrument(ret, err(level = "debug"))]
async fn fails_quietly_later(fails: bool) -> Result<u8, String> {
    if fails { Err("quietly".to_owned()) } else { Ok(1) }
}

#[instrument(ret)]
fn panics(really: bool) -> u8 {
    if really {
        // Without the hook's message.
        std::panic::resume_unwind(Box::new("on purpose"))
    }
    1
}

/// Polls once and drops.
fn give_up<F: Future>(future: F) {
    let mut future = Box::pin(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn a_function_that_has_returned_before_and_now_does_not_was_cancelled() {
    let capture = Capture::new();
    let subscriber = tracing_subscriber::registry().with(capture.layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();

    give_up(answer(true));
    give_up(answer(false));
    give_up(answer(true));
    give_up(fallible("fails"));
    give_up(fallible("hangs"));
    give_up(fallible("returns"));
    give_up(fallible("hangs"));
    give_up(fallible("fails"));
    give_up(silent(false));
    give_up(silent(true));
    fails_quietly(false).unwrap();
    fails_quietly(true).unwrap_err();
    give_up(fails_quietly_later(false));
    give_up(fails_quietly_later(true));
    panics(false);
    let unwound = std::panic::catch_unwind(|| panics(true));
    assert!(unwound.is_err());

    let observations = capture.observations();
    let outcomes: Vec<String> = observations
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one.name(),
                one.level(),
                one.status_message().unwrap_or("-")
            )
        })
        .collect();
    let expected = [
        // Nobody can know before it has been seen to return.
        "answer DEFAULT -",
        "answer DEFAULT -",
        "answer WARNING cancelled",
        "fallible ERROR failed",
        "fallible DEFAULT -",
        "fallible DEFAULT -",
        "fallible WARNING cancelled",
        "fallible ERROR failed",
        "silent DEFAULT -",
        "silent DEFAULT -",
        "fails_quietly DEFAULT -",
        "fails_quietly DEFAULT -",
        "fails_quietly_later DEFAULT -",
        // fixme: it was not. Its `err` is below the level, and to a layer it looks like one that was given up.
        "fails_quietly_later WARNING cancelled",
        "panics DEFAULT -",
        "panics ERROR panicked",
    ];
    assert_eq!(outcomes, expected);
}
