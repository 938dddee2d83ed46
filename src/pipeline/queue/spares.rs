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
            most: SPARES_KEPT.min(queue_bytes / 4),
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

/// What is kept to be used again holds this at most: 8 MiB, two thousand usual generations.
const SPARES_KEPT: usize = 8 * 1024 * 1024;
