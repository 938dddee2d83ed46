//! Templates of messages.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::langfuse::prompt::template::{self, Template, Values, invalid, sealed};
use crate::langfuse::prompt::version::Body;

/// The template of a chat.
#[derive(Clone, PartialEq, Debug)]
pub struct Chat(pub(super) Vec<ChatPart>);

impl Chat {
    /// Its messages and placeholders.
    #[must_use]
    pub fn parts(&self) -> &[ChatPart] {
        &self.0
    }
}

/// A part of a chat's template.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ChatPart {
    /// A message, with variables in its content.
    Message(ChatMessage),
    /// Where messages are put, under this name.
    Placeholder(String),
}

impl ChatPart {
    /// A message, with variables in its content.
    pub fn message(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self::Message(ChatMessage::new(role, content))
    }

    /// A place for messages.
    pub fn placeholder(name: impl Into<String>) -> Self {
        Self::Placeholder(name.into())
    }

    pub(super) fn of(json: &Value) -> Option<Self> {
        if json["type"] == "placeholder" {
            return Some(Self::Placeholder(json["name"].as_str()?.to_owned()));
        }
        Some(Self::Message(ChatMessage::of(json)?))
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Message(message) => Value::Object(message.0.clone()),
            Self::Placeholder(name) => Value::Object(placeholder(name)),
        }
    }
}

/// A message of a chat, with all that it has: a role and a content, and perhaps a name, calls of tools, …. It serialises as
/// the object that it is.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatMessage(Map<String, Value>);

impl ChatMessage {
    /// A message of this role.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self(Map::from_iter([
            ("role".to_owned(), Value::String(role.into())),
            ("content".to_owned(), Value::String(content.into())),
        ]))
    }

    /// The message with this member, too: `tool_calls`, `name`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Who says it; nothing for a placeholder that was not filled.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.0.get("role")?.as_str()
    }

    /// What is said, if that is text.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        self.0.get("content")?.as_str()
    }

    /// Any member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The name of the placeholder that it is, which was not filled: no model takes it.
    #[must_use]
    pub fn placeholder(&self) -> Option<&str> {
        let is_one = self.0.get("type").is_some_and(|it| it == "placeholder");
        self.0.get("name").filter(|_| is_one)?.as_str()
    }

    /// An object with a role is a message.
    fn of(json: &Value) -> Option<Self> {
        let message = json.as_object()?;
        message.get("role")?.as_str()?;
        Some(Self(message.clone()))
    }

    fn filled(&self, values: &mut Values) -> Self {
        let mut message = self.0.clone();
        if let Some(Value::String(content)) = message.get_mut("content") {
            *content = values.fill(content);
        }
        Self(message)
    }
}

impl Serialize for ChatMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Template for Chat {
    type Compiled = Vec<ChatMessage>;
}

impl sealed::Template for Chat {
    const WORD: &str = "chat";

    fn of(body: &Body) -> Option<Arc<Self>> {
        match body {
            Body::Chat(chat) => Some(Arc::clone(chat)),
            Body::Text(_) => None,
        }
    }

    fn into_body(self) -> Body {
        Body::Chat(Arc::new(self))
    }

    fn to_json(&self) -> Value {
        self.0.iter().map(ChatPart::to_json).collect()
    }

    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for part in &self.0 {
            if let ChatPart::Message(message) = part {
                template::variables(message.content().unwrap_or_default(), &mut names);
            }
        }
        for part in &self.0 {
            match part {
                ChatPart::Placeholder(name) if !names.contains(&name.as_str()) => names.push(name),
                _ => {}
            }
        }
        names
    }

    fn fill(&self, values: &mut Values) -> Result<Vec<ChatMessage>, Error> {
        let mut messages = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            match part {
                ChatPart::Message(message) => messages.push(message.filled(values)),
                ChatPart::Placeholder(name) => match values.get(name) {
                    None => messages.push(ChatMessage(placeholder(name))),
                    Some(given) => {
                        let given = inserted(given).ok_or_else(|| {
                            invalid(format!(
                                "the placeholder {name:?} takes a list of messages with roles"
                            ))
                        })?;
                        messages.extend(given.iter().map(|message| message.filled(values)));
                    }
                },
            }
        }
        Ok(messages)
    }
}

fn inserted(given: &Value) -> Option<Vec<ChatMessage>> {
    given.as_array()?.iter().map(ChatMessage::of).collect()
}

/// As the server has it.
fn placeholder(name: &str) -> Map<String, Value> {
    Map::from_iter([
        ("type".to_owned(), "placeholder".into()),
        ("name".to_owned(), name.into()),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::langfuse::prompt::template::{compile, compile_strict};

    fn chat() -> Chat {
        Chat(vec![
            ChatPart::message("system", "Help {{tenant}}."),
            ChatPart::placeholder("history"),
            ChatPart::Message(ChatMessage::new("user", "{{ query }}").with("name", "anna")),
        ])
    }

    fn compiled(values: Value) -> String {
        match compile(&chat(), values) {
            Ok(messages) => serde_json::to_string(&messages).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn messages_are_filled_and_keep_what_they_have() {
        let call = json!([{"id": "c1"}]);
        let history = json!([
            {"role": "assistant", "content": null, "tool_calls": call},
            {"role": "tool", "content": "{{tenant}} has 3", "tool_call_id": "c1"},
        ]);
        assert_eq!(
            compiled(json!({"tenant": "t-7", "query": "How many?", "history": history})),
            r#"[{"content":"Help t-7.","role":"system"},{"content":null,"role":"assistant","tool_calls":[{"id":"c1"}]},{"content":"t-7 has 3","role":"tool","tool_call_id":"c1"},{"content":"How many?","name":"anna","role":"user"}]"#
        );
        assert_eq!(
            compiled(json!({"tenant": "t", "query": "q", "history": []})),
            r#"[{"content":"Help t.","role":"system"},{"content":"q","name":"anna","role":"user"}]"#
        );
    }

    #[test]
    fn an_unfilled_placeholder_stays_and_a_wrong_one_is_an_error() {
        let messages = compile(&chat(), json!({"tenant": "t"})).unwrap();
        assert_eq!(messages[1].placeholder(), Some("history"));
        assert_eq!((messages[1].role(), messages[0].placeholder()), (None, None));
        for wrong in [
            json!("text"),
            json!([1]),
            json!([{"content": "no role"}]),
            json!(null),
            json!({}),
        ] {
            assert_eq!(
                compiled(json!({"history": wrong})),
                "the placeholder \"history\" takes a list of messages with roles"
            );
        }
        let strict = compile_strict(&chat(), json!({"tenant": "t", "query": "q", "x": 1}), "qa").unwrap_err();
        assert_eq!(
            strict.to_string(),
            "cannot fill in the prompt \"qa\": no value for history; no variable for x"
        );
    }

    #[test]
    fn names_are_variables_and_then_placeholders() {
        assert_eq!(sealed::Template::names(&chat()), ["tenant", "query", "history"]);
    }
}
