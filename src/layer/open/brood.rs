//! What a span and those that begin below it tell each other. Shared between them, so that one that ends needs not look
//! its parent up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The observations directly below one.
#[derive(Default, Debug)]
pub(super) struct Brood {
    open: AtomicU32,
    generation: AtomicBool,
    usage: AtomicBool,
}

/// What there is among the observations below one that have ended.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Below {
    /// A call of a model.
    pub(super) generation: bool,
    /// Usage or cost that counts.
    pub(super) usage: bool,
}

impl Brood {
    /// Whether one of them has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// What those that have ended told.
    pub(super) fn below(&self) -> Below {
        Below {
            generation: self.generation.load(Ordering::Acquire),
            usage: self.usage.load(Ordering::Acquire),
        }
    }
}

/// The place of one that has not ended; given up when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Brood>);

impl Place {
    pub(super) fn below(brood: &Arc<Brood>) -> Self {
        brood.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(brood))
    }

    /// Tells the parent what it has below it for this one's sake.
    pub(super) fn tell(&self, below: Below) {
        if below.generation {
            self.0.generation.store(true, Ordering::Release);
        }
        if below.usage {
            self.0.usage.store(true, Ordering::Release);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}
