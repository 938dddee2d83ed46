//! One destination's way to the wire: batching, retry, splitting, counting. It does no I/O and asks no clock: it is told
//! what happened and when, and says what to do.

mod plan;
mod weigh;

use std::collections::VecDeque;
use std::time::Instant;

use crate::export::{ExportError, Exported, Verdict};
use crate::ledger::{Loss, Posting};
use crate::pipeline::attempt::{Answer, Failure};
use crate::pipeline::backoff::Backoff;

pub(crate) use self::plan::{Noun, Plan};
pub(crate) use self::weigh::Weigh;

/// What happened.
#[derive(Debug)]
pub(crate) enum Event<T> {
    /// Observations came. They are counted as queued here already.
    Offered(Vec<T>),
    /// The batch on its way came back with its answer.
    Answered(Vec<T>, Answer),
    /// Time passed.
    Tick,
    /// Everything that is here is to go out without waiting for the interval.
    Flush,
    /// The time is over: what is still here is dropped.
    Stop,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Effect<T> {
    /// Send this and come back with [`Event::Answered`]. Never a second one before that.
    Send(Vec<T>),
    /// Enter this in the lane's account.
    Count(Posting),
    /// Tell the user.
    Say(String),
    /// The lane has no further need of these.
    Done(Vec<T>),
}

/// The state of one destination.
///
/// Observations keep their order: the batch on its way is the oldest, then come the cut portions, then what waits. What
/// can be sent again is kept until it is taken, without a limit of attempts: memory is the limit (the newest are
/// dropped), and the end of the process.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    name: String,
    noun: Noun,
    plan: Plan,
    waiting: VecDeque<T>,
    waiting_bytes: usize,
    /// Portions that go out exactly as they are, before anything that waits; the next one is the last. All were sent
    /// before: a batch to be sent again is one, and so are the halves of a batch that was too large.
    cut: Vec<Vec<T>>,
    /// How many observations are on their way; 0 is no batch.
    flying: usize,
    /// All that is kept, on its way too.
    bytes: usize,
    /// When what waits has waited for the interval.
    due: Option<Instant>,
    /// The next attempt is not before this.
    rest_until: Option<Instant>,
    /// So many answers in a row were lost.
    lost: u32,
    backoff: Backoff,
    /// Since when the destination has not taken everything; it was said then.
    failing_since: Option<Instant>,
    /// Something was dropped for lack of room; it was said then.
    full: bool,
    stopped: bool,
    /// How many observations this lane has ever kept.
    accepted: u64,
    /// How many of them, oldest first, are done with.
    settled: u64,
    /// The first so many do not wait for the interval.
    urgent: u64,
}

impl<T: Weigh> Lane<T> {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn new(noun: Noun, name: &str, plan: Plan, backoff: Backoff) -> Self {
        Self {
            name: name.to_owned(),
            noun,
            plan: plan.sound(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            cut: Vec::new(),
            flying: 0,
            bytes: 0,
            due: None,
            rest_until: None,
            lost: 0,
            backoff,
            failing_since: None,
            full: false,
            stopped: false,
            accepted: 0,
            settled: 0,
            urgent: 0,
        }
    }

    /// Takes notice of what happened at `now` and adds what is to be done.
    pub(crate) fn step(&mut self, now: Instant, event: Event<T>, effects: &mut Vec<Effect<T>>) {
        match event {
            Event::Offered(observations) => self.offered(now, observations, effects),
            Event::Answered(batch, answer) => self.answered(now, batch, answer, effects),
            Event::Tick => {}
            Event::Flush => self.urgent = self.accepted,
            Event::Stop => self.stop(effects),
        }
        self.send(now, effects);
    }

