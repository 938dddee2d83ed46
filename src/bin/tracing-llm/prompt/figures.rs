//! How versions of a prompt did, by the server's sums.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tracing_llm::langfuse::{Aggregation, Dimension, Filter, Measure, MetricRow, Money, View, Window};
use tracing_llm::{Error, Langfuse};

/// The generations that are linked to a version, and their scores.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) generations: u64,
    pub(super) cost: Option<Money>,
    pub(super) mean: Option<Duration>,
    pub(super) p95: Option<Duration>,
    /// Numbers, and yes and no as 1 and 0: the mean, and how many.
    pub(super) scores: BTreeMap<String, (f64, u64)>,
}

/// Those of these versions; of one that nothing is linked to there are none.
pub(super) fn of(
    langfuse: &Langfuse,
    name: &str,
    versions: [u32; 2],
    window: &Window,
) -> Result<[Figures; 2], Error> {
    let mut figures = [Figures::default(), Figures::default()];
    let question = langfuse
        .metrics(View::Observations, window)
        .measure(Measure::COUNT, Aggregation::Count)
        .measure(Measure::TOTAL_COST, Aggregation::Sum)
        .measure(Measure::LATENCY, Aggregation::Avg)
        .measure(Measure::LATENCY, Aggregation::P95)
        .by(Dimension::PROMPT_VERSION)
        .filter(Filter::column("promptName").equals(name))
        .limit(MOST);
    for row in question.ask_blocking()? {
        let Some(figures) = of_version(&mut figures, versions, &row, &Dimension::PROMPT_VERSION) else {
            continue;
        };
        figures.generations = row.count(&Measure::COUNT, Aggregation::Count).unwrap_or_default();
        figures.cost = row.money(&Measure::TOTAL_COST, Aggregation::Sum);
        figures.mean = row.duration(&Measure::LATENCY, Aggregation::Avg);
        figures.p95 = row.duration(&Measure::LATENCY, Aggregation::P95);
    }
    let version = Dimension::named("observationPromptVersion");
    for view in [View::NumericScores, View::BooleanScores] {
        let question = langfuse
            .metrics(view, window)
            .measure(Measure::COUNT, Aggregation::Count)
            .measure(Measure::VALUE, Aggregation::Avg)
            .by(Dimension::NAME)
            .by(version.clone())
            .filter(Filter::column("observationPromptName").equals(name))
            .limit(MOST);
        for row in question.ask_blocking()? {
            let Some(figures) = of_version(&mut figures, versions, &row, &version) else {
                continue;
            };
            let count = row.count(&Measure::COUNT, Aggregation::Count);
            let mean = row.number(&Measure::VALUE, Aggregation::Avg);
            if let (Some(name), Some(mean), Some(count)) = (row.text(&Dimension::NAME), mean, count) {
                figures.scores.insert(name.to_owned(), (mean, count));
            }
        }
    }
    Ok(figures)
}

/// The most rows that an answer can have.
const MOST: u16 = 1000;

fn of_version<'f>(
    figures: &'f mut [Figures; 2],
    versions: [u32; 2],
    row: &MetricRow,
    dimension: &Dimension,
) -> Option<&'f mut Figures> {
    let version = match row.as_json().get(dimension.as_str())? {
        Value::String(text) => text.parse().ok()?,
        number => number.as_u64()?,
    };
    let at = versions.iter().position(|known| u64::from(*known) == version)?;
    figures.get_mut(at)
}
