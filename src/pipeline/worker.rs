//! The worker: reads what has ended, hands it to the lanes, and answers flushes. One inbox, one loop.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use crate::diag::Diagnostics;
use crate::ledger::{Loss, Posting};
use crate::model::{Recorded, Shared};
use crate::pipeline::complaints::Complaints;
use crate::pipeline::message::{Flush, Message};
use crate::pipeline::posts::{Marks, Posts};
use crate::pipeline::queue::{Queue, Waiting};
use crate::pipeline::report::FlushReport;
use crate::pipeline::uploads::Uploads;
use crate::pipeline::{Settings, caught};
use crate::process::{Findings, Masker, Prices};
use crate::read::Reader;

/// The state of the thread.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    inbox: UnboundedReceiver<Message>,
    posts: Posts,
    reader: Reader,
    masker: Masker,
    media: Uploads,
    prices: Prices,
    captures_arguments: bool,
    /// How long the worker waits for more after the first observation.
    linger: Duration,
    complaints: Complaints,
    diagnostics: Diagnostics,
    /// Taken from the queue, not read yet.
    hand: VecDeque<Box<Recorded>>,
    scores: Vec<Waiting>,
    /// When to take from the queue.
    take_at: Option<Instant>,
    /// How many observations have been read.
    count: u64,
    /// The queue refused something; it was said then.
    refusing: bool,
    flushes: Vec<Pending>,
}

/// A flush that waits.
struct Pending {
    flush: Flush,
    /// It reaches the lanes when so many have been read.
    after: u64,
    /// What the lanes held then.
    marks: Option<Marks>,
}

impl Worker {
    pub(crate) fn new(
        queue: Arc<Queue>,
        inbox: UnboundedReceiver<Message>,
        posts: Posts,
        media: Uploads,
        settings: &Settings,
        diagnostics: Diagnostics,
    ) -> Self {
        Self {
            queue,
            inbox,
            posts,
            reader: Reader::new(settings.captures_arguments),
            masker: Masker::default(),
            media,
            prices: settings.prices.clone(),
            captures_arguments: settings.captures_arguments,
            linger: if settings.immediate {
                Duration::ZERO
            } else {
                LINGER
            },
            complaints: Complaints::new(diagnostics.clone()),
            diagnostics,
            hand: VecDeque::new(),
            scores: Vec::new(),
            take_at: None,
            count: 0,
            refusing: false,
            flushes: Vec::new(),
        }
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self) {
        loop {
            let message = self.next().await;
            let now = now();
            if let Some(message) = message {
                self.hear(now, message);
            }
            if self.take_at.is_some_and(|at| at <= now) {
                self.take();
            }
            self.read_slice(now);
            self.pass_scores(now);
            self.posts.wake(now);
            self.mark_flushes(now);
            if self.answer_flushes(now) {
                return self.end(now).await;
            }
        }
    }

