//! The items of a dataset.

use std::fmt;
use std::time::SystemTime;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, Kind};
use crate::id::TraceId;
use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Budget, Langfuse, Request};
use crate::langfuse::datasets::Body;
use crate::langfuse::reads::{Listing, Rows, instant};

/// An item: one question, and what is expected of the answer.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct DatasetItem {
    /// Its id.
    pub id: String,
    /// The id of its dataset.
    pub dataset_id: String,
    /// The name of its dataset.
    pub dataset_name: String,
    /// What goes in. Text that is JSON comes back as JSON: `"4"` as 4.
    pub input: Value,
    /// What should come out; null where nothing is said.
    pub expected_output: Value,
    /// What else was said; null where nothing was.
    pub metadata: Value,
    /// Whether it is set aside: experiments leave it out.
    pub is_archived: bool,
    /// The trace that it was made from.
    pub source_trace_id: Option<String>,
    /// The observation that it was made from.
    pub source_observation_id: Option<String>,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last changed.
    pub updated: SystemTime,
}

/// An item that is to be made, or changed: of one with its [id](Self::id), what is not said stays as it is. Credentials in its
/// input, expected output and metadata are redacted, as those of observations are.
#[derive(Clone, Debug)]
#[must_use = "it is made by put_dataset_item()"]
pub struct NewDatasetItem(Body);

/// A question for items, made by [`Langfuse::dataset_items`].
#[derive(Debug)]
#[must_use = "nothing is asked before rows()"]
pub struct DatasetItems(Listing<DatasetItem>);

impl NewDatasetItem {
    /// An item of the dataset with this name.
    pub fn new(dataset: &str) -> Self {
        Self(Body::of(json!({ "datasetName": dataset })))
    }

    /// Its id in the project, up to 255 characters: of your own, so that it is made once however often it is put. Without one, a
    /// call whose answer is lost may have made it ([`Error::is_ambiguous`]).
    pub fn id(self, id: &str) -> Self {
        self.member("id", id)
    }

    /// What goes in.
    pub fn input(self, input: impl Serialize) -> Self {
        self.member("input", input)
    }

    /// What should come out.
    pub fn expected_output(self, output: impl Serialize) -> Self {
        self.member("expectedOutput", output)
    }

    /// What else is to be known of it.
    pub fn metadata(self, metadata: impl Serialize) -> Self {
        self.member("metadata", metadata)
    }

    /// The trace that it is made from.
    pub fn source_trace(self, id: impl fmt::Display) -> Self {
        self.member("sourceTraceId", id.to_string())
    }

    /// The observation that it is made from.
    pub fn source_observation(self, id: impl fmt::Display) -> Self {
        self.member("sourceObservationId", id.to_string())
    }

    /// Set aside, or no longer.
    pub fn archived(self, archived: bool) -> Self {
        self.member("status", if archived { "ARCHIVED" } else { "ACTIVE" })
    }

    fn member(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.0.put(name, value);
        self
    }
}

impl DatasetItems {
    /// As they were then.
    pub fn version(mut self, time: SystemTime) -> Self {
        self.0.question().set("version", instant(time));
        self
    }

    /// Made from this trace.
    pub fn source_trace(mut self, id: impl fmt::Display) -> Self {
        self.0.question().set("sourceTraceId", id);
        self
    }

    /// Made from this observation.
    pub fn source_observation(mut self, id: impl fmt::Display) -> Self {
        self.0.question().set("sourceObservationId", id);
        self
    }

    /// How many a page has, 1 to 100; the server gives 50 when it is not told.
    pub fn page_size(self, items: u8) -> Self {
        Self(self.0.page_size(items))
    }

    /// At most so many in all.
    pub fn limit(self, items: usize) -> Self {
        Self(self.0.limit(items))
    }

    /// The items. Nothing is asked before the first is.
    pub fn rows(self) -> Rows<DatasetItem> {
        self.0.rows()
    }
}

impl Langfuse {
    /// Makes an item, or changes the one with its id. With an id of yours a lost answer is asked for again.
    ///
    /// # Errors
    ///
    /// Something of it cannot be serialised ([`Error::is_invalid_value`]; nothing was sent); there is no such dataset
    /// ([`Error::is_not_found`]), or the item does not fit its schema ([`Error::is_refused`]); else as
    /// [`auth_check`](Self::auth_check) tells apart.
    pub async fn put_dataset_item(&self, item: &NewDatasetItem) -> Result<DatasetItem, Error> {
        self.put_within(item, Budget::new(self.timeout())).await
    }

