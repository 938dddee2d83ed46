//! An observation that has not ended: it stands in its layer's roll, or in its span's extensions, until the span closes.

mod brood;
mod saying;
mod told;

use std::num::NonZeroU64;
use std::sync::Arc;

use tracing::span;

use crate::above::ByHand;
use crate::clock::UnixNanos;
use crate::field::{Role, Roles, Trust};
use crate::id::SpanId;
use crate::layer::ground::Ground;
use crate::layer::kind::{self, Implied};
use crate::layer::open::brood::{Below, Brood, Place};
use crate::layer::trace::{Above, Own, TraceState};
use crate::model::{Callsite, Head, Kind, Lanes, Level, Parents, Recorded, SharedAttributes};
use crate::read;

/// One span, while it is open.
#[derive(Debug)]
pub(crate) struct OpenObservation {
    /// What will be sent of it. Its `trace` is what held here when `seen` changes had been made: the ancestors'
    /// attributes and its own.
    recorded: Box<Recorded>,
    /// Its span, if it is more than an event.
    span: Option<span::Id>,
    pub(crate) trace: Arc<TraceState>,
    seen: u64,
    /// What the fields and handle calls of this span say about the trace.
    own: Option<Arc<Own>>,
    /// What its first values say about the trace is not worked out yet: nobody is shown this span, and nobody has asked.
    owes: bool,
    /// The last exit, if children were open then, or what was recorded after it.
    waits_since: Option<NonZeroU64>,
    /// Its place below its parent.
    place: Option<Place>,
    brood: Option<Arc<Brood>>,
    above: Above,
    kind: Option<Kind>,
    names_the_trace: bool,
    entered_in_panic: bool,
    /// How often it was told that its span was left: of most exits it is not, see [`Roll`](super::roll::Roll).
    exits: u32,
    /// How many bytes nothing needs any more.
    garbage: usize,
    panicked: bool,
    cancelled: bool,
    returned: bool,
    failed: bool,
}

/// What a new span takes from its nearest recorded ancestor.
pub(crate) struct Birth {
    pub(crate) trace: Arc<TraceState>,
    parents: Parents,
    shown_above: bool,
    inherited: SharedAttributes,
    /// How many changes of the trace `inherited` knows.
    seen: u64,
    place: Option<Place>,
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
            place: None,
            trace,
        }
    }

    /// Something to record the new span into.
    pub(crate) fn blank(&self, callsite: &Arc<Callsite>) -> Box<Recorded> {
        let source = &self.trace.ground.source;
        source.sink.blank(callsite, self.trace.id, source.ids.span())
    }
}

impl OpenObservation {
    /// Begins with the fields that `recorded` has.
    pub(crate) fn new(birth: Birth, mut recorded: Box<Recorded>, span: Option<span::Id>) -> Self {
        let Birth {
            trace,
            parents,
            shown_above,
            inherited,
            seen,
            place,
        } = birth;
        let is_shown = !recorded.callsite.shown.intersection(trace.lanes).is_empty();
        if is_shown {
            recorded.start = trace.now();
        }
        let says = recorded.fields.roles().meet(Roles::HANDED_DOWN);
        recorded.parents = parents;
        recorded.trace = inherited;
        let mut open = Self {
            above: Above::new(&recorded.trace, shown_above),
            recorded,
            span,
            trace,
            seen,
            own: None,
            owes: says && !is_shown,
            waits_since: None,
            place,
            brood: None,
            kind: None,
            names_the_trace: false,
            entered_in_panic: false,
            exits: 0,
            garbage: 0,
            panicked: false,
            cancelled: false,
            returned: false,
            failed: false,
        };
        if says && is_shown {
            open.say_of_the_trace();
        }
        if !open.above.shown && !open.callsite().hidden {
            let name = open.own_name();
            let name = name.as_deref().unwrap_or(open.callsite().name);
            open.names_the_trace = open.trace.name_once(name);
        }
        open
    }

    pub(crate) fn id(&self) -> SpanId {
        self.recorded.id
    }

    fn callsite(&self) -> &Arc<Callsite> {
        &self.recorded.callsite
    }

    /// A child begins: what it takes from here.
    pub(crate) fn bear(&mut self) -> Birth {
        self.catch_up();
        let brood = self.brood.get_or_insert_with(|| {
            // When it is left with children open, it is that which ends it.
            watch(&self.span, &self.trace);
            Arc::default()
        });
        let place = Some(Place::below(brood));
        let shown = self.lanes();
        Birth {
            trace: Arc::clone(&self.trace),
            parents: Parents::below(self.id(), shown, &self.recorded.parents, self.trace.lanes),
            shown_above: self.above.shown || !self.callsite().hidden,
            inherited: self.recorded.trace.clone(),
            seen: self.seen,
            place,
        }
    }