    /// The next message, or nothing when there is something to do without one.
    async fn next(&mut self) -> Option<Message> {
        if !self.hand.is_empty() {
            // The exporters' turn: a burst that takes seconds to read must not keep them from their sockets.
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
        let deadlines = self.flushes.iter().filter_map(|one| one.flush.deadline);
        deadlines.chain(self.posts.wake_at()).chain(self.take_at).min()
    }

    fn hear(&mut self, now: Instant, message: Message) {
        match message {
            Message::Work => {
                self.take_at.get_or_insert(now + self.linger);
            }
            Message::Hurry => self.take_at = Some(now),
            Message::Returned(returned) => self.posts.welcome(now, returned),
            Message::Flush(flush) => {
                self.take();
                self.flushes.push(Pending {
                    flush,
                    after: self.count + self.hand.len() as u64,
                    marks: None,
                });
            }
        }
    }

    fn take(&mut self) {
        self.take_at = None;
        self.scores.extend(self.queue.take_scores());
        let refused = self.queue.take(&mut self.hand);
        if refused > 0 && !self.refusing {
            self.diagnostics.say(&format!(
                "spans end faster than they are read: {refused} dropped, the newest first"
            ));
        }
        self.refusing = refused > 0;
    }

    /// Reads some of what is in hand and offers it to the lanes that show it.
    fn read_slice(&mut self, now: Instant) {
        if self.hand.is_empty() {
            return;
        }
        let room = self.hand.len().min(SLICE);
        let lanes = self.posts.numbers();
        let mut offers: Vec<_> = lanes.map(|lane| (lane, Vec::with_capacity(room))).collect();
        let (mut bytes, mut count, mut findings) = (0, 0, Findings::default());
        while let Some(recorded) = self.hand.pop_front() {
            bytes += recorded.weight();
            count += 1;
            if let Some((observation, found)) = self.read(recorded) {
                findings.add(found);
                let shown = observation.shown();
                for (_, offer) in offers.iter_mut().filter(|(lane, _)| shown.contains(*lane)) {
                    offer.push(observation.clone());
                }
            }
            if count == SLICE {
                break;
            }
        }
        self.count += count as u64;
        self.queue.release(bytes, count, findings);
        for (lane, offer) in offers {
            if !offer.is_empty() {
                self.posts.offer(lane, now, offer);
            }
        }
        self.media.offer(&mut self.posts, now);
    }

    /// Masks the scores in hand and gives them to their lanes.
    fn pass_scores(&mut self, now: Instant) {
        for (lane, mut ready) in mem::take(&mut self.scores) {
            let weight = ready.weight();
            let redacted = self.masker.mask_score(&mut ready.score);
            let findings = Findings {
                redacted,
                ..Findings::default()
            };
            self.queue.release(weight, 1, findings);
            self.posts.offer_score(lane, now, ready);
        }
    }

    /// Reads one observation, masks it and gives it its price; answers what that found, too. That should never panic;
    /// should it nevertheless, it costs this one and none that follow.
    fn read(&mut self, mut recorded: Box<Recorded>) -> Option<(Shared, Findings)> {
        let shown = recorded.shown;
        let read = || {
            self.media.take(&mut recorded);
            let mut observation = self.reader.read(recorded);
            let redacted = self.masker.mask(&mut observation);
            let is_priced = self.prices.price(&mut observation);
            let findings = Findings {
                redacted,
                unpriced: usize::from(!is_priced),
                unsent_media: self.media.add(&observation),
            };
            (Shared::new(observation), findings)
        };
        let observation = caught(read);
        if let Some((observation, findings)) = &observation {
            self.complaints.of(observation, *findings);
        }
        if observation.is_none() {
            (self.reader, self.masker) = (Reader::new(self.captures_arguments), Masker::default());
            self.queue.post_all(shown, Posting::Lost(Loss::Panicked, 1));
            self.complaints.of_unreadable();
        }
        observation
    }

    /// Tells the lanes of the flushes for which all has been read.
    fn mark_flushes(&mut self, now: Instant) {
        let read = self.count;
        let is_read = |one: &Pending| one.marks.is_none() && one.after <= read;
        if !self.flushes.iter().any(is_read) {
            return;
        }
        let marks = self.posts.flush(now);
        for pending in self.flushes.iter_mut().filter(|one| is_read(one)) {
            pending.marks = Some(marks.clone());
        }
    }

    /// Answers the flushes that are over; true when one of them was the last, which is answered at the end.
    fn answer_flushes(&mut self, now: Instant) -> bool {
        let mut is_last = false;
        for pending in mem::take(&mut self.flushes) {
            let is_over = self.is_over(&pending, now);
            is_last |= is_over && pending.flush.stop;
            if is_over && !pending.flush.stop {
                let report = self.posts.report(pending.marks.as_ref());
                reply(pending.flush, report);
            } else {
                self.flushes.push(pending);
            }
        }
        is_last
    }

    fn is_over(&self, pending: &Pending, now: Instant) -> bool {
        let deadline = pending.flush.deadline;
        let is_settled = |marks| self.posts.are_settled(marks, deadline);
        deadline.is_some_and(|deadline| deadline <= now) || pending.marks.as_ref().is_some_and(is_settled)
    }

    /// Counts what is left, says how much that is, lets the exporters finish, and answers everybody.
    async fn end(mut self, now: Instant) {
        self.inbox.close();
        let flushes = mem::take(&mut self.flushes).into_iter();
        let mut waiting: Vec<_> = flushes.map(|pending| pending.flush).collect();
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Flush(flush) => waiting.push(flush),
                // What has arrived by now has arrived.
                Message::Returned(returned) => self.posts.welcome(now, returned),
                Message::Work | Message::Hurry => {}
            }
        }
        self.take();
        self.pass_scores(now);
        for recorded in mem::take(&mut self.hand) {
            let lost = Posting::Lost(Loss::Shutdown, 1);
            self.queue.post_all(recorded.shown, lost);
        }
        self.posts.stop(now);
        self.complaints.of_the_end(&self.queue.ledger());
        let report = self.posts.report(None);
        let deadline = waiting.iter().filter_map(|flush| flush.deadline).min();
        self.close_exporters(deadline).await;
        for flush in waiting {
            reply(flush, report.clone());
        }
    }

    /// Drops the exporters before anybody is answered: whoever shuts down is about to end the process, and one may
    /// have something to do yet, as the console has to print what waits. On another thread, since it may block.
    async fn close_exporters(&mut self, deadline: Option<Instant>) {
        let exporters = self.posts.take_exporters();
        let closing = tokio::task::spawn_blocking(move || drop(exporters));
        let _ = match deadline {
            Some(deadline) => {
                let deadline = deadline.max(now() + LAST_WORDS);
                tokio::time::timeout_at(deadline.into(), closing).await.ok()
            }
            None => Some(closing.await),
        };
    }
}

/// The time by the runtime's clock, which a test can turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Answers a flush; that the caller is gone does not matter.
fn reply(flush: Flush, report: FlushReport) {
    caught(|| (flush.reply)(report));
}

/// How long the worker usually waits for more: one wake-up serves a whole burst, and 50 ms are
/// nothing beside the interval of a batch.
const LINGER: Duration = Duration::from_millis(50);

/// How long the exporters may take to close when the time of the shutdown is over: less than a blocked caller waits
/// beyond it.
const LAST_WORDS: Duration = Duration::from_millis(25);

/// So many observations are read before the worker looks at its inbox and lets the exporters run.
const SLICE: usize = 64;
