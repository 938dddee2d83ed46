//! A score: what somebody, or something, thinks of a trace, of an observation, of a session or of an experiment.

mod config;
mod ready;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Kind};
use crate::id::{SpanId, TraceId};
use crate::model::{Lane, Lanes, Parents};

pub use self::config::{ScoreConfig, ScoreKind};
pub(crate) use self::ready::Ready;

/// A score of a trace, an observation, a session or a dataset run in Langfuse.
///
/// ```
/// use tracing_llm::{Score, TraceId};
///
/// let trace = TraceId::from_seed("order-1");
/// let rating = Score::new("user_rating", 0.8).on_trace(trace).comment("4 of 5");
/// let helpful = Score::new("helpful", true).on_trace(trace);
/// let verdict = Score::new("user_satisfaction", "satisfied").on_trace(trace).key("user-7");
/// # drop((rating, helpful, verdict));
/// ```
///
/// It is checked before it is sent, since the server drops some of what it does not take after it has answered with success.
/// `Debug` shows its name and what it is of, and no content.
#[derive(Clone, PartialEq)]
#[must_use = "a score does nothing until it is sent"]
pub struct Score {
    pub(crate) name: String,
    pub(crate) value: ScoreValue,
    pub(crate) subject: Option<Subject>,
    pub(crate) comment: Option<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) config_id: Option<String>,
    config: Option<Box<ScoreConfig>>,
    identity: Option<Identity>,
    pub(crate) environment: Option<String>,
    time: Option<SystemTime>,
    pub(crate) queue_id: Option<String>,
}

/// The value of a score; its type is the score's.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ScoreValue {
    /// A number that is finite.
    Numeric(f64),
    /// Yes or no.
    Boolean(bool),
    /// One of several words.
    Categorical(String),
    /// Free text, of 1 to 500 characters.
    Text(String),
    /// What the output should have been.
    Correction(String),
}

/// What a score is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    Trace(TraceId),
    Observation(TraceId, SpanId),
    Session(String),
    DatasetRun(String),
}

impl Subject {
    /// An observation that is shown in some lanes, as this lane knows it: itself, the nearest above it that is shown there, or its
    /// trace.
    pub(crate) fn of(trace: TraceId, (id, shown): (SpanId, Lanes), parents: &Parents, lane: Lane) -> Self {
        let here = shown.contains(lane).then_some(id);
        match here.or_else(|| parents.of(lane)) {
            Some(observation) => Self::Observation(trace, observation),
            None => Self::Trace(trace),
        }
    }
}

/// What makes two scores one.
#[derive(Clone, PartialEq, Eq)]
enum Identity {
    Id(String),
    Key(String),
}