    /// Whether some span changed an attribute of the trace since those that hold here were worked out.
    pub(crate) fn is_stale(&self) -> bool {
        self.seen != self.trace.changes()
    }

    /// What holds here, if all `seen` changes of the trace are in it.
    pub(crate) fn knows(&mut self, seen: u64) -> Option<SharedAttributes> {
        self.catch_up();
        (self.seen >= seen).then(|| self.recorded.trace.clone())
    }

    /// Keeps what the ancestors said when `seen` changes had been made; answers what holds here then.
    pub(crate) fn refresh(&mut self, above: SharedAttributes, seen: u64) -> SharedAttributes {
        self.catch_up();
        self.above = Above::new(&above, self.above.shown);
        self.recorded.trace = above;
        self.overlay_own();
        self.seen = seen;
        self.recorded.trace.clone()
    }

    /// What a panic drops may be entered once more, and that it is left then says nothing.
    pub(crate) fn entered_in_panic(&mut self) {
        self.entered_in_panic = true;
        watch(&self.span, &self.trace);
    }

    pub(crate) fn exited(&mut self) {
        if !std::mem::take(&mut self.entered_in_panic) {
            self.panicked |= std::thread::panicking();
        }
        self.exits = self.exits.saturating_add(1);
        // Without an open child the close decides, and the clock needs not be asked.
        let has_children = self.brood.as_ref().is_some_and(|brood| brood.is_open());
        self.waits_since = has_children.then(|| NonZeroU64::new(self.trace.now())).flatten();
    }

    fn own_name(&self) -> Option<String> {
        let fields = &self.recorded.fields;
        let named = fields
            .entries()
            .iter()
            .filter(|entry| entry.head.role == Role::Name && entry.head.owner == 0)
            // Of equals the last.
            .max_by_key(|entry| entry.head.trust);
        let name = named.and_then(|entry| read::message(fields.value(entry)));
        name.filter(|name| !name.is_empty())
            .map(std::borrow::Cow::into_owned)
    }

    /// When the span ended: at its close, unless that was said before, or a child outlived its last exit.
    #[inline]
    fn end_time(&self) -> UnixNanos {
        let end = match (self.recorded.end, self.waits_since) {
            (0, Some(exit)) => exit.get(),
            (0, None) => self.trace.now(),
            (said, _) => said,
        };
        end.max(self.recorded.start)
    }

    /// The span closed, and its attributes are fresh.
    #[inline]
    pub(crate) fn finish(self) -> Finished {
        // A function that is no future comes to its end; if it said nothing, its `err` was below the level.
        // One that is left more than once is a future, or several pieces of work.
        let uncounted = self.span.as_ref().map(|span| self.trace.ground.roll.close(span));
        let exits = uncounted.unwrap_or(0).saturating_add(self.exits.into());
        let cut_short = !self.returned && !self.failed && exits > 1 && self.callsite().has_returned();
        let shown = self.lanes();
        let end = (!shown.is_empty()).then(|| self.end_time());
        let mut recorded = self.recorded;
        recorded.end = end.unwrap_or(recorded.start);
        recorded.shown = shown;
        let below = self
            .brood
            .as_ref()
            .map_or_else(Below::default, |brood| brood.below());
        recorded.usage_below = below.usage;
        recorded.trace_name = self.trace.name();
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
            None if !said && kind == Kind::Generation && below.generation => Kind::Span,
            None => kind,
        };
        recorded.unknown_type = unknown.is_some();
        if let Some(place) = &self.place {
            place.tell(Below {
                generation: below.generation || recorded.kind == Kind::Generation,
                usage: below.usage || kind::reports_usage(&recorded),
            });
        }
        Finished {
            recorded,
            unknown_type: unknown,
        }
    }

    /// What it stands below, where it is not shown itself.
    pub(crate) fn parents(&self) -> &Parents {
        &self.recorded.parents
    }

    pub(crate) fn lanes(&self) -> Lanes {
        self.callsite().shown.intersection(self.trace.lanes)
    }

    /// Whether anything of its trace is shown anywhere: else what is said of it is not kept.
    pub(crate) fn is_kept(&self) -> bool {
        !self.trace.lanes.is_empty()
    }
}

/// From now on the observation is told of each exit of its span.
fn watch(span: &Option<span::Id>, trace: &TraceState) {
    if let Some(span) = span {
        trace.ground.roll.watch(span);
    }
}

/// A span that has ended.
pub(crate) struct Finished {
    pub(crate) recorded: Box<Recorded>,
    /// A word in place of a type that is none.
    pub(crate) unknown_type: Option<String>,
}
