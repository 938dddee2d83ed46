//! All lanes with their exporters: does what the lanes say.

use std::mem;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::diag::Diagnostics;
use crate::ledger::Posting;
use crate::model::{Lane as Number, Observation, Ready, Shared, Upload};
use crate::pipeline::attempt::Failure;
use crate::pipeline::lane::{Effect, Event, Lane};
use crate::pipeline::message::{Message, Returned};
use crate::pipeline::parcel::{Parcel, Sender};
use crate::pipeline::queue::Queue;
use crate::pipeline::report::FlushReport;
use crate::sink::Sink as _;

/// A lane with what it sends through.
pub(crate) struct Post {
    pub(crate) lane: Lane<Parcel>,
    /// Away while a batch is on its way.
    pub(crate) sender: Option<Sender>,
    /// An attempt that takes longer is given up.
    pub(crate) timeout: Duration,
}

/// What each lane held when a flush reached it.
pub(crate) type Marks = Vec<u64>;

/// Every lane there is: those of observations, then those of scores, then those of media.
pub(crate) struct Posts {
    posts: Vec<Post>,
    /// How many of them are of observations.
    of_observations: usize,
    /// How many of them are of media.
    of_media: usize,
    queue: Arc<Queue>,
    /// The way back for attempts.
    outbox: UnboundedSender<Message>,
    diagnostics: Diagnostics,
    /// Every answer is said.
    verbose: bool,
    /// Empty between the steps.
    effects: Vec<Effect<Parcel>>,
}

impl Posts {
    pub(crate) fn new(
        posts: Vec<Post>,
        queue: Arc<Queue>,
        outbox: UnboundedSender<Message>,
        diagnostics: Diagnostics,
    ) -> Self {
        let is_of_observations = |post: &&Post| matches!(post.sender, Some(Sender::Observations(_)));
        let is_of_media = |post: &&Post| matches!(post.sender, Some(Sender::Media(_)));
        Self {
            of_observations: posts.iter().filter(is_of_observations).count(),
            of_media: posts.iter().filter(is_of_media).count(),
            posts,
            queue,
            outbox,
            diagnostics,
            verbose: false,
            effects: Vec::new(),
        }
    }

    /// Says every answer, if so wished.
    pub(crate) fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The number of each lane of observations.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Number> + use<> {
        let numbers: RangeFrom<Number> = 0..;
        numbers.take(self.of_observations)
    }

