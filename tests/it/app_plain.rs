//! A program by somebody who knows `tracing` and nothing of Langfuse, unchanged.

#[path = "../fixtures/app_plain.rs"]
#[allow(unreachable_pub, reason = "the fixture is a program of its own")]
mod app;

use tracing_llm::testing::Capture;

#[test]
fn its_tree_has_every_fact() {
    let capture = Capture::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    capture.run(|| runtime.block_on(app::run()));
    println!("{}", capture.tree());
    println!("{}", capture.whole_tree());
    println!("{:?}", capture.lines());
}
