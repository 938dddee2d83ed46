//! Whole traces, out of rows that come in any order, in any number of pages, and more than once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};
use tracing_llm::Langfuse;
use tracing_llm::langfuse::{Money, TraceOrder, TraceRow};

use super::observations::instant;
use super::rows::Server;
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

/// A moment of the test's day.
fn at(milliseconds: u64) -> SystemTime {
    instant("2026-11-24T00:00:00Z") + Duration::from_millis(milliseconds)
}

fn row(trace: &str, id: &str, start: u64, end: u64) -> Value {
    json!({
        "id": id,
        "traceId": trace,
        "startTime": humantime::format_rfc3339_millis(at(start)).to_string(),
        "endTime": humantime::format_rfc3339_millis(at(end)).to_string(),
        "updatedAt": humantime::format_rfc3339_millis(at(end)).to_string(),
        "parentObservationId": null,
        "type": "SPAN",
        "level": "DEFAULT",
        "usageDetails": {},
        "costDetails": {},
        "totalCost": 0,
    })
}

fn with(mut row: Value, more: &Value) -> Value {
    let (row_members, more) = (row.as_object_mut().unwrap(), more.as_object().unwrap());
    row_members.extend(more.clone());
    row
}

fn call(total: u64, dollars: f64) -> Value {
    json!({
        "type": "GENERATION",
        "usageDetails": {"input": total - 1, "output": 1, "total": total},
        "costDetails": {"total": dollars},
        "totalCost": dollars,
    })
}

