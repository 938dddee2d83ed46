//! What a flush found.

use std::fmt;

use crate::ledger::{Account, Ledger};

/// What was sent and what was lost, for each destination, when a flush or a shutdown was over.
///
/// It shows itself as one line. The numbers count from the start of the program, all but `pending`: that is how many
/// of those that had ended before the call were still on their way.
///
/// ```text
/// langfuse 3 sent · otlp 3 sent · 0 lost
/// langfuse 3 sent, 2 failed, 1 pending · otlp 6 sent · 2 lost
/// ```
///
/// `lost` adds up what failed and what was dropped, at every destination.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct FlushReport {
    lanes: Vec<LaneReport>,
    problem: Option<&'static str>,
}

/// What one destination took, from the start of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LaneReport {
    account: Account,
    pending: u64,
}

impl FlushReport {
    /// The books, with how many each lane has still to send.
    pub(crate) fn new(ledger: &Ledger, pending: impl Fn(usize, &Account) -> u64) -> Self {
        let lanes = ledger.lanes().iter().chain(ledger.scores()).chain(ledger.media());
        let lanes = lanes.enumerate();
        // Who sends no scores and no media need not read of them.
        let spoken_of =
            |(lane, account): &(usize, &Account)| *lane < ledger.lanes().len() || account.offered() > 0;
        let lanes = lanes.filter(spoken_of).map(|(lane, account)| LaneReport {
            account: account.clone(),
            pending: pending(lane, account),
        });
        Self {
            lanes: lanes.collect(),
            problem: None,
        }
    }

    /// The same, with why nobody waited for it.
    pub(crate) fn with_problem(mut self, problem: &'static str) -> Self {
        self.problem = Some(problem);
        self
    }

    /// One report for each destination, in the order in which they were opened; then one for the scores of each that was given
    /// some (`langfuse scores`), and one for its media (`langfuse media`).
    #[must_use]
    pub fn lanes(&self) -> &[LaneReport] {
        &self.lanes
    }

    /// The report of the destination with this name.
    #[must_use]
    pub fn lane(&self, name: &str) -> Option<&LaneReport> {
        self.lanes.iter().find(|lane| lane.name() == name)
    }

    /// How many were lost, at all destinations together: one that two destinations lost counts twice.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.failed() + lane.dropped()).sum()
    }

    /// How many of those that had ended before the call were still on their way, at all destinations together.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.lanes.iter().map(LaneReport::pending).sum()
    }

    /// Whether every destination has everything that had ended before the call: nothing lost since the start, nothing
    /// pending, and the call could wait for it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.problem.is_none() && self.lost() == 0 && self.pending() == 0
    }
}

impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problem) = self.problem {
            write!(f, "{problem} · ")?;
        }
        if self.lanes.is_empty() {
            return f.write_str("no destination");
        }
        for lane in &self.lanes {
            write!(f, "{lane} · ")?;
        }
        write!(f, "{} lost", self.lost())
    }
}

impl LaneReport {
    /// The name of the destination.
    #[must_use]
    pub fn name(&self) -> &str {
        self.account.name()
    }

    /// The destination took them.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.account.exported()
    }

    /// The destination will never take them.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.account.failed()
    }

    /// There was no room for them, or no time at the shutdown.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.account.dropped()
    }

    /// They had ended before the call and were still on their way when it was over.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }
}

impl fmt::Display for LaneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} sent", self.name(), self.sent())?;
        let rest = [
            (self.failed(), "failed"),
            (self.dropped(), "dropped"),
            (self.pending(), "pending"),
        ];
        for (count, what) in rest {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Loss, Posting};

    fn account(name: &str, offered: usize, postings: &[Posting]) -> Account {
        let mut account = Account::new(name);
        account.post(Posting::Offered(offered));
        postings.iter().for_each(|posting| account.post(*posting));
        account
    }

    #[test]
    fn one_line_says_what_arrived() {
        let sent = |name| account(name, 3, &[Posting::Exported(3)]);
        let ledger = Ledger {
            accounts: vec![sent("langfuse"), sent("otlp")],
            ..Ledger::default()
        };
        let report = FlushReport::new(&ledger, |_, account| account.queued());
        assert_eq!(report.to_string(), "langfuse 3 sent · otlp 3 sent · 0 lost");
        assert!(report.is_complete());
    }

    #[test]
    fn one_line_says_what_did_not() {
        let failed = [Posting::Exported(3), Posting::Lost(Loss::Rejected, 2)];
        let ledger = Ledger {
            accounts: vec![
                account("langfuse", 6, &failed),
                account("otlp", 6, &[Posting::Exported(6)]),
            ],
            ..Ledger::default()
        };
        let report = FlushReport::new(&ledger, |_, account| account.queued());
        assert_eq!(
            report.to_string(),
            "langfuse 3 sent, 2 failed, 1 pending · otlp 6 sent · 2 lost"
        );
        assert!(!report.is_complete());
        assert_eq!(report.lane("langfuse").map(LaneReport::pending), Some(1));
    }

    #[test]
    fn nobody_to_send_to_is_said() {
        let report = FlushReport::new(&Ledger::default(), |_, _| 0);
        assert_eq!(report.to_string(), "no destination");
    }
}
