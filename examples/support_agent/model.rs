//! Who answers, and how it is asked: a model behind an endpoint, as often as it takes, or fixed rules.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::{instrument, warn};
use tracing_llm::current;

use crate::extractive;
use crate::openai::{Completion, Endpoint, Failure};
use crate::stream::Stream;
use crate::tools;

/// An answer that fails is asked for again, so often in all.
const ATTEMPTS: u32 = 3;

/// A server that wants to be left alone for longer is.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Waits. Tests do it without.
pub(crate) type Pause = Box<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Who answers.
pub(crate) enum Model {
    /// Fixed rules.
    Extractive,
    /// A model.
    At {
        endpoint: Endpoint,
        stream: bool,
        pause: Pause,
    },
}

impl Model {
    /// The model at `OPENAI_BASE_URL`, or fixed rules.
    pub(crate) fn from_env() -> Self {
        match Endpoint::from_env() {
            None => Self::Extractive,
            Some(endpoint) => Self::At {
                endpoint,
                stream: std::env::var("OPENAI_STREAM").as_deref() != Ok("false"),
                pause: Box::new(|wait| Box::pin(tokio::time::sleep(wait))),
            },
        }
    }

    /// What is said next in a chat: an answer, or the tools that are wanted.
    pub(crate) async fn reply(&self, chat: &[Value]) -> Result<Completion, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.chat(chat).await {
                Ok(said) => return Ok(said),
                Err(failure) => failure,
            };
            let (Self::At { pause, .. }, Some(wait)) = (self, wait_after(&failure, attempt)) else {
                return Err(failure);
            };
            // The trace says where the time went.
            warn!(
                as_type = "event",
                seconds = wait.as_secs(),
                "waits and asks again"
            );
            pause(wait).await;
            attempt += 1;
        }
    }

    /// One attempt is one generation, so that the trace shows each with what became of it.
    #[instrument(skip_all, fields(as_type = "generation", model = self.name(), stream = self.streams()), err)]
    async fn chat(&self, chat: &[Value]) -> Result<Completion, Failure> {
        current().input(chat);
        let (said, end) = match self {
            Self::Extractive => (extractive::reply(chat), Ok(())),
            Self::At { endpoint, stream, .. } => ask(endpoint, *stream, chat).await?,
        };
        record(&said);
        end?;
        if said.text.is_empty() && said.calls.is_empty() {
            return Err(Failure::Unreadable("the model said nothing".to_owned()));
        }
        Ok(said)
    }

    fn name(&self) -> &str {
        match self {
            Self::Extractive => "extractive",
            Self::At { endpoint, .. } => &endpoint.model,
        }
    }

    fn streams(&self) -> Option<bool> {
        match self {
            Self::Extractive => None,
            Self::At { stream, .. } => Some(*stream),
        }
    }
}

/// Asks, and answers what came, with an error where that is not all.
async fn ask(
    endpoint: &Endpoint,
    stream: bool,
    chat: &[Value],
) -> Result<(Completion, Result<(), Failure>), Failure> {
    let mut body = json!({"model": endpoint.model, "messages": chat, "tools": tools::definitions()});
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    let mut response = endpoint.post(&body).await?;
    // Some servers answer whole, whatever they were asked.
    let content_type = response.headers().get("content-type");
    if content_type.is_none_or(|it| !it.as_bytes().starts_with(b"text/event-stream")) {
        let body = response.text().await.map_err(Failure::broken)?;
        return Ok((Completion::read(&body)?, Ok(())));
    }
    let mut stream = Stream::default();
    let end = read(&mut response, &mut stream).await;
    Ok((stream.said(), end.map_err(|failure| endpoint.cleaned(failure))))
}

async fn read(response: &mut reqwest::Response, stream: &mut Stream) -> Result<(), Failure> {
    while let Some(bytes) = response.chunk().await.map_err(Failure::broken)? {
        stream.push(&bytes)?;
        if stream.has_begun() {
            current().first_token();
        }
    }
    stream.end()
}

/// Says in the trace what came.
fn record(said: &Completion) {
    let call = current();
    if let Some(model) = &said.model {
        call.model(model);
    }
    if let Some(usage) = &said.usage {
        call.usage(usage.clone());
    }
    if let Some(finish) = &said.finish {
        call.metadata("finish_reason", finish);
    }
    if !said.calls.is_empty() {
        call.output(said.message());
    } else if !said.text.is_empty() {
        call.output(&said.text);
    }
}

/// How long to wait before the next attempt, if there is to be one.
fn wait_after(failure: &Failure, attempt: u32) -> Option<Duration> {
    let backoff = Duration::from_secs(1 << attempt);
    let wait = match failure {
        Failure::Refused {
            status: 429 | 502..=504,
            retry_after,
            ..
        } => retry_after.unwrap_or(backoff),
        Failure::Broken(_) => backoff,
        Failure::Refused { .. } | Failure::Unsendable(_) | Failure::Unreadable(_) => return None,
    };
    (attempt < ATTEMPTS && wait <= LONGEST_WAIT).then_some(wait)
}
