//! OpenAI's chat completions, which every OpenAI-compatible server speaks: where to ask, and what comes back whole.
//!
//! <https://platform.openai.com/docs/api-reference/chat/create>
#![allow(dead_code, reason = "each example uses a part of it")]

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tracing_llm::Usage;

/// A server and a model there. It has no `Debug`, and the key stands in none of its errors.
pub(crate) struct Endpoint {
    pub(crate) model: String,
    url: String,
    key: Option<String>,
    /// Or why there is none: that is said when it is asked, so that the trace shows it.
    client: Result<reqwest::Client, String>,
}

/// What a model said.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Completion {
    /// The model that answered: `gpt-4o` is asked, and `gpt-4o-2024-08-06` answers.
    pub(crate) model: Option<String>,
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    /// Why it ended: `stop`, `tool_calls`, `length`, `content_filter`.
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// A tool that the model wants called.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON, if the model made no mistake.
    pub(crate) arguments: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said no: its status, what it said, and when to come again.
    Refused {
        status: u16,
        message: String,
        retry_after: Option<Duration>,
    },
    /// The connection was never there, or broke off.
    Broken(String),
    /// The request cannot be made: it will never be.
    Unsendable(String),
    /// It is no chat completion.
    Unreadable(String),
}

impl Endpoint {
    /// The model `OPENAI_MODEL` at `OPENAI_BASE_URL`, with `OPENAI_API_KEY`; none without a base URL.
    pub(crate) fn from_env() -> Option<Self> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let model = set("OPENAI_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned());
        Some(Self::new(&set("OPENAI_BASE_URL")?, &model, set("OPENAI_API_KEY")))
    }

    pub(crate) fn new(base_url: &str, model: &str, key: Option<String>) -> Self {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            // Between two pieces of an answer. A model on a laptop thinks long before the first.
            .read_timeout(Duration::from_secs(120))
            .build();
        Self {
            model: model.to_owned(),
            url: format!("{}/chat/completions", base_url.trim_end_matches('/')),
            key,
            client: client.map_err(with_causes),
        }
    }

    /// Sends a request, and gives back an answer that is a success.
    pub(crate) async fn post(&self, body: &Value) -> Result<reqwest::Response, Failure> {
        let client = self
            .client
            .as_ref()
            .map_err(|why| Failure::Unsendable(why.clone()))?;
        let mut request = client
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.map_err(Failure::broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after");
        let retry_after = header.and_then(|value| seconds(value.to_str().ok()?));
        let body = response.text().await.unwrap_or_default();
        Err(Failure::Refused {
            status,
            message: message(&self.without_key(&body)),
            retry_after,
        })
    }

    /// What the server says in the middle of an answer, without the key.
    pub(crate) fn cleaned(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Broken(why) => Failure::Broken(self.without_key(&why)),
            other => other,
        }
    }

    /// A server may repeat a key that it does not know.
    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key.as_str(), "[redacted]"),
            None => text.to_owned(),
        }
    }
}

impl Completion {
    /// Reads an answer that came whole.
    pub(crate) fn read(body: &str) -> Result<Self, Failure> {
        let body: Value = serde_json::from_str(body).map_err(Failure::unreadable)?;
        let choice = &body["choices"][0];
        let said = choice
            .get("message")
            .ok_or_else(|| Failure::Unreadable("the answer has no choices[0].message".to_owned()))?;
        let calls = said["tool_calls"].as_array();
        let call = |call: &Value| ToolCall {
            id: text(&call["id"]),
            name: text(&call["function"]["name"]),
            arguments: text(&call["function"]["arguments"]),
        };
        Ok(Self {
            model: body["model"].as_str().map(str::to_owned),
            // A model that refuses says so in place of its answer.
            text: (text(&said["content"]) + &text(&said["refusal"]))
                .trim()
                .to_owned(),
            calls: calls.into_iter().flatten().map(call).collect(),
            finish: choice["finish_reason"].as_str().map(str::to_owned),
            usage: usage(&body["usage"]),
        })
    }

