//! From finished observations to their destinations: the queue, the worker and its lanes, and the two handles that a
//! user holds of them.

mod attempt;
mod backoff;
mod batching;
mod beside;
mod complaints;
mod lane;
mod message;
mod parcel;
mod posts;
mod queue;
mod report;
mod spec;
mod uploads;
mod worker;

use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::diag::Diagnostics;
use crate::error::{Error, Kind};
use crate::id::Ids;
use crate::ledger::{Account, Ledger};
use crate::model::{Lanes, Score};
use crate::own_thread;
use crate::process::Prices;
use crate::sink::Source;

pub(crate) use self::batching::Batching;
use self::beside::Beside;
pub(crate) use self::beside::Companion;
use self::message::{Flush, Message, Reply};
use self::posts::Posts;
use self::queue::Bounds;
pub(crate) use self::queue::Queue;
pub use self::report::{FlushReport, LaneReport};
pub(crate) use self::spec::{LaneSpec, MediaSpec};
use self::uploads::Uploads;
use self::worker::Worker;

/// The delivery of observations: flush it, shut it down, ask what became of them. Clones are handles to the same.
#[derive(Clone)]
pub struct Pipeline {
    queue: Arc<Queue>,
    source: Source,
    flush_deadline: Duration,
    beside: Arc<Beside>,
}

/// The owner of the pipeline: as long as it lives, observations are delivered.
///
/// Dropped, it sends what has ended, for at most [`Guard::DROP_DEADLINE`], and ends the worker; after a shutdown it
/// does nothing. Keep it in a variable with a name until the end of `main`: `let (layer, _) = …` drops it at once.
///
/// All else is on [`Pipeline`], to which it derefs and which can be cloned.
#[must_use = "dropped, it ends the delivery: keep it in a variable until the end of `main`"]
pub struct Guard {
    pipeline: Pipeline,
}

/// What holds for the whole pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// So many bytes are kept in the queue, and in each lane.
    pub(crate) queue_bytes: usize,
    /// So many observations are kept in the queue, and in each lane.
    pub(crate) queue_count: Option<usize>,
    /// How long [`Pipeline::flush`] waits.
    pub(crate) flush_deadline: Duration,
    /// What calls cost that do not say it.
    pub(crate) prices: Prices,
    /// Whether arguments become the input, and what a function returned the output.
    pub(crate) captures_arguments: bool,
    /// Whether every answer of a destination is said.
    pub(crate) verbose: bool,
    /// Nothing waits for others: neither for the worker nor in a lane.
    pub(crate) immediate: bool,
}

/// Starts the worker with its lanes.
pub(crate) fn start(
    settings: &Settings,
    lanes: Vec<LaneSpec>,
    diagnostics: Diagnostics,
) -> Result<Guard, Error> {
    let companions = lanes.iter().filter_map(LaneSpec::companion).collect();
    let (queue, worker) = assemble(settings, lanes, diagnostics)?;
    let runtime = own_thread::start(THREAD, "the worker", worker.run())?;
    let pipeline = Pipeline {
        source: Source {
            sink: queue.clone(),
            clock: Clock::system(),
            ids: Ids::Random,
        },
        queue,
        flush_deadline: settings.flush_deadline,
        beside: Arc::new(Beside { runtime, companions }),
    };
    Ok(Guard { pipeline })
}

/// The queue and the worker that serves it, which does not run yet.
fn assemble(
    settings: &Settings,
    lanes: Vec<LaneSpec>,
    diagnostics: Diagnostics,
) -> Result<(Arc<Queue>, Worker), Error> {
    if lanes.len() > Lanes::MAX {
        let message = format!("{} destinations, but there can be {}", lanes.len(), Lanes::MAX);
        return Err(Error::new(Kind::InvalidValue, message));
    }
    let (outbox, inbox) = unbounded_channel();
    let bounds = Bounds {
        bytes: settings.queue_bytes,
        count: settings.queue_count,
    };
    let accounts: Vec<_> = lanes
        .iter()
        .map(|spec| (Account::new(spec.name.as_str()), spec.view.clone()))
        .collect();
    let (mut posts, mut of_scores, mut of_media) = (Vec::new(), Vec::new(), Vec::new());
    let (mut score_lanes, mut media_accounts, mut media) = (Vec::new(), Vec::new(), Vec::new());
    for (number, spec) in (0..).zip(lanes) {
        let opened = spec.open(settings);
        posts.push(opened.observations);
        if let Some(scores) = opened.scores {
            score_lanes.push((number, Account::new(scores.lane.name())));
            of_scores.push(scores);
        }
        if let Some((shelf, post)) = opened.media {
            media.push((number, shelf));
            media_accounts.push(Account::new(post.lane.name()));
            of_media.push(post);
        }
    }
    posts.extend(of_scores.into_iter().chain(of_media));
    let beside = (score_lanes, media_accounts);
    let queue = Queue::new(bounds, accounts, beside, outbox.clone(), diagnostics.clone());
    let queue = Arc::new(queue);
    let posts = Posts::new(posts, queue.clone(), outbox, diagnostics.clone());
    let posts = posts.verbose(settings.verbose);
    let media = Uploads::new(media);
    let worker = Worker::new(queue.clone(), inbox, posts, media, settings, diagnostics);
    Ok((queue, worker))
}

impl Pipeline {
    /// How much the queue keeps, and each lane: 32 MiB. Enough for some 7,000 generations with 3 KB of text, which is
    /// minutes of a destination's outage; little enough for a small container with two destinations.
    pub const DEFAULT_QUEUE_BYTES: usize = 32 * 1024 * 1024;

