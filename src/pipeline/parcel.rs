//! What lanes carry, and what sends it.

use std::time::Duration;

use crate::export::{Batch, Exporter, MediaExporter, ScoreExporter};
use crate::model::{Lane as Number, Ready, Shared, Upload};
use crate::pipeline::attempt::{Answer, attempt};
use crate::pipeline::lane::Weigh;

/// One thing on its way. A lane carries things of one kind.
#[derive(Debug)]
pub(crate) enum Parcel {
    Observation(Shared),
    Score(Box<Ready>),
    Upload(Box<Upload>),
}

impl Weigh for Parcel {
    fn weight(&self) -> usize {
        match self {
            Self::Observation(observation) => Weigh::weight(observation),
            Self::Score(score) => score.weight(),
            Self::Upload(upload) => upload.weight(),
        }
    }
}

impl Parcel {
    pub(crate) fn observation(self) -> Option<Shared> {
        match self {
            Self::Observation(observation) => Some(observation),
            Self::Score(_) | Self::Upload(_) => None,
        }
    }

    fn score(self) -> Option<Box<Ready>> {
        match self {
            Self::Score(score) => Some(score),
            Self::Observation(_) | Self::Upload(_) => None,
        }
    }

    fn upload(self) -> Option<Box<Upload>> {
        match self {
            Self::Upload(upload) => Some(upload),
            Self::Observation(_) | Self::Score(_) => None,
        }
    }
}

/// What sends the things of a lane.
pub(crate) enum Sender {
    Observations(Box<dyn Exporter>),
    Scores(Box<dyn ScoreExporter>),
    Media(Box<dyn MediaExporter>),
}

impl Sender {
    /// Sends a portion of lane `lane`, once, and gives it back with the answer.
    pub(crate) async fn send(
        &mut self,
        lane: Number,
        portion: Vec<Parcel>,
        limit: Duration,
    ) -> (Vec<Parcel>, Answer) {
        let portion = portion.into_iter();
        match self {
            Self::Observations(exporter) => {
                let batch = Batch::new(lane, portion.filter_map(Parcel::observation).collect());
                let answer = attempt(|| exporter.export(&batch), limit).await;
                let observations = batch.into_observations().into_iter();
                (observations.map(Parcel::Observation).collect(), answer)
            }
            Self::Scores(exporter) => {
                let scores: Vec<_> = portion.filter_map(Parcel::score).collect();
                let answer = attempt(|| exporter.export(&scores), limit).await;
                (scores.into_iter().map(Parcel::Score).collect(), answer)
            }
            Self::Media(exporter) => {
                let mut uploads: Vec<_> = portion.filter_map(Parcel::upload).collect();
                let answer = attempt(|| exporter.export(&mut uploads), limit).await;
                (uploads.into_iter().map(Parcel::Upload).collect(), answer)
            }
        }
    }
}