    /// When it wants to be told of the time, if nothing else happens.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        if self.flying > 0 {
            return None;
        }
        self.rest_until.or(self.due)
    }

    /// Everything that is here now, as a number to ask [`pending`](Self::pending) about.
    pub(crate) fn mark(&self) -> u64 {
        self.accepted
    }

    /// How many of what was here at the mark are not done with.
    pub(crate) fn pending(&self, mark: u64) -> u64 {
        mark.saturating_sub(self.settled)
    }

    /// Whether nothing will be sent until then: it rests for longer.
    pub(crate) fn rests_past(&self, deadline: Instant) -> bool {
        self.rest_until.is_some_and(|until| until > deadline)
    }

    fn offered(&mut self, now: Instant, observations: Vec<T>, effects: &mut Vec<Effect<T>>) {
        let mut refused = Vec::new();
        for observation in observations {
            let weight = observation.weight();
            if self.stopped || !self.plan.has_room(self.held(), self.bytes, weight) {
                refused.push(observation);
                continue;
            }
            self.waiting_bytes += weight;
            self.waiting.push_back(observation);
            self.bytes += weight;
            self.accepted += 1;
        }
        if self.due.is_none() && !self.waiting.is_empty() {
            self.due = Some(now + self.plan.interval);
        }
        self.refuse(refused, effects);
    }

    fn refuse(&mut self, refused: Vec<T>, effects: &mut Vec<Effect<T>>) {
        if refused.is_empty() {
            return;
        }
        let loss = if self.stopped { Loss::Shutdown } else { Loss::Full };
        if !self.stopped && !self.full {
            self.full = true;
            let (name, held, many) = (&self.name, self.held(), self.noun.many);
            effects.push(Effect::Say(format!(
                "{name}: {held} {many} wait to be sent and fill the queue; newer ones are dropped"
            )));
        }
        effects.push(Effect::Count(Posting::Lost(loss, refused.len())));
        effects.push(Effect::Done(refused));
    }

    fn answered(&mut self, now: Instant, observations: Vec<T>, answer: Answer, effects: &mut Vec<Effect<T>>) {
        // After a stop nothing is on its way, and what comes back has been counted.
        if self.flying == 0 {
            return effects.push(Effect::Done(observations));
        }
        self.flying = 0;
        match answer {
            Ok(exported) => self.exported(now, observations, &exported, effects),
            Err(Failure::Answered(error)) => self.failed(now, observations, &error, effects),
            Err(Failure::Panicked) => {
                let why = "the exporter panicked";
                self.give_up(now, observations, Loss::Panicked, why, effects);
            }
        }
    }

    fn exported(
        &mut self,
        now: Instant,
        observations: Vec<T>,
        exported: &Exported,
        effects: &mut Vec<Effect<T>>,
    ) {
        let rejected = exported.rejected.min(observations.len());
        effects.push(Effect::Count(Posting::Exported(observations.len() - rejected)));
        if rejected > 0 {
            effects.push(Effect::Count(Posting::Lost(Loss::Rejected, rejected)));
            let reason = exported.message.as_deref().unwrap_or("no reason given");
            self.fails(
                now,
                &format!("{rejected} {} were refused: {reason}", self.noun.many),
                effects,
            );
        } else if let Some(since) = self.failing_since.take() {
            let (name, seconds) = (&self.name, now.saturating_duration_since(since).as_secs());
            effects.push(Effect::Say(format!(
                "{name}: everything arrives again, after {seconds} s"
            )));
        }
        self.settle(observations, effects);
    }

    fn failed(
        &mut self,
        now: Instant,
        mut observations: Vec<T>,
        error: &ExportError,
        effects: &mut Vec<Effect<T>>,
    ) {
        let count = observations.len();
        if error.is_ambiguous() {
            effects.push(Effect::Count(Posting::Ambiguous(count)));
            self.lost = self.lost.saturating_add(1);
        } else {
            self.lost = 0;
        }
        match error.verdict() {
            Verdict::Retry { after } => {
                self.rest_until = Some(now + self.backoff.next(after));
                // The body may be what is wrong with it: too much for the line to carry in time.
                if self.lost >= LOST_WHOLE && count > 1 {
                    self.cut.push(observations.split_off(count / 2));
                }
                self.cut.push(observations);
                self.fails(
                    now,
                    &format!("sending fails and is tried again: {error}"),
                    effects,
                );
            }
            Verdict::Split if count > 1 => {
                self.backoff.reset();
                self.cut.push(observations.split_off(count / 2));
                self.cut.push(observations);
            }
            Verdict::Split => {
                let why = format!("{} is too large: {error}", self.noun.one);
                self.give_up(now, observations, Loss::TooLarge, &why, effects);
            }
            Verdict::Reject => {
                let why = format!("{count} {} were refused: {error}", self.noun.many);
                self.give_up(now, observations, Loss::Rejected, &why, effects);
            }
        }
    }

    fn give_up(
        &mut self,
        now: Instant,
        observations: Vec<T>,
        loss: Loss,
        why: &str,
        effects: &mut Vec<Effect<T>>,
    ) {
        effects.push(Effect::Count(Posting::Lost(loss, observations.len())));
        self.fails(now, why, effects);
        self.settle(observations, effects);
    }

    /// Says why, once, until a batch is taken whole.
    fn fails(&mut self, now: Instant, why: &str, effects: &mut Vec<Effect<T>>) {
        if self.failing_since.is_none() {
            self.failing_since = Some(now);
            effects.push(Effect::Say(format!("{}: {why}", self.name)));
        }
    }

    fn settle(&mut self, observations: Vec<T>, effects: &mut Vec<Effect<T>>) {
        self.backoff.reset();
        self.lost = 0;
        self.settled += observations.len() as u64;
        self.bytes = self.bytes.saturating_sub(weight(&observations));
        // Half free, not the first free byte: a lane at its limit would else speak with every batch.
        if self.plan.is_half_empty(self.held(), self.bytes) {
            self.full = false;
        }
        effects.push(Effect::Done(observations));
    }

    fn stop(&mut self, effects: &mut Vec<Effect<T>>) {
        self.stopped = true;
        let lost = self.held();
        if lost > 0 {
            effects.push(Effect::Count(Posting::Lost(Loss::Shutdown, lost)));
        }
        let mut rest: Vec<_> = self.cut.drain(..).flatten().collect();
        rest.extend(self.waiting.drain(..));
        (self.flying, self.bytes, self.waiting_bytes) = (0, 0, 0);
        (self.due, self.rest_until) = (None, None);
        self.settled = self.accepted;
        effects.push(Effect::Done(rest));
    }

    fn send(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        if self.flying > 0 || self.rest_until.is_some_and(|until| until > now) {
            return;
        }
        self.rest_until = None;
        let portion = match self.cut.pop() {
            Some(portion) => {
                effects.push(Effect::Count(Posting::Resent(portion.len())));
                portion
            }
            None if self.is_due(now) => self.cut_portion(now),
            None => return,
        };
        self.flying = portion.len();
        effects.push(Effect::Send(portion));
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.waiting.is_empty()
            && (self.plan.is_batch(self.waiting.len(), self.waiting_bytes)
                || self.settled < self.urgent
                || self.due.is_none_or(|due| due <= now))
    }

    fn cut_portion(&mut self, now: Instant) -> Vec<T> {
        let (mut count, mut bytes) = (0, 0);
        for observation in self.waiting.iter().take(self.plan.batch) {
            let weight = observation.weight();
            if count > 0 && bytes + weight > self.plan.batch_bytes {
                break;
            }
            count += 1;
            bytes += weight;
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        let portion = self.waiting.drain(..count).collect();
        self.due = (!self.waiting.is_empty()).then(|| now + self.plan.interval);
        portion
    }

    /// How many observations are kept here.
    fn held(&self) -> usize {
        self.waiting.len() + self.cut.iter().map(Vec::len).sum::<usize>() + self.flying
    }
}

fn weight<T: Weigh>(observations: &[T]) -> usize {
    observations.iter().map(T::weight).sum()
}

/// So many times a batch is sent whole of which nobody says whether it arrived; after that in halves.
const LOST_WHOLE: u32 = 3;

#[cfg(test)]
mod books;
#[cfg(test)]
mod tests;
