//! A finished observation, read: what every destination is shown.

mod masked;
mod priced;
mod shown;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use smallvec::SmallVec;

pub(crate) use masked::Masked;

use crate::clock::UnixNanos;
use crate::field::{Role, Roles, Trust};
use crate::id::{SpanId, TraceId};
use crate::model::{
    Cost, CostOrigin, Entry, EventHead, Head, Key, Kind, Lane, Lanes, Level, Link, PromptLink, Recorded,
    TraceAttributes, Usage, ValueRef, write_object,
};

/// One finished observation: a span with its type, model, input, output, usage and the attributes of its trace.
///
/// It is whole and never changes again: Langfuse v4 stores each observation once.
#[derive(Debug)]
pub struct Observation {
    recorded: Box<Recorded>,
    reading: Reading,
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

/// One field of an observation or of an event, with what it means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// As the program wrote it.
    pub(crate) name: &'a str,
    /// The name within its role.
    pub(crate) short: &'a str,
    pub(crate) role: Role,
    pub(crate) trust: Trust,
    pub(crate) value: ValueRef<'a>,
    pub(crate) used: Use,
    /// Its place among the entries; a `Content::Field` compares with it.
    pub(crate) index: usize,
}

impl Observation {
    pub(crate) fn new(recorded: Box<Recorded>, reading: Reading) -> Self {
        Self {
            recorded,
            reading,
            weight: OnceLock::new(),
        }
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

    /// The field with this index.
    pub(crate) fn field_at(&self, index: usize) -> Option<Field<'_>> {
        let entry = self.recorded.fields.entries().get(index)?;
        Some(self.field(index, entry, *self.reading.uses.get(index)?))
    }

    /// The value of the entry with this index.
    pub(crate) fn field_value(&self, index: usize) -> Option<ValueRef<'_>> {
        self.recorded.fields.value_at(index)
    }

    /// The fields of the span itself, each key once, in the order of recording.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields_of(0, |_, _| true)
    }

    /// Those of its fields that are `these`, which is asked before their names and values are looked for.
    pub(crate) fn fields_that(&self, these: impl Fn(&Head, Use) -> bool) -> impl Iterator<Item = Field<'_>> {
        self.fields_of(0, these)
    }

    /// How far the most trusted of the fields is trusted that count tokens or money.
    pub(crate) fn usage_trust(&self) -> Option<Trust> {
        if !self.recorded.fields.roles().meet(Roles::USAGE) {
            return None;
        }
        let counted = self.entries_of(0, |head, used| used.counts && head.role.is_usage());
        counted.map(|(_, entry, _)| entry.head.trust).max()
    }

    /// The argument object's members, in the order of the function's parameters.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.fields_that(|_, used| used.argument)
            .map(|field| (field.name, field.value))
    }

    /// The events inside the span, oldest first, each with its fields.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&EventHead, impl Iterator<Item = Field<'_>>)> {
        let owners = 1_u16..;
        owners
            .zip(&self.recorded.events)
            .map(|(owner, head)| (head, self.fields_of(owner, |_, _| true)))
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

    fn fields_of(&self, owner: u16, these: impl Fn(&Head, Use) -> bool) -> impl Iterator<Item = Field<'_>> {
        self.entries_of(owner, these)
            .map(|(index, entry, used)| self.field(index, entry, used))
    }

    fn entries_of(
        &self,
        owner: u16,
        these: impl Fn(&Head, Use) -> bool,
    ) -> impl Iterator<Item = (usize, &Entry, Use)> {
        let entries = self.recorded.fields.entries().iter().zip(&self.reading.uses);
        entries
            .enumerate()
            .map(|(index, (entry, used))| (index, entry, *used))
            .filter(move |(_, entry, used)| {
                entry.head.owner == owner && !used.hidden && these(&entry.head, *used)
            })
    }

    fn field<'a>(&'a self, index: usize, entry: &'a Entry, used: Use) -> Field<'a> {
        let (name, short) = self.recorded.names(entry);
        let (role, trust) = (entry.head.role, entry.head.trust);
        Field {
            name,
            short,
            role,
            trust,
            value: self.recorded.fields.value(entry),
            used,
            index,
        }
    }
}

impl Recorded {
    /// The name of an entry of the span's own within its role; the program's text has it already, unless it came at run
    /// time.
    pub(crate) fn short_name(&self, entry: &Entry) -> Cow<'static, str> {
        match &entry.head.key {
            Key::Known(name) => Cow::Borrowed(name),
            Key::Given(range) => Cow::Owned(self.fields.text(*range).to_owned()),
            Key::Declared(index) => {
                let field = self.callsite.field(usize::from(*index));
                Cow::Borrowed(field.map_or("", |field| field.meaning.short))
            }
        }
    }

    /// The name of an entry's key, and its name within its role.
    pub(crate) fn names<'a>(&'a self, entry: &'a Entry) -> (&'a str, &'a str) {
        match &entry.head.key {
            Key::Known(name) => (name, name),
            Key::Given(range) => {
                let name = self.fields.text(*range);
                (name, name)
            }
            Key::Declared(index) => {
                let callsite = match entry.head.owner.checked_sub(1) {
                    None => &self.callsite,
                    Some(event) => match self.events.get(usize::from(event)) {
                        Some(event) => &event.callsite,
                        None => return ("", ""),
                    },
                };
                callsite
                    .field(usize::from(*index))
                    .map_or(("", ""), |field| (field.name, field.meaning.short))
            }
        }
    }
}

/// Writes the argument object as JSON.
pub(crate) fn write_arguments(observation: &Observation, out: &mut Vec<u8>) {
    write_object(observation.arguments(), out);
}

/// A handle to an observation that several lanes hold.
pub(crate) type Shared = Arc<Observation>;
