//! The queue between the application's threads and the worker: bounded by bytes, with the books of every lane.

mod apart;
mod room;
mod scores;
mod showing;
mod spares;
mod state;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::diag::Diagnostics;
use crate::export::View;
use crate::id::{SpanId, TraceId};
use crate::ledger::{Account, Ledger, Posting};
use crate::model::{Callsite, Lane as Number, Lanes, Recorded, Score, Subject};
use crate::pipeline::message::Message;
use crate::process::Findings;
use crate::sink::Sink;

use self::apart::Apart;
pub(crate) use self::room::Bounds;
use self::room::Call;
use self::scores::Scores;
pub(crate) use self::scores::Waiting;
use self::showing::Showing;
use self::spares::Spares;
use self::state::State;

/// Where the layer puts what has ended.
pub(crate) struct Queue {
    state: Apart<Mutex<State>>,
    /// How many have begun that some lane shows.
    begun: Apart<AtomicU64>,
    bounds: Bounds,
    late: AtomicU64,
    /// Something began or ended before the shutdown.
    seen: AtomicBool,
    /// Since the shutdown: what to say when nothing had been seen before it.
    closed: OnceLock<&'static str>,
    said_closed: AtomicBool,
    said_too_large: AtomicBool,
    /// There has been a flush.
    flushed: AtomicBool,
    spares: Spares,
    showing: Showing,
    scores: Scores,
    worker: UnboundedSender<Message>,
    diagnostics: Diagnostics,
}

impl Queue {
    /// A queue with a lane for each account; beside them those of scores and of media.
    pub(crate) fn new(
        bounds: Bounds,
        lanes: impl IntoIterator<Item = (Account, View)>,
        (scores, media): (Vec<(Number, Account)>, Vec<Account>),
        worker: UnboundedSender<Message>,
        diagnostics: Diagnostics,
    ) -> Self {
        let (accounts, views) = lanes.into_iter().unzip();
        let (beside, mut accounts_beside): (_, Vec<_>) = scores.into_iter().unzip();
        accounts_beside.extend(media);
        Self {
            state: Apart(Mutex::new(State::new(accounts, accounts_beside))),
            begun: Apart(AtomicU64::new(0)),
            bounds,
            late: AtomicU64::new(0),
            seen: AtomicBool::new(false),
            closed: OnceLock::new(),
            said_closed: AtomicBool::new(false),
            said_too_large: AtomicBool::new(false),
            flushed: AtomicBool::new(false),
            spares: Spares::new(bounds.bytes),
            showing: Showing::new(views),
            scores: Scores::new(beside),
            worker,
            diagnostics,
        }
    }

