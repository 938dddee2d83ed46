//! Templates and how they are filled in.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::describe;
use crate::error::{Error, Kind};
use crate::langfuse::prompt::version::Body;

/// What a prompt is made of: [`Text`] or [`Chat`](super::Chat).
pub trait Template: sealed::Template {
    /// What it is when it is filled in.
    type Compiled;
}

/// The template of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text(pub(super) String);

impl Text {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Template for Text {
    type Compiled = String;
}

impl sealed::Template for Text {
    const WORD: &str = "text";

    fn of(body: &Body) -> Option<Arc<Self>> {
        match body {
            Body::Text(text) => Some(Arc::clone(text)),
            Body::Chat(_) => None,
        }
    }

    fn into_body(self) -> Body {
        Body::Text(Arc::new(self))
    }

    fn to_json(&self) -> Value {
        self.0.clone().into()
    }

    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        variables(&self.0, &mut names);
        names
    }

    fn fill(&self, values: &mut Values) -> Result<String, Error> {
        Ok(values.fill(&self.0))
    }
}

pub(super) mod sealed {
    use super::{Arc, Body, Error, Value, Values};

    pub trait Template: Sized + Send + Sync + 'static {
        /// The server's word for it.
        const WORD: &str;

        fn of(body: &Body) -> Option<Arc<Self>>;

        fn into_body(self) -> Body;

        /// As the server is sent it.
        fn to_json(&self) -> Value;

        fn names(&self) -> Vec<&str>;

        fn fill(&self, values: &mut Values) -> Result<<Self as super::Template>::Compiled, Error>
        where
            Self: super::Template;
    }
}

/// The values that are filled in, and what became of them.
pub struct Values {
    values: Map<String, Value>,
    used: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Values {
    fn of(values: impl Serialize) -> Result<Self, Error> {
        let json = describe::calmly(|| serde_json::to_value(values));
        let values = match json {
            Some(Ok(Value::Object(values))) => values,
            Some(Ok(Value::Null)) => Map::new(),
            Some(Ok(_)) => {
                return Err(invalid(
                    "a prompt is filled in with the members of an object, such as json!({\"name\": value})",
                ));
            }
            Some(Err(error)) => {
                return Err(invalid("the values of a prompt cannot be serialised").because(error));
            }
            None => return Err(invalid("the values of a prompt cannot be serialised")),
        };
        Ok(Self {
            values,
            used: BTreeSet::new(),
            missing: BTreeSet::new(),
        })
    }

    /// The value under this name.
    pub(super) fn get(&mut self, name: &str) -> Option<&Value> {
        let found = self.values.get(name);
        let names = if found.is_some() {
            &mut self.used
        } else {
            &mut self.missing
        };
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
        found
    }

    /// A text with its variables filled in.
    pub(super) fn fill(&mut self, template: &str) -> String {
        let mut filled = String::with_capacity(template.len());
        scan(template, |piece| match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Variable { name, written } => match self.get(name) {
                None => filled.push_str(written),
                Some(Value::Null) => {}
                Some(Value::String(text)) => filled.push_str(text),
                Some(other) => filled.push_str(&other.to_string()),
            },
        });
        filled
    }
}

pub(super) fn compile<T: Template>(template: &T, values: impl Serialize) -> Result<T::Compiled, Error> {
    template.fill(&mut Values::of(values)?)
}

pub(super) fn compile_strict<T: Template>(
    template: &T,
    values: impl Serialize,
    name: &str,
) -> Result<T::Compiled, Error> {
    let mut values = Values::of(values)?;
    let compiled = template.fill(&mut values)?;
    let unused = values.values.keys().filter(|name| !values.used.contains(*name));
    let faults = [
        listed("no value for", values.missing.iter()),
        listed("no variable for", unused),
    ];
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    if faults.is_empty() {
        return Ok(compiled);
    }
    let faults = faults.join("; ");
    Err(invalid(format!("cannot fill in the prompt {name:?}: {faults}")))
}

fn listed<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    let names: Vec<_> = names.map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
}

pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::InvalidValue, message)
}

/// The variables of a text, each once.
pub(super) fn variables<'a>(template: &'a str, into: &mut Vec<&'a str>) {
    scan(template, |piece| match piece {
        Piece::Variable { name, .. } if !into.contains(&name) => into.push(name),
        _ => {}
    });
}

enum Piece<'a> {
    Text(&'a str),
    /// With the braces around it.
    Variable {
        name: &'a str,
        written: &'a str,
    },
}