    /// As a message of the chat that goes on.
    pub(crate) fn message(&self) -> Value {
        let call = |call: &ToolCall| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": call.id, "type": "function", "function": function})
        };
        let mut message = json!({"role": "assistant", "content": self.text});
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.iter().map(call).collect();
            if self.text.is_empty() {
                message["content"] = Value::Null;
            }
        }
        message
    }
}

/// The tokens of a call, cached ones and reasoning where the server counts them.
pub(crate) fn usage(usage: &Value) -> Option<Usage> {
    let count = |pointer| usage.pointer(pointer).and_then(Value::as_u64);
    let mut tokens = Usage::new(count("/prompt_tokens")?, count("/completion_tokens")?);
    if let Some(cached) = count("/prompt_tokens_details/cached_tokens").filter(|cached| *cached > 0) {
        tokens = tokens.cached(cached);
    }
    let reasoning = count("/completion_tokens_details/reasoning_tokens");
    if let Some(reasoning) = reasoning.filter(|reasoning| *reasoning > 0) {
        tokens = tokens.reasoning(reasoning);
    }
    Some(tokens)
}

/// The text of a value; nothing for what is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a server says of its refusal, in one short line.
fn message(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let said = json.as_ref().and_then(|body| body["error"]["message"].as_str());
    let line: Vec<&str> = said.unwrap_or(body).split_whitespace().collect();
    line.join(" ").chars().take(300).collect()
}

/// `Retry-After` is a number of seconds or a date.
fn seconds(header: &str) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// In one line, and without the URL: a password may stand in it.
fn with_causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line
}

impl Failure {
    pub(crate) fn broken(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Unsendable(with_causes(error));
        }
        Self::Broken(with_causes(error))
    }

    pub(crate) fn unreadable(error: impl fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, message, .. } if message.is_empty() => {
                write!(f, "the server answered {status}")
            }
            Self::Refused { status, message, .. } => write!(f, "the server answered {status}: {message}"),
            Self::Broken(why) => write!(f, "the connection failed: {why}"),
            Self::Unsendable(why) => write!(f, "OPENAI_BASE_URL cannot be used: {why}"),
            Self::Unreadable(why) => write!(f, "the answer cannot be read: {why}"),
        }
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_is_read_with_its_tokens_or_without() {
        let read = |body| Completion::read(body).unwrap();
        let reply = read(
            r#"{"choices":[{"message":{"content":" Seven. "}}],"usage":{"prompt_tokens":120,"completion_tokens":8}}"#,
        );
        assert_eq!(
            (reply.text.as_str(), reply.usage),
            ("Seven.", Some(Usage::new(120, 8)))
        );
        assert_eq!(
            read(r#"{"choices":[{"message":{"content":"Seven."}}]}"#).usage,
            None
        );
        assert_eq!(
            read(r#"{"choices":[{"message":{"content":null,"refusal":"No."}}]}"#).text,
            "No."
        );
        assert!(Completion::read(r#"{"choices":[]}"#).is_err());
        assert!(Completion::read("<html>").is_err());
    }

    #[test]
    fn cached_and_reasoning_tokens_are_part_of_what_went_in_and_out() {
        let counted = json!({
            "prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163,
            "prompt_tokens_details": {"cached_tokens": 1024}, "completion_tokens_details": {"reasoning_tokens": 30},
        });
        let expected = Usage::new(1117, 46).cached(1024).reasoning(30);
        assert_eq!(usage(&counted), Some(expected));
        assert_eq!(usage(&Value::Null), None);
    }

    #[test]
    fn a_server_says_when_to_come_again_in_seconds_or_as_a_date() {
        assert_eq!(seconds(" 20 "), Some(Duration::from_secs(20)));
        assert_eq!(seconds("Fri, 29 Sep 2023 16:28:37 GMT"), Some(Duration::ZERO));
        let later = SystemTime::now() + Duration::from_secs(600);
        let wait = seconds(&httpdate::fmt_http_date(later)).unwrap();
        assert!(
            (Duration::from_secs(60)..=Duration::from_secs(600)).contains(&wait),
            "{wait:?}"
        );
        assert_eq!(seconds("soon"), None);
    }
}
