//! The seam between who observes and who delivers: where finished observations go, and whom they are shown to.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::id::{Ids, SpanId, TraceId};
use crate::model::{Callsite, Lane, Lanes, Recorded, Score, Subject};

/// Takes finished observations. Never blocks, never panics.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Every lane there is.
    fn lanes(&self) -> Lanes;

    /// Those that show observations, and no infrastructure.
    fn observations(&self) -> Lanes;

    /// The lanes that show the spans of a callsite. Asked once per callsite, so it may be slow; `callsite.shown` is
    /// not filled yet.
    fn shown(&self, callsite: &Callsite) -> Lanes;

    /// Whether a trace may be shown nowhere.
    fn samples(&self) -> bool;

    /// A trace begins: the lanes that show anything of it.
    fn sample(&self, trace: TraceId) -> Lanes;

    /// An observation began that some lane shows; it counts as open until it is given to [`finish`](Self::finish).
    fn open(&self);

    /// Takes a finished observation, or drops it and counts that.
    fn finish(&self, observation: Box<Recorded>);

    /// To be recorded into: perhaps used before.
    fn blank(&self, callsite: &Arc<Callsite>, trace: TraceId, id: SpanId) -> Box<Recorded>;

    /// Takes back what no lane shows.
    fn give_back(&self, blank: Box<Recorded>);

    /// Takes a score, or drops it and counts that. What it is of may differ between the lanes, where not all show the same; one
    /// that says itself what it is of is not asked for.
    fn score(&self, score: Score, of: &dyn Fn(Lane) -> Option<Subject>);

    /// Something was said of an observation, or of a trace, that had ended: counted, and without effect.
    fn late(&self);
}

/// What whoever observes has from the pipeline.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
