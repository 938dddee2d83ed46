//! The open observations of spans, and how often each was left. Kept here and not in the spans' extensions, an observation costs
//! no allocation and neither the registry's look-up of a span nor its lock and its map of types: 490 instructions less for an
//! empty span, 1,240 for a generation.
//!
//! The extensions stay the place where this one is not sure to do: for a layer that handles do not find by its type (because it
//! can be exchanged, by `reload`, while its spans are open), and for a span whose place another has.

use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::span::Id;

use crate::layer::open::OpenObservation;

/// The spans of one layer's registry that have an observation.
pub(crate) struct Roll {
    places: Box<[Place]>,
    /// Whether observations are kept here.
    holds: AtomicBool,
    /// How many found their place taken: of these nothing is known here.
    unplaced: AtomicUsize,
}

/// Where one span stands: two cache lines, so that threads whose spans stand beside each other do not meet.
#[derive(Default)]
#[repr(align(128))]
struct Place {
    /// Zero where none does.
    id: AtomicU64,
    /// How often it was left, and perhaps `WATCHED`.
    exits: AtomicU64,
    open: Mutex<Option<OpenObservation>>,
}

/// Where a span's observation is.
pub(crate) enum Found<'a> {
    /// It is this one.
    Here(MutexGuard<'a, Option<OpenObservation>>),
    /// In the span's extensions, if it has any.
    Elsewhere,
    /// It has none.
    Nowhere,
}

/// As many as most programs have open at once: 128 KiB. A power of two.
const PLACES: usize = 1024;

/// Each exit of the span has to be told to its observation.
const WATCHED: u64 = 1 << 63;

impl Roll {
    pub(crate) fn new() -> Self {
        Self {
            places: iter::repeat_with(Place::default).take(PLACES).collect(),
            holds: AtomicBool::new(false),
            unplaced: AtomicUsize::new(0),
        }
    }

    /// From now on observations are kept here: whoever looks for them finds this roll, for as long as they are open.
    pub(crate) fn hold(&self) {
        self.holds.store(true, Ordering::Release);
    }

    pub(crate) fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    /// A span has an observation from now on, which stands elsewhere.
    pub(crate) fn enter(&self, span: &Id) {
        self.take_place(span);
    }

    /// A span has an observation from now on. It comes back where it has to stand elsewhere.
    pub(crate) fn put(&self, span: &Id, open: OpenObservation) -> Result<(), OpenObservation> {
        match self.take_place(span) {
            Some(place) => {
                *place.lock() = Some(open);
                Ok(())
            }
            None => Err(open),
        }
    }

    /// Where a span's observation is.
    #[inline]
    pub(crate) fn find(&self, span: &Id) -> Found<'_> {
        let Some(place) = self.at(span) else {
            return match self.unplaced.load(Ordering::Acquire) {
                0 => Found::Nowhere,
                _ => Found::Elsewhere,
            };
        };
        let open = place.lock();
        // Meanwhile it may have ended, and another may have come to its place.
        if open.is_some() && place.id.load(Ordering::Acquire) == span.into_u64() {
            Found::Here(open)
        } else {
            Found::Elsewhere
        }
    }

    /// A span has no observation after all.
    pub(crate) fn forget(&self, span: &Id) {
        if let Found::Here(mut open) = self.find(span) {
            *open = None;
        }
        self.close(span);
    }

    /// All observations that are kept here: their layer is gone, and nobody else ends them.
    pub(crate) fn drain(&self) -> impl Iterator<Item = OpenObservation> + '_ {
        self.places.iter().filter_map(|place| place.lock().take())
    }

    /// The place of a span that had none; none where another has it.
    fn take_place(&self, span: &Id) -> Option<&Place> {
        let id = span.into_u64();
        let taken = self.place(id).filter(|place| {
            let was = place
                .id
                .compare_exchange(0, id, Ordering::AcqRel, Ordering::Relaxed);
            was.is_ok()
        });
        if taken.is_none() {
            self.unplaced.fetch_add(1, Ordering::AcqRel);
        }
        taken
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

    /// Where a span with this number would stand. Two spans meet at one place seldom: of ten that are open in one time of a
    /// hundred.
    fn place(&self, id: u64) -> Option<&Place> {
        // In the upper bits the registry counts how often a number was given: without them a span stands where the one before
        // it did, which the cache holds. Numbers that follow each other are spread by the golden ratio.
        let spread = (id << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.places.get((spread >> 32) as usize & (PLACES - 1))
    }
}

impl Place {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Option<OpenObservation>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn is_absent(roll: &Roll, span: &Id) -> bool {
        matches!(roll.find(span), Found::Nowhere)
    }

    #[test]
    fn a_span_is_known_until_it_closes_also_where_its_place_was_taken() {
        let roll = Roll::new();
        let spans: Vec<_> = (1..=3 * PLACES as u64).map(Id::from_u64).collect();
        for span in &spans {
            assert!(is_absent(&roll, span) || roll.unplaced.load(Ordering::Relaxed) > 0);
            roll.enter(span);
        }
        assert!(spans.iter().all(|span| !is_absent(&roll, span)));
        for span in &spans {
            let was_counted = roll.exit(span) && roll.exit(span);
            assert_eq!(roll.close(span), if was_counted { 2 } else { 0 });
        }
        assert!(spans.iter().all(|span| is_absent(&roll, span) && roll.exit(span)));
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
