//! Experiments, as the server shows them: runs of a task over the items of a dataset.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::list::by_cursor;
use crate::langfuse::reads::observation::level;
use crate::langfuse::reads::question::{Question, count, given};
use crate::langfuse::reads::rows::Rows;
use crate::model::Level;

/// An experiment, as [`experiments()`](crate::Langfuse::experiments) gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ExperimentRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The dataset that it ran over; none for items of the program's own.
    pub dataset_id: Option<String>,
    /// How many items it has.
    pub items: u64,
    /// When its first item began.
    pub start: SystemTime,
    /// When its last item ended.
    pub end: Option<SystemTime>,
}

/// An item of an experiment: the trace that it is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ExperimentItemRow {
    /// The observation on top of its trace.
    pub observation_id: String,
    /// Its trace.
    pub trace_id: String,
    /// Its experiment.
    pub experiment_id: String,
    /// The name of that.
    pub experiment_name: String,
    /// The item of the dataset.
    pub item_id: String,
    /// The dataset.
    pub dataset_id: Option<String>,
    /// How it went.
    pub level: Level,
    /// The environment.
    pub environment: Option<String>,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: Option<SystemTime>,
}

/// A question for experiments, or for their items, made by [`Langfuse::experiments`] and [`Langfuse::experiment_items`].
#[must_use = "nothing is asked before rows()"]
pub struct Experiments<T> {
    client: Langfuse,
    question: Question,
    request: fn() -> Request,
    read: fn(&Value) -> Option<T>,
    limit: Option<usize>,
}

impl Langfuse {
    /// The experiments that have an item which began at `from` or later, which the server wants to know. It needs Langfuse v4.
    pub fn experiments(&self, from: SystemTime) -> Experiments<ExperimentRow> {
        let request = || Request::get("read experiments", &["experiments"]);
        Experiments::new(self, from, request, ExperimentRow::read)
    }

    /// The items of an experiment that began at `from` or later, which the server wants to know. It needs Langfuse v4.
    pub fn experiment_items(
        &self,
        experiment: impl fmt::Display,
        from: SystemTime,
    ) -> Experiments<ExperimentItemRow> {
        let request = || Request::get("read the items of an experiment", &["experiment-items"]);
        let mut items = Experiments::new(self, from, request, ExperimentItemRow::read);
        items.question.set("experimentId", experiment);
        items
    }
}

impl<T: Send + 'static> Experiments<T> {
    fn new(
        client: &Langfuse,
        from: SystemTime,
        request: fn() -> Request,
        read: fn(&Value) -> Option<T>,
    ) -> Self {
        let mut question = Question::default();
        question.set_time("fromStartTime", from);
        Self {
            client: client.clone(),
            question,
            request,
            read,
            limit: None,
        }
    }

    /// That began before.
    pub fn to(mut self, time: SystemTime) -> Self {
        self.question.set_time("toStartTime", time);
        self
    }

    /// How many a page has, 1 to 100.
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
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The rows. Nothing is asked before the first is.
    pub fn rows(self) -> Rows<T> {
        let step = by_cursor(self.client.clone(), self.request, self.question, self.read);
        Rows::new(self.client, step, self.limit)
    }
}

impl<T> fmt::Debug for Experiments<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Experiments")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl ExperimentRow {
    fn read(experiment: &Value) -> Option<Self> {
        Some(Self {
            id: text(experiment, "id")?,
            name: text(experiment, "name")?,
            description: given(experiment, "description"),
            dataset_id: given(experiment, "datasetId"),
            items: count(&experiment["itemCount"])?,
            start: time(experiment, "startTime")?,
            end: time(experiment, "endTime"),
        })
    }
}

impl ExperimentItemRow {
    fn read(item: &Value) -> Option<Self> {
        Some(Self {
            observation_id: text(item, "id")?,
            trace_id: text(item, "traceId")?,
            experiment_id: text(item, "experimentId")?,
            experiment_name: text(item, "experimentName")?,
            item_id: text(item, "experimentItemId")?,
            dataset_id: given(item, "experimentDatasetId"),
            level: level(item),
            environment: given(item, "environment"),
            start: time(item, "startTime")?,
            end: time(item, "endTime"),
        })
    }
}
