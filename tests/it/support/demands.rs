//! What backends demand of an export, whatever a program says. Langfuse's numbers are sections of its contract.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;

use crate::support::receiver::Request;
use crate::support::rows::{TYPES, attributes};

/// The spans of these requests, each held against what any OTLP backend demands.
pub(crate) fn otlp(requests: &[Request]) -> Vec<Span> {
    let exports = requests
        .iter()
        .map(|request| request.export().expect("a body of OTLP"));
    let mut spans = Vec::new();
    for of_resource in exports.flat_map(|export| export.resource_spans) {
        named_once(&of_resource.resource.expect("a resource").attributes);
        for of_scope in of_resource.scope_spans {
            assert!(!of_scope.scope.expect("a scope").name.is_empty());
            of_scope.spans.iter().for_each(span);
            spans.extend(of_scope.spans);
        }
    }
    whole(&spans);
    spans
}

/// The same, held against what Langfuse demands besides.
pub(crate) fn langfuse(requests: &[Request]) -> Vec<Span> {
    let spans = otlp(requests);
    spans.iter().for_each(observation);
    spans
}

fn span(span: &Span) {
    let is_id = |id: &[u8], bytes: usize| id.len() == bytes && id.iter().any(|byte| *byte != 0);
    assert!(is_id(&span.trace_id, 16) && is_id(&span.span_id, 8), "{span:?}");
    assert!(
        span.parent_span_id.is_empty() || is_id(&span.parent_span_id, 8),
        "{span:?}"
    );
    assert!(!span.name.is_empty(), "{span:?}");
    assert!((0..=5).contains(&span.kind), "{span:?}");
    assert!(
        0 < span.start_time_unix_nano && span.start_time_unix_nano <= span.end_time_unix_nano,
        "{span:?}"
    );
    let status = span.status.clone().unwrap_or_default();
    assert!((0..=2).contains(&status.code), "{span:?}");
    assert!(status.code == 2 || status.message.is_empty(), "{span:?}");
    named_once(&span.attributes);
    for event in &span.events {
        assert!(event.time_unix_nano > 0 && !event.name.is_empty(), "{event:?}");
        named_once(&event.attributes);
    }
    for link in &span.links {
        assert!(is_id(&link.trace_id, 16) && is_id(&link.span_id, 8), "{link:?}");
        named_once(&link.attributes);
    }
}

/// Each attribute has a name, which no other has, and a value.
fn named_once(attributes: &[KeyValue]) {
    let mut names = HashSet::new();
    for KeyValue { key, value, .. } in attributes {
        assert!(!key.is_empty() && names.insert(key), "{key:?}: {value:?}");
        filled(key, value.as_ref());
    }
}

fn filled(key: &str, value: Option<&AnyValue>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::ArrayValue(list)) => list.values.iter().for_each(|value| filled(key, Some(value))),
        Some(Any::KvlistValue(map)) => named_once(&map.values),
        Some(_) => {}
        None => panic!("{key} has no value"),
    }
}

/// Every id is there once, every parent is there too and of the same trace, and no way up has no end.
fn whole(spans: &[Span]) {
    let id = |span: &Span| (span.trace_id.clone(), span.span_id.clone());
    let ids: HashSet<_> = spans.iter().map(id).collect();
    assert_eq!(ids.len(), spans.len(), "an id is there twice");
    for span in spans.iter().filter(|span| !span.parent_span_id.is_empty()) {
        let parent = (span.trace_id.clone(), span.parent_span_id.clone());
        assert!(ids.contains(&parent), "{} has no parent", span.name);
    }
    for span in spans {
        let (mut above, mut steps) = (span, 0);
        while let Some(parent) = spans
            .iter()
            .find(|one| one.trace_id == above.trace_id && one.span_id == above.parent_span_id)
        {
            (above, steps) = (parent, steps + 1);
            assert!(steps <= spans.len(), "{} is its own ancestor", span.name);
        }
    }
}

fn observation(span: &Span) {
    // No empty list, no map and no bytes: 2.2.
    let attributes = attributes(&span.attributes);
    let get = |name: &str| attributes.get(&format!("langfuse.observation.{name}"));
    let text = |name: &str| {
        get(name).map(|value| {
            let text = value.as_str();
            text.unwrap_or_else(|| panic!("{name}: {value}"))
        })
    };
    let object = |name: &str| {
        let object = text(name).map(serde_json::from_str::<Value>);
        object.map(|object| match object {
            Ok(Value::Object(object)) => object,
            other => panic!("{name}: {other:?}"),
        })
    };
    // What is no number comes through the server's store as null: 2.2.
    for attribute in &span.attributes {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        let is_number = |value: &Any| !matches!(value, Any::DoubleValue(number) if !number.is_finite());
        assert!(value.is_some_and(is_number), "{attribute:?}");
        let key = ["langfuse.observation.metadata.", "langfuse.trace.metadata."];
        assert!(!key.contains(&attribute.key.as_str()), "{attribute:?}");
    }
    // 2.8: in small letters.
    assert!(TYPES.contains(&text("type").unwrap()), "{attributes:?}");
    // 2.10: a server of v3 drops an observation with any other word.
    let levels = ["DEBUG", "DEFAULT", "WARNING", "ERROR"];
    assert!(
        text("level").is_none_or(|word| levels.contains(&word)),
        "{attributes:?}"
    );
    text("status_message");
    // 2.12: one of them, or the server looks elsewhere.
    assert!(text("input").or(text("output")).is_some(), "{attributes:?}");
    assert!(text("model.name").is_none_or(|name| !name.is_empty()));
    // 2.13.
    object("model.parameters");
    if let Some(time) = text("completion_start_time") {
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
    }
    // 2.14: fractions and negatives are dropped without a word; what is no number costs 0.
    for (bucket, tokens) in object("usage_details").unwrap_or_default() {
        assert!(!bucket.is_empty() && tokens.is_u64(), "{bucket}: {tokens}");
    }
    let cost = object("cost_details").unwrap_or_default();
    for (bucket, dollars) in &cost {
        assert!(
            dollars.as_f64().is_some_and(|it| it.is_finite() && it >= 0.0),
            "{bucket}: {dollars}"
        );
    }
    assert!(cost.is_empty() || cost.contains_key("total"), "{cost:?}");
    // 2.16: both, and the version an integer above 0, or the observation is dropped.
    let version = get("prompt.version").map(Value::as_u64);
    assert_eq!(text("prompt.name").is_some(), version.is_some(), "{attributes:?}");
    assert!(
        version.is_none_or(|it| it.is_some_and(|it| 0 < it && it < 65_536)),
        "{attributes:?}"
    );
    // 2.6.
    for key in [
        "user.id",
        "session.id",
        "langfuse.trace.name",
        "langfuse.environment",
        "langfuse.release",
    ] {
        assert!(
            attributes.get(key).is_none_or(Value::is_string),
            "{key}: {attributes:?}"
        );
    }
    let tags = attributes
        .get("langfuse.trace.tags")
        .map(|tags| tags.as_array().unwrap());
    assert!(
        tags.is_none_or(|tags| tags.iter().all(Value::is_string)),
        "{attributes:?}"
    );
    assert!(
        attributes
            .get("langfuse.trace.public")
            .is_none_or(Value::is_boolean)
    );
}
