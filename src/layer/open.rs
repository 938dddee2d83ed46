//! An observation that has not ended: it lives in its span's extensions until the span closes.

mod told;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::above::ByHand;
use crate::clock::MonotonicNanos;
use crate::field::{Role, Trust};
use crate::id::SpanId;
use crate::layer::ground::Ground;
use crate::layer::kind::{self, Implied};
use crate::layer::trace::{self, Above, Own, TraceState};
use crate::model::{
    Callsite, EventHead, Fields, Head, Kind, Lanes, Level, Link, Parents, Recorded, TraceAttributes,
};
use crate::read;

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
    /// Entered more than once: what it spans is a future, or several pieces of work.
    entered_again: bool,
    panicked: bool,
    cancelled: bool,
    returned: bool,
    failed: bool,
    below: Below,
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
    dropped_links: u32,
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
    /// A span with nothing recorded above it starts a trace, or stands below an observation made by hand.
    pub(crate) fn root(ground: &Arc<Ground>, above: Option<Arc<dyn ByHand>>) -> Self {
        let trace = Arc::new(TraceState::new(Arc::clone(ground), above));
        let above = trace.above();
        // The count first: a change that comes between the two is worked out once more.
        let seen = trace.changes();
        Self {
            parents: above.map(|above| above.parents()).unwrap_or_default(),
            shown_above: above.is_some(),
            inherited: trace.attributes(),
            seen,
            trace,
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
        let id = trace.ground.source.ids.span();
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
            entered_again: false,
            panicked: false,
            cancelled: false,
            returned: false,
            failed: false,
            below: Below::default(),
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
            dropped_links: 0,
            trace,
            callsite,
        };
        open.weigh_trace_fields(0);
        open.inherited = open.with_own(Arc::clone(&open.inherited));
        if !open.above.shown && !open.callsite.hidden {
            let name = open.own_name().unwrap_or_else(|| open.callsite.name.to_owned());
            open.names_the_trace = open.trace.name_once(&name);
        }
        open
    }

    /// A child begins: what it takes from here.
    pub(crate) fn bear(&mut self) -> Birth {
        self.children = self.children.saturating_add(1);
        let shown = self.lanes();
        Birth {
            trace: Arc::clone(&self.trace),
            parents: Parents::below(self.id, shown, &self.parents, self.trace.lanes),
            shown_above: self.above.shown || !self.callsite.hidden,
            inherited: Arc::clone(&self.inherited),
            seen: self.seen,
        }
    }

    /// Whether some span changed an attribute of the trace since those that hold here were worked out.
    pub(crate) fn is_stale(&self) -> bool {
        self.seen != self.trace.changes()
    }

    /// What holds here, if all `seen` changes of the trace are in it.
    pub(crate) fn knows(&self, seen: u64) -> Option<Arc<TraceAttributes>> {
        (self.seen >= seen).then(|| Arc::clone(&self.inherited))
    }

    /// Keeps what the ancestors said when `seen` changes had been made; answers what holds here then.
    pub(crate) fn refresh(&mut self, above: Arc<TraceAttributes>, seen: u64) -> Arc<TraceAttributes> {
        self.above = Above::new(&above, self.above.shown);
        self.inherited = self.with_own(above);
        self.seen = seen;
        Arc::clone(&self.inherited)
    }

    /// What holds above, overlaid with what this span itself says about the trace.
    fn with_own(&self, above: Arc<TraceAttributes>) -> Arc<TraceAttributes> {
        let Some(own) = &self.own else { return above };
        let mut merged = (*above).clone();
        merged.overlay(&own.attributes);
        Arc::new(merged)
    }

    pub(crate) fn child_closed(&mut self, below: Below) {
        self.children = self.children.saturating_sub(1);
        self.below.generation |= below.generation;
        self.below.usage |= below.usage;
    }

    pub(crate) fn entered(&mut self) {
        self.entered_again = self.last_exit.is_some();
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
        let name = named.and_then(|entry| read::message(self.fields.value(entry)));
        name.filter(|name| !name.is_empty())
            .map(std::borrow::Cow::into_owned)
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
        // A function that is no future comes to its end; if it said nothing, its `err` was below the level.
        let cut_short = !self.returned && !self.failed && self.entered_again && self.callsite.has_returned();
        let shown = self.lanes();
        let mut recorded = Recorded {
            trace_id: self.trace.id,
            id: self.id,
            parents: self.parents,
            shown,
            start: self.trace.unix(self.start),
            end,
            first_token: self.first_token.map(|time| self.trace.unix(time)),
            kind: Kind::Span,
            unknown_type: false,
            usage_below: self.below.usage,
            level: self.level,
            trace: self.inherited,
            trace_name: self.trace.name(),
            fields: self.fields,
            events: self.events,
            links: self.links,
            dropped_events: self.dropped_events,
            dropped_fields: self.dropped_fields,
            dropped_links: self.dropped_links,
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
            let head = Head::said("outcome", Role::StatusMessage, Trust::Plain);
            recorded.fields.str(head, message);
        }
        let Implied { kind, said, unknown } = kind::implied(&recorded);
        recorded.kind = match self.kind {
            Some(kind) => kind,
            // The call of the model is the inner one.
            None if !said && kind == Kind::Generation && self.below.generation => Kind::Span,
            None => kind,
        };
        recorded.unknown_type = unknown.is_some();
        let below = Below {
            generation: self.below.generation || recorded.kind == Kind::Generation,
            usage: self.below.usage || kind::reports_usage(&recorded),
        };
        Finished {
            recorded,
            below,
            unknown_type: unknown,
        }
    }

    pub(crate) fn lanes(&self) -> Lanes {
        self.callsite.shown.intersection(self.trace.lanes)
    }

    /// Whether anything of its trace is shown anywhere: else what is said of it is not kept.
    pub(crate) fn is_kept(&self) -> bool {
        !self.trace.lanes.is_empty()
    }
}

/// What there is among the observations below one that have ended.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Below {
    /// A call of a model.
    pub(crate) generation: bool,
    /// Usage or cost that counts.
    pub(crate) usage: bool,
}

/// A span that has ended.
pub(crate) struct Finished {
    pub(crate) recorded: Recorded,
    /// What its parent has below it for its sake.
    pub(crate) below: Below,
    /// A word in place of a type that is none.
    pub(crate) unknown_type: Option<String>,
}
