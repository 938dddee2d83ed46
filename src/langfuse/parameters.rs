//! The parameters of a model call, from wherever they were said.

use smallvec::SmallVec;

use super::json;
use crate::field::{Role, Roles, Trust};
use crate::model::{Field, Observation, Value, ValueRef, write_object};

/// The parameters of an observation, each once: of two with one name the more trusted wins, else the later; what was
/// said of one alone wins over an object of all.
pub(crate) struct Parameters<'a> {
    single: SmallVec<[(&'a str, Trust, Field<'a>); 4]>,
    /// Some may be members of objects.
    has_objects: bool,
    /// Members of objects, which few spans have.
    members: Vec<(String, Trust, Value)>,
}

impl<'a> Parameters<'a> {
    pub(crate) fn of(observation: &'a Observation) -> Self {
        let mut parameters = Self {
            single: SmallVec::new(),
            has_objects: false,
            members: Vec::new(),
        };
        let are_parameters = Roles::of(&[Role::Parameter, Role::Parameters]);
        for field in observation.fields_that(|head, used| used.counts && are_parameters.contain(head.role)) {
            match field.role {
                Role::Parameter => parameters.single(field),
                Role::Parameters => parameters.object(field.trust, field.value),
                _ => {}
            }
        }
        parameters
    }

    /// Those that were said of one alone, by the indices of their fields, where all are such.
    pub(crate) fn single_ones(&self) -> Option<impl Iterator<Item = (&str, usize)>> {
        let single = self.single.iter().map(|(name, _, field)| (*name, field.index));
        (!self.has_objects).then_some(single)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.single.is_empty() && self.members.is_empty()
    }

    /// Writes them as a JSON object.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let single = self.single.iter().map(|(name, _, field)| (*name, field.value));
        let members = self.members.iter().filter(|(name, ..)| !self.is_single(name));
        let members = members.map(|(name, _, value)| (name.as_str(), value.as_ref()));
        write_object(single.chain(members), out);
    }

    fn is_single(&self, name: &str) -> bool {
        self.single.iter().any(|(known, ..)| *known == name)
    }

    fn single(&mut self, field: Field<'a>) {
        let (name, trust) = (field.short, field.trust);
        match self.single.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) if known.1 > trust => {}
            Some(known) => *known = (name, trust, field),
            None => self.single.push((name, trust, field)),
        }
    }

    /// What is no object holds no parameters: the server ignores it too.
    fn object(&mut self, trust: Trust, value: ValueRef<'_>) {
        self.has_objects = true;
        let members = value.as_str().and_then(json::members).unwrap_or_default();
        for (name, value) in members {
            match self.members.iter_mut().find(|(known, ..)| *known == name) {
                Some(known) if known.1 > trust => {}
                Some(known) => *known = (name, trust, value),
                None => self.members.push((name, trust, value)),
            }
        }
    }
}
