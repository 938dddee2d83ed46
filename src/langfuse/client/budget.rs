//! The time of one call, for all its attempts and the waits between them.

use std::time::Duration;

use oorandom::Rand64;
use tokio::time::Instant;

use crate::id::Ids;

/// What is left of a call's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    end: Instant,
    whole: Duration,
}

impl Budget {
    /// A call that begins now. One of years has no end worth a name: it is cut to a day.
    pub(crate) fn new(whole: Duration) -> Self {
        const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            end: Instant::now() + whole.min(LONGEST),
            whole,
        }
    }

    /// The time of the whole call.
    pub(crate) fn whole(&self) -> Duration {
        self.whole
    }

    /// Whether it is over when the other is.
    pub(crate) fn ends_with(&self, other: &Self) -> bool {
        self.end <= other.end
    }

    /// What is left now; zero is none.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

/// The attempts of a call, and how long it rests between them.
pub(in crate::langfuse) struct Attempts {
    made: u32,
    random: Rand64,
}

impl Attempts {
    /// A server that is away is known as such within a second, and one that restarts behind a balancer is found.
    const MOST: u32 = 3;

    /// The wait after the first attempt; it doubles.
    const FIRST_WAIT: Duration = Duration::from_millis(250);

    pub(in crate::langfuse) fn new() -> Self {
        let seed = u64::from_ne_bytes(Ids::Random.span().to_bytes());
        Self {
            made: 0,
            random: Rand64::new(seed.into()),
        }
    }

    /// How long to wait before another attempt: ours, half of it chance, or what the server asks for, whichever is longer.
    /// `None` when there shall be no other, or no time for one.
    pub(in crate::langfuse) fn next(&mut self, budget: &Budget, asked: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        if self.made >= Self::MOST {
            return None;
        }
        let whole = Self::FIRST_WAIT * 2_u32.pow(self.made - 1);
        let ours = whole / 2 + (whole / 2).mul_f64(self.random.rand_float());
        let wait = ours.max(asked.unwrap_or_default());
        (wait < budget.left()).then_some(wait)
    }
}
