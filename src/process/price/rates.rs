//! A table of prices, checked, and what tokens cost by it.
//!
//! Money is counted in whole attodollars (10⁻¹⁸), so that a sum of prices is exact to the last digit and only the
//! result is a float.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::iter;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use super::pattern::Pattern;
use super::table::{Per, PriceTable, Row};
use crate::clock::UnixNanos;
use crate::error::{Error, Kind};
use crate::model::{Cost, Usage};

/// The rows of a table in the order in which they are asked.
#[derive(Debug, Default)]
pub(super) struct Rates {
    rows: Vec<Rate>,
    /// The rows for each name that was asked for: a look through all of them costs more than all else that is read of a
    /// call.
    asked: Mutex<Vec<Known>>,
}

/// The rows for a name, in the order in which they are asked.
#[derive(Debug)]
struct Known {
    model: Box<str>,
    rows: Box<[usize]>,
}

/// A price for the models of one pattern, from one day on.
#[derive(Debug)]
pub(super) struct Rate {
    models: Pattern,
    from: UnixNanos,
    /// Attodollars for one token.
    buckets: Vec<(Cow<'static, str>, u128)>,
}

/// So many names are remembered; who makes names up has each looked for.
const MOST_ASKED: usize = 256;

/// A model's name has fewer bytes than this; what is longer is something else, and not worth the search.
const LONGEST_NAME: usize = 256;

/// More dollars for a million tokens nobody pays; that keeps every product far from the end of its type.
const MOST_DOLLARS: f64 = 1e9;

/// Other names of a bucket that providers use, and Langfuse's own list of prices knows.
const ALIASES: [(&str, &str); 9] = [
    ("input_cache_read", "input_cached_tokens"),
    ("cache_read_input_tokens", "input_cached_tokens"),
    ("cached_content_token_count", "input_cached_tokens"),
    ("input_cached_text_tokens", "input_cached_tokens"),
    ("cache_creation_input_tokens", "input_cache_creation"),
    ("cache_write_tokens", "input_cache_creation"),
    ("output_reasoning", "output_reasoning_tokens"),
    ("reasoning_tokens", "output_reasoning_tokens"),
    ("thoughts_token_count", "output_reasoning_tokens"),
];

impl Rates {
    pub(super) fn new(table: &PriceTable) -> Result<Self, Error> {
        let rates = table.rows.iter().map(Rate::new);
        let mut rates = rates.collect::<Result<Vec<_>, _>>()?;
        // What was added last is asked first where nothing else decides: the sort is stable.
        rates.reverse();
        rates.sort_by_key(|rate| Reverse((rate.models.rank(), rate.from)));
        Ok(Self {
            rows: rates,
            asked: Mutex::default(),
        })
    }

    /// What a model costs at a time.
    pub(super) fn find(&self, model: &str, at: UnixNanos) -> Option<&Rate> {
        if self.rows.is_empty() || model.len() > LONGEST_NAME {
            return None;
        }
        let valid = |row: &usize| self.rows.get(*row).filter(|rate| rate.from <= at);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = asked.iter().position(|known| *known.model == *model) {
            // Who is asked for often comes forward.
            let before = place / 2;
            asked.swap(place, before);
            return asked.get(before)?.rows.iter().find_map(valid);
        }
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|(_, rate)| rate.models.matches(model));
        let rows: Box<[_]> = rows.map(|(row, _)| row).collect();
        let found = rows.iter().find_map(valid);
        if asked.len() < MOST_ASKED {
            asked.push(Known {
                model: model.into(),
                rows,
            });
        }
        found
    }
}

