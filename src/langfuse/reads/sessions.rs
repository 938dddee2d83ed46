//! Sessions: traces of one conversation.

use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use crate::langfuse::client::Langfuse;
use crate::langfuse::client::answer::time;
use crate::langfuse::reads::list::List;
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::question::{Question, given};
use crate::langfuse::reads::rows::Rows;
use crate::langfuse::reads::sums::Sums;
use crate::langfuse::reads::wholes::{Scan, Whole};
use crate::model::Usage;

/// A session, as [`sessions()`](crate::Langfuse::sessions) gives it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct SessionRow {
    /// Its id, which is the program's.
    pub id: String,
    /// When its first observation began; on a server before v4, when it was stored.
    pub start: SystemTime,
    /// When its last observation ended. A server before v4 does not tell this, and nothing of what follows but the environment.
    pub end: Option<SystemTime>,
    /// The environment of one of its observations.
    pub environment: Option<String>,
    /// How many traces it has.
    pub traces: Option<usize>,
    /// Tokens of its calls of models, by bucket, as of [a trace](super::TraceRow::usage).
    pub usage: Usage,
    /// What they cost; none where no cost is known.
    pub total_cost: Option<Money>,
}

/// A question for sessions, made by [`Langfuse::sessions`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before rows()"]
pub struct Sessions {
    client: Langfuse,
    /// Finds observations, in the words of v4.
    search: Question,
    /// Finds sessions, in the words of v3.
    before_v4: Question,
    from: Option<SystemTime>,
    to: Option<SystemTime>,
    limit: Option<usize>,
}

impl Langfuse {
    /// The sessions that began in a window, each once and whole, newest first. Its traces are
    /// [`traces().session(id)`](super::Traces::session).
    ///
    /// A v4 server stores none: they are put together as [`traces`](Self::traces) are, and each holds as much memory while it is
    /// read as its observations take. On a server before v4 they are those that it stores, in its order.
    pub fn sessions(&self) -> Sessions {
        Sessions {
            client: self.clone(),
            search: Question::default(),
            before_v4: Question::default(),
            from: None,
            to: None,
            limit: None,
        }
    }
}

impl Sessions {
    /// That began then or later.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.from = Some(time);
        self.before_v4.set_time("fromTimestamp", time);
        self
    }

    /// That began before.
    pub fn to(mut self, time: SystemTime) -> Self {
        self.to = Some(time);
        self.before_v4.set_time("toTimestamp", time);
        self
    }

    /// Of this environment.
    pub fn environment(mut self, name: impl fmt::Display) -> Self {
        self.search.set("environment", &name);
        self.before_v4.set("environment", name);
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = Some(sessions);
        self
    }

    /// The sessions. Nothing is asked before the first is.
    pub fn rows(self) -> Rows<SessionRow> {
        let stored = List {
            verb: "read sessions",
            path: &["sessions"],
            question: self.before_v4,
            read: SessionRow::read,
        };
        let stored = stored.step(self.client.clone());
        let scan = Scan::<Session>::new(self.client.clone(), self.search, stored);
        let step = scan.window(self.from, self.to).step();
        Rows::new(self.client, step, self.limit)
    }
}

impl SessionRow {
    /// As a server before v4 stores it.
    fn read(session: &Value) -> Option<Self> {
        Some(Self {
            id: session["id"].as_str()?.to_owned(),
            start: time(session, "createdAt")?,
            end: None,
            environment: given(session, "environment"),
            traces: None,
            usage: Usage::default(),
            total_cost: None,
        })
    }
}

/// A session that is being put together.
#[derive(Default)]
struct Session {
    traces: HashMap<String, Sums>,
    environment: Option<String>,
}

impl Whole for Session {
    type Row = SessionRow;

    const COLUMN: &'static str = "sessionId";
    const FOUND_BY: &'static str = "core,basic";
    const MADE_OF: &'static str = "core,basic,time,usage";

    fn add(&mut self, row: &Value) -> Option<()> {
        let trace = row["traceId"].as_str()?.to_owned();
        self.traces.entry(trace).or_default().add(row)?;
        self.environment = given(row, "environment").or(self.environment.take());
        Some(())
    }

    fn add_contents(&mut self, _: &Value) -> Option<()> {
        Some(())
    }

    fn start(&self) -> Option<SystemTime> {
        self.traces.values().filter_map(Sums::start).min()
    }

    fn finish(self, id: String) -> Option<SessionRow> {
        let mut usage = Usage::default();
        for (bucket, tokens) in self
            .traces
            .values()
            .map(Sums::usage)
            .flat_map(Usage::into_buckets)
        {
            usage.count(bucket, tokens);
        }
        Some(SessionRow {
            id,
            start: self.start()?,
            end: self.traces.values().filter_map(Sums::end).max(),
            environment: self.environment,
            traces: Some(self.traces.len()),
            usage,
            total_cost: self
                .traces
                .values()
                .filter_map(Sums::cost)
                .reduce(|sum, cost| sum + cost),
        })
    }
}
