//! What all callbacks share, and how they find their observation.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Metadata;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::clock::Clock;
use crate::diag::Diagnostics;
use crate::id::Ids;
use crate::layer::Settings;
use crate::layer::open::{Birth, Finished, OpenObservation};
use crate::layer::roles::{self, Callsites};
use crate::model::{Callsite, Fields, Lanes, Severity, TraceAttributes};
use crate::sink::Sink;

/// What all callbacks share.
pub(crate) struct Core {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) lanes: Lanes,
    /// The attributes of a trace that has none.
    pub(crate) nothing: Arc<TraceAttributes>,
    /// The lanes that show no infrastructure.
    pub(super) observation_lanes: Lanes,
    pub(super) diagnostics: Diagnostics,
    severity: Severity,
    plain_names: bool,
    pub(super) error_events: bool,
    pub(super) callsites: Callsites,
    /// Another layer of ours was here first.
    pub(super) retired: AtomicBool,
    unknown_type_said: AtomicBool,
}

impl Core {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings {
            sink,
            clock,
            ids,
            diagnostics,
            level,
            plain_names,
            error_events,
        } = settings;
        let lanes = sink.lanes();
        let infrastructure = Callsite {
            hidden: true,
            ..Callsite::default()
        };
        Self {
            observation_lanes: lanes.without(sink.shown(&infrastructure)),
            lanes,
            clock,
            ids,
            nothing: Arc::default(),
            diagnostics,
            severity: roles::severity(level),
            plain_names,
            error_events,
            callsites: Callsites::default(),
            retired: AtomicBool::new(false),
            unknown_type_said: AtomicBool::new(false),
            sink,
        }
    }

    /// The callsite, if it is grave enough to be recorded.
    pub(super) fn callsite(&self, metadata: &'static Metadata<'static>) -> Option<Arc<Callsite>> {
        if roles::severity(*metadata.level()) < self.severity {
            return None;
        }
        Some(self.callsites.get(metadata, self.plain_names, &*self.sink))
    }

    /// The span's observation, if it is one of this layer's.
    pub(super) fn on<'a, S, R>(
        self: &Arc<Self>,
        span: &SpanRef<'a, S>,
        act: impl FnOnce(&mut OpenObservation) -> R,
    ) -> Option<R>
    where
        S: LookupSpan<'a>,
    {
        let mut extensions = span.extensions_mut();
        let open = extensions.get_mut::<OpenObservation>()?;
        Arc::ptr_eq(&open.trace.core, self).then(|| act(open))
    }

    /// Takes the span's observation out, if it is one of this layer's.
    pub(super) fn take<'a, S>(self: &Arc<Self>, span: &SpanRef<'a, S>) -> Option<OpenObservation>
    where
        S: LookupSpan<'a>,
    {
        let mut extensions = span.extensions_mut();
        let open = extensions.get_mut::<OpenObservation>()?;
        let is_own = Arc::ptr_eq(&open.trace.core, self);
        is_own.then(|| extensions.remove()).flatten()
    }

    /// The nearest recorded span, this one included.
    pub(super) fn nearest<'a, S>(self: &Arc<Self>, span: SpanRef<'a, S>) -> Option<SpanRef<'a, S>>
    where
        S: LookupSpan<'a>,
    {
        span.scope().find(|span| self.on(span, |_| ()).is_some())
    }

    /// Brings what of the trace holds for a span up to date, by way of its ancestors if any span changed something.
    pub(super) fn refresh<'a, S>(self: &Arc<Self>, span: &SpanRef<'a, S>)
    where
        S: LookupSpan<'a>,
    {
        let stale = self.on(span, |open| open.is_stale().then(|| Arc::clone(&open.trace)));
        let Some(trace) = stale.flatten() else { return };
        let seen = trace.changes();
        let mut above = TraceAttributes::default();
        let ancestors = span
            .parent()
            .into_iter()
            .flat_map(|parent| parent.scope().from_root());
        for ancestor in ancestors {
            self.on(&ancestor, |open| {
                if let Some(own) = open.own_attributes() {
                    above.overlay(own);
                }
            });
        }
        self.on(span, |open| open.refresh(above, seen));
    }

    /// What a span takes from its nearest recorded ancestor.
    pub(super) fn birth<'a, S>(self: &Arc<Self>, parent: Option<SpanRef<'a, S>>) -> Birth
    where
        S: LookupSpan<'a>,
    {
        let parent = parent.and_then(|parent| self.nearest(parent));
        let born = parent.and_then(|parent| {
            self.refresh(&parent);
            self.on(&parent, OpenObservation::bear)
        });
        born.unwrap_or_else(|| Birth::root(self))
    }

    pub(super) fn finished(&self, finished: Finished) {
        if let Some(word) = finished.unknown_type {
            if !self.unknown_type_said.swap(true, Ordering::Relaxed) {
                let name = finished.recorded.callsite.name;
                self.diagnostics.say(&format!(
                    "{word:?} on span {name:?} is no observation type; its type is inferred (said once)"
                ));
            }
        }
        self.sink.finish(finished.recorded);
    }
}

/// Lends a buffer of this thread. Taken out, never borrowed: a user's `Debug` that logs finds an empty cell.
pub(super) fn with_scratch(act: impl FnOnce(&mut Fields)) {
    thread_local! {
        static SCRATCH: Cell<Option<Fields>> = const { Cell::new(None) };
    }
    /// A buffer that one huge value has blown up is not kept.
    const KEEP: usize = 64 * 1024;

    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    act(&mut scratch);
    scratch.clear();
    if scratch.capacity() <= KEEP {
        let _ = SCRATCH.try_with(|cell| cell.set(Some(scratch)));
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
