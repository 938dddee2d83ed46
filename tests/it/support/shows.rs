//! The picture is the assertion.

use std::future::Future;

use tracing_llm::testing::Capture;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// Compares the tree of what happened with the one expected; both are printed when they differ.
#[track_caller]
pub(crate) fn shows(capture: &Capture, expected: &str) {
    compare(&capture.tree(), expected);
}

/// The same with infrastructure, events and links.
#[track_caller]
pub(crate) fn shows_whole(capture: &Capture, expected: &str) {
    compare(&capture.whole_tree(), expected);
}

#[track_caller]
fn compare(found: &str, expected: &str) {
    assert!(
        found == expected,
        "the tree differs\n--- expected{expected}--- found{found}---"
    );
}

/// Runs a future on this thread with the layer around it; sleeping takes no time.
pub(crate) fn run<T>(capture: &Capture, future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    capture.run(|| runtime.block_on(future))
}

/// Runs code while a neighbour wants everything, so that DEBUG spans exist which the layer does not record.
pub(crate) fn beside_a_curious_neighbour(capture: &Capture, code: impl FnOnce()) {
    struct Curious;
    impl<S: tracing::Subscriber> Layer<S> for Curious {
        fn max_level_hint(&self) -> Option<LevelFilter> {
            Some(LevelFilter::TRACE)
        }
    }
    let subscriber = tracing_subscriber::registry().with(capture.layer()).with(Curious);
    tracing::subscriber::with_default(subscriber, code);
}
