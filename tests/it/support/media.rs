//! A Langfuse that takes media, with a storage on another port, as a running one was recorded
//! (`tests/fixtures/langfuse/media.jsonl`).
#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tracing_llm::{Langfuse, LangfuseBuilder};

use super::receiver::{Answer, Receiver, Request};
use super::rows::{Row, of_requests};

/// What stands in the address of the storage, and is known to nobody else.
pub(crate) const SIGNATURE: &str = "planted-signature";

pub(crate) struct MediaServer {
    pub(crate) server: Receiver,
    pub(crate) storage: Arc<Receiver>,
}

impl MediaServer {
    pub(crate) fn new() -> Self {
        Self::with_storage(|_| Answer::status(200))
    }

    pub(crate) fn with_storage(storage: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let storage = Arc::new(Receiver::new(storage));
        let (address, stored) = (storage.url(), Mutex::new(HashSet::new()));
        let wanted = Mutex::new(HashMap::new());
        let server = Receiver::new(move |request| {
            let path = request.path.strip_prefix("/api/public/media");
            match (request.method.as_str(), path) {
                ("POST", Some("")) => {
                    let hash = body(request)["sha256Hash"].as_str().unwrap().to_owned();
                    let id = id(&hash);
                    wanted.lock().unwrap().insert(id.clone(), body(request));
                    let url = format!("{address}/media/{id}?X-Amz-Signature={SIGNATURE}");
                    let is_stored = stored.lock().unwrap().contains(&id);
                    let url = if is_stored { Value::Null } else { json!(url) };
                    Answer::json(201, &json!({"uploadUrl": url, "mediaId": id}).to_string())
                }
                // In the shape of the recorded one.
                ("GET", Some(path)) => {
                    let wanted = wanted.lock().unwrap();
                    let wanted = &wanted[&path[1..]];
                    let media = json!({
                        "mediaId": path[1..],
                        "contentType": wanted["contentType"],
                        "contentLength": wanted["contentLength"],
                        "uploadedAt": "2026-11-24T04:40:44.213Z",
                        "url": format!("{address}/media{path}?X-Amz-Signature={SIGNATURE}"),
                        "urlExpiry": "2026-11-24T05:40:44.225Z",
                    });
                    Answer::json(200, &media.to_string())
                }
                ("PATCH", Some(path)) => {
                    if body(request)["uploadHttpStatus"] == 200 {
                        stored.lock().unwrap().insert(path[1..].to_owned());
                    }
                    Answer::json(200, r#"{"message":"OK"}"#)
                }
                _ => Answer::json(200, "{}"),
            }
        });
        Self { server, storage }
    }

    pub(crate) fn project(&self) -> LangfuseBuilder {
        Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(self.server.url())
    }

    /// What the server would store of the traces, by name.
    pub(crate) fn row(&self, name: &str) -> Row {
        let traces = self.server.requests().into_iter();
        let traces: Vec<_> = traces
            .filter(|request| request.path.ends_with("/v1/traces"))
            .collect();
        of_requests(&traces)
            .into_iter()
            .find(|row| row.name == name)
            .unwrap()
    }

    /// What it was asked to take: id of the observation, field and id of the media.
    pub(crate) fn asked(&self) -> Vec<(String, String, String)> {
        let posts = self.server.requests().into_iter();
        let posts = posts.filter(|request| request.method == "POST" && request.path == "/api/public/media");
        let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        posts
            .map(|request| body(&request))
            .map(|body| {
                let id = id(&text(&body, "sha256Hash"));
                (text(&body, "observationId"), text(&body, "field"), id)
            })
            .collect()
    }

    /// The bytes that the storage was sent, under their ids.
    pub(crate) fn put(&self) -> Vec<(String, Vec<u8>)> {
        let puts = self.storage.requests().into_iter();
        puts.map(|put| {
            assert_eq!(put.method, "PUT");
            let id = put
                .path
                .strip_prefix("/media/")
                .unwrap()
                .split('?')
                .next()
                .unwrap();
            (id.to_owned(), put.body)
        })
        .collect()
    }
}

pub(crate) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The server's id of what has this hash.
fn id(sha256: &str) -> String {
    let mut id = URL_SAFE_NO_PAD.encode(STANDARD.decode(sha256).unwrap());
    id.truncate(22);
    id
}
