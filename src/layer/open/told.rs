//! What is told to an open observation: values, events, results, links.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::span::Record;

use super::OpenObservation;
use crate::field::{Role, Roles, Trust};
use crate::layer::visit::{Survey, Visitor};
use crate::model::{Callsite, EventKind, Fields, Head, Kind, Level, Link, Recorded, TraceAttributes};

/// How many events of one span are kept (OpenTelemetry's default limit); the rest is counted.
const EVENT_LIMIT: usize = 128;
/// How many links one span keeps (OpenTelemetry's default limit); the rest is counted.
const LINK_LIMIT: usize = 128;

impl OpenObservation {
    /// Something was recorded: it counts for the end of a span that is left and waits for its children.
    fn touch(&mut self) {
        if let Some(since) = &mut self.waits_since {
            *since = NonZeroU64::new(self.trace.now()).unwrap_or(*since);
        }
    }

    /// Values recorded after creation, written at once if nothing has to be weighed first; answers whether that was so.
    /// Nearly always it is, and then no value is copied twice.
    pub(crate) fn record_at_once(&mut self, values: &Record<'_>) -> bool {
        if !self.is_kept() {
            return true;
        }
        let Recorded { callsite, fields, .. } = &mut *self.recorded;
        let mut survey = Survey::new(callsite);
        values.record(&mut survey);
        let is_simple = survey.is_simple && fields.is_new(survey.declared);
        if !is_simple || !fields.has_room(survey.bytes, survey.count, callsite.fields.len()) {
            return false;
        }
        values.record(&mut Visitor {
            fields,
            callsite,
            late: true,
            owner: 0,
        });
        self.touch();
        true
    }

    /// Values recorded after creation, or through the handle.
    pub(crate) fn record(&mut self, values: &Fields) {
        if !self.is_kept() {
            return;
        }
        self.touch();
        self.catch_up();
        let first = self.take_over(values);
        if values.roles().meet(Roles::HANDED_DOWN) && self.weigh_trace_fields(first) {
            self.trace.changed();
        }
        if self.names_the_trace && values.roles().meet(Roles::of(&[Role::Name])) {
            if let Some(name) = self.own_name() {
                self.trace.rename(&name);
            }
        }
    }

    /// Appends values, each key's last one only; answers where the new ones begin.
    fn take_over(&mut self, values: &Fields) -> usize {
        let declared = self.callsite().fields.len();
        let taken = self
            .recorded
            .fields
            .take_over(values, declared, &mut self.garbage);
        self.recorded.dropped_fields = self.recorded.dropped_fields.saturating_add(taken.dropped);
        taken.first
    }

    /// An attribute of the trace, set here through the handle.
    pub(crate) fn set_attribute(&mut self, role: Role, set: impl FnOnce(&mut TraceAttributes)) {
        self.touch();
        self.catch_up();
        Arc::make_mut(self.own.get_or_insert_default()).set(role, Trust::Handle, set);
        self.trace.changed();
    }

    /// An event inside the span, with values that it owns.
    pub(crate) fn event(&mut self, callsite: &Arc<Callsite>, kind: EventKind, values: &Fields) {
        if !self.is_kept() {
            return;
        }
        self.touch();
        if self.recorded.events.len() >= EVENT_LIMIT
            || !self.recorded.fields.has_room_for(values, self.garbage)
        {
            self.recorded.dropped_events = self.recorded.dropped_events.saturating_add(1);
            return;
        }
        let owner = u16::try_from(self.recorded.events.len() + 1).unwrap_or(u16::MAX);
        let time = self.trace.now();
        self.recorded.event(time, callsite, kind);
        self.recorded.fields.append(values, |head| head.owner = owner);
    }

    /// What the function returned.
    pub(crate) fn returned(&mut self, values: &Fields) {
        self.returned = true;
        self.callsite().returns.store(true, Ordering::Relaxed);
        if self.is_kept() {
            self.recorded.fields.append(values, |head| {
                *head = Head::said("return", Role::Return, Trust::Convention);
            });
            self.touch();
        }
    }

    /// The error that the function returned, reported at some severity.
    pub(crate) fn failed(&mut self, level: Option<Level>, callsite: &Arc<Callsite>, values: &Fields) {
        self.failed = true;
        if !self.is_kept() {
            return;
        }
        self.escalate(level);
        self.recorded.fields.append(values, |head| {
            *head = Head::said("error", Role::StatusMessage, Trust::Convention);
        });
        self.event(callsite, EventKind::Exception, values);
    }

    pub(crate) fn escalate(&mut self, level: Option<Level>) {
        self.recorded.level = self.recorded.level.max(level);
    }

    /// The message of an ERROR event: said of the span where nothing better is.
    pub(crate) fn complain(&mut self, message: Option<&str>) {
        let Some(message) = message else { return };
        let head = Head::said("event", Role::StatusMessage, Trust::Plain);
        if !self
            .recorded
            .fields
            .entries()
            .iter()
            .any(|entry| entry.head.role == Role::StatusMessage)
        {
            self.recorded.fields.str(head, message);
        }
    }

    pub(crate) fn link(&mut self, link: Link) {
        if self.recorded.links.len() < LINK_LIMIT {
            self.recorded.links.push(link);
        } else {
            self.recorded.dropped_links = self.recorded.dropped_links.saturating_add(1);
        }
    }

    pub(crate) fn end_now(&mut self) {
        self.recorded.end = self.trace.now();
    }

    pub(crate) fn first_token_now(&mut self) {
        self.touch();
        if self.recorded.first_token.is_none() {
            self.recorded.first_token = Some(self.trace.now());
        }
    }

    pub(crate) fn set_kind(&mut self, kind: Kind) {
        self.kind = Some(kind);
    }

    pub(crate) fn cancelled(&mut self) {
        self.cancelled = true;
    }
}

#[cfg(test)]
mod tests {
    use tracing::field::Empty;
    use tracing::info_span;

    use crate::SpanExt;
    use crate::model::GARBAGE_LIMIT;
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
        assert!(weight < 3 * GARBAGE_LIMIT, "{weight}");
    }
}
