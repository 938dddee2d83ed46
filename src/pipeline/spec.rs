//! Destinations as the rooms above describe them, and the lanes that become of one.

use std::time::Duration;

use crate::export::{Exporter, Scope, ScoreExporter, View};
use crate::id::Ids;
use crate::pipeline::Settings;
use crate::pipeline::backoff::Backoff;
use crate::pipeline::beside::Companion;
use crate::pipeline::lane::{Lane, Noun, Plan};
use crate::pipeline::parcel::Sender;
use crate::pipeline::posts::Post;

/// One destination and how it is served.
pub(crate) struct LaneSpec {
    /// Its name in reports and lines.
    pub(crate) name: String,
    /// What sends.
    pub(crate) exporter: Box<dyn Exporter>,
    /// Which spans it is shown.
    pub(crate) view: View,
    /// So many observations are a full batch, which is sent at once.
    pub(crate) batch: usize,
    /// And so many bytes.
    pub(crate) batch_bytes: usize,
    /// A batch that is not full is sent after this long; zero is at once.
    pub(crate) interval: Duration,
    /// An attempt that takes longer is given up and made again.
    pub(crate) timeout: Duration,
    /// What whoever opened it keeps beside it.
    pub(crate) companion: Option<Companion>,
    /// What sends the scores that go there.
    pub(crate) scores: Option<Box<dyn ScoreExporter>>,
}

impl LaneSpec {
    /// OpenTelemetry's own batch size.
    pub(crate) const DEFAULT_BATCH: usize = 512;

    /// 4 MiB: below what proxies commonly let pass, so that the usual batch is not cut in halves on the wire.
    pub(crate) const DEFAULT_BATCH_BYTES: usize = 4 * 1024 * 1024;

    /// OpenTelemetry's own interval, and that of Langfuse's SDKs.
    pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

    /// OTLP's own limit of an attempt.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// A destination with the usual numbers.
    pub(crate) fn new(exporter: Box<dyn Exporter>, scope: Scope) -> Self {
        Self {
            name: exporter.name().to_owned(),
            exporter,
            view: scope.into(),
            batch: Self::DEFAULT_BATCH,
            batch_bytes: Self::DEFAULT_BATCH_BYTES,
            interval: Self::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
            companion: None,
            scores: None,
        }
    }

    pub(super) fn companion(&self) -> Option<(String, Companion)> {
        Some((self.name.clone(), self.companion.clone()?))
    }

    /// The lane, and the one of its scores.
    pub(super) fn open(self, settings: &Settings) -> (Post, Option<Post>) {
        let plan = Plan {
            batch: self.batch,
            batch_bytes: self.batch_bytes,
            interval: if settings.immediate {
                Duration::ZERO
            } else {
                self.interval
            },
            bytes: settings.queue_bytes,
            count: settings.queue_count,
        };
        let post = |noun, name: &str, plan, sender| {
            let seed = u64::from_ne_bytes(Ids::Random.span().to_bytes());
            Post {
                lane: Lane::new(noun, name, plan, Backoff::new(seed.into())),
                sender: Some(sender),
                timeout: self.timeout,
            }
        };
        let scores = self.scores.map(|exporter| {
            let name = format!("{} scores", self.name);
            post(Noun::SCORE, &name, plan.clone(), Sender::Scores(exporter))
        });
        let sender = Sender::Observations(self.exporter);
        (post(Noun::OBSERVATION, &self.name, plan, sender), scores)
    }
}
