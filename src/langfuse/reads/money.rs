//! US dollars, exactly.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde_json::Value;

use crate::error::{Error, Kind};

/// An amount of US dollars, counted in whole billionths of a thousandth of a dollar (10⁻¹²), which is what Langfuse's database
/// keeps of it.
///
/// A float of dollars loses cents when many are added up: a hundred thousand calls of $0.0001 are not $10. Adding these
/// up is adding integers. One amount of the server's is read exactly: it comes as the shortest text of a double, which
/// has all twelve decimals up to $1000 and 15 digits in all.
///
/// ```
/// use tracing_llm::langfuse::Money;
///
/// let call: Money = "0.0001".parse()?;
/// let all: Money = (0..100_000).map(|_| call).sum();
/// assert_eq!(all.to_string(), "10");
/// assert_ne!((0..100_000).map(|_| 0.0001).sum::<f64>(), 10.0);
/// # Ok::<(), tracing_llm::Error>(())
/// ```
///
/// It shows itself as a decimal number, without a sign of the currency; `{:.2}` rounds to cents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i128);

/// How many decimals of a dollar are kept.
const DECIMALS: usize = 12;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in units of 10⁻¹² dollars.
    #[must_use]
    pub const fn from_picodollars(picodollars: i128) -> Self {
        Self(picodollars)
    }

    /// The amount in units of 10⁻¹² dollars.
    #[must_use]
    pub const fn picodollars(self) -> i128 {
        self.0
    }

    /// The nearest float, for charts: not to be added up.
    #[must_use]
    pub fn to_dollars(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// As JSON: the nearest double, whose shortest text is what the server reads.
    pub(crate) fn to_json(self) -> Value {
        let dollars: Result<f64, _> = self.to_string().parse();
        dollars.map_or(Value::Null, Value::from)
    }

    /// A JSON number, or a text that is one, as the server writes prices.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => decimal(&number.to_string()),
            Value::String(text) => decimal(text),
            _ => None,
        }
    }
}

/// Reads a decimal number, also one like `1.5e-7`; what is finer than 10⁻¹² is rounded.
///
/// It fails on any other text ([`Error::is_invalid_value`]).
impl FromStr for Money {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let no_amount = || Error::new(Kind::InvalidValue, "this is no amount of money");
        decimal(text.trim()).ok_or_else(no_amount)
    }
}

fn decimal(text: &str) -> Option<Money> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (is_negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !digits.all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // How many of the digits are whole units of what is kept; the one behind them rounds.
    let kept = i32::try_from(whole.len() + DECIMALS)
        .ok()?
        .checked_add(exponent)?;
    let mut amount = 0_i128;
    for digit in digits_of(whole, fraction).take(usize::try_from(kept).unwrap_or_default()) {
        amount = amount.checked_mul(10)?.checked_add(digit)?;
    }
    let given = whole.len() + fraction.len();
    for _ in given..usize::try_from(kept).unwrap_or_default() {
        // Zeros behind zero are none, however many there are.
        if amount == 0 {
            break;
        }
        amount = amount.checked_mul(10)?;
    }
    let next = usize::try_from(kept)
        .ok()
        .and_then(|kept| digits_of(whole, fraction).nth(kept));
    if next.is_some_and(|digit| digit >= 5) {
        amount = amount.checked_add(1)?;
    }
    Some(Money(if is_negative { -amount } else { amount }))
}

fn digits_of<'a>(whole: &'a str, fraction: &'a str) -> impl Iterator<Item = i128> + use<'a> {
    let digits = whole.bytes().chain(fraction.bytes());
    digits.map(|digit| i128::from(digit - b'0'))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.precision().unwrap_or(DECIMALS).min(DECIMALS);
        let unit = 10_u128.pow((DECIMALS - shown).try_into().unwrap_or_default());
        let rounded = (self.0.unsigned_abs() + unit / 2) / unit;
        let one = 10_u128.pow(shown.try_into().unwrap_or_default());
        let (whole, fraction) = (rounded / one, rounded % one);
        let mut text = whole.to_string();
        if shown > 0 {
            text.push_str(&format!(".{fraction:0shown$}"));
        }
        if f.precision().is_none() {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        f.pad_integral(self.0 >= 0 || rounded == 0, "", &text)
    }
}

/// With the sign of its currency.
impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

/// Stops at the largest amount, which nobody owes.
impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for (text, picodollars, shown) in [
            ("0", 0, "0"),
            ("-0", 0, "0"),
            ("3", 3_000_000_000_000, "3"),
            ("0.000359999999", 359_999_999, "0.000359999999"),
            ("4.2e-06", 4_200_000, "0.0000042"),
            ("1.5e-7", 150_000, "0.00000015"),
            ("1.25E+2", 125_000_000_000_000, "125"),
            ("-12.5", -12_500_000_000_000, "-12.5"),
            ("0.0000000000004", 0, "0"),
            ("0.0000000000005", 1, "0.000000000001"),
            ("999.999999999999", 999_999_999_999_999, "999.999999999999"),
            ("5e-14", 0, "0"),
            ("9e-400", 0, "0"),
            ("0e400", 0, "0"),
            (".5", 500_000_000_000, "0.5"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(
                (money.picodollars(), money.to_string().as_str()),
                (picodollars, shown),
                "{text}"
            );
        }
        for text in [
            "",
            ".",
            "-",
            "1,5",
            "e5",
            "1e",
            "NaN",
            "inf",
            "1e30",
            "0x1",
            "1 2",
            "1e99999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn cents_are_rounded_where_they_are_shown() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        assert_eq!(format!("{:.2}", money("1.005")), "1.01");
        assert_eq!(format!("{:.0}", money("0.5")), "1");
        assert_eq!(format!("{:8.2}|", money("12")), "   12.00|");
        assert_eq!(format!("{:.2}", money("-0.001")), "0.00");
        assert_eq!(format!("{:?}", money("-0.5")), "$-0.5");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(picodollars in any::<i128>()) {
            let money = Money::from_picodollars(picodollars);
            prop_assume!(picodollars != i128::MIN);
            prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }

        /// The server's way: a double's shortest text.
        #[test]
        fn an_amount_below_a_thousand_dollars_comes_through_a_double(picodollars in -999_999_999_999_999_i128..=999_999_999_999_999) {
            let money = Money::from_picodollars(picodollars);
            prop_assert_eq!(Money::read(&money.to_json()), Some(money));
        }

        #[test]
        fn no_text_is_too_much(text in "[-+0-9.eE]{0,40}") {
            let _ = text.parse::<Money>();
        }
    }
}
