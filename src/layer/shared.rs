//! What all callbacks share, and how they find their observation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;
use tracing::Metadata;
use tracing::span::{Attributes, Id};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::above;
use crate::diag::Diagnostics;
use crate::layer::Settings;
use crate::layer::ground::Ground;
use crate::layer::live::Live;
use crate::layer::open::{Birth, Finished, OpenObservation};
use crate::layer::roles::Callsites;
use crate::layer::roll::Found;
use crate::model::{Callsite, Lanes};

/// What all callbacks share.
pub(crate) struct Core {
    pub(super) ground: Arc<Ground>,
    /// The lanes that show no infrastructure.
    pub(super) observation_lanes: Lanes,
    pub(super) diagnostics: Diagnostics,
    level: tracing::Level,
    /// Some trace may be shown nowhere.
    samples: bool,
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
            source,
            diagnostics,
            level,
            plain_names,
            error_events,
        } = settings;
        let ground = Ground::new(source);
        Self {
            observation_lanes: ground.sink().observations(),
            diagnostics,
            level,
            samples: ground.sink().samples(),
            plain_names,
            error_events,
            callsites: Callsites::default(),
            retired: AtomicBool::new(false),
            unknown_type_said: AtomicBool::new(false),
            ground: Arc::new(ground),
        }
    }

    /// The callsite, if it is grave enough to be recorded.
    pub(super) fn callsite(&self, metadata: &'static Metadata<'static>) -> Option<&Arc<Callsite>> {
        // A level is greater when it is less grave.
        if *metadata.level() > self.level {
            return None;
        }
        Some(self.callsites.get(metadata, self.plain_names, self.ground.sink()))
    }

    /// Keeps a span's observation until it is taken. An error where another layer of ours observes the span.
    pub(super) fn keep<'a, S>(
        &self,
        id: &Id,
        span: impl FnOnce() -> Option<SpanRef<'a, S>>,
        callsite: &Callsite,
        open: OpenObservation,
    ) -> Result<(), ()>
    where
        S: LookupSpan<'a> + 'a,
    {
        let roll = &self.ground.roll;
        if !roll.holds() {
            Live::put(&mut span().ok_or(())?.extensions_mut(), open)?;
            roll.enter(id);
            return Ok(());
        }
        // Two layers see each other at the first span of each callsite.
        let is_first =
            !callsite.begun.load(Ordering::Relaxed) && !callsite.begun.swap(true, Ordering::Relaxed);
        let kept = match roll.put(id, open) {
            Ok(()) if !is_first => return Ok(()),
            put => span().ok_or(()).and_then(|span| {
                let extensions = &mut span.extensions_mut();
                match put {
                    Ok(()) => Live::mark(extensions),
                    Err(open) => Live::put(extensions, open),
                }
            }),
        };
        kept.inspect_err(|()| roll.forget(id))
    }

    /// The observation of the span with this id, if it is one of this layer's; the span is looked up only if it must be.
    #[inline]
    pub(super) fn at<'a, S, R>(
        &self,
        id: &Id,
        span: impl FnOnce() -> Option<SpanRef<'a, S>>,
        act: impl FnOnce(&mut OpenObservation) -> R,
    ) -> Option<R>
    where
        S: LookupSpan<'a> + 'a,
    {
        self.found(id, act, |act| self.in_extensions(&span()?, act))
    }

    /// The span's observation, if it is one of this layer's.
    #[inline]
    pub(super) fn on<'a, S, R>(
        &self,
        span: &SpanRef<'a, S>,
        act: impl FnOnce(&mut OpenObservation) -> R,
    ) -> Option<R>
    where
        S: LookupSpan<'a>,
    {
        self.found(&span.id(), act, |act| self.in_extensions(span, act))
    }

    /// The observation in the roll, or what `elsewhere` makes of one that may stand elsewhere.
    #[inline]
    fn found<A, R>(&self, id: &Id, act: A, elsewhere: impl FnOnce(A) -> Option<R>) -> Option<R>
    where
        A: FnOnce(&mut OpenObservation) -> R,
    {
        match self.ground.roll.find(id) {
            Found::Here(mut open) => open.as_mut().map(act),
            Found::Elsewhere => elsewhere(act),
            Found::Nowhere => None,
        }
    }

    #[cold]
    fn in_extensions<'a, S, R>(
        &self,
        span: &SpanRef<'a, S>,
        act: impl FnOnce(&mut OpenObservation) -> R,
    ) -> Option<R>
    where
        S: LookupSpan<'a>,
    {
        let mut extensions = span.extensions_mut();
        let open = Live::of_mut(&mut extensions)?;
        Arc::ptr_eq(&open.trace.ground, &self.ground).then(|| act(open))
    }

    /// The observation of the nearest recorded span, this one included.
    pub(super) fn on_nearest<'a, S, R>(
        &self,
        span: &SpanRef<'a, S>,
        act: impl FnOnce(&mut OpenObservation) -> R,
    ) -> Option<R>
    where
        S: LookupSpan<'a>,
    {
        let mut act = Some(act);
        let mut try_on = |span: &SpanRef<'a, S>| self.on(span, |open| Some(act.take()?(open))).flatten();
        // Nearly always it is this one, and `scope` would look it up again.
        try_on(span).or_else(|| span.scope().skip(1).find_map(|span| try_on(&span)))
    }

    /// Takes the observation of the span with this id out, if it is one of this layer's, with what holds for it by now.
    #[inline]
    pub(super) fn take<'a, S>(
        &self,
        id: &Id,
        span: impl FnOnce() -> Option<SpanRef<'a, S>>,
    ) -> Option<OpenObservation>
    where
        S: LookupSpan<'a> + 'a,
    {
        match self.ground.roll.find(id) {
            // Nearly always nothing has changed, and one look is enough.
            Found::Here(mut open) if open.as_ref().is_some_and(|open| !open.is_stale()) => open.take(),
            Found::Here(stale) => {
                drop(stale);
                self.take_stale(id, &span()?)
            }
            Found::Elsewhere => self.take_from_extensions(id, &span()?),
            Found::Nowhere => None,
        }
    }

    #[cold]
    fn take_from_extensions<'a, S>(&self, id: &Id, span: &SpanRef<'a, S>) -> Option<OpenObservation>
    where
        S: LookupSpan<'a>,
    {
        let mut extensions = span.extensions_mut();
        let open = Live::take(&mut extensions)?;
        let is_ours = Arc::ptr_eq(&open.trace.ground, &self.ground);
        if is_ours && !open.is_stale() {
            return Some(open);
        }
        // Nobody can have taken its place: it is the registry's lock that is held.
        Live::put(&mut extensions, open).ok()?;
        drop(extensions);
        if is_ours { self.take_stale(id, span) } else { None }
    }

    #[cold]
    fn take_stale<'a, S>(&self, id: &Id, span: &SpanRef<'a, S>) -> Option<OpenObservation>
    where
        S: LookupSpan<'a>,
    {
        self.refresh(span);
        // A set that came meanwhile came after the end.
        match self.ground.roll.find(id) {
            Found::Here(mut open) => open.take(),
            _ => Live::take(&mut span.extensions_mut()),
        }
    }

    /// The nearest recorded span, this one included.
    pub(super) fn nearest<'a, S>(&self, span: &SpanRef<'a, S>) -> Option<SpanRef<'a, S>>
    where
        S: LookupSpan<'a>,
    {
        span.scope().find(|span| self.on(span, |_| ()).is_some())
    }

    /// Whether nothing of the span's trace is shown anywhere: then nothing said in it is even written down.
    #[inline]
    pub(super) fn is_sampled_out<'a, S>(&self, span: &SpanRef<'a, S>) -> bool
    where
        S: LookupSpan<'a>,
    {
        self.samples && self.on_nearest(span, |open| !open.is_kept()).unwrap_or(false)
    }

    /// Whether an event and the span around it are turned off in every lane: then it says nothing of the span above.
    pub(super) fn is_turned_off<'a, S>(&self, event: &Callsite, span: &SpanRef<'a, S>) -> bool
    where
        S: LookupSpan<'a>,
    {
        let of_the_span = || self.callsite(span.metadata());
        !event.recorded && of_the_span().is_some_and(|callsite| callsite.shown.is_empty())
    }

    /// Brings what of the trace holds for a span up to date, if any span changed something: down from the nearest
    /// ancestor that knows of the change, so that a change costs one way through the tree and not one for each span.
    pub(super) fn refresh<'a, S>(&self, span: &SpanRef<'a, S>)
    where
        S: LookupSpan<'a>,
    {
        let stale = self.on(span, |open| open.is_stale().then(|| Arc::clone(&open.trace)));
        let Some(trace) = stale.flatten() else { return };
        let seen = trace.changes();
        let mut above = trace.attributes();
        let mut ancestors: SmallVec<[_; 16]> = SmallVec::new();
        for ancestor in span.scope().skip(1) {
            let known = self.on(&ancestor, |open| open.knows(seen));
            if let Some(Some(known)) = known {
                above = known;
                break;
            }
            ancestors.extend(known.map(|_| ancestor));
        }
        for ancestor in ancestors.iter().rev().chain([span]) {
            let refreshed = self.on(ancestor, |open| open.refresh(above.clone(), seen));
            above = refreshed.unwrap_or(above);
        }
    }

    /// What a new span takes from its nearest recorded ancestor; without one, if it takes its parent from where it begins,
    /// from the observation made by hand in whose scope that is.
    pub(super) fn birth<'a, S>(
        &self,
        attributes: &Attributes<'_>,
        current: impl FnOnce() -> Option<Id>,
        span: impl FnOnce() -> Option<SpanRef<'a, S>>,
    ) -> Birth
    where
        S: LookupSpan<'a> + 'a,
    {
        let is_contextual = attributes.is_contextual();
        let root = || Birth::root(&self.ground, above::here().filter(|_| is_contextual));
        let current = is_contextual.then(current).flatten();
        let Some(parent) = current.as_ref().or(attributes.parent()) else {
            return root();
        };
        // Nearly always the parent is recorded and nothing has changed: then one look is enough, and none at the registry's
        // spans.
        if let Found::Here(mut open) = self.ground.roll.find(parent) {
            if let Some(open) = open.as_mut().filter(|open| !open.is_stale()) {
                return open.bear();
            }
        }
        let nearest = span().and_then(|span| self.nearest(&span.parent()?));
        let born = nearest.and_then(|nearest| {
            self.refresh(&nearest);
            self.on(&nearest, OpenObservation::bear)
        });
        born.unwrap_or_else(root)
    }

    #[inline]
    pub(super) fn finished(&self, finished: Finished) {
        if let Some(word) = finished
            .unknown_type
            .filter(|_| !finished.recorded.shown.is_empty())
        {
            if !self.unknown_type_said.swap(true, Ordering::Relaxed) {
                let name = finished.recorded.callsite.name;
                self.diagnostics.say(&format!(
                    "{word:?} on span {name:?} is no observation type; its type is inferred (said once)"
                ));
            }
        }
        let sink = self.ground.sink();
        if finished.recorded.shown.is_empty() {
            sink.give_back(finished.recorded);
        } else {
            sink.finish(finished.recorded);
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use tracing::info_span;

    use crate::SpanExt;
    use crate::testing::Capture;

    #[test]
    fn a_change_is_worked_out_once_for_all_spans_that_it_reaches() {
        let capture = Capture::new();
        capture.run(|| {
            let root = info_span!("root");
            let middle = info_span!(parent: &root, "middle", langfuse.trace.tags = "its own");
            let inner = info_span!(parent: &middle, "inner");
            let leaf = info_span!(parent: &inner, "leaf");
            leaf.observation().trace().user("u");
        });
        let trace = |name: &str| ptr::from_ref(capture.find(name).unwrap().trace());
        // The leaf closes first and brings everything above it up to date.
        assert!(ptr::eq(trace("leaf"), trace("inner")) && ptr::eq(trace("inner"), trace("middle")));
        assert!(!ptr::eq(trace("middle"), trace("root")));
        assert_eq!(capture.find("leaf").unwrap().user(), Some("u"));
        assert_eq!(capture.find("root").unwrap().user(), Some("u"));
    }
}
