//! A finished observation, read: what every destination is shown.

mod field;
mod masked;
mod priced;
mod shown;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use smallvec::SmallVec;

pub(crate) use field::{Field, write_arguments};
pub(crate) use masked::Masked;

use crate::clock::UnixNanos;
use crate::id::{SpanId, TraceId};
use crate::model::{
    Cost, CostOrigin, Kind, Lane, Lanes, Level, Link, Notes, PromptLink, Recorded, TraceAttributes, Usage,
};

/// One finished observation: a span with its type, model, input, output, usage and the attributes of its trace.
///
/// It is whole and never changes again: Langfuse v4 stores each observation once.
#[derive(Debug)]
pub struct Observation {
    recorded: Box<Recorded>,
    reading: Reading,
    /// What the lanes have made of its shape, unless nothing is kept of that.
    notes: Option<Arc<Notes>>,
    /// Every lane asks several times.
    weight: OnceLock<usize>,
}

/// What the fields of an observation mean.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) name: Cow<'static, str>,
    pub(crate) level: Level,
    pub(crate) status_message: Option<String>,
    /// The entry that names the model.
    pub(crate) model: Option<usize>,
    pub(crate) input: Content,
    pub(crate) output: Content,
    /// Where `input` was put together here: what of it the program itself said in one field.
    pub(crate) said_input: Option<Content>,
    pub(crate) said_output: Option<Content>,
    /// Disjoint buckets with a total, or nothing.
    pub(crate) usage: Usage,
    /// With a total, or nothing.
    pub(crate) cost: Cost,
    pub(crate) cost_origin: CostOrigin,
    pub(crate) prompt: Option<PromptLink>,
    pub(crate) first_token: Option<UnixNanos>,
    pub(crate) span_kind: SpanKind,
    /// `otel.status_code = "OK"`.
    pub(crate) status_ok: bool,
    /// One for each entry of the recorded fields.
    pub(crate) uses: SmallVec<[Use; 16]>,
}

/// Where an input or an output stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Content {
    #[default]
    None,
    /// In the entry with this index.
    Field(usize),
    /// The arguments together, as one object.
    Arguments,
}

/// The kind of a span in OTLP.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum SpanKind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// What one entry is to the observation.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Use {
    /// Not the last of its key, or never to be shown.
    pub(crate) hidden: bool,
    /// Its role counts here.
    pub(crate) counts: bool,
    /// Part of the argument object.
    pub(crate) argument: bool,
    /// Shown as metadata.
    pub(crate) metadata: bool,
}

impl Observation {
    /// Of a shape whose notes are these, where some are kept.
    pub(crate) fn new(recorded: Box<Recorded>, reading: Reading, notes: Option<Arc<Notes>>) -> Self {
        Self {
            recorded,
            reading,
            notes,
            weight: OnceLock::new(),
        }
    }

    /// The notes of all that have its shape.
    #[cfg(test)]
    pub(crate) fn shape(&self) -> Option<Arc<Notes>> {
        self.notes.clone()
    }

    pub(super) fn notes(&self) -> Option<&Notes> {
        self.notes.as_deref()
    }

    /// The id of the trace it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.recorded.trace_id
    }

    /// Its own id, which is the span's.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.recorded.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.reading.name
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.recorded.kind
    }

    /// How it went.
    #[must_use]
    pub fn level(&self) -> Level {
        self.reading.level
    }

    /// What is said of how it went: an error's text, `panicked`, `cancelled`.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        self.reading.status_message.as_deref()
    }

    /// When it began.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.recorded.start)
    }

    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.recorded.end.saturating_sub(self.recorded.start))
    }

    /// How long its first token took.
    #[must_use]
    pub fn time_to_first_token(&self) -> Option<Duration> {
        let first = self.reading.first_token?;
        Some(Duration::from_nanos(first.saturating_sub(self.recorded.start)))
    }

    /// The model that answered, or that was asked.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.field_value(self.reading.model?)?.as_str()
    }

    /// Tokens in disjoint buckets, with the total.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.reading.usage
    }

    /// Cost in US dollars, with the total: what the program said, else what its tokens cost by the tables of prices.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.reading.cost
    }

    /// The user of its trace, as this observation knows it.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.recorded.trace.user.as_deref()
    }

    /// The session of its trace, as this observation knows it.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.recorded.trace.session.as_deref()
    }

    /// The name of its trace.
    #[must_use]
    pub fn trace_name(&self) -> Option<&str> {
        self.recorded
            .trace
            .name
            .as_deref()
            .or(self.recorded.trace_name.as_deref())
    }

    pub(crate) fn trace(&self) -> &TraceAttributes {
        &self.recorded.trace
    }

    pub(crate) fn prompt(&self) -> Option<&PromptLink> {
        self.reading.prompt.as_ref()
    }

    pub(crate) fn start_nanos(&self) -> UnixNanos {
        self.recorded.start
    }

    pub(crate) fn end_nanos(&self) -> UnixNanos {
        self.recorded.end
    }

    pub(crate) fn first_token_nanos(&self) -> Option<UnixNanos> {
        self.reading.first_token
    }

    pub(crate) fn span_kind(&self) -> SpanKind {
        self.reading.span_kind
    }

    pub(crate) fn status_ok(&self) -> bool {
        self.reading.status_ok
    }

    pub(crate) fn shown(&self) -> Lanes {
        self.recorded.shown
    }

    /// Its parent as a lane shows it; none is the top of what that lane shows.
    pub(crate) fn parent_in(&self, lane: Lane) -> Option<SpanId> {
        self.recorded.parents.of(lane)
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.recorded.links
    }

    pub(crate) fn dropped_events(&self) -> u32 {
        self.recorded.dropped_events
    }

    pub(crate) fn dropped_fields(&self) -> u32 {
        self.recorded.dropped_fields
    }

    pub(crate) fn dropped_links(&self) -> u32 {
        self.recorded.dropped_links
    }

    /// The target of the span: the module that made it, unless it says otherwise.
    #[must_use]
    pub fn target(&self) -> &str {
        self.recorded.callsite.target
    }

    pub(crate) fn input_place(&self) -> Content {
        self.reading.input
    }

    pub(crate) fn output_place(&self) -> Content {
        self.reading.output
    }

    /// The input as the program said it: nothing where it stands in many fields.
    pub(crate) fn said_input(&self) -> Content {
        self.reading.said_input.unwrap_or(self.reading.input)
    }

    /// The output as the program said it.
    pub(crate) fn said_output(&self) -> Content {
        self.reading.said_output.unwrap_or(self.reading.output)
    }

    /// How many bytes it keeps in memory. To be asked when nothing of it changes any more.
    pub(crate) fn weight(&self) -> usize {
        let weigh =
            || self.recorded.weight() + size_of::<Reading>() + self.reading.uses.len() * size_of::<Use>();
        *self.weight.get_or_init(weigh)
    }

    /// What was recorded, to be recorded into once more.
    pub(crate) fn into_recorded(self) -> Box<Recorded> {
        self.recorded
    }
}

/// A handle to an observation that several lanes hold.
pub(crate) type Shared = Arc<Observation>;
