//! An experiment that is about to run: over what, and how.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::experiment::item::json;
use crate::experiment::{Item, Progress, Trial};
use crate::langfuse::{Langfuse, instant};
use crate::manual::Experiment;
use crate::pipeline::Pipeline;

/// An experiment: items, and how they are run. [`task`](Self::task) says what is run on them. Made by
/// [`Pipeline::experiment`].
#[must_use = "nothing runs before task(..).run()"]
pub struct Plan {
    pub(super) pipeline: Pipeline,
    pub(super) name: String,
    source: Source,
    description: Option<String>,
    metadata: Value,
    limit: usize,
    pub(super) concurrency: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) environment: String,
    pub(super) progress: Option<Arc<Listener>>,
}

type Listener = dyn Fn(&Progress) + Send + Sync;

/// Where the items come from.
enum Source {
    Nowhere,
    Own(Vec<Item>),
    Dataset {
        name: String,
        version: Option<SystemTime>,
    },
}

/// What a plan comes to.
pub(super) struct Prepared {
    pub(super) experiment: Experiment,
    pub(super) dataset: Option<String>,
    pub(super) items: Vec<Item>,
}

impl Plan {
    /// How many items run at once: 8, which models' servers take from a small account.
    pub const DEFAULT_CONCURRENCY: usize = 8;

    /// Where the traces are: `sdk-experiment`, as with Langfuse's SDKs, so that they are in no sum of a production.
    pub const DEFAULT_ENVIRONMENT: &str = "sdk-experiment";

    pub(super) fn new(pipeline: Pipeline, name: String) -> Self {
        Self {
            pipeline,
            name,
            source: Source::Nowhere,
            description: None,
            metadata: Value::Null,
            limit: usize::MAX,
            concurrency: Self::DEFAULT_CONCURRENCY,
            timeout: None,
            environment: Self::DEFAULT_ENVIRONMENT.to_owned(),
            progress: None,
        }
    }

    /// Over the items of this dataset that are not set aside, from the Langfuse project that traces go to; of several the first.
    pub fn dataset(mut self, name: impl Into<String>) -> Self {
        let (name, version) = (name.into(), None);
        self.source = Source::Dataset { name, version };
        self
    }

    /// Over the items that this dataset had then.
    pub fn dataset_at(mut self, name: impl Into<String>, time: SystemTime) -> Self {
        let (name, version) = (name.into(), Some(time));
        self.source = Source::Dataset { name, version };
        self
    }

    /// Over items of the program's own: [`Item`]s, or pairs of what goes in and what should come out.
    pub fn items<I: Into<Item>>(mut self, items: impl IntoIterator<Item = I>) -> Self {
        self.source = Source::Own(items.into_iter().map(Into::into).collect());
        self
    }

    /// At most so many items, for a try.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = items;
        self
    }

    /// What is tried.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// What else is to be known of it: an object, up to 16 KiB as JSON.
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = json(metadata);
        self
    }

    /// At most so many items run at once, and at least one; [`DEFAULT_CONCURRENCY`](Self::DEFAULT_CONCURRENCY) when it is not said.
    pub fn concurrency(mut self, items: usize) -> Self {
        self.concurrency = items;
        self
    }

    /// A task that takes longer has failed, and so has an evaluator; what they were doing is dropped where it waits. None when it is
    /// not said.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// The environment of traces and scores; [`DEFAULT_ENVIRONMENT`](Self::DEFAULT_ENVIRONMENT) when it is not said.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = name.into();
        self
    }

    /// Is told at the beginning, and whenever an item is done: [`to_stderr`](super::to_stderr), or a closure. Nothing is printed
    /// when it is not said.
    pub fn progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(listener));
        self
    }

    /// What is run on each item: an async closure that answers with a `Result`. What it answers is the output of the item's trace,
    /// an error its message.
    pub fn task<'a, T, F, O, E>(self, task: T) -> Trial<'a, T, O>
    where
        T: Fn(Item) -> F,
        F: Future<Output = Result<O, E>>,
        O: Serialize,
        E: fmt::Display,
    {
        Trial::new(self, task)
    }

    pub(super) async fn prepare(&mut self) -> Result<Prepared, Error> {
        if !self.pipeline.is_open() {
            return Err(Error::new(Kind::System, SHUT_DOWN));
        }
        let source = std::mem::replace(&mut self.source, Source::Nowhere);
        let (experiment, dataset, mut items) = match source {
            Source::Nowhere => return Err(Error::new(Kind::InvalidValue, NO_ITEMS)),
            Source::Own(items) => (Experiment::new(&self.name), None, items),
            Source::Dataset { name, version } => {
                let (experiment, items) = self.fetch(&name, version).await?;
                (experiment, Some(name), items)
            }
        };
        items.truncate(self.limit);
        let experiment = match &self.description {
            Some(description) => experiment.with_description(description),
            None => experiment,
        };
        let experiment = match &self.metadata {
            Value::Null => experiment,
            metadata => experiment.with_metadata(metadata),
        };
        Ok(Prepared {
            experiment,
            dataset,
            items,
        })
    }

    async fn fetch(&self, name: &str, version: Option<SystemTime>) -> Result<(Experiment, Vec<Item>), Error> {
        let langfuse = self.langfuse()?;
        let project = langfuse.auth_check().await?;
        let dataset = langfuse.dataset(name).await?;
        let mut experiment = Experiment::over_dataset(&self.name, project.id(), &dataset.id);
        let mut items = langfuse.dataset_items(name).page_size(100);
        if let Some(time) = version {
            items = items.version(time);
            experiment = experiment.with_dataset_version(&instant(time));
        }
        let mut rows = items.rows();
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        while let Some(item) = rows.next().await {
            let item = item?;
            // One may come twice when others are added meanwhile.
            if !item.is_archived && known.insert(item.id.clone()) {
                found.push(item.into());
            }
            if found.len() >= self.limit {
                break;
            }
        }
        Ok((experiment, found))
    }

    fn langfuse(&self) -> Result<Langfuse, Error> {
        let langfuse = self.pipeline.langfuse();
        langfuse.ok_or_else(|| Error::new(Kind::InvalidValue, NO_LANGFUSE))
    }
}

/// Without content, and whatever the listener is.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("concurrency", &self.concurrency)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

const NO_ITEMS: &str = "an experiment needs items: say dataset(..) or items(..)";

const NO_LANGFUSE: &str =
    "an experiment over a dataset needs a Langfuse, and traces go to none: set its keys, or say items(..)";

const SHUT_DOWN: &str =
    "an experiment needs a pipeline, and this one was shut down: its guard was dropped, perhaps";
