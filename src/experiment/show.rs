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
        write!(f, " · {} items", self.rows.len())?;
        for (count, what) in [
            (self.failed(), "failed"),
            (self.failed_evaluations(), "evaluations failed"),
        ] {
            if count > 0 {
                write!(f, " · {count} {what}")?;
            }
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

fn shown(value: &ScoreValue) -> String {
    match value {
        ScoreValue::Boolean(yes) => yes.to_string(),
        ScoreValue::Categorical(text) | ScoreValue::Text(text) | ScoreValue::Correction(text) => {
            word(text, NAME_WIDTH)
        }
        other => number(other).map_or_else(|| NONE.to_owned(), decimal),
    }
}
