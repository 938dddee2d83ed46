//! What the server answered a verb.

use std::time::SystemTime;

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::http::Response;
use crate::langfuse::client::call::Job;

/// An answer that is JSON; null when it has no body.
pub(crate) struct Answer {
    json: Value,
    date: Option<SystemTime>,
    verb: String,
    host: String,
}

impl Answer {
    pub(super) fn new(response: &Response, job: &Job) -> Option<Self> {
        let json = if response.body.is_empty() {
            Some(Value::Null)
        } else {
            serde_json::from_slice(&response.body).ok()
        };
        Some(Self {
            json: json?,
            date: response.date,
            verb: job.request.verb.to_string(),
            host: job.endpoint.host(),
        })
    }

    /// When it was answered, by the server's clock.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        self.date
    }

    /// What `read` makes of it; nothing stands for an answer without what must be in it.
    pub(crate) fn read<T>(self, read: impl FnOnce(Value) -> Option<T>) -> Result<T, Error> {
        let unexpected = format!(
            "cannot {}: {} answered what a Langfuse does not answer to that",
            self.verb, self.host
        );
        read(self.json).ok_or_else(|| Error::new(Kind::Unexpected, unexpected))
    }
}

/// A text at this name.
pub(crate) fn text(object: &Value, name: &str) -> Option<String> {
    object[name].as_str().map(str::to_owned)
}

/// The texts of a list at this name; none where there is no list.
pub(crate) fn texts(object: &Value, name: &str) -> Vec<String> {
    let list = object[name].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A time at this name, which the server writes as RFC 3339.
pub(crate) fn time(object: &Value, name: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(object[name].as_str()?).ok()
}
