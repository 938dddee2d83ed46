//! The client of a project: what every verb of the API is made of.

pub(super) mod answer;
mod budget;
mod call;
mod outcome;
mod own;
pub(crate) mod wait;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::clock::Clock;
use crate::diag::Diagnostics;
use crate::env::Variables;
use crate::error::Error;
use crate::http::{Client, Endpoint, Secrets};
use crate::id::TraceId;
use crate::langfuse::builder::LangfuseBuilder;
use crate::langfuse::check::Project;
use crate::langfuse::environment::normalise;
use crate::langfuse::media::storage::Storage;
use crate::langfuse::prompt::Cache;
use crate::langfuse::score::ScoreWays;
use crate::langfuse::settings::LangfuseSettings;
use crate::pipeline::Pipeline;
use crate::sample::SampleRate;

pub(super) use self::answer::text;
pub(super) use self::budget::{Attempts, Budget};
pub(super) use self::call::{Request, SEGMENT};
pub(super) use self::outcome::first_issue;
use self::own::OwnThread;

/// The client of a Langfuse project. Clones are handles to the same, and cheap.
///
/// [`Pipeline::langfuse`] is the one of the project that traces go to; [`from_env`](Self::from_env) and
/// [`builder`](Self::builder) make one without a pipeline.
///
/// ```no_run
/// # async fn check() -> Result<(), tracing_llm::Error> {
/// let langfuse = tracing_llm::Langfuse::from_env()?;
/// println!("project {}", langfuse.auth_check().await?.name());
/// # Ok(())
/// # }
/// ```
///
/// # Verbs
///
/// | of | verbs |
/// | --- | --- |
/// | the set-up | [`auth_check`](Self::auth_check), [`health`](Self::health), [`trace_url`](Self::trace_url), [`experiment_url`](Self::experiment_url) |
/// | prompts | [`prompt`](Self::prompt), [`chat_prompt`](Self::chat_prompt), [`prefetch_prompts`](Self::prefetch_prompts), [`forget_prompt`](Self::forget_prompt); [`create_prompt`](Self::create_prompt), [`label_prompt`](Self::label_prompt), [`delete_prompt`](Self::delete_prompt), [`list_prompts`](Self::list_prompts), [`compare_prompts`](Self::compare_prompts); as files (feature `yaml`) `pull_prompt`, `push_prompt` |
/// | scores | [`score`](Self::score), [`score_all`](Self::score_all), [`queue_score`](Self::queue_score), [`delete_score`](Self::delete_score), [`scores`](Self::scores); [`score_configs`](Self::score_configs), [`create_score_config`](Self::create_score_config); a route for users (feature `axum`) `Feedback` |
/// | what was traced | [`traces`](Self::traces), [`observations`](Self::observations), [`sessions`](Self::sessions), [`experiments`](Self::experiments), [`experiment_items`](Self::experiment_items) |
/// | sums | [`cost_by_day`](Self::cost_by_day), [`cost_by_user`](Self::cost_by_user), [`tokens_by_model`](Self::tokens_by_model), [`latency_by_name`](Self::latency_by_name), [`error_rate`](Self::error_rate), [`trace_cost`](Self::trace_cost), [`metrics`](Self::metrics) |
/// | datasets | [`put_dataset`](Self::put_dataset), [`put_dataset_item`](Self::put_dataset_item), [`add_trace_to_dataset`](Self::add_trace_to_dataset), [`dataset_items`](Self::dataset_items), [`datasets`](Self::datasets); experiments over them are [`Pipeline::experiment`] |
/// | media | [`media`](Self::media), [`fetch_media`](Self::fetch_media), [`resolve_media`](Self::resolve_media), [`upload_media`](Self::upload_media) |
/// | prices | [`model_prices`](Self::model_prices), [`create_model_price`](Self::create_model_price), [`delete_model_price`](Self::delete_model_price) |
///
/// # How a call is made
///
/// A call may be awaited in any executor, and needs no runtime: the pipeline's thread sends, or, without a pipeline or after
/// its shutdown, a small thread of the client's own, which its clones share. A future that is dropped gives its call up. Each verb
/// has a `…_blocking` form for code that is not async. It may be called anywhere but on the pipeline's own thread, where it is
/// an error; inside a runtime it holds up the tasks of its thread. Nothing of what is sent is observed by this crate's layer.
///
/// A call has one time for everything, the [timeout](LangfuseBuilder::timeout), and at most three attempts. Another is made
/// after no connection, a lost answer, 429 and 5xx, unless the wait before it, which the server may ask for, does not fit into
/// the time; the call then ends at once. A change that carries no id of its own is made again only if nothing of it was sent;
/// [`Error::is_ambiguous`] says when it may have been done all the same.
#[derive(Clone)]
pub struct Langfuse {
    shared: Arc<Shared>,
    pipeline: Option<Pipeline>,
    /// The name of its destination, where it stands beside one.
    lane: Option<Arc<str>>,
}

