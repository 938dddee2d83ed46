//! Fields under the names that the conventions have for them.

use smallvec::SmallVec;

use crate::dialect::Attributes;
use crate::field::{Role, Trust};
use crate::model::{Field, ValueRef};

/// Fields that the conventions have names for. Several may share one: the one that counts wins, then the most trusted,
/// then the last.
#[derive(Default)]
pub(super) struct Named<'a>(SmallVec<[(&'static str, Rank, ValueRef<'a>); 8]>);

/// Whether a field's role counts, and how far it is trusted.
type Rank = (bool, Trust);

impl<'a> Named<'a> {
    pub(super) fn offer(&mut self, name: &'static str, field: &Field<'a>) {
        let rank = (field.used.counts, field.trust);
        let value = match (field.role, field.value.as_count()) {
            // A count is a number, also where a program wrote it as text.
            (Role::Usage, Some(count)) => ValueRef::U64(count),
            _ => field.value,
        };
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) if known.1 > rank => {}
            Some(known) => *known = (name, rank, value),
            None => self.0.push((name, rank, value)),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, ..)| *known == name)
    }

    pub(super) fn write(&self, attributes: &mut impl Attributes) {
        for (name, _, value) in &self.0 {
            attributes.put(*name, *value);
        }
    }
}
