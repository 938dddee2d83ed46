//! The parameters of a question, as they go into its address.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use crate::langfuse::client::Request;
use crate::langfuse::reads::filter::{Filter, instant};

/// Parameters and conditions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pairs: Vec<(&'static str, String)>,
    filters: Vec<Filter>,
}

impl Question {
    /// One value of a parameter; the last one said counts.
    pub(crate) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
        self.unset(name);
        self.add(name, value);
    }

    /// One more value of a parameter that may have several.
    pub(super) fn add(&mut self, name: &'static str, value: impl fmt::Display) {
        self.pairs.push((name, value.to_string()));
    }

    /// One more value of a parameter that has several in one text, with commas between.
    pub(super) fn extend(&mut self, name: &'static str, value: impl fmt::Display) {
        match self.pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => *values = format!("{values},{value}"),
            None => self.add(name, value),
        }
    }

    pub(super) fn unset(&mut self, name: &'static str) {
        self.pairs.retain(|(known, _)| *known != name);
    }

    /// Goes on behind a page, where there is more. A server that says the same again would be asked for ever.
    pub(super) fn advance(&mut self, cursor: Option<String>) -> bool {
        const CURSOR: &str = "cursor";
        let known = self.pairs.iter().find(|(name, _)| *name == CURSOR);
        let Some(cursor) = cursor.filter(|cursor| known.is_none_or(|(_, known)| known != cursor)) else {
            return false;
        };
        self.set(CURSOR, cursor);
        true
    }

    pub(super) fn set_time(&mut self, name: &'static str, time: SystemTime) {
        self.set(name, instant(time));
    }

    pub(super) fn filter(&mut self, filter: Filter) {
        self.filters.push(filter);
    }

    /// The request with all of it.
    pub(super) fn ask(&self, mut request: Request) -> Request {
        for (name, value) in &self.pairs {
            request = request.query(name, Some(value));
        }
        request.query("filter", self.conditions())
    }

    fn conditions(&self) -> Option<Value> {
        let filters = self.filters.iter().map(|filter| filter.0.clone());
        (!self.filters.is_empty()).then(|| filters.collect())
    }
}

/// A text that says something: the server's columns are never null, but empty.
pub(super) fn given(object: &Value, name: &str) -> Option<String> {
    let text = object[name].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// Whole numbers come as numbers or, from the database's large ones, as text.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        // A sum may come as a float.
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 2_f64.powi(53)).then_some(number as u64)
        }),
        _ => None,
    }
}

/// The same for numbers that may have a fraction.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        _ => value.as_f64(),
    }
}
