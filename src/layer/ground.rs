//! What every trace of a layer stands on: where its observations go, its clock and ids, and which spans have any.

use std::fmt;
use std::ptr;
use std::sync::Arc;

use crate::layer::roll::Roll;
use crate::sink::{Sink, Source};

/// One for each layer: two spans of one ground belong to the same layer.
pub(crate) struct Ground {
    pub(crate) source: Source,
    /// The spans of its open observations.
    pub(crate) roll: Roll,
}

impl Ground {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            roll: Roll::new(),
        }
    }

    pub(crate) fn sink(&self) -> &dyn Sink {
        &*self.source.sink
    }

    /// Whether this is the sink that its observations go to.
    pub(crate) fn goes_to(&self, sink: *const ()) -> bool {
        ptr::addr_eq(Arc::as_ptr(&self.source.sink), sink)
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").finish_non_exhaustive()
    }
}
