//! Facts in the form of the golden files, read so that JSON is compared as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One observation's facts by name; `depth` is its place in the tree.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Facts {
    pub(crate) depth: usize,
    pub(crate) facts: BTreeMap<String, Value>,
}

/// Reads a text of observations: the lines from the first that names one (`TYPE 'name'  fact=value  …`).
pub(crate) fn read(text: &str) -> Vec<Facts> {
    let mut all: Vec<Facts> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let depth = (line.len() - content.len()) / 2;
        let labelled = ["in:", "out:", "meta:"]
            .into_iter()
            .find(|label| content.starts_with(label));
        let first = content.split(' ').next().unwrap_or_default();
        if let Some(label) = labelled {
            let Some(last) = all.last_mut() else { continue };
            let value = content.trim_start_matches(label).trim();
            let value = if label == "meta:" {
                keys(value)
            } else {
                json_or_text(value)
            };
            last.facts.insert(label.trim_end_matches(':').to_owned(), value);
        } else if !first.is_empty()
            && first.bytes().all(|byte| byte.is_ascii_uppercase())
            && content.contains(" '")
        {
            all.push(Facts {
                depth,
                facts: head(content),
            });
        }
    }
    all
}

fn head(line: &str) -> BTreeMap<String, Value> {
    let mut parts = line.split("  ");
    let (kind, name) = parts
        .next()
        .unwrap_or_default()
        .split_once(' ')
        .unwrap_or_default();
    let mut facts = BTreeMap::from([
        ("type".into(), json!(kind)),
        ("name".into(), json!(name.trim_matches('\''))),
    ]);
    for part in parts.filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        facts.insert(key.to_owned(), json_or_text(value));
    }
    facts
}

fn keys(list: &str) -> Value {
    let mut keys: Vec<_> = list.split(", ").map(str::to_owned).collect();
    keys.sort();
    json!(keys)
}

fn json_or_text(text: &str) -> Value {
    match text.starts_with(['{', '[']) {
        true => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        false => json!(text),
    }
}
