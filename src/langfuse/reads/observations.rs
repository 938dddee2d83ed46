//! What is asked of observations, and the stream of them.

use std::fmt;
use std::time::SystemTime;

use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::filter::Filter;
use crate::langfuse::reads::list::by_cursor;
use crate::langfuse::reads::observation::ObservationRow;
use crate::langfuse::reads::question::Question;
use crate::langfuse::reads::rows::Rows;
use crate::model::{Kind, Level};

/// A group of what the server tells of an observation. The id, the trace, the parent, the type and the times are always told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fields {
    /// Name, level and status message, version, environment, user, session.
    Basic,
    /// First token, stored when.
    Time,
    /// Input and output: the large ones.
    Io,
    /// Metadata.
    Metadata,
    /// Model, parameters, prices.
    Model,
    /// Tokens and dollars.
    Usage,
    /// The prompt and its version.
    Prompt,
    /// Latency and time to the first token, computed by the database.
    Metrics,
    /// Tags, release and name of the trace.
    TraceContext,
}

impl Fields {
    /// Every group.
    pub const ALL: [Self; 9] = [
        Self::Basic,
        Self::Time,
        Self::Io,
        Self::Metadata,
        Self::Model,
        Self::Usage,
        Self::Prompt,
        Self::Metrics,
        Self::TraceContext,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Time => "time",
            Self::Io => "io",
            Self::Metadata => "metadata",
            Self::Model => "model",
            Self::Usage => "usage",
            Self::Prompt => "prompt",
            Self::Metrics => "metrics",
            Self::TraceContext => "trace_context",
        }
    }
}

/// A question for observations, made by [`Langfuse::observations`]. All that is said of it holds together.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before rows()"]
pub struct Observations {
    client: Langfuse,
    question: Question,
    limit: Option<usize>,
}

impl Langfuse {
    /// The observations of the project, newest first, by their beginning; the order is the server's, and there is no other.
    ///
    /// ```no_run
    /// use tracing_llm::langfuse::Fields;
    /// use tracing_llm::{Kind, Langfuse};
    ///
    /// # async fn slow_calls(langfuse: &Langfuse) -> Result<(), tracing_llm::Error> {
    /// let question = langfuse.observations().kind(Kind::Generation).user("u-1");
    /// let mut rows = question.fields([Fields::Basic, Fields::Model, Fields::Usage]).rows();
    /// while let Some(row) = rows.next().await {
    ///     let row = row?;
    ///     println!("{:?} {:?} {:?}", row.model, row.latency, row.total_cost);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A row may come twice: the server does not merge what was sent twice, and what is stored meanwhile moves pages.
    /// [`traces`](Self::traces) counts each once. It shows what it was sent after some seconds.
    ///
    /// It needs Langfuse v4; before, the endpoint is not there ([`Error::status`](crate::Error::status) 404).
    pub fn observations(&self) -> Observations {
        Observations {
            client: self.clone(),
            question: Question::default(),
            limit: None,
        }
    }
}

impl Observations {
    /// Of this trace.
    pub fn trace(mut self, id: impl fmt::Display) -> Self {
        self.question.set("traceId", id);
        self
    }

    /// Of this user.
    pub fn user(mut self, id: impl fmt::Display) -> Self {
        self.question.set("userId", id);
        self
    }

    /// Of this session.
    pub fn session(mut self, id: impl fmt::Display) -> Self {
        self.question.set("sessionId", id);
        self
    }

    /// With this name.
    pub fn name(mut self, name: impl fmt::Display) -> Self {
        self.question.set("name", name);
        self
    }

    /// Of this type.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.question.set("type", kind.as_str().to_ascii_uppercase());
        self
    }

    /// With this level, and no other.
    pub fn level(mut self, level: Level) -> Self {
        self.question.set("level", level.as_str());
        self
    }

    /// Of this environment, or of another that is named so.
    pub fn environment(mut self, name: impl fmt::Display) -> Self {
        self.question.add("environment", name);
        self
    }

    /// Of this version of the code.
    pub fn version(mut self, version: impl fmt::Display) -> Self {
        self.question.set("version", version);
        self
    }

    /// Right below this observation.
    pub fn parent(mut self, id: impl fmt::Display) -> Self {
        self.question.set("parentObservationId", id);
        self
    }

    /// Below none.
    pub fn without_parent(self) -> Self {
        self.parent("")
    }

    /// Only those on top of a trace, or of a program's part of one; or only the others.
    pub fn roots(mut self, roots: bool) -> Self {
        self.question.set("isRootObservation", roots);
        self
    }

    /// That began then or later. The server stores by time: with both ends of the window it finds much faster.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.question.set_time("fromStartTime", time);
        self
    }

    /// That began before.
    pub fn to(mut self, time: SystemTime) -> Self {
        self.question.set_time("toStartTime", time);
        self
    }

    /// For which this holds, beside all else. Where it speaks of what a method here speaks of, it replaces that.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.question.filter(filter);
        self
    }

    /// What is told of each; [`Fields::Basic`] when it is not said.
    pub fn fields(mut self, groups: impl IntoIterator<Item = Fields>) -> Self {
        let words = groups.into_iter().map(Fields::as_str);
        let words: Vec<_> = std::iter::once("core").chain(words).collect();
        self.question.set("fields", words.join(","));
        self
    }

    /// Metadata uncut; the server then gives all keys, whichever is named here.
    pub fn expand_metadata(mut self, key: impl fmt::Display) -> Self {
        self.question.set("expandMetadata", key);
        self
    }

    /// How many a page has, up to 1000; the server gives 50 when it is not told. Without contents 1000 are some 600 KiB. An
    /// answer may have 64 MiB.
    pub fn page_size(mut self, rows: u16) -> Self {
        self.question.set("limit", rows);
        self
    }

    /// Where another stream ended: [`Rows::cursor`]. The question must be the same.
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.question.set("cursor", cursor.into());
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The rows. Nothing is asked before the first is.
    pub fn rows(self) -> Rows<ObservationRow> {
        let step = by_cursor(self.client.clone(), request, self.question, ObservationRow::read);
        Rows::new(self.client, step, self.limit)
    }
}

/// What is asked of the endpoint for observations.
pub(super) fn request() -> Request {
    Request::get("read observations", &["v2", "observations"])
}
