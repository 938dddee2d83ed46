//! How much is done: enough for figures, or just all of it once.

use std::time::Duration;

use crate::workloads::Workload;

pub(crate) struct Scale {
    /// How often each row is timed.
    pub(crate) rounds: usize,
    /// Of the usual bursts in a sample.
    share: u64,
    /// How many spans callgrind counts.
    pub(crate) counted_spans: u64,
    /// How long a row is pushed.
    pub(crate) push: Duration,
    /// How often a process is started anew.
    pub(crate) starts: usize,
    /// Whether this is about figures at all: what takes minutes, and shows nothing that could go wrong, is left out else.
    pub(crate) is_whole: bool,
}

impl Scale {
    pub(crate) const WHOLE: Self = Self {
        rounds: 15,
        share: 1,
        counted_spans: 500,
        push: Duration::from_secs(5),
        starts: 41,
        is_whole: true,
    };

    /// Everything is done and checked; the figures mean nothing.
    pub(crate) const TINY: Self = Self {
        rounds: 1,
        share: 10,
        counted_spans: 50,
        push: Duration::from_millis(300),
        starts: 3,
        is_whole: false,
    };

    /// Bursts in a sample, and spans in a burst: fewer than the 2,048 that a batch processor queues, so that nothing is
    /// dropped, and dropping does not pass for speed.
    pub(crate) fn sample(&self, workload: Workload) -> (u64, u64) {
        let (bursts, spans) = match workload {
            Workload::Empty => (10, 1_000),
            Workload::Generation | Workload::Agent => (3, 1_000),
            Workload::Threads(_) => (2, 2_000),
        };
        (bursts.max(self.share) / self.share, spans)
    }
}
