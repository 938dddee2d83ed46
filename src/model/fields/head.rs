//! What is known of a value before it is written: its name, and what it says.

use super::Range;
#[cfg(test)]
use crate::field::Meaning;
use crate::field::{Role, Trust};

/// The name of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// A declared field, by its index in the callsite.
    Declared(u16),
    /// A name of ours.
    Known(&'static str),
    /// A name that came at run time, kept in the buffer.
    Given(Range),
}

/// What is known of a value before it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) key: Key,
    pub(crate) role: Role,
    pub(crate) trust: Trust,
    /// Recorded after the span's creation.
    pub(crate) late: bool,
    /// 0 for the span itself, n for its nth event.
    pub(crate) owner: u16,
}

impl Head {
    /// A declared field whose meaning is not known yet.
    pub(crate) fn declared(index: usize) -> Self {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        Self {
            key: Key::Declared(index),
            role: Role::None,
            trust: Trust::Plain,
            late: false,
            owner: 0,
        }
    }

    /// A value given through the handle.
    pub(crate) fn handle(key: Key, role: Role) -> Self {
        Self {
            key,
            role,
            trust: Trust::Handle,
            late: true,
            owner: 0,
        }
    }

    /// A value that is known after creation, by way of an event or of what happened.
    pub(crate) fn said(name: &'static str, role: Role, trust: Trust) -> Self {
        Self {
            trust,
            ..Self::handle(Key::Known(name), role)
        }
    }

    #[cfg(test)]
    pub(crate) fn meaning(&mut self, meaning: Meaning) {
        self.role = meaning.role;
        self.trust = meaning.trust;
    }
}
