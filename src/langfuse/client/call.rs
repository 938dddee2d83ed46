//! One request of the API, with all its attempts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::error::{Error, Kind};
use crate::http::{Endpoint, HttpError, Response};
use crate::langfuse::client::answer::Answer;
use crate::langfuse::client::budget::{Attempts, Budget};
use crate::langfuse::client::{Langfuse, Shared, outcome, wait};

/// What a verb asks the server.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Completes a sentence that begins with "cannot".
    pub(super) verb: Cow<'static, str>,
    pub(super) method: Method,
    /// Behind the API's own path; each is one segment, whatever characters it has.
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    /// Whether it may be made again when it may have been done already.
    repeatable: bool,
    anonymous: bool,
    budget: Option<Budget>,
}

impl Request {
    /// A read, which may be made again.
    pub(crate) fn get(verb: impl Into<Cow<'static, str>>, path: &[&str]) -> Self {
        Self {
            repeatable: true,
            ..Self::change(Method::GET, verb, path)
        }
    }

    /// A change, which is made again only if nothing of it was sent.
    pub(crate) fn change(method: Method, verb: impl Into<Cow<'static, str>>, path: &[&str]) -> Self {
        Self {
            verb: verb.into(),
            method,
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            query: Vec::new(),
            body: None,
            repeatable: false,
            anonymous: false,
            budget: None,
        }
    }

    /// One parameter; without a value none.
    pub(crate) fn query(mut self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// What is sent.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// It carries an id of ours, so that doing it twice is doing it once: it may be made again whenever a read may.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// On the time of a verb that asks several times, or has a time of its own.
    pub(crate) fn within(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Without the keys: for what the server tells anybody.
    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    fn endpoint(&self, base: &Endpoint) -> Result<Endpoint, Error> {
        // Both mean another path, however they are written.
        let unfit = |segment: &&String| ["", ".", ".."].contains(&segment.as_str());
        if let Some(segment) = self.path.iter().find(unfit) {
            let message = format!("cannot {}: {segment:?} is no name", self.verb);
            return Err(Error::new(Kind::InvalidValue, message));
        }
        let encode = |segment: &String| utf8_percent_encode(segment, SEGMENT).to_string();
        let path: Vec<_> = self.path.iter().map(encode).collect();
        let endpoint = base.clone().join(&format!("api/public/{}", path.join("/")));
        Ok(endpoint.with_query(&self.query))
    }
}

/// Unreserved characters stand for themselves.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl Langfuse {
    /// Asks the server; answers what it answered with success.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Error> {
        let job = Arc::new(Job::new(Arc::clone(&self.shared), request)?);
        let outcome = self.run(&job).await?;
        outcome::read(outcome, &job)
    }

    /// Makes one attempt, where it is awaited: for what has a queue of its own for what fails. It must be a thread of ours.
    pub(crate) async fn once(&self, request: Request) -> Result<(Endpoint, Outcome), Error> {
        let job = Job::new(Arc::clone(&self.shared), request)?;
        let outcome = job.attempt(job.budget.left()).await;
        Ok((job.endpoint, outcome))
    }

