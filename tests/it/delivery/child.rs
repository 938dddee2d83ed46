//! A program of its own process, whose variables a test chooses: this test binary once more.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tracing::{dispatcher, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::scene::HANG;
use crate::support::lines::Lines;
use crate::support::receiver::Receiver;

/// What stands before what the program says, among what the test harness says.
const MARK: &str = "the program: ";

/// Starts the program with these variables, Langfuse's keys and no others; answers the lines that it was told and, at
/// last, its accounts.
pub(super) fn run(variables: &[(&str, &str)]) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "delivery::child::program", "--ignored", "--nocapture"])
        .env_clear()
        .env("LANGFUSE_PUBLIC_KEY", Receiver::PUBLIC_KEY)
        .env("LANGFUSE_SECRET_KEY", Receiver::SECRET_KEY)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let lines = text.lines().filter_map(|line| line.split_once(MARK));
    lines.map(|(_, said)| said.to_owned()).collect()
}

#[test]
#[ignore = "the program that other tests start"]
fn program() {
    let lines = Lines::default();
    let (layer, llm) = tracing_llm::builder()
        .from_env()
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    dispatcher::with_default(&subscriber.into(), || drop(info_span!("work")));
    let flushing = llm.clone();
    thread::spawn(move || flushing.flush_blocking(HANG));
    // Until each destination has it or is said to have trouble.
    let end = Instant::now() + HANG;
    while !llm
        .ledger()
        .lanes()
        .iter()
        .all(|lane| lane.queued() == 0 || lines.count(lane.name()) > 0)
    {
        assert!(Instant::now() < end, "{}", llm.ledger());
        thread::park_timeout(Duration::from_millis(1));
    }
    let ledger = llm.ledger();
    for line in lines.all() {
        println!("{MARK}{line}");
    }
    for account in ledger.lanes() {
        println!("{MARK}{account}");
    }
    llm.shutdown_blocking(Duration::ZERO);
}
