//! What an open observation says about its trace.

use std::sync::Arc;

use smallvec::SmallVec;

use super::OpenObservation;
use crate::field::{Role, Roles};
use crate::layer::trace::{self, Said};
use crate::model::Recorded;
use crate::read;

impl OpenObservation {
    /// Works out what it owes: nearly always that is asked for below a span that nobody is shown, or never.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        if self.owes {
            self.owes = false;
            self.say_of_the_trace();
        }
    }

    /// What the first values say about the trace, before any others come.
    pub(super) fn say_of_the_trace(&mut self) {
        let above = self.recorded.trace.clone();
        if let Some(said) = self.trace.said(&above, self.above.shown, &self.recorded.fields) {
            (self.own, self.recorded.trace) = (Some(said.own), said.together);
            return;
        }
        self.weigh_trace_fields(0);
        self.overlay_own();
        if let Some(own) = self.own.clone() {
            let together = self.recorded.trace.clone();
            self.trace.remember(Said {
                above,
                shown_above: self.above.shown,
                own,
                together,
            });
        }
    }

    /// Puts what this span itself says about the trace over what holds above.
    pub(super) fn overlay_own(&mut self) {
        if let Some(own) = &self.own {
            self.recorded.trace.make_mut().overlay(&own.attributes);
        }
    }

    /// Reads what entries from `first` on say about the trace; answers whether they say anything.
    pub(super) fn weigh_trace_fields(&mut self, first: usize) -> bool {
        if !self.recorded.fields.roles().meet(Roles::HANDED_DOWN) {
            return false;
        }
        let recorded = &*self.recorded;
        let entries = recorded.fields.entries().get(first..).unwrap_or_default();
        let mut arguments: SmallVec<[usize; 2]> = SmallVec::new();
        let found = trace::take_attributes(
            &recorded.fields,
            entries,
            &recorded.callsite,
            self.above,
            &mut self.own,
            |at| arguments.push(first + at),
        );
        let tells_prompt = entries.iter().any(|entry| entry.head.role.is_prompt_link());
        for at in arguments {
            self.recorded.fields.set_role(at, Role::None);
        }
        let prompt = tells_prompt
            .then(|| read::prompt_said(&self.recorded.fields))
            .flatten();
        let Some(prompt) = prompt else { return found };
        Arc::make_mut(self.own.get_or_insert_default()).attributes.prompt = Some(Arc::new(prompt));
        true
    }

    /// The environment of its trace, by itself or as far as it has heard from above.
    pub(crate) fn environment(&self) -> Option<Arc<str>> {
        let mut own = self.own.clone();
        if self.owes {
            let Recorded { fields, callsite, .. } = &*self.recorded;
            trace::take_attributes(fields, fields.entries(), callsite, self.above, &mut own, |_| ());
        }
        let own = own.as_ref().and_then(|own| own.attributes.environment.as_ref());
        own.or(self.recorded.trace.environment.as_ref()).cloned()
    }
}
