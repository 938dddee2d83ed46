//! Environment variables, behind a closure so that a test can have its own.

mod reader;

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

pub(crate) use self::reader::Reader;

/// Looks variables up.
#[derive(Clone)]
pub(crate) struct Variables {
    look_up: Arc<LookUp>,
    program: Option<String>,
}

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What variables ask for, and a line for each that cannot be used: it names the variable and what follows. A line
/// never holds a value, which may be a secret in the wrong place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FromEnv<T> {
    pub(crate) settings: T,
    pub(crate) messages: Vec<String>,
}

impl Variables {
    /// Those of this process. A value that is not Unicode counts as unset.
    pub(crate) fn system() -> Self {
        Self {
            look_up: Arc::new(|name| std::env::var(name).ok()),
            ..Self::none()
        }
    }

    /// None at all, for this program.
    pub(crate) fn none() -> Self {
        let program = std::env::current_exe().ok();
        let program = program
            .as_deref()
            .and_then(|path| path.file_stem()?.to_str())
            .map(str::to_owned);
        Self {
            look_up: Arc::new(|_| None),
            program,
        }
    }

    /// These and no others, for a program called `app`.
    #[cfg(test)]
    pub(crate) fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            look_up: Arc::new(move |name| {
                let found = pairs.iter().rfind(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            }),
            program: Some("app".to_owned()),
        }
    }

    /// The value, without blanks and one pair of quotes around it (env files of some tools leave them on). An empty
    /// value counts as unset, which is OpenTelemetry's rule.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = (self.look_up)(name)?;
        let value = trimmed(&value);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The first of these that is set, with its name.
    pub(crate) fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// The name of the running program.
    pub(crate) fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

/// A value without the blanks and the one pair of quotes around it.
pub(crate) fn trimmed(value: &str) -> &str {
    let value = value.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(value).trim()
}

/// The entries of a list `key=value,key=value`, percent-decoded as OpenTelemetry writes them. `None` stands for an
/// entry that cannot be read; empty entries are passed over.
pub(crate) fn pairs(list: &str) -> impl Iterator<Item = Option<(String, String)>> {
    let decoded = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into_owned());
    list.split(',')
        .filter(|entry| !entry.trim().is_empty())
        .map(move |entry| {
            let (key, value) = entry.split_once('=')?;
            let key = decoded(key).filter(|key| !key.is_empty())?;
            Some((key, decoded(value)?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_quotes_are_no_part_of_a_value() {
        let table = [
            ("v", Some("v")),
            ("  v\n", Some("v")),
            ("\"v\"", Some("v")),
            ("'v'", Some("v")),
            (" \" v \" ", Some("v")),
            ("\"v'", Some("\"v'")),
            ("it's", Some("it's")),
            ("\"", Some("\"")),
            ("", None),
            ("  ", None),
            ("\"\"", None),
        ];
        for (written, read) in table {
            assert_eq!(
                Variables::from_pairs([("V", written)]).get("V").as_deref(),
                read,
                "{written:?}"
            );
        }
        assert_eq!(Variables::from_pairs([]).get("V"), None);
    }

    #[test]
    fn the_first_that_is_set_counts() {
        let variables = Variables::from_pairs([("A", " "), ("B", "b"), ("C", "c")]);
        assert_eq!(variables.first(&["A", "B", "C"]), Some(("B", "b".to_owned())));
        assert_eq!(variables.first(&["A"]), None);
    }

    #[test]
    fn lists_are_percent_decoded() {
        let read: Vec<_> = pairs("a=1, b = two%20words ,,c=d=e,broken,=v,x=%FF,e=").collect();
        let pair = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(
            read,
            [
                pair("a", "1"),
                pair("b", "two words"),
                pair("c", "d=e"),
                None,
                None,
                None,
                pair("e", "")
            ]
        );
    }

    #[test]
    fn the_system_has_variables_and_a_program() {
        let variables = Variables::system();
        assert!(variables.get("PATH").is_some());
        assert!(variables.program().is_some_and(|name| !name.contains('/')));
    }
}
