//! What a span costs, beside what a user would pick today. `scripts/bench` runs it; everything it starts is this program again.
#![cfg_attr(
    not(feature = "ours"),
    allow(dead_code, reason = "the program without tracing-llm is just pushed")
)]

mod allocator;
#[cfg(feature = "ours")]
mod callgrind;
mod child;
mod cpu;
mod figures;
#[cfg(feature = "ours")]
mod growth;
mod helper;
mod push;
#[cfg(feature = "ours")]
mod report;
mod rows;
mod scale;
mod sink;
#[cfg(feature = "ours")]
mod spans;
#[cfg(feature = "ours")]
mod startup;
#[cfg(feature = "ours")]
mod targets;
mod team;
mod text;
mod workloads;

use std::error::Error;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["push", row, port, rate, millis] => {
            let time = Duration::from_millis(millis.parse()?);
            push::main(row.parse()?, port.parse()?, rate.parse()?, time)
        }
        #[cfg(feature = "ours")]
        ref words => whole(words),
        #[cfg(not(feature = "ours"))]
        _ => Err("this build can only be pushed".into()),
    }
}

/// What each of the processes does.
#[cfg(feature = "ours")]
fn whole(words: &[&str]) -> Result<()> {
    match *words {
        ["table", ref words @ ..] => report::main(words),
        ["sink"] => sink::main(),
        ["row", row, port] => child::main(row.parse()?, port.parse()?),
        ["instructions", row, workload, port, spans] => {
            child::instructions(row.parse()?, workload.parse()?, port.parse()?, spans.parse()?)
        }
        ["grow", what, size, port, times] => {
            // Any other word is no port: nothing is sent.
            growth::main(what.parse()?, size.parse()?, port.parse().ok(), times.parse()?)
        }
        ["start", way, port] => startup::main(way, port.parse()?),
        _ => Err("what is it to do? see scripts/bench".into()),
    }
}
