//! An observation that has not ended: it lives in its span's extensions until the span closes.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::clock::MonotonicNanos;
use crate::field::{Role, Trust};
use crate::id::SpanId;
use crate::layer::Core;
use crate::layer::kind::{self, Implied};
use crate::layer::trace::{self, Above, Own, TraceState};
use crate::model::{
    Callsite, EventHead, EventKind, Fields, Head, Key, Kind, Lanes, Level, Link, Parents, Recorded,
    TraceAttributes,
};
use crate::read;

/// How many events of one span are kept (OpenTelemetry's default limit); the rest is counted.
const EVENT_LIMIT: usize = 128;
/// How many fields one span keeps, its events' among them, beyond those it declares: handle calls with ever new keys
/// stay bounded.
const FIELD_LIMIT: usize = 4096;
/// How many links one span keeps (OpenTelemetry's default limit).
const LINK_LIMIT: usize = 128;
/// Superseded values may fill this much before the buffer is rebuilt.
const GARBAGE_LIMIT: usize = 64 * 1024;

/// One span, while it is open.
#[derive(Debug)]
pub(crate) struct OpenObservation {
    pub(crate) trace: Arc<TraceState>,
    pub(crate) callsite: Arc<Callsite>,
    pub(crate) id: SpanId,
    parents: Parents,
    above: Above,
    names_the_trace: bool,
    start: MonotonicNanos,
    end: Option<MonotonicNanos>,
    first_token: Option<MonotonicNanos>,
    last_exit: Option<MonotonicNanos>,
    last_touch: MonotonicNanos,
    children: u32,
    had_children_at_exit: bool,
    entered_calm: bool,
    panicked: bool,
    cancelled: bool,
    returned: bool,
    failed: bool,
    generation_below: bool,
    kind: Option<Kind>,
    level: Option<Level>,
    /// What the fields and handle calls of this span say about the trace.
    own: Option<Box<Own>>,
    /// What held here when `seen` changes had been made: the ancestors' attributes and its own.
    inherited: Arc<TraceAttributes>,
    seen: u64,
    pub(crate) fields: Fields,
    garbage: usize,
    events: SmallVec<[EventHead; 1]>,
    links: Vec<Link>,
    dropped_events: u32,
    dropped_fields: u32,
}

/// What a new span takes from its nearest recorded ancestor.
pub(crate) struct Birth {
    pub(crate) trace: Arc<TraceState>,
    parents: Parents,
    shown_above: bool,
    inherited: Arc<TraceAttributes>,
    /// How many changes of the trace `inherited` knows.
    seen: u64,
}

impl Birth {
    /// A span with nothing recorded above it starts a trace.
    pub(crate) fn root(core: &Arc<Core>) -> Self {
        let trace = Arc::new(TraceState::new(Arc::clone(core), core.ids.trace()));
        let inherited = Arc::clone(&core.nothing);
        Self {
            trace,
            parents: Parents::default(),
            shown_above: false,
            inherited,
            seen: 0,
        }
    }
}

impl OpenObservation {
    pub(crate) fn new(birth: Birth, callsite: Arc<Callsite>, fields: Fields) -> Self {
        let Birth {
            trace,
            parents,
            shown_above,
            inherited,
            seen,
        } = birth;
        let id = trace.core.ids.span();
        let start = trace.now();
        let mut open = Self {
            id,
            parents,
            above: Above::new(&inherited, shown_above),
            names_the_trace: false,
            start,
            end: None,
            first_token: None,
            last_exit: None,
            last_touch: start,
            children: 0,
            had_children_at_exit: false,
            entered_calm: false,
            panicked: false,
            cancelled: false,
            returned: false,
            failed: false,
            generation_below: false,
            kind: None,
            level: None,
            own: None,
            inherited,
            seen,
            fields,
            garbage: 0,
            events: SmallVec::new(),
            links: Vec::new(),
            dropped_events: 0,
            dropped_fields: 0,
            trace,
            callsite,
        };
        open.weigh_trace_fields(0);
        if let Some(own) = &open.own {
            let mut merged = (*open.inherited).clone();
            merged.overlay(&own.attributes);
            open.inherited = Arc::new(merged);
        }
        if !open.above.shown && !open.callsite.hidden {
            let name = open.own_name().unwrap_or_else(|| open.callsite.name.to_owned());
            open.names_the_trace = open.trace.name_once(&name);
        }
        open
    }

    /// A child begins: what it takes from here.
    pub(crate) fn bear(&mut self) -> Birth {
        self.children = self.children.saturating_add(1);
        let shown = self.callsite.shown;
        Birth {
            trace: Arc::clone(&self.trace),
            parents: Parents::below(self.id, shown, &self.parents, self.trace.core.lanes),
            shown_above: self.above.shown || !self.callsite.hidden,
            inherited: Arc::clone(&self.inherited),
            seen: self.seen,
        }
    }

    /// Whether some span changed an attribute of the trace since those that hold here were worked out.
    pub(crate) fn is_stale(&self) -> bool {
        self.seen != self.trace.changes()
    }