/// Takes a template apart. Braces without a partner, and those around nothing, are text.
fn scan<'a>(template: &'a str, mut each: impl FnMut(Piece<'a>)) {
    let mut rest = template;
    while let Some((before, written, name, after)) = next_variable(rest) {
        each(Piece::Text(before));
        if name.is_empty() {
            each(Piece::Text(written));
        } else {
            each(Piece::Variable { name, written });
        }
        rest = after;
    }
    each(Piece::Text(rest));
}

/// The text before the next variable, the variable as it is written and its name, and the text behind it.
fn next_variable(text: &str) -> Option<(&str, &str, &str, &str)> {
    let first = text.find("{{")?;
    let close = first + 2 + text.get(first + 2..)?.find("}}")?;
    // The innermost pair: in `{{{x}}}` and in `{{ {{x}}`.
    let open = text.get(..close)?.rfind("{{")?;
    Some((
        text.get(..open)?,
        text.get(open..close + 2)?,
        text.get(open + 2..close)?.trim(),
        text.get(close + 2..)?,
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str) -> String {
        let values = json!({"a": "A", "b_2": 1.5, "none": null, "list": [1, "x"], "braces": "{{a}}", "yes": true, "ä": "Ä"});
        compile(&Text(template.to_owned()), values).unwrap()
    }

    #[test]
    fn variables_are_filled_in_by_pythons_rules() {
        for (template, expected) in [
            ("", ""),
            ("no variables", "no variables"),
            ("{{a}}", "A"),
            ("{{ a }} and {{\n\ta}}", "A and A"),
            ("{{b_2}} {{yes}} {{list}}", r#"1.5 true [1,"x"]"#),
            ("<{{none}}>", "<>"),
            ("{{missing}} {{ missing }}", "{{missing}} {{ missing }}"),
            ("{{braces}}", "{{a}}"),
            ("{{{a}}}", "{A}"),
            (r#"{"json": {{a}}}"#, r#"{"json": A}"#),
            ("{{ {{a}}", "{{ A"),
            ("{{a}", "{{a}"),
            ("a}} {{", "a}} {{"),
            ("{{}} {{ }}", "{{}} {{ }}"),
            ("{a}", "{a}"),
            ("{{ä}}é{{a}}", "ÄéA"),
            ("<b>{{a}}</b> & \"{{a}}\"", "<b>A</b> & \"A\""),
        ] {
            assert_eq!(filled(template), expected, "{template}");
        }
    }

    #[test]
    fn names_come_once_in_their_order() {
        let text = Text("{{ b }} {{a}} {{b}} {{}} {{{c}}}".to_owned());
        assert_eq!(sealed::Template::names(&text), ["b", "a", "c"]);
    }

    #[test]
    fn strictly_all_names_and_all_values_have_each_other() {
        let text = Text("{{a}} {{b}} {{b}}".to_owned());
        let strict = |values: Value| compile_strict(&text, values, "qa").map_err(|error| error.to_string());
        assert_eq!(strict(json!({"a": 1, "b": null})), Ok("1  ".to_owned()));
        assert_eq!(
            strict(json!({"a": 1, "d": 2, "c": 3})),
            Err("cannot fill in the prompt \"qa\": no value for b; no variable for c, d".to_owned())
        );
        assert_eq!(
            strict(json!({})),
            Err("cannot fill in the prompt \"qa\": no value for a, b".to_owned())
        );
    }

    #[test]
    fn values_are_anything_with_members() {
        #[allow(clippy::zero_sized_map_values, reason = "as a program may have one")]
        let nothing: HashMap<String, ()> = HashMap::new();
        let text = Text("{{a}}".to_owned());
        assert_eq!(compile(&text, HashMap::from([("a", 1)])).unwrap(), "1");
        assert_eq!(compile(&text, nothing).unwrap(), "{{a}}");
        assert_eq!(compile(&text, ()).unwrap(), "{{a}}");
        assert!(compile(&text, "a").unwrap_err().is_invalid_value());
        assert!(compile(&text, [1]).unwrap_err().is_invalid_value());
        assert!(
            compile(&text, HashMap::from([((1, 2), 1)]))
                .unwrap_err()
                .is_invalid_value()
        );
    }

    proptest! {
        #[test]
        fn whatever_stands_in_it_nothing_is_lost(template in "[a{} ]{0,12}") {
            let mut whole = String::new();
            scan(&template, |piece| whole.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Variable { written, .. } => written,
            }));
            prop_assert_eq!(whole, template);
        }
    }
}
