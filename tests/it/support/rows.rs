//! What a Langfuse v4 server would store for decoded OTLP spans: its direct path, for spans that say everything
//! explicitly. The rules are those of its `OtelIngestionProcessor` (v4.16); a number names the section of the server's
//! contract that describes one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Map, Value, json};

use crate::support::receiver::Request;

/// One stored row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) trace_id: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) is_root: bool,
    pub(crate) is_app_root: bool,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) level: String,
    pub(crate) status_message: Option<String>,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) parameters: Option<Value>,
    pub(crate) usage: Map<String, Value>,
    pub(crate) cost: Map<String, Value>,
    pub(crate) prompt: Option<(String, i64)>,
    pub(crate) first_token: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) trace_name: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) environment: String,
    pub(crate) release: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) public: bool,
    /// What the row itself carries; the sender's resource and scope stand beside it in the two below.
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) resource: BTreeMap<String, Value>,
    pub(crate) scope: String,
}

/// The rows of all requests that were accepted, in the order in which they came.
pub(crate) fn of_requests(requests: &[Request]) -> Vec<Row> {
    let accepted = requests.iter().filter(|request| request.status == Some(200));
    let exports = accepted
        .filter_map(Request::export)
        .flat_map(|export| export.resource_spans);
    exports
        .flat_map(|spans| {
            let resource = attributes(&spans.resource.unwrap_or_default().attributes);
            let scopes = spans.scope_spans.into_iter();
            scopes
                .flat_map(|of_scope| {
                    let scope = of_scope.scope.unwrap_or_default().name;
                    let spans = of_scope.spans.iter();
                    spans.map(|span| row(&resource, &scope, span)).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn row(resource: &BTreeMap<String, Value>, scope: &str, span: &Span) -> Row {
    let attributes = attributes(&span.attributes);
    let get = |key: &str| attributes.get(key);
    let text = |key: &str| get(key).and_then(as_text).filter(|text| !text.is_empty());
    let object = |key: &str| -> Option<Map<String, Value>> { serde_json::from_str(get(key)?.as_str()?).ok() };
    // 2.8: another word falls through to guesses, also one of these in capital letters.
    let kind = text("langfuse.observation.type").expect("every row says its type");
    assert!(TYPES.contains(&kind.as_str()), "{kind}");
    let kind = kind.to_uppercase();
    // 2.12: without either of the two the server looks for content under twenty other names.
    let content = ["langfuse.observation.input", "langfuse.observation.output"];
    assert!(content.iter().any(|key| get(key).is_some()), "{}", span.name);
    let is_app_root = is_true(get("langfuse.internal.is_app_root"));
    let parent = (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id));
    let is_root = parent.is_none() || is_app_root;
    // 2.9: these names replace the span's.
    let name = [
        "gen_ai.tool.name",
        "genkit:name",
        "logfire.msg",
        "ai.toolCall.name",
        "ai.operationId",
    ];
    let name = name
        .into_iter()
        .find_map(text)
        .unwrap_or_else(|| span.name.clone());
    // 2.14, the guard: an agent's own span under these names has no model, usage or cost.
    let operation = text("gen_ai.operation.name");
    let is_agent = matches!(operation.as_deref(), Some("invoke_agent" | "agent_step"));
    let mut usage = object("langfuse.observation.usage_details").unwrap_or_default();
    // 2.14: fractions, negatives and nested values are dropped without a word; a total that is not said is the sum.
    usage.retain(|_, tokens| tokens.is_u64() && !is_agent);
    if !usage.is_empty() && !usage.contains_key("total") {
        let total: u64 = usage.values().filter_map(Value::as_u64).sum();
        usage.insert("total".to_owned(), json!(total));
    }
    let mut cost = object("langfuse.observation.cost_details").unwrap_or_default();
    // 2.14: 12 decimals are kept; what is no number is stored as 0.
    for dollars in cost.values_mut() {
        *dollars = json!((dollars.as_f64().unwrap_or(0.0) * 1e12).round() / 1e12);
    }
    cost.retain(|_, _| !is_agent);
    let mut metadata = BTreeMap::new();
    for (key, value) in &attributes {
        let observation = key.strip_prefix("langfuse.observation.metadata.");
        if let Some(key) = observation.or_else(|| key.strip_prefix("langfuse.trace.metadata.")) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    // 2.7: for each key the span, then the resource.
    let keys = [
        "langfuse.environment",
        "deployment.environment.name",
        "deployment.environment",
    ];
    let environment = keys
        .into_iter()
        .find_map(|key| get(key).or_else(|| resource.get(key)));
    let status = span.status.as_ref().filter(|status| status.code == 2);
    Row {
        trace_id: hex(&span.trace_id),
        id: hex(&span.span_id),
        is_root,
        is_app_root,
        parent,
        start: span.start_time_unix_nano / 1_000_000,
        end: span.end_time_unix_nano / 1_000_000,
        level: text("langfuse.observation.level")
            .and_then(|word| level(&word))
            .map(str::to_owned)
            .unwrap_or_else(|| if status.is_some() { "ERROR" } else { "DEFAULT" }.to_owned()),
        status_message: text("langfuse.observation.status_message")
            .or_else(|| status.map(|status| status.message.clone())),
        input: text("langfuse.observation.input"),
        output: text("langfuse.observation.output"),
        model: text("langfuse.observation.model.name").filter(|_| !is_agent),
        // Booleans, lists and objects become text.
        parameters: object("langfuse.observation.model.parameters").map(|object| {
            let flat = |value: Value| {
                if value.is_number() || value.is_string() {
                    value
                } else {
                    json!(value.to_string())
                }
            };
            object
                .into_iter()
                .map(|(key, value)| (key, flat(value)))
                .collect()
        }),
        usage,
        cost,
        // Only generations are linked.
        prompt: text("langfuse.observation.prompt.name")
            .zip(get("langfuse.observation.prompt.version").and_then(Value::as_i64))
            .filter(|_| kind == "GENERATION"),
        kind,
        first_token: text("langfuse.observation.completion_start_time"),
        user: text("langfuse.user.id").or_else(|| text("user.id")),
        session: text("langfuse.session.id").or_else(|| text("session.id")),
        // A root without one reads its own name (seen on a running server).
        trace_name: text("langfuse.trace.name").or_else(|| is_root.then(|| name.clone())),
        name,
        tags: get("langfuse.trace.tags")
            .and_then(Value::as_array)
            .map_or_else(Vec::new, |tags| {
                tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }),
        environment: environment.map_or("default".to_owned(), normal_environment),
        release: text("langfuse.release").or_else(|| resource.get("langfuse.release").and_then(as_text)),
        version: text("langfuse.version").or_else(|| resource.get("service.version").and_then(as_text)),
        public: is_true(get("langfuse.trace.public")),
        metadata,
        resource: resource.clone(),
        scope: scope.to_owned(),
    }
}

/// 2.8.
pub(crate) const TYPES: [&str; 10] = [
    "span",
    "generation",
    "event",
    "embedding",
    "agent",
    "tool",
    "chain",
    "retriever",
    "guardrail",
    "evaluator",
];

/// 2.10: trimmed, in any case, synonyms too; an unknown word is ignored.
fn level(word: &str) -> Option<&'static str> {
    match word.trim().to_uppercase().as_str() {
        "DEBUG" | "TRACE" | "VERBOSE" => Some("DEBUG"),
        "DEFAULT" | "INFO" | "LOG" | "NOTICE" | "OK" | "SUCCESS" => Some("DEFAULT"),
        "WARNING" | "WARN" => Some("WARNING"),
        "ERROR" | "FATAL" | "CRITICAL" => Some("ERROR"),
        _ => None,
    }
}

/// 2.7: lower case, without a leading `langfuse`, 40 characters; else `default`.
fn normal_environment(value: &Value) -> String {
    let mut name = value.as_str().unwrap_or_default().to_lowercase();
    while let Some(rest) = name.strip_prefix("langfuse") {
        name = rest.strip_prefix(['-', '_']).unwrap_or(rest).to_owned();
    }
    let name: String = name.chars().take(40).collect();
    let allowed = |letter| matches!(letter, 'a'..='z' | '0'..='9' | '-' | '_');
    match !name.is_empty() && name.chars().all(allowed) {
        true => name,
        false => "default".to_owned(),
    }
}

/// 2.6: only `true`, also as text.
fn is_true(value: Option<&Value>) -> bool {
    value == Some(&json!(true)) || value == Some(&json!("true"))
}

impl Row {
    /// 2.14: what is said, else input and output where there is nothing besides, else 0.
    pub(crate) fn total_cost(&self) -> f64 {
        let dollars = |part| self.cost.get(part).and_then(Value::as_f64);
        let others = self.cost.keys().any(|part| part != "input" && part != "output");
        match (dollars("total"), others) {
            (Some(total), _) => total,
            (None, true) => 0.0,
            (None, false) => dollars("input").unwrap_or(0.0) + dollars("output").unwrap_or(0.0),
        }
    }

    /// The facts in the form of the golden files: one line that names it, then input, output and metadata keys.
    pub(crate) fn describe(&self, depth: usize) -> String {
        let indent = "  ".repeat(depth);
        let mut line = format!("{indent}{} '{}'", self.kind, self.name);
        let mut fact = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(line, "  {name}={value}");
            }
        };
        if depth == 0 {
            fact("trace", self.trace_name.clone());
            fact("user", self.user.clone());
            fact("session", self.session.clone());
            fact(
                "tags",
                (!self.tags.is_empty()).then(|| json!(self.tags).to_string()),
            );
            fact(
                "env",
                (self.environment != "default").then(|| self.environment.clone()),
            );
        }
        fact("model", self.model.clone());
        fact("params", self.parameters.as_ref().map(Value::to_string));
        fact(
            "usage",
            (!self.usage.is_empty()).then(|| json!(self.usage).to_string()),
        );
        fact(
            "cost",
            (!self.cost.is_empty()).then(|| json!(self.cost).to_string()),
        );
        fact("level", (self.level != "DEFAULT").then(|| self.level.clone()));
        fact("status", self.status_message.clone());
        fact(
            "prompt",
            self.prompt
                .as_ref()
                .map(|(name, version)| format!("{name}@{version}")),
        );
        if self.is_root && self.parent.is_none() {
            line.push_str("  root, no parent");
        }
        line.push('\n');
        for (label, content) in [("in:  ", &self.input), ("out: ", &self.output)] {
            if let Some(content) = content {
                let _ = writeln!(line, "{indent}    {label}{content}");
            }
        }
        if !self.metadata.is_empty() {
            let keys: Vec<_> = self.metadata.keys().map(String::as_str).collect();
            let _ = writeln!(line, "{indent}    meta: {}", keys.join(", "));
        }
        line
    }
}

/// All rows of one trace as an indented text, children by their start.
pub(crate) fn tree(rows: &[Row]) -> String {
    fn below(rows: &[Row], parent: Option<&str>, depth: usize, text: &mut String) {
        let mut children: Vec<_> = rows
            .iter()
            .filter(|row| row.parent.as_deref() == parent)
            .collect();
        children.sort_by_key(|row| row.start);
        for row in children {
            text.push_str(&row.describe(depth));
            below(rows, Some(&row.id), depth + 1, text);
        }
    }
    let mut text = String::new();
    below(rows, None, 0, &mut text);
    text
}

/// Attributes as the processor sees them; the last of a key wins.
pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let read = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        // An attribute without a value makes the server lose the whole request after its 200.
        let value = value.unwrap_or_else(|| panic!("{} has no value", attribute.key));
        (attribute.key.clone(), plain(value))
    };
    attributes.iter().map(read).collect()
}

fn plain(value: &any_value::Value) -> Value {
    match value {
        any_value::Value::StringValue(text) => json!(text),
        any_value::Value::BoolValue(value) => json!(value),
        any_value::Value::IntValue(number) => json!(number),
        any_value::Value::DoubleValue(number) => json!(number),
        any_value::Value::ArrayValue(list) => {
            // An empty list is stored as the text of a protobuf message.
            assert!(!list.values.is_empty(), "an empty list");
            let read = |value: &AnyValue| value.value.as_ref().map_or(Value::Null, plain);
            list.values.iter().map(read).collect()
        }
        any_value::Value::KvlistValue(_)
        | any_value::Value::BytesValue(_)
        | any_value::Value::StringValueStrindex(_) => {
            panic!("stored as raw OTLP JSON: {value:?}")
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
