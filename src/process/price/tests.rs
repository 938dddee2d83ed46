//! Exact figures, which price counts, and what is none.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::model::{Cost, Usage};

const EXAMPLE: &str = include_str!("../../../examples/prices.json");

/// A day in 2026.
const NOW: &str = "2026-05-01T12:00:00Z";

fn nanos(time: &str) -> u64 {
    let time = humantime::parse_rfc3339(time).unwrap();
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap();
    since.as_nanos().try_into().unwrap()
}

fn cost_at(table: &PriceTable, model: &str, usage: Usage, time: &str) -> Option<Cost> {
    let rates = Rates::new(table).unwrap();
    rates.find(model, nanos(time))?.cost(&usage.into_disjoint())
}

fn cost(table: &PriceTable, model: &str, usage: Usage) -> Option<Cost> {
    cost_at(table, model, usage, NOW)
}

fn total(table: &PriceTable, model: &str, usage: Usage) -> Option<f64> {
    cost(table, model, usage)?.get("total")
}

fn shipped() -> PriceTable {
    json::read(SHIPPED).unwrap()
}

fn refused(table: PriceTable) -> String {
    let error = Rates::new(&table).unwrap_err();
    assert!(error.is_invalid_value());
    error.to_string()
}

fn bad(text: &str) -> String {
    let error = PriceTable::from_json(text).unwrap_err();
    assert!(error.is_invalid_value());
    error.to_string()
}

#[test]
fn the_guides_own_table_gives_its_figures_to_the_digit() {
    let guide = PriceTable::from_json(EXAMPLE).unwrap();
    let parts = |model, usage| {
        let cost = cost(&guide, model, usage).unwrap();
        let parts: Vec<_> = cost
            .parts()
            .map(|(part, dollars)| format!("{part} {dollars}"))
            .collect();
        parts.join(" ")
    };
    assert_eq!(
        parts("mistral-7b", Usage::new(50, 10)),
        "input 0.000005 output 0.000002 total 0.000007"
    );
    assert_eq!(
        parts("mistral-7b", Usage::new(2000, 500)),
        "input 0.0002 output 0.0001 total 0.0003"
    );
    assert_eq!(
        parts("Mixtral-8x7B", Usage::new(1000, 1000)),
        "input 0.0002 output 0.0004 total 0.0006"
    );
    assert_eq!(
        parts("gpt-4", Usage::new(100, 7)),
        "input 0.003 output 0.00042 total 0.00342"
    );
}

#[test]
fn a_program_can_ask_what_a_call_would_cost() {
    let prices = PriceTable::new()
        .per_million("m", Price::new(9.0, 9.0))
        .per_million("m", Price::new(2.5, 10.0).cached(1.25).valid_from("2020-01-01"))
        .per_million("m", Price::new(1.0, 1.0).valid_from("2200-01-01"));
    let usage = Usage::new(12_000, 800).cached(4_000);
    let cost = prices.cost("m", usage.clone()).unwrap().unwrap();
    // The row of today, and cached tokens not twice: 8000 × 2.5 + 4000 × 1.25 + 800 × 10 a million.
    assert_eq!(cost.get("total"), Some(0.033));
    assert_eq!(prices.cost("other", usage.clone()).unwrap(), None);
    let wrong = prices.per_million("m", Price::default());
    assert!(wrong.cost("other", usage).unwrap_err().is_invalid_value());

    let shipped = PriceTable::shipped();
    assert_eq!(shipped, json::read(SHIPPED).unwrap());
    assert!(shipped.cost("gpt-4o", Usage::new(1000, 1000)).unwrap().is_some());
}

#[test]
fn sums_of_a_million_tokens_have_no_crumbs() {
    let prices = PriceTable::new().per_million("m", Price::new(0.1, 0.2).cached(0.7));
    // In floats 0.1 + 0.2 is 0.30000000000000004.
    assert_eq!(total(&prices, "m", Usage::new(1_000_000, 1_000_000)), Some(0.3));
    assert_eq!(
        total(&prices, "m", Usage::new(3_000_000, 0).cached(2_000_000)),
        Some(1.5)
    );
    let thousand = PriceTable::new().per_thousand("m", Price::new(0.0001, 0.0002));
    assert_eq!(total(&thousand, "m", Usage::new(1_234_567, 1)), Some(0.1234569));
    assert_eq!(total(&thousand, "m", Usage::new(1, 0)), Some(0.0000001));
}

