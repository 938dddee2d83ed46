//! Sums: the recorded questions in the same words, and those that are asked most.

use std::collections::HashSet;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tracing_llm::Langfuse;
use tracing_llm::langfuse::{
    Aggregation, Dimension, Filter, Granularity, Measure, Metrics, Money, View, Window,
};

use super::observations::instant;
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::replay::{self, Replay};

/// The recorded windows differ in the last digits.
fn window(milliseconds: u32) -> Window {
    let day = |day: &str, minute: &str| instant(&format!("{day}T04:{minute}.{milliseconds}Z"));
    Window::new(day("2026-10-25", "40:42"), day("2026-11-24", "41:42"))
}

fn recorded(milliseconds: u32) -> Window {
    window(milliseconds).environment("recorded")
}

fn dollars(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn each_recorded_question_is_asked_in_its_words_and_its_answer_read_whole() {
    let server = Replay::of(&["metrics"]);
    let langfuse = server.client();
    let over = |window: &Window| langfuse.metrics(View::Observations, window);
    let ask = |question: Metrics| question.ask_blocking().unwrap();

    let daily = over(&recorded(432))
        .measure(Measure::TOTAL_COST, Aggregation::Sum)
        .measure(Measure::INPUT_TOKENS, Aggregation::Sum)
        .measure(Measure::OUTPUT_TOKENS, Aggregation::Sum)
        .measure(Measure::COUNT, Aggregation::Count)
        .by(Dimension::MODEL)
        .every(Granularity::Day);
    let rows = ask(daily);
    let first = &rows.rows()[0];
    assert_eq!(rows.rows().len(), 33);
    assert_eq!(
        (first.day(), first.time()),
        (Some("2026-10-25"), Some(instant("2026-10-25T00:00:00Z")))
    );
    assert_eq!(
        (
            first.text(&Dimension::MODEL),
            first.money(&Measure::TOTAL_COST, Aggregation::Sum)
        ),
        (None, None)
    );
    let last = rows.rows().last().unwrap();
    assert_eq!(last.text(&Dimension::MODEL), Some("gpt-4o-mini"));
    assert_eq!(
        last.money(&Measure::TOTAL_COST, Aggregation::Sum),
        Some(dollars("0.0012"))
    );
    assert_eq!(last.count(&Measure::INPUT_TOKENS, Aggregation::Sum), Some(4000));

    let by_user = over(&recorded(455))
        .measure(Measure::TOTAL_COST, Aggregation::Sum)
        .measure(Measure::COUNT, Aggregation::Count)
        .by(Dimension::USER)
        .largest_first(&Measure::TOTAL_COST, Aggregation::Sum)
        .limit(10);
    let rows = ask(by_user);
    assert!(!rows.is_cut());
    let users: Vec<_> = rows
        .rows()
        .iter()
        .map(|row| row.text(&Dimension::USER).unwrap())
        .collect();
    assert_eq!(users, ["user-3956e0", "user-e61e86"]);
    assert_eq!(
        rows.rows()[0].money(&Measure::TOTAL_COST, Aggregation::Sum),
        Some(dollars("0.000607"))
    );

    let latency = over(&recorded(518))
        .measure(Measure::LATENCY, Aggregation::Avg)
        .measure(Measure::LATENCY, Aggregation::P95)
        .measure(Measure::LATENCY, Aggregation::P99)
        .by(Dimension::NAME);
    let rows = ask(latency);
    assert_eq!(
        rows.rows()
            .iter()
            .map(|row| row.duration(&Measure::LATENCY, Aggregation::P99).unwrap())
            .collect::<Vec<_>>(),
        [3000, 1800, 400, 100].map(Duration::from_millis)
    );
    ask(over(&recorded(586))
        .measure(Measure::COUNT, Aggregation::Count)
        .by(Dimension::LEVEL));
    let first_token = over(&recorded(646)).measure(Measure::TIME_TO_FIRST_TOKEN, Aggregation::P50);
    let rows = ask(first_token.by(Dimension::MODEL));
    let first = &rows.rows()[0];
    // Less than nothing is a number, and no time.
    assert_eq!(
        first.number(&Measure::TIME_TO_FIRST_TOKEN, Aggregation::P50),
        Some(-70.0)
    );
    assert_eq!(
        first.duration(&Measure::TIME_TO_FIRST_TOKEN, Aggregation::P50),
        None
    );
    let nobody = over(&window(710).environment("no-such-environment"));
    let rows = ask(nobody.measure(Measure::COUNT, Aggregation::Count));
    assert_eq!(rows.rows()[0].count(&Measure::COUNT, Aggregation::Count), Some(0));

    let happy = over(&window(770)).measure(Measure::named("happiness"), Aggregation::Sum);
    let error = happy.ask_blocking().unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(
        error
            .to_string()
            .contains("Invalid metric happiness. Must be one of count,traceId"),
        "{error}"
    );
    let colour = over(&window(776))
        .measure(Measure::COUNT, Aggregation::Count)
        .by(Dimension::named("colour"));
    let error = colour.ask_blocking().unwrap_err();
    assert!(error.to_string().contains("Invalid dimension colour"), "{error}");
    assert_eq!(
        server.served(),
        [
            "daily cost and tokens by model",
            "cost by user, largest first",
            "latency by name",
            "errors by level",
            "time to first token by model",
            "no rows",
            "unknown measure",
            "unknown dimension"
        ]
    );
}

pub(super) fn query(request: &Request) -> Value {
    let (path, query) = request.path.split_once("?query=").unwrap();
    assert_eq!(path, "/api/public/v2/metrics");
    let query = percent_decode_str(&query.replace('+', " "))
        .decode_utf8()
        .unwrap()
        .into_owned();
    serde_json::from_str(&query).unwrap()
}

fn client(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

/// A server with one answer, and what it was asked.
fn answering(name: &'static str) -> Receiver {
    Receiver::new(move |_| replay::answered("metrics", name))
}

#[test]
fn daily_cost_by_model_has_the_newest_day_first_and_no_row_without_a_model() {
    let server = answering("daily cost and tokens by model");
    let days = client(&server).cost_by_day_blocking(&recorded(432)).unwrap();
    let shown: Vec<_> = days
        .iter()
        .map(|it| {
            let cost = it.cost.unwrap();
            format!(
                "{} {} ${cost} {} {} {}",
                it.day, it.model, it.input_tokens, it.output_tokens, it.observations
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2026-11-24 gpt-4o-mini $0.0012 4000 1000 2",
            "2026-11-24 mistral-7b $0.000014 100 20 2"
        ]
    );
    assert_eq!(
        query(&server.requests()[0]),
        json!({
            "view": "observations",
            "metrics": [
                {"measure": "totalCost", "aggregation": "sum"},
                {"measure": "inputTokens", "aggregation": "sum"},
                {"measure": "outputTokens", "aggregation": "sum"},
                {"measure": "count", "aggregation": "count"},
            ],
            "dimensions": [{"field": "providedModelName"}],
            "filters": [{"column": "environment", "operator": "=", "value": "recorded", "type": "string"}],
            "fromTimestamp": "2026-10-25T04:40:42.432Z",
            "toTimestamp": "2026-11-24T04:41:42.432Z",
            "timeDimension": {"granularity": "day"},
            "config": {"row_limit": 1000},
        })
    );
}

#[test]
fn the_dearest_users_come_first_with_their_traces_and_nobody_is_no_user() {
    let rows = json!({"data": [
        {"userId": "", "sum_totalCost": 9.5, "uniq_traceId": "70"},
        {"userId": "u-1", "sum_totalCost": 0.3, "uniq_traceId": "12"},
        {"userId": "u-2", "sum_totalCost": 0.1, "uniq_traceId": 3},
    ]});
    let server = Receiver::new(move |_| Answer::json(200, &rows.to_string()));
    let users = client(&server).cost_by_user_blocking(&window(455), 10).unwrap();
    let shown: Vec<_> = users
        .iter()
        .map(|it| format!("{} ${:.2} {}", it.user_id, it.cost, it.traces))
        .collect();
    assert_eq!(shown, ["u-1 $0.30 12", "u-2 $0.10 3"]);
    assert_eq!(
        client(&server)
            .cost_by_user_blocking(&window(455), 1)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        query(&server.requests()[0]),
        json!({
            "view": "observations",
            "metrics": [{"measure": "totalCost", "aggregation": "sum"}, {"measure": "traceId", "aggregation": "uniq"}],
            "dimensions": [{"field": "userId"}],
            "filters": [],
            "fromTimestamp": "2026-10-25T04:40:42.455Z",
            "toTimestamp": "2026-11-24T04:41:42.455Z",
            "orderBy": [{"field": "sum_totalCost", "direction": "desc"}],
            "config": {"row_limit": 11},
        })
    );
}

#[test]
fn latency_tokens_and_errors_are_asked_and_read() {
    let server = answering("latency by name");
    let names = client(&server).latency_by_name_blocking(&window(518)).unwrap();
    assert_eq!(names[0].name, "support request");
    assert_eq!(
        (names[0].mean, names[0].p95),
        (Some(Duration::from_secs(3)), Some(Duration::from_secs(3)))
    );
    assert_eq!(names.len(), 4);

    let server = answering("errors by level");
    let rate = client(&server).error_rate_blocking(&window(586)).unwrap();
    assert_eq!((rate.errors, rate.observations, rate.share()), (2, 8, 0.25));
    let server = answering("no rows");
    let rate = client(&server).error_rate_blocking(&window(586)).unwrap();
    assert_eq!((rate.observations, rate.share()), (0, 0.0));

    let server = answering("daily cost and tokens by model");
    let models = client(&server).tokens_by_model_blocking(&window(432)).unwrap();
    let shown: Vec<_> = models
        .iter()
        .map(|it| format!("{} {} {}", it.model, it.input, it.output))
        .collect();
    assert_eq!(shown, ["gpt-4o-mini 4000 1000", "mistral-7b 100 20"]);
}

#[test]
fn a_trace_has_the_cost_of_its_calls_each_counted_once() {
    let server = Receiver::new(|request| {
        assert!(
            request.path.contains("fields=core%2Cbasic%2Ctime%2Cusage"),
            "{}",
            request.path
        );
        replay::answered("observations", "by trace, all field groups")
    });
    let cost = client(&server)
        .trace_cost_blocking("ee55ac3466f446569b08dfa83f492f0a")
        .unwrap();
    assert_eq!(cost, Some(dollars("0.000607")));
    let server = Receiver::new(|_| replay::answered("observations", "nothing found"));
    assert_eq!(alone(client(&server).trace_cost("none")).unwrap(), None);
}

/// A server with so many models a day that one answer cannot have them all.
fn of_many_models(models: usize) -> Receiver {
    Receiver::new(move |request| {
        let query = query(request);
        let time = |name: &str| instant(query[name].as_str().unwrap());
        let day = Duration::from_secs(24 * 60 * 60);
        let limit = query["config"]["row_limit"].as_u64().unwrap_or(100);
        let mut rows = Vec::new();
        let mut begin = instant("2026-10-01T00:00:00Z");
        while begin < time("toTimestamp") {
            if begin + day > time("fromTimestamp") {
                let date = humantime::format_rfc3339_seconds(begin).to_string()[..10].to_owned();
                rows.extend((0..models).map(|model| {
                    json!({"providedModelName": format!("m-{model}"), "time_dimension": date, "sum_totalCost": 0.01, "count_count": 1})
                }));
            }
            begin += day;
        }
        rows.truncate(limit.try_into().unwrap());
        Answer::json(200, &json!({"data": rows}).to_string())
    })
}

#[test]
fn what_has_more_rows_than_an_answer_is_asked_for_in_parts() {
    let server = of_many_models(90);
    let days = client(&server).cost_by_day_blocking(&window(432)).unwrap();
    // 31 days have a part in the window.
    let different: HashSet<_> = days.iter().map(|it| (&it.day, &it.model)).collect();
    assert_eq!((days.len(), different.len()), (31 * 90, 31 * 90));
    assert!(days.is_sorted_by(|one, next| one.day >= next.day));
    let mut parts: Vec<_> = server
        .requests()
        .iter()
        .map(query)
        .map(|it| {
            (
                it["fromTimestamp"].as_str().unwrap().to_owned(),
                it["toTimestamp"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    // No day is cut, so that none is counted in two rows.
    for (from, to) in &parts {
        assert!(
            from.ends_with("T00:00:00.000Z") || from == "2026-10-25T04:40:42.432Z",
            "{from}"
        );
        assert!(
            to.ends_with("T00:00:00.000Z") || to == "2026-11-24T04:41:42.432Z",
            "{to}"
        );
    }
    parts.dedup();
    assert_eq!(parts.len(), server.requests().len());
}

#[test]
fn a_single_day_with_more_rows_than_an_answer_is_an_error_and_no_wrong_sum() {
    let server = of_many_models(2000);
    let error = client(&server).cost_by_day_blocking(&window(432)).unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
    assert_eq!(
        error.to_string(),
        "cannot read metrics: one day has 1000 rows or more; a higher limit or fewer dimensions would do"
    );
}

#[test]
fn rows_that_may_not_be_all_say_so() {
    let rows: Vec<_> = (0..100)
        .map(|it| json!({"name": it.to_string(), "count_count": it}))
        .collect();
    let body = json!({"data": rows}).to_string();
    let server = Receiver::new(move |_| Answer::json(200, &body));
    let question = client(&server)
        .metrics(View::Observations, &Window::last_days(7))
        .measure(Measure::COUNT, Aggregation::Count)
        .by(Dimension::NAME)
        .filter(Filter::metadata("tenant").equals("t-42"));
    assert!(question.ask_blocking().unwrap().is_cut());
    assert!(!question.limit(101).ask_blocking().unwrap().is_cut());
}
