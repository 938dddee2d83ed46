//! Tokens and money.

use std::borrow::Cow;

use smallvec::SmallVec;

/// Tokens of one model call, as providers report them: details such as cached tokens are *part of* the input or the
/// output.
///
/// ```
/// use tracing_llm::Usage;
///
/// // 120 prompt tokens, 30 of them from the cache, and 8 of the answer.
/// let usage = Usage::new(120, 8).cached(30);
/// ```
///
/// Langfuse gets disjoint buckets (input 90, input_cached_tokens 30, output 8, total 128), because its server adds
/// them up; OTLP gets the numbers as reported. Details that are more than the whole were never part of it and are not
/// taken off. A negative number is left out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Most calls have input, output and total.
    buckets: SmallVec<[(Cow<'static, str>, u64); 3]>,
}

impl Usage {
    /// Tokens in and out.
    #[must_use]
    pub fn new(input: impl TryInto<u64>, output: impl TryInto<u64>) -> Self {
        Self::default().bucket("input", input).bucket("output", output)
    }

    /// The provider's own total. Left out, it is the sum.
    #[must_use]
    pub fn total(self, tokens: impl TryInto<u64>) -> Self {
        self.bucket("total", tokens)
    }

    /// How many of the input tokens came from the provider's cache.
    #[must_use]
    pub fn cached(self, tokens: impl TryInto<u64>) -> Self {
        self.bucket("input_cached_tokens", tokens)
    }

    /// How many of the input tokens were written to the provider's cache.
    #[must_use]
    pub fn cache_write(self, tokens: impl TryInto<u64>) -> Self {
        self.bucket("input_cache_creation", tokens)
    }

    /// How many of the output tokens were reasoning.
    #[must_use]
    pub fn reasoning(self, tokens: impl TryInto<u64>) -> Self {
        self.bucket("output_reasoning_tokens", tokens)
    }

    /// A bucket by its name in Langfuse's price table, for what has no method here. A bucket whose name begins with
    /// `input_` or `output_` is part of the input or the output; any other stands beside them. One without a name is left
    /// out.
    #[must_use]
    pub fn bucket(mut self, name: impl Into<Cow<'static, str>>, tokens: impl TryInto<u64>) -> Self {
        if let Ok(tokens) = tokens.try_into() {
            self.set(name.into(), tokens);
        }
        self
    }

    pub(crate) fn set(&mut self, name: Cow<'static, str>, tokens: u64) {
        if name.is_empty() {
            return;
        }
        match self.buckets.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = tokens,
            None => self.buckets.push((name, tokens)),
        }
    }

    /// Counts one bucket to another.
    pub(crate) fn fold(&mut self, from: &str, into: &'static str) {
        let Some(place) = self.buckets.iter().position(|(name, _)| name == from) else {
            return;
        };
        let (_, tokens) = self.buckets.remove(place);
        self.count(into.into(), tokens);
    }

    /// Adds tokens to a bucket.
    pub(crate) fn count(&mut self, name: Cow<'static, str>, tokens: u64) {
        let known = self.get(&name).unwrap_or_default();
        self.set(name, known.saturating_add(tokens));
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The tokens in a bucket.
    #[must_use]
    pub fn get(&self, bucket: &str) -> Option<u64> {
        self.buckets
            .iter()
            .find(|(known, _)| known == bucket)
            .map(|(_, tokens)| *tokens)
    }

    /// Every bucket, in the order in which they were given.
    pub fn buckets(&self) -> impl Iterator<Item = (&str, u64)> {
        self.buckets.iter().map(|(name, tokens)| (name.as_ref(), *tokens))
    }

    pub(crate) fn into_buckets(self) -> impl Iterator<Item = (Cow<'static, str>, u64)> {
        self.buckets.into_iter()
    }

    /// The same tokens with no token in two buckets, and with a total. Details that are more than the whole were never
    /// part of it: some providers count reasoning or cached tokens apart.
    #[must_use]
    pub(crate) fn into_disjoint(mut self) -> Self {
        let details = |side: &str| -> u64 {
            self.buckets()
                .filter(|(name, _)| name.starts_with(side))
                .map(|(_, tokens)| tokens)
                .fold(0, u64::saturating_add)
        };
        let (inputs, outputs) = (details("input_"), details("output_"));
        for (name, tokens) in &mut self.buckets {
            match name.as_ref() {
                "input" => *tokens = tokens.checked_sub(inputs).unwrap_or(*tokens),
                "output" => *tokens = tokens.checked_sub(outputs).unwrap_or(*tokens),
                _ => {}
            }
        }
        self.with_total()
    }

    /// Adds the total where none is known: the sum of disjoint buckets.
    #[must_use]
    pub(crate) fn with_total(mut self) -> Self {
        if !self.is_empty() && self.get("total").is_none() {
            let total = self
                .buckets()
                .map(|(_, tokens)| tokens)
                .fold(0, u64::saturating_add);
            self.set("total".into(), total);
        }
        self
    }
}

/// Who says what a call cost.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum CostOrigin {
    /// The program.
    #[default]
    Given,
    /// The program's own table of prices.
    Own,
    /// The table that this crate ships.
    Shipped,
}

