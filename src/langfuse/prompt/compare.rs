//! Versions of a prompt beside each other: what they cost, how long they take, and what is thought of them.

mod show;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::error::Error;
use crate::langfuse::client::{Budget, Langfuse, wait};
use crate::langfuse::prompt::cache::Key;
use crate::langfuse::prompt::selector::{Kind, Selector};
use crate::langfuse::reads::{
    Aggregation, Dimension, Fields, Filter, Measure, MetricRow, MetricRows, Money, ObservationRow, ScoreRow,
    ScoreRowValue, ScoreSubject, Scores, View, Window,
};

/// Versions of a prompt beside each other, as [`compare_prompts`](crate::Langfuse::compare_prompts) gives them.
///
/// It shows itself as a table, for the terminal:
///
/// ```text
/// rag_synthesis   calls   cost     each    mean     p95  tokens in  tokens out   relevance  trace: user_rating
/// 3 (production)    120  $0.24   $0.002  1.20 s  2.31 s      48000       12000  0.82 (118)            0.6 (14)
/// 4 (candidate)      14  $0.02  $0.0015  1.10 s  2.00 s       5600        1300   0.91 (14)             0.8 (3)
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct PromptComparison {
    /// The prompt.
    pub name: String,
    /// Its versions, in the order in which they were named, or the oldest first.
    pub versions: Vec<PromptFigures>,
    /// Whether there were more calls than the newest [1000](Self::MOST_CALLS), whose traces' scores alone are in
    /// [`trace_scores`](PromptFigures::trace_scores). All else is of all calls.
    pub is_cut: bool,
    /// Whether the server had more sums than the 1000 that an answer can have: more versions, or more names of scores times
    /// versions. Those of the fewest calls and scores are missing.
    pub is_incomplete: bool,
}

/// The figures of one version of a prompt.
#[derive(Clone, PartialEq, Default, Debug)]
#[non_exhaustive]
pub struct PromptFigures {
    /// The version.
    pub version: u32,
    /// The labels by which it was asked for.
    pub labels: Vec<String>,
    /// How many generations are linked to it.
    pub calls: u64,
    /// What they cost together, as the server adds it up: 0 also where it knows of no cost, and none where it says none.
    pub cost: Option<Money>,
    /// How long one takes, in the mean.
    pub mean_latency: Option<Duration>,
    /// 95 of 100 take less.
    pub p95_latency: Option<Duration>,
    /// Tokens in.
    pub input_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// The scores of the generations themselves, by name.
    pub scores: BTreeMap<String, MeanScore>,
    /// The other scores of the traces that they stand in, by name: of the whole trace, as users give them, or of another
    /// observation, such as an experiment's. A trace with two of the versions counts for both.
    pub trace_scores: BTreeMap<String, MeanScore>,
}

/// What scores with one name come to: numbers, and yes and no as 1 and 0.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct MeanScore {
    /// Their mean.
    pub mean: f64,
    /// How many.
    pub count: u64,
}

impl PromptComparison {
    /// Of so many calls, the newest, the traces are asked for their scores: some 20 requests, after one for the calls of each
    /// version. Each version has its share, and what it does not need goes to the others, so that one which is rarely called is
    /// not crowded out.
    pub const MOST_CALLS: usize = 1000;
}

impl PromptFigures {
    /// What a call costs, in the mean.
    #[must_use]
    pub fn cost_of_a_call(&self) -> Option<Money> {
        let calls = i128::from(self.calls);
        Some(Money::from_picodollars(
            self.cost?.picodollars().checked_div(calls)?,
        ))
    }
}

