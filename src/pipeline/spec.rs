//! Destinations as the rooms above describe them, and the lanes that become of one.

use std::sync::Arc;
use std::time::Duration;

use crate::export::{Exporter, MediaExporter, Scope, ScoreExporter, View};
use crate::id::Ids;
use crate::model::Shelf;
use crate::pipeline::Settings;
use crate::pipeline::backoff::Backoff;
use crate::pipeline::beside::Companion;
use crate::pipeline::lane::{Lane, Noun, Plan};
use crate::pipeline::parcel::{Parcel, Sender};
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
    /// What sends the media that go there.
    pub(crate) media: Option<MediaSpec>,
}

/// How the media of a destination are sent.
pub(crate) struct MediaSpec {
    /// What sends them.
    pub(crate) exporter: Box<dyn MediaExporter>,
    /// What it is known to have.
    pub(crate) shelf: Arc<Shelf>,
    /// So many are sent at once.
    pub(crate) at_once: usize,
}

/// The lanes of a destination.
pub(super) struct Opened {
    pub(super) observations: Post,
    pub(super) scores: Option<Post>,
    pub(super) media: Option<(Arc<Shelf>, Post)>,
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
            media: None,
        }
    }

    pub(super) fn companion(&self) -> Option<(String, Companion)> {
        Some((self.name.clone(), self.companion.clone()?))
    }

    /// Its lanes: that of observations, those of scores and of media.
    pub(super) fn open(self, settings: &Settings) -> Opened {
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
        let scores = self.scores.map(|exporter| {
            let name = format!("{} scores", self.name);
            let lane = lane(Noun::SCORE, &name, plan.clone());
            post(lane, Sender::Scores(exporter), self.timeout)
        });
        let media = self.media.map(|media| {
            let plan = Plan {
                // Done with together, so few; and nothing is gained by waiting for more.
                batch: media.at_once,
                batch_bytes: usize::MAX,
                interval: Duration::ZERO,
                ..plan.clone()
            };
            let lane = lane(Noun::UPLOAD, &format!("{} media", self.name), plan);
            (
                media.shelf,
                post(lane, Sender::Media(media.exporter), MEDIA_TIMEOUT),
            )
        });
        let lane = lane(Noun::OBSERVATION, &self.name, plan);
        Opened {
            observations: post(lane, Sender::Observations(self.exporter), self.timeout),
            scores,
            media,
        }
    }
}

fn lane(noun: Noun, name: &str, plan: Plan) -> Lane<Parcel> {
    let seed = u64::from_ne_bytes(Ids::Random.span().to_bytes());
    Lane::new(noun, name, plan, Backoff::new(seed.into()))
}

fn post(lane: Lane<Parcel>, sender: Sender, timeout: Duration) -> Post {
    Post {
        lane,
        sender: Some(sender),
        timeout,
    }
}

/// Several uploads of several requests, each of which has a time of its own.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(60 * 60);