    /// [`put_dataset_item`](Self::put_dataset_item) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn put_dataset_item_blocking(&self, item: &NewDatasetItem) -> Result<DatasetItem, Error> {
        self.wait(self.put_dataset_item(item))
    }

    /// Makes an item of a trace: its input, and its output as what is expected. The item's id derives from the dataset and the
    /// trace, so that twice is once. It needs Langfuse v4.
    ///
    /// # Errors
    ///
    /// The server does not show the trace, yet or at all, or has no such dataset ([`Error::is_not_found`]); else as
    /// [`auth_check`](Self::auth_check) tells apart.
    pub async fn add_trace_to_dataset(&self, dataset: &str, trace: TraceId) -> Result<DatasetItem, Error> {
        let budget = Budget::new(self.timeout());
        let request = Request::get("read a trace", &["v2", "observations"])
            .query("traceId", Some(trace))
            .query("isRootObservation", Some(true))
            .query("fields", Some("core,io"))
            .query("limit", Some(MOST_TOPS))
            .within(budget);
        let top = self.call(request).await?;
        let top = top.read(|json| {
            let tops = json["data"].as_array()?;
            // Another service's part of the trace has a parent that is not its own.
            let own = tops
                .iter()
                .find(|top| text(top, "parentObservationId").is_none_or(|id| id.is_empty()));
            Some(own.or(tops.first()).cloned())
        })?;
        let top = top.ok_or_else(|| {
            let message = format!("cannot read a trace: the server shows nothing of {trace}");
            Error::new(Kind::NotFound, message)
        })?;
        let contents = |name| {
            top[name]
                .as_str()
                .map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
        };
        let seed = serde_json::to_string(&(dataset, trace.to_string())).unwrap_or_default();
        let item = NewDatasetItem::new(dataset)
            .id(&TraceId::from_seed(&seed).to_string())
            .input(contents("input").unwrap_or(Value::Null))
            .expected_output(contents("output").unwrap_or(Value::Null))
            .source_trace(trace);
        self.put_within(&item, budget).await
    }

    /// [`add_trace_to_dataset`](Self::add_trace_to_dataset) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn add_trace_to_dataset_blocking(&self, dataset: &str, trace: TraceId) -> Result<DatasetItem, Error> {
        self.wait(self.add_trace_to_dataset(dataset, trace))
    }

    /// The item with this id, also one that is set aside.
    ///
    /// # Errors
    ///
    /// There is none ([`Error::is_not_found`]); else as [`auth_check`](Self::auth_check) tells apart.
    pub async fn dataset_item(&self, id: &str) -> Result<DatasetItem, Error> {
        let request = Request::get("read a dataset item", &["dataset-items", id]);
        self.call(request).await?.read(|json| DatasetItem::read(&json))
    }

    /// [`dataset_item`](Self::dataset_item) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn dataset_item_blocking(&self, id: &str) -> Result<DatasetItem, Error> {
        self.wait(self.dataset_item(id))
    }

    /// The items of a dataset that are not set aside, the newest first.
    pub fn dataset_items(&self, dataset: &str) -> DatasetItems {
        let mut listing = Listing::new(self, "read dataset items", &["dataset-items"], DatasetItem::read);
        listing.question().set("datasetName", dataset);
        DatasetItems(listing)
    }

    async fn put_within(&self, item: &NewDatasetItem, budget: Budget) -> Result<DatasetItem, Error> {
        const VERB: &str = "make a dataset item";
        let body = item.0.masked(VERB)?;
        let has_id = body["id"].is_string();
        let mut request = Request::change(Method::POST, VERB, &["dataset-items"]).body(body);
        request = request.within(budget);
        if has_id {
            request = request.repeatable();
        }
        self.call(request).await?.read(|json| DatasetItem::read(&json))
    }
}

/// So many services take part in a trace.
const MOST_TOPS: usize = 20;

impl DatasetItem {
    fn read(item: &Value) -> Option<Self> {
        Some(Self {
            id: text(item, "id")?,
            dataset_id: text(item, "datasetId")?,
            dataset_name: text(item, "datasetName")?,
            input: item["input"].clone(),
            expected_output: item["expectedOutput"].clone(),
            metadata: item["metadata"].clone(),
            is_archived: item["status"] == "ARCHIVED",
            source_trace_id: text(item, "sourceTraceId"),
            source_observation_id: text(item, "sourceObservationId"),
            created: time(item, "createdAt")?,
            updated: time(item, "updatedAt")?,
        })
    }
}
