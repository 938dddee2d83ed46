//! What all spans of a process have in common.

use crate::model::Value;

/// Attributes of the process: `service.name` and the like, each key once.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Resource(Vec<(String, Value)>);

impl Resource {
    /// Sets an attribute; the last value of a key stays, at the key's first place.
    pub(crate) fn set(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}
