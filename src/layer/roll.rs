//! The open observations of spans, and how often each was left. Kept here and not in the spans' extensions, an observation costs
//! no allocation and neither the registry's look-up of a span nor its lock and its map of types: 640 instructions less for an
//! empty span, 1,380 for a generation.
//!
//! The extensions stay the place where this one is not sure to do: for a layer that handles do not find by its type (because it
//! can be exchanged, by `reload`, while its spans are open), and for a span both of whose places others have.

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

/// More than most programs have open at once, so that hardly a span finds both of its places taken: of 256 open ones one in
/// sixty. 256 KiB. A power of two.
const PLACES: usize = 2048;

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
        let taken = self.places(id).find(|place| {
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
        self.places(id)
            .find(|place| place.id.load(Ordering::Acquire) == id)
    }

    /// The two places where a span with this number may stand.
    #[inline]
    fn places(&self, id: u64) -> impl Iterator<Item = &Place> {
        // In the upper 13 bits the registry counts how often a number was given: without them a span stands where the one
        // before it did, which the cache holds. Below are the thread's number and one that counts the thread's open spans;
        // the golden ratio spreads both, and all bits have a say in the upper ones.
        let spread = (id << 13).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.trailing_zeros());
        let first = spread as usize;
        [first, first ^ 1]
            .into_iter()
            .filter_map(|at| self.places.get(at))
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
    fn spans_of_many_threads_hardly_ever_find_their_places_taken() {
        let roll = Roll::new();
        // As the registry numbers them: how often the number was given, the thread, the span.
        for thread in 0..16_u64 {
            for span in 1..=16 {
                roll.enter(&Id::from_u64(thread << 51 | thread << 38 | span));
            }
        }
        assert!(roll.unplaced.load(Ordering::Relaxed) < 8);
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
