//! The books of delivery: what became of every observation, for every destination.

use std::fmt;
use std::sync::Arc;

/// What became of every observation since the start, for each destination.
///
/// An observation is in exactly one place at a time, so for every destination, always:
/// `offered = exported + failed + dropped + queued`.
///
/// ```text
/// langfuse: 10 offered = 7 exported + 1 failed + 0 dropped + 2 queued
/// otlp: 12 offered = 12 exported + 0 failed + 0 dropped + 0 queued, 4 sent again
/// 1 open, 3 redacted
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Ledger {
    pub(crate) accounts: Vec<Account>,
    pub(crate) scores: Vec<Account>,
    pub(crate) media: Vec<Account>,
    pub(crate) open: u64,
    pub(crate) redacted: u64,
    pub(crate) unpriced: u64,
    pub(crate) unknown_types: u64,
    pub(crate) late: u64,
    pub(crate) sampled_out: u64,
    pub(crate) unsent_scores: u64,
    pub(crate) unsent_media: u64,
}

impl Ledger {
    /// One account for each destination, in the order in which they were opened.
    #[must_use]
    pub fn lanes(&self) -> &[Account] {
        &self.accounts
    }

    /// What became of the scores that were queued, one account for each Langfuse project (`langfuse scores`). Its numbers count
    /// scores, and the same equation holds.
    #[must_use]
    pub fn scores(&self) -> &[Account] {
        &self.scores
    }

    /// How many queued scores were offered to no project: no traces go to Langfuse, or a sample rate keeps their trace from it.
    #[must_use]
    pub fn unsent_scores(&self) -> u64 {
        self.unsent_scores
    }

    /// What became of the media that were uploaded beside the observations, one account for each Langfuse project that takes them
    /// (`langfuse media`). Its numbers count media, once for each input, output and metadata of an observation in which they stand: a
    /// project is told of each, and is sent the bytes once. The same equation holds.
    #[must_use]
    pub fn media(&self) -> &[Account] {
        &self.media
    }

    /// How many media were offered to no project, although one takes media: what is no base64, is of a type that Langfuse does not
    /// take, or is more than an observation may have. They stay in their values; in one that is too long a mark stands in their place.
    #[must_use]
    pub fn unsent_media(&self) -> u64 {
        self.unsent_media
    }

    /// The account of the destination with this name.
    #[must_use]
    pub fn lane(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name() == name)
    }

    /// Observations that began and have not ended. They are offered to nobody yet, so no account has them.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open
    }

    /// How many texts were taken out because they looked like credentials, before any destination saw them.
    #[must_use]
    pub fn redacted(&self) -> u64 {
        self.redacted
    }

    /// How many calls of a model have tokens and no cost, because neither they nor a table of prices says one. A cost of
    /// zero is not shown for them.
    #[must_use]
    pub fn unpriced(&self) -> u64 {
        self.unpriced
    }

    /// How many observations named a type that there is none of; theirs was inferred.
    #[must_use]
    pub fn unknown_types(&self) -> u64 {
        self.unknown_types
    }

    /// How often something was said, by [`manual`](crate::manual), of an observation or a trace that had ended. It
    /// changed nothing: what has ended is sent as it was.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many traces a sample rate kept from one destination at least. Nothing of such a trace is offered there, so no
    /// account has it. Beginnings are counted, also those of infrastructure that the destination would not be shown.
    #[must_use]
    pub fn sampled_out(&self) -> u64 {
        self.sampled_out
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beside = self.scores.iter().chain(&self.media);
        let beside = beside.filter(|account| account.offered > 0);
        for account in self.accounts.iter().chain(beside) {
            writeln!(f, "{account}")?;
        }
        write!(f, "{} open", self.open)?;
        if self.redacted > 0 {
            write!(f, ", {} redacted", self.redacted)?;
        }
        if self.unpriced > 0 {
            write!(f, ", {} without a price", self.unpriced)?;
        }
        if self.unknown_types > 0 {
            write!(f, ", {} of an unknown type", self.unknown_types)?;
        }
        if self.late > 0 {
            write!(f, ", {} said too late", self.late)?;
        }
        if self.sampled_out > 0 {
            write!(f, ", {} of the traces sampled out", self.sampled_out)?;
        }
        if self.unsent_scores > 0 {
            write!(f, ", {} scores for nobody", self.unsent_scores)?;
        }
        if self.unsent_media > 0 {
            write!(f, ", {} media not uploaded", self.unsent_media)?;
        }
        Ok(())
    }
}

/// What became of the observations that one destination was to be shown. Every number counts observations.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Account {
    name: Arc<str>,
    offered: u64,
    exported: u64,
    queued: u64,
    lost: Lost,
    resent: u64,
    ambiguous: u64,
}

/// Those that will not arrive, by reason.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Lost {
    rejected: u64,
    too_large: u64,
    panicked: u64,
    full: u64,
    shutdown: u64,
}

/// Why an observation does not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loss {
    /// The destination said that it will never take it.
    Rejected,
    /// The destination found it too large, alone.
    TooLarge,
    /// The exporter, or the reading of it, panicked.
    Panicked,
    /// There was no room.
    Full,
    /// It came after the shutdown, or was not sent when the shutdown's time was over.
    Shutdown,
}

/// One step in the life of observations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Posting {
    /// So many came and are kept.
    Offered(usize),
    /// One came and was not kept.
    Refused(Loss),
    /// So many of the kept ones arrived.
    Exported(usize),
    /// So many of the kept ones never will.
    Lost(Loss, usize),
    /// So many are sent again.
    Resent(usize),
    /// Of so many sent nobody knows whether they arrived.
    Ambiguous(usize),
}

