//! Datasets: questions with the answers that are expected.

mod item;

use std::time::SystemTime;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

pub use self::item::{DatasetItem, DatasetItems, NewDatasetItem};
use crate::describe;
use crate::error::{Error, Kind};
use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::Listing;
use crate::process::Masker;

/// A dataset of the server's.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Dataset {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What else was said of it; null where nothing was.
    pub metadata: Value,
    /// The JSON schema of the inputs; null where there is none.
    pub input_schema: Value,
    /// The JSON schema of the outputs that are expected; null where there is none.
    pub expected_output_schema: Value,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last changed.
    pub updated: SystemTime,
}

/// A dataset that is to be made, or changed: what is not said stays as it is. Credentials in its metadata are redacted.
#[derive(Clone, Debug)]
#[must_use = "it is made by put_dataset()"]
pub struct NewDataset(Body);

/// What is to be sent, and the first member of it that could not be serialised.
#[derive(Clone, Debug)]
struct Body {
    json: Value,
    fault: Option<&'static str>,
}

impl NewDataset {
    /// The dataset with this name.
    pub fn new(name: &str) -> Self {
        Self(Body::of(json!({ "name": name })))
    }

    /// What it is.
    pub fn description(self, description: &str) -> Self {
        self.member("description", description)
    }

    /// What else is to be known of it.
    pub fn metadata(self, metadata: impl Serialize) -> Self {
        self.member("metadata", metadata)
    }

    /// A JSON schema that the server holds all inputs to.
    pub fn input_schema(self, schema: Value) -> Self {
        self.member("inputSchema", schema)
    }

    /// A JSON schema that the server holds all expected outputs to.
    pub fn expected_output_schema(self, schema: Value) -> Self {
        self.member("expectedOutputSchema", schema)
    }

    fn member(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.0.put(name, value);
        self
    }
}

impl Body {
    fn of(json: Value) -> Self {
        Self { json, fault: None }
    }

    /// Sets a member.
    fn put(&mut self, name: &'static str, value: impl Serialize) {
        match describe::calmly(|| serde_json::to_value(value)) {
            Some(Ok(value)) => self.json[name] = value,
            // Left out as from an observation it would be stored for good, and nobody would know.
            _ => drop(self.fault.get_or_insert(name)),
        }
    }

    /// Without the credentials that may be in what people store.
    fn masked(&self, verb: &str) -> Result<Value, Error> {
        const CONTENTS: [&str; 3] = ["input", "expectedOutput", "metadata"];
        if let Some(name) = self.fault {
            let message = format!("cannot {verb}: its {name} cannot be serialised as JSON");
            return Err(Error::new(Kind::InvalidValue, message));
        }
        let mut json = self.json.clone();
        let mut masker = Masker::default();
        for name in CONTENTS {
            if let Some(content) = json.get_mut(name) {
                masker.mask_json(content);
            }
        }
        Ok(json)
    }
}

impl Langfuse {
    /// Makes the dataset, or changes the one with its name. It may be done again without harm, so a lost answer is asked for
    /// again.
    ///
    /// # Errors
    ///
    /// Something of it cannot be serialised ([`Error::is_invalid_value`]; nothing was sent); the server does not take it, such as a
    /// schema that is none ([`Error::is_refused`]); else as
    /// [`auth_check`](Self::auth_check) tells apart.
    pub async fn put_dataset(&self, dataset: &NewDataset) -> Result<Dataset, Error> {
        const VERB: &str = "make a dataset";
        let body = dataset.0.masked(VERB)?;
        let request = Request::change(Method::POST, VERB, &["v2", "datasets"]);
        let answer = self.call(request.body(body).repeatable()).await?;
        answer.read(|json| Dataset::read(&json))
    }

    /// [`put_dataset`](Self::put_dataset) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn put_dataset_blocking(&self, dataset: &NewDataset) -> Result<Dataset, Error> {
        self.wait(self.put_dataset(dataset))
    }

    /// The dataset with this name.
    ///
    /// # Errors
    ///
    /// There is none ([`Error::is_not_found`]); else as [`auth_check`](Self::auth_check) tells apart.
    pub async fn dataset(&self, name: &str) -> Result<Dataset, Error> {
        let request = Request::get("read a dataset", &["v2", "datasets", name]);
        self.call(request).await?.read(|json| Dataset::read(&json))
    }

    /// [`dataset`](Self::dataset) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn dataset_blocking(&self, name: &str) -> Result<Dataset, Error> {
        self.wait(self.dataset(name))
    }

    /// The datasets of the project, the newest first.
    pub fn datasets(&self) -> Listing<Dataset> {
        Listing::new(self, "read datasets", &["v2", "datasets"], Dataset::read)
    }
}

impl Dataset {
    fn read(dataset: &Value) -> Option<Self> {
        Some(Self {
            id: text(dataset, "id")?,
            name: text(dataset, "name")?,
            description: text(dataset, "description"),
            metadata: dataset["metadata"].clone(),
            input_schema: dataset["inputSchema"].clone(),
            expected_output_schema: dataset["expectedOutputSchema"].clone(),
            created: time(dataset, "createdAt")?,
            updated: time(dataset, "updatedAt")?,
        })
    }
}
