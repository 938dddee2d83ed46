//! A key that is recorded again: its old value goes, and in time its old bytes.

use super::{Entry, Fields, Key, MEDIA_LIMIT, Slot, range, stretch};

/// How many fields one observation keeps, its events' among them, beyond those it declares: handle calls with ever new
/// keys stay bounded.
const FIELD_LIMIT: usize = 1024;
/// How many bytes one observation keeps, its events' values among them: 8 MiB, eight values at their own limit, and beside
/// that those with media. What comes later is counted. A span as large as the queue would be dropped whole.
const BYTE_LIMIT: usize = 8 * 1024 * 1024;
/// Superseded values may fill this much before the buffer is rebuilt.
pub(crate) const GARBAGE_LIMIT: usize = 64 * 1024;

/// What became of values that were to be taken over.
pub(crate) struct Taken {
    /// Where the new entries begin.
    pub(crate) first: usize,
    /// So many were not kept, past the limits.
    pub(crate) dropped: u32,
}

impl Fields {
    /// Appends the values of an observation that is open, each key's last one only. `garbage` is how many bytes nothing
    /// needs any more.
    pub(crate) fn take_over(&mut self, values: &Self, declared: usize, garbage: &mut usize) -> Taken {
        let taken = values.entries.len();
        *garbage += self.supersede(values);
        let first = self.entries.len();
        // Only names that come at run time are without number: an output or a model is never left out.
        let named = |entry: &Entry| matches!(entry.head.key, Key::Given(_));
        let is_full = first + taken > FIELD_LIMIT + declared;
        if (is_full && values.entries.iter().any(named)) || !self.has_room_for(values, *garbage) {
            let dropped = u32::try_from(taken).unwrap_or(u32::MAX);
            return Taken { first, dropped };
        }
        self.append(values, |_| {});
        if *garbage > GARBAGE_LIMIT && *garbage > self.weight() / 2 {
            self.compact();
            *garbage = 0;
        }
        Taken { first, dropped: 0 }
    }

    /// Whether none of these declared fields, a bit each, has a value.
    pub(crate) fn is_new(&self, declared: u64) -> bool {
        self.declared & declared == 0
    }

    /// Whether so many values, with so many bytes of text, fit beside what is kept, whatever of that is garbage.
    pub(crate) fn has_room(&self, bytes: usize, count: usize, declared: usize) -> bool {
        let entries = self.entries.len() + count;
        entries <= FIELD_LIMIT + declared
            && self.weight() + bytes + count * size_of::<Entry>() <= BYTE_LIMIT + self.large.min(MEDIA_LIMIT)
    }

    /// Whether these values fit beside what is kept.
    pub(crate) fn has_room_for(&self, values: &Self, garbage: usize) -> bool {
        let for_media = (self.large + values.large).min(MEDIA_LIMIT);
        self.weight().saturating_sub(garbage) + values.weight() <= BYTE_LIMIT + for_media
    }

    /// Forgets the values of the span's own keys that `newer` has too; answers how many bytes nothing needs any more.
    pub(super) fn supersede(&mut self, newer: &Self) -> usize {
        if self.declared & newer.declared == 0
            && !newer.others
            && newer.declared.count_ones() as usize == newer.entries.len()
        {
            return 0;
        }
        let mut garbage = 0;
        let Self { texts, entries, .. } = self;
        let text = |entry: &Entry| match entry.head.key {
            Key::Given(range) => stretch(texts.as_bytes(), range),
            Key::Declared(_) | Key::Known(_) => &[],
        };
        entries.retain(|old| {
            let again = newer.entries.iter().any(|new| {
                let same_role = new.head.role == old.head.role;
                new.head.owner == old.head.owner
                    && match (old.head.key, new.head.key) {
                        // A declared field is one, whatever it has been taken for.
                        (Key::Declared(old), Key::Declared(new)) => old == new,
                        (Key::Given(_), Key::Given(new)) => {
                            same_role && text(old) == newer.text(new).as_bytes()
                        }
                        (old, new) => same_role && old == new,
                    }
            });
            if again {
                garbage += old.slot.len() + text(old).len();
            }
            !again
        });
        garbage
    }

    /// Drops the bytes that no entry needs.
    pub(super) fn compact(&mut self) {
        let old = std::mem::take(self);
        (self.large, self.lost_media) = (old.large, old.lost_media);
        for entry in &old.entries {
            let mut entry = *entry;
            if let Key::Given(range) = &mut entry.head.key {
                *range = self.write_whole(old.text(*range));
            }
            match &mut entry.slot {
                Slot::Text(range) | Slot::Debug(range) | Slot::Json(range) | Slot::Error(range) => {
                    *range = self.write_whole(old.text(*range));
                }
                Slot::Bytes(place) => {
                    let bytes = stretch(&old.raw, *place);
                    *place = range(self.raw.len(), bytes.len());
                    self.raw.extend_from_slice(bytes);
                }
                _ => {}
            }
            self.push(entry.head, entry.slot);
        }
    }
}

impl Slot {
    /// The bytes of a buffer that the value takes.
    fn len(&self) -> usize {
        match self {
            Self::Text(range)
            | Self::Debug(range)
            | Self::Json(range)
            | Self::Error(range)
            | Self::Bytes(range) => range.len as usize,
            _ => 0,
        }
    }
}
