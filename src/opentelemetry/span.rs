//! An observation as the SDK's `SpanData`.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{self as otel, SpanContext, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::clock::UnixNanos;
use crate::dialect::{Attributes, Dialect, Key, Limits, Span, Status};
use crate::model::{Lane, Link, Observation, SpanKind, ValueRef};

/// The span of an observation, as a lane shows it.
pub(super) fn span_data(
    observation: &Observation,
    lane: Lane,
    dialect: &impl Dialect,
    scope: &InstrumentationScope,
) -> SpanData {
    let mut said = Said {
        attributes: List::limited(dialect.limits()),
        ..Said::default()
    };
    dialect.span(observation, lane, &mut said);
    let parent = observation.parent_in(lane);
    let start = observation.start_nanos();
    SpanData {
        span_context: context(observation.trace_id().into(), observation.id().into()),
        parent_span_id: parent.map_or(otel::SpanId::INVALID, Into::into),
        parent_span_is_remote: false,
        span_kind: match observation.span_kind() {
            SpanKind::Internal => otel::SpanKind::Internal,
            SpanKind::Server => otel::SpanKind::Server,
            SpanKind::Client => otel::SpanKind::Client,
            SpanKind::Producer => otel::SpanKind::Producer,
            SpanKind::Consumer => otel::SpanKind::Consumer,
        },
        name: observation.name().to_owned().into(),
        start_time: time(start),
        end_time: time(observation.end_nanos().max(start)),
        attributes: said.attributes.list,
        dropped_attributes_count: said.dropped_attributes,
        events: said.events,
        links: said.links,
        status: match Status::of(observation) {
            Status::Unset => otel::Status::Unset,
            Status::Ok => otel::Status::Ok,
            Status::Error(message) => otel::Status::error(message.to_owned()),
        },
        instrumentation_scope: scope.clone(),
    }
}

/// The scope of a dialect.
pub(super) fn scope(dialect: &impl Dialect) -> InstrumentationScope {
    let (name, version) = dialect.scope();
    InstrumentationScope::builder(name).with_version(version).build()
}

/// The resource of a dialect.
pub(super) fn resource(dialect: &impl Dialect) -> Resource {
    let mut attributes = List::default();
    dialect.resource(&mut attributes);
    Resource::builder_empty().with_attributes(attributes.list).build()
}

fn context(trace: otel::TraceId, span: otel::SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

fn time(nanos: UnixNanos) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

/// What a dialect says of a span.
#[derive(Default)]
struct Said {
    attributes: List,
    dropped_attributes: u32,
    events: SpanEvents,
    links: SpanLinks,
}

impl Span for Said {
    type Event<'a> = List;

    fn attributes(&mut self) -> &mut impl Attributes {
        &mut self.attributes
    }

    fn event(&mut self, at: UnixNanos, name: &str, fill: impl FnOnce(&mut List)) {
        let mut attributes = List::limited(self.attributes.limits);
        fill(&mut attributes);
        let List { list, dropped, .. } = attributes;
        let event = otel::Event::new(name.to_owned(), time(at), list, dropped);
        self.events.events.push(event);
    }

    fn link(&mut self, link: &Link) {
        let context = context(link.trace_id.into(), link.id.into());
        self.links.links.push(otel::Link::new(context, Vec::new(), 0));
    }

    fn dropped(&mut self, observation: &Observation) {
        self.dropped_attributes = observation
            .dropped_fields()
            .saturating_add(self.attributes.dropped);
        self.events.dropped_count = observation.dropped_events();
        self.links.dropped_count = observation.dropped_links();
    }
}

/// A list of attributes.
#[derive(Default)]
struct List {
    list: Vec<KeyValue>,
    limits: Limits,
    /// How many were left out for the limit of their number.
    dropped: u32,
}

impl List {
    fn limited(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    fn push(&mut self, key: Key<'_>, value: impl FnOnce(Limits) -> Value) {
        let taken = |known: &KeyValue| key.is(known.key.as_str().as_bytes());
        if key.len() == 0 || self.list.iter().any(taken) {
            return;
        }
        if self.limits.count.is_some_and(|count| self.list.len() >= count) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let key = [key.prefix, key.rest].concat();
        self.list.push(KeyValue::new(key, value(self.limits)));
    }
}

impl Attributes for List {
    fn put<'k>(&mut self, key: impl Into<Key<'k>>, value: ValueRef<'_>) {
        self.push(key.into(), |limits| match value {
            ValueRef::Bool(value) => value.into(),
            ValueRef::I64(value) => value.into(),
            ValueRef::U64(value) => integer(value),
            ValueRef::I128(value) => integer(value),
            ValueRef::U128(value) => integer(value),
            ValueRef::F64(value) => value.into(),
            ValueRef::Text(text) | ValueRef::Debug(text) | ValueRef::Json(text) | ValueRef::Error(text) => {
                limits.cut(text).to_owned().into()
            }
            // An attribute of the SDK has no bytes.
            ValueRef::Bytes(bytes) => base64(bytes).into(),
        });
    }

    fn text_with<'k>(&mut self, key: impl Into<Key<'k>>, write: impl FnOnce(&mut Vec<u8>)) {
        self.push(key.into(), |limits| {
            let mut text = Vec::new();
            write(&mut text);
            limits.cut_behind(0, &mut text);
            String::from_utf8_lossy(&text).into_owned().into()
        });
    }

    fn texts<'k, 't>(&mut self, key: impl Into<Key<'k>>, texts: impl IntoIterator<Item = &'t str>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            self.push(key.into(), |limits| {
                let texts = texts.map(|text| limits.cut(text).to_owned().into());
                Value::Array(Array::String(texts.collect()))
            });
        }
    }
}

