//! Fetching a prompt: from memory, from the server, or from the program itself.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::langfuse::client::{Budget, Langfuse, Request, wait};
use crate::langfuse::prompt::cache::{Found, Key, Refreshing};
use crate::langfuse::prompt::chat::{Chat, ChatMessage, ChatPart};
use crate::langfuse::prompt::selector::{Kind, Selector};
use crate::langfuse::prompt::template::{Template, Text};
use crate::langfuse::prompt::version::{Body, Version};
use crate::langfuse::prompt::{Prompt, PromptSource};

/// A prompt that is about to be fetched: await it, or [`fetch_blocking`](Self::fetch_blocking).
///
/// It is a version *or* a label:
///
/// ```compile_fail
/// # fn both(langfuse: &tracing_llm::Langfuse) {
/// let _ = langfuse.prompt("qa").label("staging").version(3);
/// # }
/// ```
#[must_use = "nothing is fetched before it is awaited"]
pub struct PromptRequest<T: Template = Text, S = Unselected> {
    langfuse: Langfuse,
    key: Key,
    ttl: Option<Duration>,
    max_stale: Option<Duration>,
    timeout: Option<Duration>,
    fallback: Option<Fallback<T>>,
    selected: PhantomData<S>,
}

/// Which version is not said yet: the one with the label `production`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unselected {}

/// Which version is said.
#[derive(Debug)]
#[non_exhaustive]
pub enum Selected {}

/// What stands in for a prompt that the server does not give: a text, or messages.
pub struct Fallback<T: Template> {
    body: Body,
    config: Option<Value>,
    of: PhantomData<T>,
}

impl<T: Template> PromptRequest<T, Unselected> {
    /// The version with this label. `production` is what is fetched when nothing is said; `latest` is the newest version,
    /// whether or not anybody released it.
    pub fn label(self, label: impl Into<String>) -> PromptRequest<T, Selected> {
        self.select(Selector::from(label.into()))
    }

    /// This version.
    pub fn version(self, version: u32) -> PromptRequest<T, Selected> {
        self.select(Selector::from(version))
    }

    /// One of two, labels (`"blue"`) or versions (`3`), by who asks: a user is given the same always, in every process. Of all
    /// users this share, from 0 to 1, is given the second; a greater share only adds users to it.
    ///
    /// The rule, for those who need it elsewhere: the first eight bytes of SHA-256 of the prompt's name, a zero byte and the
    /// user, as a fraction of 2⁶⁴, are below the share.
    pub fn split(
        self,
        user: impl AsRef<str>,
        share: f64,
        first: impl Into<Selector>,
        second: impl Into<Selector>,
    ) -> PromptRequest<T, Selected> {
        let name = &self.key.name;
        let selector = Selector::split(name, user.as_ref(), share, first.into(), second.into());
        self.select(selector)
    }

    fn select(self, selector: Selector) -> PromptRequest<T, Selected> {
        PromptRequest {
            langfuse: self.langfuse,
            key: Key {
                name: self.key.name,
                selector,
            },
            ttl: self.ttl,
            max_stale: self.max_stale,
            timeout: self.timeout,
            fallback: self.fallback,
            selected: PhantomData,
        }
    }
}

impl<T: Template, S> PromptRequest<T, S> {
    /// How old it may be to be fresh; zero asks the server in any case, and takes what is in memory only if that fails. 60 s when it is not set, or
    /// `LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS`.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long after it was last fresh it may still be used as it is, while the server is asked: one that is older waits for the
    /// server, and is used only if that fails. As long as it is in memory when it is not set: a program that asks once a day is
    /// given yesterday's first.
    pub fn max_stale(mut self, time: Duration) -> Self {
        self.max_stale = Some(time);
        self
    }

    /// How long the server may take, with all attempts; the client's timeout when it is not set. A request that has a
    /// fallback may want less.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What stands in for it when the server gives none, for whatever reason: text for a text, messages for a chat, or a file
    /// of its own. It is flagged ([`Prompt::is_fallback`]), and no generation is linked to it.
    ///
    /// A server that fails, or does not answer, is waited for once: for as long after that as a prompt is fresh, the fallback is
    /// given at once, while the server is asked again in the background, every 5 s at most.
    pub fn fallback(mut self, fallback: impl Into<Fallback<T>>) -> Self {
        self.fallback = Some(fallback.into());
        self
    }

