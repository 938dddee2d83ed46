//! What an evaluator is given, and what it may answer.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::experiment::item::{json, text};
use crate::experiment::{Item, Row};
use crate::id::{SpanId, TraceId};
use crate::model::{Score, ScoreValue};

/// An item and what the task made of it, for an evaluator. Clones are handles to the same.
pub struct Case<O> {
    pub(super) item: Item,
    pub(super) output: Arc<O>,
    pub(super) latency: Duration,
    pub(super) trace_id: TraceId,
    pub(super) root_id: SpanId,
    pub(super) said: Arc<[Score]>,
}

impl<O> Case<O> {
    /// The item.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// What the task answered.
    #[must_use]
    pub fn output(&self) -> &O {
        &self.output
    }

    /// How long the task took.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// The trace of the item.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The observation on top of it, which the scores are given to.
    #[must_use]
    pub fn root_id(&self) -> SpanId {
        self.root_id
    }

    /// What the evaluators before this one gave the item, in their order: for one that puts them together.
    pub fn scores(&self) -> &[Score] {
        &self.said
    }

    /// The score with this name that an evaluator before this one gave; of several the last. None where that failed, or did not
    /// apply.
    #[must_use]
    pub fn score(&self, name: &str) -> Option<&ScoreValue> {
        last_named(self.said.iter(), name)
    }
}

/// The score with this name; of several the last.
pub(super) fn last_named<'s>(
    mut scores: impl DoubleEndedIterator<Item = &'s Score>,
    name: &str,
) -> Option<&'s ScoreValue> {
    scores.rfind(|score| score.name() == name).map(Score::value)
}

impl<O: Serialize> Case<O> {
    /// Whether the task answered what is expected, as text or as JSON: an evaluator that is there already,
    /// `.evaluator("exact_match", Case::is_expected)`.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        let (output, expected) = (json(&*self.output), self.item.expected_output());
        // The server reads text that is JSON, so that a "4" may have become a 4.
        output == *expected || !expected.is_null() && text(&output) == text(expected)
    }
}

impl<O> Clone for Case<O> {
    fn clone(&self) -> Self {
        Self {
            item: self.item.clone(),
            output: Arc::clone(&self.output),
            said: Arc::clone(&self.said),
            ..*self
        }
    }
}

/// Without content: a program's log is no place for it.
impl<O> fmt::Debug for Case<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("item", &self.item)
            .field("trace_id", &self.trace_id)
            .finish_non_exhaustive()
    }
}

/// What an evaluator may answer:
///
/// | it answers | its item gets |
/// | --- | --- |
/// | a number, a `bool`, a text (a category), a [`ScoreValue`] | a score with the evaluator's name |
/// | one of these and a text, as a pair | the same with a comment |
/// | a [`Score`], or a `Vec` of them | these, under their own names |
/// | an `Option` of any of these | none for `None`: it does not apply |
/// | a `Result` of any of these | none for `Err`: the evaluator failed, which is counted |
pub trait Evaluation: sealed::Sealed {
    /// The scores; `name` is the evaluator's.
    #[doc(hidden)]
    fn scores(self, name: &str) -> Result<Vec<Score>, String>;
}

/// What an evaluator gave, or why it failed.
pub(super) type Given = Result<Vec<Score>, String>;

mod sealed {
    pub trait Sealed {}
}

macro_rules! values {
    ($($type:ty)*) => {
        $(
            impl sealed::Sealed for $type {}

            impl Evaluation for $type {
                fn scores(self, name: &str) -> Given {
                    Ok(vec![Score::new(name, self)])
                }
            }

            impl<C: Into<String>> sealed::Sealed for ($type, C) {}

            impl<C: Into<String>> Evaluation for ($type, C) {
                fn scores(self, name: &str) -> Given {
                    Ok(vec![Score::new(name, self.0).comment(self.1)])
                }
            }
        )*
    };
}

values!(bool f64 f32 i8 u8 i16 u16 i32 u32 &str String ScoreValue);

macro_rules! counts {
    ($($type:ty)*) => {
        $(
            impl sealed::Sealed for $type {}

            /// As the nearest number that a score can have: up to 2⁵³ it is the same.
            impl Evaluation for $type {
                fn scores(self, name: &str) -> Given {
                    Ok(vec![Score::new(name, self as f64)])
                }
            }
        )*
    };
}

counts!(usize u64 i64);

impl sealed::Sealed for Score {}

impl Evaluation for Score {
    fn scores(self, _: &str) -> Given {
        Ok(vec![self])
    }
}

impl sealed::Sealed for Vec<Score> {}

impl Evaluation for Vec<Score> {
    fn scores(self, _: &str) -> Given {
        Ok(self)
    }
}

impl<V: Evaluation> sealed::Sealed for Option<V> {}

impl<V: Evaluation> Evaluation for Option<V> {
    fn scores(self, name: &str) -> Given {
        self.map_or(Ok(Vec::new()), |value| value.scores(name))
    }
}

impl<V: Evaluation, E: fmt::Display> sealed::Sealed for Result<V, E> {}

impl<V: Evaluation, E: fmt::Display> Evaluation for Result<V, E> {
    fn scores(self, name: &str) -> Given {
        // Errors that have a long form (anyhow's) name their causes there.
        self.map_err(|error| format!("{error:#}"))?.scores(name)
    }
}

/// An evaluator of items, with its name.
pub(super) struct Evaluator<'a, O> {
    pub(super) name: Arc<str>,
    judge: Box<Judge<'a, O>>,
}

/// An evaluator of the whole run, with its name.
pub(super) struct RunEvaluator<'a, O> {
    pub(super) name: Arc<str>,
    pub(super) judge: Box<RunJudge<'a, O>>,
}

type Judge<'a, O> = dyn Fn(Case<O>) -> Judging<'a> + Send + Sync + 'a;
type RunJudge<'a, O> = dyn Fn(&[Row<O>]) -> Given + Send + Sync + 'a;
type Judging<'a> = Pin<Box<dyn Future<Output = Given> + Send + 'a>>;

impl<'a, O> Evaluator<'a, O> {
    pub(super) fn new<V: Evaluation>(
        name: impl Into<String>,
        judge: impl Fn(&Case<O>) -> V + Send + Sync + 'a,
    ) -> Self {
        let name: Arc<str> = name.into().into();
        let own = Arc::clone(&name);
        Self {
            name,
            judge: Box::new(move |case| Box::pin(ready(judge(&case).scores(&own)))),
        }
    }

    pub(super) fn asynchronous<V: Evaluation, F: Future<Output = V> + Send + 'a>(
        name: impl Into<String>,
        judge: impl Fn(Case<O>) -> F + Send + Sync + 'a,
    ) -> Self {
        let name: Arc<str> = name.into().into();
        let own = Arc::clone(&name);
        Self {
            name,
            judge: Box::new(move |case| {
                let (judging, own) = (judge(case), Arc::clone(&own));
                Box::pin(async move { judging.await.scores(&own) })
            }),
        }
    }

    pub(super) fn judge(&self, case: Case<O>) -> Judging<'a> {
        (self.judge)(case)
    }
}

impl<'a, O> RunEvaluator<'a, O> {
    pub(super) fn new<V: Evaluation>(
        name: impl Into<String>,
        judge: impl Fn(&[Row<O>]) -> V + Send + Sync + 'a,
    ) -> Self {
        let name: Arc<str> = name.into().into();
        let own = Arc::clone(&name);
        Self {
            name,
            judge: Box::new(move |rows| judge(rows).scores(&own)),
        }
    }
}
