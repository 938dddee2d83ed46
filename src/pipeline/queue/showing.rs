//! Which lanes show what.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::export::Scope;
use crate::id::TraceId;
use crate::model::{Callsite, Lanes};
use crate::sample::SampleRate;

/// What each lane shows, in the order of their numbers.
pub(super) struct Showing {
    lanes: Vec<(Scope, SampleRate)>,
    /// How many traces some lane does not show because of its rate.
    sampled_out: AtomicU64,
}

impl Showing {
    pub(super) fn new(lanes: Vec<(Scope, SampleRate)>) -> Self {
        Self {
            lanes,
            sampled_out: AtomicU64::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn all(&self) -> Lanes {
        self.those(|_, _| true)
    }

    pub(super) fn of_callsite(&self, callsite: &Callsite) -> Lanes {
        self.those(|scope, _| scope == Scope::Everything || !callsite.hidden)
    }

    /// Those of a trace that begins.
    pub(super) fn of_trace(&self, trace: TraceId) -> Lanes {
        let lanes = self.those(|_, rate| rate.keeps(trace));
        if lanes != self.all() {
            self.sampled_out.fetch_add(1, Ordering::Relaxed);
        }
        lanes
    }

    pub(super) fn sampled_out(&self) -> u64 {
        self.sampled_out.load(Ordering::Relaxed)
    }

    fn those(&self, show: impl Fn(Scope, SampleRate) -> bool) -> Lanes {
        let lanes = (0..).zip(&self.lanes);
        lanes
            .filter(|(_, (scope, rate))| show(*scope, *rate))
            .map(|(lane, _)| lane)
            .collect()
    }
}
