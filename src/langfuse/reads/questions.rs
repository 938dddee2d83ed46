//! The questions that are asked most.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::langfuse::client::{Budget, Langfuse};
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::observations;
use crate::langfuse::reads::question::{Question, given};
use crate::langfuse::reads::sums::Sums;
use crate::langfuse::reads::window::Window;
use crate::langfuse::reads::words::{Aggregation, Dimension, Granularity, Measure, View};

/// What a model cost on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DailyCost {
    /// The day in UTC, as `2026-11-24`.
    pub day: String,
    /// The model, as it was sent.
    pub model: String,
    /// What its calls cost; none where no cost is known.
    pub cost: Option<Money>,
    /// Tokens in.
    pub input_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// How many observations.
    pub observations: u64,
}

/// What a user cost.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UserCost {
    /// The user.
    pub user_id: String,
    /// What the user's calls cost.
    pub cost: Money,
    /// How many different traces.
    pub traces: u64,
}

/// The tokens of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ModelTokens {
    /// The model, as it was sent.
    pub model: String,
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
}

/// How long the observations of a name take.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NameLatency {
    /// Their name.
    pub name: String,
    /// How many.
    pub observations: u64,
    /// The mean.
    pub mean: Option<Duration>,
    /// 95 of 100 are below.
    pub p95: Option<Duration>,
}

/// How many observations failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ErrorRate {
    /// Those with level ERROR.
    pub errors: u64,
    /// All.
    pub observations: u64,
}

impl ErrorRate {
    /// Their share, 0 to 1; of none 0.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.observations == 0 {
            return 0.0;
        }
        self.errors as f64 / self.observations as f64
    }
}

