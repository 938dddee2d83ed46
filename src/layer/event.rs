//! Events inside spans: what a function returned, its error, a span event, an observation of its own.

use std::sync::Arc;

use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::field::{Role, Roles, Trust};
use crate::layer::open::OpenObservation;
use crate::layer::shared::Core;
use crate::model::{Callsite, Entry, EventKind, Fields, Key, Kind, Level, Severity};
use crate::read;

impl Core {
    /// An event, its values in `values`, inside `span`.
    pub(super) fn event<'a, S>(&self, span: &SpanRef<'a, S>, callsite: &Arc<Callsite>, values: &mut Fields)
    where
        S: LookupSpan<'a>,
    {
        if let Some(report) = Report::of(callsite) {
            let metadata = span.metadata();
            // Only the function's own events: without this, what a hidden inner function returns would land here.
            // One whose span is not recorded is an event like any other, as it is when that span was not even made:
            // what a neighbour wants to see must not change what is shown here.
            if callsite.is_at(metadata.file(), metadata.line())
                && self
                    .on(span, |open| report.apply(open, callsite, values))
                    .is_some()
            {
                return;
            }
            if matches!(report, Report::Returned) {
                // Content it stays, whoever returned it.
                (0..values.entries().len()).for_each(|index| values.set_role(index, Role::Return));
            }
        }
        let values = &*values;
        if is_an_observation(values) {
            if let Some(span) = self.nearest(span) {
                self.observe(&span, callsite, values);
            }
        }
        if callsite.tells_the_span {
            // Not one of the sink's buffers: none of those that it lends for a span would come back from here.
            let mut told = Fields::default();
            told.append(values, |head| head.key = known(callsite, head.key));
            self.on_nearest(span, |open| open.record(&told));
            return;
        }
        let message = (callsite.severity == Severity::Error)
            .then(|| text_of(callsite, values, "message").or_else(|| text_of(callsite, values, "error")));
        self.on_nearest(span, |open| {
            if let Some(message) = message.filter(|_| self.error_events) {
                open.escalate(Some(Level::Error));
                open.complain(message.as_deref());
            }
            open.event(callsite, EventKind::Plain, values);
        });
    }

    /// The event is an observation where observations are shown; where everything is, it stays an event of its span.
    fn observe<'a, S>(&self, span: &SpanRef<'a, S>, callsite: &Arc<Callsite>, values: &Fields)
    where
        S: LookupSpan<'a>,
    {
        self.refresh(span);
        let Some(birth) = self.on(span, OpenObservation::bear) else {
            return;
        };
        let of_observations = callsite.shown.intersection(self.observation_lanes);
        let lanes = of_observations.intersection(birth.trace.lanes);
        let mut recorded = birth.blank(callsite);
        recorded.fields.append(values, |head| {
            if is_named(callsite, head.key, "message") {
                (head.role, head.trust) = (Role::Name, Trust::Convention);
            }
        });
        let mut open = OpenObservation::new(birth, recorded, None);
        open.end_now();
        open.escalate(callsite.severity.level());
        let mut finished = open.finish();
        finished.recorded.shown = lanes;
        if !lanes.is_empty() {
            self.ground.sink().open();
        }
        self.finished(finished);
    }
}

/// What `#[instrument(ret, err)]` reports by an event.
#[derive(Clone, Copy)]
enum Report {
    Returned,
    Failed(Option<Level>),
}

impl Report {
    fn of(callsite: &Callsite) -> Option<Self> {
        let [field] = &callsite.fields[..] else {
            return None;
        };
        match field.name {
            "return" => Some(Self::Returned),
            "error" => Some(Self::Failed(callsite.severity.level())),
            _ => None,
        }
    }

    fn apply(self, open: &mut OpenObservation, callsite: &Arc<Callsite>, values: &Fields) {
        match self {
            Self::Returned => open.returned(values),
            Self::Failed(level) => open.failed(level, callsite, values),
        }
    }
}

/// The text of an event's field. What a log line says is text, whatever it looks like.
fn text_of(callsite: &Callsite, values: &Fields, name: &str) -> Option<String> {
    let entries = values.entries().iter();
    let mut named = entries.filter(|entry| is_named(callsite, entry.head.key, name));
    values.value(named.next()?).as_str().map(str::to_owned)
}

/// A key of an event's callsite, as one that stands for itself.
fn known(callsite: &Callsite, key: Key) -> Key {
    match key {
        Key::Declared(index) => Key::Known(callsite.field(index.into()).map_or("", |field| field.name)),
        other => other,
    }
}

fn is_named(callsite: &Callsite, key: Key, name: &str) -> bool {
    match key {
        Key::Declared(index) => callsite
            .field(index.into())
            .is_some_and(|field| field.name == name),
        _ => false,
    }
}

fn is_an_observation(values: &Fields) -> bool {
    let is_event = |entry: &Entry| {
        let word = (entry.head.role == Role::Type).then(|| read::text(values.value(entry)));
        word.flatten()
            .is_some_and(|word| Kind::from_word(&word) == Some(Kind::Event))
    };
    values.roles().meet(Roles::of(&[Role::Type])) && values.entries().iter().any(is_event)
}
