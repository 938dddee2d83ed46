//! What a Langfuse v4 server would store for decoded OTLP spans: its direct path, for spans that say everything
//! explicitly. Each rule names what it is taken from, the server's `OtelIngestionProcessor` (v4.16).

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
    pub(crate) metadata: BTreeMap<String, Value>,
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
            let spans = spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(|span| row(&resource, &span)).collect::<Vec<_>>()
        })
        .collect()
}

fn row(resource: &BTreeMap<String, Value>, span: &Span) -> Row {
    let attributes = attributes(&span.attributes);
    let get = |key: &str| attributes.get(key);
    let text = |key: &str| get(key).and_then(as_text).filter(|text| !text.is_empty());
    let object = |key: &str| -> Option<Map<String, Value>> { serde_json::from_str(get(key)?.as_str()?).ok() };
    let kind = text("langfuse.observation.type")
        .expect("every row says its type")
        .to_uppercase();
    let app_root = get("langfuse.internal.is_app_root") == Some(&json!(true));
    let parent = (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id));
    let mut usage = object("langfuse.observation.usage_details").unwrap_or_default();
    // Fractions, negatives and nested values are dropped without a word.
    usage.retain(|_, tokens| tokens.is_u64());
    let mut metadata = BTreeMap::new();
    for (key, value) in &attributes {
        let observation = key.strip_prefix("langfuse.observation.metadata.");
        if let Some(key) = observation.or_else(|| key.strip_prefix("langfuse.trace.metadata.")) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    let environment = get("langfuse.environment").or_else(|| resource.get("langfuse.environment"));
    let status = span.status.as_ref().filter(|status| status.code == 2);
    Row {
        trace_id: hex(&span.trace_id),
        id: hex(&span.span_id),
        is_root: parent.is_none() || app_root,
        is_app_root: app_root,
        parent,
        name: span.name.clone(),
        start: span.start_time_unix_nano / 1_000_000,
        end: span.end_time_unix_nano / 1_000_000,
        level: text("langfuse.observation.level")
            .unwrap_or_else(|| if status.is_some() { "ERROR" } else { "DEFAULT" }.to_owned()),
        status_message: text("langfuse.observation.status_message")
            .or_else(|| status.map(|status| status.message.clone())),
        input: text("langfuse.observation.input"),
        output: text("langfuse.observation.output"),
        model: text("langfuse.observation.model.name"),
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
        cost: object("langfuse.observation.cost_details").unwrap_or_default(),
        // Only generations are linked.
        prompt: text("langfuse.observation.prompt.name")
            .zip(get("langfuse.observation.prompt.version").and_then(Value::as_i64))
            .filter(|_| kind == "GENERATION"),
        kind,
        first_token: text("langfuse.observation.completion_start_time"),
        user: text("langfuse.user.id").or_else(|| text("user.id")),
        session: text("langfuse.session.id").or_else(|| text("session.id")),
        trace_name: text("langfuse.trace.name"),
        tags: get("langfuse.trace.tags")
            .and_then(Value::as_array)
            .map_or_else(Vec::new, |tags| {
                tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }),
        environment: environment
            .and_then(Value::as_str)
            .unwrap_or("default")
            .to_owned(),
        release: text("langfuse.release").or_else(|| resource.get("langfuse.release").and_then(as_text)),
        version: text("langfuse.version").or_else(|| resource.get("service.version").and_then(as_text)),
        public: get("langfuse.trace.public") == Some(&json!(true)),
        metadata,
    }
}

impl Row {
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
        any_value::Value::KvlistValue(_) | any_value::Value::BytesValue(_) => {
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
