//! Rust programs of the same meaning as golden runs of the official Python SDK, compared fact by fact with what a
//! running Langfuse stored for those.
//!
//! No facts, and so not compared: ids and times (but for the order of the first token), what the server works out from
//! other facts (`totalUsage`, `inputCost`, …), and, in metadata, the resource and scope of the sender and LangChain's
//! own bookkeeping. Whatever else differs is said by the scenario, with its reason, in a call of [`Golden`].

mod decorators;
mod errors;
mod langgraph;
mod prompts;
mod session;
mod types;
mod user_request;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tracing::{Dispatch, dispatcher};
use tracing_llm::{Langfuse, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::Receiver;
use crate::support::rows::{self, Row};
use crate::support::scores;

const QUESTION: &str = "How long do we keep invoices, and where?!";
const ANSWER: &str = "Invoices are kept for seven years in the finance archive.";
const DOCUMENTS: [&str; 5] = [
    "Invoices are kept for seven years.",
    "Finance stores them in the archive.",
    "Archive access needs a ticket.",
    "Drafts are deleted after 30 days.",
    "Audits happen in May.",
];

/// What the Python programs say by `propagate_attributes` of every trace; `langgraph` and `user_request` say it by
/// fields.
fn served(trace: &str, session: &str) {
    current()
        .trace()
        .name(trace)
        .user("gd-user-1")
        .session(session)
        .tags(["rag", "guide"])
        .version("2025.12")
        .metadata("agent", "zeus")
        .metadata("environment", "production")
        .metadata("tenant_id", "tenant-7");
}

/// Runs a program whose traces go to a Langfuse, and gives back what that stores.
fn stored(program: impl FnOnce()) -> Vec<Row> {
    stored_with_scores(program).0
}

/// The same, with what it stores of scores.
fn stored_with_scores(program: impl FnOnce()) -> (Vec<Row>, Vec<Value>) {
    let langfuse = scores::langfuse();
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .environment("gd-prod")
        .release("gd-r1")
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, program);
    let report = llm.flush_blocking(Duration::from_secs(20));
    let rows = rows::of_requests(&langfuse.requests());
    let scores = scores::stored(&langfuse);
    let scores_sent = match scores.len() {
        0 => String::new(),
        count => format!("langfuse scores {count} sent · "),
    };
    assert_eq!(
        report.to_string(),
        format!("langfuse {} sent · {scores_sent}0 lost", rows.len())
    );
    (rows, scores)
}

/// Facts by their names.
type Facts = BTreeMap<&'static str, Value>;

/// What a golden file says, observation by observation: traces in their order, each in the order of its tree.
struct Golden {
    observations: Vec<(String, Facts)>,
}

impl Golden {
    fn read(text: &str) -> Self {
        let file: Value = serde_json::from_str(text).unwrap();
        let traces = file["traces"].as_array().unwrap();
        let rows = traces
            .iter()
            .flat_map(|trace| trace["observations"].as_array().unwrap());
        let observations = rows.map(|row| (text_of(&row["id"]), facts_of_golden(row)));
        Self {
            observations: observations.collect(),
        }
    }

    /// The facts of one observation, to be changed where a Rust program differs for a reason.
    fn of(&mut self, id: &str) -> &mut Facts {
        let found = self.observations.iter_mut().find(|(known, _)| known == id);
        &mut found.unwrap_or_else(|| panic!("no {id}")).1
    }