fn ids(rows: &[TraceRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[test]
fn a_trace_is_whole_though_its_rows_span_pages_and_the_edges_of_the_window() {
    let rows = vec![
        // Began before the window: none of it.
        row("early", "e1", 500, 5000),
        with(
            row("early", "e2", 2000, 3000),
            &json!({"parentObservationId": "e1"}),
        ),
        // Began in it, and goes on behind it.
        with(
            row("long", "l1", 1500, 9000),
            &json!({"traceName": "chat", "userId": "u-1", "isRootObservation": true, "input": "\"hi\"", "output": "bye", "metadata": {"k": 1}}),
        ),
        // Sent twice: the row that was stored last counts.
        with(
            with(
                row("long", "l2", 8000, 8500),
                &with(call(99, 9.9), &json!({"parentObservationId": "l1"})),
            ),
            &json!({"updatedAt": "2026-11-23T00:00:00.000Z"}),
        ),
        with(
            row("long", "l2", 8000, 8500),
            &with(call(10, 0.1), &json!({"parentObservationId": "l1"})),
        ),
        with(
            row("long", "l3", 8600, 9500),
            &with(call(20, 0.2), &json!({"parentObservationId": "l1"})),
        ),
        // The agent's copy of both.
        with(
            row("copy", "c1", 3000, 3900),
            &json!({"type": "AGENT", "level": "WARNING", "usageDetails": {"total": 30}, "costDetails": {"total": 0.3}, "totalCost": 0.3}),
        ),
        with(
            with(row("copy", "c2", 3100, 3200), &call(10, 0.1)),
            &json!({"parentObservationId": "c1"}),
        ),
        with(
            with(row("copy", "c3", 3300, 3400), &call(20, 0.2)),
            &json!({"parentObservationId": "c1", "level": "ERROR"}),
        ),
        // Begins at the end of the window: none of it.
        row("late", "z1", 4000, 4500),
    ];
    let server = Server::new(rows, 2);
    let window = server.client().traces().from(at(1000)).to(at(4000)).contents();
    let traces = alone(window.rows().all()).unwrap();
    assert_eq!(ids(&traces), ["copy", "long"]);
    let [copy, long] = &traces[..] else { panic!("two") };
    assert_eq!((copy.tokens(), copy.observations), (Some(30), 3));
    assert_eq!(copy.total_cost, Some("0.3".parse::<Money>().unwrap()));
    assert_eq!(copy.level.unwrap().as_str(), "ERROR");
    assert_eq!(
        (copy.start, copy.latency),
        (at(3000), Some(Duration::from_millis(900)))
    );
    assert_eq!((long.tokens(), long.observations), (Some(30), 3));
    assert_eq!(long.latency, Some(Duration::from_millis(8000)));
    assert_eq!(
        (long.name.as_deref(), long.user_id.as_deref()),
        (Some("chat"), Some("u-1"))
    );
    // Those of the row without a parent.
    assert_eq!(
        (long.input.as_deref(), long.output.as_deref(), &long.metadata["k"]),
        (Some("\"hi\""), Some("bye"), &json!(1))
    );
}

/// Where an outer span goes elsewhere, as one of an HTTP server does with Langfuse's SDKs, the top has a parent that nobody shows.
#[test]
fn the_contents_are_those_of_the_top_though_it_has_a_parent_elsewhere() {
    let top = |input: &str| json!({"parentObservationId": "http", "isRootObservation": true, "input": input});
    let rows = vec![
        with(row("below", "b1", 1000, 2000), &top("asked")),
        with(
            row("below", "b2", 1100, 1200),
            &json!({"parentObservationId": "b1", "input": "no"}),
        ),
        with(row("both", "c1", 1000, 1500), &json!({"input": "first"})),
        with(row("both", "c2", 1100, 1700), &top("second service")),
    ];
    let server = Server::new(rows, 2);
    let traces = alone(server.client().traces().contents().rows().all()).unwrap();
    let inputs: Vec<_> = traces
        .iter()
        .map(|it| (it.id.as_str(), it.input.as_deref()))
        .collect();
    assert_eq!(inputs, [("both", Some("first")), ("below", Some("asked"))]);
}

#[test]
fn a_server_that_stores_traces_is_asked_for_them() {
    let stored = json!({
        "id": "0af7651916cd43dd8448eb211c80319c", "timestamp": "2026-11-24T04:40:38.355Z", "name": "support request",
        "input": {"question": "Where?"}, "output": "On its way.", "sessionId": "s-1", "userId": "u-1", "release": null,
        "version": "7", "metadata": {"k": 1}, "tags": ["beta"], "public": true, "environment": "default",
        "latency": 3.5, "totalCost": 0.0006, "observations": ["a", "b"],
    });
    let answer = move |page: &str| {
        let rows = if page == "1" {
            vec![
                stored.clone(),
                with(
                    stored.clone(),
                    &json!({"id": "b", "latency": -1, "totalCost": -1}),
                ),
            ]
        } else {
            vec![with(stored.clone(), &json!({"id": "c"}))]
        };
        Answer::json(
            200,
            &json!({"data": rows, "meta": {"page": page, "limit": 2, "totalItems": 3, "totalPages": 2}})
                .to_string(),
        )
    };
    let server = Receiver::new(move |request| match &request.path {
        path if path.starts_with("/api/public/v2/observations") => replay::answered("setup", "unknown path"),
        path if path.contains("page=2") => answer("2"),
        _ => answer("1"),
    });
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let question = langfuse
        .traces()
        .user("u-1")
        .tag("beta")
        .environment("default")
        .from(at(0))
        .contents();
    let traces = alone(question.rows().all()).unwrap();
    assert_eq!(ids(&traces), ["0af7651916cd43dd8448eb211c80319c", "b", "c"]);
    let [first, uncounted, _] = &traces[..] else {
        panic!("three")
    };
    assert_eq!(first.latency, Some(Duration::from_millis(3500)));
    assert_eq!(first.total_cost, Some("0.0006".parse().unwrap()));
    assert_eq!(first.input.as_deref(), Some(r#"{"question":"Where?"}"#));
    assert_eq!(
        (first.observations, first.tokens(), first.is_public),
        (2, None, true)
    );
    assert_eq!((uncounted.latency, uncounted.total_cost), (None, None));
    let asked: Vec<_> = server.requests().into_iter().map(|it| it.path).collect();
    assert_eq!(
        asked,
        [
            "/api/public/v2/observations?userId=u-1&environment=default&fields=core&limit=1000&fromStartTime=2026-11-24T00%3A00%3A00.000Z&filter=%5B%7B%22column%22%3A%22tags%22%2C%22operator%22%3A%22all+of%22%2C%22type%22%3A%22arrayOptions%22%2C%22value%22%3A%5B%22beta%22%5D%7D%5D",
            "/api/public/traces?userId=u-1&tags=beta&environment=default&fromTimestamp=2026-11-24T00%3A00%3A00.000Z&orderBy=timestamp.desc&fields=core%2Cio%2Cobservations%2Cmetrics",
            "/api/public/traces?userId=u-1&tags=beta&environment=default&fromTimestamp=2026-11-24T00%3A00%3A00.000Z&orderBy=timestamp.desc&fields=core%2Cio%2Cobservations%2Cmetrics&page=2",
        ]
    );
}

#[test]
fn an_order_that_the_server_has_not_is_an_error_and_no_other_order() {
    let server = Receiver::new(|_| replay::answered("legacy-reads", "GET /traces"));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let mut rows = langfuse.traces().order(TraceOrder::Name).rows();
    let error = alone(rows.next()).unwrap().unwrap_err();
    assert!(error.is_unsupported_server() && !error.is_not_found(), "{error}");
    assert!(alone(rows.next()).is_none());
    let asked = server.requests().pop().unwrap().path;
    assert_eq!(
        asked,
        "/api/public/traces?orderBy=name.asc&fields=core%2Cobservations%2Cmetrics"
    );
}

/// One observation of a case: its trace, when it begins and how long it takes, what it reports, and which of the trace's others
/// it stands below.
type Drawn = (u8, u16, u16, Option<u8>, bool, Option<usize>);

fn rows_of(drawn: &[Drawn]) -> Vec<Value> {
    let mut of_trace: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    let mut rows = Vec::new();
    for (index, &(trace, start, length, tokens, is_call, parent)) in drawn.iter().enumerate() {
        let id = format!("{index:016x}");
        let known = of_trace.entry(trace).or_default();
        let parent = parent
            .filter(|_| !known.is_empty())
            .map(|parent| known[parent % known.len()].clone());
        let mut made = row(
            &format!("trace-{trace}"),
            &id,
            start.into(),
            u64::from(start) + u64::from(length),
        );
        made["parentObservationId"] = parent.into();
        if let Some(tokens) = tokens {
            let tokens = u64::from(tokens) + 1;
            made = with(made, &call(tokens, 0.01 * tokens as f64));
        }
        made["type"] = if is_call { "GENERATION" } else { "AGENT" }.into();
        known.push(id);
        rows.push(made);
    }
    rows
}

/// What a trace comes to, by the rule: each reports what it reports, unless it calls no model and one below it reports.
fn expected(
    rows: &[Value],
    window: (SystemTime, SystemTime),
) -> Vec<(String, SystemTime, Duration, u64, usize)> {
    fn reports_below(rows: &[&Value], id: &Value) -> bool {
        rows.iter()
            .filter(|row| row["parentObservationId"] == *id)
            .any(|row| row["usageDetails"]["total"].is_number() || reports_below(rows, &row["id"]))
    }
    let time = |row: &Value, name: &str| instant(row[name].as_str().unwrap());
    let traces: BTreeSet<_> = rows.iter().map(|row| row["traceId"].as_str().unwrap()).collect();
    let mut found = Vec::new();
    for trace in traces {
        let of: Vec<_> = rows.iter().filter(|row| row["traceId"] == trace).collect();
        let start = of.iter().map(|row| time(row, "startTime")).min().unwrap();
        let end = of.iter().map(|row| time(row, "endTime")).max().unwrap();
        let own = of
            .iter()
            .filter(|row| row["type"] == "GENERATION" || !reports_below(&of, &row["id"]));
        let tokens = own.filter_map(|row| row["usageDetails"]["total"].as_u64()).sum();
        if start >= window.0 && start < window.1 {
            found.push((
                trace.to_owned(),
                start,
                end.duration_since(start).unwrap(),
                tokens,
                of.len(),
            ));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_trace_comes_once_and_whole_however_its_rows_come(
        drawn in prop::collection::vec(
            (0..12_u8, 0..2000_u16, 0..500_u16, prop::option::of(0..50_u8), any::<bool>(), prop::option::of(0..8_usize)),
            0..60,
        ),
        page in 1..9_usize,
        seed in any::<u64>(),
        disorder in 0..3_u8,
        edges in (0..1000_u64, 1000..2000_u64),
    ) {
        let rows = rows_of(&drawn);
        let window = (at(edges.0), at(edges.1));
        let mut server = Server::new(rows.clone(), page);
        // Nothing, repeated, repeated and shuffled.
        if disorder > 0 {
            server = server.repeating(seed);
        }
        if disorder > 1 {
            server = server.shuffling(seed);
        }
        let traces = alone(server.client().traces().from(window.0).to(window.1).rows().all()).unwrap();
        if disorder < 2 {
            prop_assert!(traces.is_sorted_by(|one, next| one.start >= next.start), "{:?}", traces.iter().map(|it| it.start).collect::<Vec<_>>());
        }
        let mut found: Vec<_> = traces
            .iter()
            .map(|it| (it.id.clone(), it.start, it.latency.unwrap(), it.tokens().unwrap_or_default(), it.observations))
            .collect();
        found.sort();
        prop_assert_eq!(found, expected(&rows, window));
        for trace in &traces {
            // A cent a token, exactly, however many were added up.
            let cents = i128::from(trace.tokens().unwrap_or_default()) * 10_000_000_000;
            prop_assert_eq!(trace.total_cost.unwrap_or_default(), Money::from_picodollars(cents));
        }
    }
}
