//! Prices as a program gives them.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::rates::Rates;
use super::{SHIPPED, json};
use crate::clock::unix_nanos;
use crate::error::{Error, Kind};
use crate::model::{Cost, Usage};

/// What a program pays for its models, in US dollars.
///
/// The table of a program goes before the crate's own, which has the list prices of the large vendors; a cost that the
/// program gives itself goes before both. Of the rows that match a model's name and were valid when the call began, the
/// one counts that says most of the name (`gpt-4o-mini*` before `gpt-4o*`), then the one that is valid since later,
/// then the one that was added last. `*` stands for any text, and case does not matter.
///
/// ```
/// use tracing_llm::testing::Capture;
/// use tracing_llm::{Price, PriceTable, Usage, current};
///
/// # fn main() -> Result<(), tracing_llm::Error> {
/// let prices = PriceTable::new()
///     .per_million("gpt-4o", Price::new(2.5, 10.0).cached(1.25))
///     .per_thousand("mistral-7b*", Price::new(0.0001, 0.0002));
///
/// let capture = Capture::new().with_prices(prices)?;
/// capture.run(|| {
///     tracing::info_span!("ask", model = "mistral-7b", prompt = "…").in_scope(|| {
///         current().usage(Usage::new(50, 10));
///     });
/// });
/// let asked = capture.find("ask").unwrap();
/// assert_eq!(asked.cost().get("total"), Some(0.000007));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Default, Debug)]
pub struct PriceTable {
    pub(super) rows: Vec<Row>,
}

/// A line of a table, as it was given: it may be wrong.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    pub(super) model: String,
    pub(super) price: Price,
    pub(super) per: Per,
}

/// For so many tokens a price is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Per {
    Thousand,
    #[default]
    Million,
}

impl PriceTable {
    /// A table without prices.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A price for a million tokens of the models with this name. A row that cannot be is an error of
    /// [`build`](crate::Builder::build).
    #[must_use]
    pub fn per_million(self, model: impl Into<String>, price: Price) -> Self {
        self.with(model.into(), price, Per::Million)
    }

    /// A price for a thousand tokens of the models with this name.
    #[must_use]
    pub fn per_thousand(self, model: impl Into<String>, price: Price) -> Self {
        self.with(model.into(), price, Per::Thousand)
    }

    /// Reads a table. `per` is `1M` when it is not given, for the table or for a row; `model` is a name or a list of
    /// them; `date`, `sources` and `note` are for readers.
    ///
    /// ```
    /// # fn main() -> Result<(), tracing_llm::Error> {
    /// let prices = tracing_llm::PriceTable::from_json(
    ///     r#"{
    ///         "per": "1K",
    ///         "prices": [
    ///             { "model": "mistral-7b", "input": 0.0001, "output": 0.0002 },
    ///             { "model": "gpt-4o", "per": "1M", "from": "2024-08-06",
    ///               "input": 2.5, "input_cached_tokens": 1.25, "output": 10 },
    ///             { "model": ["search-1", "search-1-*"], "buckets": { "searches": 5 } }
    ///         ]
    ///     }"#,
    /// )?;
    /// # drop(prices);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// It is no such table; the message names the row.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let table = json::read(text)?;
        table.check()?;
        Ok(table)
    }

    /// Reads a table from a JSON file, as [`from_json`](Self::from_json).
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no such table.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| {
            let message = format!("the prices in {} cannot be read", path.display());
            Error::new(Kind::InvalidValue, message).because(source)
        })?;
        Self::from_json(&text)
    }

    /// The list prices that this crate ships: those of OpenAI, Anthropic, Google and Mistral on the date in
    /// `data/prices.json`, with its sources. Every pipeline asks them after the program's own table.
    #[must_use]
    pub fn shipped() -> Self {
        // The file is this crate's own, and a test reads it.
        json::read(SHIPPED).unwrap_or_default()
    }

    /// What a call that begins now costs, in US dollars; none for a model that the table does not know. It is the same
    /// arithmetic as for a call that was made: for an estimate, or a limit before the call.
    ///
    /// ```
    /// use tracing_llm::{Price, PriceTable, Usage};
    ///
    /// # fn main() -> Result<(), tracing_llm::Error> {
    /// let prices = PriceTable::new().per_million("my-model", Price::new(2.5, 10.0).cached(1.25));
    /// let cost = prices.cost("my-model", Usage::new(12_000, 800).cached(4_000))?.unwrap();
    /// assert_eq!(cost.get("total"), Some(0.033));
    /// assert_eq!(prices.cost("another", Usage::new(1, 1))?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A row of the table cannot be; the message names it.
    pub fn cost(&self, model: &str, usage: Usage) -> Result<Option<Cost>, Error> {
        let rates = Rates::new(self)?;
        let rate = rates.find(model, unix_nanos(SystemTime::now()));
        Ok(rate.and_then(|rate| rate.cost(&usage.into_disjoint())))
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// Answers the first row that cannot be.
    fn check(&self) -> Result<(), Error> {
        Rates::new(self).map(drop)
    }

    fn with(mut self, model: String, price: Price, per: Per) -> Self {
        self.rows.push(Row { model, price, per });
        self
    }
}

/// What the tokens of a model cost, in US dollars for a thousand or for a million of them. 0 is a price: such calls are free.
///
/// A bucket without a price takes that of the wider bucket, which is its name without the last word: cached and cache
/// writing, audio and whatever else is part of the input cost what the input costs, reasoning what the output costs.
/// That is too much where a vendor gives a discount and too little where it asks more, so give the price where there
/// is one. (Langfuse's server counts such tokens as free.)
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Price {
    pub(super) buckets: Vec<(Cow<'static, str>, f64)>,
    pub(super) from: Option<String>,
}

impl Price {
    /// The price of the input and of the output.
    #[must_use]
    pub fn new(input: f64, output: f64) -> Self {
        Self::input(input).bucket("output", output)
    }

    /// The price of a model that has no output to pay for: one that embeds.
    #[must_use]
    pub fn input(dollars: f64) -> Self {
        Self::default().bucket("input", dollars)
    }

    /// The price of input that came from the provider's cache.
    #[must_use]
    pub fn cached(self, dollars: f64) -> Self {
        self.bucket("input_cached_tokens", dollars)
    }

    /// The price of input that was written to the provider's cache.
    #[must_use]
    pub fn cache_write(self, dollars: f64) -> Self {
        self.bucket("input_cache_creation", dollars)
    }

    /// The price of output that was reasoning, where it is not that of all output.
    #[must_use]
    pub fn reasoning(self, dollars: f64) -> Self {
        self.bucket("output_reasoning_tokens", dollars)
    }

    /// The price of a bucket by its name in [`Usage`](crate::Usage): `input_audio_tokens`, `output_audio_tokens`, or
    /// one of your own.
    #[must_use]
    pub fn bucket(mut self, name: impl Into<Cow<'static, str>>, dollars: f64) -> Self {
        let name = name.into();
        self.buckets.retain(|(known, _)| *known != name);
        self.buckets.push((name, dollars));
        self
    }

    /// The day from which it is valid, in UTC: `2025-06-10`. Without one it always was.
    #[must_use]
    pub fn valid_from(mut self, date: impl Into<String>) -> Self {
        self.from = Some(date.into());
        self
    }
}
