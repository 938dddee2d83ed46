//! A prompt that is not in memory, and that several want at once: the server is asked once, and all wait for that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::error::{Error, Kind};
use crate::langfuse::client::{Budget, Langfuse};
use crate::langfuse::prompt::cache::{Asked, Key};
use crate::langfuse::prompt::fetch::verb;
use crate::langfuse::prompt::version::Version;

/// A question that the server is being asked, on a thread of ours: one that only its first caller's task drove would stand
/// still whenever that task does. It is given up when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Asking {
    answer: watch::Receiver<Option<Answered>>,
    /// That of the first who wanted it.
    budget: Budget,
    task: AbortHandle,
}

/// What all who wait are told.
type Answered = Result<Arc<Version>, Arc<Error>>;

impl Asking {
    /// Begins to ask; `None` without a thread to do it on.
    fn begin(langfuse: &Langfuse, key: &Key, budget: Budget) -> Option<Self> {
        let (sender, answer) = watch::channel(None);
        let (asks, key) = (langfuse.clone(), key.clone());
        let task = async move {
            let answered = asks.fetch(&key, budget).await;
            let _ = sender.send(Some(answered.map_err(Arc::new)));
        };
        let task = langfuse.background(task.with_subscriber(NoSubscriber::default()))?;
        Some(Self { answer, budget, task })
    }

    /// Whether its answer is there, or never will be.
    pub(super) fn is_over(&self) -> bool {
        self.answer.borrow().is_some() || self.answer.has_changed().is_err()
    }

    /// Its answer; `None` if the thread that asked has ended.
    fn answer(&self) -> impl Future<Output = Option<Answered>> + Send + use<> {
        let mut answer = self.answer.clone();
        async move { answer.wait_for(Option::is_some).await.ok()?.clone() }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Langfuse {
    /// Asks the server, or waits for the answer to another who wants the same. What is younger than `ttl` by then is an answer.
    pub(super) async fn fetch_once(
        &self,
        key: &Key,
        ttl: Duration,
        budget: Budget,
    ) -> Result<Arc<Version>, Error> {
        let asked = self.ask(key, ttl, budget);
        self.answered(asked, key, ttl, budget).await
    }

    /// Begins to ask, unless another has; `None` without a thread to do it on.
    pub(super) fn ask(&self, key: &Key, ttl: Duration, budget: Budget) -> Option<Asked> {
        let begin = || Asking::begin(self, key, budget);
        self.prompts().ask(key, ttl, begin)
    }

    /// Waits for what was asked.
    pub(super) async fn answered(
        &self,
        mut asked: Option<Asked>,
        key: &Key,
        ttl: Duration,
        budget: Budget,
    ) -> Result<Arc<Version>, Error> {
        while let Some(asking) = asked {
            let asking = match asking {
                Asked::Answered(version) => return Ok(version),
                Asked::Asking(asking) => asking,
            };
            let answered = if asking.budget.ends_with(&budget) {
                asking.answer().await
            } else {
                // Who has less time than the question does not wait for its end.
                let waited = within(budget, asking.answer());
                match self.on_our_thread(&verb(key), waited).await {
                    Ok(Some(answered)) => answered,
                    Ok(None) => return Err(self.too_late(key, budget)),
                    Err(_) => None,
                }
            };
            match answered {
                Some(Ok(version)) => return Ok(version),
                // It had less time, or began long ago.
                Some(Err(error)) if error.is_timeout() && budget.left() > budget.whole() / 2 => {
                    asked = self.ask(key, ttl, budget);
                }
                Some(Err(error)) => return Err(error.again()),
                None => break,
            }
        }
        self.fetch(key, budget).await
    }

    /// Why nobody could say a moment ago what this is, and in the background the server is asked once more: a program that has a
    /// fallback need not wait for it.
    pub(super) fn failing(&self, key: &Key, ttl: Duration) -> Option<Error> {
        let (why, may_try) = self.prompts().failure(key, ttl)?;
        if may_try {
            let (asks, key) = (self.clone(), key.clone());
            let again = async move {
                let budget = Budget::new(asks.timeout());
                drop(asks.fetch_once(&key, ttl, budget).await);
            };
            // Without a thread it is as if it had failed.
            let _ = self.background(again.with_subscriber(NoSubscriber::default()));
        }
        Some(why.again())
    }

    /// Who wanted this has no time left.
    pub(super) fn too_late(&self, key: &Key, budget: Budget) -> Error {
        let (verb, host) = (verb(key), self.base().host());
        let what = format!("cannot {verb}: no answer from {host} within {:?}", budget.whole());
        Error::new(Kind::Timeout, what)
    }
}

/// What a future comes to within a time; `None` if it comes to nothing by then.
async fn within<T>(budget: Budget, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(budget.left(), future).await.ok()
}
