//! Whole traces.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::langfuse::client::Langfuse;
use crate::langfuse::client::answer::{texts, time};
use crate::langfuse::reads::filter::Filter;
use crate::langfuse::reads::list::List;
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::observation::seconds;
use crate::langfuse::reads::question::{Question, given};
use crate::langfuse::reads::rows::{Rows, Step};
use crate::langfuse::reads::sums::{Sums, Version};
use crate::langfuse::reads::wholes::{Scan, Whole};
use crate::model::{Level, Usage};

/// A whole trace, as [`traces()`](crate::Langfuse::traces) gives it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TraceRow {
    /// Its id.
    pub id: String,
    /// When its first observation began.
    pub start: SystemTime,
    /// From there to the last end of an observation.
    pub latency: Option<Duration>,
    /// Its name.
    pub name: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The release.
    pub release: Option<String>,
    /// The version of the code.
    pub version: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it can be seen by everybody.
    pub is_public: bool,
    /// The worst level of its observations. A server before v4 does not tell.
    pub level: Option<Level>,
    /// How many observations it has, each counted once.
    pub observations: usize,
    /// Tokens of its calls of models, by bucket. What an agent or a span reports counts only when nothing below it reports
    /// any: it is a copy of their sum else. A server before v4 does not tell.
    pub usage: Usage,
    /// What those calls cost; none where no cost is known.
    pub total_cost: Option<Money>,
    /// With [`contents`](Traces::contents): the input of its top, as the server keeps it. JSON is its text.
    pub input: Option<String>,
    /// With [`contents`](Traces::contents): the output of its top.
    pub output: Option<String>,
    /// With [`contents`](Traces::contents): the metadata of its top.
    pub metadata: Value,
}

/// What traces are ordered by. Only a server before v4, or one that still writes its tables, has any order but the newest first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum TraceOrder {
    /// By their beginning.
    #[default]
    NewestFirst,
    /// By their beginning.
    OldestFirst,
    /// By name, from A.
    Name,
    /// By the id of the user.
    User,
    /// By the id of the session.
    Session,
}

impl TraceOrder {
    fn as_str(self) -> &'static str {
        match self {
            Self::NewestFirst => "timestamp.desc",
            Self::OldestFirst => "timestamp.asc",
            Self::Name => "name.asc",
            Self::User => "userId.asc",
            Self::Session => "sessionId.asc",
        }
    }
}

/// A question for traces, made by [`Langfuse::traces`]. All that is said of it holds together.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before rows()"]
pub struct Traces {
    client: Langfuse,
    /// Finds observations, in the words of v4.
    search: Question,
    /// Finds traces, in the words of v3.
    before_v4: Question,
    from: Option<SystemTime>,
    to: Option<SystemTime>,
    order: TraceOrder,
    contents: bool,
    limit: Option<usize>,
}

impl Langfuse {
    /// The traces of the project that began in a window, each once and whole, newest first.
    ///
    /// ```no_run
    /// use std::time::{Duration, SystemTime};
    ///
    /// # async fn yesterday(langfuse: &tracing_llm::Langfuse) -> Result<(), tracing_llm::Error> {
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let mut traces = langfuse.traces().from(SystemTime::now() - day).rows();
    /// while let Some(trace) = traces.next().await {
    ///     let trace = trace?;
    ///     println!("{:?} {:?} ${:.4}", trace.name, trace.latency, trace.total_cost.unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A v4 server stores no traces, only observations. So they are put together here: what the window holds is found by its
    /// observations, a thousand in a request, and each find is read whole, fifty in a request, also what of it lies outside
    /// the window. In memory are a page, the finds of fifty traces, the ids of all found so far, and the traces that are
    /// whole while one that began later may still come. Where `GET /api/public/v2/observations` is not there, the traces are
    /// those that the server stores.
    ///
    /// A trace that goes on meanwhile is as whole as it was when it was read.
    pub fn traces(&self) -> Traces {
        Traces {
            client: self.clone(),
            search: Question::default(),
            before_v4: Question::default(),
            from: None,
            to: None,
            order: TraceOrder::default(),
            contents: false,
            limit: None,
        }
    }
}

