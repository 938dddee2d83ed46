//! What has been made of a shape of spans: each destination works out once where its fields go.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use crate::model::{Lane, Lanes, Observation};

/// What is made of a shape, beside what it decides.
#[derive(Default)]
pub(crate) struct Notes {
    /// The fields whose names are those of credentials.
    credentials: OnceLock<Box<[usize]>>,
    /// One for each lane.
    lanes: [OnceLock<Box<dyn Any + Send + Sync>>; Lanes::MAX],
}

/// A note on the shape of an observation, or what it would say.
pub(crate) enum Noted<'o, T> {
    Before(&'o T),
    Now(T),
}

impl<T> Deref for Noted<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Before(note) => note,
            Self::Now(note) => note,
        }
    }
}

impl Observation {
    /// What a lane makes of its shape: no values, and nothing that only this observation has, may go into it.
    pub(crate) fn noted<T: Any + Send + Sync>(&self, lane: Lane, make: impl Fn(&Self) -> T) -> Noted<'_, T> {
        let note = self.notes().and_then(|notes| notes.get(lane, || make(self)));
        note.map_or_else(|| Noted::Now(make(self)), Noted::Before)
    }
}

impl Notes {
    /// The fields whose names are those of credentials, by their indices.
    pub(super) fn credentials(&self, find: impl FnOnce() -> Box<[usize]>) -> &[usize] {
        self.credentials.get_or_init(find)
    }

    /// What the lane noted, else what `make` makes now, which is kept. None for a lane that noted another kind of thing.
    fn get<T: Any + Send + Sync>(&self, lane: Lane, make: impl FnOnce() -> T) -> Option<&T> {
        let note = self.lanes.get(usize::from(lane))?;
        note.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}
