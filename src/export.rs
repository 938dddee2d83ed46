//! The seam to a destination: one trait, what it is given, and what it can answer.

mod view;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use self::view::View;
use crate::model::{Lane, Observation, Ready, Shared, Upload};

/// The future that an export is.
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = Result<Exported, ExportError>> + Send + 'a>>;

/// A destination for finished observations.
///
/// It runs on the pipeline's own thread, inside its Tokio runtime (timers and sockets on, one thread): it may await
/// but must not block. Batching, queueing, retry and counting are the lane's, not the exporter's: one call is one
/// attempt. What the exporter does is not traced.
pub trait Exporter: Send + 'static {
    /// The name of the destination in reports: one short word.
    fn name(&self) -> &str;

    /// Sends a batch, once. The batch is never empty.
    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a>;
}

/// A destination for scores, which is served as one for observations is.
pub(crate) trait ScoreExporter: Send + 'static {
    /// Sends scores, once. There is always one at least.
    fn export<'a>(&'a mut self, scores: &'a [Box<Ready>]) -> ExportFuture<'a>;
}

/// A destination for media.
pub(crate) trait MediaExporter: Send + 'static {
    /// Brings each upload as far as it comes, once, and writes that down in it. There is always one at least. Those that failed for
    /// ever are counted in the answer; an error is said of all when one of them may be tried again.
    fn export<'a>(&'a mut self, uploads: &'a mut [Box<Upload>]) -> ExportFuture<'a>;
}

/// Which spans a destination is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Scope {
    /// All that are recorded: what OTLP backends get.
    Everything,
    /// Those that are no infrastructure: what Langfuse, the console and tests get.
    Observations,
}

/// Observations that go out together.
#[derive(Clone, Debug)]
pub struct Batch {
    observations: Vec<Shared>,
    lane: Lane,
}

impl Batch {
    pub(crate) fn new(lane: Lane, observations: Vec<Shared>) -> Self {
        Self { observations, lane }
    }

    /// The observations, in the order in which they ended.
    pub fn observations(&self) -> impl ExactSizeIterator<Item = &Observation> {
        self.observations.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observations.len()
    }

    /// Whether there are none; a lane never sends such a batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observations.is_empty()
    }

    /// The parent of one of its observations among those that this destination is shown.
    #[must_use]
    pub fn parent(&self, observation: &Observation) -> Option<crate::id::SpanId> {
        observation.parent_in(self.lane)
    }

    /// About how many bytes its observations keep.
    pub(crate) fn weight(&self) -> usize {
        self.observations().map(Observation::weight).sum()
    }

    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    pub(crate) fn into_observations(self) -> Vec<Shared> {
        self.observations
    }
}

/// A destination took the batch.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Exported {
    /// How many observations of the batch it refused nevertheless (OTLP's partial success).
    pub rejected: usize,
    /// What it said of them.
    pub message: Option<String>,
}

impl Exported {
    /// All of it.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// All but `rejected`.
    #[must_use]
    pub fn partly(rejected: usize, message: impl Into<String>) -> Self {
        Self {
            rejected,
            message: Some(message.into()),
        }
    }
}

/// A destination did not take the batch. The message never holds a key or a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportError {
    verdict: Verdict,
    message: Cow<'static, str>,
    ambiguous: bool,
}

/// What the lane does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The same again, after the lane's own back-off or what the destination asked for, whichever is longer.
    Retry { after: Option<Duration> },
    /// In halves.
    Split,
    /// Never.
    Reject,
}

impl ExportError {
    /// The same batch may be taken later.
    #[must_use]
    pub fn retry(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict: Verdict::Retry { after: None },
            message: message.into(),
            ambiguous: false,
        }
    }

    /// The batch will never be taken.
    #[must_use]
    pub fn reject(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict: Verdict::Reject,
            message: message.into(),
            ambiguous: false,
        }
    }

    /// The batch is too large; its halves may be taken.
    #[must_use]
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict: Verdict::Split,
            message: message.into(),
            ambiguous: false,
        }
    }

    /// The destination asked to wait this long before the next attempt (`Retry-After`).
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Verdict::Retry { after } = &mut self.verdict {
            *after = Some(wait);
        }
        self
    }

    /// The body was sent and no answer came: the destination may have taken it. It is sent again all the same, since
    /// a missing trace is worse than a row that the server merges later, and counted as ambiguous.
    #[must_use]
    pub fn ambiguous(mut self) -> Self {
        self.ambiguous = true;
        self
    }

    /// Whether the destination may have taken the batch.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether the same batch may be taken later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.verdict, Verdict::Retry { .. })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExportError {}
