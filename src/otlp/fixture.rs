//! Observations made by hand, and bodies read back, for the tests of both dialects.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::encode::encode;
use crate::dialect::Dialect;
use crate::export::Batch;
use crate::field::{Meaning, Role, Trust, look_up};
use crate::id::SpanId;
use crate::model::{
    Callsite, CallsiteField, Content, EventHead, EventKind, Fields, Head, Key, Kind, Lanes, Level,
    Observation, Parents, Reading, Recorded, TraceAttributes, Use, ValueRef,
};

/// 2025-05-22T00:00:00Z, as in the contract's worked example.
pub(crate) const START: u64 = 1_747_872_000_000_000_000;

/// An observation on its way: what the layer would record and the reader would read.
pub(crate) struct Draft {
    pub(crate) recorded: Box<Recorded>,
    pub(crate) reading: Reading,
    pub(crate) trace: TraceAttributes,
    declared: Vec<CallsiteField>,
}

impl Draft {
    /// A span of one second, shown in lane 0.
    pub(crate) fn new(name: &'static str) -> Self {
        let mut recorded = Recorded::sample(name, lane_0());
        recorded.start = START;
        recorded.end = START + 1_000_000_000;
        Self {
            recorded,
            reading: Reading {
                name: name.into(),
                ..Reading::default()
            },
            trace: TraceAttributes::default(),
            declared: Vec::new(),
        }
    }

    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.recorded.kind = kind;
        self
    }

    pub(crate) fn below(mut self, parent: SpanId) -> Self {
        self.recorded.parents = Parents::below(parent, lane_0(), &Parents::default(), lane_0());
        self
    }

    /// Anything that has no method.
    pub(crate) fn set(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    /// A declared field with the meaning of its name. A role counts; a field without one is metadata.
    pub(crate) fn field(mut self, name: &'static str, value: ValueRef<'_>) -> Self {
        let meaning = look_up(name, true);
        self.push_declared(name, meaning, value);
        let counts = meaning.role != Role::None;
        self.reading.uses.push(Use {
            counts,
            metadata: !counts,
            ..Use::default()
        });
        self
    }

    /// A declared field that is a mere argument, whatever its name.
    pub(crate) fn argument(mut self, name: &'static str, value: ValueRef<'_>) -> Self {
        let meaning = look_up(name, true);
        self.push_declared(name, meaning, value);
        self.reading.input = Content::Arguments;
        self.reading.uses.push(Use {
            argument: true,
            metadata: true,
            ..Use::default()
        });
        self
    }

    /// A value said through the handle.
    pub(crate) fn handle(mut self, name: &str, role: Role, value: ValueRef<'_>) -> Self {
        let key = self.recorded.fields.name(name);
        write(&mut self.recorded.fields, Head::handle(key, role), value);
        self.reading.uses.push(Use {
            counts: true,
            metadata: role == Role::Metadata,
            ..Use::default()
        });
        self
    }

    /// What the function returned.
    pub(crate) fn returned(mut self, value: ValueRef<'_>) -> Self {
        let head = Head {
            trust: Trust::Convention,
            ..Head::handle(Key::Known("return"), Role::Return)
        };
        write(&mut self.recorded.fields, head, value);
        self.reading.uses.push(Use {
            counts: true,
            ..Use::default()
        });
        self.output()
    }

    /// The field before is the input.
    pub(crate) fn input(mut self) -> Self {
        self.reading.input = Content::Field(self.reading.uses.len() - 1);
        self
    }

    /// The field before is the output.
    pub(crate) fn output(mut self) -> Self {
        self.reading.output = Content::Field(self.reading.uses.len() - 1);
        self
    }

    /// The field before names the model.
    pub(crate) fn model(mut self) -> Self {
        self.reading.model = Some(self.reading.uses.len() - 1);
        self
    }

    pub(crate) fn failed(mut self, message: &str) -> Self {
        self.reading.level = Level::Error;
        self.reading.status_message = Some(message.to_owned());
        self
    }

    pub(crate) fn event(
        mut self,
        kind: EventKind,
        name: &'static str,
        fields: &[(&'static str, ValueRef<'_>)],
    ) -> Self {
        let owner = u16::try_from(self.recorded.events.len() + 1).unwrap();
        let declared = |(name, _): &(&'static str, ValueRef<'_>)| CallsiteField {
            name,
            meaning: look_up(name, true),
        };
        let callsite = callsite(name, fields.iter().map(declared).collect());
        for (index, (name, value)) in fields.iter().enumerate() {
            let mut head = Head::declared(index);
            head.meaning(look_up(name, true));
            head.owner = owner;
            write(&mut self.recorded.fields, head, *value);
            self.reading.uses.push(Use::default());
        }
        let time = self.recorded.start + u64::from(owner);
        self.recorded.events.push(EventHead { time, callsite, kind });
        self
    }

    pub(crate) fn build(mut self) -> Observation {
        self.recorded.callsite = callsite(self.recorded.callsite.name, self.declared);
        self.recorded.trace = self.trace.into();
        Observation::new(self.recorded, self.reading, None)
    }

    fn push_declared(&mut self, name: &'static str, meaning: Meaning, value: ValueRef<'_>) {
        let mut head = Head::declared(self.declared.len());
        head.meaning(meaning);
        self.declared.push(CallsiteField { name, meaning });
        write(&mut self.recorded.fields, head, value);
    }
}