/// What the clones share.
struct Shared {
    base: Endpoint,
    http: Client,
    headers: HeaderMap,
    secrets: Secrets,
    timeout: Duration,
    environment: Option<String>,
    rate: SampleRate,
    own: OwnThread,
    /// Asked once.
    project: OnceLock<Project>,
    prompts: Arc<Cache>,
    score_ways: ScoreWays,
    storage: Arc<Storage>,
}

impl Langfuse {
    /// The project that `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` and `LANGFUSE_BASE_URL` name, also where
    /// `LANGFUSE_TRACING_ENABLED` sends no traces. What another variable says in vain is told on stderr in one line.
    ///
    /// # Errors
    ///
    /// A key is not set or is none, or the address cannot be used ([`Error::is_invalid_value`]); the text names the variable.
    pub fn from_env() -> Result<Self, Error> {
        let read = LangfuseSettings::for_client(&Variables::system());
        let diagnostics = Diagnostics::stderr();
        read.messages.iter().for_each(|line| diagnostics.say(line));
        let settings = read.settings?;
        Self::open(&settings, settings.client()?)
    }

    /// A project by its keys, to be set up by hand.
    pub fn builder(public_key: impl Into<String>, secret_key: impl Into<String>) -> LangfuseBuilder {
        LangfuseBuilder::new(public_key.into(), secret_key.into())
    }

    /// Whether a trace is of the share that this project is sent, by its id. Scores follow their traces.
    #[must_use]
    pub fn samples(&self, trace: TraceId) -> bool {
        self.shared.rate.keeps(trace)
    }

    /// The environment of what this client sends, as the server stores it; none is the server's `default`.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.shared.environment.as_deref()
    }

    pub(crate) fn open(settings: &LangfuseSettings, http: Client) -> Result<Self, Error> {
        let mut headers = settings.headers.clone();
        let mut secrets = Secrets::default();
        secrets.add(settings.credentials.secret());
        headers.extend(settings.credentials.headers()?);
        let sensitive = headers.values().filter(|value| value.is_sensitive());
        sensitive.for_each(|value| secrets.add(&String::from_utf8_lossy(value.as_bytes())));
        let environment = settings.environment.as_deref().map(normalise);
        let storage = Storage::new(settings, http.clone());
        let clock = settings.clock.clone().map_or_else(Clock::system, Clock::Manual);
        Ok(Self {
            shared: Arc::new(Shared {
                base: settings.base.clone(),
                http,
                headers,
                secrets,
                timeout: settings.timeout,
                environment: environment.map(Into::into),
                rate: settings.rate,
                own: OwnThread::default(),
                project: OnceLock::new(),
                prompts: Arc::new(Cache::new(clock, settings.prompt_ttl)),
                score_ways: ScoreWays::default(),
                storage: Arc::new(storage),
            }),
            pipeline: None,
            lane: None,
        })
    }

    /// The server, without the paths of its API.
    pub(super) fn base(&self) -> &Endpoint {
        &self.shared.base
    }

    /// The time of a call.
    pub(super) fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    /// The prompts in memory.
    pub(super) fn prompts(&self) -> &Arc<Cache> {
        &self.shared.prompts
    }

    /// The project, once it is known.
    pub(super) fn known_project(&self) -> &OnceLock<Project> {
        &self.shared.project
    }

    /// Which ways there are for scores.
    pub(super) fn score_ways(&self) -> &ScoreWays {
        &self.shared.score_ways
    }

    /// Where the server has bytes put.
    pub(super) fn storage(&self) -> &Arc<Storage> {
        &self.shared.storage
    }

    /// What no text may repeat.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }

    /// One line of what the server said, without our secrets.
    pub(super) fn excerpt(&self, said: &str) -> Option<String> {
        self.shared.secrets.excerpt(said)
    }

    /// The pipeline that it stands beside, and the name of its destination there.
    pub(super) fn pipeline(&self) -> Option<(&Pipeline, &str)> {
        self.pipeline.as_ref().zip(self.lane.as_deref())
    }
}

impl fmt::Debug for Langfuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Langfuse")
            .field("base_url", &self.shared.base)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// The client of the Langfuse project that traces go to, with its keys, server, headers, certificates, environment and
    /// share; of several the first. `None` when traces go to none.
    #[must_use]
    pub fn langfuse(&self) -> Option<Langfuse> {
        self.langfuses().next().map(|(_, client)| client)
    }

    /// The client of the destination with this name, which is [`LangfuseBuilder::name`], or `langfuse`, `langfuse-2`, ….
    #[must_use]
    pub fn langfuse_named(&self, name: &str) -> Option<Langfuse> {
        let mut found = self.langfuses().filter(|(known, _)| *known == name);
        found.next().map(|(_, client)| client)
    }

    fn langfuses(&self) -> impl Iterator<Item = (&str, Langfuse)> {
        self.companions::<Langfuse>().map(|(name, client)| {
            let client = Langfuse {
                shared: Arc::clone(&client.shared),
                pipeline: Some(self.clone()),
                lane: Some(name.into()),
            };
            (name, client)
        })
    }
}

#[cfg(test)]
mod tests;
