//! What a Langfuse server is told of an observation: everything explicitly, so that none of its guesses applies.
//!
//! A row is stored once, whole, and no server merges anything into it later: each carries the attributes of its
//! trace. Raw fields, span events and links are not sent; the server would store none of them, and some names among
//! them lose a whole request after its 200.
//!
//! Source: Langfuse v4.16, `packages/shared/src/server/otel/OtelIngestionProcessor.ts`.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::environment::normalise;
use super::json;
use super::parameters::Parameters;
use crate::field::Role;
use crate::model::{Content, Field, Kind, Lane, Observation, Resource, ValueRef, write_arguments};
use crate::otlp::attributes::Attributes;
use crate::otlp::encode::{Dialect, Span};

/// OTLP as Langfuse reads it.
#[derive(Debug)]
pub(crate) struct LangfuseDialect {
    resource: Arc<Resource>,
    environment: Option<String>,
    release: Option<String>,
}

impl LangfuseDialect {
    /// The dialect of a process, with the environment and the release of every trace that has none of its own.
    pub(crate) fn new(resource: Arc<Resource>, environment: Option<&str>, release: Option<&str>) -> Self {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            resource,
            environment: given(environment).map(|name| normalise(&name).into_owned()),
            release: given(release),
        }
    }
}

/// The server hides raw attributes of a scope whose name begins with `langfuse-sdk`.
pub(crate) const SCOPE: &str = "langfuse-sdk-rust";

impl Dialect for LangfuseDialect {
    fn scope(&self) -> (&str, &str) {
        (SCOPE, env!("CARGO_PKG_VERSION"))
    }

    fn resource(&self, attributes: &mut Attributes<'_>) {
        let mut attributes = Row(attributes);
        attributes.text("telemetry.sdk.name", Some("tracing-llm"));
        attributes.text("telemetry.sdk.language", Some("rust"));
        attributes.text("telemetry.sdk.version", Some(env!("CARGO_PKG_VERSION")));
        attributes.text("langfuse.environment", self.environment.as_deref());
        attributes.text("langfuse.release", self.release.as_deref());
        for (key, value) in self.resource.iter() {
            match value.as_ref().as_str() {
                Some(name) if key == "langfuse.environment" => attributes.text(key, Some(&normalise(name))),
                _ => attributes.value(("", key), value.as_ref()),
            }
        }
    }

    fn span(&self, observation: &Observation, lane: Lane, span: &mut Span<'_>) {
        let mut row = Row(span.attributes());
        row.text("langfuse.observation.type", Some(observation.kind().as_str()));
        // Always, so that the status code decides nothing.
        row.text("langfuse.observation.level", Some(observation.level().as_str()));
        row.text(
            "langfuse.observation.status_message",
            observation.status_message(),
        );
        row.content("langfuse.observation.input", observation, observation.input());
        // An input, be it empty, keeps the server from looking for one under twenty other names, and from failing
        // on what it finds there. An empty one is stored as none.
        row.0.text("langfuse.observation.input", "");
        row.content("langfuse.observation.output", observation, observation.output());
        row.generation(observation);
        row.trace(observation, self);
        if observation.parent_in(lane).is_none() {
            row.0.put("langfuse.internal.is_app_root", ValueRef::Bool(true));
        }
        observation.fields().for_each(|field| row.metadata(&field));
    }
}

/// The attributes of one row.
struct Row<'a, 'b>(&'a mut Attributes<'b>);

