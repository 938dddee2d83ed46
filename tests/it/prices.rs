//! Calls that say their tokens and not their cost: what they cost, and who is told.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::console::ConsoleExporter;
use tracing_llm::export::Scope;
use tracing_llm::testing::Capture;
use tracing_llm::{Builder, Cost, Langfuse, Ledger, Otlp, Price, PriceTable, Usage, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::Receiver;
use crate::support::rows::{self, Row};
use crate::support::shows::shows;

/// What three destinations were told.
struct Told {
    rows: Vec<Row>,
    otlp: Receiver,
    console: String,
    ledger: Ledger,
    lines: Lines,
}

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a program with Langfuse, OTLP and a console.
fn told(builder: Builder, program: impl FnOnce()) -> Told {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (screen, lines) = (Screen::default(), Lines::default());
    let (layer, llm) = builder
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .exporter(ConsoleExporter::new(screen.clone()), Scope::Observations)
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, program);
    let report = llm.shutdown_blocking(Duration::from_secs(20));
    assert!(report.is_complete(), "{report}");
    let console = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    Told {
        rows: rows::of_requests(&langfuse.requests()),
        otlp,
        console,
        ledger: llm.ledger(),
        lines,
    }
}

impl Told {
    fn langfuse(&self, name: &str) -> Value {
        let row = self.rows.iter().find(|row| row.name == name);
        json!(row.unwrap_or_else(|| panic!("no {name}")).cost)
    }

    fn otlp(&self, name: &str) -> Option<Value> {
        let spans = self.otlp.spans();
        let span = spans.iter().find(|span| span.name == name);
        let attributes = rows::attributes(&span.unwrap_or_else(|| panic!("no {name}")).attributes);
        attributes.get("cost").cloned()
    }

