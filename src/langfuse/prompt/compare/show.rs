//! A comparison as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::console::{dollars, duration, word};
use crate::langfuse::prompt::compare::{MeanScore, PromptComparison};
use crate::langfuse::reads::Money;
use crate::table::{Table, decimal};

/// So wide is a name.
const WIDTH: usize = 40;

/// Nothing is known.
const NONE: &str = "–";

impl fmt::Display for PromptComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = names(self.versions.iter().map(|it| &it.scores));
        let around = names(self.versions.iter().map(|it| &it.trace_scores));
        let mut table = Table::default();
        let head = ["calls", "cost", "each", "mean", "p95", "tokens in", "tokens out"].map(str::to_owned);
        let titles = own.iter().map(|name| word(name, WIDTH));
        let titles = titles.chain(around.iter().map(|name| format!("trace: {}", word(name, WIDTH))));
        table.line([word(&self.name, WIDTH)].into_iter().chain(head).chain(titles));
        for it in &self.versions {
            let version = match it.labels.is_empty() {
                true => it.version.to_string(),
                false => format!("{} ({})", it.version, word(&it.labels.join(", "), WIDTH)),
            };
            let money = |money: Option<Money>| money.map_or(NONE.to_owned(), |it| dollars(it.to_dollars()));
            let time = |time: Option<Duration>| time.map_or(NONE.to_owned(), duration);
            let score = |score: Option<&MeanScore>| score.map_or(NONE.to_owned(), MeanScore::to_string);
            let cells = [
                version,
                it.calls.to_string(),
                money(it.cost),
                money(it.cost_of_a_call()),
                time(it.mean_latency),
                time(it.p95_latency),
                it.input_tokens.to_string(),
                it.output_tokens.to_string(),
            ];
            let scores = own.iter().map(|name| score(it.scores.get(*name)));
            let scores = scores.chain(around.iter().map(|name| score(it.trace_scores.get(*name))));
            table.line(cells.into_iter().chain(scores));
        }
        table.fmt(f)?;
        if self.is_cut && !around.is_empty() {
            writeln!(
                f,
                "scores of traces: those of the newest {} calls",
                Self::MOST_CALLS
            )?;
        }
        if self.is_incomplete {
            writeln!(
                f,
                "there is more than an answer of the server has: a shorter window would do"
            )?;
        }
        Ok(())
    }
}

/// As `0.82 (118)`.
impl fmt::Display for MeanScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", decimal(self.mean), self.count)
    }
}

fn names<'a>(scores: impl Iterator<Item = &'a BTreeMap<String, MeanScore>>) -> Vec<&'a str> {
    let mut names: Vec<_> = scores.flat_map(BTreeMap::keys).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}