impl Row<'_, '_> {
    /// Text, where there is any: the server treats an empty one as none.
    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.0.text(key, text);
        }
    }

    fn content(&mut self, key: &str, observation: &Observation, content: Content) {
        match content {
            Content::None => {}
            Content::Arguments => self.0.text_with(key, |out| write_arguments(observation, out)),
            Content::Field(index) => {
                let Some(value) = observation.field_value(index) else {
                    return;
                };
                match (plain(value), value.as_str()) {
                    (Some(text), _) => self.0.text(key, &text),
                    (None, Some(text)) => self.0.text(key, text),
                    (None, None) => self.0.text_with(key, |out| value.write_json(out)),
                }
            }
        }
    }

    /// Model, parameters, usage, cost, first token and prompt.
    fn generation(&mut self, observation: &Observation) {
        self.text("langfuse.observation.model.name", observation.model());
        let parameters = Parameters::of(observation);
        if !parameters.is_empty() {
            self.0.text_with("langfuse.observation.model.parameters", |out| {
                parameters.write(out)
            });
        }
        if !observation.usage().is_empty() {
            let buckets = observation.usage().buckets();
            let buckets = buckets.map(|(name, tokens)| (name, ValueRef::U64(tokens)));
            self.0.text_with("langfuse.observation.usage_details", |out| {
                json::write_object(buckets, out);
            });
        }
        if !observation.cost().is_empty() {
            let parts = observation.cost().parts();
            let parts = parts.map(|(name, dollars)| (name, ValueRef::F64(dollars)));
            self.0.text_with("langfuse.observation.cost_details", |out| {
                json::write_object(parts, out);
            });
        }
        if let Some(nanos) = observation.first_token_nanos() {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos.max(observation.start_nanos()));
            let time = humantime::format_rfc3339_millis(time);
            self.0
                .text_with("langfuse.observation.completion_start_time", |out| {
                    // Writing to a vector does not fail.
                    drop(write!(out, "{time}"));
                });
        }
        self.prompt(observation);
    }

    /// The link to a prompt's version: only generations are linked, and a version out of the server's range would
    /// cost older servers the observation.
    fn prompt(&mut self, observation: &Observation) {
        let Some(prompt) = observation.prompt() else {
            return;
        };
        if observation.kind() == Kind::Generation
            && !prompt.name.is_empty()
            && (1..=u32::from(u16::MAX)).contains(&prompt.version)
        {
            self.0.text("langfuse.observation.prompt.name", &prompt.name);
            self.0.put(
                "langfuse.observation.prompt.version",
                ValueRef::U64(prompt.version.into()),
            );
        }
    }

    fn trace(&mut self, observation: &Observation, process: &LangfuseDialect) {
        let trace = observation.trace();
        self.text("user.id", observation.user());
        self.text("session.id", observation.session());
        self.text("langfuse.trace.name", observation.trace_name());
        let tags = trace.tags.iter().map(AsRef::as_ref);
        self.0
            .texts("langfuse.trace.tags", tags.filter(|tag: &&str| !tag.is_empty()));
        for (key, value) in &trace.metadata {
            self.value(("langfuse.trace.metadata.", &metadata_key(key)), value.as_ref());
        }
        match trace.environment.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => self.text("langfuse.environment", Some(&normalise(name))),
            None => self.text("langfuse.environment", process.environment.as_deref()),
        }
        self.text(
            "langfuse.release",
            trace.release.as_deref().or(process.release.as_deref()),
        );
        self.text("langfuse.version", trace.version.as_deref());
        if let Some(public) = trace.public {
            self.0.put("langfuse.trace.public", ValueRef::Bool(public));
        }
    }

    fn metadata(&mut self, field: &Field<'_>) {
        match field.role {
            Role::MetadataObject if field.used.counts => match field.value.as_str().and_then(json::members) {
                Some(members) => members.iter().for_each(|(key, value)| {
                    self.metadata_value(key, value.as_ref());
                }),
                // The server would drop what is no object.
                None => self.metadata_value("metadata", field.value),
            },
            Role::Metadata if field.used.metadata || field.used.counts => {
                self.metadata_value(field.short, field.value);
            }
            _ if field.used.metadata => self.metadata_value(field.name, field.value),
            _ => {}
        }
    }

    fn metadata_value(&mut self, key: &str, value: ValueRef<'_>) {
        if !key.is_empty() {
            self.value(("langfuse.observation.metadata.", &metadata_key(key)), value);
        }
    }

    /// A value with its type, where the server keeps it.
    fn value(&mut self, key: (&str, &str), value: ValueRef<'_>) {
        match plain(value) {
            Some(text) => self.0.text(key, &text),
            None => self.0.put(key, value),
        }
    }
}

/// The text of a value whose type the server would not keep: bytes, what is no finite number, and an integer that
/// JavaScript cannot count to.
fn plain(value: ValueRef<'_>) -> Option<String> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    match value {
        ValueRef::Bytes(_) => value.to_value().as_ref().as_str().map(str::to_owned),
        ValueRef::F64(number) if !number.is_finite() => Some(number.to_string()),
        ValueRef::I64(number) if number.unsigned_abs() > EXACT => Some(number.to_string()),
        ValueRef::U64(number) if number > EXACT => Some(number.to_string()),
        _ => None,
    }
}

/// A metadata key that spares the objects which the server keeps among the metadata of every row.
fn metadata_key(key: &str) -> Cow<'_, str> {
    let (first, rest) = key.split_at(key.find('.').unwrap_or(key.len()));
    match first {
        "scope" | "attributes" | "resourceAttributes" => Cow::Owned(format!("{first}_{rest}")),
        _ => Cow::Borrowed(key),
    }
}
