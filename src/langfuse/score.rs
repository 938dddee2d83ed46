//! Scores: one at once, or many together.

mod configs;
pub(crate) mod exporter;
mod verdicts;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use reqwest::Method;

pub use self::configs::NewScoreConfig;
use self::verdicts::Verdict;
use crate::error::{Error, Kind};
use crate::langfuse::client::{Budget, Langfuse, Request};
use crate::model::{Ready, Score};
use crate::process::Masker;

/// What became of a score.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scored {
    id: String,
    is_sampled_out: bool,
}

impl Scored {
    /// Its id, with which it can be replaced or deleted.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it was not sent, because its trace is not: it is of the share that a sample rate keeps from this project.
    #[must_use]
    pub fn is_sampled_out(&self) -> bool {
        self.is_sampled_out
    }
}

/// Which of the two ways the server has said not to have. Both are there until it says so, and what it said is remembered.
#[derive(Debug, Default)]
pub(super) struct ScoreWays {
    no_scores: AtomicBool,
    no_ingestion: AtomicBool,
}

/// How scores reach the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// `/scores`: one a request, checked before it is answered, stored with the time at which it comes. Langfuse's cloud takes
    /// 30 of them a minute on its free plan.
    One,
    /// `/ingestion`: many a request, each with a time of its own.
    Batch,
}

impl Langfuse {
    /// Sends a score, and answers when the server has taken it. It shows some 5 s later.
    ///
    /// It has an id, its own or one that is made here, so it may be sent several times and is stored once. One of a trace that
    /// this project is not sent ([`samples`](Self::samples)) is not sent either, which is a success
    /// ([`Scored::is_sampled_out`]).
    ///
    /// # Errors
    ///
    /// The score cannot be one ([`Error::is_invalid_value`]; nothing was sent), the server refuses it ([`Error::is_refused`]), or
    /// does not answer, as for every call.
    pub async fn score(&self, score: Score) -> Result<Scored, Error> {
        // Only a batch says when.
        let first = if score.is_dated() { Way::Batch } else { Way::One };
        let (scored, ready) = self.prepare(score)?;
        let Some(ready) = ready else {
            return Ok(scored);
        };
        let budget = Budget::new(self.timeout());
        self.send(first, budget, std::slice::from_ref(&ready)).await?;
        Ok(scored)
    }

