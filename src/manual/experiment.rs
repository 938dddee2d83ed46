//! Traces that are items of an experiment.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::id::{Ids, SpanId};
use crate::model::{TEXT_LIMIT, cut};

/// A run of a task over questions whose answers are known: each is a trace of its own, which says so. Langfuse v4 puts them side
/// by side; it needs no other call.
///
/// ```
/// use tracing_llm::manual::Experiment;
/// use tracing_llm::{Error, Pipeline};
///
/// fn evaluate(llm: &Pipeline) {
///     let run = Experiment::new("arithmetic, gpt-4o-mini");
///     for (id, question, expected) in [("sum", "2+2", "4"), ("product", "2*3", "6")] {
///         let item = run.item(id).expected_output(expected);
///         let root = llm.trace("task").experiment(&item).start();
///         root.input(question);
///         let answer = root.in_scope(|| expected.to_owned()); // … the task; its spans are of the item, too
///         root.output(&answer);
///         root.end();
///     }
/// }
/// # let (_layer, llm) = tracing_llm::builder().build()?;
/// # evaluate(&llm);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Experiment {
    id: Arc<str>,
    name: Arc<str>,
    description: Option<Arc<str>>,
    metadata: Option<Arc<str>>,
    dataset_id: Option<Arc<str>>,
    dataset_version: Option<Arc<str>>,
}

/// An item of an [`Experiment`], for [`StartTrace::experiment`](super::StartTrace::experiment).
#[derive(Clone, Debug)]
#[must_use = "it is said by StartTrace::experiment()"]
pub struct ExperimentItem {
    run: Experiment,
    id: Arc<str>,
    expected_output: Option<Arc<str>>,
    metadata: Option<Arc<str>>,
}

impl Experiment {
    /// A run with this name, over questions of the program's own. Each has an id of its own.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        Self {
            id: Ids::Random.span().to_string().into(),
            name: name.as_ref().into(),
            description: None,
            metadata: None,
            dataset_id: None,
            dataset_version: None,
        }
    }

    /// A run over the items of a dataset. Its id is the one that Langfuse's SDKs and its server make of the three, so that a run
    /// can be gone on with.
    ///
    /// Source: Langfuse's SDK for Python 5.0.4: the first 16 hex digits of the SHA-256 of a compact JSON list.
    #[must_use]
    pub fn over_dataset(name: impl AsRef<str>, project_id: &str, dataset_id: &str) -> Self {
        let name = name.as_ref();
        let seed = serde_json::json!(["langfuse-experiment-v1", project_id, dataset_id, name]);
        Self {
            id: SpanId::from_seed(&seed.to_string()).to_string().into(),
            dataset_id: Some(dataset_id.into()),
            ..Self::new(name)
        }
    }

    /// An id of your own.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self {
            id: id.into(),
            ..self
        }
    }

    /// What is tried.
    #[must_use]
    pub fn with_description(self, description: &str) -> Self {
        Self {
            description: Some(description.into()),
            ..self
        }
    }

    /// What else is to be known of the run, as JSON, up to 16 KiB; what is longer is left out.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Serialize) -> Self {
        Self {
            metadata: short_json(metadata),
            ..self
        }
    }

    /// The dataset as it was then, by a time such as `2026-11-24T04:40:44.305Z`; the server drops what is none.
    #[must_use]
    pub fn with_dataset_version(self, time: &str) -> Self {
        Self {
            dataset_version: Some(time.into()),
            ..self
        }
    }

    /// Its id, which scores of the whole run are given to, and
    /// [`experiment_items`](crate::Langfuse::experiment_items) asks for.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// An item, by the id of the dataset's item or one of your own.
    pub fn item(&self, id: impl AsRef<str>) -> ExperimentItem {
        ExperimentItem {
            run: self.clone(),
            id: id.as_ref().into(),
            expected_output: None,
            metadata: None,
        }
    }
}

impl ExperimentItem {
    /// What should come out, as JSON, up to 16 KiB; what is longer is left out, since each observation of the trace carries it.
    pub fn expected_output(mut self, output: impl Serialize) -> Self {
        self.expected_output = short_json(output);
        self
    }

    /// What else is to be known of the item, with the same limit.
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = short_json(metadata);
        self
    }

    /// What each observation of the trace says.
    ///
    /// Source: Langfuse v4.16, the attributes that its `OtelIngestionProcessor` reads of experiments.
    pub(super) fn attributes(&self, root: SpanId) -> Vec<(&'static str, Arc<str>)> {
        let run = &self.run;
        let attributes = [
            ("langfuse.experiment.id", Some(Arc::clone(&run.id))),
            ("langfuse.experiment.name", Some(Arc::clone(&run.name))),
            ("langfuse.experiment.description", run.description.clone()),
            ("langfuse.experiment.metadata", run.metadata.clone()),
            ("langfuse.experiment.dataset.id", run.dataset_id.clone()),
            ("langfuse.experiment.item.id", Some(Arc::clone(&self.id))),
            ("langfuse.experiment.item.version", run.dataset_version.clone()),
            ("langfuse.experiment.item.metadata", self.metadata.clone()),
            (
                "langfuse.experiment.item.root_observation_id",
                Some(root.to_string().into()),
            ),
            (
                "langfuse.experiment.item.expected_output",
                self.expected_output.clone(),
            ),
        ];
        let said = attributes
            .into_iter()
            .filter_map(|(key, text)| Some((key, text?)));
        said.map(|(key, text)| match cut(&text, TEXT_LIMIT) {
            Cow::Owned(shorter) => (key, shorter.into()),
            Cow::Borrowed(_) => (key, text.clone()),
        })
        .collect()
    }
}

/// JSON that each observation of a trace can carry.
fn short_json(value: impl Serialize) -> Option<Arc<str>> {
    let json = serde_json::to_string(&value).ok();
    json.filter(|json| json.len() <= TEXT_LIMIT).map(Into::into)
}
