//! Fields under the names that the conventions have for them.

use smallvec::SmallVec;

use crate::dialect::{Attributes, Name};
use crate::field::{Role, Trust};
use crate::model::{Field, Observation, ValueRef};

/// Fields that the conventions have names for. Several may share one: the one that counts wins, then the most trusted,
/// then the last.
#[derive(Default, Debug)]
pub(super) struct Named {
    names: SmallVec<[One; 8]>,
    /// All that were offered, also those that lost.
    offered: SmallVec<[usize; 8]>,
}

#[derive(Debug)]
struct One {
    name: Name,
    rank: Rank,
    index: usize,
    /// It is a number, also where a program wrote it as text.
    is_count: bool,
}

/// Whether a field's role counts, and how far it is trusted.
type Rank = (bool, Trust);

impl Named {
    pub(super) fn offer(&mut self, name: &'static str, field: &Field<'_>) {
        self.offered.push(field.index);
        let one = One {
            name: Name::new(name),
            rank: (field.used.counts, field.trust),
            index: field.index,
            is_count: field.role == Role::Usage,
        };
        match self.names.iter_mut().find(|known| known.name == one.name) {
            Some(known) if known.rank > one.rank => {}
            Some(known) => *known = one,
            None => self.names.push(one),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|one| one.name.as_str() == name)
    }

    /// All that were offered, also those that lost.
    pub(super) fn offered(&self) -> &[usize] {
        &self.offered
    }

    pub(super) fn write(&self, observation: &Observation, attributes: &mut impl Attributes) {
        for one in &self.names {
            let Some(value) = observation.field_value(one.index) else {
                continue;
            };
            let count = one.is_count.then(|| value.as_count()).flatten();
            attributes.put(&one.name, count.map_or(value, ValueRef::U64));
        }
    }
}
