//! Conditions on rows, as the server reads them.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A condition on the rows of [`observations()`](crate::Langfuse::observations) and of the questions that are made of them.
/// All conditions of a question hold together.
///
/// ```
/// use tracing_llm::langfuse::Filter;
///
/// let slow = Filter::column("latency").above(2.0); // seconds
/// let route = Filter::column("name").contains("route");
/// let tenant = Filter::metadata("tenant").equals("t-42");
/// let models = Filter::column("providedModelName").any_of(["gpt-4o", "gpt-4o-mini"]);
/// ```
///
/// The server has the last word on names: a column that it does not know is refused, with the list of those that it knows.
///
/// Source: Langfuse v4.16, `GET /api/public/v2/observations`, parameter `filter`.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter(pub(super) Value);

/// What a [`Filter`] looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a column alone is no condition"]
pub struct Column {
    name: Cow<'static, str>,
    key: Option<String>,
}

/// What a column is compared with: text, a number, a time, true or false.
#[derive(Clone, PartialEq, Debug)]
pub struct Operand {
    /// The server's word for the kind of condition.
    kind: &'static str,
    value: Value,
}

/// Columns that hold lists; of the others one value is asked for.
const LISTS: [&str; 4] = ["tags", "traceTags", "toolNames", "calledToolNames"];

impl Filter {
    /// A column by the server's name: `id type name traceId startTime endTime environment level statusMessage version release
    /// userId sessionId isRootObservation parentObservationId traceName tags latency timeToFirstToken tokensPerSecond
    /// inputTokens outputTokens totalTokens inputCost outputCost totalCost model promptName promptVersion input output
    /// toolNames calledToolNames …`.
    pub fn column(name: impl Into<Cow<'static, str>>) -> Column {
        Column {
            name: name.into(),
            key: None,
        }
    }

    /// The metadata under a key.
    pub fn metadata(key: impl Into<String>) -> Column {
        Column {
            name: "metadata".into(),
            key: Some(key.into()),
        }
    }

    /// A condition in the server's own words, for what has no method here: `{"type", "column", "operator", "value"}`.
    #[must_use]
    pub fn raw(condition: Value) -> Self {
        Self(condition)
    }
}

impl Column {
    /// The same value.
    #[must_use]
    pub fn equals(self, value: impl Into<Operand>) -> Filter {
        self.compare("=", value)
    }

    /// More, or later.
    #[must_use]
    pub fn above(self, value: impl Into<Operand>) -> Filter {
        self.compare(">", value)
    }

    /// As much or more, then or later.
    #[must_use]
    pub fn at_least(self, value: impl Into<Operand>) -> Filter {
        self.compare(">=", value)
    }

    /// Less, or earlier.
    #[must_use]
    pub fn below(self, value: impl Into<Operand>) -> Filter {
        self.compare("<", value)
    }

    /// As much or less, then or earlier.
    #[must_use]
    pub fn at_most(self, value: impl Into<Operand>) -> Filter {
        self.compare("<=", value)
    }

    /// A text with this in it.
    #[must_use]
    pub fn contains(self, text: &str) -> Filter {
        self.compare("contains", text)
    }

    /// A text without this in it.
    #[must_use]
    pub fn does_not_contain(self, text: &str) -> Filter {
        self.compare("does not contain", text)
    }

    /// A text with this at its beginning.
    #[must_use]
    pub fn starts_with(self, text: &str) -> Filter {
        self.compare("starts with", text)
    }

    /// A text with this at its end.
    #[must_use]
    pub fn ends_with(self, text: &str) -> Filter {
        self.compare("ends with", text)
    }

    /// A search by words, in `input`, `output` and metadata only.
    #[must_use]
    pub fn matches(self, text: &str) -> Filter {
        self.compare("matches", text)
    }

    /// One of these; of a list (`tags`, `toolNames`), at least one.
    #[must_use]
    pub fn any_of<T: Into<String>>(self, values: impl IntoIterator<Item = T>) -> Filter {
        self.options("any of", values)
    }

    /// None of these.
    #[must_use]
    pub fn none_of<T: Into<String>>(self, values: impl IntoIterator<Item = T>) -> Filter {
        self.options("none of", values)
    }

    /// A list with all of these in it.
    #[must_use]
    pub fn all_of<T: Into<String>>(self, values: impl IntoIterator<Item = T>) -> Filter {
        self.options("all of", values)
    }

