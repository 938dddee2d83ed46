//! Events inside spans: what a function returned, its error, a span event, an observation of its own.

use std::sync::Arc;

use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::field::{Role, Trust};
use crate::layer::Core;
use crate::layer::open::OpenObservation;
use crate::model::{Callsite, EventKind, Fields, Head, Key, Kind, Level, Severity};
use crate::read;

impl Core {
    /// An event, its values in `values`, inside `span`.
    pub(super) fn event<'a, S>(
        self: &Arc<Self>,
        span: SpanRef<'a, S>,
        callsite: Arc<Callsite>,
        values: &Fields,
    ) where
        S: LookupSpan<'a>,
    {
        if let Some(report) = Report::of(&callsite) {
            let metadata = span.metadata();
            // Only the function's own events: without this, what a hidden inner function returns would land here.
            if callsite.is_at(metadata.file(), metadata.line()) {
                self.on(&span, |open| report.apply(open, callsite, values));
                return;
            }
        }
        let Some(span) = self.nearest(span) else { return };
        let message = message(&callsite, values);
        if is_an_observation(values) {
            self.observe(&span, Arc::clone(&callsite), message.as_deref(), values);
        }
        self.on(&span, |open| {
            if callsite.severity == Severity::Error && self.error_events {
                open.escalate(Some(Level::Error));
                if let Some(message) = &message {
                    open.complain(message);
                }
            }
            open.event(callsite, EventKind::Plain, values);
        });
    }

    /// The event is an observation where observations are shown; where everything is, it stays an event of its span.
    fn observe<'a, S>(
        self: &Arc<Self>,
        span: &SpanRef<'a, S>,
        callsite: Arc<Callsite>,
        message: Option<&str>,
        values: &Fields,
    ) where
        S: LookupSpan<'a>,
    {
        let lanes = callsite.shown.intersection(self.observation_lanes);
        self.refresh(span);
        let Some(birth) = self.on(span, OpenObservation::bear) else {
            return;
        };
        let mut fields = self.sink.buffer();
        fields.append(values, |_| {});
        if let Some(message) = message {
            let name = Head {
                trust: Trust::Convention,
                ..Head::handle(Key::Known("otel.name"), Role::Name)
            };
            fields.str(name, message);
        }
        let mut open = OpenObservation::new(birth, Arc::clone(&callsite), fields);
        open.end_now();
        open.escalate(match callsite.severity {
            Severity::Error => Some(Level::Error),
            Severity::Warn => Some(Level::Warning),
            _ => None,
        });
        let mut finished = open.finish();
        finished.recorded.shown = lanes;
        self.on(span, |open| open.child_closed(false));
        if !lanes.is_empty() {
            self.sink.open();
            self.finished(finished);
        }
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
            "error" => Some(Self::Failed(match callsite.severity {
                Severity::Error => Some(Level::Error),
                Severity::Warn => Some(Level::Warning),
                _ => None,
            })),
            _ => None,
        }
    }

    fn apply(self, open: &mut OpenObservation, callsite: Arc<Callsite>, values: &Fields) {
        match self {
            Self::Returned => open.returned(values),
            Self::Failed(level) => open.failed(level, callsite, values),
        }
    }
}

fn message(callsite: &Callsite, values: &Fields) -> Option<String> {
    let is_message = |key: Key| match key {
        Key::Declared(index) => callsite
            .field(index.into())
            .is_some_and(|field| field.name == "message"),
        _ => false,
    };
    let entry = values.entries().iter().find(|entry| is_message(entry.head.key))?;
    // What a log line says is text, whatever it looks like.
    values.value(entry).as_str().map(str::to_owned)
}

fn is_an_observation(values: &Fields) -> bool {
    values
        .entries()
        .iter()
        .filter(|entry| entry.head.role == Role::Type)
        .any(|entry| {
            read::text(values.value(entry)).is_some_and(|word| Kind::from_word(&word) == Some(Kind::Event))
        })
}
