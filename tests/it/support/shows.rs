//! The picture is the assertion.

use std::future::Future;

use tracing_llm::testing::Capture;

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