    /// What this span itself says about the trace.
    pub(crate) fn own_attributes(&self) -> Option<&TraceAttributes> {
        self.own.as_ref().map(|own| &own.attributes)
    }

    /// Keeps what the ancestors said when `seen` changes had been made.
    pub(crate) fn refresh(&mut self, mut above: TraceAttributes, seen: u64) {
        self.above = Above::new(&above, self.above.shown);
        if let Some(own) = self.own_attributes() {
            above.overlay(own);
        }
        self.inherited = Arc::new(above);
        self.seen = seen;
    }

    pub(crate) fn child_closed(&mut self, generation: bool) {
        self.children = self.children.saturating_sub(1);
        self.generation_below |= generation;
    }

    pub(crate) fn entered(&mut self) {
        self.entered_calm = !std::thread::panicking();
    }

    pub(crate) fn exited(&mut self) {
        self.panicked |= self.entered_calm && std::thread::panicking();
        self.had_children_at_exit = self.children > 0;
        // Without an open child the close decides, and the clock needs not be asked.
        self.last_exit = Some(if self.had_children_at_exit {
            self.trace.now()
        } else {
            self.start
        });
    }

    /// Something was recorded: it counts for the end of a span that is left and waits for its children.
    fn touch(&mut self) {
        if self.had_children_at_exit {
            self.last_touch = self.trace.now();
        }
    }

    /// Values recorded after creation.
    pub(crate) fn record(&mut self, values: &Fields) {
        self.touch();
        let first = self.take_over(values);
        self.late(first);
    }

    /// Values through the handle.
    pub(crate) fn record_one(&mut self, write: impl FnOnce(&mut Fields)) {
        self.touch();
        let mut values = self.trace.core.sink.buffer();
        write(&mut values);
        let first = self.take_over(&values);
        self.late(first);
    }

    fn late(&mut self, first: usize) {
        if self.weigh_trace_fields(first) {
            self.trace.changed();
        }
        let renamed = self
            .fields
            .entries()
            .get(first..)
            .unwrap_or_default()
            .iter()
            .any(|entry| entry.head.role == Role::Name);
        if renamed && self.names_the_trace {
            if let Some(name) = self.own_name() {
                self.trace.rename(&name);
            }
        }
    }

    /// Appends values, each key's last one only; answers where the new ones begin.
    fn take_over(&mut self, values: &Fields) -> usize {
        let taken = values.entries().len();
        self.garbage += self.fields.supersede(values);
        let first = self.fields.entries().len();
        if first + taken > FIELD_LIMIT + self.callsite.fields.len() {
            self.dropped_fields = self
                .dropped_fields
                .saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
            return first;
        }
        self.fields.append(values, |_| {});
        if self.garbage > GARBAGE_LIMIT && self.garbage > self.fields.weight() / 2 {
            self.fields.compact();
            self.garbage = 0;
        }
        first
    }

    /// Reads what entries from `first` on say about the trace; answers whether they say anything.
    fn weigh_trace_fields(&mut self, first: usize) -> bool {
        let entries = self.fields.entries().get(first..).unwrap_or_default();
        let mut arguments: SmallVec<[usize; 2]> = SmallVec::new();
        let found = trace::take_attributes(
            &self.fields,
            entries,
            &self.callsite,
            self.above,
            &mut self.own,
            |at| arguments.push(first + at),
        );
        for at in arguments {
            if let Some(head) = self.fields.entries_mut().nth(at) {
                head.role = Role::None;
            }
        }
        found
    }

    fn own_name(&self) -> Option<String> {
        let named = self
            .fields
            .entries()
            .iter()
            .filter(|entry| entry.head.role == Role::Name && entry.head.owner == 0)
            // Of equals the last.
            .max_by_key(|entry| entry.head.trust);
        named.and_then(|entry| read::text(self.fields.value(entry)).map(std::borrow::Cow::into_owned))
    }

    /// An attribute of the trace, set here through the handle.
    pub(crate) fn set_attribute(&mut self, role: Role, set: impl FnOnce(&mut TraceAttributes)) {
        self.touch();
        self.own.get_or_insert_default().set(role, Trust::Handle, set);
        self.trace.changed();
    }

