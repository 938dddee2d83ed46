//! The worker: one thread that reads what has ended and hands it to the lanes. One inbox, one loop.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::diag::Diagnostics;
use crate::export::{Batch, Exporter};
use crate::ledger::{Loss, Posting};
use crate::model::{Lane as Number, Recorded, Shared};
use crate::pipeline::attempt::{Answer, attempt};
use crate::pipeline::caught;
use crate::pipeline::lane::{Effect, Event, Lane};
use crate::pipeline::queue::Queue;
use crate::pipeline::report::FlushReport;
use crate::pipeline::say;
use crate::process::Masker;
use crate::read::Reader;

/// How long the worker waits for more after the first observation: one wake-up serves a whole burst, and 50 ms are
/// nothing beside the interval of a batch.
const LINGER: Duration = Duration::from_millis(50);

/// So many observations are read before the worker looks at its inbox and lets the exporters run.
const SLICE: usize = 64;

/// What the worker is told.
pub(crate) enum Message {
    /// The queue is no longer empty.
    Work,
    /// The queue fills up.
    Hurry,
    /// Send everything that has ended.
    Flush(Flush),
    /// An attempt is over.
    Answered {
        lane: usize,
        exporter: Box<dyn Exporter>,
        batch: Batch,
        answer: Answer,
    },
}

/// A wish to have everything sent.
pub(crate) struct Flush {
    /// It is answered by then, with what is known. None is never.
    pub(crate) deadline: Option<Instant>,
    /// The worker ends with it.
    pub(crate) stop: bool,
    /// Called once, on the worker.
    pub(crate) reply: Reply,
}

/// Where the answer to a flush goes.
pub(crate) type Reply = Box<dyn FnOnce(FlushReport) + Send>;

/// A lane with what it sends through.
pub(crate) struct Post {
    pub(crate) lane: Lane,
    /// Away while a batch is on its way.
    pub(crate) exporter: Option<Box<dyn Exporter>>,
    /// An attempt that takes longer is given up.
    pub(crate) timeout: Duration,
}

/// The state of the thread.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    inbox: UnboundedReceiver<Message>,
    /// The way back for attempts.
    outbox: UnboundedSender<Message>,
    posts: Vec<Post>,
    reader: Reader,
    masker: Masker,
    diagnostics: Diagnostics,
    /// Taken from the queue, not read yet.
    hand: VecDeque<Recorded>,
    /// When to take from the queue.
    take_at: Option<Instant>,
    /// How many observations have been read.
    read: u64,
    /// The queue refused something; it was said then.
    refusing: bool,
    flushes: Vec<Pending>,
    /// What was read for each lane, empty between the slices.
    offers: Vec<Vec<Shared>>,
    /// Empty between the steps.
    effects: Vec<Effect>,
}

/// A flush that waits.
struct Pending {
    flush: Flush,
    /// It has reached the lanes when so many have been read.
    after: u64,
    /// What each lane held then.
    marks: Option<Vec<u64>>,
}

