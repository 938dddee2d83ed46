//! Buffers that have been used, to be recorded into once more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Fields;

/// Buffers to record into once more, bounded by bytes.
pub(super) struct Spares {
    kept: Mutex<Kept>,
    /// A buffer over this is not used again.
    largest: usize,
    /// All of them hold this at most.
    most: usize,
}

#[derive(Default)]
struct Kept {
    buffers: Vec<Fields>,
    bytes: usize,
}

impl Spares {
    /// Spares beside a queue of so many bytes: in a small one a small span shall not weigh what a large one left.
    pub(super) fn new(queue_bytes: usize) -> Self {
        Self {
            kept: Mutex::default(),
            largest: BUFFER_KEPT.min(queue_bytes / 16),
            most: SPARES_KEPT.min(queue_bytes / 8),
        }
    }

    /// An empty buffer, a used one if there is one.
    pub(super) fn lend(&self) -> Fields {
        let mut kept = self.lock();
        let Some(buffer) = kept.buffers.pop() else {
            return Fields::default();
        };
        kept.bytes = kept.bytes.saturating_sub(weight(&buffer));
        buffer
    }

    /// Takes a buffer back. A big one is not kept: one large document should not cost its size for ever.
    pub(super) fn take_back(&self, mut buffer: Fields) {
        buffer.clear();
        let weight = weight(&buffer);
        if buffer.capacity() == 0 || weight > self.largest {
            return;
        }
        let mut kept = self.lock();
        if kept.bytes + weight <= self.most {
            kept.bytes += weight;
            kept.buffers.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(buffer: &Fields) -> usize {
    buffer.capacity() + size_of::<Fields>()
}

/// The largest buffer that is used again: 64 KiB, some 20 usual generations.
pub(super) const BUFFER_KEPT: usize = 64 * 1024;

/// Buffers to be used again hold at most this together: 4 MiB, a thousand usual generations.
const SPARES_KEPT: usize = 4 * 1024 * 1024;
