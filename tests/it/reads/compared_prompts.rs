//! Versions of a prompt beside each other. What the server answers of prompts in its sums is in no recording: the answers here have
//! the shape of those that are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tracing_llm::Langfuse;
use tracing_llm::langfuse::{PromptComparison, Window};

use super::metrics::query;
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

const NAME: &str = "rag_synthesis-1117";

fn client(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

fn window() -> Window {
    let from = std::time::UNIX_EPOCH + Duration::from_secs(1_795_478_400);
    Window::new(from, from + Duration::from_secs(86_400)).environment("prod")
}

fn rows(rows: Value) -> Answer {
    Answer::json(200, &json!({"data": rows, "meta": {}}).to_string())
}

/// The version whose calls are asked for.
fn asked_version(path: &str) -> u32 {
    let path = percent_decode_str(path).decode_utf8().unwrap();
    let (_, filter) = path.split_once("filter=").unwrap();
    let filter: Value = serde_json::from_str(filter).unwrap();
    let filter = filter.as_array().unwrap().iter();
    let mut version = filter.filter(|it| it["column"] == "promptVersion" && it["operator"] == "=");
    version.next().unwrap()["value"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap()
}

/// A project with versions 1, 2 and 3 of a prompt, of which 1 is in production.
fn project() -> Receiver {
    Receiver::new(|request| {
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            "/api/public/v2/prompts/rag_synthesis-1117" if request.path.contains("label=nobody") => {
                replay::answered("prompts", "get, unknown label")
            }
            "/api/public/v2/prompts/rag_synthesis-1117" => {
                replay::answered("prompts", "get, production by default")
            }
            "/api/public/v2/metrics" => match query(request)["view"].as_str().unwrap() {
                "observations" => rows(json!([
                    // As a number and as text: what comes is the database's.
                    {"promptVersion": 1, "count_count": "4", "sum_totalCost": 0.0012, "avg_latency": 1200.5, "p95_latency": 2310,
                        "sum_inputTokens": 4000, "sum_outputTokens": 1000},
                    {"promptVersion": "2", "count_count": 2, "sum_totalCost": null, "avg_latency": 900, "p95_latency": 950,
                        "sum_inputTokens": 100, "sum_outputTokens": 20},
                    {"promptVersion": 3, "count_count": 1, "sum_totalCost": 0.5, "avg_latency": 10, "p95_latency": 10,
                        "sum_inputTokens": 1, "sum_outputTokens": 1},
                ])),
                "scores-numeric" => rows(json!([
                    {"name": "relevance", "observationPromptVersion": 1, "avg_value": 0.82, "count_count": "3"},
                    {"name": "relevance", "observationPromptVersion": 2, "avg_value": 0.9, "count_count": 1},
                    {"name": "grounded", "observationPromptVersion": 2, "avg_value": 1, "count_count": 1},
                ])),
                "scores-boolean" => rows(json!([
                    {"name": "grounded", "observationPromptVersion": 2, "avg_value": 1, "count_count": 1},
                    {"name": "brief", "observationPromptVersion": 1, "avg_value": 0.25, "count_count": 4},
                    {"name": "brief", "observationPromptVersion": null, "avg_value": 0, "count_count": 9},
                ])),
                other => panic!("{other}"),
            },
            "/api/public/v2/observations" => {
                let call = |id: &str, trace: &str, version: u32| {
                    json!({"id": id, "traceId": trace, "type": "GENERATION", "startTime": "2026-11-24T04:40:39.355Z",
                        "promptName": NAME, "promptVersion": version})
                };
                let calls = [
                    call("g1", "t1", 1),
                    call("g2", "t1", 2),
                    call("g3", "t2", 2),
                    call("g4", "t3", 3),
                ];
                let version = asked_version(&request.path);
                rows(
                    calls
                        .into_iter()
                        .filter(|call| call["promptVersion"] == version)
                        .collect(),
                )
            }
            "/api/public/v3/scores" => {
                let score = |name: &str, value: Value, subject: Value| {
                    let kind = if value.is_boolean() { "BOOLEAN" } else { "NUMERIC" };
                    json!({"id": "s", "name": name, "value": value, "dataType": kind, "source": "API",
                        "timestamp": "2026-11-24T04:40:39.355Z", "subject": subject})
                };
                let trace = |id: &str| json!({"kind": "trace", "id": id});
                let observation = |id: &str| json!({"kind": "observation", "id": id, "traceId": "t1"});
                rows(json!([
                    score("user_rating", json!(0.5), trace("t1")),
                    score("user_rating", json!(1), trace("t2")),
                    score("helpful", json!(true), observation("root")),
                    // Of a generation, which the sums have already.
                    score("relevance", json!(0.1), observation("g1")),
                ]))
            }
            other => panic!("nobody asks for {other}"),
        }
    })
}

#[test]
fn two_versions_stand_beside_each_other() {
    let server = project();
    let compared = alone(client(&server).compare_prompts(NAME, ["production"], &window())).unwrap();
    assert_eq!(compared.versions.len(), 1);
    assert_eq!(
        (compared.versions[0].version, &compared.versions[0].labels[..]),
        (1, &["production".to_owned()][..])
    );

    let compared = alone(client(&server).compare_prompts(NAME, [2, 1], &window())).unwrap();
    assert_eq!(
        compared.to_string(),
        "\
rag_synthesis-1117  calls     cost     each    mean     p95  tokens in  tokens out     brief  grounded  relevance  trace: helpful  trace: user_rating
2                       2        –        –  900 ms  950 ms        100          20         –     1 (1)    0.9 (1)           1 (1)            0.75 (2)
1                       4  $0.0012  $0.0003  1.20 s  2.31 s       4000        1000  0.25 (4)         –   0.82 (3)           1 (1)             0.5 (1)
"
    );
}

#[test]
fn without_a_name_each_version_is_there_the_oldest_first() {
    let server = project();
    let compared = client(&server)
        .compare_prompts_blocking(NAME, [0_u32; 0], &window())
        .unwrap();
    let calls: Vec<_> = compared
        .versions
        .iter()
        .map(|it| (it.version, it.calls))
        .collect();
    assert_eq!(calls, [(1, 4), (2, 2), (3, 1)]);
    assert!(!compared.is_cut);
}

#[test]
fn what_is_asked_is_what_is_compared() {
    let server = project();
    let _ = alone(client(&server).compare_prompts(NAME, [1, 2], &window())).unwrap();
    let requests = server.requests();
    let prompt = json!({"column": "promptName", "operator": "=", "type": "string", "value": NAME});
    let environment = json!({"column": "environment", "operator": "=", "type": "string", "value": "prod"});
    assert_eq!(
        query(&requests[0]),
        json!({
            "view": "observations",
            "metrics": [
                {"measure": "count", "aggregation": "count"},
                {"measure": "totalCost", "aggregation": "sum"},
                {"measure": "latency", "aggregation": "avg"},
                {"measure": "latency", "aggregation": "p95"},
                {"measure": "inputTokens", "aggregation": "sum"},
                {"measure": "outputTokens", "aggregation": "sum"},
            ],
            "dimensions": [{"field": "promptVersion"}],
            "filters": [environment, prompt],
            "fromTimestamp": "2026-11-24T00:00:00.000Z",
            "toTimestamp": "2026-11-25T00:00:00.000Z",
            "orderBy": [{"field": "count_count", "direction": "desc"}],
            "config": {"row_limit": 1000},
        })
    );
    let scores = query(&requests[1]);
    assert_eq!(
        (&scores["view"], &query(&requests[2])["view"]),
        (&json!("scores-numeric"), &json!("scores-boolean"))
    );
    assert_eq!(
        scores["dimensions"],
        json!([{"field": "name"}, {"field": "observationPromptVersion"}])
    );
    assert_eq!(scores["filters"][1]["column"], "observationPromptName");
    let mut called = requests[3..5]
        .iter()
        .map(|it| percent_decode_str(&it.path).decode_utf8().unwrap());
    let calls = |version: u32, limit: u32| {
        let version = json!({"column": "promptVersion", "operator": "=", "type": "number", "value": version});
        format!(
            "/api/public/v2/observations?fromStartTime=2026-11-24T00:00:00.000Z&toStartTime=2026-11-25T00:00:00.000Z&\
             fields=core,prompt&limit={limit}&filter={}",
            json!([environment, prompt, version])
        )
    };
    // The one with fewer calls first: what it does not take of its half is the other's.
    assert_eq!(called.next().unwrap(), calls(2, 501));
    assert_eq!(called.next().unwrap(), calls(1, 999));
    // The version that is not compared has a trace of its own, which nobody asks for.
    let [ref traces] = requests[5..] else {
        panic!("{}", requests.len())
    };
    assert!(
        traces.path.contains("t1") && traces.path.contains("t2") && !traces.path.contains("t3"),
        "{}",
        traces.path
    );
}

#[test]
fn a_label_that_nobody_has_is_an_error() {
    let server = project();
    let error = alone(client(&server).compare_prompts(NAME, ["nobody"], &window())).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

/// A project with so many calls of versions 1 and 2, each in a trace of its own that has a score; and how often it is asked for
/// scores.
fn project_of(calls: [u32; 2]) -> (Receiver, Arc<AtomicUsize>) {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let server = Receiver::new(move |request| {
        if request.path.starts_with("/api/public/v2/metrics") {
            return match query(request)["view"].as_str().unwrap() {
                "observations" => rows(json!([
                    {"promptVersion": 1, "count_count": calls[0]},
                    {"promptVersion": 2, "count_count": calls[1]},
                ])),
                _ => rows(json!([])),
            };
        }
        if request.path.starts_with("/api/public/v3/scores") {
            counted.fetch_add(1, Ordering::Relaxed);
            assert!(request.path.len() < 2500, "{}", request.path.len());
            let path = percent_decode_str(&request.path).decode_utf8().unwrap();
            let (_, ids) = path.split_once("traceId=").unwrap();
            let score = |id: &str| {
                json!({"id": "s", "name": "helpful", "value": 1, "dataType": "NUMERIC", "source": "API",
                    "timestamp": "2026-11-24T04:40:39.355Z", "subject": {"kind": "trace", "id": id}})
            };
            return rows(
                ids.split(['&', ','])
                    .filter(|id| id.len() == 32)
                    .map(score)
                    .collect(),
            );
        }
        let version = asked_version(&request.path);
        let call = |number: u32| {
            json!({"id": format!("{version}{number:015x}"), "traceId": format!("{version}{number:031x}"), "type": "GENERATION",
                "startTime": "2026-11-24T04:40:39.355Z", "promptVersion": version})
        };
        let count = calls[version as usize - 1];
        let (page, meta) = match request.path.contains("cursor=more") {
            true => (1000..count, json!({})),
            false if count > 1000 => (0..1000, json!({"cursor": "more"})),
            false => (0..count, json!({})),
        };
        let page: Vec<_> = page.map(call).collect();
        Answer::json(200, &json!({"data": page, "meta": meta}).to_string())
    });
    (server, times)
}

#[test]
fn many_calls_are_many_traces_and_so_many_requests_at_most() {
    for (calls, is_cut) in [(1000, false), (1001, true), (1700, true)] {
        let (server, times) = project_of([calls, 0]);
        let compared: PromptComparison =
            alone(client(&server).compare_prompts(NAME, [1], &window())).unwrap();
        assert_eq!((compared.is_cut, times.load(Ordering::Relaxed)), (is_cut, 20));
        assert_eq!(
            (compared.versions[0].calls, compared.versions[0].cost),
            (calls.into(), None)
        );
    }
}

#[test]
fn a_version_that_is_rarely_called_is_not_crowded_out() {
    for (calls, looked_at, is_cut) in [
        ([1700, 14], [986, 14], true),
        ([600, 1700], [500, 500], true),
        ([600, 400], [600, 400], false),
    ] {
        let (server, _) = project_of(calls);
        let compared = alone(client(&server).compare_prompts(NAME, [1, 2], &window())).unwrap();
        let counts = compared
            .versions
            .iter()
            .map(|it| it.trace_scores["helpful"].count);
        assert!(counts.eq(looked_at), "{compared}");
        assert_eq!(compared.is_cut, is_cut);
    }
}

#[test]
fn that_an_answer_could_have_no_more_sums_is_said() {
    let full: Vec<_> = (0..1000)
        .map(|number| {
            let name = format!("score {}", number / 500);
            json!({"name": name, "observationPromptVersion": number, "avg_value": 0.5, "count_count": 1})
        })
        .collect();
    let server = Receiver::new(move |request| match request.path.contains("metrics") {
        true if query(request)["view"] == "scores-numeric" => rows(json!(full)),
        _ => rows(json!([])),
    });
    let compared = alone(client(&server).compare_prompts(NAME, [1], &window())).unwrap();
    assert!(compared.is_incomplete && !compared.is_cut);
    assert_eq!(
        compared.to_string(),
        "\
rag_synthesis-1117  calls  cost  each  mean  p95  tokens in  tokens out  score 0
1                       0     –     –     –    –          0           0  0.5 (1)
there is more than an answer of the server has: a shorter window would do
"
    );
}
