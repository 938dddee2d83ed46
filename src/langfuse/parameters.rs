//! The parameters of a model call, from wherever they were said.

use smallvec::SmallVec;

use super::json;
use crate::field::{Role, Roles, Trust};
use crate::model::{Observation, Value, ValueRef, write_object};

/// The parameters of an observation, each once: of two with one name the more trusted wins, else the later; what was
/// said of one alone wins over an object of all.
pub(crate) struct Parameters<'a> {
    single: SmallVec<[(&'a str, Trust, ValueRef<'a>); 8]>,
    /// Members of objects, which few spans have.
    members: Vec<(String, Trust, Value)>,
}

impl<'a> Parameters<'a> {
    pub(crate) fn of(observation: &'a Observation) -> Self {
        let mut parameters = Self {
            single: SmallVec::new(),
            members: Vec::new(),
        };
        let are_parameters = Roles::of(&[Role::Parameter, Role::Parameters]);
        for field in observation.fields_that(|head, used| used.counts && are_parameters.contain(head.role)) {
            match field.role {
                Role::Parameter => parameters.single(field.short, field.trust, field.value),
                Role::Parameters => parameters.object(field.trust, field.value),
                _ => {}
            }
        }
        parameters
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.single.is_empty() && self.members.is_empty()
    }

    /// Writes them as a JSON object.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let single = self.single.iter().map(|(name, _, value)| (*name, *value));
        let members = self.members.iter().filter(|(name, ..)| !self.is_single(name));
        let members = members.map(|(name, _, value)| (name.as_str(), value.as_ref()));
        write_object(single.chain(members), out);
    }

    fn is_single(&self, name: &str) -> bool {
        self.single.iter().any(|(known, ..)| *known == name)
    }

    fn single(&mut self, name: &'a str, trust: Trust, value: ValueRef<'a>) {
        match self.single.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) if known.1 > trust => {}
            Some(known) => *known = (name, trust, value),
            None => self.single.push((name, trust, value)),
        }
    }

    /// What is no object holds no parameters: the server ignores it too.
    fn object(&mut self, trust: Trust, value: ValueRef<'_>) {
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
