//! Scores that are queued: from inside a span and from anywhere, beside the traces and counted apart.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{
    Builder, Guard, Langfuse, LangfuseBuilder, Otlp, Score, SpanExt, SpanId, TraceId, current,
};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::books::balance;
use crate::support::lines::Lines;
use crate::support::receiver::{Answer, Receiver};
use crate::support::scores as support;

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

fn project(server: &Receiver) -> LangfuseBuilder {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url())
}

fn program(builder: Builder) -> (Dispatch, Guard) {
    let (layer, llm) = builder.build().unwrap();
    (tracing_subscriber::registry().with(layer).into(), llm)
}

/// The bodies of all scores that came, without what is chance in them.
fn scores(server: &Receiver) -> Vec<Value> {
    let bodies = support::events(server)
        .into_iter()
        .map(|mut event| event["body"].take());
    bodies
        .map(|mut body| {
            let id = body.as_object_mut().unwrap().remove("id");
            assert_eq!(id.unwrap().as_str().unwrap().len(), 36);
            body
        })
        .collect()
}

#[test]
fn what_is_open_and_its_trace_are_scored_from_inside() {
    let server = support::langfuse();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .environment("prod")
            .langfuse(project(&server)),
    );
    let (trace, root, inner) = dispatcher::with_default(&dispatch, || {
        let root = info_span!("root");
        let inner = root.in_scope(|| info_span!("inner"));
        inner.in_scope(|| {
            current().score(Score::new("relevance", 0.92).comment("semantic similarity"));
            current().trace().score(Score::new("toxicity", 0.02));
            current().score(Score::new("resolved", true).on_session("s-1"));
        });
        root.observation().score(Score::new("tone", "kind"));
        let (root, inner) = (root.observation(), inner.observation());
        (root.trace_id().unwrap(), root.id().unwrap(), inner.id().unwrap())
    });
    current()
        .score(Score::new("nowhere", 1))
        .trace()
        .score(Score::new("nowhere", 1));
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 2 sent · langfuse scores 4 sent · 0 lost"
    );
    let (trace, root, inner) = (trace.to_string(), root.to_string(), inner.to_string());
    assert_eq!(
        scores(&server),
        [
            json!({"name": "relevance", "value": 0.92, "traceId": trace, "observationId": inner, "comment": "semantic similarity",
                "environment": "prod"}),
            json!({"name": "toxicity", "value": 0.02, "traceId": trace, "environment": "prod"}),
            json!({"name": "resolved", "value": 1, "dataType": "BOOLEAN", "sessionId": "s-1", "environment": "prod"}),
            json!({"name": "tone", "value": "kind", "dataType": "CATEGORICAL", "traceId": trace, "observationId": root,
                "environment": "prod"}),
        ]
    );
    let ledger = llm.ledger();
    assert_eq!(ledger.scores()[0].name(), "langfuse scores");
    assert_eq!(balance(&ledger.scores()[0]), [4, 4, 0, 0, 0]);
    assert_eq!(ledger.unsent_scores(), 0);
}

#[test]
fn a_span_that_no_project_is_shown_gives_its_environment_to_its_scores() {
    let server = support::langfuse();
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(project(&server).filter("off")));
    let trace = dispatcher::with_default(&dispatch, || {
        let job = info_span!("job", langfuse.environment = "staging");
        job.observation().score(Score::new("resolved", true));
        job.observation().trace_id().unwrap().to_string()
    });
    llm.flush_blocking(HANG);
    assert_eq!(
        scores(&server),
        [
            json!({"name": "resolved", "value": 1, "dataType": "BOOLEAN", "traceId": trace, "environment": "staging"})
        ]
    );
}