impl Rate {
    fn new(row: &Row) -> Result<Self, Error> {
        let wrong = |what: String| {
            let message = format!("the price of {:?}: {what}", row.model);
            Error::new(Kind::InvalidValue, message)
        };
        let Some(models) = Pattern::new(&row.model) else {
            return Err(wrong("no model has such a name".to_owned()));
        };
        if row.price.buckets.is_empty() {
            return Err(wrong("it has no price".to_owned()));
        }
        let from = match &row.price.from {
            None => 0,
            Some(date) => {
                day(date).ok_or_else(|| wrong(format!("{date:?} is no date such as 2025-06-10")))?
            }
        };
        let buckets = row.price.buckets.iter().map(|(name, dollars)| {
            let attodollars = attodollars(*dollars, row.per)
                .ok_or_else(|| wrong(format!("{name} at {dollars} dollars is no price")))?;
            Ok((name.clone(), attodollars))
        });
        Ok(Self {
            models,
            from,
            buckets: buckets.collect::<Result<_, Error>>()?,
        })
    }

    /// The cost of tokens in disjoint buckets, by bucket, and the total; none where there is no price for any of them.
    ///
    /// A total alone has a cost where it does not matter which of the tokens went in and which came out.
    pub(super) fn cost(&self, usage: &Usage) -> Option<Cost> {
        let (mut cost, mut sum) = (Cost::default(), 0_u128);
        let mut is_total = true;
        for (bucket, tokens) in usage.buckets().filter(|(bucket, _)| *bucket != "total") {
            is_total = false;
            if let Some(rate) = self.rate(bucket) {
                let attodollars = rate.saturating_mul(tokens.into());
                sum = sum.saturating_add(attodollars);
                cost.set(bucket.to_owned().into(), in_dollars(attodollars));
            }
        }
        if is_total {
            let rate = self.only_rate()?;
            sum = rate.saturating_mul(usage.get("total")?.into());
        } else if cost.is_empty() {
            return None;
        }
        cost.set("total".into(), in_dollars(sum));
        Some(cost)
    }

    /// The price of a bucket, or that of the wider one that it is part of.
    fn rate(&self, bucket: &str) -> Option<u128> {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == bucket);
        let own = self.own_rate(bucket);
        let mut name = alias.filter(|_| own.is_none()).map_or(bucket, |(_, name)| *name);
        loop {
            if let Some(rate) = self.own_rate(name) {
                return Some(rate);
            }
            name = name.rsplit_once('_')?.0;
        }
    }

    fn own_rate(&self, bucket: &str) -> Option<u128> {
        let (_, rate) = self.buckets.iter().find(|(name, _)| name == bucket)?;
        Some(*rate)
    }

    fn only_rate(&self) -> Option<u128> {
        let input = self.own_rate("input")?;
        let output = self.own_rate("output").unwrap_or(input);
        (input == output).then_some(input)
    }
}

/// Attodollars for a token: the decimal number that a program wrote, and not the float nearest to it. None for what is no
/// price: negative, no number, beyond all bounds, or so small that it would be nothing.
fn attodollars(dollars: f64, per: Per) -> Option<u128> {
    let (places, most) = match per {
        Per::Thousand => (15, MOST_DOLLARS / 1e3),
        Per::Million => (12, MOST_DOLLARS),
    };
    if !(0.0..=most).contains(&dollars) {
        return None;
    }
    let text = dollars.abs().to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.chars().chain(iter::repeat('0')).take(places);
    let digits: String = whole.chars().chain(decimals).collect();
    let attodollars = digits.parse().ok()?;
    (attodollars > 0 || dollars == 0.0).then_some(attodollars)
}

/// Langfuse keeps 12 decimals. The quotient of two whole numbers below 2⁵³ is the float nearest to the decimal number,
/// which prints as it; that is up to 9007 dollars, and from there on a float has no 12 decimals.
fn in_dollars(attodollars: u128) -> f64 {
    let picodollars = attodollars.saturating_add(500_000) / 1_000_000;
    picodollars as f64 / 1e12
}

fn day(date: &str) -> Option<UnixNanos> {
    if date.len() != "2025-06-10".len() {
        return None;
    }
    let time = humantime::parse_rfc3339(&format!("{date}T00:00:00Z")).ok()?;
    let nanos = time.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    nanos.try_into().ok()
}
