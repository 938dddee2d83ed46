//! A Langfuse that answers with what a running v4.16.0 answered: each request must be one of the recorded exchanges.
#![allow(
    dead_code,
    reason = "each of the binaries that include this file uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so"
)]

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tracing_llm::{Langfuse, LangfuseBuilder};

use super::receiver::{Answer, Receiver, Request};

/// The server. A request that nobody recorded fails the test, which shows it.
pub(crate) struct Replay {
    receiver: Receiver,
    served: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// Answers from the recordings of these areas: `setup`, `prompts`, …
    pub(crate) fn of(areas: &[&str]) -> Self {
        let exchanges: Vec<_> = areas.iter().flat_map(|area| recorded(area)).collect();
        let served = Arc::new(Mutex::new(Vec::new()));
        let names = Arc::clone(&served);
        let times = Mutex::new(HashMap::new());
        let receiver = Receiver::new(move |request| {
            let asked = Asked::of(request);
            let found: Vec<_> = exchanges.iter().filter(|it| asked.is(&it["request"])).collect();
            let Some(last) = found.len().checked_sub(1) else {
                panic!("nobody recorded this request:\n{asked:#?}");
            };
            // The same request may have been recorded several times: what it was answered then comes in that order, and the
            // last answer stays.
            let mut times = times.lock().unwrap();
            let time = times.entry(found[0]["name"].to_string()).or_insert(0_usize);
            let exchange = found[(*time).min(last)];
            *time += 1;
            names
                .lock()
                .unwrap()
                .push(exchange["name"].as_str().unwrap().to_owned());
            answer_to(&asked, exchange)
        });
        Self { receiver, served }
    }

    /// A project of this server, with the keys that it knows.
    pub(crate) fn project(&self) -> LangfuseBuilder {
        self.project_of(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
    }

    pub(crate) fn project_of(&self, public_key: &str, secret_key: &str) -> LangfuseBuilder {
        Langfuse::builder(public_key, secret_key).base_url(self.receiver.url())
    }

    pub(crate) fn client(&self) -> Langfuse {
        self.project().build().unwrap()
    }

    /// The names of the exchanges so far, in order.
    pub(crate) fn served(&self) -> Vec<String> {
        self.served.lock().unwrap().clone()
    }

    pub(crate) fn receiver(&self) -> &Receiver {
        &self.receiver
    }
}

/// The exchanges of an area, in the order in which they were recorded.
pub(crate) fn recorded(area: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/fixtures/langfuse/{area}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the server answered to the recorded request with this name.
pub(crate) fn answered(area: &str, name: &str) -> Answer {
    let found = recorded(area).into_iter().find(|it| it["name"] == name);
    answer(&found.unwrap_or_else(|| panic!("no recording {name:?}"))["response"])
}

/// The ids of the events of a batch are their sender's, and stand in the answer.
fn answer_to(asked: &Asked, exchange: &Value) -> Answer {
    let mut response = exchange["response"].to_string();
    let events = |body: &Value| body["batch"].as_array().cloned().unwrap_or_default();
    let ours = asked.body.as_ref().map(events).unwrap_or_default();
    for (recorded, ours) in events(&exchange["request"]["body"]).iter().zip(&ours) {
        response = response.replace(&recorded["id"].to_string(), &ours["id"].to_string());
    }
    answer(&serde_json::from_str(&response).unwrap())
}

fn answer(response: &Value) -> Answer {
    let status = response["status"].as_u64().unwrap();
    let mut answer = Answer::status(status.try_into().unwrap());
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        answer = answer.header(name, value.as_str().unwrap());
    }
    match (response.get("json"), response["text"].as_str()) {
        (Some(json), _) => answer.body(json.to_string()),
        (None, text) => answer.body(text.unwrap_or_default()),
    }
}

/// What matters of a request.
#[derive(Debug)]
struct Asked {
    method: String,
    /// As it was written: a slash in a name is `%2F`.
    path: String,
    /// Sorted: its order says nothing.
    query: Vec<(String, String)>,
    auth: &'static str,
    content_type: Option<String>,
    body: Option<Value>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8().unwrap().into_owned()
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut query: Vec<_> = pairs.map(|(name, value)| (decode(name), decode(value))).collect();
        query.sort();
        let body = (!request.body.is_empty()).then(|| serde_json::from_slice(&request.body).unwrap());
        Self {
            method: request.method.clone(),
            path: path.to_owned(),
            query,
            auth: auth(request),
            content_type: request.header("content-type").map(str::to_owned),
            body,
        }
    }

    fn is(&self, recorded: &Value) -> bool {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut query: Vec<_> = recorded["query"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        query.sort();
        let content_type = recorded["headers"]["Content-Type"].as_str();
        self.method == recorded["method"]
            && self.path == recorded["path"]
            && spoken(&self.query) == spoken(&query)
            && self.auth == recorded["auth"]
            && self.content_type.as_deref() == content_type
            && same(
                self.body.as_ref().map(spelled_out).as_ref(),
                recorded.get("body").map(spelled_out).as_ref(),
            )
    }
}

/// Whether two bodies say the same: `1` is `1.0`, an id is sent where the recorder let the server make one, and an event has its
/// sender's id and time; nobody reads the metadata of a batch.
fn same(asked: Option<&Value>, recorded: Option<&Value>) -> bool {
    let lets_make_an_id = recorded.is_some_and(|body| body.get("id").is_none());
    let plain = |value: &Value| {
        let mut value = value.clone();
        for event in value
            .get_mut("batch")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            event["id"] = Value::Null;
            event["timestamp"] = Value::Null;
        }
        let of_batch = value.get("batch").is_some();
        if let Some(body) = value.as_object_mut() {
            body.retain(|name, _| !(name == "id" && lets_make_an_id || of_batch && name == "metadata"));
        }
        with_floats(value)
    };
    asked.map(plain) == recorded.map(plain)
}

fn with_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(list) => list.into_iter().map(with_floats).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, with_floats(value)))
            .collect(),
        other => other,
    }
}

/// A query with JSON in it as what it says: blanks and the order of keys say nothing.
fn spoken(query: &[(String, String)]) -> Vec<(&str, Value)> {
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    query
        .iter()
        .map(|(name, text)| (name.as_str(), read(text)))
        .collect()
}

/// A body with what the server assumes where it says nothing: a prompt is a text and has no labels.
fn spelled_out(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(prompt) = body.as_object_mut().filter(|body| body.contains_key("prompt")) {
        prompt.entry("type").or_insert_with(|| "text".into());
        prompt.entry("labels").or_insert_with(|| Value::Array(Vec::new()));
    }
    body
}

/// The recorder's word for the credentials of a request.
fn auth(request: &Request) -> &'static str {
    let Some(header) = request.header("authorization") else {
        return "none";
    };
    let pair = header
        .strip_prefix("Basic ")
        .and_then(|it| STANDARD.decode(it).ok());
    let pair = String::from_utf8(pair.unwrap_or_default()).unwrap();
    match pair.split_once(':') {
        Some((Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)) => "valid",
        Some((Receiver::SECRET_KEY, Receiver::PUBLIC_KEY)) => "keys-swapped",
        Some((_, Receiver::SECRET_KEY)) => "unknown-public-key",
        _ => "public:wrong-secret",
    }
}
