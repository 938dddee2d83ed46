//! What a filter on our own layer does (tokio-rs/tracing#2519). What callsites are asked depends on every subscriber of
//! the process, so this needs a process of its own.

use tracing::{Dispatch, Level, Subscriber, enabled, info_span};
use tracing_llm::testing::Capture;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, registry};

const MADE: usize = 3;

/// Makes spans, and asks about a callsite that the filters reject before each.
fn make_spans(subscriber: impl Subscriber + Send + Sync) {
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..MADE {
            let _ = enabled!(target: "rejected", Level::INFO);
            drop(info_span!(target: "accepted", "work"));
        }
    });
}

/// A layer beside ours that sees everything and does nothing.
struct Neighbour;

impl<S: Subscriber> Layer<S> for Neighbour {}

#[test]
fn under_a_filter_spans_vanish_and_added_plain_none_does() {
    // A second subscriber that wants everything: each callsite is asked anew, as it is in a program with two.
    let _other = Dispatch::new(registry());
    let accepts = || filter_fn(|metadata| metadata.target() == "accepted");
    let (filtered, plain) = (Capture::new(), Capture::new());
    make_spans(
        registry()
            .with(Neighbour.with_filter(accepts()))
            .with(filtered.layer().with_filter(accepts())),
    );
    make_spans(
        registry()
            .with(Neighbour.with_filter(accepts()))
            .with(plain.layer()),
    );
    assert_eq!(
        plain
            .observations()
            .iter()
            .filter(|span| span.name() == "work")
            .count(),
        MADE
    );
    // fixme: when this fails, `with_filter` has become safe, and the advice against it can go.
    assert!(filtered.observations().len() < MADE);
}
