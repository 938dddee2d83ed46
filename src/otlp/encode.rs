//! Observations and a dialect become one export request.
//!
//! Everything is written once, from borrowed values to the body.
//!
//! Source: open-telemetry/opentelemetry-proto v1, `trace.proto`.

use super::attributes::Attributes;
use super::protobuf::{self, Number};
use crate::clock::UnixNanos;
use crate::dialect::{self, Dialect, Status};
use crate::export::Batch;
use crate::model::{Lane, Link, Observation, SpanKind};

/// Appends the export request of a batch.
pub(crate) fn encode(batch: &Batch, dialect: &impl Dialect, out: &mut Vec<u8>) {
    protobuf::nested(out, field::RESOURCE_SPANS, |out| {
        protobuf::nested(out, field::RESOURCE, |out| {
            dialect.resource(&mut Attributes::new(out, field::RESOURCE_ATTRIBUTES));
        });
        protobuf::nested(out, field::SCOPE_SPANS, |out| {
            let (name, version) = dialect.scope();
            protobuf::nested(out, field::SCOPE, |out| {
                protobuf::bytes(out, field::SCOPE_NAME, name.as_bytes());
                protobuf::bytes(out, field::SCOPE_VERSION, version.as_bytes());
            });
            for observation in batch.observations() {
                protobuf::nested(out, field::SPANS, |out| {
                    common(observation, batch.lane(), out);
                    let mut span = Span {
                        attributes: Attributes::limited(out, field::SPAN_ATTRIBUTES, dialect.limits()),
                    };
                    dialect.span(observation, batch.lane(), &mut span);
                });
            }
        });
    });
}

/// A span that is being written.
struct Span<'a> {
    attributes: Attributes<'a>,
}

impl dialect::Span for Span<'_> {
    type Event<'a> = Attributes<'a>;

    fn attributes(&mut self) -> &mut impl dialect::Attributes {
        &mut self.attributes
    }

    fn event(&mut self, time: UnixNanos, name: &str, fill: impl FnOnce(&mut Attributes<'_>)) {
        let limits = self.attributes.limits();
        protobuf::nested(self.attributes.out, field::EVENTS, |out| {
            protobuf::fixed64(out, field::EVENT_TIME, time);
            protobuf::bytes(out, field::EVENT_NAME, name.as_bytes());
            fill(&mut Attributes::limited(out, field::EVENT_ATTRIBUTES, limits));
        });
    }

    fn link(&mut self, link: &Link) {
        let (trace, span) = (link.trace_id.to_bytes(), link.id.to_bytes());
        protobuf::nested(self.attributes.out, field::LINKS, |out| {
            protobuf::bytes(out, field::LINK_TRACE_ID, &trace);
            protobuf::bytes(out, field::LINK_SPAN_ID, &span);
        });
    }

    fn dropped(&mut self, observation: &Observation) {
        let attributes = observation
            .dropped_fields()
            .saturating_add(self.attributes.dropped());
        for (field, count) in [
            (field::DROPPED_ATTRIBUTES, attributes),
            (field::DROPPED_EVENTS, observation.dropped_events()),
            (field::DROPPED_LINKS, observation.dropped_links()),
        ] {
            if count > 0 {
                protobuf::number(self.attributes.out, field, count.into());
            }
        }
    }
}

