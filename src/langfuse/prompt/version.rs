//! A version of a prompt as the server has it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::{Error, Kind};
use crate::langfuse::client::answer::{text, texts};
use crate::langfuse::prompt::chat::{Chat, ChatPart};
#[cfg(feature = "yaml")]
use crate::langfuse::prompt::template::sealed::Template as _;
use crate::langfuse::prompt::template::{Template, Text};

/// A version, or what stands in its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) body: Body,
    pub(crate) config: Value,
    pub(crate) labels: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) commit_message: Option<String>,
}

/// Its template, of whichever kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    Text(Arc<Text>),
    Chat(Arc<Chat>),
}

impl Body {
    /// A text, or a list of messages and placeholders.
    pub(super) fn of(json: &Value) -> Option<Self> {
        Some(match json {
            Value::String(text) => Self::Text(Arc::new(Text(text.clone()))),
            Value::Array(parts) => {
                let parts = parts.iter().map(ChatPart::of);
                Self::Chat(Arc::new(Chat(parts.collect::<Option<_>>()?)))
            }
            _ => return None,
        })
    }
}

#[cfg(feature = "yaml")]
impl Body {
    /// As the server is sent it.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.to_json(),
            Self::Chat(chat) => chat.to_json(),
        }
    }

    /// The names that it wants values for.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => text.names(),
            Self::Chat(chat) => chat.names(),
        }
    }
}

impl Version {
    /// The program's own, which the server has no version of.
    pub(super) fn fallback(name: &str, body: Body, config: Option<Value>) -> Self {
        Self {
            name: name.to_owned(),
            version: 0,
            body,
            config: config.unwrap_or_else(|| Value::Object(Map::new())),
            labels: Vec::new(),
            tags: Vec::new(),
            commit_message: None,
        }
    }

    /// What the server answers with; nothing for what is none.
    pub(super) fn read(json: Value) -> Option<Self> {
        Some(Self {
            name: text(&json, "name")?,
            version: json["version"].as_u64()?.try_into().ok()?,
            body: Body::of(&json["prompt"])?,
            labels: texts(&json, "labels"),
            tags: texts(&json, "tags"),
            commit_message: text(&json, "commitMessage"),
            config: json["config"].clone(),
        })
    }

    /// Its template, if it is of the kind that was asked for.
    pub(super) fn template<T: Template>(&self) -> Result<Arc<T>, Error> {
        T::of(&self.body).ok_or_else(|| {
            let (is, verb) = match self.body {
                Body::Text(_) => ("text", "prompt"),
                Body::Chat(_) => ("chat", "chat_prompt"),
            };
            let message = format!("the prompt {:?} is a {is}: fetch it by {verb}(..)", self.name);
            Error::new(Kind::Unexpected, message)
        })
    }
}