impl Score {
    /// A score with a number, a `bool`, or a text, which is a category.
    pub fn new(name: impl Into<String>, value: impl Into<ScoreValue>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            subject: None,
            comment: None,
            metadata: Map::new(),
            config_id: None,
            config: None,
            identity: None,
            environment: None,
            time: None,
            queue_id: None,
        }
    }

    /// A remark: free text of 1 to 500 characters, as JavaScript counts them.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, ScoreValue::Text(text.into()))
    }

    /// What the output of a trace or an observation should have been. The server calls it `output`.
    pub fn correction(output: impl Into<String>) -> Self {
        Self::new("output", ScoreValue::Correction(output.into()))
    }

    /// Of a whole trace. Where several are named, the last counts. That the trace is there is checked by nobody: a score may
    /// come before it.
    pub fn on_trace(self, trace: TraceId) -> Self {
        self.on(Subject::Trace(trace))
    }

    /// Of one observation.
    pub fn on_observation(self, trace: TraceId, observation: SpanId) -> Self {
        self.on(Subject::Observation(trace, observation))
    }

    /// Of a session.
    pub fn on_session(self, session: impl Into<String>) -> Self {
        self.on(Subject::Session(session.into()))
    }

    /// Of a run of a dataset, by its id.
    pub fn on_dataset_run(self, run: impl Into<String>) -> Self {
        self.on(Subject::DatasetRun(run.into()))
    }

    /// Why.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// One key of its metadata. A value that cannot be serialised is left out.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Serialize) -> Self {
        // The user's code; it asked for a score and not for this.
        let json = catch_unwind(AssertUnwindSafe(|| serde_json::to_value(&value)));
        if let Ok(Ok(json)) = json {
            self.metadata.insert(key.into(), json);
        }
        self
    }

    /// Under a config that is at hand: its name is the score's, and a value that it does not allow is an error before anything
    /// is sent. The server would answer with success and drop it.
    pub fn config(mut self, config: &ScoreConfig) -> Self {
        config.name().clone_into(&mut self.name);
        self.config_id = Some(config.id().to_owned());
        self.config = Some(Box::new(config.clone()));
        self
    }

    /// Under the config with this id. What it does not allow is dropped by the server, which has answered with success by then.
    pub fn config_id(mut self, id: impl Into<String>) -> Self {
        self.config_id = Some(id.into());
        self.config = None;
        self
    }

    /// Its id, of 1 to 800 characters. A score that is sent again under one id, with one name and a [time](Self::at) of one day
    /// (UTC), replaces the first. Its trace, its time and its environment stay as they were.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.identity = Some(Identity::Id(id.into()));
        self
    }

    /// Derives the id from what the score is of, its name, and this: the user, say, so that a second click replaces the first.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.identity = Some(Identity::Key(key.into()));
        self
    }

    /// Its environment. When it is not set, that of the trace, where a handle gives the score; else that of the client, or of the
    /// destination. The server takes none from the trace.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// When it was given; now, when it is not set. A server without batches of scores stores the time at which it came.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    /// The annotation queue that it came from.
    pub fn queue_id(mut self, id: impl Into<String>) -> Self {
        self.queue_id = Some(id.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says.
    #[must_use]
    pub fn value(&self) -> &ScoreValue {
        &self.value
    }

    /// The same of this, unless it is of something already.
    pub(crate) fn or_on(mut self, subject: impl FnOnce() -> Option<Subject>) -> Self {
        self.subject = self.subject.or_else(subject);
        self
    }

    /// In this environment, unless it says one itself.
    pub(crate) fn or_environment(mut self, environment: Option<&str>) -> Self {
        if self.environment.is_none() {
            self.environment = environment.map(str::to_owned);
        }
        self
    }

    fn on(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The trace that it follows: where that is not sent, it is not either.
    pub(crate) fn trace(&self) -> Option<TraceId> {
        match self.subject {
            Some(Subject::Trace(trace) | Subject::Observation(trace, _)) => Some(trace),
            _ => None,
        }
    }

    /// Whether it must go with its time.
    pub(crate) fn is_dated(&self) -> bool {
        self.time.is_some()
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<String> {
        let words = |text: &str| text.encode_utf16().count();
        let named = |id: &str| (1..=800).contains(&words(id)) && !id.contains('\r');
        if self.name.is_empty() {
            return Some("it has no name".to_owned());
        }
        let Some(subject) = &self.subject else {
            return Some("it is of nothing: say of what by on_trace(..), on_observation(..), on_session(..) or on_dataset_run(..)".to_owned());
        };
        if let Subject::Session(id) | Subject::DatasetRun(id) = subject {
            if id.is_empty() {
                return Some("what it is of has an empty id".to_owned());
            }
        }
        if matches!(&self.identity, Some(Identity::Id(id)) if !named(id)) {
            return Some("its id is not 1 to 800 characters on a line".to_owned());
        }
        match &self.value {
            ScoreValue::Numeric(number) if !number.is_finite() => {
                return Some(format!("{number} is no value"));
            }
            ScoreValue::Text(text) if !(1..=500).contains(&words(text)) => {
                return Some(format!("its text has {} characters, not 1 to 500", words(text)));
            }
            ScoreValue::Correction(_) if self.config_id.is_some() => {
                return Some("a correction has no config".to_owned());
            }
            ScoreValue::Correction(_) if self.trace().is_none() => {
                return Some("a correction is of a trace or an observation".to_owned());
            }
            _ => {}
        }
        self.config.as_ref().and_then(|config| config.fault(&self.value))
    }

    fn invalid(&self, fault: &str) -> Error {
        let message = format!("the score {:?} cannot be sent: {fault}", self.name);
        Error::new(Kind::InvalidValue, message)
    }
}

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Score")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl ScoreValue {
    /// The server's word for its type.
    pub(crate) fn data_type(&self) -> &'static str {
        match self {
            Self::Numeric(_) => "NUMERIC",
            Self::Boolean(_) => "BOOLEAN",
            Self::Categorical(_) => "CATEGORICAL",
            Self::Text(_) => "TEXT",
            Self::Correction(_) => "CORRECTION",
        }
    }
}

macro_rules! numeric {
    ($($type:ty),*) => {
        $(impl From<$type> for ScoreValue {
            fn from(number: $type) -> Self {
                Self::Numeric(number.into())
            }
        })*
    };
}

numeric!(f64, i8, u8, i16, u16, i32, u32);

/// As it is written: 0.1 and not 0.10000000149011612.
impl From<f32> for ScoreValue {
    fn from(number: f32) -> Self {
        Self::Numeric(number.to_string().parse().unwrap_or_else(|_| number.into()))
    }
}

impl From<bool> for ScoreValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<&str> for ScoreValue {
    fn from(category: &str) -> Self {
        Self::Categorical(category.to_owned())
    }
}

impl From<String> for ScoreValue {
    fn from(category: String) -> Self {
        Self::Categorical(category)
    }
}
