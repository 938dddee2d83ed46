//! The test kit for a whole process: threads and tasks out of the test's reach are captured, too. It has one test, since
//! a process has one global subscriber.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::thread;

use tracing::{info_span, instrument};
use tracing_llm::testing::{Capture, capture};

/// Spawns a task and a thread, and hands them nothing.
#[instrument]
async fn spawns() {
    let task = tokio::spawn(async { drop(info_span!("in a task")) });
    let thread = thread::spawn(|| drop(info_span!("in a thread")));
    task.await.unwrap();
    thread.join().unwrap();
}

#[test]
fn an_installed_capture_sees_every_thread_but_what_another_capture_sees() {
    let installed = Capture::new();
    installed.install().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(spawns());
    let (_, inner) = capture(|| drop(info_span!("inner")));
    assert_eq!(
        installed.captured().sorted_tree(),
        "\nspan in a task\nspan in a thread\nspan spawns\n"
    );
    assert_eq!(inner.to_string(), "\nspan inner\n");
    let again = Capture::new().install().unwrap_err();
    assert!(again.is_already_initialized(), "{again}");
}
