//! Texts of an observation replaced, before anything is shown.

use std::borrow::Cow;

use crate::field::Role;
use crate::model::{Observation, SharedAttributes, TextForm, Value, ValueRef};

/// What became of a text that was shown to a mask.
pub(crate) enum Masked {
    Untouched,
    /// The text with marks in it.
    Inside(String),
    /// A mark alone.
    Whole(&'static str),
}

impl Observation {
    /// Shows every text of its own that can be content or metadata to `mask`, with the name of its field. What it answers
    /// stands in place of the text, in the same form, unless the whole value was taken.
    pub(crate) fn mask(&mut self, mut mask: impl FnMut(Option<&str>, &str) -> Masked) {
        for index in 0..self.recorded.fields.entries().len() {
            let Some(entry) = self.recorded.fields.entries().get(index) else {
                break;
            };
            let (text, form) = match self.recorded.fields.value(entry) {
                ValueRef::Text(text) | ValueRef::Debug(text) => (text, TextForm::Text),
                ValueRef::Json(text) => (text, TextForm::Json),
                ValueRef::Error(text) => (text, TextForm::Error),
                _ => continue,
            };
            // A name of a vocabulary's own is no credential's; one that the program chose within a role can be.
            let named = matches!(
                entry.head.role,
                Role::None | Role::Metadata | Role::TraceMetadata | Role::Parameter
            );
            let name = named.then(|| self.recorded.names(entry).0);
            match mask(name, text) {
                Masked::Untouched => {}
                Masked::Inside(masked) => self.recorded.fields.rewrite(index, form, &masked),
                Masked::Whole(mark) => self.recorded.fields.rewrite(index, TextForm::Text, mark),
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
