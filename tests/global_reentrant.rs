//! Formatting that logs and opens spans, under a global subscriber: there `tracing` has no guard against recursion, so
//! a lock held across it would hang the host.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::fmt;

use serde::{Serialize, Serializer};
use tracing::field::Empty;
use tracing::{Span, debug_span, info, info_span, instrument};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;

/// Logs, opens spans and uses the handle whenever it is looked at.
#[derive(Clone, Copy)]
struct Talkative;

fn talk(how: &'static str) {
    info!(how, "looked at");
    info_span!("looking", how).in_scope(|| {
        current().metadata("inside", true).trace().tags([how]);
        debug_span!("hidden").in_scope(|| info!("deep inside"));
    });
    Span::current().record("note", how);
    current().metadata("seen", how);
}

impl fmt::Debug for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        talk("debug");
        f.write_str("Talkative")
    }
}

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        talk("display");
        f.write_str("talkative")
    }
}

impl std::error::Error for Talkative {}

impl Serialize for Talkative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        talk("serialize");
        serializer.serialize_str("talkative")
    }
}

impl AsRef<str> for Talkative {
    fn as_ref(&self) -> &str {
        talk("as_ref");
        "talkative"
    }
}

#[instrument(ret, err)]
fn answer(question: Talkative, fails: bool) -> Result<Talkative, Talkative> {
    if fails { Err(Talkative) } else { Ok(Talkative) }
}

#[test]
fn formatting_may_log_and_open_spans_wherever_it_is_asked_for() {
    let capture = Capture::new();
    let subscriber = tracing_subscriber::registry().with(capture.layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    info_span!("root", note = Empty, late = Empty).in_scope(|| {
        answer(Talkative, false).unwrap();
        answer(Talkative, true).unwrap_err();
        let span = info_span!("fields", display = %Talkative, debug = ?Talkative, late = Empty, note = Empty);
        span.record("late", tracing::field::debug(Talkative));
        let error: &(dyn std::error::Error + 'static) = &Talkative;
        span.record("late", error);
        span.in_scope(|| info!(value = ?Talkative, "event"));
        let handle = span.observation();
        handle
            .input(Talkative)
            .output(Talkative)
            .model(Talkative)
            .name(Talkative)
            .status_message(Talkative)
            .metadata(Talkative, Talkative)
            .parameter(Talkative, Talkative)
            .prompt((Talkative, 1));
        handle
            .trace()
            .user(Talkative)
            .session(Talkative)
            .name(Talkative)
            .environment(Talkative)
            .release(Talkative)
            .version(Talkative)
            .tags([Talkative])
            .metadata(Talkative, Talkative);
    });
    let names = |name: &str| {
        let observations = capture.observations();
        observations.iter().filter(|one| one.name() == name).count()
    };
    assert_eq!((names("root"), names("answer"), names("talkative")), (1, 2, 1));
    let whole = capture.whole_tree();
    assert_eq!(
        names("looking") * 2,
        whole.matches("looked at").count() + whole.matches("deep inside").count()
    );
    let fields = capture.find("talkative").unwrap();
    assert_eq!(
        (fields.model(), fields.user(), fields.session()),
        (Some("talkative"), Some("talkative"), Some("talkative"))
    );
}