fn callsite(name: &'static str, fields: Vec<CallsiteField>) -> Arc<Callsite> {
    Arc::new(Callsite {
        name,
        fields: fields.into(),
        shown: lane_0(),
        ..Callsite::default()
    })
}

fn lane_0() -> Lanes {
    [0].into_iter().collect()
}

fn write(fields: &mut Fields, head: Head, value: ValueRef<'_>) {
    match value {
        ValueRef::Bool(value) => fields.bool(head, value),
        ValueRef::I64(value) => fields.i64(head, value),
        ValueRef::U64(value) => fields.u64(head, value),
        ValueRef::I128(value) => fields.i128(head, value),
        ValueRef::U128(value) => fields.u128(head, value),
        ValueRef::F64(value) => fields.f64(head, value),
        ValueRef::Text(text) => fields.str(head, text),
        ValueRef::Debug(text) => fields.debug(head, &format_args!("{text}")),
        ValueRef::Json(text) => fields.json(head, text),
        ValueRef::Error(text) => fields.error(head, &std::io::Error::other(text)),
        ValueRef::Bytes(bytes) => fields.bytes_value(head, bytes),
    }
}

/// The body that a dialect makes of observations, as lane 0 shows them.
pub(crate) fn body(dialect: &impl Dialect, observations: Vec<Observation>) -> Vec<u8> {
    let mut body = Vec::new();
    let batch = Batch::new(0, observations.into_iter().map(Arc::new).collect());
    encode(&batch, dialect, &mut body);
    body
}

/// The request that a dialect makes of observations, read back by OpenTelemetry's own types.
pub(crate) fn request(dialect: &impl Dialect, observations: Vec<Observation>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body(dialect, observations).as_slice()).unwrap()
}

/// The one span that a dialect makes of a draft.
pub(crate) fn span(dialect: &impl Dialect, draft: Draft) -> Span {
    let mut request = request(dialect, vec![draft.build()]);
    let mut spans = request.resource_spans.remove(0).scope_spans.remove(0).spans;
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

/// Attributes as lines, sorted: text in quotes, lists in brackets, numbers as Rust writes them.
pub(crate) fn lines(attributes: &[KeyValue]) -> String {
    let mut lines: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.clone().unwrap().value.unwrap();
            format!("{} = {}", attribute.key, show(value))
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn show(value: any_value::Value) -> String {
    match value {
        any_value::Value::StringValue(text) => format!("{text:?}"),
        any_value::Value::BoolValue(value) => value.to_string(),
        any_value::Value::IntValue(value) => value.to_string(),
        any_value::Value::DoubleValue(value) => format!("{value:?}"),
        any_value::Value::ArrayValue(list) => {
            let values = list.values.into_iter().map(|value| show(value.value.unwrap()));
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
        any_value::Value::BytesValue(bytes) => format!("bytes {bytes:?}"),
        other => panic!("no such value is ever sent: {other:?}"),
    }
}

/// The value of one attribute, as [`lines`] shows it.
pub(crate) fn get(attributes: &[KeyValue], key: &str) -> Option<String> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.clone().unwrap().value.unwrap();
    assert!(found.next().is_none(), "{key} is sent twice");
    Some(show(value))
}

/// Compares lines; the expected ones stand indented in the test.
#[track_caller]
pub(crate) fn assert_lines(actual: &str, expected: &str) {
    let expected: Vec<_> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(actual.lines().collect::<Vec<_>>(), expected);
}