    /// Waits for a verb in code that is not async.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        wait::wait(self.shared.timeout, call)
    }

    /// Runs a future on the pipeline's thread, or on our own, whether or not anybody waits for it; `None` without a thread.
    pub(crate) fn background(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        match &self.pipeline {
            Some(pipeline) if pipeline.is_open() => pipeline.spawn(future),
            _ => self.shared.own.spawn(future).ok(),
        }
    }

    /// What a future comes to on the pipeline's thread, or on our own: for what needs one and is no call of the API.
    pub(crate) async fn on_our_thread<T: Send + 'static>(
        &self,
        verb: &str,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        let task = async move { drop(sender.send(future.await)) };
        // Without a thread the sender is dropped with it.
        let _ = self.background(task.with_subscriber(NoSubscriber::default()));
        let ended = |_| {
            Error::new(
                Kind::System,
                format!("cannot {verb}: the thread for it has ended"),
            )
        };
        receiver.await.map_err(ended)
    }

    /// Makes a call on the pipeline's thread, or on our own.
    async fn run(&self, job: &Arc<Job>) -> Result<Outcome, Error> {
        if let Some(pipeline) = &self.pipeline {
            let (task, answer) = job.task();
            if let Some(task) = pipeline.spawn(task) {
                if let Some(outcome) = answered(task, answer).await {
                    return Ok(outcome);
                }
                // The pipeline was shut down meanwhile.
                if job.is_begun() && !job.request.repeatable {
                    let message = format!(
                        "cannot {}: the pipeline was shut down meanwhile",
                        job.request.verb
                    );
                    return Err(Error::new(Kind::Unreachable, message).ambiguous());
                }
            }
        }
        let (task, answer) = job.task();
        let task = self.shared.own.spawn(task)?;
        let outcome = answered(task, answer).await;
        outcome.ok_or_else(|| {
            let message = format!("cannot {}: the HTTP client panicked", job.request.verb);
            Error::new(Kind::System, message)
        })
    }
}

/// What an attempt ended with.
pub(crate) type Outcome = Result<Response, HttpError>;

/// A call that is being made.
pub(super) struct Job {
    client: Arc<Shared>,
    pub(super) request: Request,
    pub(super) endpoint: Endpoint,
    headers: HeaderMap,
    body: Bytes,
    budget: Budget,
    /// Something of it may have been sent.
    begun: AtomicBool,
}

impl Job {
    fn new(client: Arc<Shared>, request: Request) -> Result<Self, Error> {
        let mut headers = client.headers.clone();
        if request.anonymous {
            headers.remove(AUTHORIZATION);
        }
        let body = request.body.as_ref().map(Value::to_string);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(Self {
            endpoint: request.endpoint(&client.base)?,
            headers,
            body: body.unwrap_or_default().into(),
            budget: request.budget.unwrap_or_else(|| Budget::new(client.timeout)),
            begun: AtomicBool::new(false),
            client,
            request,
        })
    }

    /// The time that it had, all in all.
    pub(super) fn time(&self) -> Duration {
        self.budget.whole()
    }

    /// One line of what the server said, without our secrets.
    pub(super) fn excerpt(&self, said: &str) -> Option<String> {
        self.client.secrets.excerpt(said)
    }

    /// Whether something of it may have been sent.
    pub(super) fn is_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// What is to run on a thread of ours, and where its outcome comes out: nothing does when it is dropped there.
    fn task(
        self: &Arc<Self>,
    ) -> (
        impl Future<Output = ()> + Send + use<>,
        oneshot::Receiver<Outcome>,
    ) {
        let (sender, receiver) = oneshot::channel();
        let job = Arc::clone(self);
        let task = async move {
            let outcome = job.make().await;
            let _ = sender.send(outcome);
        };
        // The host's other layers need not hear of it either.
        (task.with_subscriber(NoSubscriber::default()), receiver)
    }

    async fn attempt(&self, limit: Duration) -> Outcome {
        self.begun.store(true, Ordering::Relaxed);
        let (method, headers) = (self.request.method.clone(), self.headers.clone());
        let body = self.body.clone();
        let http = &self.client.http;
        http.ask(method, &self.endpoint, headers, body, limit).await
    }

    async fn make(&self) -> Outcome {
        let mut attempts = Attempts::new();
        loop {
            let left = self.budget.left();
            if left.is_zero() {
                return Err(HttpError::TimedOut("the time is over".to_owned()));
            }
            let outcome = self.attempt(left).await;
            let again = outcome::again(&outcome, self.request.repeatable);
            match again.and_then(|asked| attempts.next(&self.budget, asked)) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome,
            }
        }
    }
}

/// Waits for a task; whoever waits no more ends it.
async fn answered(task: AbortHandle, answer: oneshot::Receiver<Outcome>) -> Option<Outcome> {
    struct AbortOnDrop(AbortHandle);
    impl Drop for AbortOnDrop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let _task = AbortOnDrop(task);
    answer.await.ok()
}
