//! The media of what the worker reads, on their way to the lanes.

use std::sync::Arc;
use std::time::Instant;

use crate::model::{Lane, Observation, Recorded, Shelf, Upload};
use crate::pipeline::posts::Posts;
use crate::process::MediaTaker;

/// Takes media out of observations and gives them to their lanes.
pub(crate) struct Uploads {
    taker: MediaTaker,
    /// Each with the number of its lane among those of media.
    waiting: Vec<(usize, Upload)>,
}

impl Uploads {
    /// For these projects: the lane of their observations, and what they have.
    pub(crate) fn new(projects: Vec<(Lane, Arc<Shelf>)>) -> Self {
        Self {
            taker: MediaTaker::new(projects),
            waiting: Vec::new(),
        }
    }

    /// Before an observation is read.
    pub(crate) fn take(&mut self, recorded: &mut Recorded) {
        self.taker.take(recorded);
    }

    /// When it is whole; answers how many of its media are sent nowhere.
    pub(crate) fn add(&mut self, observation: &Observation) -> usize {
        let (uploads, unsent) = self.taker.uploads(observation);
        self.waiting.extend(uploads);
        unsent
    }

    /// Gives the lanes what was added.
    pub(crate) fn offer(&mut self, posts: &mut Posts, now: Instant) {
        for (lane, upload) in self.waiting.drain(..) {
            posts.offer_upload(lane, now, upload);
        }
    }
}
