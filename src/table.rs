//! Columns of text, aligned.

use std::fmt;

/// A table for a terminal: the first column begins where the others end.
#[derive(Default, Debug)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// A line of it; one that is shorter than others has empty cells at its end.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.0.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<_> = (0..columns).map(|column| self.width(column)).collect();
        for line in &self.0 {
            let mut text = String::new();
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                text += &match column {
                    0 => format!("{cell:width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// At most three decimals, and none that say nothing.
pub(crate) fn decimal(number: f64) -> String {
    let text = format!("{number:.3}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::default();
        for line in [
            &["item", "latency", "ok"][..],
            &["größe", "1 s"],
            &[],
            &["a", "", "true"],
        ] {
            table.line(line.iter().map(|&cell| cell.to_owned()));
        }
        assert_eq!(
            table.to_string(),
            "\
item   latency    ok
größe      1 s

a               true
"
        );
    }

    #[test]
    fn numbers_have_the_decimals_that_say_something() {
        let shown = [1.0, 0.5, 2.0 / 3.0, 1200.0, -0.0001, f64::NAN].map(decimal);
        assert_eq!(shown, ["1", "0.5", "0.667", "1200", "0", "NaN"]);
    }
}
