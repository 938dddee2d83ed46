//! What came of an experiment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::experiment::evaluation::last_named;
use crate::experiment::{Case, Item};
use crate::id::{SpanId, TraceId};
use crate::model::{Score, ScoreValue};
use crate::pipeline::FlushReport;

/// What came of an experiment: an item a [`Row`], in the order of the items, and what was said of the whole run.
///
/// It shows itself as a table, for the terminal; a last line says so when not all of it was sent:
///
/// ```text
/// rag v3 · capital-questions · 3 items · 1 failed · 1.24 s
/// item      latency  exact_match  relevance
/// sum         12 ms         true       0.82
/// product     10 ms        false        0.4
/// quotient   1.20 s            –          –
/// mean       407 ms          0.5       0.61
/// accuracy 0.333
/// failed: quotient: the server answered 500
/// http://localhost:3000/project/…/experiments/results?baseline=474a6e6447da9388
/// ```
#[must_use]
pub struct Report<O> {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) dataset: Option<String>,
    /// The names of those of the items, in their order.
    pub(super) evaluators: Vec<Arc<str>>,
    pub(super) rows: Vec<Row<O>>,
    pub(super) scores: Vec<Score>,
    /// Of the evaluators of the run, by their names.
    pub(super) faults: Vec<(Arc<str>, Failure)>,
    pub(super) took: Duration,
    pub(super) url: Option<String>,
    pub(super) delivery: FlushReport,
}

/// What came of an item.
pub struct Row<O> {
    pub(super) item: Item,
    pub(super) trace_id: TraceId,
    pub(super) root_id: SpanId,
    pub(super) latency: Duration,
    pub(super) outcome: Result<Case<O>, Failure>,
    pub(super) scores: Vec<Given>,
    /// Of evaluators, by their names.
    pub(super) faults: Vec<(Arc<str>, Failure)>,
    pub(super) trace_url: Option<String>,
}

/// A score, and the name of the evaluator that gave it.
pub(super) struct Given {
    pub(super) by: Arc<str>,
    pub(super) score: Score,
}

/// Why a task, or an evaluator, came to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It answered an error, with this text.
    Error(String),
    /// It panicked, with these words.
    Panic(String),
    /// It was not done in this time.
    Timeout(Duration),
}

impl<O> Report<O> {
    /// The experiment's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id, for [`Langfuse::experiment_items`](crate::Langfuse::experiment_items), say.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the dataset that it was run over; none for items of the program's own.
    #[must_use]
    pub fn dataset(&self) -> Option<&str> {
        self.dataset.as_deref()
    }

    /// The items, in their order.
    #[must_use]
    pub fn rows(&self) -> &[Row<O>] {
        &self.rows
    }

    /// How many items failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.outcome.is_err()).count()
    }

    /// How many times an evaluator failed, those of the whole run among them.
    #[must_use]
    pub fn failed_evaluations(&self) -> usize {
        self.faults.len() + self.rows.iter().map(|row| row.faults.len()).sum::<usize>()
    }

    /// The mean of a score of the items, over those that have it: a number, or for yes and no the share of yes. `None` when none
    /// has it. An item that failed has none: [`check_min`](Self::check_min) counts it, too.
    #[must_use]
    pub fn mean(&self, score: &str) -> Option<f64> {
        let values = self.rows.iter().filter_map(|row| row.number(score));
        let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / count as f64)
    }

    /// How often each word of a score was given that is a category.
    #[must_use]
    pub fn counts(&self, score: &str) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            if let Some(ScoreValue::Categorical(word)) = row.score(score) {
                *counts.entry(word.as_str()).or_default() += 1;
            }
        }
        counts
    }

    /// A score of the whole run.
    #[must_use]
    pub fn score(&self, name: &str) -> Option<&ScoreValue> {
        last_named(self.scores.iter(), name)
    }

    /// The evaluators of the whole run that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.faults.iter().map(|(name, failure)| (&**name, failure))
    }

    /// How long it took, from the first item to the last evaluator.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Its page in Langfuse. None without a Langfuse, or when that did not answer.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// What was sent, and what was lost, when it was over.
    #[must_use]
    pub fn delivery(&self) -> &FlushReport {
        &self.delivery
    }

    /// The names of the scores of items, in the order of the evaluators.
    pub(super) fn score_names(&self) -> Vec<&str> {
        let mut names: Vec<(usize, &str)> = Vec::new();
        for given in self.rows.iter().flat_map(|row| &row.scores) {
            let name = given.score.name();
            if !names.iter().any(|(_, known)| *known == name) {
                let place = self
                    .evaluators
                    .iter()
                    .position(|evaluator| *evaluator == given.by);
                names.push((place.unwrap_or_default(), name));
            }
        }
        names.sort_by_key(|(place, _)| *place);
        names.into_iter().map(|(_, name)| name).collect()
    }
}

impl<O> Row<O> {
    /// The item.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// Its trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The observation on top of that.
    #[must_use]
    pub fn root_id(&self) -> SpanId {
        self.root_id
    }

    /// The page of that in Langfuse, where [`Report::url`] is known, and the trace is sent there.
    #[must_use]
    pub fn trace_url(&self) -> Option<&str> {
        self.trace_url.as_deref()
    }

    /// How long the task took, also when it failed.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// What the task answered.
    #[must_use]
    pub fn output(&self) -> Option<&O> {
        self.outcome.as_ref().ok().map(Case::output)
    }

    /// Why the task came to nothing.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.outcome.as_ref().err()
    }

    /// The scores, in the order of the evaluators.
    pub fn scores(&self) -> impl Iterator<Item = &Score> {
        self.scores.iter().map(|given| &given.score)
    }

    /// The score with this name; of several the last.
    #[must_use]
    pub fn score(&self, name: &str) -> Option<&ScoreValue> {
        last_named(self.scores.iter().map(|given| &given.score), name)
    }

    /// The evaluators that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.faults.iter().map(|(name, failure)| (&**name, failure))
    }

    /// A score as a number: 1 for yes, 0 for no.
    pub(super) fn number(&self, score: &str) -> Option<f64> {
        number(self.score(score)?)
    }
}

pub(super) fn number(value: &ScoreValue) -> Option<f64> {
    match value {
        ScoreValue::Numeric(number) => Some(*number),
        ScoreValue::Boolean(yes) => Some(u8::from(*yes).into()),
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(text) => f.write_str(text),
            Self::Panic(words) => write!(f, "panicked: {words}"),
            Self::Timeout(time) => write!(f, "not done within {time:?}"),
        }
    }
}

/// Without content: a program's log is no place for it.
impl<O> fmt::Debug for Report<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("items", &self.rows.len())
            .field("failed", &self.failed())
            .finish_non_exhaustive()
    }
}

/// Without content, as [`Report`].
impl<O> fmt::Debug for Row<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("item", &self.item)
            .field("trace_id", &self.trace_id)
            .field("failed", &self.outcome.is_err())
            .finish_non_exhaustive()
    }
}
