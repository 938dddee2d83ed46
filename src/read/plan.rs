//! What the shape of a span decides, kept for the next one of that shape.
//!
//! Spans of one callsite come again and again with the same fields in the same order. Which field is the model, the input,
//! a parameter, metadata, which is repeated or hidden, is decided by their names, by who says them, and by few answers of
//! their values ([`Asked`]). So it is decided once for a shape; what its destinations then make of it, they keep with it
//! ([`Notes`]). The shape is compared whole: nothing is taken for another that only resembles it.
//!
//! For a generation of 12 fields that saves the worker a third of its instructions. A shape is kept when it comes a second
//! time: some never do, with a key of the program's in their metadata or ever so many events.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use smallvec::SmallVec;

use super::asked::Asked;
use super::usage::Counted;
use crate::model::{Callsite, Content, Entry, Head, Key, Kind, Notes, Reading, Recorded, Use};

/// The shapes seen last, a few for each callsite.
#[derive(Default, Debug)]
pub(super) struct Plans(Vec<Place>);

#[derive(Default, Debug)]
struct Place {
    plans: [Option<Box<Plan>>; SHAPES],
    /// The shapes that came last and were not known, by their hashes.
    strangers: [u64; SHAPES],
}

/// Two callsites seldom meet in one of so many places.
const PLACES: usize = 64;

/// So many shapes of a callsite, or of those that meet, are kept, the one used last first.
const SHAPES: usize = 4;

/// A shape of more fields is not kept, nor one whose names that came at run time are longer together: all that are kept
/// hold a few MiB at most.
const FIELDS: usize = 128;
const NAMES_BYTES: usize = 4 * 1024;

/// A shape with what was decided for it.
#[derive(Debug)]
pub(super) struct Plan {
    shape: Shape,
    asked: Asked,
    reading: Decided,
    pub(super) places: Places,
    pub(super) notes: Arc<Notes>,
}

/// Where the values stand that are read of each span anew.
#[derive(Default, Debug)]
pub(super) struct Places {
    pub(super) counted: Counted,
    /// The prompt's name and its version.
    pub(super) prompt: (Option<usize>, Option<usize>),
    /// What could have been the content, and is shown beside it.
    pub(super) beside: Indices,
}

/// Entries, by their indices.
pub(super) type Indices = SmallVec<[usize; 4]>;

/// All that decides but answers.
#[derive(Debug)]
struct Shape {
    callsite: Arc<Callsite>,
    kind: Kind,
    usage_below: bool,
    heads: Box<[(u64, Name)]>,
    events: Box<[Arc<Callsite>]>,
    absent: Indices,
}

/// What there is of a name beside a head's bits.
#[derive(Debug)]
enum Name {
    Declared,
    Known(&'static str),
    Given(Box<str>),
}

/// The part of a reading that is decided.
#[derive(Debug)]
struct Decided {
    uses: Box<[Use]>,
    model: Option<usize>,
    contents: [Content; 2],
    said: [Option<Content>; 2],
}

impl Plans {
    /// What was decided for a span of this shape that answered the same. `absent` are the entries that say nothing.
    pub(super) fn find(&mut self, recorded: &Recorded, absent: &[usize]) -> Option<&Plan> {
        let Place { plans, .. } = self.0.get_mut(place(&recorded.callsite))?;
        let is_it = |plan: &Plan| plan.shape.is_of(recorded, absent) && plan.asked.is_answered_by(recorded);
        let found = plans.iter().position(|plan| plan.as_deref().is_some_and(is_it))?;
        plans.get_mut(..=found)?.rotate_right(1);
        plans.first()?.as_deref()
    }