impl Traces {
    /// Of this user. On v4, as with each condition: with an observation in the window for which it holds.
    pub fn user(self, id: impl fmt::Display) -> Self {
        self.both("userId", id)
    }

    /// Of this session.
    pub fn session(self, id: impl fmt::Display) -> Self {
        self.both("sessionId", id)
    }

    /// Of this version of the code.
    pub fn version(self, version: impl fmt::Display) -> Self {
        self.both("version", version)
    }

    /// Of this environment.
    pub fn environment(self, name: impl fmt::Display) -> Self {
        self.both("environment", name)
    }

    /// With this name.
    pub fn name(mut self, name: &str) -> Self {
        self.search.filter(Filter::column("traceName").equals(name));
        self.before_v4.set("name", name);
        self
    }

    /// With this tag, and all others that are named so.
    pub fn tag(mut self, tag: &str) -> Self {
        self.search.filter(Filter::column("tags").all_of([tag]));
        self.before_v4.add("tags", tag);
        self
    }

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

    /// With an observation for which this holds; on a server before v4, itself.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.search.filter(filter.clone());
        self.before_v4.filter(filter);
        self
    }

    /// In this order. A server that has only observations has them newest first; any other order of it is an error
    /// ([`Error::is_unsupported_server`]) and not a wrong order.
    pub fn order(mut self, order: TraceOrder) -> Self {
        self.order = order;
        self
    }

    /// With input, output and metadata, which takes another request for fifty traces.
    pub fn contents(mut self) -> Self {
        self.contents = true;
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, traces: usize) -> Self {
        self.limit = Some(traces);
        self
    }

    /// The traces. Nothing is asked before the first is.
    pub fn rows(mut self) -> Rows<TraceRow> {
        self.before_v4.set("orderBy", self.order.as_str());
        let groups = match self.contents {
            true => "core,io,observations,metrics",
            false => "core,observations,metrics",
        };
        self.before_v4.set("fields", groups);
        let stored = List {
            verb: "read traces",
            path: &["traces"],
            question: self.before_v4,
            read: TraceRow::read,
        };
        let stored = stored.step(self.client.clone());
        let step = if self.order == TraceOrder::NewestFirst {
            let scan = Scan::<Trace>::new(self.client.clone(), self.search, stored);
            scan.window(self.from, self.to)
                .with_contents(self.contents)
                .step()
        } else {
            ordered(stored)
        };
        Rows::new(self.client, step, self.limit)
    }

    /// A parameter that has one name in both.
    fn both(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.search.set(name, &value);
        self.before_v4.set(name, value);
        self
    }
}

/// Traces in an order that only a server has that stores them.
fn ordered(stored: Step<TraceRow>) -> Step<TraceRow> {
    Box::pin(async move {
        stored.await.map_err(|error| {
            if error.status() == Some(404) {
                let message = "cannot read traces in this order: the server stores none (Langfuse v4), and finds them newest first";
                Error::new(Kind::Unsupported, message).with_status(404)
            } else {
                error
            }
        })
    })
}

impl TraceRow {
    /// All its tokens; none where none are known.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.usage.get("total")
    }

    /// As a server before v4 stores it.
    fn read(trace: &Value) -> Option<Self> {
        // What was not computed is -1, and no time and no money is less than nothing.
        let total_cost = Money::read(&trace["totalCost"]).filter(|cost| *cost >= Money::ZERO);
        Some(Self {
            id: trace["id"].as_str()?.to_owned(),
            start: time(trace, "timestamp")?,
            latency: seconds(&trace["latency"]),
            name: given(trace, "name"),
            user_id: given(trace, "userId"),
            session_id: given(trace, "sessionId"),
            environment: given(trace, "environment"),
            release: given(trace, "release"),
            version: given(trace, "version"),
            tags: texts(trace, "tags"),
            is_public: trace["public"] == true,
            level: None,
            observations: trace["observations"].as_array().map_or(0, Vec::len),
            usage: Usage::default(),
            total_cost,
            input: text_of(&trace["input"]),
            output: text_of(&trace["output"]),
            metadata: trace["metadata"].clone(),
        })
    }
}

