//! What users think of an answer: a route of `axum` that stores it as scores of the answer's trace.

mod clicks;
mod reply;
mod said;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponseParts, Response, ResponseParts};
use axum::routing::post;
use reqwest::header::HeaderValue;

use self::clicks::Clicks;
use self::reply::{Fault, Reply};
use self::said::Said;
use self::token::SigningKey;
use crate::error::Error;
use crate::id::TraceId;
use crate::langfuse::client::{Budget, Langfuse};
use crate::langfuse::score::Scored;
use crate::model::Score;

/// A route that takes what users think of an answer, for `axum`: `POST /feedback` (feature `axum`).
///
/// It takes `trace_id`, `rating` and, if there are any, `comment`, `user_id` and the score's `name`, in the query, as a form, or as a JSON object. Of
/// a rating of 4 of 5 it stores the scores `user_rating` = 0.8 and `user_satisfaction` = `satisfied`, both of that trace, and
/// answers `{"status":"recorded"}`. The handler that gave the answer says which trace it is:
///
/// ```
/// use axum::{Router, response::IntoResponse, routing::get};
/// use tracing_llm::{Feedback, Langfuse};
///
/// #[tracing::instrument(skip_all)]
/// async fn ask(feedback: Feedback) -> impl IntoResponse {
///     (feedback.trace_header(), "Seven years.") // inside the span of the trace
/// }
///
/// # fn main() -> Result<(), tracing_llm::Error> {
/// let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1").build()?; // or the pipeline's: then nothing is lost while it is down
/// let feedback = Feedback::new(&langfuse).signing_key("a secret of the server");
/// let app: Router = Router::new()
///     .route("/ask", get({
///         let feedback = feedback.clone();
///         move || ask(feedback)
///     }))
///     .merge(feedback.router());
/// # drop(app);
/// # Ok(())
/// # }
/// ```
///
/// A page of another origin reads the header only if CORS exposes it (`Access-Control-Expose-Headers: x-trace-id,
/// x-feedback-token`).
///
/// # Two clicks are one score
///
/// The ids of the scores derive from the trace, the name and the user, so a second click replaces the first. The server only
/// replaces within one day, so their time is that of the token, if there is a signing key, or that of the first click that this
/// process saw (of the last 10,000). Without `user_id` all clicks on a trace are one user's.
///
/// # Answers
///
/// | status | `status` or `error` |
/// | --- | --- |
/// | 200 | `recorded`; `sampled_out`: its trace is not sent to Langfuse, so neither is this |
/// | 202 | `queued`: Langfuse did not answer within 2 s, and the pipeline goes on trying ([`Ledger::scores`](crate::Ledger::scores)) |
/// | 400 | `unknown_parameter`, `said_twice`, `trace_id_missing`, `rating_missing`, `not_json`, `not_text` |
/// | 401, 403 | `token_missing`; `token_wrong`: it is none of this trace |
/// | 413 | `body_too_large`: over 64 KiB; `comment_too_long`: over 10,000 characters |
/// | 415 | `unsupported_media_type` |
/// | 422 | `trace_id_invalid`, `name_unknown`, `rating_not_a_number`, `rating_not_whole`, `rating_too_low`, `rating_too_high`, `user_id_invalid` |
/// | 502, 503 | `refused`: Langfuse does not take it; `unavailable`: it does not answer, and there is no pipeline that goes on trying |
///
/// What has a 4xx is not sent anywhere.
#[derive(Clone)]
pub struct Feedback {
    langfuse: Langfuse,
    settings: Settings,
    clicks: Arc<Clicks>,
}

/// Who a request is of, by its headers.
type UserOf = dyn Fn(&HeaderMap) -> Option<String> + Send + Sync;

#[derive(Clone)]
struct Settings {
    scale: u32,
    satisfied_from: u32,
    rating: String,
    satisfaction: String,
    key: Option<SigningKey>,
    user_of: Option<Arc<UserOf>>,
}

impl Feedback {
    /// Feedback to this project, as the operations guides of Langfuse have it: ratings from 1 to 5, satisfied from 4 on.
    #[must_use]
    pub fn new(langfuse: &Langfuse) -> Self {
        Self {
            langfuse: langfuse.clone(),
            settings: Settings {
                scale: 5,
                satisfied_from: 4,
                rating: "user_rating".to_owned(),
                satisfaction: "user_satisfaction".to_owned(),
                key: None,
                user_of: None,
            },
            clicks: Arc::default(),
        }
    }

    /// Ratings from 1 to this; the score is the share of it. A scale of 0 is one of 1.
    #[must_use]
    pub fn scale(mut self, most: u32) -> Self {
        self.settings.scale = most.max(1);
        self
    }

    /// Who gives this rating or a better one is `satisfied`, who gives another `dissatisfied`.
    #[must_use]
    pub fn satisfied_from(mut self, rating: u32) -> Self {
        self.settings.satisfied_from = rating;
        self
    }

    /// The names of the two scores.
    #[must_use]
    pub fn names(mut self, rating: impl Into<String>, satisfaction: impl Into<String>) -> Self {
        self.settings.rating = rating.into();
        self.settings.satisfaction = satisfaction.into();
        self
    }

