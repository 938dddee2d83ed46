//! A server of observations that answers questions as the real one does, from rows that a test makes, in small pages, and on
//! demand out of order and more than once.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tracing_llm::Langfuse;

use crate::support::receiver::{Answer, Receiver, Request};

/// The server.
pub(super) struct Server {
    receiver: Receiver,
    rows: Arc<Vec<Value>>,
    page: usize,
    repeating: Option<u64>,
}

impl Server {
    /// With these rows, and so many on a page at most.
    pub(super) fn new(mut rows: Vec<Value>, page: usize) -> Self {
        // As the real one: newest first, then by trace and id.
        let key = |row: &Value| {
            ["startTime", "traceId", "id"].map(|name| row[name].as_str().unwrap_or_default().to_owned())
        };
        rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
        Self::of(Arc::new(rows), page, None)
    }

    fn of(rows: Arc<Vec<Value>>, page: usize, repeating: Option<u64>) -> Self {
        let theirs = Arc::clone(&rows);
        let receiver = Receiver::new(move |request| answer(request, &theirs, page, repeating));
        Self {
            receiver,
            rows,
            page,
            repeating,
        }
    }

    /// Some rows come again, on the same page and on later ones.
    pub(super) fn repeating(self, seed: u64) -> Self {
        Self::of(Arc::clone(&self.rows), self.page, Some(seed | 1))
    }

    /// In no order at all.
    pub(super) fn shuffling(self, seed: u64) -> Self {
        let mut rows = self.rows.to_vec();
        rows.sort_by_key(|row| chance(seed, row["id"].as_str().unwrap_or_default()));
        Self::of(Arc::new(rows), self.page, self.repeating)
    }

    pub(super) fn client(&self) -> Langfuse {
        let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
        keys.base_url(self.receiver.url()).build().unwrap()
    }
}

fn chance(seed: u64, text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, mix)
        .rotate_left(29)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn answer(request: &Request, rows: &[Value], page: usize, repeating: Option<u64>) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    assert_eq!(path, "/api/public/v2/observations");
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let query: HashMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let fits = |row: &Value| query.iter().all(|(name, value)| holds(row, name, value));
    let found: Vec<_> = rows.iter().filter(|row| fits(row)).collect();
    let mut given = Vec::new();
    for row in found {
        let again = repeating.map_or(0, |seed| chance(seed, row["id"].as_str().unwrap()) % 3);
        given.extend((0..=again).map(|_| row));
    }
    if let Some(seed) = repeating.filter(|_| given.len() > page) {
        // Pages moved meanwhile: something of the first stands on the last, too.
        given.push(given[usize::try_from(seed).unwrap_or(0) % page]);
    }
    let begin: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let limit: usize = query["limit"].parse().unwrap();
    let end = (begin + limit.min(page)).min(given.len());
    let mut meta = json!({});
    if end < given.len() {
        meta["cursor"] = end.to_string().into();
    }
    Answer::json(200, &json!({"data": given[begin..end], "meta": meta}).to_string())
}

fn holds(row: &Value, name: &str, value: &str) -> bool {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    match name {
        "limit" | "cursor" | "fields" => true,
        "isRootObservation" => {
            let is_root = row["parentObservationId"].is_null() || row["isRootObservation"] == true;
            is_root.to_string() == value
        }
        // RFC 3339 in UTC sorts as text.
        "fromStartTime" => text("startTime") >= value,
        "toStartTime" => text("startTime") < value,
        "filter" => serde_json::from_str::<Vec<Value>>(value)
            .unwrap()
            .iter()
            .all(|condition| {
                let column = text(condition["column"].as_str().unwrap());
                match condition["operator"].as_str().unwrap() {
                    "any of" => condition["value"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|value| value == column),
                    "=" => condition["value"] == column,
                    operator => panic!("{operator}"),
                }
            }),
        name => text(name) == value,
    }
}
