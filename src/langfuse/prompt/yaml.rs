//! JSON values as YAML, and back.

use saphyr::{LoadableYamlNode as _, Mapping, Scalar, Yaml, YamlEmitter};
use serde_json::{Map, Number, Value};

use crate::error::Error;
use crate::langfuse::prompt::template::invalid;

/// The one document of a text.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    let documents = Yaml::load_from_str(text);
    let documents = documents.map_err(|error| invalid("the file is no YAML").because(error))?;
    match documents.as_slice() {
        [document] => value(document).ok_or_else(|| {
            invalid("the file has YAML that is no JSON: keys that are no text, numbers without end, or tags")
        }),
        _ => Err(invalid("the file is not one document of YAML")),
    }
}

/// Members in this order; text of several lines as it stands.
pub(super) fn write(members: Vec<(&str, Value)>) -> String {
    let mapping: Mapping<'_> = members
        .iter()
        .map(|(name, value)| (text(name), yaml(value)))
        .collect();
    let mut out = String::new();
    let mut emitter = YamlEmitter::new(&mut out);
    emitter.multiline(true);
    // Writing to a text does not fail.
    let _ = emitter.dump(&Yaml::Mapping(mapping));
    let lines = out
        .strip_prefix("---\n")
        .unwrap_or(&out)
        .trim_end_matches('\n')
        .split('\n');
    // An empty line of a text has its indent, and no text stands less deep: blanks that nobody sees.
    let lines = lines.map(|line| if line == "  " { "" } else { line });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn value(yaml: &Yaml<'_>) -> Option<Value> {
    Some(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::Number(Number::from_f64(value.into_inner())?),
        Yaml::Value(Scalar::String(text)) => Value::String(text.clone().into_owned()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(value).collect::<Option<_>>()?),
        Yaml::Mapping(members) => {
            let members = members.iter();
            let members = members.map(|(name, member)| Some((name.as_str()?.to_owned(), value(member)?)));
            Value::Object(members.collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

fn yaml(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(value) => Yaml::Value(Scalar::Boolean(*value)),
        Value::Number(number) => Yaml::Value(match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Scalar::Integer(integer),
            (None, float) => Scalar::FloatingPoint(float.unwrap_or_default().into()),
        }),
        Value::String(value) => text(value),
        Value::Array(items) => Yaml::Sequence(items.iter().map(yaml).collect()),
        Value::Object(members) => {
            let members = members.iter();
            Yaml::Mapping(members.map(|(name, value)| (text(name), yaml(value))).collect())
        }
    }
}

fn text(text: &str) -> Yaml<'_> {
    Yaml::Value(Scalar::String(text.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-z]{0,3}",
            "[ -~\n\t]{0,20}",
            any::<String>(),
            "(yes|null|~|1|0x1|1e3|- a|a: b|#|\\{\\{x\\}\\}|---|\\|)\n?"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_json()) {
            let written = write(vec![("value", value.clone())]);
            prop_assert_eq!(parse(&written).map_err(|error| format!("{error:?}\n{written}")), Ok(json!({"value": value})), "{}", written);
        }
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in [
            "",
            "a: 1\n---\nb: 2",
            "1: a",
            ".inf",
            "a: .nan",
            "!x a",
            "{a",
            "a: 1\na: 2",
        ] {
            assert!(parse(text).unwrap_err().is_invalid_value(), "{text}");
        }
    }
}
