//! Whether an experiment is good enough.

use std::collections::BTreeSet;
use std::fmt;

use crate::experiment::report::{Report, Row, number};

/// A score is not as high as it must be. `Debug` shows the table of the experiment, too, since that is what `unwrap()` prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Unmet {
    message: String,
    table: String,
}

impl<O> Report<O> {
    /// That a score is at least this: one of the whole run, else the mean over the items. Answers what it is.
    ///
    /// An item counts as 0 that has no score because its task or the evaluator failed: a run of which most failed is not good. One for
    /// which an evaluator answered `None` does not count.
    ///
    /// # Errors
    ///
    /// It is less, or nobody gave such a score.
    pub fn check_min(&self, score: &str, min: f64) -> Result<f64, Unmet> {
        if let Some(value) = self.score(score).and_then(number) {
            return self.at_least(score, value, min, 0);
        }
        if let Some((_, failure)) = self.failures().find(|(name, _)| *name == score) {
            return Err(self.unmet(format!("{score} of the whole run is not known: {failure}")));
        }
        let given: Vec<_> = self.rows.iter().filter_map(|row| row.number(score)).collect();
        if given.is_empty() {
            let names = self.score_names();
            let names = if names.is_empty() {
                "there is none".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            return Err(self.unmet(format!("no item has a number as score {score:?}; {names}")));
        }
        let by = self.evaluators_of(score);
        let missing = self.rows.iter().filter(|row| row.lacks(score, &by)).count();
        let mean = given.iter().sum::<f64>() / (given.len() + missing) as f64;
        self.at_least(score, mean, min, missing)
    }

    /// [`check_min`](Self::check_min) for tests.
    ///
    /// # Panics
    ///
    /// Where that is an error, with the table of the experiment.
    #[track_caller]
    #[expect(clippy::panic, reason = "it is for tests, which fail so")]
    pub fn assert_min(&self, score: &str, min: f64) {
        if let Err(unmet) = self.check_min(score, min) {
            panic!("{unmet:?}");
        }
    }

    fn at_least(&self, score: &str, value: f64, min: f64, missing: usize) -> Result<f64, Unmet> {
        // Not a number is not enough, either.
        if value >= min {
            return Ok(value);
        }
        let mut message = format!("{score} is {value:.3}, and must be at least {min}");
        if missing > 0 {
            message += &format!(
                "; {missing} of {} items failed, which counts as 0",
                self.rows.len()
            );
        }
        Err(self.unmet(message))
    }

    /// The evaluators that give a score: they may have other names.
    fn evaluators_of<'a>(&'a self, score: &'a str) -> BTreeSet<&'a str> {
        let given = self.rows.iter().flat_map(|row| &row.scores);
        let given = given.filter(|given| given.score.name() == score);
        given.map(|given| &*given.by).chain([score]).collect()
    }

    fn unmet(&self, message: String) -> Unmet {
        let table = self.to_string();
        Unmet { message, table }
    }
}

impl<O> Row<O> {
    /// Whether it has no such score because something failed.
    fn lacks(&self, score: &str, evaluators: &BTreeSet<&str>) -> bool {
        let failed = self.outcome.is_err() || self.failures().any(|(name, _)| evaluators.contains(name));
        failed && self.number(score).is_none()
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.table)
    }
}

impl std::error::Error for Unmet {}