    /// [`score`](Self::score) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn score_blocking(&self, score: Score) -> Result<Scored, Error> {
        self.wait(self.score(score))
    }

    /// Sends many scores in as few requests as they fit in, and answers what became of each, in their order.
    ///
    /// # Errors
    ///
    /// Those of [`score`](Self::score). One that cannot be a score keeps all from being sent. One that the server refuses keeps no
    /// other from being taken; the text says how many there are, and why the first was refused. To send all of them again does no
    /// harm to those that have ids or keys.
    pub async fn score_all(&self, scores: impl IntoIterator<Item = Score>) -> Result<Vec<Scored>, Error> {
        self.scores_within(Budget::new(self.timeout()), scores).await
    }

    /// The same in another time.
    pub(super) async fn scores_within(
        &self,
        budget: Budget,
        scores: impl IntoIterator<Item = Score>,
    ) -> Result<Vec<Scored>, Error> {
        let prepared = scores.into_iter().map(|score| self.prepare(score));
        let (scored, ready): (Vec<_>, Vec<_>) = prepared.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let ready: Vec<_> = ready.into_iter().flatten().collect();
        self.send(Way::Batch, budget, &ready).await?;
        Ok(scored)
    }

    /// [`score_all`](Self::score_all) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn score_all_blocking(&self, scores: impl IntoIterator<Item = Score>) -> Result<Vec<Scored>, Error> {
        self.wait(self.score_all(scores))
    }

    /// Puts a score into the queue of the pipeline that this client is of, for this project: it is sent with the traces, in batches,
    /// and tried again as they are; what becomes of it stands in [`Ledger::scores`](crate::Ledger::scores). For what must not wait.
    ///
    /// # Errors
    ///
    /// There is no queue ([`Error::is_system`]): the client was made without a [`Pipeline`](crate::Pipeline).
    pub fn queue_score(&self, score: Score) -> Result<(), Error> {
        let Some((pipeline, lane)) = self.pipeline() else {
            return Err(Error::new(Kind::System, NO_QUEUE));
        };
        pipeline.score_to(lane, score);
        Ok(())
    }

    /// Deletes a score, which the server does some time later; one that is not there is deleted, too.
    ///
    /// # Errors
    ///
    /// Those of every call.
    pub async fn delete_score(&self, id: &str) -> Result<(), Error> {
        let request = Request::change(Method::DELETE, "delete the score", &["scores", id]).repeatable();
        self.call(request).await.map(drop)
    }

    /// [`delete_score`](Self::delete_score) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete_score_blocking(&self, id: &str) -> Result<(), Error> {
        self.wait(self.delete_score(id))
    }

    /// Checked and masked; without what is to be sent when its trace is not.
    fn prepare(&self, score: Score) -> Result<(Scored, Option<Ready>), Error> {
        let is_sampled_out = score.trace().is_some_and(|trace| !self.samples(trace));
        let mut ready = score.ready(SystemTime::now())?;
        Masker::default().mask_score(&mut ready.score);
        let id = ready.id.clone();
        Ok((Scored { id, is_sampled_out }, (!is_sampled_out).then_some(ready)))
    }

    /// Sends by one way, or by the other where the server does not have it; a score that is one too many for `/scores` goes with
    /// a batch.
    async fn send(&self, first: Way, budget: Budget, scores: &[Ready]) -> Result<(), Error> {
        let ways = match first {
            Way::One => [Way::One, Way::Batch],
            Way::Batch => [Way::Batch, Way::One],
        };
        let known = ways.into_iter().filter(|way| self.score_ways().has(*way));
        let mut sent = Ok(());
        for way in known {
            sent = match way {
                Way::One => self.send_each(budget, scores).await,
                Way::Batch => self.send_together(budget, scores).await,
            };
            match &sent {
                Err(error) if is_gone(error) => self.score_ways().forget(way),
                Err(error) if error.is_rate_limited() && way == Way::One => {}
                _ => break,
            }
        }
        sent
    }

    async fn send_each(&self, budget: Budget, scores: &[Ready]) -> Result<(), Error> {
        for ready in scores {
            let answer = self.call(self.request_of(ready).within(budget)).await?;
            answer.read(|json| json["id"].is_string().then_some(()))?;
        }
        Ok(())
    }

    async fn send_together(&self, budget: Budget, scores: &[Ready]) -> Result<(), Error> {
        let (mut refused, mut first) = (0, None);
        for portion in portions(scores) {
            for verdict in self.ingest(budget, portion).await? {
                let (kind, why) = match verdict {
                    Verdict::Taken => continue,
                    Verdict::Refused(why) => (Kind::Refused, why),
                    Verdict::NotNow(why) => (Kind::Server, why),
                    Verdict::NoWay(why) => (Kind::NotFound, why),
                };
                refused += 1;
                first.get_or_insert((kind, why));
            }
        }
        let Some((kind, why)) = first else {
            return Ok(());
        };
        let why = self.excerpt(&why).unwrap_or_default();
        let message = match scores.len() {
            1 => format!("cannot send the score: {why}"),
            all => format!("{refused} of {all} scores were refused, the first: {why}"),
        };
        Err(Error::new(kind, message).with_status(207))
    }

    async fn ingest(&self, budget: Budget, scores: &[Ready]) -> Result<Vec<Verdict>, Error> {
        let answer = self.call(self.batch_of(scores.iter()).within(budget)).await?;
        answer.read(|json| verdicts::read(&json, scores.iter().map(|ready| ready.event.as_str())))
    }

    fn request_of(&self, ready: &Ready) -> Request {
        let request = Request::change(Method::POST, "send the score", &["scores"]);
        request.body(wire::body(ready, self.environment())).repeatable()
    }

    fn batch_of<'a>(&self, scores: impl Iterator<Item = &'a Ready>) -> Request {
        let events = scores.map(|ready| wire::event(ready, self.environment()));
        let request = Request::change(Method::POST, "send scores", &["ingestion"]);
        request.body(wire::batch(events.collect())).repeatable()
    }
}

impl ScoreWays {
    fn has(&self, way: Way) -> bool {
        // Where both are gone, a server that was replaced meanwhile is asked again.
        let gone = [&self.no_scores, &self.no_ingestion].map(|gone| gone.load(Ordering::Relaxed));
        match (gone, way) {
            ([true, true], _) => true,
            ([no_scores, _], Way::One) => !no_scores,
            ([_, no_ingestion], Way::Batch) => !no_ingestion,
        }
    }

    fn forget(&self, way: Way) {
        match way {
            Way::One => self.no_scores.store(true, Ordering::Relaxed),
            Way::Batch => self.no_ingestion.store(true, Ordering::Relaxed),
        }
    }
}

const NO_QUEUE: &str = "a score can be queued where there is a pipeline: take the client of `Pipeline::langfuse()`, or await `score(..)`";

/// Whether the server is a Langfuse that does not have this way.
fn is_gone(error: &Error) -> bool {
    error.is_not_found() || matches!(error.status(), Some(405 | 410))
}

/// Each fits in a request: the server takes 4.5 MB.
fn portions(scores: &[Ready]) -> impl Iterator<Item = &[Ready]> {
    const MOST_BYTES: usize = 3 * 1024 * 1024;
    const MOST: usize = 1000;
    let mut rest = scores;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |ready: &&Ready| {
            bytes += ready.weight();
            bytes <= MOST_BYTES
        };
        let count = rest.iter().take(MOST).take_while(fits).count().max(1);
        let (portion, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some(portion)
    })
}