fn integer(number: impl TryInto<i64> + ToString + Copy) -> Value {
    match number.try_into() {
        Ok(number) => Value::I64(number),
        Err(_) => number.to_string().into(),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;

    use super::*;
    use crate::dialect::GenAiDialect;
    use crate::field::Role;
    use crate::id::{SpanId, TraceId};
    use crate::model::{EventKind, Kind, Resource as OurResource};
    use crate::otlp::fixture::{Draft, request};

    fn drafts() -> Vec<Draft> {
        let link = Link {
            trace_id: TraceId::from_seed("other"),
            id: SpanId::from_seed("before"),
        };
        let long = "x".repeat(300);
        let event = [
            ("message", ValueRef::Debug("3 found")),
            ("count", ValueRef::U64(3)),
        ];
        vec![
            Draft::new("root").kind(Kind::Agent).set(|draft| {
                draft.trace.tags = vec!["beta".into(), "rust".into()];
                draft.reading.span_kind = SpanKind::Server;
                draft.reading.status_ok = true;
            }),
            Draft::new("call")
                .kind(Kind::Generation)
                .below(SpanId::from_seed("root"))
                .field("model", ValueRef::Text("gpt-4o"))
                .model()
                .field("prompt", ValueRef::Text(&long))
                .input()
                .field("flag", ValueRef::Bool(true))
                .field("small", ValueRef::I64(-1))
                .field("large", ValueRef::U64(u64::MAX))
                .field("fits", ValueRef::U128(7))
                .field("huge", ValueRef::I128(i128::MIN))
                .field("float", ValueRef::F64(0.5))
                .field("list", ValueRef::Json("[1]"))
                .field("", ValueRef::Bool(true))
                .handle("flag", Role::Metadata, ValueRef::Bool(false)),
            Draft::new("tool")
                .kind(Kind::Tool)
                .argument("ticket", ValueRef::U64(1))
                .failed("boom")
                .event(EventKind::Plain, "event src/lib.rs:1", &event)
                .event(
                    EventKind::Exception,
                    "event src/lib.rs:2",
                    &[("error", ValueRef::Debug("boom"))],
                )
                .set(|draft| {
                    draft.recorded.links.push(link);
                    (draft.recorded.dropped_fields, draft.recorded.dropped_events) = (1, 2);
                    draft.recorded.dropped_links = 3;
                    // A clock that went back.
                    draft.recorded.end = draft.recorded.start - 1;
                }),
        ]
    }

    /// What OpenTelemetry's own exporter makes of our `SpanData` is what our encoder writes.
    #[test]
    fn the_sdk_sends_what_our_encoder_sends() {
        for content in [false, true] {
            let mut resource = OurResource::default();
            resource.set("service.name", crate::model::Value::Text("shop".to_owned()));
            let dialect = GenAiDialect::new(Arc::new(resource), content);
            let ours = request(&dialect, drafts().into_iter().map(Draft::build).collect());
            let mut ours = ours.resource_spans.into_iter().next().unwrap();
            let observations = drafts().into_iter().map(Draft::build);
            let spans = observations.map(|one| span_data(&one, 0, &dialect, &scope(&dialect)));
            let resource = ResourceAttributesWithSchema::from(&super::resource(&dialect));
            let mut theirs = group_spans_by_resource_and_scope(spans.collect(), &resource).remove(0);
            for of_either in [&mut ours, &mut theirs] {
                let attributes = &mut of_either.resource.as_mut().unwrap().attributes;
                attributes.sort_by(|a, b| a.key.cmp(&b.key));
                // The SDK adds bits that say whether the parent is remote, and says an unset status.
                for span in &mut of_either.scope_spans[0].spans {
                    span.flags &= 1;
                    span.status.get_or_insert_default();
                    span.links.iter_mut().for_each(|link| link.flags = 0);
                }
            }
            assert_eq!(theirs, ours, "content: {content}");
        }
    }

    #[test]
    fn bytes_are_base64_text() {
        let draft = Draft::new("call").field("raw", ValueRef::Bytes(b"\x00\xff"));
        let dialect = GenAiDialect::new(Arc::default(), true);
        let span = span_data(&draft.build(), 0, &dialect, &scope(&dialect));
        assert_eq!(span.attributes, [KeyValue::new("raw", "AP8=")]);
    }
}