    fn console(&self, name: &str) -> &str {
        let line = self
            .console
            .lines()
            .find(|line| line.contains(&format!("GENERATION {name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.console))
    }
}

/// One call of a model.
fn call(name: &'static str, model: &str, usage: Usage) {
    info_span!("call", otel.name = name, model, prompt = "…").in_scope(|| {
        current().usage(usage);
    });
}

fn guide() -> PriceTable {
    PriceTable::from_file(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/prices.json")).unwrap()
}

#[test]
fn every_destination_is_told_a_cost_by_the_programs_own_table() {
    let told = told(tracing_llm::builder().prices(guide()), || {
        call("route_decision", "mistral-7b", Usage::new(50, 10));
        call("response_synthesis", "mistral-7b", Usage::new(2000, 500));
    });
    // The figures of the golden trace `user_request`.
    assert_eq!(
        told.langfuse("route_decision"),
        json!({ "input": 0.000005, "output": 0.000002, "total": 0.000007 })
    );
    assert_eq!(
        told.langfuse("response_synthesis"),
        json!({ "input": 0.0002, "output": 0.0001, "total": 0.0003 })
    );
    assert_eq!(told.otlp("route_decision"), Some(json!(0.000007)));
    assert_eq!(told.otlp("response_synthesis"), Some(json!(0.0003)));
    assert!(told.console("route_decision").contains("  $0.000007  "));
    assert!(told.console("response_synthesis").contains("  $0.0003  "));
    assert_eq!(told.ledger.unpriced(), 0);
    assert_eq!(told.lines.all(), Vec::<String>::new());
}

#[test]
fn langfuse_is_not_told_a_cost_by_the_shipped_table_unless_it_is_asked_for() {
    let work = || call("ask", "gpt-4o-2024-08-06", Usage::new(1000, 100).cached(400));
    let by_itself = told(tracing_llm::builder(), work);
    // (600 × 2.50 + 400 × 1.25 + 100 × 10) dollars for a million of each.
    assert_eq!(by_itself.otlp("ask"), Some(json!(0.003)));
    assert!(by_itself.console("ask").contains("  $0.003  "));
    assert_eq!(by_itself.langfuse("ask"), json!({}));
    assert_eq!(by_itself.rows[0].usage["input_cached_tokens"], json!(400));
    let asked_for = told(tracing_llm::builder().send_shipped_prices(true), work);
    assert_eq!(
        asked_for.langfuse("ask"),
        json!({ "input": 0.0015, "output": 0.001, "input_cached_tokens": 0.0005, "total": 0.003 })
    );
}

#[test]
fn what_the_program_says_goes_before_its_table_and_that_before_the_shipped_one() {
    let own = PriceTable::new().per_million("gpt-4o*", Price::new(1.0, 2.0));
    let told = told(tracing_llm::builder().prices(own), || {
        info_span!("said", model = "gpt-4o", prompt = "…").in_scope(|| {
            current().usage(Usage::new(1000, 100)).cost(0.5);
        });
        info_span!("free", model = "gpt-4o", prompt = "…").in_scope(|| {
            current().usage(Usage::new(1000, 100)).cost(Cost::total(0.0));
        });
        call("own", "gpt-4o-mini", Usage::new(1000, 100));
        call("shipped", "gpt-4.1", Usage::new(1000, 100));
    });
    let costs = ["said", "free", "own", "shipped"].map(|name| told.otlp(name).unwrap());
    assert_eq!(costs, [json!(0.5), json!(0.0), json!(0.0012), json!(0.0028)]);
    assert_eq!(told.langfuse("said"), json!({ "total": 0.5 }));
    assert_eq!(told.langfuse("free"), json!({ "total": 0.0 }));
    assert_eq!(
        told.langfuse("own"),
        json!({ "input": 0.001, "output": 0.0002, "total": 0.0012 })
    );
    assert_eq!(told.langfuse("shipped"), json!({}));
}

#[test]
fn a_model_without_a_price_has_no_cost_is_counted_and_said_once() {
    let told = told(tracing_llm::builder(), || {
        call("first", "my-\u{1b}[31mllama", Usage::new(10, 5));
        call("second", "other", Usage::new(10, 5));
        // Nothing to price.
        info_span!("no tokens", model = "my-llama", prompt = "…").in_scope(|| {});
        info_span!("no model", as_type = "generation").in_scope(|| {
            current().usage(Usage::new(1, 1));
        });
        info_span!("its own", model = "my-llama", prompt = "…").in_scope(|| {
            current().usage(Usage::new(1, 1)).cost(0.1);
        });
    });
    assert_eq!(told.langfuse("first"), json!({}));
    assert_eq!(told.otlp("first"), None);
    assert!(!told.console("first").contains('$'));
    assert_eq!(told.ledger.unpriced(), 2);
    assert!(told.ledger.to_string().ends_with(", 2 without a price"));
    assert_eq!(
        told.lines.all(),
        [
            r#"no price is known for model "my-\u{1b}[31mllama", so its calls show no cost; give one by Builder::prices (said once, for all such models)"#,
            r#""no model" says its tokens and not its model, so nobody can price it; give it a field `model` (said once, for all such calls)"#
        ]
    );
}

#[test]
fn what_may_be_the_sum_of_the_calls_below_has_no_price_of_its_own() {
    let capture = Capture::new().with_prices(guide()).unwrap();
    capture.run(|| {
        info_span!("agent", as_type = "agent", gen_ai.request.model = "gpt-4").in_scope(|| {
            current().usage(Usage::new(100, 10));
            info_span!("call", model = "gpt-4", prompt = "…").in_scope(|| {
                current().usage(Usage::new(100, 10));
            });
            info_span!("judge", as_type = "evaluator").in_scope(|| {
                current().model("gpt-4").usage(Usage::new(10, 1));
            });
        });
    });
    shows(
        &capture,
        r#"
agent agent  model=gpt-4
  usage:  input=100 output=10 total=110
  generation call  model=gpt-4
    usage:  input=100 output=10 total=110
    cost:   input=0.003 output=0.0006 total=0.0036
    in:     …
  evaluator judge  model=gpt-4
    usage:  input=10 output=1 total=11
    cost:   input=0.0003 output=0.00006 total=0.00036
"#,
    );
}

#[test]
fn a_field_with_the_name_of_the_cost_stays_what_it_is() {
    let own = PriceTable::new().per_million("embed", Price::input(0.02));
    let told = told(tracing_llm::builder().prices(own), || {
        let search = info_span!(
            "search",
            as_type = "retriever",
            gen_ai.request.model = "embed",
            cost = "high"
        );
        search.in_scope(|| {
            current().usage(Usage::new(1_000_000, 0));
        });
    });
    assert_eq!(told.otlp("search"), Some(json!("high")));
    assert_eq!(told.langfuse("search")["total"], json!(0.02));
}

#[test]
fn a_row_that_cannot_be_is_an_error_of_the_builder() {
    let table = PriceTable::new()
        .per_million("gpt-4o", Price::new(2.5, 10.0))
        .per_thousand("my-*", Price::new(0.1, -0.2));
    let error = tracing_llm::builder().prices(table.clone()).build().unwrap_err();
    assert!(error.is_invalid_value());
    assert_eq!(
        error.to_string(),
        r#"the price of "my-*": output at -0.2 dollars is no price"#
    );
    assert!(Capture::new().with_prices(table).unwrap_err().is_invalid_value());
}

#[test]
fn a_call_has_the_price_of_the_day_on_which_it_began() {
    let price = |dollars| Price::new(dollars, dollars);
    let prices = PriceTable::new()
        .per_million("m", price(10.0))
        .per_million("m", price(2.0).valid_from("2026-01-02"));
    let capture = Capture::new().with_prices(prices).unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    capture.run(|| {
        info_span!("first", model = "m", prompt = "…").in_scope(|| {
            current().usage(Usage::new(1_000_000, 0));
            // It ends on the day of the new price.
            capture.clock().advance(day);
        });
        call("second", "m", Usage::new(1_000_000, 0));
    });
    let cost = |name| capture.find(name).unwrap().cost().get("total");
    assert_eq!((cost("first"), cost("second")), (Some(10.0), Some(2.0)));
}
