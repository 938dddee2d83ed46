//! A finished span, not yet read: its values as they came. The application's thread makes it; the worker reads it.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::clock::UnixNanos;
use crate::id::{SpanId, TraceId};
use crate::model::{Callsite, Fields, Kind, Lanes, Level, Parents, SharedAttributes};

/// What of an observation is sent when it has ended, its fields as they came.
///
/// Boxed from its birth to the answer of the last destination, and then used again: it is large, and goes through many
/// hands.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) callsite: Arc<Callsite>,
    pub(crate) trace_id: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parents: Parents,
    pub(crate) shown: Lanes,
    pub(crate) start: UnixNanos,
    pub(crate) end: UnixNanos,
    pub(crate) first_token: Option<UnixNanos>,
    /// Decided at close: what a set of roles implies needs the spans below.
    pub(crate) kind: Kind,
    /// A word stood in place of a type that is none.
    pub(crate) unknown_type: bool,
    /// Something below it reported usage or cost.
    pub(crate) usage_below: bool,
    /// The gravest of what happened: an error returned, an ERROR event, a panic, a cancellation.
    pub(crate) level: Option<Level>,
    /// The trace's attributes as this observation saw them, its own among them.
    pub(crate) trace: SharedAttributes,
    /// The trace's name where nothing names it: that of its first topmost observation.
    pub(crate) trace_name: Option<Arc<str>>,
    pub(crate) fields: Fields,
    pub(crate) events: SmallVec<[EventHead; 1]>,
    /// That of an event of the last use.
    event_callsite: Option<Arc<Callsite>>,
    pub(crate) links: Vec<Link>,
    /// Events that were not kept, past the limit.
    pub(crate) dropped_events: u32,
    /// Values that were not kept, past the limit.
    pub(crate) dropped_fields: u32,
    /// Links that were not kept, past the limit.
    pub(crate) dropped_links: u32,
}

impl Recorded {
    /// Nothing is recorded yet.
    pub(crate) fn new(callsite: Arc<Callsite>, trace_id: TraceId, id: SpanId) -> Self {
        Self {
            callsite,
            trace_id,
            id,
            parents: Parents::default(),
            shown: Lanes::NONE,
            start: 0,
            end: 0,
            first_token: None,
            kind: Kind::Span,
            unknown_type: false,
            usage_below: false,
            level: None,
            trace: SharedAttributes::default(),
            trace_name: None,
            fields: Fields::default(),
            events: SmallVec::new(),
            event_callsite: None,
            links: Vec::new(),
            dropped_events: 0,
            dropped_fields: 0,
            dropped_links: 0,
        }
    }

    /// An event, with its values beside it.
    pub(crate) fn event(&mut self, time: UnixNanos, callsite: &Arc<Callsite>, kind: EventKind) {
        // One for another is not counted: all threads count the same callsite, and each makes the others wait.
        let kept = self.event_callsite.take_if(|kept| Arc::ptr_eq(kept, callsite));
        let callsite = kept.unwrap_or_else(|| Arc::clone(callsite));
        self.events.push(EventHead { time, callsite, kind });
    }

    /// Forgets everything, and keeps the buffer for one more; the callsites stay, since the next one is often of the
    /// same.
    pub(crate) fn clear(&mut self) {
        let Self {
            callsite: _,
            trace_id: _,
            id: _,
            parents,
            shown,
            start,
            end,
            first_token,
            kind,
            unknown_type,
            usage_below,
            level,
            trace,
            trace_name,
            fields,
            events,
            event_callsite,
            links,
            dropped_events,
            dropped_fields,
            dropped_links,
        } = self;
        fields.clear();
        if let Some(last) = events.pop() {
            *event_callsite = Some(last.callsite);
        }
        // One by one: a new one in its place would be written whole, and most of it says nothing already.
        *events = SmallVec::new();
        *links = Vec::new();
        (*parents, *shown) = (Parents::default(), Lanes::NONE);
        (*start, *end, *first_token) = (0, 0, None);
        (*kind, *unknown_type, *usage_below, *level) = (Kind::Span, false, false, None);
        (*trace, *trace_name) = (SharedAttributes::default(), None);
        (*dropped_events, *dropped_fields, *dropped_links) = (0, 0, 0);
    }

    /// What it keeps of memory, in bytes. The attributes of its trace count in each observation that carries them: one
    /// may be the last that does, and each sends them.
    pub(crate) fn weight(&self) -> usize {
        let events = self.events.len() * size_of::<EventHead>();
        let links = self.links.len() * size_of::<Link>();
        size_of::<Self>() + self.fields.capacity() + events + links + self.trace.weight()
    }
}

impl Recorded {
    /// The same, when it is to fit into a queue of so many bytes: media that no queue takes cost themselves, and not the
    /// observation.
    pub(crate) fn weight_within(&mut self, bytes: usize) -> usize {
        let weight = self.weight();
        if weight <= bytes || !self.fields.has_large() {
            return weight;
        }
        self.fields.leave_media_out("more than the queue takes");
        self.weight()
    }
}

/// An event inside a span; its values are among the span's fields.
#[derive(Clone, Debug)]
pub(crate) struct EventHead {
    pub(crate) time: UnixNanos,
    pub(crate) callsite: Arc<Callsite>,
    pub(crate) kind: EventKind,
}

/// What an event is to OTLP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EventKind {
    /// A span event under its message.
    Plain,
    /// What `#[instrument(err)]` reported: the semantic conventions' `exception`.
    Exception,
}

/// A span that this one follows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) trace_id: TraceId,
    pub(crate) id: SpanId,
}

#[cfg(test)]
impl Recorded {
    /// An empty span of this name at the top of a trace of its own, shown in these lanes.
    pub(crate) fn sample(name: &'static str, shown: Lanes) -> Box<Self> {
        let callsite = Callsite {
            name,
            target: "sample",
            shown,
            ..Callsite::default()
        };
        let (trace_id, id) = (TraceId::from_seed(name), SpanId::from_seed(name));
        let mut sample = Self::new(Arc::new(callsite), trace_id, id);
        sample.shown = shown;
        Box::new(sample)
    }
}
