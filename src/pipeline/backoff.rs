//! How long a lane rests between attempts.

use std::time::Duration;

use oorandom::Rand64;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait of our own: a destination that comes back is noticed within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest wait that a destination may ask for. More is a mistake oftener than a wish, and the observations would
/// not be kept that long.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// Doubles the wait with every failure. Half of it is chance, so that the processes that one outage stopped do not all
/// come back in the same second.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random: Rand64,
}

impl Backoff {
    pub(crate) fn new(seed: u128) -> Self {
        Self {
            failures: 0,
            random: Rand64::new(seed),
        }
    }

    /// The wait after one more failure: ours or what the destination asked for, whichever is longer.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let whole = FIRST
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let ours = whole / 2 + (whole / 2).mul_f64(self.random.rand_float());
        ours.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }

    /// The destination answered: the next failure is a first one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_anew() {
        let mut backoff = Backoff::new(7);
        for whole in [1, 2, 4, 8, 16, 32, 60, 60] {
            let whole = Duration::from_secs(whole);
            let wait = backoff.next(None);
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn the_longer_of_both_counts_up_to_an_hour() {
        let mut backoff = Backoff::new(7);
        assert_eq!(
            backoff.next(Some(Duration::from_secs(30))),
            Duration::from_secs(30)
        );
        assert!(backoff.next(Some(Duration::ZERO)) >= FIRST);
        assert_eq!(backoff.next(Some(Duration::MAX)), LONGEST_ASKED);
    }

    #[test]
    fn two_processes_do_not_wait_the_same() {
        assert_ne!(Backoff::new(1).next(None), Backoff::new(2).next(None));
    }
}
