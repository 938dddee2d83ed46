//! Buffers that have been used, to be recorded into once more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Fields;

/// Buffers to record into once more, bounded by bytes.
#[derive(Default)]
pub(super) struct Spares(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    buffers: Vec<Fields>,
    bytes: usize,
}

impl Spares {
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
        if buffer.capacity() == 0 || weight > BUFFER_KEPT {
            return;
        }
        let mut kept = self.lock();
        if kept.bytes + weight <= SPARES_KEPT {
            kept.bytes += weight;
            kept.buffers.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(buffer: &Fields) -> usize {
    buffer.capacity() + size_of::<Fields>()
}

/// A buffer over this is not used again: 64 KiB, some 20 usual generations.
pub(super) const BUFFER_KEPT: usize = 64 * 1024;

/// Buffers to be used again hold at most this together: 4 MiB, a thousand usual generations.
const SPARES_KEPT: usize = 4 * 1024 * 1024;