    /// An event inside the span, with values that it owns.
    pub(crate) fn event(&mut self, callsite: Arc<Callsite>, kind: EventKind, values: &Fields) {
        self.touch();
        if self.events.len() >= EVENT_LIMIT {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        let owner = u16::try_from(self.events.len() + 1).unwrap_or(u16::MAX);
        let time = self.trace.unix(self.trace.now());
        self.events.push(EventHead { time, callsite, kind });
        self.fields.append(values, |head| head.owner = owner);
    }

    /// What the function returned.
    pub(crate) fn returned(&mut self, values: &Fields) {
        self.returned = true;
        self.callsite
            .returns
            .store(true, std::sync::atomic::Ordering::Relaxed);
        self.fields.append(values, |head| {
            (head.key, head.role, head.trust, head.late) =
                (Key::Known("return"), Role::Return, Trust::Convention, true);
        });
        self.touch();
    }

    /// The error that the function returned, reported at some severity.
    pub(crate) fn failed(&mut self, level: Option<Level>, callsite: Arc<Callsite>, values: &Fields) {
        self.failed = true;
        self.escalate(level);
        self.fields.append(values, |head| {
            *head = Head {
                key: Key::Known("error"),
                role: Role::StatusMessage,
                trust: Trust::Convention,
                late: true,
                owner: 0,
            };
        });
        self.event(callsite, EventKind::Exception, values);
    }

    pub(crate) fn escalate(&mut self, level: Option<Level>) {
        self.level = self.level.max(level);
    }

    /// The message of an ERROR event: said of the span where nothing better is.
    pub(crate) fn complain(&mut self, message: Option<&str>) {
        let Some(message) = message else { return };
        let head = Head {
            key: Key::Known("event"),
            role: Role::StatusMessage,
            trust: Trust::Plain,
            late: true,
            owner: 0,
        };
        if !self
            .fields
            .entries()
            .iter()
            .any(|entry| entry.head.role == Role::StatusMessage)
        {
            self.fields.str(head, message);
        }
    }

    pub(crate) fn link(&mut self, link: Link) {
        if self.links.len() < LINK_LIMIT {
            self.links.push(link);
        }
    }

    pub(crate) fn end_now(&mut self) {
        self.end = Some(self.trace.now());
    }

    pub(crate) fn first_token_now(&mut self) {
        self.touch();
        if self.first_token.is_none() {
            self.first_token = Some(self.trace.now());
        }
    }

    pub(crate) fn set_kind(&mut self, kind: Kind) {
        self.kind = Some(kind);
    }

    pub(crate) fn cancelled(&mut self) {
        self.cancelled = true;
    }

    /// When the span ended: at its close, unless a child outlived its last exit.
    fn end_time(&self) -> MonotonicNanos {
        if let Some(end) = self.end {
            return end;
        }
        match self.last_exit {
            Some(exit) if self.had_children_at_exit => exit.max(self.last_touch),
            _ => self.trace.now(),
        }
    }

    /// The span closed, and its attributes are fresh.
    pub(crate) fn finish(self) -> Finished {
        let end = self.trace.unix(self.end_time().max(self.start));
        let cut_short = !self.returned && !self.failed && self.callsite.has_returned();
        let mut recorded = Recorded {
            trace_id: self.trace.id,
            id: self.id,
            parents: self.parents,
            shown: self.callsite.shown,
            start: self.trace.unix(self.start),
            end,
            first_token: self.first_token.map(|time| self.trace.unix(time)),
            kind: Kind::Span,
            level: self.level,
            trace: self.inherited,
            trace_name: self.trace.name(),
            fields: self.fields,
            events: self.events,
            links: self.links,
            dropped_events: self.dropped_events,
            dropped_fields: self.dropped_fields,
            callsite: self.callsite,
        };
        let outcome = if self.panicked {
            Some((Level::Error, "panicked"))
        } else if self.cancelled || cut_short {
            Some((Level::Warning, "cancelled"))
        } else {
            None
        };
        if let Some((level, message)) = outcome {
            recorded.level = recorded.level.max(Some(level));
            let head = Head {
                key: Key::Known("outcome"),
                role: Role::StatusMessage,
                trust: Trust::Plain,
                late: true,
                owner: 0,
            };
            recorded.fields.str(head, message);
        }
        let Implied { kind, said, unknown } = kind::implied(&recorded);
        recorded.kind = match self.kind {
            Some(kind) => kind,
            // The call of the model is the inner one.
            None if !said && kind == Kind::Generation && self.generation_below => Kind::Span,
            None => kind,
        };
        let generation = self.generation_below || recorded.kind == Kind::Generation;
        Finished {
            trace: self.trace,
            recorded,
            generation,
            unknown_type: unknown,
        }
    }

    pub(crate) fn lanes(&self) -> Lanes {
        self.callsite.shown
    }
}

/// A span that has ended.
pub(crate) struct Finished {
    pub(crate) trace: Arc<TraceState>,
    pub(crate) recorded: Recorded,
    /// It or something below it calls a model.
    pub(crate) generation: bool,
    /// A word in place of a type that is none.
    pub(crate) unknown_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use tracing::field::Empty;
    use tracing::info_span;

    use crate::SpanExt;
    use crate::testing::Capture;

    #[test]
    fn a_key_recorded_a_million_times_takes_the_memory_of_a_few() {
        let capture = Capture::new();
        capture.run(|| {
            let span = info_span!("work", progress = Empty, text = Empty, user_id = Empty);
            let handle = span.observation();
            for number in 0..250_000 {
                span.record("progress", number);
                span.record("text", "some text of a usual length");
                handle.metadata("a key of a usual length", number);
                handle.output("some text of a usual length");
            }
        });
        let weight = capture.observations()[0].weight();
        assert!(weight < 3 * super::GARBAGE_LIMIT, "{weight}");
    }
}