#[test]
fn what_was_made_by_hand_is_scored_also_after_its_end() {
    let server = support::langfuse();
    let (_, llm) = program(tracing_llm::builder().langfuse(project(&server)));
    let root = llm.trace("job").id("req-1").start();
    let call = root.generation("call").start();
    call.score(Score::new("relevance", 1));
    let (trace, handle) = (root.trace(), call.handle());
    let ids = (root.trace_id().to_string(), call.id().to_string());
    call.end();
    root.end();
    handle.score(Score::new("late", 2));
    trace.score(Score::new("whole", 3));
    llm.score(Score::new("given", 4).on_trace(trace.id()));
    llm.langfuse()
        .unwrap()
        .queue_score(Score::new("client", 5).on_trace(trace.id()))
        .unwrap();
    llm.flush_blocking(HANG);
    assert_eq!(
        scores(&server),
        [
            json!({"name": "relevance", "value": 1.0, "traceId": ids.0, "observationId": ids.1}),
            json!({"name": "late", "value": 2.0, "traceId": ids.0, "observationId": ids.1}),
            json!({"name": "whole", "value": 3.0, "traceId": ids.0}),
            json!({"name": "given", "value": 4.0, "traceId": ids.0}),
            json!({"name": "client", "value": 5.0, "traceId": ids.0}),
        ]
    );
    assert_eq!(llm.ledger().late(), 0);
    let alone = project(&server).build().unwrap();
    assert!(alone.queue_score(Score::new("x", 1)).unwrap_err().is_system());
}

/// Infrastructure goes to OTLP only, so Langfuse has nothing of it that could have a score.
#[test]
fn what_a_project_is_not_shown_is_scored_where_it_is() {
    let server = support::langfuse();
    let otlp = Receiver::otlp();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(project(&server))
            .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url()))),
    );
    let ids = dispatcher::with_default(&dispatch, || {
        let request = info_span!("request", http.route = "/ask");
        request.observation().score(Score::new("on the request", 1));
        let tool = request.in_scope(|| info_span!("tool"));
        let query = tool.in_scope(|| info_span!(target: "sqlx::query", "query"));
        query.observation().score(Score::new("on the query", 1));
        let tool = tool.observation();
        (
            tool.trace_id().unwrap().to_string(),
            tool.id().unwrap().to_string(),
        )
    });
    llm.flush_blocking(HANG);
    assert_eq!(
        scores(&server),
        [
            json!({"name": "on the request", "value": 1.0, "traceId": ids.0}),
            json!({"name": "on the query", "value": 1.0, "traceId": ids.0, "observationId": ids.1}),
        ]
    );
}

#[test]
fn every_project_that_has_the_trace_gets_its_scores() {
    let (first, second) = (support::langfuse(), support::langfuse());
    let (_, llm) = program(
        tracing_llm::builder()
            .langfuse(project(&first).sample_rate(0.5))
            .langfuse(project(&second).name("all")),
    );
    let low: TraceId = "00000000000000000000000000000001".parse().unwrap();
    let high: TraceId = "0000000000000000ffffffffffffffff".parse().unwrap();
    llm.score(Score::new("both", 1).on_trace(low));
    llm.score(Score::new("one", 1).on_observation(high, SpanId::from_seed("x")));
    llm.langfuse_named("all")
        .unwrap()
        .queue_score(Score::new("named", 1).on_trace(low))
        .unwrap();
    llm.langfuse()
        .unwrap()
        .queue_score(Score::new("sampled out", 1).on_trace(high))
        .unwrap();
    llm.flush_blocking(HANG);
    let names = |server: &Receiver| {
        scores(server)
            .into_iter()
            .map(|score| score["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["both"]);
    assert_eq!(names(&second), ["both", "one", "named"]);
    let ledger = llm.ledger();
    let accounts: Vec<_> = ledger
        .scores()
        .iter()
        .map(|account| (account.name(), balance(account)))
        .collect();
    assert_eq!(
        accounts,
        [
            ("langfuse scores", [1, 1, 0, 0, 0]),
            ("all scores", [3, 3, 0, 0, 0])
        ]
    );
    assert_eq!(ledger.unsent_scores(), 1);
}

#[test]
fn without_langfuse_a_score_is_for_nobody_and_counted() {
    let otlp = Receiver::otlp();
    let (dispatch, llm) =
        program(tracing_llm::builder().otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url()))));
    dispatcher::with_default(&dispatch, || {
        info_span!("work").in_scope(|| {
            current().score(Score::new("x", 1));
        });
    });
    llm.trace("job").start().score(Score::new("x", 1));
    let report = llm.flush_blocking(HANG);
    assert_eq!(report.to_string(), "otlp 2 sent · 0 lost");
    let ledger = llm.ledger();
    assert!(ledger.scores().is_empty());
    assert_eq!(ledger.unsent_scores(), 2);
    assert!(
        ledger.to_string().ends_with("0 open, 2 scores for nobody"),
        "{ledger}"
    );
}

