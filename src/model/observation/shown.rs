//! What an exporter or a test of one's own asks an observation.

use std::borrow::Cow;

use crate::field::Role;
use crate::model::{Content, Observation, Value, ValueRef, write_arguments};

impl Observation {
    /// What went in: text, or JSON text where it is an object or a list.
    #[must_use]
    pub fn input(&self) -> Option<Cow<'_, str>> {
        self.content(self.input_place())
    }

    /// What came out: text, or JSON text where it is an object or a list.
    #[must_use]
    pub fn output(&self) -> Option<Cow<'_, str>> {
        self.content(self.output_place())
    }

    /// The parameters of the model call, by their short names.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Value)> {
        let parameters = self
            .fields()
            .filter(|field| field.used.counts && field.role == Role::Parameter);
        parameters.map(|field| (field.short, field.value.to_value()))
    }

    /// Its own metadata, which the trace's is no part of.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, Value)> {
        let shown = self.fields().filter(|field| field.used.metadata);
        shown.map(|field| {
            let key = if field.role == Role::Metadata {
                field.short
            } else {
                field.name
            };
            (key, field.value.to_value())
        })
    }

    /// The tags of its trace, as this observation knows them.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.trace().tags.iter().map(AsRef::as_ref)
    }

    /// The metadata of its trace, as this observation knows it.
    pub fn trace_metadata(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.trace()
            .metadata
            .iter()
            .map(|(key, value)| (key.as_ref(), value))
    }

    /// The environment of its trace, as this observation knows it.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.trace().environment.as_deref()
    }

    fn content(&self, place: Content) -> Option<Cow<'_, str>> {
        match place {
            Content::None => None,
            Content::Arguments => {
                let mut out = Vec::new();
                write_arguments(self, &mut out);
                Some(Cow::Owned(String::from_utf8(out).unwrap_or_default()))
            }
            Content::Field(index) => Some(match self.field_value(index)? {
                ValueRef::Text(text)
                | ValueRef::Debug(text)
                | ValueRef::Json(text)
                | ValueRef::Error(text) => Cow::Borrowed(text),
                value => {
                    let mut out = Vec::new();
                    value.write_json(&mut out);
                    Cow::Owned(String::from_utf8(out).unwrap_or_default())
                }
            }),
        }
    }
}