impl Worker {
    pub(crate) fn new(
        queue: Arc<Queue>,
        inbox: UnboundedReceiver<Message>,
        outbox: UnboundedSender<Message>,
        posts: Vec<Post>,
        reader: Reader,
        diagnostics: Diagnostics,
    ) -> Self {
        Self {
            queue,
            inbox,
            outbox,
            offers: posts.iter().map(|_| Vec::new()).collect(),
            posts,
            reader,
            masker: Masker::default(),
            diagnostics,
            hand: VecDeque::new(),
            take_at: None,
            read: 0,
            refusing: false,
            flushes: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        loop {
            if let Some(message) = self.next().await {
                self.hear(message);
            }
            let now = Instant::now();
            if self.take_at.is_some_and(|at| at <= now) {
                self.take();
            }
            self.read_slice(now);
            self.wake_lanes(now);
            self.mark_flushes(now);
            if self.answer_flushes(now) {
                return self.end(now);
            }
        }
    }

    /// The next message, or nothing when there is something to do without one.
    async fn next(&mut self) -> Option<Message> {
        if !self.hand.is_empty() {
            // The exporters' turn; a burst that takes seconds to read must not keep them from their sockets.
            tokio::task::yield_now().await;
            return self.inbox.try_recv().ok();
        }
        let Some(at) = self.wake_at() else {
            return self.inbox.recv().await;
        };
        let message = tokio::time::timeout_at(at.into(), self.inbox.recv()).await;
        message.ok().flatten()
    }

    fn wake_at(&self) -> Option<Instant> {
        let lanes = self.posts.iter().filter_map(|post| post.lane.wake_at());
        let flushes = self.flushes.iter().filter_map(|pending| pending.flush.deadline);
        lanes.chain(flushes).chain(self.take_at).min()
    }

    fn hear(&mut self, message: Message) {
        let now = Instant::now();
        match message {
            Message::Work => {
                self.take_at.get_or_insert(now + LINGER);
            }
            Message::Hurry => self.take_at = Some(now),
            Message::Flush(flush) => {
                self.take();
                self.flushes.push(Pending {
                    flush,
                    after: self.read + self.hand.len() as u64,
                    marks: None,
                });
            }
            Message::Answered {
                lane,
                exporter,
                batch,
                answer,
            } => {
                if let Some(post) = self.posts.get_mut(lane) {
                    post.exporter = Some(exporter);
                }
                self.step(lane, now, Event::Answered(batch, answer));
            }
        }
    }

    fn take(&mut self) {
        self.take_at = None;
        let refused = self.queue.take(&mut self.hand);
        if refused > 0 && !self.refusing {
            self.say(&format!(
                "spans end faster than they are read: {refused} dropped, the newest first"
            ));
        }
        self.refusing = refused > 0;
    }

    /// Reads some of what is in hand and offers it to the lanes that show it.
    fn read_slice(&mut self, now: Instant) {
        let (mut bytes, mut count) = (0, 0);
        for recorded in self.hand.drain(..SLICE.min(self.hand.len())) {
            bytes += recorded.weight();
            count += 1;
            let shown = recorded.shown;
            // Nothing here should panic; should it nevertheless, it costs one observation and not all that follow.
            let read = || {
                let mut observation = self.reader.read(recorded);
                self.masker.mask(&mut observation);
                observation
            };
            let Some(observation) = caught(read) else {
                (self.reader, self.masker) = Default::default();
                self.queue.post_all(shown, Posting::Lost(Loss::Panicked, 1));
                continue;
            };
            let observation = Shared::new(observation);
            let numbers: std::ops::RangeFrom<Number> = 0..;
            for (_, offer) in numbers
                .zip(&mut self.offers)
                .filter(|(lane, _)| shown.contains(*lane))
            {
                offer.push(observation.clone());
            }
        }
        if count == 0 {
            return;
        }
        self.read += count as u64;
        self.queue.release(bytes, count);
        for lane in 0..self.posts.len() {
            let offer = self.offers.get_mut(lane).map(mem::take).unwrap_or_default();
            if !offer.is_empty() {
                self.step(lane, now, Event::Offered(offer));
            }
        }
    }

    fn wake_lanes(&mut self, now: Instant) {
        for lane in 0..self.posts.len() {
            let wake_at = self.posts.get(lane).and_then(|post| post.lane.wake_at());
            if wake_at.is_some_and(|at| at <= now) {
                self.step(lane, now, Event::Tick);
            }
        }
    }

    /// Tells the lanes of the flushes for which all has been read.
    fn mark_flushes(&mut self, now: Instant) {
        let read = self.read;
        let is_read = |pending: &Pending| pending.marks.is_none() && pending.after <= read;
        if !self.flushes.iter().any(is_read) {
            return;
        }
        for lane in 0..self.posts.len() {
            self.step(lane, now, Event::Flush);
        }
        let marks: Vec<_> = self.posts.iter().map(|post| post.lane.mark()).collect();
        for pending in self.flushes.iter_mut().filter(|pending| is_read(pending)) {
            pending.marks = Some(marks.clone());
        }
    }

    /// Answers the flushes that are over; true when one of them was the last.
    fn answer_flushes(&mut self, now: Instant) -> bool {
        let flushes = mem::take(&mut self.flushes);
        let (over, rest): (Vec<_>, _) = flushes
            .into_iter()
            .partition(|pending| self.is_over(pending, now));
        self.flushes = rest;
        let (stops, over): (Vec<_>, Vec<_>) = over.into_iter().partition(|pending| pending.flush.stop);
        for pending in over {
            let report = self.report(pending.marks.as_deref());
            reply(pending.flush.reply, report);
        }
        let is_last = !stops.is_empty();
        self.flushes.extend(stops);
        is_last
    }

    /// Whether everything is settled, or nothing more will be in its time.
    fn is_over(&self, pending: &Pending, now: Instant) -> bool {
        let deadline = pending.flush.deadline;
        if deadline.is_some_and(|deadline| deadline <= now) {
            return true;
        }
        let Some(marks) = &pending.marks else {
            return false;
        };
        self.posts.iter().zip(marks).all(|(post, mark)| {
            post.lane.pending(*mark) == 0 || deadline.is_some_and(|deadline| post.lane.rests_past(deadline))
        })
    }

    fn report(&self, marks: Option<&[u64]>) -> FlushReport {
        FlushReport::new(&self.queue.ledger(), |lane, account| {
            let mark = marks.and_then(|marks| marks.get(lane));
            match (mark, self.posts.get(lane)) {
                (Some(mark), Some(post)) => post.lane.pending(*mark),
                // Not all is read: what is queued is pending.
                _ => account.queued(),
            }
        })
    }

    fn step(&mut self, lane: usize, now: Instant, event: Event) {
        let Some(post) = self.posts.get_mut(lane) else {
            return;
        };
        let mut effects = mem::take(&mut self.effects);
        post.lane.step(now, event, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(batch) => self.send(lane, batch),
                Effect::Count(posting) => self.queue.post(lane, posting),
                Effect::Say(line) => self.say(&line),
                Effect::Done(observations) => self.recycle(observations),
            }
        }
        self.effects = effects;
    }