impl Langfuse {
    /// Cost and tokens by day and model, the newest day first, on a day the dearest first. What names no model is not in it. More
    /// than an answer can have is asked for in parts.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::ask`](super::Metrics::ask).
    pub async fn cost_by_day(&self, window: &Window) -> Result<Vec<DailyCost>, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::TOTAL_COST, Aggregation::Sum)
            .measure(Measure::INPUT_TOKENS, Aggregation::Sum)
            .measure(Measure::OUTPUT_TOKENS, Aggregation::Sum)
            .measure(Measure::COUNT, Aggregation::Count)
            .by(Dimension::MODEL)
            .every(Granularity::Day)
            .limit(MOST);
        let rows = question.ask().await?.into_iter();
        let mut days: Vec<_> = rows
            .filter_map(|row| {
                let count = |measure, aggregation| row.count(measure, aggregation).unwrap_or_default();
                Some(DailyCost {
                    day: row.day()?.to_owned(),
                    model: row.text(&Dimension::MODEL)?.to_owned(),
                    cost: row.money(&Measure::TOTAL_COST, Aggregation::Sum),
                    input_tokens: count(&Measure::INPUT_TOKENS, Aggregation::Sum),
                    output_tokens: count(&Measure::OUTPUT_TOKENS, Aggregation::Sum),
                    observations: count(&Measure::COUNT, Aggregation::Count),
                })
            })
            .collect();
        days.sort_by(|one, other| {
            let key = |it: &DailyCost| (Reverse(it.day.clone()), Reverse(it.cost), it.model.clone());
            key(one).cmp(&key(other))
        });
        Ok(days)
    }

    /// [`cost_by_day`](Self::cost_by_day) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn cost_by_day_blocking(&self, window: &Window) -> Result<Vec<DailyCost>, Error> {
        self.wait(self.cost_by_day(window))
    }

    /// The users that cost most, the dearest first: at most `limit`, up to 999. What names no user is not in it.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::ask`](super::Metrics::ask).
    pub async fn cost_by_user(&self, window: &Window, limit: u16) -> Result<Vec<UserCost>, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::TOTAL_COST, Aggregation::Sum)
            .measure(Measure::TRACES, Aggregation::Uniq)
            .by(Dimension::USER)
            .largest_first(&Measure::TOTAL_COST, Aggregation::Sum)
            // What has no user is a row, too.
            .limit(limit.saturating_add(1).min(MOST));
        let rows = question.ask().await?.into_iter();
        let users = rows.filter_map(|row| {
            Some(UserCost {
                user_id: row.text(&Dimension::USER)?.to_owned(),
                cost: row
                    .money(&Measure::TOTAL_COST, Aggregation::Sum)
                    .unwrap_or_default(),
                traces: row.count(&Measure::TRACES, Aggregation::Uniq).unwrap_or_default(),
            })
        });
        Ok(users.take(limit.into()).collect())
    }

    /// [`cost_by_user`](Self::cost_by_user) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn cost_by_user_blocking(&self, window: &Window, limit: u16) -> Result<Vec<UserCost>, Error> {
        self.wait(self.cost_by_user(window, limit))
    }

    /// Tokens by model and direction, the model with most first; of more than 1000 models those with most tokens in. What names no
    /// model is not in it.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::ask`](super::Metrics::ask).
    pub async fn tokens_by_model(&self, window: &Window) -> Result<Vec<ModelTokens>, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::INPUT_TOKENS, Aggregation::Sum)
            .measure(Measure::OUTPUT_TOKENS, Aggregation::Sum)
            .by(Dimension::MODEL)
            .limit(MOST);
        let rows = question.ask().await?.into_iter();
        let mut models: Vec<_> = rows
            .filter_map(|row| {
                let sum = |measure| row.count(measure, Aggregation::Sum).unwrap_or_default();
                Some(ModelTokens {
                    model: row.text(&Dimension::MODEL)?.to_owned(),
                    input: sum(&Measure::INPUT_TOKENS),
                    output: sum(&Measure::OUTPUT_TOKENS),
                })
            })
            .collect();
        models.sort_by_key(|it| Reverse(it.input.saturating_add(it.output)));
        Ok(models)
    }

    /// [`tokens_by_model`](Self::tokens_by_model) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn tokens_by_model_blocking(&self, window: &Window) -> Result<Vec<ModelTokens>, Error> {
        self.wait(self.tokens_by_model(window))
    }

    /// How long observations take, by their name, the slowest first, by the 95th percentile; of more than 1000 names the slowest.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::ask`](super::Metrics::ask).
    pub async fn latency_by_name(&self, window: &Window) -> Result<Vec<NameLatency>, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::LATENCY, Aggregation::P95)
            .measure(Measure::LATENCY, Aggregation::Avg)
            .measure(Measure::COUNT, Aggregation::Count)
            .by(Dimension::NAME)
            .limit(MOST);
        let rows = question.ask().await?.into_iter();
        let mut names: Vec<_> = rows
            .filter_map(|row| {
                Some(NameLatency {
                    name: row.text(&Dimension::NAME)?.to_owned(),
                    observations: row.count(&Measure::COUNT, Aggregation::Count).unwrap_or_default(),
                    mean: row.duration(&Measure::LATENCY, Aggregation::Avg),
                    p95: row.duration(&Measure::LATENCY, Aggregation::P95),
                })
            })
            .collect();
        names.sort_by_key(|it| Reverse(it.p95));
        Ok(names)
    }

    /// [`latency_by_name`](Self::latency_by_name) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn latency_by_name_blocking(&self, window: &Window) -> Result<Vec<NameLatency>, Error> {
        self.wait(self.latency_by_name(window))
    }

    /// How many observations there were, and how many of them failed.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::ask`](super::Metrics::ask).
    pub async fn error_rate(&self, window: &Window) -> Result<ErrorRate, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::COUNT, Aggregation::Count)
            .by(Dimension::LEVEL);
        let mut rate = ErrorRate {
            errors: 0,
            observations: 0,
        };
        for row in question.ask().await? {
            let count = row.count(&Measure::COUNT, Aggregation::Count).unwrap_or_default();
            rate.observations += count;
            if row.text(&Dimension::LEVEL) == Some("ERROR") {
                rate.errors += count;
            }
        }
        Ok(rate)
    }

    /// [`error_rate`](Self::error_rate) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn error_rate_blocking(&self, window: &Window) -> Result<ErrorRate, Error> {
        self.wait(self.error_rate(window))
    }

    /// What a trace cost, each of its observations counted once, and an agent's copy of the cost of its calls not. `None` when the
    /// server shows nothing of it, or no cost. It needs Langfuse v4.
    ///
    /// # Errors
    ///
    /// Those of a call, as [`auth_check`](Self::auth_check) tells apart.
    pub async fn trace_cost(&self, trace: impl fmt::Display) -> Result<Option<Money>, Error> {
        let mut question = Question::default();
        question.set("traceId", trace);
        question.set("fields", "core,basic,time,usage");
        question.set("limit", MOST);
        let budget = Budget::new(self.timeout());
        let mut sums = Sums::default();
        loop {
            let request = question.ask(observations::request()).within(budget);
            let cursor = self.call(request).await?.read(|json| {
                for row in json["data"].as_array()? {
                    sums.add(row)?;
                }
                Some(given(&json["meta"], "cursor"))
            })?;
            if !question.advance(cursor) {
                return Ok(sums.cost());
            }
        }
    }

    /// [`trace_cost`](Self::trace_cost) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn trace_cost_blocking(&self, trace: impl fmt::Display) -> Result<Option<Money>, Error> {
        self.wait(self.trace_cost(trace))
    }
}

/// The most rows that an answer can have.
const MOST: u16 = 1000;