    /// How long [`flush`](Self::flush) waits: 30 s, three attempts of 10 s.
    pub const DEFAULT_FLUSH_DEADLINE: Duration = Duration::from_secs(30);

    /// Sends everything that has ended, now, and answers when every destination has it, has refused it, or after 30 s
    /// (a setting of the builder). What is not sent by then stays queued and is reported as pending.
    ///
    /// It needs no runtime of yours, and any number may run at once.
    pub async fn flush(&self) -> FlushReport {
        self.queue.wonder();
        self.settle(self.flush_deadline, None).await
    }

    /// The same for code that is not async: blocks the thread, for at most `wait`. Inside a runtime, too, it does not
    /// panic, but it holds up the tasks of this thread.
    pub fn flush_blocking(&self, wait: Duration) -> FlushReport {
        self.queue.wonder();
        self.settle_blocking(wait, None)
    }

    /// Sends everything that has ended, for at most `wait`, and ends the worker. What could not be sent by then, and
    /// what ends from now on, is dropped and counted.
    pub async fn shutdown(&self, wait: Duration) -> FlushReport {
        self.queue.wonder();
        self.settle(wait, Some(SHUT_DOWN)).await
    }

    /// The same for code that is not async: blocks the thread, for at most `wait`.
    pub fn shutdown_blocking(&self, wait: Duration) -> FlushReport {
        self.queue.wonder();
        self.settle_blocking(wait, Some(SHUT_DOWN))
    }

    /// What became of every observation since the start.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.queue.ledger()
    }

    /// Sends a score with the traces: at once it is only put into the queue, and what becomes of it stands in
    /// [`Ledger::scores`]. It goes to every Langfuse project that its trace goes to, in batches, and is tried again as traces are.
    ///
    /// What is no score (no subject, a value that is not finite, …) is counted as rejected and said once.
    /// [`Langfuse::score`](crate::Langfuse::score) waits for the server.
    pub fn score(&self, score: Score) {
        self.source.sink.score(score, &|_| None);
    }

    /// The same, to one destination.
    pub(crate) fn score_to(&self, name: &str, score: Score) {
        self.queue.score_to(name, score);
    }

    /// Where who observes puts what has ended, and the clock and the ids that all of them share.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    async fn settle(&self, wait: Duration, stop: Option<&'static str>) -> FlushReport {
        let (sender, receiver) = oneshot::channel();
        let reply = Box::new(move |report| {
            let _ = sender.send(report);
        });
        if let Err(report) = self.ask(wait, stop, reply) {
            return report;
        }
        // The worker keeps the time. If it has ended, the channel has, too.
        receiver.await.unwrap_or_else(|_| self.known())
    }

    fn settle_blocking(&self, wait: Duration, stop: Option<&'static str>) -> FlushReport {
        // A channel of std's: Tokio's panics when it blocks inside a runtime.
        let (sender, receiver) = sync_channel(1);
        let reply = Box::new(move |report| {
            let _ = sender.try_send(report);
        });
        if let Err(report) = self.ask(wait, stop, reply) {
            return report;
        }
        // A little longer than the worker, whose answer tells pending from newly come.
        let wait = wait.saturating_add(GRACE);
        receiver.recv_timeout(wait).unwrap_or_else(|_| self.known())
    }

    /// Tells the worker. On the worker's own thread nobody can wait for it.
    fn ask(&self, wait: Duration, stop: Option<&'static str>, reply: Reply) -> Result<(), FlushReport> {
        if let Some(line) = stop {
            self.queue.close(line);
        }
        self.queue.tell(Message::Flush(Flush {
            deadline: Instant::now().checked_add(wait),
            stop: stop.is_some(),
            reply,
        }));
        if own_thread::is_ours() {
            return Err(self.known().with_problem(OWN_THREAD));
        }
        Ok(())
    }

    /// What is known without asking the worker.
    fn known(&self) -> FlushReport {
        FlushReport::new(&self.queue.ledger(), |_, account| account.queued())
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").finish_non_exhaustive()
    }
}

impl Guard {
    /// How long a dropped guard waits: 5 s. The process is ending, and a destination that is up answers in less.
    pub const DROP_DEADLINE: Duration = Duration::from_secs(5);
}

impl Deref for Guard {
    type Target = Pipeline;

    fn deref(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.queue.is_closed() {
            return;
        }
        let _ = self.settle_blocking(Self::DROP_DEADLINE, Some(GUARD_DROPPED));
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_bytes: Pipeline::DEFAULT_QUEUE_BYTES,
            queue_count: None,
            flush_deadline: Pipeline::DEFAULT_FLUSH_DEADLINE,
            prices: Prices::default(),
            captures_arguments: true,
            verbose: false,
            immediate: false,
        }
    }
}

/// Runs code that is not ours, or nearly; none when it panics.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

const THREAD: &str = "tracing-llm";

const SHUT_DOWN: &str = "the pipeline was shut down before the first span, so nothing is sent";

const GUARD_DROPPED: &str = "the guard was dropped before the first span, so nothing is sent; keep it in a variable with \
    a name until the end of `main`";

const OWN_THREAD: &str = "not waited for: called on the pipeline's own thread";

/// How much longer a blocked thread waits than the worker, for the answer to arrive.
const GRACE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod outage;
#[cfg(test)]
mod tests;