impl Account {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            offered: 0,
            exported: 0,
            queued: 0,
            lost: Lost::default(),
            resent: 0,
            ambiguous: 0,
        }
    }

    /// Enters a step on both sides. More than are queued cannot leave the queue, so the equation holds whatever comes.
    pub(crate) fn post(&mut self, posting: Posting) {
        match posting {
            Posting::Offered(count) => {
                self.offered += count as u64;
                self.queued += count as u64;
            }
            Posting::Refused(loss) => {
                self.offered += 1;
                *self.lost.of(loss) += 1;
            }
            Posting::Exported(count) => self.exported += self.leave(count),
            Posting::Lost(loss, count) => *self.lost.of(loss) += self.leave(count),
            Posting::Resent(count) => self.resent += count as u64,
            Posting::Ambiguous(count) => self.ambiguous += count as u64,
        }
    }

    fn leave(&mut self, count: usize) -> u64 {
        let count = self.queued.min(count as u64);
        self.queued -= count;
        count
    }

    /// The name of the destination.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All that ended and were to be shown here.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// The destination took them.
    #[must_use]
    pub fn exported(&self) -> u64 {
        self.exported
    }

    /// They were sent and will never be taken: rejected, too large alone, or the exporter panicked.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.lost.rejected + self.lost.too_large + self.lost.panicked
    }

    /// They were not kept: no room, or the shutdown's time was over. The newest go first.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lost.full + self.lost.shutdown
    }

    /// They wait, or are on their way.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Of the failed: the destination refused them.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.lost.rejected
    }

    /// Of the failed: too large, each alone.
    #[must_use]
    pub fn too_large(&self) -> u64 {
        self.lost.too_large
    }

    /// Of the failed: the exporter panicked.
    #[must_use]
    pub fn panicked(&self) -> u64 {
        self.lost.panicked
    }

    /// Of the dropped: there was no room.
    #[must_use]
    pub fn dropped_full(&self) -> u64 {
        self.lost.full
    }

    /// Of the dropped: they came after the shutdown, or were not sent in its time.
    #[must_use]
    pub fn dropped_at_shutdown(&self) -> u64 {
        self.lost.shutdown
    }

    /// How many were sent again, whole or in halves; one that was sent three times counts twice.
    #[must_use]
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// How often an observation was sent and no answer came, so that it may have arrived all the same.
    #[must_use]
    pub fn ambiguous(&self) -> u64 {
        self.ambiguous
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} offered = {} exported + {} failed + {} dropped + {} queued",
            self.name,
            self.offered,
            self.exported,
            self.failed(),
            self.dropped(),
            self.queued
        )?;
        if self.resent > 0 {
            write!(f, ", {} sent again", self.resent)?;
        }
        if self.ambiguous > 0 {
            write!(f, ", {} without an answer", self.ambiguous)?;
        }
        Ok(())
    }
}

impl Lost {
    fn of(&mut self, loss: Loss) -> &mut u64 {
        match loss {
            Loss::Rejected => &mut self.rejected,
            Loss::TooLarge => &mut self.too_large,
            Loss::Panicked => &mut self.panicked,
            Loss::Full => &mut self.full,
            Loss::Shutdown => &mut self.shutdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn posting() -> impl Strategy<Value = Posting> {
        let loss = || {
            prop::sample::select(vec![
                Loss::Rejected,
                Loss::TooLarge,
                Loss::Panicked,
                Loss::Full,
                Loss::Shutdown,
            ])
        };
        prop_oneof![
            3 => Just(Posting::Offered(1)),
            1 => loss().prop_map(Posting::Refused),
            1 => (0..5_usize).prop_map(Posting::Exported),
            1 => (loss(), 0..5_usize).prop_map(|(loss, count)| Posting::Lost(loss, count)),
            1 => (0..5_usize).prop_map(Posting::Resent),
            1 => (0..5_usize).prop_map(Posting::Ambiguous),
        ]
    }

    proptest! {
        #[test]
        fn the_books_balance_after_every_posting(postings in prop::collection::vec(posting(), 0..100)) {
            let mut account = Account::new("test");
            for posting in postings {
                account.post(posting);
                let placed = account.exported() + account.failed() + account.dropped() + account.queued();
                prop_assert_eq!(account.offered(), placed);
            }
        }
    }

    #[test]
    fn it_reads_as_an_equation() {
        let mut account = Account::new("otlp");
        account.post(Posting::Offered(2));
        account.post(Posting::Refused(Loss::Full));
        account.post(Posting::Resent(2));
        account.post(Posting::Exported(1));
        let ledger = Ledger {
            accounts: vec![account],
            scores: vec![Account::new("langfuse scores")],
            media: vec![Account::new("langfuse media")],
            open: 4,
            redacted: 1,
            unpriced: 3,
            unknown_types: 2,
            late: 5,
            sampled_out: 6,
            unsent_scores: 7,
            unsent_media: 8,
        };
        assert_eq!(
            ledger.to_string(),
            "otlp: 3 offered = 1 exported + 0 failed + 1 dropped + 1 queued, 2 sent again\n\
             4 open, 1 redacted, 3 without a price, 2 of an unknown type, 5 said too late, 6 of the traces sampled out, 7 scores for nobody, \
             8 media not uploaded"
        );
        assert_eq!(ledger.lane("otlp").map(Account::dropped_full), Some(1));
        assert!(ledger.lane("langfuse").is_none());
    }
}