    /// The arguments of a call are an object by parameter name, not `args` and `kwargs`; no arguments are no input.
    /// Short ones are metadata too (`app_plain.expected.txt`), because Langfuse filters on metadata.
    fn arguments(mut self, id: &str, names: &[&str]) -> Self {
        let facts = self.of(id);
        let mut input = facts.remove("input").unwrap();
        if let Some(args) = input.get("args").cloned() {
            let args = args.as_array().unwrap().clone();
            let mut kwargs = input["kwargs"].as_object().unwrap().clone();
            assert_eq!(args.len() + kwargs.len(), names.len(), "{id}");
            for (name, value) in names.iter().zip(args) {
                kwargs.insert((*name).to_owned(), value);
            }
            input = Value::Object(kwargs);
        }
        let object = input.as_object().unwrap();
        assert!(
            names.iter().all(|name| object.contains_key(*name)),
            "{id}: {input}"
        );
        let short = object.iter().filter(|(_, value)| match value {
            Value::String(text) => text.len() <= 200,
            other => !other.is_object() && !other.is_array(),
        });
        let short: Map<String, Value> = short.map(|(name, value)| (name.clone(), value.clone())).collect();
        if !object.is_empty() {
            facts.insert("input", input);
        }
        let metadata = facts.get_mut("metadata").and_then(Value::as_object_mut).unwrap();
        metadata.extend(short);
        self
    }

    /// The SDK's root has a parent that exists nowhere when the trace id is the program's own. Ours has none,
    /// and is the application's root all the same.
    fn without_a_parent_that_exists_nowhere(mut self) -> Self {
        for (_, facts) in &mut self.observations {
            if facts.get("parent") == Some(&json!("<not in this trace>")) {
                facts.remove("parent");
            }
        }
        self
    }

    /// Compares with what was stored; all differences are said at once.
    #[track_caller]
    fn assert_stored(self, rows: &[Row]) {
        let differences = self.differences(rows);
        assert!(
            differences.is_empty(),
            "{}\n{}",
            differences.join("\n"),
            rows::tree(rows)
        );
    }

    /// What was stored otherwise, a text for each fact.
    fn differences(&self, rows: &[Row]) -> Vec<String> {
        let stored = in_tree_order(rows);
        let ids = |all: &[(String, Facts)]| all.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&self.observations), ids(&stored), "{}", rows::tree(rows));
        let mut differences = Vec::new();
        for ((id, golden), (_, ours)) in self.observations.iter().zip(&stored) {
            let names: BTreeSet<_> = golden.keys().chain(ours.keys()).collect();
            for name in names
                .into_iter()
                .filter(|name| golden.get(*name) != ours.get(*name))
            {
                let say = |facts: &Facts| facts.get(name).map_or("nothing".to_owned(), Value::to_string);
                differences.push(format!(
                    "{id} {name}\n  golden {}\n  ours   {}",
                    say(golden),
                    say(ours)
                ));
            }
        }
        differences
    }
}

fn facts_of_golden(row: &Value) -> Facts {
    let mut facts = Facts::new();
    for (fact, field) in [
        ("type", "type"),
        ("name", "name"),
        ("parent", "parentObservationId"),
        ("root", "isRootObservation"),
        ("application root", "isAppRoot (storage)"),
        ("level", "level"),
        ("status", "statusMessage"),
        ("model", "model"),
        ("parameters", "modelParameters"),
        ("usage", "usageDetails"),
        ("cost", "costDetails"),
        ("trace name", "traceName"),
        ("user", "userId"),
        ("session", "sessionId"),
        ("tags", "tags"),
        ("environment", "environment"),
        ("release", "release"),
        ("version", "version"),
        ("public", "public"),
    ] {
        if let Some(value) = row.get(field) {
            facts.insert(fact, value.clone());
        }
    }
    for side in ["input", "output"] {
        if let Some(content) = row.get(side) {
            facts.insert(side, content_of(content.as_str().unwrap()));
        }
    }
    if let Some(name) = row.get("promptName") {
        facts.insert("prompt", json!([name, row["promptVersion"]]));
    }
    if let Some(first) = row.get("completionStartTimeMs").and_then(Value::as_u64) {
        facts.insert(
            "first token",
            in_order(row["startTimeMs"].as_u64(), first, row["endTimeMs"].as_u64()),
        );
    }
    // The sender's resource and scope, and LangChain's bookkeeping (the golden README).
    let foreign = ["resourceAttributes.", "scope.", "langgraph_", "ls_", "lc_"];
    let mut metadata = row["metadata"].as_object().unwrap().clone();
    metadata.retain(|key, _| !foreign.iter().any(|prefix| key.starts_with(prefix)));
    facts.insert("metadata", Value::Object(metadata));
    facts
}

