//! What waits, and the books about it: under one lock.

use std::collections::VecDeque;
use std::mem;
use std::ops::RangeFrom;

use super::room::{Bounds, Call, Kept};
use super::scores::Waiting;
use crate::ledger::{Account, Loss, Posting};
use crate::model::{Lane as Number, Lanes, Recorded};

/// What one lock holds, so that the books and what they count are never seen apart.
#[derive(Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Box<Recorded>>,
    pub(super) waiting_scores: Vec<Waiting>,
    /// What is kept here and in the worker's hand.
    pub(super) kept: Kept,
    pub(super) accounts: Vec<Account>,
    /// The last that came, with the lanes that all of them are shown in: entered in their accounts when somebody looks there.
    unposted: (Lanes, usize),
    /// Those of the lanes of scores, then those of media.
    pub(super) accounts_beside: Vec<Account>,
    /// How many came that had begun.
    pub(super) ended: u64,
    /// How many texts were masked.
    pub(super) redacted: u64,
    /// How many calls have tokens and no price.
    pub(super) unpriced: u64,
    pub(super) unsent_media: u64,
    pub(super) unknown_types: u64,
    /// How many were refused for lack of room since the worker last came.
    pub(super) refused: usize,
    pub(super) closed: bool,
}

impl State {
    /// Nothing waits yet.
    pub(super) fn new(accounts: Vec<Account>, accounts_beside: Vec<Account>) -> Self {
        Self {
            accounts,
            accounts_beside,
            ..Self::default()
        }
    }

    /// Makes room for one more and enters it, or enters that there is none.
    pub(super) fn admit(&mut self, shown: Lanes, weight: usize, bounds: Bounds) -> Option<Call> {
        let is_first = self.waiting.is_empty();
        match self.room_for(weight, bounds) {
            Ok(was) => {
                self.came(shown);
                Some(self.kept.call(is_first, was, bounds))
            }
            Err(loss) => {
                // The worker says of the others that they came too fast.
                self.refused += usize::from(loss == Loss::Full && weight <= bounds.bytes);
                self.post_all(shown, Posting::Refused(loss));
                None
            }
        }
    }

    /// Makes room for so much more, and answers how much was kept before.
    pub(super) fn room_for(&mut self, weight: usize, bounds: Bounds) -> Result<Kept, Loss> {
        let kept = self.kept.with(weight);
        if self.closed {
            return Err(Loss::Shutdown);
        }
        if kept.exceeds(bounds) {
            return Err(Loss::Full);
        }
        Ok(mem::replace(&mut self.kept, kept))
    }

    /// One more came, and is kept. Nearly always it is shown where the one before is.
    fn came(&mut self, shown: Lanes) {
        if self.unposted.0 != shown {
            self.post_what_came();
            self.unposted.0 = shown;
        }
        self.unposted.1 += 1;
    }

    /// Brings the accounts up to date.
    pub(super) fn post_what_came(&mut self) {
        let (shown, count) = mem::replace(&mut self.unposted, (Lanes::NONE, 0));
        self.enter(shown, Posting::Offered(count));
    }

    pub(super) fn post_all(&mut self, lanes: Lanes, posting: Posting) {
        self.post_what_came();
        self.enter(lanes, posting);
    }

    fn enter(&mut self, lanes: Lanes, posting: Posting) {
        let numbers: RangeFrom<Number> = 0..;
        for (lane, account) in numbers.zip(&mut self.accounts) {
            if lanes.contains(lane) {
                account.post(posting);
            }
        }
    }
}