/// Langfuse keeps 12 decimals of a dollar; a sum of floats has more, and wrong ones.
const DECIMALS: f64 = 1e12;

/// What one model call cost, in US dollars.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Cost {
    parts: Vec<(Cow<'static, str>, f64)>,
}

impl Cost {
    /// The cost of the input and of the output; the total is their sum.
    #[must_use]
    pub fn new(input: f64, output: f64) -> Self {
        Self::default().part("input", input).part("output", output)
    }

    /// The cost as one number.
    #[must_use]
    pub fn total(total: f64) -> Self {
        Self::default().part("total", total)
    }

    /// A part by the name of its usage bucket. What has no name, is no finite number, or negative, is left out.
    #[must_use]
    pub fn part(mut self, name: impl Into<Cow<'static, str>>, dollars: f64) -> Self {
        self.set(name.into(), dollars);
        self
    }

    pub(crate) fn set(&mut self, name: Cow<'static, str>, dollars: f64) {
        if name.is_empty() || !dollars.is_finite() || dollars < 0.0 {
            return;
        }
        match self.parts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = dollars,
            None => self.parts.push((name, dollars)),
        }
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The cost of a part.
    #[must_use]
    pub fn get(&self, part: &str) -> Option<f64> {
        self.parts
            .iter()
            .find(|(known, _)| known == part)
            .map(|(_, dollars)| *dollars)
    }

    /// Every part, in the order in which they were given.
    pub fn parts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.parts.iter().map(|(name, dollars)| (name.as_ref(), *dollars))
    }

    /// Adds the total where none is known. Langfuse's server adds up input and output only, and stores 0 for the
    /// total of anything else.
    #[must_use]
    pub(crate) fn with_total(mut self) -> Self {
        if !self.is_empty() && self.get("total").is_none() {
            let total = Self::sum(self.parts().map(|(_, dollars)| dollars));
            self.set("total".into(), total);
        }
        self
    }

    /// Dollars added up, without the crumbs of floats.
    pub(crate) fn sum(dollars: impl Iterator<Item = f64>) -> f64 {
        let sum = dollars.fold(0.0, |sum, dollars| sum + dollars);
        (sum * DECIMALS).round() / DECIMALS
    }
}

/// A number alone is the total.
impl From<f64> for Cost {
    fn from(total: f64) -> Self {
        Self::total(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_become_disjoint_and_the_total_is_real() {
        let usage = Usage::new(120, 8).cached(30).reasoning(3).into_disjoint();
        let buckets: Vec<_> = usage.buckets().collect();
        let expected = [
            ("input", 90),
            ("output", 5),
            ("input_cached_tokens", 30),
            ("output_reasoning_tokens", 3),
            ("total", 128),
        ];
        assert_eq!(buckets, expected);
    }

    #[test]
    fn counts_that_cannot_be_stop_at_the_largest_number() {
        let usage = Usage::new(1, 1)
            .cached(u64::MAX)
            .cache_write(u64::MAX)
            .into_disjoint();
        assert_eq!(
            (usage.get("input"), usage.get("total")),
            (Some(1), Some(u64::MAX))
        );
    }

    #[test]
    fn what_is_no_number_of_tokens_is_left_out() {
        assert_eq!(Usage::new(-1, 2).buckets().collect::<Vec<_>>(), [("output", 2)]);
        assert!(Usage::default().bucket("", 2).is_empty());
        assert!(Cost::default().part("", 2.0).is_empty());
        assert!(Cost::total(f64::NAN).is_empty());
    }

    #[test]
    fn a_sum_of_cents_has_no_crumbs() {
        assert_eq!(Cost::new(0.0002, 0.0001).with_total().get("total"), Some(0.0003));
    }
}
