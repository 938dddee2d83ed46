//! A report as a table.

use std::fmt;
use std::time::Duration;

use crate::console::{duration, word};
use crate::experiment::report::{Report, Row, number};
use crate::model::ScoreValue;
use crate::table::{Table, decimal};

/// So many items are shown, and so many failures.
const MOST: usize = 20;

/// So wide is a name, and so wide what failed.
const NAME_WIDTH: usize = 40;
const LINE_WIDTH: usize = 160;

/// Nothing was said.
const NONE: &str = "–";

impl<O> fmt::Display for Report<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        write!(f, "{}", self.table())?;
        for score in &self.scores {
            writeln!(f, "{} {}", word(score.name(), NAME_WIDTH), shown(score.value()))?;
        }
        self.failures_shown(f)?;
        if !self.delivery.is_complete() {
            writeln!(f, "not all was sent since the program began: {}", self.delivery)?;
        }
        match &self.url {
            Some(url) => writeln!(f, "{url}"),
            None => Ok(()),
        }
    }
}

impl<O> Report<O> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(&self.name, NAME_WIDTH))?;
        if let Some(dataset) = &self.dataset {
            write!(f, " · {}", word(dataset, NAME_WIDTH))?;
        }
        write!(f, " · {}", counted(self.rows.len(), "item"))?;
        if self.failed() > 0 {
            write!(f, " · {} failed", self.failed())?;
        }
        if self.failed_evaluations() > 0 {
            let evaluations = counted(self.failed_evaluations(), "evaluation");
            write!(f, " · {evaluations} failed")?;
        }
        writeln!(f, " · {}", duration(self.took))
    }

    fn table(&self) -> Table {
        let names = self.score_names();
        let mut table = Table::default();
        let titles = names.iter().map(|name| word(name, NAME_WIDTH));
        table.line(["item", "latency"].map(str::to_owned).into_iter().chain(titles));
        for row in self.rows.iter().take(MOST) {
            let scores = names
                .iter()
                .map(|name| row.score(name).map_or_else(|| NONE.to_owned(), shown));
            let item = [word(row.item.id(), NAME_WIDTH), duration(row.latency)];
            table.line(item.into_iter().chain(scores));
        }
        if let Some(more) = self.rows.len().checked_sub(MOST).filter(|more| *more > 0) {
            table.line([format!("… {more} more")]);
        }
        if let Some(latency) = self.mean_latency() {
            let means = names
                .iter()
                .map(|name| self.mean(name).map_or_else(|| NONE.to_owned(), decimal));
            table.line(["mean".to_owned(), duration(latency)].into_iter().chain(means));
        }
        table
    }

    fn mean_latency(&self) -> Option<Duration> {
        let count = u32::try_from(self.rows.len()).ok()?;
        self.rows
            .iter()
            .map(Row::latency)
            .sum::<Duration>()
            .checked_div(count)
    }

    fn failures_shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_items = self.rows.iter().flat_map(|row| {
            let id = word(row.item.id(), NAME_WIDTH);
            let of_task = row.failure().map(|failure| format!("{id}: {failure}"));
            let of_evaluators = row
                .failures()
                .map(|(name, failure)| format!("{id}, {name}: {failure}"));
            of_task.into_iter().chain(of_evaluators).collect::<Vec<_>>()
        });
        let of_run = self
            .failures()
            .map(|(name, failure)| format!("{name}: {failure}"));
        let mut lines = of_items.chain(of_run);
        for line in lines.by_ref().take(MOST) {
            writeln!(f, "failed: {}", word(&line, LINE_WIDTH))?;
        }
        match lines.count() {
            0 => Ok(()),
            more => writeln!(f, "failed: … {more} more"),
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn shown(value: &ScoreValue) -> String {
    match value {
        ScoreValue::Boolean(yes) => yes.to_string(),
        ScoreValue::Categorical(text) | ScoreValue::Text(text) | ScoreValue::Correction(text) => {
            word(text, NAME_WIDTH)
        }
        other => number(other).map_or_else(|| NONE.to_owned(), decimal),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::experiment::report::Given;
    use crate::experiment::{Case, Failure, Item};
    use crate::id::{SpanId, TraceId};
    use crate::model::Score;

    /// A row, with an evaluator for each score.
    fn row(id: &str, millis: u64, outcome: Result<(), Failure>, scores: &[Score]) -> Row<()> {
        let item = Item::new(id).with_id(id);
        let (trace_id, root_id) = (TraceId::from_seed(id), SpanId::from_seed(id));
        let latency = Duration::from_millis(millis);
        let outcome = outcome.map(|()| Case {
            item: item.clone(),
            output: Arc::new(()),
            latency,
            trace_id,
            root_id,
            said: Arc::default(),
        });
        let given = |score: &Score| Given {
            by: score.name().into(),
            score: score.clone(),
        };
        Row {
            item,
            trace_id,
            root_id,
            latency,
            outcome,
            scores: scores.iter().map(given).collect(),
            faults: Vec::new(),
            trace_url: None,
        }
    }

    #[test]
    fn a_report_is_aligned() {
        let both = |yes, relevance| [Score::new("exact_match", yes), Score::new("relevance", relevance)];
        let refused = Failure::Error("the server answered 500".to_owned());
        let report = Report {
            name: "rag v3".to_owned(),
            id: "474a6e6447da9388".to_owned(),
            dataset: Some("capital-questions".to_owned()),
            evaluators: ["exact_match", "relevance"].map(Arc::from).into(),
            rows: vec![
                row("sum", 12, Ok(()), &both(true, 0.82)),
                row("product", 10, Ok(()), &both(false, 0.4)),
                row("quotient", 1_200, Err(refused), &[]),
            ],
            scores: vec![
                Score::new("accuracy", 1.0 / 3.0),
                Score::new("verdict", "ship it"),
            ],
            faults: vec![("cost".into(), Failure::Timeout(Duration::from_secs(2)))],
            took: Duration::from_millis(1_240),
            url: Some(
                "http://localhost:3000/project/p/experiments/results?baseline=474a6e6447da9388".to_owned(),
            ),
            delivery: Default::default(),
        };
        assert_eq!(
            report.to_string(),
            "\
rag v3 · capital-questions · 3 items · 1 failed · 1 evaluation failed · 1.24 s
item      latency  exact_match  relevance
sum         12 ms         true       0.82
product     10 ms        false        0.4
quotient   1.20 s            –          –
mean       407 ms          0.5       0.61
accuracy 0.333
verdict ship it
failed: quotient: the server answered 500
failed: cost: not done within 2s
http://localhost:3000/project/p/experiments/results?baseline=474a6e6447da9388
"
        );
    }
}
