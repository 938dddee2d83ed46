//! How often a span makes the thread that it is on allocate, and how much: a line for each workload. Called by
//! `scripts/cost`.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod generation;
mod workload;

use workload::WORKLOADS;

const SPANS: u64 = 500;

fn main() {
    for workload in WORKLOADS {
        workload.set_up(SPANS, |run| {
            let counted = allocation_counter::measure(run);
            let per_span = |count: u64| count as f64 / SPANS as f64;
            let (count, bytes) = (per_span(counted.count_total), per_span(counted.bytes_total));
            println!("{} {count:.2} {bytes:.0}", workload.name);
        });
    }
}
