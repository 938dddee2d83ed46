//! Makes the spans of one workload: `instructions <workload> <spans>`. Run under callgrind by `scripts/cost`. A program of its
//! own, since counting allocations costs instructions.
mod generation;
mod workload;

use std::hint::black_box;

use workload::WORKLOADS;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let spans = arguments.next().and_then(|spans| spans.parse().ok());
    for workload in WORKLOADS.into_iter().filter(|one| one.name == name) {
        workload.set_up(spans.unwrap_or(500), measured);
    }
}

/// What callgrind counts (`--toggle-collect`).
#[inline(never)]
fn measured(run: &dyn Fn()) {
    black_box(run)();
}
