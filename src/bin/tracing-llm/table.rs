//! Rows with columns, in three forms: for people, as JSON, as CSV.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use tracing_llm::langfuse::{MeanScore, Money};

use crate::page::{Outcome, Page, Paint, plain};

/// A table: names of columns, and rows.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// One value: as it is shown, and as it is.
pub(crate) struct Cell {
    shown: String,
    value: Value,
    /// Numbers stand below each other by their last digit.
    is_number: bool,
}

impl Table {
    /// The columns are named as in JSON and CSV; people are shown blanks in place of `_`.
    pub(crate) fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn print(&self, page: &mut Page<'_>) -> Outcome {
        let heads: Vec<_> = self.columns.iter().map(|name| name.replace('_', " ")).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let cells = cells.map(|cell| cell.shown.chars().count());
            cells
                .chain([heads[column].chars().count()])
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<_> = (0..heads.len()).map(width).collect();
        let is_number = |column: usize| self.rows.iter().any(|row| row[column].is_number);
        let aligned = |texts: Vec<&str>| {
            let columns = texts.into_iter().zip(&widths).enumerate();
            let texts = columns.map(|(column, (text, width))| match is_number(column) {
                true => format!("{text:>width$}"),
                false => format!("{text:<width$}"),
            });
            texts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let head = aligned(heads.iter().map(String::as_str).collect());
        page.line(page.paint(Paint::BOLD, &head))?;
        for row in &self.rows {
            page.line(aligned(row.iter().map(|cell| cell.shown.as_str()).collect()))?;
        }
        Ok(())
    }

    pub(crate) fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let names = self.columns.iter().cloned();
            Value::Object(Map::from_iter(
                names.zip(row.iter().map(|cell| cell.value.clone())),
            ))
        };
        self.rows.iter().map(object).collect()
    }

    /// By RFC 4180, with line feeds alone.
    pub(crate) fn print_csv(&self, page: &mut Page<'_>) -> Outcome {
        page.line(self.columns.join(","))?;
        for row in &self.rows {
            let fields: Vec<_> = row.iter().map(|cell| csv(&cell.value)).collect();
            page.content(&fields.join(","))?;
        }
        Ok(())
    }
}

impl Cell {
    /// A text, at most this many characters of it for people.
    pub(crate) fn text(text: Option<&str>, most: usize) -> Self {
        let mut shown = plain(text.unwrap_or("-")).into_owned();
        if let Some((cut, _)) = shown.char_indices().nth(most) {
            shown.truncate(cut);
            shown.push('…');
        }
        Self {
            shown,
            value: text.map_or(Value::Null, Value::from),
            is_number: false,
        }
    }

    pub(crate) fn count(count: Option<u64>) -> Self {
        Self {
            shown: count.map_or("-".to_owned(), |count| count.to_string()),
            value: count.map_or(Value::Null, Value::from),
            is_number: true,
        }
    }

    /// Dollars: to a millionth for people, all that is known else.
    pub(crate) fn money(money: Option<Money>) -> Self {
        let exact = money.and_then(|money| money.to_string().parse::<f64>().ok());
        Self {
            shown: money.map_or("-".to_owned(), |money| format!("${money:.6}")),
            value: exact.map_or(Value::Null, Value::from),
            is_number: true,
        }
    }

    /// A mean, and how many values it is of.
    pub(crate) fn mean(score: Option<&MeanScore>) -> Self {
        Self {
            shown: score.map_or("-".to_owned(), |it| format!("{:.3} of {}", it.mean, it.count)),
            value: score.map_or(Value::Null, |it| it.mean.into()),
            is_number: true,
        }
    }

    /// Seconds.
    pub(crate) fn seconds(time: Option<Duration>) -> Self {
        Self {
            shown: time.map_or("-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64())),
            value: time.map_or(Value::Null, |time| time.as_secs_f64().into()),
            is_number: true,
        }
    }

    /// A time in UTC.
    pub(crate) fn time(time: SystemTime) -> Self {
        Self {
            shown: humantime::format_rfc3339_seconds(time).to_string(),
            value: humantime::format_rfc3339_millis(time).to_string().into(),
            is_number: false,
        }
    }
}

fn csv(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains(['"', ',', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        // Digits, and no exponent: `0.0000003`.
        Value::Number(number) => number
            .as_f64()
            .filter(|_| number.is_f64())
            .map_or_else(|| number.to_string(), |number| format!("{number}")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_csv_is_quoted_where_it_must_be() {
        for (value, field) in [
            (Value::Null, ""),
            ("plain".into(), "plain"),
            ("a,b".into(), "\"a,b\""),
            ("say \"hi\"\n".into(), "\"say \"\"hi\"\"\n\""),
            (3.into(), "3"),
            (0.000_000_3.into(), "0.0000003"),
        ] {
            assert_eq!(csv(&value), field);
        }
    }

    #[test]
    fn long_texts_are_cut_for_people_only() {
        let cell = Cell::text(Some("a\tvery long name"), 8);
        assert_eq!(
            (cell.shown.as_str(), &cell.value),
            ("a\\tvery …", &"a\tvery long name".into())
        );
    }
}
