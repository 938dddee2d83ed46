//! The fields of an observation, each with what it means.

use std::borrow::Cow;

use crate::field::{Role, Roles, Trust};
use crate::json_text;
use crate::model::{Entry, EventHead, Head, Key, Observation, Recorded, Use, ValueRef, write_object};

/// One field of an observation or of an event, with what it means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// As the program wrote it.
    pub(crate) name: &'a str,
    /// The name within its role.
    pub(crate) short: &'a str,
    pub(crate) role: Role,
    pub(crate) trust: Trust,
    pub(crate) value: ValueRef<'a>,
    pub(crate) used: Use,
    /// Its place among the entries; a `Content::Field` compares with it.
    pub(crate) index: usize,
}

impl Observation {
    /// The field with this index.
    pub(crate) fn field_at(&self, index: usize) -> Option<Field<'_>> {
        let entry = self.recorded.fields.entries().get(index)?;
        Some(self.field(index, entry, *self.reading.uses.get(index)?))
    }

    /// The name of the field with this index; a text of its own only where it came at run time.
    pub(crate) fn name_at(&self, index: usize) -> Cow<'static, str> {
        let entry = self.recorded.fields.entries().get(index);
        match entry.map(|entry| (entry, entry.head.key)) {
            None => Cow::Borrowed(""),
            Some((entry, Key::Declared(index))) if entry.head.owner == 0 => {
                let field = self.recorded.callsite.field(index.into());
                Cow::Borrowed(field.map_or("", |field| field.name))
            }
            Some((_, Key::Known(name))) => Cow::Borrowed(name),
            Some((entry, _)) => Cow::Owned(self.recorded.names(entry).0.to_owned()),
        }
    }

    /// The value of the entry with this index.
    pub(crate) fn field_value(&self, index: usize) -> Option<ValueRef<'_>> {
        self.recorded.fields.value_at(index)
    }

    /// The input or the output in the entry with this index: JSON where it is an object or a list.
    pub(crate) fn content_value(&self, index: usize) -> Option<ValueRef<'_>> {
        Some(match self.field_value(index)? {
            ValueRef::Text(text) if json_text::is_container(text) => ValueRef::Json(text),
            value => value,
        })
    }

    /// The fields of the span itself, each key once, in the order of recording.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields_of(0, |_, _| true)
    }

    /// Those of its fields that are `these`, which is asked before their names and values are looked for.
    pub(crate) fn fields_that(&self, these: impl Fn(&Head, Use) -> bool) -> impl Iterator<Item = Field<'_>> {
        self.fields_of(0, these)
    }

    /// How far the most trusted of the fields is trusted that count tokens or money.
    pub(crate) fn usage_trust(&self) -> Option<Trust> {
        if !self.recorded.fields.roles().meet(Roles::USAGE) {
            return None;
        }
        let counted = self.entries_of(0, |head, used| used.counts && head.role.is_usage());
        counted.map(|(_, entry, _)| entry.head.trust).max()
    }

    /// The argument object's members, in the order of the function's parameters.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.fields_that(|_, used| used.argument)
            .map(|field| (field.name, field.value))
    }

    /// The events inside the span, oldest first, each with its fields.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&EventHead, impl Iterator<Item = Field<'_>>)> {
        let owners = 1_u16..;
        owners
            .zip(&self.recorded.events)
            .map(|(owner, head)| (head, self.fields_of(owner, |_, _| true)))
    }

    fn fields_of(&self, owner: u16, these: impl Fn(&Head, Use) -> bool) -> impl Iterator<Item = Field<'_>> {
        self.entries_of(owner, these)
            .map(|(index, entry, used)| self.field(index, entry, used))
    }

    fn entries_of(
        &self,
        owner: u16,
        these: impl Fn(&Head, Use) -> bool,
    ) -> impl Iterator<Item = (usize, &Entry, Use)> {
        let entries = self.recorded.fields.entries().iter().zip(&self.reading.uses);
        entries
            .enumerate()
            .map(|(index, (entry, used))| (index, entry, *used))
            .filter(move |(_, entry, used)| {
                entry.head.owner == owner && !used.hidden && these(&entry.head, *used)
            })
    }

    fn field<'a>(&'a self, index: usize, entry: &'a Entry, used: Use) -> Field<'a> {
        let (name, short) = self.recorded.names(entry);
        let (role, trust) = (entry.head.role, entry.head.trust);
        Field {
            name,
            short,
            role,
            trust,
            value: self.recorded.fields.value(entry),
            used,
            index,
        }
    }
}

impl Recorded {
    /// The name of an entry of the span's own within its role; the program's text has it already, unless it came at run
    /// time.
    pub(crate) fn short_name(&self, entry: &Entry) -> Cow<'static, str> {
        match &entry.head.key {
            Key::Known(name) => Cow::Borrowed(name),
            Key::Given(range) => Cow::Owned(self.fields.text(*range).to_owned()),
            Key::Declared(index) => {
                let field = self.callsite.field(usize::from(*index));
                Cow::Borrowed(field.map_or("", |field| field.meaning.short))
            }
        }
    }

    /// The name of an entry's key, and its name within its role.
    pub(crate) fn names<'a>(&'a self, entry: &'a Entry) -> (&'a str, &'a str) {
        match &entry.head.key {
            Key::Known(name) => (name, name),
            Key::Given(range) => {
                let name = self.fields.text(*range);
                (name, name)
            }
            Key::Declared(index) => {
                let callsite = match entry.head.owner.checked_sub(1) {
                    None => &self.callsite,
                    Some(event) => match self.events.get(usize::from(event)) {
                        Some(event) => &event.callsite,
                        None => return ("", ""),
                    },
                };
                callsite
                    .field(usize::from(*index))
                    .map_or(("", ""), |field| (field.name, field.meaning.short))
            }
        }
    }
}

/// Writes the argument object as JSON.
pub(crate) fn write_arguments(observation: &Observation, out: &mut Vec<u8>) {
    write_object(observation.arguments(), out);
}
