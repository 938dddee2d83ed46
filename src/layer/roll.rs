//! Which spans have an open observation, and how often each was left: asked before the registry is, whose look-up of a span
//! and of its extensions costs ten times as much.

use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tracing::span::Id;

/// The spans of one layer's registry that have an observation.
pub(crate) struct Roll {
    places: Box<[Place]>,
    /// How many found their place taken: of these nothing is known here.
    unplaced: AtomicUsize,
}

/// Where one span stands.
#[derive(Default)]
struct Place {
    /// Zero where none does.
    id: AtomicU64,
    /// How often it was left, and perhaps `WATCHED`.
    exits: AtomicU64,
}

/// As many as most programs have open at once: 16 KiB. A power of two.
const PLACES: usize = 1024;

/// Each exit of the span has to be told to its observation.
const WATCHED: u64 = 1 << 63;

impl Roll {
    pub(crate) fn new() -> Self {
        Self {
            places: iter::repeat_with(Place::default).take(PLACES).collect(),
            unplaced: AtomicUsize::new(0),
        }
    }

    /// A span has an observation from now on.
    pub(crate) fn enter(&self, span: &Id) {
        let id = span.into_u64();
        let free = |place: &Place| {
            place
                .id
                .compare_exchange(0, id, Ordering::AcqRel, Ordering::Relaxed)
        };
        if self.place(id).is_none_or(|place| free(place).is_err()) {
            self.unplaced.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whether a span surely has no observation.
    pub(crate) fn is_absent(&self, span: &Id) -> bool {
        self.at(span).is_none() && self.unplaced.load(Ordering::Acquire) == 0
    }

    /// From now on a span's observation has to be told of each exit.
    pub(crate) fn watch(&self, span: &Id) {
        if let Some(place) = self.at(span) {
            place.exits.fetch_or(WATCHED, Ordering::AcqRel);
        }
    }

    /// A span is left; answers whether its observation needs not be told.
    pub(crate) fn exit(&self, span: &Id) -> bool {
        let Some(place) = self.at(span) else {
            return self.unplaced.load(Ordering::Acquire) == 0;
        };
        let is_counted = place.exits.load(Ordering::Acquire) & WATCHED == 0;
        if is_counted {
            place.exits.fetch_add(1, Ordering::AcqRel);
        }
        is_counted
    }

    /// A span's observation ends; answers how often the span was left without its being told.
    pub(crate) fn close(&self, span: &Id) -> u64 {
        let Some(place) = self.at(span) else {
            self.unplaced.fetch_sub(1, Ordering::AcqRel);
            return 0;
        };
        let exits = place.exits.swap(0, Ordering::AcqRel);
        place.id.store(0, Ordering::Release);
        exits & !WATCHED
    }

    /// The place of a span that has one.
    fn at(&self, span: &Id) -> Option<&Place> {
        let id = span.into_u64();
        self.place(id)
            .filter(|place| place.id.load(Ordering::Acquire) == id)
    }

    /// Where a span with this number would stand.
    fn place(&self, id: u64) -> Option<&Place> {
        // In the upper bits the registry counts how often a number was given: without them a span stands where the one before
        // it did, which the cache holds. Numbers that follow each other are spread by the golden ratio.
        let spread = (id << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.places.get((spread >> 32) as usize & (PLACES - 1))
    }
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roll").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_known_until_it_closes_also_where_its_place_was_taken() {
        let roll = Roll::new();
        let spans: Vec<_> = (1..=3 * PLACES as u64).map(Id::from_u64).collect();
        for span in &spans {
            assert!(roll.is_absent(span) || roll.unplaced.load(Ordering::Relaxed) > 0);
            roll.enter(span);
        }
        assert!(spans.iter().all(|span| !roll.is_absent(span)));
        for span in &spans {
            let was_counted = roll.exit(span) && roll.exit(span);
            assert_eq!(roll.close(span), if was_counted { 2 } else { 0 });
        }
        assert!(spans.iter().all(|span| roll.is_absent(span) && roll.exit(span)));
    }

    #[test]
    fn what_is_watched_is_told_and_what_was_counted_before_is_not_forgotten() {
        let roll = Roll::new();
        let span = Id::from_u64(7);
        roll.enter(&span);
        assert!(roll.exit(&span));
        roll.watch(&span);
        assert!(!roll.exit(&span));
        assert_eq!(roll.close(&span), 1);
        roll.enter(&span);
        assert!(roll.exit(&span), "nothing is left of the one before");
    }
}