    /// Takes only what comes with the `token` of its trace, which [`trace_header`](Self::trace_header) gives to the browser: nobody can
    /// score a trace that was not theirs. The key is any secret that all processes of the service share; it is never shown.
    #[must_use]
    pub fn signing_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.settings.key = Some(SigningKey::new(key.into()));
        self
    }

    /// Takes the user from the headers of the request, where a session or a proxy in front says who it is, and no `user_id` that the
    /// page says: whoever can say any user can rate any number of times.
    #[must_use]
    pub fn user_of(mut self, user: impl Fn(&HeaderMap) -> Option<String> + Send + Sync + 'static) -> Self {
        self.settings.user_of = Some(Arc::new(user));
        self
    }

    /// `POST /feedback`. To have it elsewhere, nest the router.
    pub fn router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        Router::new().route("/feedback", post(record)).with_state(self)
    }

    /// The headers that tell the browser which trace it may rate: `x-trace-id`, and with a signing key `x-feedback-token`. It is asked
    /// for inside the span of the answer; outside of any trace there are none.
    #[must_use = "it is part of a response"]
    pub fn trace_header(&self) -> TraceHeader {
        self.header_of(crate::layer::current().trace_id())
    }

    /// The same of a trace that is known: of one that was made by hand, say.
    #[must_use = "it is part of a response"]
    pub fn header_of(&self, trace: impl Into<Option<TraceId>>) -> TraceHeader {
        let trace = trace.into();
        let sign = |key: &SigningKey| Some(key.token(trace?, SystemTime::now()));
        TraceHeader {
            token: self.settings.key.as_ref().and_then(sign),
            trace,
        }
    }

    async fn record(&self, request: Request) -> Result<Reply, Fault> {
        let (head, body) = request.into_parts();
        let said = Said::read(&head, body, &self.settings).await?;
        let now = SystemTime::now();
        let time = match &self.settings.key {
            Some(key) => key.check(said.trace, said.token.as_deref())?,
            None => self.clicks.first(said.trace, &said.user, now),
        };
        let scores = self.scores(said, time);
        let scored = self.langfuse.scores_within(Budget::new(PATIENCE), scores.clone());
        match scored.await {
            Ok(scored) if scored.iter().all(Scored::is_sampled_out) => Ok(Reply::SampledOut),
            Ok(_) => Ok(Reply::Recorded),
            Err(error) if is_for_now(&error) => {
                let queued = scores.into_iter().map(|score| self.langfuse.queue_score(score));
                match queued.collect::<Result<(), _>>() {
                    Ok(()) => Ok(Reply::Queued),
                    Err(_) => Err(Fault::Unavailable),
                }
            }
            Err(_) => Err(Fault::Refused),
        }
    }

    fn scores(&self, said: Said, time: SystemTime) -> [Score; 2] {
        let Settings {
            scale,
            satisfied_from,
            ..
        } = self.settings;
        let verdict = if said.rating >= satisfied_from {
            "satisfied"
        } else {
            "dissatisfied"
        };
        let of = |score: Score| score.on_trace(said.trace).key(&said.user).at(time);
        let rating = of(Score::new(
            &self.settings.rating,
            f64::from(said.rating) / f64::from(scale),
        ));
        let rating = match said.comment {
            Some(comment) => rating.comment(comment),
            None => rating,
        };
        [rating, of(Score::new(&self.settings.satisfaction, verdict))]
    }
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedback")
            .field("langfuse", &self.langfuse)
            .field("rating", &self.settings.rating)
            .field("satisfaction", &self.settings.satisfaction)
            .finish_non_exhaustive()
    }
}

/// Tells the browser which trace it may rate: part of a response of `axum`, see [`Feedback::trace_header`].
#[derive(Clone, Debug)]
pub struct TraceHeader {
    trace: Option<TraceId>,
    token: Option<String>,
}

impl TraceHeader {
    /// The header with the trace's id.
    pub const TRACE: &'static str = "x-trace-id";

    /// The header with the token that allows to rate it.
    pub const TOKEN: &'static str = "x-feedback-token";

    /// The trace; none outside of any.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace
    }

    /// What allows to rate it, for a page that is rendered by the server; none without a signing key.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

impl IntoResponseParts for TraceHeader {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let texts = [
            (Self::TRACE, self.trace.map(|it| it.to_string())),
            (Self::TOKEN, self.token),
        ];
        for (name, text) in texts {
            // Hex digits and a dot, so it is one.
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                parts.headers_mut().insert(name, value);
            }
        }
        Ok(parts)
    }
}

async fn record(State(feedback): State<Feedback>, request: Request) -> Response {
    match feedback.record(request).await {
        Ok(reply) => reply.response(),
        Err(fault) => fault.response(),
    }
}

/// Whether it may be taken later.
fn is_for_now(error: &Error) -> bool {
    error.is_unreachable() || error.is_timeout() || error.is_server_failure() || error.is_rate_limited()
}

/// How long somebody who clicked waits for the server; after that it is the pipeline's.
const PATIENCE: Duration = Duration::from_secs(2);