    /// Fetches it in code that is not async.
    ///
    /// # Errors
    ///
    /// Those of awaiting it: [`Langfuse::prompt`].
    pub fn fetch_blocking(self) -> Result<Prompt<T>, Error> {
        wait::wait(self.time(), self.fetch())
    }

    fn time(&self) -> Duration {
        self.timeout.unwrap_or_else(|| self.langfuse.timeout())
    }

    async fn fetch(self) -> Result<Prompt<T>, Error> {
        let ttl = self.ttl.unwrap_or(self.langfuse.prompts().ttl);
        let has_fallback = self.fallback.is_some();
        let found = self
            .langfuse
            .find(&self.key, (ttl, self.max_stale), self.time(), has_fallback)
            .await;
        // One of the other kind is no prompt that the program can use.
        let prompt = found.and_then(|(version, source)| Prompt::new(version, source, None));
        match (prompt, self.fallback) {
            (Err(error), Some(Fallback { body, config, .. })) => {
                let version = Version::fallback(&self.key.name, body, config);
                Prompt::new(Arc::new(version), PromptSource::Fallback, Some(error))
            }
            (prompt, _) => prompt,
        }
    }
}

impl<T: Template, S: Send + 'static> IntoFuture for PromptRequest<T, S> {
    type Output = Result<Prompt<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.fetch())
    }
}

impl Langfuse {
    /// A prompt of text by its name, with the folders it stands in: `support/greeting`. Without more it is the version with
    /// the label `production`.
    ///
    /// It is kept in memory, and is fresh for a time; then it is used once more as it is, while the server is asked for
    /// the next. A version that is gone from the server is forgotten. Of several calls at once for one that is not there, the
    /// server is asked once, and all have its answer, or its error; each waits for as long as it has [time](PromptRequest::timeout).
    ///
    /// # Errors
    ///
    /// There is no such prompt, version or label ([`Error::is_not_found`]); it is one of messages
    /// ([`Error::is_unexpected_answer`]); or the server gave no answer in time. None of them with a
    /// [fallback](PromptRequest::fallback).
    pub fn prompt(&self, name: impl Into<String>) -> PromptRequest<Text> {
        self.request(name.into())
    }

    /// A prompt of messages: see [`prompt`](Self::prompt).
    pub fn chat_prompt(&self, name: impl Into<String>) -> PromptRequest<Chat> {
        self.request(name.into())
    }

    /// Fetches the production versions of these prompts, of either kind, so that the first request finds them in memory: eight at a
    /// time, all in the time of one call.
    ///
    /// # Errors
    ///
    /// The first one that could not be fetched; the others are fetched all the same.
    pub async fn prefetch_prompts<N: Into<String>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<(), Error> {
        let keys: Vec<_> = names.into_iter().map(|name| key(name.into())).collect();
        let budget = Budget::new(self.timeout());
        let mut first = Ok(());
        for some in keys.chunks(PREFETCHED_AT_ONCE) {
            // What was never asked for has not failed: nothing of it is remembered.
            if let (true, Some(key)) = (budget.left().is_zero(), some.first()) {
                return first.and_then(|()| Err(self.too_late(key, budget)));
            }
            // All of them are under way when the first is waited for.
            let ask = |key| (key, self.ask(key, Duration::ZERO, budget));
            let asked: Vec<_> = some.iter().map(ask).collect();
            for (key, asked) in asked {
                let fetched = self.answered(asked, key, Duration::ZERO, budget).await;
                first = first.and(fetched.map(drop));
            }
        }
        first
    }

