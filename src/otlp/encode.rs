//! Observations and a dialect become one export request.
//!
//! Everything is written once, from borrowed values to the body.
//!
//! Source: open-telemetry/opentelemetry-proto v1, `trace.proto`.

use super::attributes::Attributes;
use super::protobuf::{self, Number};
use crate::clock::UnixNanos;
use crate::export::Batch;
use crate::model::{Lane, Level, Link, Observation, SpanKind};

/// What a destination wants to be told, and in which words.
pub(crate) trait Dialect {
    /// Name and version of the instrumentation scope.
    fn scope(&self) -> (&str, &str);

    /// The attributes of the process.
    fn resource(&self, attributes: &mut Attributes<'_>);

    /// What a span has beside its ids, name, kind, times and status, which are the same in every dialect.
    fn span(&self, observation: &Observation, lane: Lane, span: &mut Span<'_>);
}

/// Appends the export request of a batch.
pub(crate) fn encode(batch: &Batch, dialect: &dyn Dialect, out: &mut Vec<u8>) {
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
                        attributes: Attributes::new(out, field::SPAN_ATTRIBUTES),
                    };
                    dialect.span(observation, batch.lane(), &mut span);
                });
            }
        });
    });
}

/// A span that is being written: what a dialect adds to it.
pub(crate) struct Span<'a> {
    attributes: Attributes<'a>,
}

impl<'a> Span<'a> {
    /// Its attributes, to be added to at any time.
    pub(crate) fn attributes(&mut self) -> &mut Attributes<'a> {
        &mut self.attributes
    }

    /// Adds an event with its attributes.
    pub(crate) fn event(&mut self, time: UnixNanos, name: &str, fill: impl FnOnce(&mut Attributes<'_>)) {
        protobuf::nested(self.attributes.out, field::EVENTS, |out| {
            protobuf::fixed64(out, field::EVENT_TIME, time);
            protobuf::bytes(out, field::EVENT_NAME, name.as_bytes());
            fill(&mut Attributes::new(out, field::EVENT_ATTRIBUTES));
        });
    }

    /// Adds a link to another span.
    pub(crate) fn link(&mut self, link: &Link) {
        let (trace, span) = (link.trace_id.to_bytes(), link.id.to_bytes());
        protobuf::nested(self.attributes.out, field::LINKS, |out| {
            protobuf::bytes(out, field::LINK_TRACE_ID, &trace);
            protobuf::bytes(out, field::LINK_SPAN_ID, &span);
        });
    }

    /// Says how many events were not kept.
    pub(crate) fn dropped_events(&mut self, count: u32) {
        if count > 0 {
            protobuf::number(self.attributes.out, field::DROPPED_EVENTS, count.into());
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
    let (code, message) = match observation.level() {
        Level::Error => (2, observation.status_message().unwrap_or_default()),
        _ if observation.status_ok() => (1, ""),
        _ => return,
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
    pub(super) const EVENTS: Number = 11;
    pub(super) const DROPPED_EVENTS: Number = 12;
    pub(super) const LINKS: Number = 13;
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