impl Langfuse {
    /// Versions of a prompt beside each other: cost, latency, tokens and scores of the generations that are linked to them, over a
    /// window of time. A version is named by its number, or by a label, which is that of the version that has it now. Without
    /// any, each version is there that was used.
    ///
    /// ```no_run
    /// # async fn compare(langfuse: &tracing_llm::Langfuse) -> Result<(), tracing_llm::Error> {
    /// use tracing_llm::langfuse::Window;
    ///
    /// let week = Window::last_days(7).environment("production");
    /// println!("{}", langfuse.compare_prompts("rag_synthesis", ["production", "candidate"], &week).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Sums and means are the server's; the scores of the traces around are put together here. Conditions of the window must be of
    /// what scores have, too: `environment`, `traceName`, `tags`, `userId`, `sessionId`. It needs Langfuse v4.
    ///
    /// # Errors
    ///
    /// There is no version with that label ([`Error::is_not_found`]); else those of [`Metrics::ask`](crate::langfuse::Metrics::ask).
    pub async fn compare_prompts<S: Into<Selector>>(
        &self,
        name: &str,
        versions: impl IntoIterator<Item = S>,
        window: &Window,
    ) -> Result<PromptComparison, Error> {
        let mut figures = self
            .named_versions(name, versions.into_iter().map(Into::into).collect())
            .await?;
        let all = figures.is_empty();
        let calls = self.calls_of(name, window).await?;
        let mut is_incomplete = calls.is_cut();
        for row in calls {
            let version = version_of(&row, &Dimension::PROMPT_VERSION);
            if let Some(figures) = version.and_then(|version| place(&mut figures, version, all)) {
                figures.take_calls(&row);
            }
        }
        for view in [View::NumericScores, View::BooleanScores] {
            let scores = self.scores_of(name, view, window).await?;
            is_incomplete |= scores.is_cut();
            for row in scores {
                let version = version_of(&row, &Dimension::SCORED_PROMPT_VERSION);
                let figures = figures.iter_mut().find(|it| Some(it.version) == version);
                if let (Some(figures), Some(score)) = (figures, row.text(&Dimension::NAME)) {
                    // Newer servers have yes and no among the numbers, too.
                    let mean = MeanScore::of(&row);
                    let known = figures.scores.entry(score.to_owned());
                    mean.map(|mean| known.or_insert(mean));
                }
            }
        }
        let is_cut = self.add_trace_scores(name, window, &mut figures).await?;
        if all {
            figures.sort_by_key(|it| it.version);
        }
        Ok(PromptComparison {
            name: name.to_owned(),
            versions: figures,
            is_cut,
            is_incomplete,
        })
    }

    /// [`compare_prompts`](Self::compare_prompts) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn compare_prompts_blocking<S: Into<Selector>>(
        &self,
        name: &str,
        versions: impl IntoIterator<Item = S>,
        window: &Window,
    ) -> Result<PromptComparison, Error> {
        // Each of its requests has the time of a call.
        let time = self.timeout().saturating_mul(30);
        wait::wait(time, self.compare_prompts(name, versions, window))
    }

    async fn named_versions(&self, name: &str, named: Vec<Selector>) -> Result<Vec<PromptFigures>, Error> {
        let mut figures: Vec<PromptFigures> = Vec::new();
        for selector in named {
            let (version, label) = match &selector.0 {
                Kind::Version(version) => (*version, None),
                Kind::Label(label) => (self.version_with(name, &selector).await?, Some(label.clone())),
                Kind::Production => (
                    self.version_with(name, &selector).await?,
                    Some("production".to_owned()),
                ),
            };
            // Two labels may be one version's.
            if let Some(figures) = place(&mut figures, version, true) {
                figures.labels.extend(label);
            }
        }
        Ok(figures)
    }

    async fn version_with(&self, name: &str, selector: &Selector) -> Result<u32, Error> {
        let (name, selector) = (name.to_owned(), selector.clone());
        let version = self
            .fetch(&Key { name, selector }, Budget::new(self.timeout()))
            .await?;
        Ok(version.version)
    }

    async fn calls_of(&self, name: &str, window: &Window) -> Result<MetricRows, Error> {
        let question = self
            .metrics(View::Observations, window)
            .measure(Measure::COUNT, Aggregation::Count)
            .measure(Measure::TOTAL_COST, Aggregation::Sum)
            .measure(Measure::LATENCY, Aggregation::Avg)
            .measure(Measure::LATENCY, Aggregation::P95)
            .measure(Measure::INPUT_TOKENS, Aggregation::Sum)
            .measure(Measure::OUTPUT_TOKENS, Aggregation::Sum)
            .by(Dimension::PROMPT_VERSION)
            .filter(Filter::column("promptName").equals(name))
            .largest_first(&Measure::COUNT, Aggregation::Count)
            .limit(MOST_ROWS);
        question.ask().await
    }

    async fn scores_of(&self, name: &str, view: View, window: &Window) -> Result<MetricRows, Error> {
        let question = self
            .metrics(view, window)
            .measure(Measure::VALUE, Aggregation::Avg)
            .measure(Measure::COUNT, Aggregation::Count)
            .by(Dimension::NAME)
            .by(Dimension::SCORED_PROMPT_VERSION)
            .filter(Filter::column("observationPromptName").equals(name))
            .largest_first(&Measure::COUNT, Aggregation::Count)
            .limit(MOST_ROWS);
        question.ask().await
    }

    async fn newest_calls(
        &self,
        name: &str,
        version: u32,
        window: &Window,
        most: usize,
    ) -> Result<Vec<ObservationRow>, Error> {
        let mut calls = self.observations().from(window.start()).to(window.end());
        for condition in window.filters() {
            calls = calls.filter(condition.clone());
        }
        let calls = calls
            .filter(Filter::column("promptName").equals(name))
            .filter(Filter::column("promptVersion").equals(version))
            .fields([Fields::Prompt])
            .page_size(MOST_ROWS.min(most.try_into().unwrap_or(MOST_ROWS)))
            .limit(most);
        calls.rows().all().await
    }

    /// The scores of traces, which the server's sums know no prompt of. Answers whether there are more calls than it looked at.
    async fn add_trace_scores(
        &self,
        name: &str,
        window: &Window,
        figures: &mut [PromptFigures],
    ) -> Result<bool, Error> {
        let mut rarest: Vec<_> = figures.iter().map(|it| (it.calls, it.version)).collect();
        rarest.sort_unstable();
        let (mut is_cut, mut calls) = (false, Vec::new());
        for (place, (_, version)) in rarest.iter().enumerate() {
            let left = PromptComparison::MOST_CALLS.saturating_sub(calls.len());
            let share = left / (rarest.len() - place);
            // One more says that there are more.
            let mut newest = self.newest_calls(name, *version, window, share + 1).await?;
            is_cut |= newest.len() > share;
            newest.truncate(share);
            calls.append(&mut newest);
        }
        let generations: HashSet<_> = calls.iter().map(|call| call.id.as_str()).collect();
        let mut traces: HashMap<&str, Vec<u32>> = HashMap::new();
        for call in &calls {
            let known = figures
                .iter()
                .map(|it| it.version)
                .find(|it| Some(*it) == call.prompt_version);
            let versions = traces.entry(&call.trace_id).or_default();
            versions.extend(known.filter(|version| !versions.contains(version)));
        }
        traces.retain(|_, versions| !versions.is_empty());
        let mut sums: HashMap<(u32, String), (f64, u64)> = HashMap::new();
        let ids: Vec<_> = traces.keys().copied().collect();
        for some in ids.chunks(TRACES_A_REQUEST) {
            let scores = some.iter().fold(self.scores(), Scores::trace);
            let mut rows = scores.page_size(100).rows();
            while let Some(score) = rows.next().await {
                let score = score?;
                let (Some(trace), Some(value)) = (trace_of(&score, &generations), number(&score)) else {
                    continue;
                };
                for version in traces.get(trace).into_iter().flatten() {
                    let (sum, count) = sums.entry((*version, score.name.clone())).or_default();
                    *sum += value;
                    *count += 1;
                }
            }
        }
        for ((version, score), (sum, count)) in sums {
            if let Some(figures) = figures.iter_mut().find(|it| it.version == version) {
                let mean = sum / count as f64;
                figures.trace_scores.insert(score, MeanScore { mean, count });
            }
        }
        Ok(is_cut)
    }
}