    /// The books as they are at this moment.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut state = self.lock();
        state.post_what_came();
        let (scores, media) = state.accounts_beside.split_at(self.scores.lanes());
        Ledger {
            accounts: state.accounts.clone(),
            scores: scores.to_vec(),
            media: media.to_vec(),
            unsent_media: state.unsent_media,
            unsent_scores: self.scores.unsent(),
            // What nobody opened may be finished.
            open: self.begun.load(Ordering::Relaxed).saturating_sub(state.ended),
            redacted: state.redacted,
            unpriced: state.unpriced,
            unknown_types: state.unknown_types,
            late: self.late.load(Ordering::Relaxed),
            sampled_out: self.showing.sampled_out(),
        }
    }

    /// Tells the worker something. One that has ended drops it.
    pub(crate) fn tell(&self, message: Message) {
        let _ = self.worker.send(message);
    }

    /// From now on what ends is dropped and counted. The line is said at the next span if there was none before.
    pub(crate) fn close(&self, line: &'static str) {
        let _ = self.closed.set(line);
        self.lock().closed = true;
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get().is_some()
    }

    /// Says, at the first flush, if there was nothing to observe, what the usual reason is.
    pub(crate) fn wonder(&self) {
        let is_first = !self.flushed.swap(true, Ordering::Relaxed);
        if is_first && !self.has_seen() && !self.showing.is_empty() {
            self.diagnostics.say(NOTHING_SEEN);
        }
    }

    /// Moves everything that waits into the worker's hand, and answers how many were refused since the last time.
    /// It is still kept here by weight: see [`release`](Self::release).
    pub(crate) fn take(&self, hand: &mut VecDeque<Box<Recorded>>) -> usize {
        if hand.is_empty() {
            hand.shrink_to(HAND_KEPT);
        }
        let mut state = self.lock();
        if hand.is_empty() {
            mem::swap(&mut state.waiting, hand);
        } else {
            hand.append(&mut state.waiting);
        }
        mem::take(&mut state.refused)
    }

    /// So much has left the worker's hand, and this was found in it.
    pub(crate) fn release(&self, bytes: usize, count: usize, findings: Findings) {
        let mut state = self.lock();
        state.kept.bytes = state.kept.bytes.saturating_sub(bytes);
        state.kept.count = state.kept.count.saturating_sub(count);
        state.redacted += findings.redacted as u64;
        state.unpriced += findings.unpriced as u64;
        state.unsent_media += findings.unsent_media as u64;
    }

    /// Enters a posting in the account of one lane; those of scores come after those of observations, then those of media.
    pub(crate) fn post(&self, lane: usize, posting: Posting) {
        let state = &mut *self.lock();
        state.post_what_came();
        let mut accounts = state.accounts.iter_mut().chain(&mut state.accounts_beside);
        if let Some(account) = accounts.nth(lane) {
            account.post(posting);
        }
    }

    /// Enters a posting in the account of each of these lanes.
    pub(crate) fn post_all(&self, lanes: Lanes, posting: Posting) {
        self.lock().post_all(lanes, posting);
    }

    fn ring(&self, call: Call) {
        match call {
            Call::None => {}
            Call::Work => self.tell(Message::Work),
            Call::Hurry => self.tell(Message::Hurry),
        }
    }

    fn has_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Notes that there was something to observe, or says, once, that it came too late.
    fn notice(&self) {
        let Some(line) = self.closed.get() else {
            if !self.has_seen() {
                self.seen.store(true, Ordering::Relaxed);
            }
            return;
        };
        if !self.has_seen() && !self.said_closed.swap(true, Ordering::Relaxed) {
            self.diagnostics.say(line);
        }
    }

    /// Says, once, of an observation that was refused that no empty queue would have taken it either.
    fn notice_size(&self, refused: &Recorded, weight: usize) {
        let bytes = self.bounds.bytes;
        if weight > bytes && !self.is_closed() && !self.said_too_large.swap(true, Ordering::Relaxed) {
            let name = refused.callsite.name;
            self.diagnostics.say(&format!(
                "span {name:?} holds {weight} bytes, more than the queue's {bytes}, and is dropped (said once)"
            ));
        }
    }

    /// How many observations wait for each lane.
    #[cfg(test)]
    pub(crate) fn waiting(&self, lane: Number) -> usize {
        let state = self.lock();
        let shown = state
            .waiting
            .iter()
            .filter(|waiting| waiting.shown.contains(lane));
        shown.count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Queue {
    fn lanes(&self) -> Lanes {
        self.showing.all()
    }

    fn observations(&self) -> Lanes {
        self.showing.observations()
    }

    fn shown(&self, callsite: &Callsite) -> Lanes {
        self.showing.of_callsite(callsite)
    }

    fn samples(&self) -> bool {
        self.showing.samples()
    }

    fn sample(&self, trace: TraceId) -> Lanes {
        let lanes = self.showing.of_trace(trace);
        if lanes.is_empty() {
            // There was something to observe.
            self.notice();
        }
        lanes
    }

    fn open(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.notice();
    }

    fn finish(&self, mut observation: Box<Recorded>) {
        self.notice();
        let weight = observation.weight_within(self.bounds.bytes);
        let mut state = self.lock();
        state.ended += 1;
        state.unknown_types += u64::from(observation.unknown_type);
        let Some(call) = state.admit(observation.shown, weight, self.bounds) else {
            // Freed outside the lock.
            drop(state);
            self.notice_size(&observation, weight);
            return self.give_back(observation);
        };
        state.waiting.push_back(observation);
        drop(state);
        self.ring(call);
    }

    fn blank(&self, callsite: &Arc<Callsite>, trace: TraceId, id: SpanId) -> Box<Recorded> {
        let Some(mut used) = self.spares.lend() else {
            return Box::new(Recorded::new(Arc::clone(callsite), trace, id));
        };
        if !Arc::ptr_eq(&used.callsite, callsite) {
            used.callsite = Arc::clone(callsite);
        }
        (used.trace_id, used.id) = (trace, id);
        used
    }

    fn give_back(&self, blank: Box<Recorded>) {
        self.spares.take_back(blank);
    }

    fn score(&self, score: Score, of: &dyn Fn(Number) -> Option<Subject>) {
        self.take_score(score, |_| true, of);
    }

    fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// Room for so many observations stays with the queue; what a burst needed beyond is freed.
const HAND_KEPT: usize = 4096;

const NOTHING_SEEN: &str = "no span was seen before the first flush; a filter set for the whole subscriber, such as an \
    EnvFilter without RUST_LOG, hides the level INFO, or the layer was not added to the subscriber";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::spares::BUFFER_KEPT;
    use super::*;
    use crate::export::Scope;
    use crate::model::Head;

    fn queue(bounds: Bounds) -> (Queue, UnboundedReceiver<Message>, Arc<Mutex<Vec<String>>>) {
        let (sender, receiver) = unbounded_channel();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = lines.clone();
        let diagnostics = Diagnostics::new(move |line| said.lock().unwrap().push(line.to_owned()));
        let lanes = [
            (Account::new("otlp"), Scope::Everything.into()),
            (Account::new("langfuse"), Scope::Observations.into()),
        ];
        let beside = (vec![(1, Account::new("langfuse scores"))], Vec::new());
        let queue = Queue::new(bounds, lanes, beside, sender, diagnostics);
        (queue, receiver, lines)
    }

    const ROOM: Bounds = Bounds {
        bytes: 1 << 20,
        count: None,
    };

    fn sample(queue: &Queue) -> Box<Recorded> {
        Recorded::sample("sample", queue.lanes())
    }

    fn told(receiver: &mut UnboundedReceiver<Message>) -> Vec<&'static str> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|message| match message {
                Message::Work => "work",
                Message::Hurry => "hurry",
                _ => "other",
            })
            .collect()
    }

    #[test]
    fn plumbing_is_shown_where_everything_is() {
        let (queue, ..) = queue(ROOM);
        let sample = sample(&queue);
        assert_eq!(queue.shown(&sample.callsite), queue.lanes());
        let mut hyper = Arc::into_inner(sample.callsite).unwrap();
        hyper.hidden = true;
        assert_eq!(queue.shown(&hyper), [0].into_iter().collect());
    }

    #[test]
    fn the_worker_is_woken_once_until_it_comes_and_again_when_it_fills() {
        let one = Recorded::sample("sample", Lanes::NONE).weight();
        let (queue, mut receiver, _) = queue(Bounds {
            bytes: one * 8,
            count: None,
        });
        queue.finish(sample(&queue));
        queue.finish(sample(&queue));
        assert_eq!(told(&mut receiver), ["work"]);
        queue.finish(sample(&queue));
        queue.finish(sample(&queue));
        assert_eq!(told(&mut receiver), ["hurry"]);
        let mut hand = VecDeque::new();
        queue.take(&mut hand);
        queue.release(one * 4, 4, Findings::default());
        queue.finish(sample(&queue));
        assert_eq!(told(&mut receiver), ["work"]);
    }

    #[test]
    fn the_newest_is_dropped_and_counted_where_it_would_have_been_shown() {
        let (queue, ..) = queue(Bounds {
            bytes: 1 << 20,
            count: Some(1),
        });
        queue.open();
        queue.finish(sample(&queue));
        queue.finish(Recorded::sample("plumbing", [0].into_iter().collect()));
        let ledger = queue.ledger();
        let numbers = |name| {
            let account = ledger.lane(name).unwrap();
            (account.offered(), account.queued(), account.dropped_full())
        };
        assert_eq!((numbers("otlp"), numbers("langfuse")), ((2, 1, 1), (1, 1, 0)));
        let mut hand = VecDeque::new();
        assert_eq!(queue.take(&mut hand), 1);
        assert_eq!(hand.front().unwrap().callsite.name, "sample");
        // In the worker's hand it still takes the room.
        queue.finish(sample(&queue));
        assert_eq!(queue.take(&mut hand), 1);
        queue.release(0, 1, Findings::default());
        queue.finish(sample(&queue));
        assert_eq!(queue.take(&mut hand), 0);
        assert_eq!(hand.len(), 2);
    }

    #[test]
    fn what_comes_after_the_end_is_counted_and_the_first_such_span_says_so() {
        let (queue, _, lines) = queue(ROOM);
        queue.close("too late");
        queue.open();
        queue.finish(sample(&queue));
        queue.finish(sample(&queue));
        let ledger = queue.ledger();
        assert_eq!(ledger.lane("otlp").unwrap().dropped_at_shutdown(), 2);
        assert_eq!(*lines.lock().unwrap(), ["too late"]);
    }

    #[test]
    fn a_span_before_the_end_keeps_the_end_quiet() {
        let (queue, _, lines) = queue(ROOM);
        queue.open();
        queue.close("too late");
        queue.finish(sample(&queue));
        queue.open();
        assert!(lines.lock().unwrap().is_empty());
        assert_eq!(queue.ledger().open(), 1);
    }

    #[test]
    fn a_buffer_comes_back_empty_unless_it_grew_large() {
        let (queue, ..) = queue(ROOM);
        let blank = || {
            let sample = sample(&queue);
            queue.blank(&sample.callsite, sample.trace_id, sample.id)
        };
        let (mut used, mut large) = (blank(), blank());
        used.fields.str(Head::declared(0), &"x".repeat(1000));
        used.trace.make_mut().tag("beta");
        large.fields.str(Head::declared(0), &"x".repeat(BUFFER_KEPT));
        let capacity = used.fields.capacity();
        queue.give_back(used);
        queue.give_back(large);
        let again = blank();
        assert!(again.fields.entries().is_empty() && again.trace.tags.is_empty());
        assert_eq!(again.fields.capacity(), capacity);
        assert_eq!(blank().fields.capacity(), 0);
    }
}
