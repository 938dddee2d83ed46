//! What has been recorded into and delivered, to be recorded into once more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Recorded;

/// Blanks with their buffers, bounded by bytes.
pub(super) struct Spares {
    kept: Mutex<Kept>,
    /// One with a buffer over this is not used again.
    largest: usize,
    /// All of them hold this at most.
    most: usize,
}

#[derive(Default)]
struct Kept {
    /// Each with its weight.
    blanks: Vec<(usize, Box<Recorded>)>,
    bytes: usize,
}

impl Spares {
    /// Spares beside a queue of so many bytes: in a small one a small span shall not weigh what a large one left.
    pub(super) fn new(queue_bytes: usize) -> Self {
        Self {
            kept: Mutex::default(),
            largest: BUFFER_KEPT.min(queue_bytes / 16),
            most: SPARES_KEPT.min(queue_bytes / 2),
        }
    }

    /// A used one, empty, if there is one.
    pub(super) fn lend(&self) -> Option<Box<Recorded>> {
        let mut kept = self.lock();
        let (weight, blank) = kept.blanks.pop()?;
        kept.bytes -= weight;
        Some(blank)
    }

    /// Takes one back. A big one is not kept: one large document should not cost its size for ever.
    pub(super) fn take_back(&self, mut used: Box<Recorded>) {
        used.clear();
        let weight = used.weight();
        if weight > self.largest {
            return;
        }
        let mut kept = self.lock();
        if kept.bytes + weight <= self.most {
            kept.bytes += weight;
            kept.blanks.push((weight, used));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The largest that is used again: 64 KiB, some 20 usual generations.
pub(super) const BUFFER_KEPT: usize = 64 * 1024;

/// What is kept to be used again holds this at most: 16 MiB, some three thousand usual generations. So many are under way when
/// several threads are busy for as long as the worker waits; with less, threads make the rest anew, and memory that the worker's
/// thread freed is given back to the system and fetched again, which costs more than a span.
const SPARES_KEPT: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Head, Lanes};

    #[test]
    fn a_burst_of_half_the_queue_finds_the_memory_of_the_one_before_and_no_more_is_kept() {
        let queue_bytes = 1024 * 1024;
        let spares = Spares::new(queue_bytes);
        let used = || {
            let mut used = Recorded::sample("used", Lanes::NONE);
            used.fields.str(Head::declared(0), &"x".repeat(3000));
            used
        };
        let weight = used().weight();
        for _ in 0..queue_bytes / weight {
            spares.take_back(used());
        }
        let lent: Vec<_> = std::iter::from_fn(|| spares.lend()).collect();
        assert_eq!(lent.len(), queue_bytes / 2 / weight);
        assert!(lent.iter().all(|blank| blank.fields.capacity() >= 3000));
    }
}
