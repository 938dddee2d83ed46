//! One question of an experiment, and what should come out.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::id::SpanId;
use crate::langfuse::DatasetItem;

/// What a task is given: a question, and what is known of it. Clones are handles to the same.
///
/// ```
/// use tracing_llm::experiment::Item;
///
/// let plain: Item = ("2+2", "4").into(); // what goes in, and what should come out
/// let named = Item::new("2*3").with_id("product").with_expected_output("6");
/// assert_eq!((plain.input_text(), named.expected_text()), ("2+2".into(), "6".into()));
/// ```
#[derive(Clone)]
pub struct Item(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    id: String,
    input: Value,
    expected_output: Value,
    metadata: Value,
}

impl Item {
    /// An item of the program's own. Its id derives from what goes in, so that it is the same one in every run.
    #[must_use]
    pub fn new(input: impl Serialize) -> Self {
        let input = json(input);
        Self(Arc::new(Parts {
            // As Langfuse's SDKs do: 16 hex digits of SHA-256 of the input as JSON.
            id: SpanId::from_seed(&input.to_string()).to_string(),
            input,
            expected_output: Value::Null,
            metadata: Value::Null,
        }))
    }

    /// An id of your own.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.parts().id = id.into();
        self
    }

    /// What should come out.
    #[must_use]
    pub fn with_expected_output(mut self, output: impl Serialize) -> Self {
        self.parts().expected_output = json(output);
        self
    }

    /// What else is to be known of it.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Serialize) -> Self {
        self.parts().metadata = json(metadata);
        self
    }

    /// Its id: the dataset item's, or that of [`new`](Self::new).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What goes in.
    #[must_use]
    pub fn input(&self) -> &Value {
        &self.0.input
    }

    /// What should come out; null where nothing is said.
    #[must_use]
    pub fn expected_output(&self) -> &Value {
        &self.0.expected_output
    }

    /// What else is known of it; null where nothing is.
    #[must_use]
    pub fn metadata(&self) -> &Value {
        &self.0.metadata
    }

    /// What goes in, as text: a text as it is, anything else as JSON. Langfuse gives text that is JSON back as JSON, `"4"` as
    /// 4; here it is `4` again.
    #[must_use]
    pub fn input_text(&self) -> Cow<'_, str> {
        text(&self.0.input)
    }

    /// What should come out, as text in the same way; empty where nothing is said.
    #[must_use]
    pub fn expected_text(&self) -> Cow<'_, str> {
        text(&self.0.expected_output)
    }

    /// What goes in, as a type of yours.
    ///
    /// # Errors
    ///
    /// It is no such thing ([`Error::is_invalid_value`]).
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read("input", &self.0.input)
    }

    /// What should come out, as a type of yours.
    ///
    /// # Errors
    ///
    /// It is no such thing ([`Error::is_invalid_value`]).
    pub fn expected_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read("expected output", &self.0.expected_output)
    }

    fn read<T: DeserializeOwned>(&self, what: &str, value: &Value) -> Result<T, Error> {
        T::deserialize(value).map_err(|error| {
            let message = format!("the {what} of item {:?} is not what the task takes", self.0.id);
            Error::new(Kind::InvalidValue, message).because(error)
        })
    }

    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }
}

impl<I: Serialize, E: Serialize> From<(I, E)> for Item {
    fn from((input, expected_output): (I, E)) -> Self {
        Self::new(input).with_expected_output(expected_output)
    }
}

impl From<DatasetItem> for Item {
    fn from(item: DatasetItem) -> Self {
        Self(Arc::new(Parts {
            id: item.id,
            input: item.input,
            expected_output: item.expected_output,
            metadata: item.metadata,
        }))
    }
}

/// Without content: a program's log is no place for it.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.0.id)
            .finish_non_exhaustive()
    }
}

/// As everywhere in this crate, what cannot be serialised is left out.
pub(super) fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