fn facts_of_row(row: &Row, parent: Option<&str>) -> Facts {
    let mut facts = Facts::new();
    let mut put = |fact, value: Option<Value>| {
        if let Some(value) = value {
            facts.insert(fact, value);
        }
    };
    let object = |map: &Map<String, Value>| (!map.is_empty()).then(|| Value::Object(map.clone()));
    put("type", Some(json!(row.kind)));
    put("name", Some(json!(row.name)));
    put("parent", parent.map(|id| json!(id)));
    put("root", Some(json!(row.is_root)));
    put("application root", Some(json!(row.is_app_root)));
    put("level", Some(json!(row.level)));
    put("status", row.status_message.as_ref().map(|text| json!(text)));
    put("model", row.model.as_ref().map(|text| json!(text)));
    put("parameters", row.parameters.clone());
    put("usage", object(&row.usage));
    put("cost", object(&row.cost));
    put("trace name", row.trace_name.as_ref().map(|text| json!(text)));
    put("user", row.user.as_ref().map(|text| json!(text)));
    put("session", row.session.as_ref().map(|text| json!(text)));
    put("tags", Some(json!(row.tags)));
    put("environment", Some(json!(row.environment)));
    put("release", row.release.as_ref().map(|text| json!(text)));
    put("version", row.version.as_ref().map(|text| json!(text)));
    put("public", Some(json!(row.public)));
    put("prompt", row.prompt.as_ref().map(|link| json!(link)));
    put("metadata", Some(json!(row.metadata)));
    put("input", row.input.as_deref().map(content_of));
    put("output", row.output.as_deref().map(content_of));
    let first = row.first_token.as_deref().map(|text| {
        let time = humantime::parse_rfc3339(text).unwrap();
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
        in_order(
            Some(row.start),
            since.as_millis().try_into().unwrap(),
            Some(row.end),
        )
    });
    put("first token", first);
    facts
}

/// Of the first token's time only its place is a fact: our clock is the system's.
fn in_order(start: Option<u64>, first: u64, end: Option<u64>) -> Value {
    json!(start.unwrap() <= first && first <= end.unwrap())
}

/// JSON is compared as JSON; text as text.
fn content_of(text: &str) -> Value {
    match text.starts_with(['{', '[']) {
        true => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        false => json!(text),
    }
}

/// All rows by the ids that the golden files have: name and number, counted in the order of the tree.
fn in_tree_order(rows: &[Row]) -> Vec<(String, Facts)> {
    fn below(rows: &[&Row], parent: Option<(&str, &str)>, all: &mut Vec<(String, Facts)>) {
        let mut children: Vec<_> = rows
            .iter()
            .filter(|row| row.parent.as_deref() == parent.map(|(id, _)| id))
            .collect();
        // Siblings of these programs follow each other, so those of one millisecond came in their order.
        children.sort_by_key(|row| row.start);
        for row in children {
            let same = all.iter().filter(|(_, facts)| facts["name"] == json!(row.name));
            let id = format!("{}#{}", row.name, same.count() + 1);
            all.push((id.clone(), facts_of_row(row, parent.map(|(_, id)| id))));
            below(rows, Some((&row.id, &id)), all);
        }
    }
    let mut traces: Vec<&str> = Vec::new();
    for row in rows {
        if !traces.contains(&row.trace_id.as_str()) {
            traces.push(&row.trace_id);
        }
    }
    let mut all = Vec::new();
    for trace in traces {
        let rows: Vec<_> = rows.iter().filter(|row| row.trace_id == trace).collect();
        below(&rows, None, &mut all);
    }
    assert_eq!(
        all.len(),
        rows.len(),
        "a row hangs below one that is not there: {rows:#?}"
    );
    all
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