#[test]
fn what_is_no_score_is_counted_and_said_once() {
    let server = support::langfuse();
    let lines = Lines::default();
    let (_, llm) = program(
        tracing_llm::builder()
            .langfuse(project(&server))
            .on_diagnostic(lines.writer()),
    );
    llm.score(Score::new("x", 1));
    llm.score(Score::new("y", f64::NAN).on_session("s"));
    llm.score(Score::new("z", 1).on_session("s").comment("api_key=planted"));
    llm.flush_blocking(HANG);
    let ledger = llm.ledger();
    assert_eq!(balance(&ledger.scores()[0]), [3, 1, 2, 0, 0]);
    assert_eq!((ledger.scores()[0].rejected(), ledger.redacted()), (2, 1));
    assert_eq!(scores(&server)[0]["comment"], "api_key=[redacted]");
    let said = lines.all();
    assert!(
        said.contains(&"the score \"x\" cannot be sent: it is of nothing: say of what by on_trace(..), on_observation(..), on_session(..) or on_dataset_run(..) (said once)".to_owned()),
        "{said:?}"
    );
    assert!(!said.iter().any(|line| line.contains("\"y\"")), "{said:?}");
}

/// Traces go on arriving, and what could not be sent is when the server is there again.
#[test]
fn a_server_that_fails_for_a_while_gets_every_score_once() {
    let failures = Arc::new(Mutex::new(3));
    let left = Arc::clone(&failures);
    let server = Receiver::new(move |request| {
        let mut left = left.lock().unwrap();
        if request.path.ends_with("/ingestion") && *left > 0 {
            *left -= 1;
            return match *left {
                2 => Answer::status(503).header("retry-after", "0"),
                1 => Answer::Reset,
                _ => {
                    let sent: Value = serde_json::from_slice(&request.body).unwrap();
                    let error = json!({"id": sent["batch"][0]["id"], "status": 500, "message": "busy"});
                    Answer::json(207, &json!({"successes": [], "errors": [error]}).to_string())
                }
            };
        }
        match request.path.as_str() {
            "/api/public/ingestion" => support::taken(request),
            _ => Answer::json(200, "{}"),
        }
    });
    let (_, llm) = program(tracing_llm::builder().langfuse(project(&server)));
    llm.trace("job").start().score(Score::new("x", 1));
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 1 sent · langfuse scores 1 sent · 0 lost"
    );
    let account = llm.ledger().scores()[0].clone();
    assert_eq!((account.resent(), account.ambiguous()), (3, 1));
    let sent = scores(&server);
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|score| *score == sent[0]));
}

#[test]
fn batches_are_cut_by_bytes_and_halved_where_they_are_too_large() {
    let server = Receiver::new(|request| {
        if request.path.ends_with("/ingestion") && request.body.len() > 10_000 {
            return Answer::status(413);
        }
        match request.path.as_str() {
            "/api/public/ingestion" => support::taken(request),
            _ => Answer::json(200, "{}"),
        }
    });
    let lines = Lines::default();
    let (_, llm) = program(
        tracing_llm::builder()
            .langfuse(project(&server))
            .on_diagnostic(lines.writer()),
    );
    for _ in 0..8 {
        llm.score(Score::new("x", 1).on_session("s").comment("x".repeat(3000)));
    }
    llm.score(Score::new("huge", 1).on_session("s").comment("x".repeat(20_000)));
    llm.flush_blocking(HANG);
    let account = llm.ledger().scores()[0].clone();
    assert_eq!((balance(&account), account.too_large()), ([9, 8, 1, 0, 0], 1));
    let said = lines.all();
    assert!(
        said.iter()
            .any(|line| line.starts_with("langfuse scores: a score is too large: 413")),
        "{said:?}"
    );
}