    /// No value. Texts are never null on the server, but empty: for them it is `equals("")`.
    #[must_use]
    pub fn is_null(self) -> Filter {
        self.condition("null", "is null", "".into())
    }

    /// Some value.
    #[must_use]
    pub fn is_not_null(self) -> Filter {
        self.condition("null", "is not null", "".into())
    }

    fn compare(self, operator: &str, operand: impl Into<Operand>) -> Filter {
        let Operand { kind, value } = operand.into();
        let kind = match (kind, &self.key) {
            ("string", Some(_)) => "stringObject",
            ("number", Some(_)) => "numberObject",
            (kind, _) => kind,
        };
        self.condition(kind, operator, value)
    }

    fn options<T: Into<String>>(self, operator: &str, values: impl IntoIterator<Item = T>) -> Filter {
        let kind = match &self.key {
            Some(_) => "categoryOptions",
            None if LISTS.contains(&self.name.as_ref()) => "arrayOptions",
            None => "stringOptions",
        };
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        self.condition(kind, operator, values.into())
    }

    fn condition(self, kind: &str, operator: &str, value: Value) -> Filter {
        let mut condition = json!({"type": kind, "column": self.name, "operator": operator, "value": value});
        if let Some(key) = self.key {
            condition["key"] = key.into();
        }
        Filter(condition)
    }
}

macro_rules! operands {
    ($($kind:literal: $($type:ty),+;)+) => {$($(
        impl From<$type> for Operand {
            fn from(value: $type) -> Self {
                Self { kind: $kind, value: value.into() }
            }
        }
    )+)+};
}

operands! {
    "string": &str, String;
    "number": f64, i32, i64, u32, u64;
    "boolean": bool;
}

impl From<SystemTime> for Operand {
    fn from(time: SystemTime) -> Self {
        Self {
            kind: "datetime",
            value: instant(time).into(),
        }
    }
}

/// A time as the server reads it: UTC, to the millisecond, which is all that it keeps. One before 1970 or after 9999 has no
/// such text; nothing was observed there, so the nearest says the same.
pub(crate) fn instant(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch.min(LAST)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_said_in_the_servers_words() {
        let column = |name: &'static str| Filter::column(name);
        let noon = UNIX_EPOCH + Duration::from_millis(1_795_521_600_123);
        for (filter, expected) in [
            (
                column("name").contains("route"),
                r#"{"column":"name","operator":"contains","type":"string","value":"route"}"#,
            ),
            (
                column("latency").at_least(2),
                r#"{"column":"latency","operator":">=","type":"number","value":2}"#,
            ),
            (
                column("startTime").below(noon),
                r#"{"column":"startTime","operator":"<","type":"datetime","value":"2026-11-24T12:00:00.123Z"}"#,
            ),
            (
                column("isRootObservation").equals(true),
                r#"{"column":"isRootObservation","operator":"=","type":"boolean","value":true}"#,
            ),
            (
                column("level").any_of(["ERROR", "WARNING"]),
                r#"{"column":"level","operator":"any of","type":"stringOptions","value":["ERROR","WARNING"]}"#,
            ),
            (
                column("tags").all_of(["beta"]),
                r#"{"column":"tags","operator":"all of","type":"arrayOptions","value":["beta"]}"#,
            ),
            (
                column("endTime").is_null(),
                r#"{"column":"endTime","operator":"is null","type":"null","value":""}"#,
            ),
            (
                Filter::metadata("tenant").equals("t-42"),
                r#"{"column":"metadata","key":"tenant","operator":"=","type":"stringObject","value":"t-42"}"#,
            ),
            (
                Filter::metadata("retries").above(3),
                r#"{"column":"metadata","key":"retries","operator":">","type":"numberObject","value":3}"#,
            ),
            (
                Filter::metadata("tier").none_of(["free"]),
                r#"{"column":"metadata","key":"tier","operator":"none of","type":"categoryOptions","value":["free"]}"#,
            ),
        ] {
            assert_eq!(filter.0.to_string(), expected);
        }
    }

    #[test]
    fn a_time_without_a_text_is_the_nearest_with_one() {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert_eq!(instant(UNIX_EPOCH - year), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant(UNIX_EPOCH + year * 9000), "9999-12-31T23:59:59.000Z");
    }
}
