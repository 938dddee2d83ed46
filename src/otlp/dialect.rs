//! The clean dialect: OpenTelemetry's own names where it has them, the program's own names elsewhere.
//!
//! Content (what went into a model, a tool, a function, and what came out) is sent only when the switch is on, and so
//! is every long value, since nobody can tell that it is none.
//!
//! Source: OpenTelemetry semantic conventions, GenAI (development), exceptions; OpenInference for `input.value` and
//! `output.value`.

use std::sync::Arc;

use smallvec::SmallVec;

use super::attributes::Attributes;
use super::encode::{Dialect, Span};
use crate::field::{Role, Trust, semantic_name};
use crate::model::{
    Content, EventHead, EventKind, Field, Kind, Lane, Observation, Resource, ValueRef, write_arguments,
};

/// The length from which a value is content, in bytes.
pub(crate) const CONTENT_BYTES: usize = 200;

/// OTLP as OpenTelemetry's conventions have it.
#[derive(Debug)]
pub(crate) struct GenAiDialect {
    resource: Arc<Resource>,
    capture_content: bool,
}

impl GenAiDialect {
    /// The dialect of a process, with the content switch.
    pub(crate) fn new(resource: Arc<Resource>, capture_content: bool) -> Self {
        Self {
            resource,
            capture_content,
        }
    }
}

impl Dialect for GenAiDialect {
    fn scope(&self) -> (&str, &str) {
        ("tracing-llm", env!("CARGO_PKG_VERSION"))
    }

    fn resource(&self, attributes: &mut Attributes<'_>) {
        attributes.text("telemetry.sdk.name", "tracing-llm");
        attributes.text("telemetry.sdk.language", "rust");
        attributes.text("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        for (key, value) in self.resource.iter() {
            attributes.put(key, value.as_ref());
        }
    }

    fn span(&self, observation: &Observation, _lane: Lane, span: &mut Span<'_>) {
        let attributes = span.attributes();
        for (key, text) in [
            ("user.id", observation.user()),
            ("session.id", observation.session()),
        ] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                attributes.text(key, text);
            }
        }
        if self.capture_content {
            let (input, output) = content_names(observation.kind());
            content(input, observation, observation.input(), attributes);
            content(output, observation, observation.output(), attributes);
        }
        self.fields(observation, attributes);
        implied(observation, attributes);
        for (event, fields) in observation.events() {
            self.event(observation, event, fields, span);
        }
        span.dropped_events(observation.dropped_events());
        observation.links().iter().for_each(|link| span.link(link));
    }
}

impl GenAiDialect {
    fn fields(&self, observation: &Observation, attributes: &mut Attributes<'_>) {
        let mut named = Named::default();
        for field in observation.fields() {
            if self.is_withheld(&field) || is_content_of(observation, &field) {
                continue;
            }
            match place(&field) {
                Place::Nowhere => {}
                Place::Own => attributes.put(field.name, field.value),
                Place::Semantic(name) => named.offer(name, &field),
            }
        }
        named.write(attributes);
    }