/// The most rows that an answer can have.
const MOST_ROWS: u16 = 1000;

/// So many ids are 1.6 KiB of an address.
const TRACES_A_REQUEST: usize = 50;

impl PromptFigures {
    fn take_calls(&mut self, row: &MetricRow) {
        let sum = |measure| row.count(&measure, Aggregation::Sum).unwrap_or_default();
        self.calls = row.count(&Measure::COUNT, Aggregation::Count).unwrap_or_default();
        self.cost = row.money(&Measure::TOTAL_COST, Aggregation::Sum);
        self.mean_latency = row.duration(&Measure::LATENCY, Aggregation::Avg);
        self.p95_latency = row.duration(&Measure::LATENCY, Aggregation::P95);
        self.input_tokens = sum(Measure::INPUT_TOKENS);
        self.output_tokens = sum(Measure::OUTPUT_TOKENS);
    }
}

impl MeanScore {
    fn of(row: &MetricRow) -> Option<Self> {
        Some(Self {
            mean: row.number(&Measure::VALUE, Aggregation::Avg)?,
            count: row.count(&Measure::COUNT, Aggregation::Count)?,
        })
    }
}

fn version_of(row: &MetricRow, dimension: &Dimension) -> Option<u32> {
    row.whole(dimension)?.try_into().ok()
}

/// The figures of a version; made where they may be.
fn place(figures: &mut Vec<PromptFigures>, version: u32, make: bool) -> Option<&mut PromptFigures> {
    let at = match figures.iter().position(|it| it.version == version) {
        Some(at) => at,
        None if make => {
            figures.push(PromptFigures {
                version,
                ..PromptFigures::default()
            });
            figures.len() - 1
        }
        None => return None,
    };
    figures.get_mut(at)
}

/// The trace whose score it is, or the score of one of its observations; none for the generations, which are known already.
fn trace_of<'a>(score: &'a ScoreRow, generations: &HashSet<&str>) -> Option<&'a str> {
    match score.subject.as_ref()? {
        ScoreSubject::Trace(id) => Some(id),
        ScoreSubject::Observation { id, trace_id } if !generations.contains(id.as_str()) => Some(trace_id),
        _ => None,
    }
}

fn number(score: &ScoreRow) -> Option<f64> {
    match score.value {
        ScoreRowValue::Number(number) => Some(number),
        ScoreRowValue::Boolean(yes) => Some(u8::from(yes).into()),
        _ => None,
    }
}
