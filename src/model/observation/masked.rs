//! Texts of an observation replaced, before anything is shown.

use std::borrow::Cow;

use crate::field::Role;
use crate::model::{Entry, Observation, Recorded, SharedAttributes, TextForm, Value, ValueRef};

/// What became of a text that was shown to a mask.
pub(crate) enum Masked {
    Untouched,
    /// The text with marks in it.
    Inside(String),
    /// A mark alone.
    Whole(&'static str),
}

impl Observation {
    /// Shows texts of its own that can be content or metadata to `mask`, with the name of the field: those under a name that
    /// is a credential's, and all, where `may_be_in` says of their whole memory that something may be in one. What `mask`
    /// answers stands in place of the text, in the same form, unless the whole value was taken.
    pub(crate) fn mask(
        &mut self,
        may_be_in: impl FnOnce(&str) -> bool,
        is_credential: impl Fn(&str) -> bool,
        mut mask: impl FnMut(Option<&str>, &str) -> Masked,
    ) {
        if may_be_in(self.recorded.fields.texts()) {
            let all = 0..self.recorded.fields.entries().len();
            all.for_each(|index| self.recorded.mask(index, &mut mask));
        } else {
            let Self { recorded, notes, .. } = self;
            let now;
            let credentials = match notes {
                Some(notes) => notes.credentials(|| recorded.named(is_credential)),
                None => {
                    now = recorded.named(is_credential);
                    &now
                }
            };
            for index in credentials {
                recorded.mask(*index, &mut mask);
            }
        }
        if let Some(message) = &self.reading.status_message {
            if let Masked::Inside(masked) = mask(None, message) {
                self.reading.status_message = Some(masked);
            }
        }
        if let Cow::Owned(name) = &self.reading.name {
            if let Masked::Inside(masked) = mask(None, name) {
                self.reading.name = Cow::Owned(masked);
            }
        }
        if let Some(name) = &self.recorded.trace_name {
            if let Masked::Inside(masked) = mask(None, name) {
                self.recorded.trace_name = Some(masked.into());
            }
        }
    }

    /// What belongs to its trace.
    pub(crate) fn shared_attributes(&self) -> &SharedAttributes {
        &self.recorded.trace
    }

    /// The same for what belongs to its trace; answers whether anything was replaced.
    pub(crate) fn mask_trace(&mut self, mut mask: impl FnMut(Option<&str>, &str) -> Masked) -> bool {
        let words = self.mask_words(&mut mask);
        self.mask_metadata(mask) || words
    }

    /// A user, a name, a tag may be the `Debug` of something with a key in it.
    fn mask_words(&mut self, mut mask: impl FnMut(Option<&str>, &str) -> Masked) -> bool {
        let words = self.recorded.trace.words().enumerate();
        let masked: Vec<_> = words
            .filter_map(|(index, word)| match mask(None, word) {
                Masked::Inside(masked) => Some((index, masked)),
                Masked::Untouched | Masked::Whole(_) => None,
            })
            .collect();
        let is_any = !masked.is_empty();
        for (index, masked) in masked {
            let trace = self.recorded.trace.make_mut();
            if let Some(word) = trace.words_mut().nth(index) {
                *word = masked.into();
            }
        }
        is_any
    }

    fn mask_metadata(&mut self, mut mask: impl FnMut(Option<&str>, &str) -> Masked) -> bool {
        let metadata = self.recorded.trace.metadata.iter().enumerate();
        let masked: Vec<_> = metadata
            .filter_map(
                |(index, (key, value))| match mask(Some(key), value.as_ref().as_str()?) {
                    Masked::Untouched => None,
                    Masked::Inside(masked) => Some((index, masked)),
                    Masked::Whole(mark) => Some((index, mark.to_owned())),
                },
            )
            .collect();
        if masked.is_empty() {
            return false;
        }
        let trace = self.recorded.trace.make_mut();
        for (index, masked) in masked {
            if let Some((_, value)) = trace.metadata.get_mut(index) {
                *value = if let Value::Json(_) = value {
                    Value::Json(masked)
                } else {
                    Value::Text(masked)
                };
            }
        }
        true
    }
}

impl Recorded {
    fn mask(&mut self, index: usize, mask: &mut impl FnMut(Option<&str>, &str) -> Masked) {
        let Some(entry) = self.fields.entries().get(index) else {
            return;
        };
        let (text, form) = match self.fields.value(entry) {
            ValueRef::Text(text) | ValueRef::Debug(text) => (text, TextForm::Text),
            ValueRef::Json(text) => (text, TextForm::Json),
            ValueRef::Error(text) => (text, TextForm::Error),
            _ => return,
        };
        match mask(self.chosen_name(entry), text) {
            Masked::Untouched => {}
            Masked::Inside(masked) => self.fields.rewrite(index, form, &masked),
            Masked::Whole(mark) => self.fields.rewrite(index, TextForm::Text, mark),
        }
    }

    /// The entries whose names are some of `these`.
    fn named(&self, these: impl Fn(&str) -> bool) -> Box<[usize]> {
        let entries = self.fields.entries().iter().enumerate();
        let named = entries.filter(|(_, entry)| self.chosen_name(entry).is_some_and(&these));
        named.map(|(index, _)| index).collect()
    }

    /// The name of an entry, where the program chose it: one of a vocabulary's own is no credential's, one within a role can
    /// be.
    fn chosen_name<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        let is_chosen = matches!(
            entry.head.role,
            Role::None | Role::Metadata | Role::TraceMetadata | Role::Parameter
        );
        is_chosen.then(|| self.names(entry).0)
    }
}