    fn event<'a>(
        &self,
        observation: &Observation,
        event: &EventHead,
        fields: impl Iterator<Item = Field<'a>>,
        span: &mut Span<'_>,
    ) {
        // Few events have more, and most have none but the message.
        let fields: SmallVec<[Field<'a>; 4]> = fields.collect();
        let text = |name: &str| {
            let field = fields.iter().find(|field| field.name == name)?;
            field.value.as_str().filter(|text| !text.is_empty())
        };
        match event.kind {
            EventKind::Plain => {
                let message =
                    text("message").filter(|message| self.capture_content || message.len() <= CONTENT_BYTES);
                span.event(event.time, message.unwrap_or(event.callsite.name), |attributes| {
                    self.event_fields(&fields, "message", attributes);
                });
            }
            EventKind::Exception => {
                let (name, message) = match text("error") {
                    Some(error) => ("error", Some(error)),
                    None => ("message", text("message").or(observation.status_message())),
                };
                span.event(event.time, "exception", |attributes| {
                    // The status says the same text, long or short.
                    if let Some(message) = message {
                        attributes.text("exception.message", message);
                    }
                    self.event_fields(&fields, name, attributes);
                });
            }
        }
    }

    /// The fields of an event but the one that is said already, and but those that `tracing-log` adds.
    fn event_fields(&self, fields: &[Field<'_>], said: &str, attributes: &mut Attributes<'_>) {
        for field in fields {
            let kept = field.name != said && !field.name.starts_with("log.") && !is_langfuses(field.name);
            if kept && !self.is_withheld(field) {
                attributes.put(field.name, field.value);
            }
        }
    }

    /// Whether a field is content, or long enough to be, while the switch is off.
    fn is_withheld(&self, field: &Field<'_>) -> bool {
        !self.capture_content
            && (field.role.is_input() || field.role.is_output() || len(field.value) > CONTENT_BYTES)
    }
}

/// Where a field goes.
enum Place {
    /// It became something else: the span's name, kind or status; or it is Langfuse's alone.
    Nowhere,
    /// Under its own name.
    Own,
    /// Under the conventions' name.
    Semantic(&'static str),
}

fn place(field: &Field<'_>) -> Place {
    match field.role {
        Role::StatusMessage => return Place::Nowhere,
        Role::Name | Role::SpanKind | Role::StatusCode | Role::StatusDescription if field.used.counts => {
            return Place::Nowhere;
        }
        // A conversation is a name of the conventions too, and a narrower one than the session that it is here.
        Role::Session if field.name == "gen_ai.conversation.id" => return Place::Own,
        _ => {}
    }
    match semantic_name(field.role, field.short) {
        Some(name) if field.used.counts || field.name == name => Place::Semantic(name),
        _ if is_langfuses(field.name) => Place::Nowhere,
        _ => Place::Own,
    }
}

fn is_langfuses(name: &str) -> bool {
    name.starts_with("langfuse.")
}

/// Whether a field is the input or the output itself, which has its own attribute.
fn is_content_of(observation: &Observation, field: &Field<'_>) -> bool {
    let is = |content| content == Content::Field(field.index);
    is(observation.input()) || is(observation.output())
}

/// Fields that the conventions have names for. Several may share one: the one that counts wins, then the most trusted,
/// then the last.
#[derive(Default)]
struct Named<'a>(SmallVec<[(&'static str, (bool, Trust), ValueRef<'a>); 8]>);

impl<'a> Named<'a> {
    fn offer(&mut self, name: &'static str, field: &Field<'a>) {
        let rank = (field.used.counts, field.trust);
        let value = match (field.role, field.value.as_count()) {
            // A count is a number, also where a program wrote it as text.
            (Role::Usage, Some(count)) => ValueRef::U64(count),
            _ => field.value,
        };
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) if known.1 > rank => {}
            Some(known) => *known = (name, rank, value),
            None => self.0.push((name, rank, value)),
        }
    }

    fn write(&self, attributes: &mut Attributes<'_>) {
        for (name, _, value) in &self.0 {
            attributes.put(*name, *value);
        }
    }
}

/// What the observation knows and no field said under the conventions' name.
fn implied(observation: &Observation, attributes: &mut Attributes<'_>) {
    if let Some(operation) = observation.kind().operation() {
        attributes.text("gen_ai.operation.name", operation);
    }
    if let Some(prompt) = observation.prompt() {
        attributes.text("gen_ai.prompt.name", &prompt.name);
        attributes.put("gen_ai.prompt.version", ValueRef::U64(prompt.version.into()));
    }
    if let Some(wait) = observation.time_to_first_token() {
        attributes.put(
            "gen_ai.response.time_to_first_chunk",
            ValueRef::F64(wait.as_secs_f64()),
        );
    }
    for bucket in ["input", "output"] {
        let (Some(name), Some(tokens)) = (
            semantic_name(Role::Usage, bucket),
            with_details(observation, bucket),
        ) else {
            continue;
        };
        attributes.put(name, ValueRef::U64(tokens));
    }
}

/// The tokens of one side as providers report them: with the details that are buckets of their own for Langfuse.
fn with_details(observation: &Observation, side: &str) -> Option<u64> {
    let usage = observation.usage();
    let is_detail = |name: &str| {
        name.strip_prefix(side)
            .is_some_and(|detail| detail.starts_with('_'))
    };
    let details = usage
        .buckets()
        .filter(|(name, _)| is_detail(name))
        .map(|(_, tokens)| tokens);
    Some(details.fold(usage.get(side)?, u64::saturating_add))
}

/// The names of input and output.
fn content_names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Generation => ("gen_ai.input.messages", "gen_ai.output.messages"),
        Kind::Tool => ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
        _ => ("input.value", "output.value"),
    }
}

fn content(name: &str, observation: &Observation, content: Content, attributes: &mut Attributes<'_>) {
    match content {
        Content::None => {}
        Content::Arguments => attributes.text_with(name, |out| write_arguments(observation, out)),
        Content::Field(index) => {
            if let Some(value) = observation.field_value(index) {
                attributes.put(name, value);
            }
        }
    }
}

fn len(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => value.as_str().map_or(0, str::len),
    }
}
