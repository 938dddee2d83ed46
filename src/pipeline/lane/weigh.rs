//! What lanes can carry.

use crate::model::Shared;

/// What a lane carries.
pub(crate) trait Weigh {
    /// About how many bytes it keeps.
    fn weight(&self) -> usize;
}

impl Weigh for Shared {
    fn weight(&self) -> usize {
        self.as_ref().weight()
    }
}