#[test]
fn a_full_queue_and_a_shutdown_drop_scores_and_count_them() {
    let server = support::langfuse();
    let (_, llm) = program(
        tracing_llm::builder()
            .langfuse(project(&server))
            .queue_bytes(20_000),
    );
    let large = || Score::new("x", 1).on_session("s").comment("x".repeat(30_000));
    llm.score(large());
    let clicks = (0..4).map(|_| {
        let llm = llm.clone();
        thread::spawn(move || (0..50).for_each(|_| llm.score(Score::new("x", 1).on_session("s"))))
    });
    clicks
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|click| click.join().unwrap());
    llm.shutdown_blocking(HANG);
    llm.score(Score::new("x", 1).on_session("s"));
    let account = llm.ledger().scores()[0].clone();
    assert_eq!(account.offered(), 202);
    assert!(
        account.dropped_full() >= 1 && account.dropped_at_shutdown() >= 1,
        "{account}"
    );
    assert_eq!(balance(&account)[4], 0);
    assert_eq!(scores(&server).len() as u64, account.exported());
}

/// Where the server has no batches, each goes by itself.
#[test]
fn without_batches_each_score_goes_by_itself() {
    let server = Receiver::new(|request| match request.path.as_str() {
        "/api/public/ingestion" => Answer::json(404, r#"{"message":"Not Found"}"#),
        "/api/public/scores" if String::from_utf8_lossy(&request.body).contains("refused") => {
            Answer::json(400, r#"{"message":"Invalid request data"}"#)
        }
        _ => Answer::json(200, r#"{"id":"x"}"#),
    });
    let (_, llm) = program(tracing_llm::builder().langfuse(project(&server)));
    for name in ["a", "refused", "b"] {
        llm.score(Score::new(name, 1).on_session("s"));
    }
    llm.flush_blocking(HANG);
    llm.score(Score::new("c", 1).on_session("s"));
    llm.flush_blocking(HANG);
    assert_eq!(balance(&llm.ledger().scores()[0]), [4, 3, 1, 0, 0]);
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths.iter().filter(|path| path.ends_with("ingestion")).count(), 1);
    assert_eq!(paths.iter().filter(|path| path.ends_with("scores")).count(), 4);
}

/// The server takes no environment from the trace.
#[test]
fn a_score_is_in_the_environment_of_its_trace() {
    let server = support::langfuse();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .environment("prod")
            .langfuse(project(&server)),
    );
    dispatcher::with_default(&dispatch, || {
        let root = info_span!("root", langfuse.environment = "early");
        let inner = root.in_scope(|| info_span!("inner"));
        inner.observation().score(Score::new("inherited", 1));
        let plain = info_span!("plain");
        let below = plain.in_scope(|| info_span!("below"));
        below
            .observation()
            .score(Score::new("none", 1))
            .trace()
            .environment("late");
        below.observation().score(Score::new("set late", 1));
        below.observation().trace().score(Score::new("of the trace", 1));
        below
            .observation()
            .score(Score::new("its own", 1).environment("own"));
    });
    let job = llm.trace("job").start();
    job.trace().environment("by-hand").score(Score::new("by hand", 1));
    job.score(Score::new("by hand, too", 1));
    llm.flush_blocking(HANG);
    let said: Vec<_> = scores(&server)
        .into_iter()
        .map(|score| {
            format!(
                "{}: {}",
                score["name"].as_str().unwrap(),
                score["environment"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "inherited: early",
            "none: prod",
            "set late: late",
            "of the trace: late",
            "its own: own",
            "by hand: by-hand",
            "by hand, too: by-hand",
        ]
    );
}
