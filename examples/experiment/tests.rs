//! The same program, against the words of a recorded server.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "../../tests/it/support/receiver.rs"]
mod receiver;
#[path = "../../tests/it/support/replay.rs"]
mod replay;
#[path = "../../tests/it/support/scores.rs"]
mod stored;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tracing::instrument::WithSubscriber;
use tracing_llm::Guard;
use tracing_subscriber::layer::SubscriberExt;

use self::receiver::{Answer, Receiver, Request};
use super::*;

fn recorded(name: &str) -> Value {
    let found = replay::recorded("datasets")
        .into_iter()
        .find(|it| it["name"] == name);
    found.unwrap()["response"]["json"].take()
}

/// A Langfuse that has what it is given: its words are the recorded ones, with what is in an item from the request.
fn server() -> Receiver {
    let items = Arc::new(Mutex::new(Vec::new()));
    Receiver::new(move |request: &Request| {
        let path = request.path.split('?').next().unwrap();
        let mut items = items.lock().unwrap();
        match (request.method.as_str(), path) {
            ("GET", "/api/public/projects") => replay::answered("setup", "projects (auth check)"),
            ("GET", path) if path.starts_with("/api/public/v2/datasets/") && items.is_empty() => {
                replay::answered("datasets", "get, unknown")
            }
            ("GET", path) if path.starts_with("/api/public/v2/datasets/") => {
                replay::answered("datasets", "get")
            }
            ("POST", "/api/public/v2/datasets") => replay::answered("datasets", "create"),
            ("POST", "/api/public/dataset-items") => {
                let mut item = recorded("item: create");
                let given = stored::body(request);
                for name in ["id", "input", "expectedOutput"] {
                    item[name] = given[name].clone();
                }
                items.push(item.clone());
                Answer::json(200, &item.to_string())
            }
            ("GET", "/api/public/dataset-items") => {
                let mut list = recorded("items: list");
                list["data"] = items.clone().into();
                Answer::json(200, &list.to_string())
            }
            (_, "/api/public/ingestion") => stored::taken(request),
            (_, "/api/public/otel/v1/traces") => replay::answered("otlp", "protobuf accepted"),
            (method, path) => Answer::json(500, &format!("nobody recorded {method} {path}")),
        }
    })
}

fn program(server: &Receiver) -> (tracing::Dispatch, Guard) {
    let project = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
    let (layer, llm) = tracing_llm::builder().langfuse(project).build().unwrap();
    (tracing_subscriber::registry().with(layer).into(), llm)
}

/// Made twice, it is there once.
async fn prepared(langfuse: &Langfuse) {
    prepare(langfuse).await.unwrap();
    prepare(langfuse).await.unwrap();
}

#[tokio::test]
async fn three_of_four_questions_are_answered_without_a_model() {
    let server = server();
    let (dispatch, llm) = program(&server);
    prepared(&llm.langfuse().unwrap()).await;
    let report = run(&llm, "first try", None)
        .with_subscriber(dispatch)
        .await
        .unwrap();
    let outputs: Vec<_> = report
        .rows()
        .iter()
        .map(|row| row.output().unwrap().as_str())
        .collect();
    assert_eq!(
        outputs,
        [
            "Invoices are kept for seven years.",
            "Receipts are kept for two years.",
            "Anna has the key of the cellar.",
            "Nobody counts the mice.",
        ]
    );
    assert_eq!(report.check_min("has_words", 0.7), Ok(0.75));
    assert_eq!((report.mean("judge"), report.failed_evaluations()), (None, 0));
    assert_eq!(report.score("longest"), Some(&34.0.into()));
    assert!(
        report
            .url()
            .unwrap()
            .contains("/project/lab-project/experiments/results?baseline=")
    );
    // An item: its root, the agent, three evaluators; two scores. And one of the run.
    assert_eq!(
        report.delivery().to_string(),
        "langfuse 20 sent · langfuse scores 9 sent · 0 lost"
    );
    let of_dataset = server
        .requests()
        .into_iter()
        .filter(|it| it.method == "POST" && it.path.contains("dataset"));
    assert_eq!(of_dataset.count(), 5);
}

#[tokio::test]
async fn a_model_answers_and_judges() {
    let server = server();
    let (dispatch, llm) = program(&server);
    let model = Receiver::new(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let prompt = body["messages"][0]["content"].as_str().unwrap();
        let text = match prompt {
            it if it.contains("Answer: ") && it.contains("mice") => "good, I think",
            it if it.contains("Answer: ") => "0.9 It is short.",
            it if it.contains("invoices kept?") => "seven years",
            _ => "not known",
        };
        let message =
            json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
        let usage = json!({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25});
        let answer = json!({"model": "gpt-4o", "choices": [message], "usage": usage});
        Answer::json(200, &answer.to_string())
    });
    let endpoint = Endpoint::new(&format!("{}/v1/", model.url()), "gpt-4o", None);
    prepared(&llm.langfuse().unwrap()).await;
    let report = run(&llm, "gpt-4o", Some(&endpoint))
        .with_subscriber(dispatch)
        .await
        .unwrap();
    assert_eq!(report.mean("has_words"), Some(0.5));
    assert_eq!(report.mean("judge"), Some(0.9));
    let failures: Vec<_> = report.rows()[3]
        .failures()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert_eq!(failures, ["judge: invalid float literal"]);
    let unmet = report.check_min("judge", 0.7).unwrap_err();
    assert!(
        unmet
            .to_string()
            .contains("1 of 4 items failed, which counts as 0"),
        "{unmet}"
    );
    assert!(llm.flush_blocking(Duration::from_secs(60)).is_complete());
}