/// Contents, which a server before v4 unpacks, as v4 gives them.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => Some(value.to_string()),
    }
}

/// A trace that is being put together.
///
/// Source: Langfuse v4.16, `event-query-builder.ts`: what the server itself makes of the rows of a trace.
#[derive(Default)]
struct Trace {
    sums: Sums,
    trace_name: Latest<String>,
    root_name: Latest<String>,
    user_id: Latest<String>,
    session_id: Latest<String>,
    environment: Latest<String>,
    release: Latest<String>,
    version: Latest<String>,
    tags: Latest<Vec<String>>,
    is_public: bool,
    /// Input, output and metadata of the top, or of what has a parent that nobody shows.
    tops: [Latest<Contents>; 2],
}

/// Input, output, metadata.
type Contents = (Option<String>, Option<String>, Value);

/// What the latest row says that says anything.
struct Latest<T>(Option<(Version, T)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Latest<T> {
    fn set(&mut self, version: Version, said: Option<T>) {
        if self.0.as_ref().is_none_or(|(known, _)| *known <= version) {
            self.0 = said.map(|said| (version, said)).or(self.0.take());
        }
    }

    fn get(self) -> Option<T> {
        self.0.map(|(_, said)| said)
    }
}

impl Whole for Trace {
    type Row = TraceRow;

    const COLUMN: &'static str = "traceId";
    const FOUND_BY: &'static str = "core";
    const MADE_OF: &'static str = "core,basic,time,usage,trace_context";

    fn add(&mut self, row: &Value) -> Option<()> {
        let version = self.sums.add(row)?;
        self.trace_name.set(version, given(row, "traceName"));
        let is_root = row["isRootObservation"] == true;
        self.root_name
            .set(version, given(row, "name").filter(|_| is_root));
        self.user_id.set(version, given(row, "userId"));
        self.session_id.set(version, given(row, "sessionId"));
        self.environment.set(version, given(row, "environment"));
        self.release.set(version, given(row, "release"));
        self.version.set(version, given(row, "version"));
        let tags = texts(row, "tags");
        self.tags.set(version, (!tags.is_empty()).then_some(tags));
        self.is_public |= row["public"] == true;
        Some(())
    }

    fn add_contents(&mut self, row: &Value) -> Option<()> {
        let version = (time(row, "updatedAt"), time(row, "startTime")?);
        let contents = (given(row, "input"), given(row, "output"), row["metadata"].clone());
        let [top, below] = &mut self.tops;
        let top = given(row, "parentObservationId").map_or(top, |_| below);
        top.set(version, Some(contents));
        Some(())
    }

    fn start(&self) -> Option<SystemTime> {
        self.sums.start()
    }

    fn finish(self, id: String) -> Option<TraceRow> {
        let [top, below] = self.tops;
        let (input, output, metadata) = top.get().or(below.get()).unwrap_or_default();
        Some(TraceRow {
            id,
            start: self.sums.start()?,
            latency: self.sums.latency(),
            name: self.trace_name.get().or(self.root_name.get()),
            user_id: self.user_id.get(),
            session_id: self.session_id.get(),
            environment: self.environment.get(),
            release: self.release.get(),
            version: self.version.get(),
            tags: self.tags.get().unwrap_or_default(),
            is_public: self.is_public,
            level: self.sums.level(),
            observations: self.sums.observations(),
            usage: self.sums.usage(),
            total_cost: self.sums.cost(),
            input,
            output,
            metadata,
        })
    }
}