    /// When the first of them wants to be told of the time.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.posts.iter().filter_map(|post| post.lane.wake_at()).min()
    }

    /// Tells those of the time that wanted to know.
    pub(crate) fn wake(&mut self, now: Instant) {
        for lane in 0..self.posts.len() {
            let wake_at = self.posts.get(lane).and_then(|post| post.lane.wake_at());
            if wake_at.is_some_and(|at| at <= now) {
                self.step(lane, now, Event::Tick);
            }
        }
    }

    /// Gives a lane what was read for it.
    pub(crate) fn offer(&mut self, lane: Number, now: Instant, observations: Vec<Shared>) {
        let observations = observations.into_iter().map(Parcel::Observation);
        self.step(lane.into(), now, Event::Offered(observations.collect()));
    }

    /// Gives a lane of scores one.
    pub(crate) fn offer_score(&mut self, lane: usize, now: Instant, score: Ready) {
        let lane = self.of_observations + lane;
        self.step(lane, now, Event::Offered(vec![Parcel::Score(Box::new(score))]));
    }

    /// Gives a lane of media one, by its number among those; it is counted here.
    pub(crate) fn offer_upload(&mut self, lane: usize, now: Instant, upload: Upload) {
        let lane = self.posts.len() - self.of_media + lane;
        self.queue.post(lane, Posting::Offered(1));
        self.step(lane, now, Event::Offered(vec![Parcel::Upload(Box::new(upload))]));
    }

    /// Takes an attempt back.
    pub(crate) fn welcome(&mut self, now: Instant, returned: Returned) {
        let Returned {
            lane,
            sender,
            parcels,
            answer,
        } = returned;
        if let Some(post) = self.posts.get_mut(lane) {
            post.sender = Some(sender);
            if self.verbose {
                let (name, count) = (post.lane.name(), parcels.len());
                self.diagnostics.say(&match &answer {
                    Ok(exported) => format!(
                        "{name}: took {} of {count}",
                        count.saturating_sub(exported.rejected)
                    ),
                    Err(Failure::Answered(error)) => format!("{name}: did not take {count}: {error}"),
                    Err(Failure::Panicked) => format!("{name}: the exporter panicked over {count}"),
                });
            }
        }
        self.step(lane, now, Event::Answered(parcels, answer));
    }

    /// Has everything sent that the lanes hold, and answers how much that is.
    pub(crate) fn flush(&mut self, now: Instant) -> Marks {
        (0..self.posts.len()).for_each(|lane| self.step(lane, now, Event::Flush));
        self.posts.iter().map(|post| post.lane.mark()).collect()
    }

    /// Drops and counts everything that the lanes hold.
    pub(crate) fn stop(&mut self, now: Instant) {
        (0..self.posts.len()).for_each(|lane| self.step(lane, now, Event::Stop));
    }

    /// The exporters, to be closed; those that have a batch on its way are away.
    pub(crate) fn take_exporters(&mut self) -> Vec<Sender> {
        let senders = self.posts.iter_mut().filter_map(|post| post.sender.take());
        senders.collect()
    }

    /// Whether every lane is done with what it held, or will do nothing more about it in time.
    pub(crate) fn are_settled(&self, marks: &Marks, deadline: Option<Instant>) -> bool {
        self.posts.iter().zip(marks).all(|(post, mark)| {
            post.lane.pending(*mark) == 0 || deadline.is_some_and(|deadline| post.lane.rests_past(deadline))
        })
    }

    /// What became of everything. Without marks, when not all is read, what is queued is pending.
    pub(crate) fn report(&self, marks: Option<&Marks>) -> FlushReport {
        FlushReport::new(&self.queue.ledger(), |lane, account| {
            let mark = marks.and_then(|marks| marks.get(lane));
            match (mark, self.posts.get(lane)) {
                (Some(mark), Some(post)) => post.lane.pending(*mark),
                _ => account.queued(),
            }
        })
    }

    fn step(&mut self, lane: usize, now: Instant, event: Event<Parcel>) {
        let Some(post) = self.posts.get_mut(lane) else {
            return;
        };
        let mut effects = mem::take(&mut self.effects);
        post.lane.step(now, event, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(portion) => self.send(lane, portion),
                Effect::Count(posting) => self.queue.post(lane, posting),
                Effect::Say(line) => self.diagnostics.say(&line),
                Effect::Done(parcels) => self.recycle(parcels),
            }
        }
        self.effects = effects;
    }

    /// Starts an attempt as a task of its own, so that a destination that hangs holds up nobody.
    fn send(&mut self, lane: usize, portion: Vec<Parcel>) {
        let Some(post) = self.posts.get_mut(lane) else {
            return;
        };
        // A lane has one batch on its way at a time, so the exporter is here.
        let Some(mut sender) = post.sender.take() else {
            return;
        };
        let (timeout, outbox) = (post.timeout, self.outbox.clone());
        tokio::spawn(async move {
            let number = Number::try_from(lane).unwrap_or(Number::MAX);
            let (parcels, answer) = sender.send(number, portion, timeout).await;
            let returned = Returned {
                lane,
                sender,
                parcels,
                answer,
            };
            let _ = outbox.send(Message::Returned(returned));
        });
    }

    /// The last lane that lets go of an observation gives its buffer back.
    fn recycle(&self, parcels: Vec<Parcel>) {
        for observation in parcels.into_iter().filter_map(Parcel::observation) {
            if let Some(recorded) = Arc::into_inner(observation).map(Observation::into_recorded) {
                self.queue.give_back(recorded);
            }
        }
    }
}
