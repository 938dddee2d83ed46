//! Spans of few shapes, whose values decide in every way that there is.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::field::{Role, look_up};
use crate::id::{SpanId, TraceId};
use crate::model::{Callsite, CallsiteField, EventHead, EventKind, Fields, Head, Kind, Level, Recorded};

/// Names whose roles are decided in different ways, with some of nobody's.
pub(super) const NAMES: &[&str] = &[
    "as_type",
    "openinference.span.kind",
    "gen_ai.operation.name",
    "otel.name",
    "otel.status_code",
    "level",
    "langfuse.observation.level",
    "error.type",
    "model",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "temperature",
    "gen_ai.request.temperature",
    "llm.request.temperature",
    "langfuse.observation.model.parameters",
    "model_config",
    "input",
    "prompt",
    "gen_ai.input.messages",
    "input.value",
    "llm.input_messages.0.message.content",
    "gen_ai.system_instructions",
    "output",
    "gen_ai.output.messages",
    "output.value",
    "input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.total_tokens",
    "llm.token_count.prompt",
    "usage",
    "cost",
    "prompt.name",
    "prompt.version",
    "metadata.key",
    "langfuse.observation.metadata",
    "gen_ai.conversation.id",
    "user_id",
    "key",
    "scope.key",
    "question",
    "app.tenant",
    "langfuse.own",
    "api_key",
    "langfuse.capture",
];

/// Names of an event, with one that makes it a message.
pub(super) const SAID: &[&str] = &["message", "role", "event.name", "error", "model"];

/// Texts that decide something, or nearly.
const TEXTS: &[&str] = &[
    "",
    "chat",
    "agent",
    "gpt-4o",
    "gpt-4o-mini",
    "input",
    "5",
    "7",
    "0.5",
    "true",
    "ERROR",
    "None",
    "Some(5)",
    "Some(\"x\")",
    "\"quoted\"",
    "Ok(1)",
    "Err(\"x\")",
    "A { b: 1 }",
    "gen_ai.user.message",
    "token: sk-1",
    r#"[{"role":"user","content":"x"}]"#,
    r#"{"a":1,"model":"m"}"#,
    r#"{"input":3,"cost":0.5}"#,
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Given {
    Text(&'static str),
    Debug(&'static str),
    Json(&'static str),
    Long(usize),
    Number(i64),
    Wide(u128),
    Float(f64),
    Switch(bool),
    Bytes,
}

/// Who says a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Speaker {
    /// A declared field, by its place among [`NAMES`].
    Span {
        index: usize,
        late: bool,
    },
    Handle(&'static str, Role),
    /// An event, by its number, and one of [`SAID`].
    Event(u16, usize),
}

#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) callsite: usize,
    pub(super) kind: Kind,
    pub(super) usage_below: bool,
    pub(super) speakers: Vec<Speaker>,
    pub(super) events: usize,
}

pub(super) fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        4 => select(TEXTS).prop_map(Given::Text),
        2 => select(TEXTS).prop_map(Given::Debug),
        1 => select(&TEXTS[TEXTS.len() - 3..]).prop_map(Given::Json),
        1 => (150..260_usize).prop_map(Given::Long),
        2 => (-1..8_i64).prop_map(Given::Number),
        1 => select(&[0, 5, u128::MAX][..]).prop_map(Given::Wide),
        1 => select(&[0.5, 5.0, f64::NAN][..]).prop_map(Given::Float),
        1 => any::<bool>().prop_map(Given::Switch),
        1 => Just(Given::Bytes),
    ]
}

fn speaker() -> impl Strategy<Value = Speaker> {
    const ROLES: &[(&str, Role)] = &[
        ("input", Role::Input),
        ("output", Role::Output),
        ("model", Role::Model),
        ("key", Role::Metadata),
        ("", Role::Metadata),
        ("temperature", Role::Parameter),
        ("input", Role::Usage),
        ("total", Role::Usage),
        ("return", Role::Return),
        ("prompt.name", Role::PromptName),
        ("prompt.version", Role::PromptVersion),
    ];
    prop_oneof![
        6 => (0..NAMES.len(), any::<bool>()).prop_map(|(index, late)| Speaker::Span { index, late }),
        2 => select(ROLES).prop_map(|(name, role)| Speaker::Handle(name, role)),
        1 => (1..3_u16, 0..SAID.len()).prop_map(|(event, index)| Speaker::Event(event, index)),
    ]
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let kinds = &[
        Kind::Generation,
        Kind::Generation,
        Kind::Tool,
        Kind::Agent,
        Kind::Span,
    ][..];
    (
        0..2_usize,
        select(kinds),
        any::<bool>(),
        vec(speaker(), 0..14),
        0..3_usize,
    )
        .prop_map(|(callsite, kind, usage_below, speakers, events)| Shape {
            callsite,
            kind,
            usage_below,
            speakers,
            events,
        })
}

pub(super) fn callsite(names: &[&'static str]) -> Arc<Callsite> {
    let field = |name: &&'static str| CallsiteField {
        name,
        meaning: look_up(name, true),
    };
    Arc::new(Callsite {
        name: "span",
        fields: names.iter().map(field).collect(),
        ..Callsite::default()
    })
}

impl Given {
    fn record(self, fields: &mut Fields, head: Head) {
        match self {
            Self::Text(text) => fields.str(head, text),
            Self::Debug(text) => fields.debug(head, &format_args!("{text}")),
            Self::Json(text) => fields.json(head, text),
            Self::Long(len) => fields.str(head, &"x".repeat(len)),
            Self::Number(number) => fields.i64(head, number),
            Self::Wide(number) => fields.u128(head, number),
            Self::Float(number) => fields.f64(head, number),
            Self::Switch(switch) => fields.bool(head, switch),
            Self::Bytes => fields.bytes_value(head, b"\x00\xff"),
        }
    }
}

/// A span of a shape: those of its values that are there.
pub(super) fn record(
    shape: &Shape,
    values: &[Option<Given>],
    callsites: &[Arc<Callsite>; 3],
) -> Box<Recorded> {
    let [.., event] = callsites;
    let (trace, id) = (TraceId::from_seed("trace"), SpanId::from_seed("span"));
    let mut recorded = Box::new(Recorded::new(Arc::clone(&callsites[shape.callsite]), trace, id));
    (recorded.start, recorded.end) = (1_000_000_000, 3_000_000_000);
    (recorded.kind, recorded.usage_below) = (shape.kind, shape.usage_below);
    recorded.level = shape.usage_below.then_some(Level::Warning);
    for (speaker, value) in shape.speakers.iter().zip(values) {
        let Some(value) = value else { continue };
        let declared = |names: &[&'static str], index| {
            let mut head = Head::declared(index);
            head.meaning(look_up(names[index], true));
            head
        };
        let head = match *speaker {
            Speaker::Span { index, late } => Head {
                late,
                ..declared(NAMES, index)
            },
            Speaker::Handle(name, role) => Head::handle(recorded.fields.name(name), role),
            Speaker::Event(owner, _) if usize::from(owner) > shape.events => continue,
            Speaker::Event(owner, index) => Head {
                owner,
                ..declared(SAID, index)
            },
        };
        value.record(&mut recorded.fields, head);
    }
    recorded.events = (0..shape.events)
        .map(|_| EventHead {
            time: 2_000_000_000,
            callsite: Arc::clone(event),
            kind: EventKind::Plain,
        })
        .collect();
    recorded
}