    /// [`prefetch_prompts`](Self::prefetch_prompts) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn prefetch_prompts_blocking<N: Into<String>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<(), Error> {
        self.wait(self.prefetch_prompts(names))
    }

    /// Forgets what memory holds of a prompt, whichever version: the next call asks the server.
    pub fn forget_prompt(&self, name: &str) {
        self.prompts().forget(name);
    }

    fn request<T: Template>(&self, name: String) -> PromptRequest<T> {
        PromptRequest {
            langfuse: self.clone(),
            key: key(name),
            ttl: None,
            max_stale: None,
            timeout: None,
            fallback: None,
            selected: PhantomData,
        }
    }

    async fn find(
        &self,
        key: &Key,
        (ttl, max_stale): (Duration, Option<Duration>),
        time: Duration,
        has_fallback: bool,
    ) -> Result<(Arc<Version>, PromptSource), Error> {
        let most = max_stale.map_or(Duration::MAX, |stale| ttl.saturating_add(stale));
        match self.prompts().find(key, ttl, most) {
            Found::Fresh(version) => Ok((version, PromptSource::Cache)),
            Found::Stale(version, refreshing) => {
                if let Some(refreshing) = refreshing {
                    // Without a thread it is as if it had failed.
                    let _ = self.background(refresh(self.clone(), refreshing));
                }
                Ok((version, PromptSource::Stale))
            }
            Found::Nothing => {
                let budget = Budget::new(time);
                let fetched = match has_fallback.then(|| self.failing(key, ttl)).flatten() {
                    Some(error) => Err(error),
                    // What others were answered may be older than this call.
                    None if ttl.is_zero() => self.fetch(key, budget).await,
                    None => self.fetch_once(key, ttl, budget).await,
                };
                match (fetched, self.prompts().any(key)) {
                    (Ok(version), _) => Ok((version, PromptSource::Server)),
                    // An old one that was not asked for is better than none; one that is gone has been forgotten.
                    (Err(_), Some(version)) => Ok((version, PromptSource::Stale)),
                    (Err(error), None) => Err(error),
                }
            }
        }
    }

    /// Asks the server, and keeps what it says in memory: also that there is no such prompt any more.
    pub(super) async fn fetch(&self, key: &Key, budget: Budget) -> Result<Arc<Version>, Error> {
        let age = self.prompts().age();
        let answer = self.call(which(key, budget)).await;
        match answer.and_then(|answer| answer.read(Version::read)) {
            Ok(version) => {
                let version = Arc::new(version);
                self.prompts().put(key.clone(), Arc::clone(&version), age);
                Ok(version)
            }
            Err(error) => {
                if error.is_not_found() {
                    self.prompts().evict(key, age);
                } else if is_no_answer(&error) {
                    self.prompts().fail(key, error.again());
                }
                Err(error)
            }
        }
    }
}

const PREFETCHED_AT_ONCE: usize = 8;

/// The question for a version.
pub(super) fn which(key: &Key, budget: Budget) -> Request {
    let request = Request::get(verb(key), &["v2", "prompts", &key.name]).within(budget);
    match &key.selector.0 {
        Kind::Production => request,
        Kind::Label(label) => request.query("label", Some(label)),
        Kind::Version(version) => request.query("version", Some(version)),
    }
}

/// Whether the server, or the way there, is at fault and not the question.
fn is_no_answer(error: &Error) -> bool {
    error.is_unreachable() || error.is_timeout() || error.is_server_failure() || error.is_rate_limited()
}

/// Completes a sentence that begins with "cannot".
pub(super) fn verb(key: &Key) -> String {
    format!("fetch the prompt {:?}", key.name)
}

/// What it comes to is in memory; a failure leaves there what is there.
async fn refresh(langfuse: Langfuse, refreshing: Refreshing) {
    let budget = Budget::new(langfuse.timeout());
    drop(langfuse.fetch(&refreshing.key, budget).await);
}

fn key(name: String) -> Key {
    Key {
        name,
        selector: Selector::PRODUCTION,
    }
}

impl<T: Template> Fallback<T> {
    pub(super) fn new(template: T, config: Option<Value>) -> Self {
        Self {
            body: template.into_body(),
            config,
            of: PhantomData,
        }
    }
}

impl From<&str> for Fallback<Text> {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Fallback<Text> {
    fn from(text: String) -> Self {
        Self::new(Text(text), None)
    }
}

impl From<Vec<ChatPart>> for Fallback<Chat> {
    fn from(parts: Vec<ChatPart>) -> Self {
        Self::new(Chat(parts), None)
    }
}

impl From<Vec<ChatMessage>> for Fallback<Chat> {
    fn from(messages: Vec<ChatMessage>) -> Self {
        messages
            .into_iter()
            .map(ChatPart::Message)
            .collect::<Vec<_>>()
            .into()
    }
}
