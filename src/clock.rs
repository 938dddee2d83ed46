//! Where time enters: monotonic inside a trace, wall clock at its root.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch, as on every wire.
pub(crate) type UnixNanos = u64;

/// Nanoseconds of a clock that never goes back; only differences mean anything.
pub(crate) type MonotonicNanos = u64;

/// The system's clocks, or a test's.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System { origin: Instant },
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self::System {
            origin: Instant::now(),
        }
    }

    pub(crate) fn monotonic(&self) -> MonotonicNanos {
        match self {
            Self::System { origin } => nanos(origin.elapsed()),
            Self::Manual(clock) => clock.unix_nanos(),
        }
    }

    /// What to add to [`monotonic`](Self::monotonic) to have the time of day. A trace asks once, at its root: its
    /// spans then keep their order and their lengths through every step of the wall clock.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::System { .. } => unix_nanos(SystemTime::now()).wrapping_sub(self.monotonic()),
            Self::Manual(_) => 0,
        }
    }
}

/// A time of day as on every wire; one before 1970 is the beginning of 1970.
pub(crate) fn unix_nanos(time: SystemTime) -> UnixNanos {
    nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn nanos(duration: Duration) -> u64 {
    // As 128 bits they cost more than the question for the time.
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos().into())
}

/// A clock that a test moves by hand. It starts at 2026-01-01T00:00:00Z; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_767_225_600_000_000_000)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::Relaxed);
    }

    /// The time it shows, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn unix_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