    /// Starts an attempt as a task of its own, so that a destination that hangs holds up nobody.
    fn send(&mut self, lane: usize, batch: Batch) {
        let Some(post) = self.posts.get_mut(lane) else {
            return;
        };
        // A lane has one batch on its way at a time, so the exporter is here.
        let Some(mut exporter) = post.exporter.take() else {
            return;
        };
        let (timeout, outbox) = (post.timeout, self.outbox.clone());
        tokio::spawn(async move {
            let answer = attempt(exporter.as_mut(), &batch, timeout).await;
            let _ = outbox.send(Message::Answered {
                lane,
                exporter,
                batch,
                answer,
            });
        });
    }

    /// The last lane that lets go of an observation gives its buffer back.
    fn recycle(&self, observations: Vec<Shared>) {
        for observation in observations.into_iter().filter_map(Arc::into_inner) {
            self.queue.give_back(observation.into_fields());
        }
    }

    /// Counts what is left, says how much that is, and answers everybody.
    fn end(mut self, now: Instant) {
        self.queue.close("the pipeline was shut down");
        self.inbox.close();
        self.take();
        for recorded in mem::take(&mut self.hand) {
            let lost = Posting::Lost(Loss::Shutdown, 1);
            self.queue.post_all(recorded.shown, lost);
        }
        for lane in 0..self.posts.len() {
            self.step(lane, now, Event::Stop);
        }
        self.say_what_is_left();
        let report = self.report(None);
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Flush(flush) = message {
                reply(flush.reply, report.clone());
            }
        }
        for pending in mem::take(&mut self.flushes) {
            reply(pending.flush.reply, report.clone());
        }
    }

    fn say_what_is_left(&self) {
        let ledger = self.queue.ledger();
        let unsent: Vec<_> = ledger
            .lanes()
            .iter()
            .filter(|account| account.dropped_at_shutdown() > 0)
            .map(|account| format!("{} {}", account.name(), account.dropped_at_shutdown()))
            .collect();
        if !unsent.is_empty() {
            self.say(&format!(
                "shut down before everything was sent; dropped: {}",
                unsent.join(", ")
            ));
        }
        if ledger.open() > 0 {
            self.say(&format!(
                "shut down while {} observations were open; they are not sent",
                ledger.open()
            ));
        }
    }

    fn say(&self, line: &str) {
        say(&self.diagnostics, line);
    }
}

/// Answers a flush; a caller who is gone does not matter.
fn reply(reply: Reply, report: FlushReport) {
    caught(|| reply(report));
}
