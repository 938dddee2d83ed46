//! A key that is recorded again: its old value goes, and in time its old bytes.

use super::{Fields, Key, stretch};

impl Fields {
    /// Forgets the values of the span's own keys that `newer` has too; answers how many bytes nothing needs any more.
    pub(crate) fn supersede(&mut self, newer: &Self) -> usize {
        let mut garbage = 0;
        let Self { bytes, entries } = self;
        entries.retain(|old| {
            let again = newer.entries.iter().any(|new| {
                let same_role = new.head.role == old.head.role;
                new.head.owner == old.head.owner
                    && match (old.head.key, new.head.key) {
                        // A declared field is one, whatever it has been taken for.
                        (Key::Declared(old), Key::Declared(new)) => old == new,
                        (Key::Given(old), Key::Given(new)) => {
                            same_role && stretch(bytes, old) == stretch(&newer.bytes, new)
                        }
                        (old, new) => same_role && old == new,
                    }
            });
            if again {
                let name = match old.head.key {
                    Key::Given(range) => Some(range),
                    Key::Declared(_) | Key::Known(_) => None,
                };
                let ranges = old.slot.range().into_iter().chain(name);
                garbage += ranges.map(|range| range.len as usize).sum::<usize>();
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
                *range = self.write(old.bytes(*range));
            }
            if let Some(range) = entry.slot.range_mut() {
                *range = self.write(old.bytes(*range));
            }
            self.entries.push(entry);
        }
    }
}