    /// Keeps what was decided for a shape that has come before; answers what its destinations are to note on it.
    pub(super) fn keep(
        &mut self,
        recorded: &Recorded,
        absent: Indices,
        asked: Asked,
        reading: &Reading,
        places: Places,
    ) -> Option<Arc<Notes>> {
        if !is_small(recorded) {
            return None;
        }
        if self.0.is_empty() {
            self.0.resize_with(PLACES, Default::default);
        }
        let Place { plans, strangers } = self.0.get_mut(place(&recorded.callsite))?;
        let hash = hash(recorded, &absent);
        if !strangers.contains(&hash) {
            strangers.rotate_right(1);
            *strangers.first_mut()? = hash;
            return None;
        }
        let notes = Arc::<Notes>::default();
        let plan = Plan {
            shape: Shape::of(recorded, absent),
            asked,
            reading: Decided::of(reading),
            places,
            notes: Arc::clone(&notes),
        };
        plans.rotate_right(1);
        *plans.first_mut()? = Some(Box::new(plan));
        Some(notes)
    }
}

fn is_small(recorded: &Recorded) -> bool {
    let entries = recorded.fields.entries();
    let name_bytes = |entry: &Entry| match entry.head.key {
        Key::Given(range) => recorded.fields.text(range).len(),
        Key::Declared(_) | Key::Known(_) => 0,
    };
    entries.len() <= FIELDS && entries.iter().map(name_bytes).sum::<usize>() <= NAMES_BYTES
}

/// Says of most shapes that they never came before; of those that did, the shape itself is compared.
fn hash(recorded: &Recorded, absent: &[usize]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (Arc::as_ptr(&recorded.callsite), recorded.kind as u8, absent).hash(&mut hasher);
    for entry in recorded.fields.entries() {
        bits(&entry.head).hash(&mut hasher);
        match entry.head.key {
            Key::Declared(_) => {}
            Key::Known(name) => name.hash(&mut hasher),
            Key::Given(range) => recorded.fields.text(range).hash(&mut hasher),
        }
    }
    (recorded.usage_below, recorded.events.len()).hash(&mut hasher);
    hasher.finish()
}

/// By the callsite's address, whose lowest bits are those of all.
fn place(callsite: &Arc<Callsite>) -> usize {
    let address = Arc::as_ptr(callsite) as usize;
    (address >> 4 ^ address >> 10) % PLACES
}

impl Plan {
    /// A reading in which all is decided.
    pub(super) fn reading(&self) -> Reading {
        let Decided {
            uses,
            model,
            contents: [input, output],
            said: [said_input, said_output],
        } = &self.reading;
        Reading {
            uses: SmallVec::from_slice(uses),
            model: *model,
            input: *input,
            output: *output,
            said_input: *said_input,
            said_output: *said_output,
            ..Reading::default()
        }
    }
}

impl Decided {
    fn of(reading: &Reading) -> Self {
        Self {
            uses: reading.uses.as_slice().into(),
            model: reading.model,
            contents: [reading.input, reading.output],
            said: [reading.said_input, reading.said_output],
        }
    }
}

impl Shape {
    fn of(recorded: &Recorded, absent: Indices) -> Self {
        let heads = recorded.fields.entries().iter().map(|entry| {
            let name = match entry.head.key {
                Key::Declared(_) => Name::Declared,
                Key::Known(name) => Name::Known(name),
                Key::Given(range) => Name::Given(recorded.fields.text(range).into()),
            };
            (bits(&entry.head), name)
        });
        let events = recorded.events.iter().map(|event| Arc::clone(&event.callsite));
        Self {
            callsite: Arc::clone(&recorded.callsite),
            kind: recorded.kind,
            usage_below: recorded.usage_below,
            heads: heads.collect(),
            events: events.collect(),
            absent,
        }
    }

    fn is_of(&self, recorded: &Recorded, absent: &[usize]) -> bool {
        let (entries, events) = (recorded.fields.entries(), &recorded.events);
        Arc::ptr_eq(&self.callsite, &recorded.callsite)
            && self.heads.len() == entries.len()
            && (self.kind, self.usage_below) == (recorded.kind, recorded.usage_below)
            && self.absent[..] == *absent
            && self.events.len() == events.len()
            && self
                .events
                .iter()
                .zip(events)
                .all(|(known, event)| Arc::ptr_eq(known, &event.callsite))
            && self.heads.iter().zip(entries).all(|((known, name), entry)| {
                *known == bits(&entry.head)
                    && match (name, entry.head.key) {
                        (Name::Declared, _) => true,
                        (Name::Known(known), Key::Known(name)) => *known == name,
                        (Name::Given(known), Key::Given(range)) => **known == *recorded.fields.text(range),
                        _ => false,
                    }
            })
    }
}

/// All of a head but a name that is a text, in one number: heads are compared more often than anything else.
fn bits(head: &Head) -> u64 {
    let key = match head.key {
        Key::Declared(index) => u64::from(index),
        Key::Known(_) => 1 << 16,
        Key::Given(_) => 2 << 16,
    };
    key << 40
        | u64::from(head.owner) << 24
        | u64::from(head.late) << 16
        | (head.trust as u64) << 8
        | head.role as u64
}

#[cfg(test)]
mod tests;
