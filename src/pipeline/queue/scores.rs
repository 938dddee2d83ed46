//! Scores on their way to the worker: in the same room as observations, with accounts of their own.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use super::Queue;
use crate::error::Error;
use crate::ledger::{Loss, Posting};
use crate::model::{Lane as Number, Ready, Score, Subject};

/// A score that waits, with the number of its lane among those of scores.
pub(crate) type Waiting = (usize, Ready);

/// Which lanes take scores.
pub(super) struct Scores {
    /// Beside each lane of scores, that of the observations of the same destination.
    beside: Vec<Number>,
    /// How many no lane took.
    unsent: AtomicU64,
    said_invalid: AtomicBool,
}

impl Scores {
    pub(super) fn new(beside: Vec<Number>) -> Self {
        Self {
            beside,
            unsent: AtomicU64::new(0),
            said_invalid: AtomicBool::new(false),
        }
    }

    /// How many lanes take scores.
    pub(super) fn lanes(&self) -> usize {
        self.beside.len()
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

impl Queue {
    /// Takes a score for the destination with this name.
    pub(crate) fn score_to(&self, name: &str, score: Score) {
        let is_named = |lane: Number| {
            let state = self.lock();
            let account = state.accounts.get(usize::from(lane));
            account.is_some_and(|account| account.name() == name)
        };
        self.take_score(score, is_named, &|_| None);
    }

    /// Takes a score for these lanes, as far as they show its trace.
    pub(super) fn take_score(
        &self,
        score: Score,
        goes_to: impl Fn(Number) -> bool,
        of: &dyn Fn(Number) -> Option<Subject>,
    ) {
        self.notice();
        let now = SystemTime::now();
        let mut is_taken = false;
        for (lane, beside) in self.scores.beside.iter().enumerate() {
            let score = score.clone().or_on(|| of(*beside));
            let is_shown = score
                .trace()
                .is_none_or(|trace| self.showing.shows(*beside, trace));
            if goes_to(*beside) && is_shown {
                is_taken = true;
                self.take_ready(lane, score.ready(now));
            }
        }
        if !is_taken {
            self.scores.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take_ready(&self, lane: usize, ready: Result<Ready, Error>) {
        let post = |posting| self.post(self.showing.all().len() + lane, posting);
        let ready = match ready {
            Ok(ready) => ready,
            Err(error) => {
                post(Posting::Refused(Loss::Rejected));
                if !self.scores.said_invalid.swap(true, Ordering::Relaxed) {
                    self.diagnostics.say(&format!("{error} (said once)"));
                }
                return;
            }
        };
        let mut state = self.lock();
        let is_first = state.waiting_scores.is_empty();
        match state.room_for(ready.weight(), self.bounds) {
            Ok(was) => {
                if let Some(account) = state.accounts_beside.get_mut(lane) {
                    account.post(Posting::Offered(1));
                }
                state.waiting_scores.push((lane, ready));
                let call = state.kept.call(is_first, was, self.bounds);
                drop(state);
                self.ring(call);
            }
            Err(loss) => {
                drop(state);
                post(Posting::Refused(loss));
            }
        }
    }

    /// What waits. It is still kept here by weight: see [`release`](Self::release).
    pub(crate) fn take_scores(&self) -> Vec<Waiting> {
        mem::take(&mut self.lock().waiting_scores)
    }
}
