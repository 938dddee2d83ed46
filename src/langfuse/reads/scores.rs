//! Scores, as the server shows them.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::list::by_cursor;
use crate::langfuse::reads::question::{Question, given};
use crate::langfuse::reads::rows::Rows;

/// A score, as [`scores()`](crate::Langfuse::scores) gives it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ScoreRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What was said.
    pub value: ScoreRowValue,
    /// Who said it: `API`, `ANNOTATION` or `EVAL`.
    pub source: Option<String>,
    /// When it was said.
    pub timestamp: SystemTime,
    /// The environment.
    pub environment: Option<String>,
    /// What it is said of. None where this crate does not know the kind.
    pub subject: Option<ScoreSubject>,
    /// A word on it.
    pub comment: Option<String>,
    /// The config that it was checked against.
    pub config_id: Option<String>,
    /// What else was said; null where nothing was.
    pub metadata: Value,
}

/// The value of a score, by its type.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ScoreRowValue {
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// One of the words of a category.
    Category(String),
    /// A text.
    Text(String),
    /// What should have been the output.
    Correction(String),
    /// Of a type that this crate does not know, as the server tells it.
    Other(Value),
}

/// What a score is said of.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ScoreSubject {
    /// A trace, by its id.
    Trace(String),
    /// An observation.
    #[non_exhaustive]
    Observation {
        /// Its id.
        id: String,
        /// The id of its trace.
        trace_id: String,
    },
    /// A session, by its id.
    Session(String),
    /// An experiment, which older servers call a dataset run, by its id.
    Experiment(String),
}

/// A question for scores, made by [`Langfuse::scores`]. All that is said of it holds together.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before rows()"]
pub struct Scores {
    client: Langfuse,
    question: Question,
    limit: Option<usize>,
}

impl Langfuse {
    /// The scores of the project, newest first, each once. A score shows some seconds after it was sent.
    ///
    /// It needs Langfuse v4, or the last of v3.
    pub fn scores(&self) -> Scores {
        let mut question = Question::default();
        question.set("fields", "subject,details");
        Scores {
            client: self.clone(),
            question,
            limit: None,
        }
    }
}

impl Scores {
    /// Of this trace and its observations, or of another that is named so. Traces, sessions and experiments exclude each other.
    pub fn trace(self, id: impl fmt::Display) -> Self {
        self.one_of("traceId", id)
    }

    /// Of this observation, of a [trace](Self::trace) that is named, too.
    pub fn observation(self, id: impl fmt::Display) -> Self {
        self.one_of("observationId", id)
    }

    /// Of this session, or of another that is named so.
    pub fn session(self, id: impl fmt::Display) -> Self {
        self.one_of("sessionId", id)
    }

    /// Of this experiment, or of another that is named so.
    pub fn experiment(self, id: impl fmt::Display) -> Self {
        self.one_of("experimentId", id)
    }

    /// With this id, or another that is named so.
    pub fn id(self, id: impl fmt::Display) -> Self {
        self.one_of("id", id)
    }

    /// With this name, or another that is named so. The server reads a comma in it as the beginning of another.
    pub fn name(self, name: impl fmt::Display) -> Self {
        self.one_of("name", name)
    }

    /// Of this environment, or of another that is named so.
    pub fn environment(self, name: impl fmt::Display) -> Self {
        self.one_of("environment", name)
    }

    /// Of this type, by the server's word: `NUMERIC`, `BOOLEAN`, `CATEGORICAL`, `TEXT`, `CORRECTION`; or of another that is named
    /// so.
    pub fn data_type(self, word: impl fmt::Display) -> Self {
        self.one_of("dataType", word)
    }

    /// From this source: `API`, `ANNOTATION`, `EVAL`; or from another that is named so.
    pub fn source(self, word: impl fmt::Display) -> Self {
        self.one_of("source", word)
    }

    /// A number that is at least this. It says that scores are numbers.
    pub fn at_least(mut self, value: f64) -> Self {
        self.question.set("valueMin", value);
        self.question.set("dataType", "NUMERIC");
        self
    }

    /// A number that is at most this. It says that scores are numbers.
    pub fn at_most(mut self, value: f64) -> Self {
        self.question.set("valueMax", value);
        self.question.set("dataType", "NUMERIC");
        self
    }

    /// Said then or later.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.question.set_time("fromTimestamp", time);
        self
    }

    /// Said before.
    pub fn to(mut self, time: SystemTime) -> Self {
        self.question.set_time("toTimestamp", time);
        self
    }

    /// Without subject, comment, config and metadata, which makes answers smaller.
    pub fn core_only(mut self) -> Self {
        self.question.unset("fields");
        self
    }

    /// How many a page has, 1 to 100; the server gives 50 when it is not told.
    pub fn page_size(mut self, rows: u8) -> Self {
        self.question.set("limit", rows);
        self
    }

    /// Where another stream ended: [`Rows::cursor`]. The question must be the same.
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.question.set("cursor", cursor.into());
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, scores: usize) -> Self {
        self.limit = Some(scores);
        self
    }

    /// The scores. Nothing is asked before the first is.
    pub fn rows(self) -> Rows<ScoreRow> {
        let request = || Request::get("read scores", &["v3", "scores"]);
        let step = by_cursor(self.client.clone(), request, self.question, ScoreRow::read);
        Rows::new(self.client, step, self.limit)
    }

    fn one_of(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.question.extend(name, value);
        self
    }
}

impl ScoreRow {
    fn read(score: &Value) -> Option<Self> {
        Some(Self {
            id: text(score, "id")?,
            name: text(score, "name")?,
            value: ScoreRowValue::read(score),
            source: given(score, "source"),
            timestamp: time(score, "timestamp")?,
            environment: given(score, "environment"),
            subject: ScoreSubject::read(&score["subject"]),
            comment: given(score, "comment"),
            config_id: given(score, "configId"),
            metadata: score["metadata"].clone(),
        })
    }
}

impl ScoreRowValue {
    fn read(score: &Value) -> Self {
        let value = &score["value"];
        let read = match score["dataType"].as_str() {
            Some("NUMERIC") => value.as_f64().map(Self::Number),
            Some("BOOLEAN") => value.as_bool().map(Self::Boolean),
            Some("CATEGORICAL") => text(score, "value").map(Self::Category),
            Some("TEXT") => text(score, "value").map(Self::Text),
            Some("CORRECTION") => text(score, "value").map(Self::Correction),
            _ => None,
        };
        read.unwrap_or_else(|| Self::Other(value.clone()))
    }
}

impl ScoreSubject {
    fn read(subject: &Value) -> Option<Self> {
        let id = text(subject, "id")?;
        match subject["kind"].as_str()? {
            "trace" => Some(Self::Trace(id)),
            "observation" => Some(Self::Observation {
                id,
                trace_id: text(subject, "traceId")?,
            }),
            "session" => Some(Self::Session(id)),
            "experiment" => Some(Self::Experiment(id)),
            _ => None,
        }
    }
}
