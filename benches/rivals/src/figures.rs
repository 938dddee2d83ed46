//! Medians, ratios, and how they are written.

use std::fmt;

/// The middle of some figures, with their quartiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Middle {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Middle {
    /// None of no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| sorted[(share * last as f64).round() as usize];
        Some(Self {
            median: at(0.5),
            low: at(0.25),
            high: at(0.75),
        })
    }
}

/// A ratio, with its quartiles behind it.
impl fmt::Display for Middle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, low, high] = [self.median, self.low, self.high].map(ratio);
        write!(f, "{median} ({low}-{high})")
    }
}

/// A ratio with two digits that say something.
pub(crate) fn ratio(figure: f64) -> String {
    match figure {
        it if it < 0.1 => format!("{it:.3}"),
        it if it < 10.0 => format!("{it:.2}"),
        it => format!("{it:.1}"),
    }
}

/// A whole number, its thousands apart.
pub(crate) fn whole(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table in Markdown. All columns but the first are figures.
pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        let rule = ["---"].into_iter().chain(heads.iter().skip(1).map(|_| "---:"));
        Self {
            lines: vec![line(heads.iter().copied()), line(rule)],
        }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.lines.push(line(cells.iter().map(String::as_str)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {} |", cells.join(" | "))
}
