//! A key that is recorded again: its old value goes, and in time its old bytes.

use super::{Entry, Fields, Key, Slot, range, stretch};

impl Fields {
    /// Forgets the values of the span's own keys that `newer` has too; answers how many bytes nothing needs any more.
    pub(crate) fn supersede(&mut self, newer: &Self) -> usize {
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
    pub(crate) fn compact(&mut self) {
        let old = std::mem::take(self);
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
