//! The process that is pushed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::rows::Row;
use crate::team::Team;
use crate::text::Texts;
use crate::workloads::Api;
use crate::{Result, cpu};

const THREADS: u64 = 8;
/// Generations of a trace, beside its root.
const GENERATIONS: u64 = 16;

/// Makes spans for so long, at this rate if it is not 0. Says spans made, nanoseconds to the end of the making and of the flush,
/// CPU nanoseconds, resident KiB before and at the peak; then the books.
pub(crate) fn main(row: Row, port: u16, rate: u64, time: Duration) -> Result<()> {
    let team = Team::new()?;
    let ground = row.open(port, &team.runtime)?;
    // The first of everything, before memory is looked at.
    let warm = GENERATIONS + 1;
    trace(ground.api, team.texts, 0);
    ground.delivery.flush()?;
    let (before, _) = cpu::resident_kib()?;
    let (cpu, start) = (cpu::of_process(), Instant::now());
    let made = make(ground.api, team.texts, rate, time);
    let making = start.elapsed();
    ground.delivery.flush()?;
    let all = start.elapsed();
    let cpu = cpu::of_process() - cpu;
    let (_, peak) = cpu::resident_kib()?;
    let (making, all, made) = (making.as_nanos(), all.as_nanos(), warm + made);
    println!("{made} {making} {all} {cpu} {before} {peak}");
    let books = ground.delivery.books().unwrap_or_default();
    let books: Vec<_> = books.iter().flatten().map(u64::to_string).collect();
    println!("{}", books.join(" "));
    Ok(())
}

/// How many were made.
fn make(api: Api, texts: &'static Texts, rate: u64, time: Duration) -> u64 {
    let made = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let made = &made;
            scope.spawn(move || {
                // The threads' traces lie evenly between each other.
                for turn in (number..).step_by(THREADS as usize) {
                    if let Some(due) = (turn * (GENERATIONS + 1) * 1_000_000_000).checked_div(rate) {
                        let due = Duration::from_nanos(due);
                        if due >= time {
                            return;
                        }
                        thread::sleep(due.saturating_sub(start.elapsed()));
                    } else if start.elapsed() >= time {
                        return;
                    }
                    trace(api, texts, turn * GENERATIONS);
                    made.fetch_add(GENERATIONS + 1, Ordering::Relaxed);
                }
            });
        }
    });
    made.into_inner()
}

fn trace(api: Api, texts: &'static Texts, first: u64) {
    (api.below_a_parent)(&mut || (api.generations)(texts, first, GENERATIONS));
}
