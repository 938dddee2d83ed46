//! What all spans of a process have in common.

use crate::env::{FromEnv, Variables, pairs};
use crate::model::Value;

/// Attributes of the process: `service.name` and the like, each key once.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Resource(Vec<(String, Value)>);

impl Resource {
    /// What `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say. There is always a `service.name`.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        let mut messages = Vec::new();
        let mut settings = Self::default();
        if let Some(list) = variables.get(ATTRIBUTES) {
            // Half of a list may be worse than none, says OpenTelemetry.
            match pairs(&list).collect::<Option<Vec<_>>>() {
                Some(pairs) => pairs
                    .into_iter()
                    .for_each(|(key, value)| settings.set(key, Value::Text(value))),
                None => messages.push(format!(
                    "{ATTRIBUTES} cannot be read as key=value,key=value: all of it is left out"
                )),
            }
        }
        let named = |value: &Value| value.as_ref().as_str().is_some_and(|name| !name.is_empty());
        if let Some(name) = variables.get(SERVICE_NAME) {
            settings.set("service.name", Value::Text(name));
        } else if !settings.get("service.name").is_some_and(named) {
            let name = match variables.program() {
                Some(program) => format!("unknown_service:{program}"),
                None => "unknown_service".to_owned(),
            };
            settings.set("service.name", Value::Text(name));
        }
        FromEnv { settings, messages }
    }

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

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];
    type Lines<'a> = &'a [&'a str];

    #[test]
    fn variables_become_attributes_or_one_line() {
        const LEFT_OUT: &str =
            "OTEL_RESOURCE_ATTRIBUTES cannot be read as key=value,key=value: all of it is left out";
        let table: [(Pairs<'_>, &str, Lines<'_>); 9] = [
            (&[], "service.name=unknown_service:app", &[]),
            (&[(SERVICE_NAME, "\"shop\"")], "service.name=shop", &[]),
            (&[(SERVICE_NAME, "")], "service.name=unknown_service:app", &[]),
            (
                &[(
                    ATTRIBUTES,
                    "service.version=1.2, deployment.environment.name=a%2Cb%3D%C3%BC ,",
                )],
                "service.version=1.2 deployment.environment.name=a,b=ü service.name=unknown_service:app",
                &[],
            ),
            (
                &[(ATTRIBUTES, "service.name=a,k=1,k=2"), (SERVICE_NAME, "b")],
                "service.name=b k=2",
                &[],
            ),
            (&[(ATTRIBUTES, "service.name=a")], "service.name=a", &[]),
            (
                &[(ATTRIBUTES, "service.name=")],
                "service.name=unknown_service:app",
                &[],
            ),
            (
                &[(ATTRIBUTES, "a=1,b"), (SERVICE_NAME, "shop")],
                "service.name=shop",
                &[LEFT_OUT],
            ),
            (
                &[(ATTRIBUTES, "a=1,b=%FF")],
                "service.name=unknown_service:app",
                &[LEFT_OUT],
            ),
        ];
        for (variables, attributes, messages) in table {
            let read = Resource::from_env(&Variables::from_pairs(variables.iter().copied()));
            let shown: Vec<_> = read
                .settings
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_ref().as_str().unwrap()))
                .collect();
            assert_eq!(shown.join(" "), attributes, "{variables:?}");
            assert_eq!(read.messages, messages, "{variables:?}");
        }
    }
}
