//! What many threads write, away from what they only read.

use std::ops::Deref;

/// On cache lines of its own: a thread that writes it takes from the others nothing that they only read. Two lines, since they
/// are fetched in pairs.
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
