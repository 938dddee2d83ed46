//! Which lanes show what.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::export::View;
use crate::id::TraceId;
use crate::model::{Callsite, Lane, Lanes};

/// What each lane shows, in the order of their numbers.
pub(super) struct Showing {
    views: Vec<View>,
    all: Lanes,
    /// How many traces some lane does not show because of its share.
    sampled_out: AtomicU64,
}

impl Showing {
    pub(super) fn new(views: Vec<View>) -> Self {
        Self {
            all: (0..).zip(&views).map(|(lane, _)| lane).collect(),
            views,
            sampled_out: AtomicU64::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    pub(super) fn all(&self) -> Lanes {
        self.all
    }

    pub(super) fn observations(&self) -> Lanes {
        self.those(View::is_of_observations)
    }

    pub(super) fn of_callsite(&self, callsite: &Callsite) -> Lanes {
        self.those(|view| view.shows(callsite))
    }

    /// Whether a lane shows anything of a trace.
    pub(super) fn shows(&self, lane: Lane, trace: TraceId) -> bool {
        self.views
            .get(usize::from(lane))
            .is_some_and(|view| view.keeps(trace))
    }

    /// Whether there may be a trace that none shows.
    pub(super) fn samples(&self) -> bool {
        !self.views.iter().any(View::keeps_all)
    }

    /// Those of a trace that begins.
    pub(super) fn of_trace(&self, trace: TraceId) -> Lanes {
        let lanes = self.those(|view| view.keeps(trace));
        if lanes != self.all {
            self.sampled_out.fetch_add(1, Ordering::Relaxed);
        }
        lanes
    }

    pub(super) fn sampled_out(&self) -> u64 {
        self.sampled_out.load(Ordering::Relaxed)
    }

    fn those(&self, suits: impl Fn(&View) -> bool) -> Lanes {
        let lanes = (0..).zip(&self.views);
        lanes
            .filter(|(_, view)| suits(view))
            .map(|(lane, _)| lane)
            .collect()
    }
}