#[test]
fn each_bucket_has_its_price_or_that_of_the_wider_one() {
    let prices = PriceTable::new().per_million(
        "m",
        Price::new(1.0, 10.0)
            .cached(0.1)
            .cache_write(2.0)
            .bucket("output_audio_tokens", 50.0)
            .bucket("searches", 5000.0),
    );
    let usage = Usage::new(1_000_000, 1_000_000)
        .cached(100_000)
        .cache_write(100_000)
        .reasoning(100_000)
        .bucket("input_audio_tokens", 100_000)
        .bucket("input_cache_creation_1h", 100_000)
        .bucket("output_audio_tokens", 100_000)
        .bucket("searches", 2)
        .bucket("images", 3);
    let cost = cost(&prices, "m", usage).unwrap();
    let parts: Vec<_> = cost.parts().collect();
    let expected = [
        ("input", 0.6),
        ("output", 8.0),
        ("input_cached_tokens", 0.01),
        ("input_cache_creation", 0.2),
        ("output_reasoning_tokens", 1.0),
        ("input_audio_tokens", 0.1),
        ("input_cache_creation_1h", 0.2),
        ("output_audio_tokens", 5.0),
        ("searches", 0.01),
        ("total", 15.12),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn buckets_under_a_providers_own_names_have_their_price() {
    let prices = PriceTable::new().per_million("m", Price::new(1.0, 10.0).cached(0.1).reasoning(20.0));
    let usage = Usage::default()
        .bucket("input", 0)
        .bucket("cache_read_input_tokens", 1_000_000)
        .bucket("cache_creation_input_tokens", 1_000_000)
        .bucket("reasoning_tokens", 1_000_000);
    assert_eq!(total(&prices, "m", usage), Some(21.1));
}

#[test]
fn embeddings_have_a_price_of_their_input_alone() {
    let prices = PriceTable::new()
        .per_million("embed", Price::input(0.02))
        .per_million("chat", Price::new(1.0, 2.0))
        .per_million("flat", Price::new(1.0, 1.0));
    let embedded = cost(&prices, "embed", Usage::new(500_000, 7)).unwrap();
    assert_eq!(
        embedded.parts().collect::<Vec<_>>(),
        [("input", 0.01), ("total", 0.01)]
    );
    // Some report a total and nothing else.
    let total_of = |model| total(&prices, model, Usage::default().total(500_000));
    assert_eq!(total_of("embed"), Some(0.01));
    assert_eq!(total_of("flat"), Some(0.5));
    assert_eq!(total_of("chat"), None);
    assert_eq!(total(&prices, "chat", Usage::default().bucket("images", 2)), None);
}

#[test]
fn the_row_that_says_most_of_the_name_counts() {
    let price = |dollars| Price::new(dollars, 0.0);
    let prices = PriceTable::new()
        .per_million("*", price(1.0))
        .per_million("gpt-4o-mini*", price(3.0))
        .per_million("gpt-4o*", price(2.0))
        .per_million("gpt-4o", price(4.0))
        .per_million("GPT-4O", price(5.0));
    let of = |model| total(&prices, model, Usage::new(1_000_000, 0));
    assert_eq!(of("gpt-4o-mini-2024-07-18"), Some(3.0));
    assert_eq!(of("gpt-4o-2024-08-06"), Some(2.0));
    assert_eq!(of("gpt-4o"), Some(5.0), "the same name, so the later row");
    assert_eq!(of("other"), Some(1.0));
    assert_eq!(of(&"x".repeat(300)), None, "no model has such a name");
}

#[test]
fn the_price_is_that_of_the_day_on_which_the_call_began() {
    let prices = PriceTable::new()
        .per_million("o3", Price::new(2.0, 8.0).valid_from("2025-06-10"))
        .per_million("o3", Price::new(10.0, 40.0))
        .per_million("new", Price::new(1.0, 1.0).valid_from("2026-01-01"));
    let at = |model, time| cost_at(&prices, model, Usage::new(1_000_000, 0), time)?.get("total");
    assert_eq!(at("o3", "2025-06-09T23:59:59Z"), Some(10.0));
    assert_eq!(at("o3", "2025-06-10T00:00:00Z"), Some(2.0));
    assert_eq!(at("new", "2025-12-31T23:59:59Z"), None);
    assert_eq!(at("new", NOW), Some(1.0));
}

#[test]
fn a_row_that_cannot_be_is_an_error_that_names_it() {
    let row = |model: &str, price| refused(PriceTable::new().per_million(model, price));
    assert_eq!(
        row("gpt-4o", Price::new(-1.0, 0.0)),
        r#"the price of "gpt-4o": input at -1 dollars is no price"#
    );
    assert!(row("m", Price::new(f64::NAN, 0.0)).contains("input at NaN"));
    assert!(row("m", Price::new(0.0, f64::INFINITY)).contains("output at inf"));
    assert!(row("m", Price::new(1e-13, 0.0)).contains("input at"));
    assert!(row("m", Price::new(1e10, 0.0)).contains("input at"));
    assert_eq!(row("m", Price::default()), r#"the price of "m": it has no price"#);
    assert_eq!(
        row("", Price::input(1.0)),
        r#"the price of "": no model has such a name"#
    );
    assert_eq!(
        row("m", Price::input(1.0).valid_from("June")),
        r#"the price of "m": "June" is no date such as 2025-06-10"#
    );
    assert!(row("m", Price::input(1.0).valid_from("2025-02-30")).contains("no date"));
}

#[test]
fn a_file_that_is_no_table_is_an_error_that_names_the_place() {
    for (text, message) in [
        ("prices", "a price table has to be JSON"),
        ("[]", "a price table has to be a JSON object"),
        ("{}", r#"a price table needs its list "prices""#),
        (
            r#"{"unit": "1K", "prices": []}"#,
            r#"a price table has no "unit""#,
        ),
        (
            r#"{"prices": {}}"#,
            r#""prices" in a price table has to be a list"#,
        ),
        (
            r#"{"per": 1000, "prices": []}"#,
            r#"the price table: "per" has to be "1K" or "1M", not 1000"#,
        ),
        (r#"{"prices": [1]}"#, "price 1 of the table has to be an object"),
        (
            r#"{"prices": [{"model": "a", "input": 1}, {"input": 1}]}"#,
            "price 2 of the table names no model",
        ),
        (
            r#"{"prices": [{"model": "a", "inptu": 1}]}"#,
            r#"the price of "a": "inptu" cannot be 1"#,
        ),
        (
            r#"{"prices": [{"model": "a", "input": "1"}]}"#,
            r#"the price of "a": "input" has to be a number, not "1""#,
        ),
        (
            r#"{"prices": [{"model": "a", "input": 1, "from": 2025}]}"#,
            r#"the price of "a": "from" cannot be 2025"#,
        ),
        (
            r#"{"prices": [{"model": ["a", "b"], "output": -1}]}"#,
            r#"the price of "a": output at -1 dollars is no price"#,
        ),
    ] {
        assert_eq!(bad(text), message);
    }
    let error = PriceTable::from_file("no/such/prices.json").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the prices in no/such/prices.json cannot be read"
    );
}

#[test]
fn the_shipped_table_is_whole() {
    let table = shipped();
    let names = table.rows.iter().map(|row| row.model.as_str());
    for name in names.filter(|name| !name.contains('*')) {
        assert!(total(&table, name, Usage::new(1000, 0)) > Some(0.0), "{name}");
    }
    for (model, dollars) in [
        ("gpt-4o-2024-08-06", 12.5),
        ("gpt-4o-2024-05-13", 20.0),
        ("gpt-4o-mini-2024-07-18", 0.75),
        ("gpt-4.1-mini", 2.0),
        ("o3-2025-04-16", 10.0),
        ("claude-sonnet-4-5-20250929", 18.0),
        ("claude-opus-4-20250514", 90.0),
        ("claude-opus-4-5-20251101", 30.0),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", 4.8),
        ("gemini-2.5-flash", 2.8),
        ("text-embedding-3-small", 0.02),
        ("mistral-embed", 0.1),
    ] {
        assert_eq!(
            total(&table, model, Usage::new(1_000_000, 1_000_000)),
            Some(dollars),
            "{model}"
        );
    }
    // Other models of a family have other prices, or none that this table knows.
    for model in [
        "gpt-4o-audio-preview",
        "gpt-5-pro",
        "o1-pro",
        "llama-3",
        "mistral-7b",
    ] {
        assert_eq!(total(&table, model, Usage::new(1, 1)), None, "{model}");
    }
}

proptest! {
    #[test]
    fn a_cost_is_never_negative_and_always_a_number(
        prices in prop::array::uniform3(prop_oneof![0.0..1e9_f64, Just(0.0), Just(1e-12), Just(1e9)]),
        tokens in prop::array::uniform4(any::<u64>()),
    ) {
        let [input, output, cached] = prices;
        let table = PriceTable::new().per_million("m", Price::new(input, output).cached(cached));
        let usage = Usage::new(tokens[0], tokens[1]).cached(tokens[2]).bucket("other", tokens[3]);
        // A price too small to be one is refused.
        if Rates::new(&table).is_ok() {
            let cost = cost(&table, "m", usage).unwrap();
            for (part, dollars) in cost.parts() {
                prop_assert!(dollars.is_finite() && dollars >= 0.0, "{} {}", part, dollars);
            }
        }
    }

    #[test]
    fn whatever_is_given_for_a_price_is_a_price_or_an_error(dollars in any::<f64>()) {
        let table = PriceTable::new().per_thousand("m", Price::input(dollars));
        if Rates::new(&table).is_ok() {
            let total = total(&table, "m", Usage::new(u64::MAX, 0)).unwrap();
            prop_assert!(total.is_finite() && total >= 0.0);
        }
    }

    #[test]
    fn what_is_no_table_is_no_panic(text in r#"[{}\[\]":,0-9a-z. -]{0,60}"#) {
        let _ = PriceTable::from_json(&text);
    }

    #[test]
    fn decimals_stay_decimals(cents in 0..100_000_u32, tokens in 0..1_000_000_u64) {
        // Cents for a thousand tokens: the cost has at most five decimals.
        let table = PriceTable::new().per_thousand("m", Price::input(f64::from(cents) / 100.0));
        let total = total(&table, "m", Usage::new(tokens, 0)).unwrap();
        let expected = u64::from(cents) * tokens;
        let text = format!("{}.{:05}", expected / 100_000, expected % 100_000);
        prop_assert_eq!(total, text.parse::<f64>().unwrap());
    }
}