/// Writes what is the same in every dialect.
fn common(observation: &Observation, lane: Lane, out: &mut Vec<u8>) {
    protobuf::bytes(out, field::TRACE_ID, &observation.trace_id().to_bytes());
    protobuf::bytes(out, field::SPAN_ID, &observation.id().to_bytes());
    if let Some(parent) = observation.parent_in(lane) {
        protobuf::bytes(out, field::PARENT_SPAN_ID, &parent.to_bytes());
    }
    protobuf::bytes(out, field::NAME, observation.name().as_bytes());
    let kind = match observation.span_kind() {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    protobuf::number(out, field::KIND, kind);
    let (start, end) = (observation.start_nanos(), observation.end_nanos());
    protobuf::fixed64(out, field::START, start);
    protobuf::fixed64(out, field::END, end.max(start));
    protobuf::fixed32(out, field::FLAGS, SAMPLED);
    status(observation, out);
}

/// The W3C trace flags of everything that is sent.
const SAMPLED: u32 = 1;

fn status(observation: &Observation, out: &mut Vec<u8>) {
    let (code, message) = match Status::of(observation) {
        Status::Error(message) => (2, message),
        Status::Ok => (1, ""),
        Status::Unset => return,
    };
    protobuf::nested(out, field::STATUS, |out| {
        if !message.is_empty() {
            protobuf::bytes(out, field::STATUS_MESSAGE, message.as_bytes());
        }
        protobuf::number(out, field::STATUS_CODE, code);
    });
}

/// Field numbers, message by message.
mod field {
    use super::Number;

    pub(super) const RESOURCE_SPANS: Number = 1;

    pub(super) const RESOURCE: Number = 1;
    pub(super) const SCOPE_SPANS: Number = 2;

    pub(super) const RESOURCE_ATTRIBUTES: Number = 1;

    pub(super) const SCOPE: Number = 1;
    pub(super) const SPANS: Number = 2;

    pub(super) const SCOPE_NAME: Number = 1;
    pub(super) const SCOPE_VERSION: Number = 2;

    pub(super) const TRACE_ID: Number = 1;
    pub(super) const SPAN_ID: Number = 2;
    pub(super) const PARENT_SPAN_ID: Number = 4;
    pub(super) const NAME: Number = 5;
    pub(super) const KIND: Number = 6;
    pub(super) const START: Number = 7;
    pub(super) const END: Number = 8;
    pub(super) const SPAN_ATTRIBUTES: Number = 9;
    pub(super) const DROPPED_ATTRIBUTES: Number = 10;
    pub(super) const EVENTS: Number = 11;
    pub(super) const DROPPED_EVENTS: Number = 12;
    pub(super) const LINKS: Number = 13;
    pub(super) const DROPPED_LINKS: Number = 14;
    pub(super) const STATUS: Number = 15;
    pub(super) const FLAGS: Number = 16;

    pub(super) const EVENT_TIME: Number = 1;
    pub(super) const EVENT_NAME: Number = 2;
    pub(super) const EVENT_ATTRIBUTES: Number = 3;

    pub(super) const LINK_TRACE_ID: Number = 1;
    pub(super) const LINK_SPAN_ID: Number = 2;

    pub(super) const STATUS_MESSAGE: Number = 2;
    pub(super) const STATUS_CODE: Number = 3;
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
    };
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1 as proto;
    use proptest::prelude::*;

    use super::*;
    use crate::id::{SpanId, TraceId};
    use crate::model::{Level, ValueRef};
    use crate::otlp::fixture::{Draft, request};

    /// A dialect that says what it is told.
    struct Scripted {
        resource: Vec<(String, Any)>,
        spans: HashMap<SpanId, Script>,
    }

    impl Dialect for Scripted {
        fn scope(&self) -> (&'static str, &'static str) {
            ("scope", "1")
        }

        fn resource(&self, attributes: &mut impl dialect::Attributes) {
            put(&self.resource, attributes);
        }

        fn span(&self, observation: &Observation, _lane: Lane, span: &mut impl dialect::Span) {
            let script = &self.spans[&observation.id()];
            put(&script.attributes, span.attributes());
            for (time, name, attributes) in &script.events {
                span.event(*time, name, |list| put(attributes, list));
            }
            // Also between the events an attribute is one of the same list.
            put(&script.late, span.attributes());
            span.dropped(observation);
            observation.links().iter().for_each(|link| span.link(link));
        }
    }

    fn put(script: &[(String, Any)], attributes: &mut impl dialect::Attributes) {
        for (key, value) in script {
            let half = (0..=key.len() / 2)
                .rev()
                .find(|at| key.is_char_boundary(*at))
                .unwrap();
            let key = key.split_at(half);
            match value {
                Any::Bool(value) => attributes.put(key, ValueRef::Bool(*value)),
                Any::I64(value) => attributes.put(key, ValueRef::I64(*value)),
                Any::U64(value) => attributes.put(key, ValueRef::U64(*value)),
                Any::I128(value) => attributes.put(key, ValueRef::I128(*value)),
                Any::U128(value) => attributes.put(key, ValueRef::U128(*value)),
                Any::F64(value) => attributes.put(key, ValueRef::F64(*value)),
                Any::Text(text) => attributes.put(key, ValueRef::Text(text)),
                Any::Debug(text) => attributes.put(key, ValueRef::Debug(text)),
                Any::Bytes(bytes) => attributes.put(key, ValueRef::Bytes(bytes)),
                Any::InPlace(text) => {
                    attributes.text_with(key, |out| out.extend_from_slice(text.as_bytes()));
                }
                Any::Texts(texts) => attributes.texts(key, texts.iter().map(String::as_str)),
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Any {
        Bool(bool),
        I64(i64),
        U64(u64),
        I128(i128),
        U128(u128),
        F64(f64),
        Text(String),
        Debug(String),
        Bytes(Vec<u8>),
        InPlace(String),
        Texts(Vec<String>),
    }

    /// Time, name and attributes of an event.
    type Event = (u64, String, Vec<(String, Any)>);

    #[derive(Clone, Debug)]
    struct Script {
        attributes: Vec<(String, Any)>,
        late: Vec<(String, Any)>,
        events: Vec<Event>,
        links: Vec<(u128, u64)>,
        /// Attributes, events and links.
        dropped: [u32; 3],
        parent: Option<u64>,
        kind: i32,
        times: (u64, u64),
        level: Level,
        message: Option<String>,
        ok: bool,
    }

    fn value() -> impl Strategy<Value = Any> {
        // NaN equals nothing; its bits are looked at in a test of their own.
        let float = prop::num::f64::ANY.prop_filter("comparable", |float| !float.is_nan());
        prop_oneof![
            any::<bool>().prop_map(Any::Bool),
            any::<i64>().prop_map(Any::I64),
            any::<u64>().prop_map(Any::U64),
            any::<i128>().prop_map(Any::I128),
            any::<u128>().prop_map(Any::U128),
            (0..300_u64).prop_map(Any::U64),
            // Lengths of two and three bytes.
            (0..40_000_usize).prop_map(|len| Any::Text("x".repeat(len))),
            float.prop_map(Any::F64),
            ".{0,40}".prop_map(Any::Text),
            ".{0,20}".prop_map(Any::Debug),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Any::Bytes),
            ".{0,40}".prop_map(Any::InPlace),
            prop::collection::vec(".{0,20}", 0..4).prop_map(Any::Texts),
        ]
    }

    /// Short keys of few letters collide often, and have equal ends.
    fn attributes() -> impl Strategy<Value = Vec<(String, Any)>> {
        prop::collection::vec(("[ab.é]{0,4}|[a-z.]{0,80}", value()), 0..12)
    }

    fn script() -> impl Strategy<Value = Script> {
        let level = prop_oneof![Just(Level::Default), Just(Level::Error), Just(Level::Warning)];
        let events = prop::collection::vec((any::<u64>(), ".{0,40}", attributes()), 0..4);
        let links = prop::collection::vec((1..u128::MAX, 1..u64::MAX), 0..3);
        (
            (attributes(), attributes(), events, links, any::<[u32; 3]>()),
            (prop::option::of(1..u64::MAX), 1..6_i32, any::<(u64, u64)>()),
            (level, prop::option::of(".{0,40}"), any::<bool>()),
        )
            .prop_map(
                |((attributes, late, events, links, dropped), (parent, kind, times), status)| Script {
                    attributes,
                    late,
                    events,
                    links,
                    dropped,
                    parent,
                    kind,
                    times,
                    level: status.0,
                    message: status.1,
                    ok: status.2,
                },
            )
    }

    fn observation(number: u64, script: &Script) -> Observation {
        let mut draft = Draft::new("name");
        if let Some(parent) = script.parent {
            draft = draft.below(span_id(parent));
        }
        draft = draft.set(|draft| {
            draft.recorded.id = span_id(number);
            (draft.recorded.start, draft.recorded.end) = script.times;
            draft.reading.level = script.level;
            draft.reading.status_message.clone_from(&script.message);
            draft.reading.status_ok = script.ok;
            draft.reading.span_kind = match script.kind {
                1 => SpanKind::Internal,
                2 => SpanKind::Server,
                3 => SpanKind::Client,
                4 => SpanKind::Producer,
                _ => SpanKind::Consumer,
            };
            let recorded = &mut draft.recorded;
            [
                recorded.dropped_fields,
                recorded.dropped_events,
                recorded.dropped_links,
            ] = script.dropped;
            draft.recorded.links = script
                .links
                .iter()
                .map(|(trace, span)| Link {
                    trace_id: TraceId::from_bytes(trace.to_be_bytes()).unwrap(),
                    id: span_id(*span),
                })
                .collect();
        });
        draft.build()
    }

    fn span_id(number: u64) -> SpanId {
        SpanId::from_bytes(number.to_be_bytes()).unwrap()
    }

    fn expected_attributes<'a>(script: impl IntoIterator<Item = &'a (String, Any)>) -> Vec<KeyValue> {
        let mut seen = BTreeSet::new();
        let mut expected = Vec::new();
        for (key, value) in script {
            let value = match value.clone() {
                Any::Bool(value) => any_value::Value::BoolValue(value),
                Any::I64(value) => any_value::Value::IntValue(value),
                Any::U64(value) if value <= i64::MAX as u64 => any_value::Value::IntValue(value as i64),
                Any::U64(value) => any_value::Value::StringValue(value.to_string()),
                Any::I128(value) if value >= i64::MIN.into() && value <= i64::MAX.into() => {
                    any_value::Value::IntValue(value as i64)
                }
                Any::I128(value) => any_value::Value::StringValue(value.to_string()),
                Any::U128(value) if value <= i64::MAX as u128 => any_value::Value::IntValue(value as i64),
                Any::U128(value) => any_value::Value::StringValue(value.to_string()),
                Any::F64(value) => any_value::Value::DoubleValue(value),
                Any::Text(text) | Any::Debug(text) | Any::InPlace(text) => {
                    any_value::Value::StringValue(text)
                }
                Any::Bytes(bytes) => any_value::Value::BytesValue(bytes),
                Any::Texts(texts) if texts.is_empty() => continue,
                Any::Texts(texts) => {
                    let text = |text| AnyValue {
                        value: Some(any_value::Value::StringValue(text)),
                    };
                    any_value::Value::ArrayValue(ArrayValue {
                        values: texts.into_iter().map(text).collect(),
                    })
                }
            };
            if !key.is_empty() && seen.insert(key.clone()) {
                expected.push(KeyValue {
                    key_strindex: 0,
                    key: key.clone(),
                    value: Some(AnyValue { value: Some(value) }),
                });
            }
        }
        expected
    }

    fn expected_span(number: u64, script: &Script) -> proto::Span {
        let status = match script.level {
            Level::Error => Some(proto::Status {
                message: script.message.clone().unwrap_or_default(),
                code: proto::status::StatusCode::Error.into(),
            }),
            _ if script.ok => Some(proto::Status {
                message: String::new(),
                code: proto::status::StatusCode::Ok.into(),
            }),
            _ => None,
        };
        let event = |(time, name, attributes): &Event| proto::span::Event {
            time_unix_nano: *time,
            name: name.clone(),
            attributes: expected_attributes(attributes),
            dropped_attributes_count: 0,
        };
        let link = |(trace, span): &(u128, u64)| proto::span::Link {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: span.to_be_bytes().to_vec(),
            ..Default::default()
        };
        proto::Span {
            trace_id: TraceId::from_seed("name").to_bytes().to_vec(),
            span_id: number.to_be_bytes().to_vec(),
            trace_state: String::new(),
            parent_span_id: script
                .parent
                .map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
            flags: 1,
            name: "name".to_owned(),
            kind: script.kind,
            start_time_unix_nano: script.times.0,
            end_time_unix_nano: script.times.1.max(script.times.0),
            attributes: expected_attributes(script.attributes.iter().chain(&script.late)),
            dropped_attributes_count: script.dropped[0],
            events: script.events.iter().map(event).collect(),
            dropped_events_count: script.dropped[1],
            links: script.links.iter().map(link).collect(),
            dropped_links_count: script.dropped[2],
            status,
        }
    }

    proptest! {
        #[test]
        fn what_we_encode_is_what_opentelemetry_decodes(
            resource in attributes(),
            scripts in prop::collection::vec(script(), 0..4),
        ) {
            let numbered = || (1_u64..).zip(&scripts);
            let observations = numbered().map(|(number, script)| observation(number, script)).collect();
            let dialect = Scripted {
                resource: resource.clone(),
                spans: numbered().map(|(number, script)| (span_id(number), script.clone())).collect(),
            };
            let expected = ExportTraceServiceRequest {
                resource_spans: vec![proto::ResourceSpans {
                    resource: Some(Resource {
                        attributes: expected_attributes(&resource),
                        ..Default::default()
                    }),
                    scope_spans: vec![proto::ScopeSpans {
                        scope: Some(InstrumentationScope {
                            name: "scope".to_owned(),
                            version: "1".to_owned(),
                            ..Default::default()
                        }),
                        spans: numbered().map(|(number, script)| expected_span(number, script)).collect(),
                        schema_url: String::new(),
                    }],
                    schema_url: String::new(),
                }],
            };
            prop_assert_eq!(request(&dialect, observations), expected);
        }
    }
}
