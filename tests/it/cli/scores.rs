//! `score`: the recorded scores, made by hand.

use serde_json::{Value, json};

use super::{prints, with};
use crate::support::receiver::{Answer, Receiver};

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";
const OBSERVATION: &str = "ce4b531586c02b46";

/// A server that takes a score, and answers with its id.
fn server() -> Receiver {
    Receiver::new(|request| {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/api/public/scores")
        );
        let score: Value = serde_json::from_slice(&request.body).unwrap();
        Answer::json(200, &json!({"id": score["id"]}).to_string())
    })
}

#[test]
fn a_score_is_sent_and_its_id_printed() {
    let server = server();
    for (arguments, sent) in [
        (
            &[
                "relevance",
                "0.92",
                "--trace",
                TRACE,
                "--observation",
                OBSERVATION,
                "--comment",
                "semantic",
            ][..],
            json!({"name": "relevance", "value": 0.92, "traceId": TRACE, "observationId": OBSERVATION,
                "comment": "semantic"}),
        ),
        (
            &["change", "-0.5", "--comment", "- slower", "--trace", TRACE],
            json!({"name": "change", "value": -0.5, "traceId": TRACE, "comment": "- slower"}),
        ),
        (
            &["helpful", "true", "--trace", TRACE],
            json!({"name": "helpful", "value": 1, "dataType": "BOOLEAN", "traceId": TRACE}),
        ),
        (
            &["mood", "satisfied", "--session", "s-1"],
            json!({"name": "mood", "value": "satisfied", "dataType": "CATEGORICAL", "sessionId": "s-1"}),
        ),
        (
            &["stars", "5", "--data-type", "categorical", "--trace", TRACE],
            json!({"name": "stars", "value": "5", "dataType": "CATEGORICAL", "traceId": TRACE}),
        ),
        (
            &["remark", "well said", "--data-type", "text", "--trace", TRACE],
            json!({"name": "remark", "value": "well said", "dataType": "TEXT", "traceId": TRACE}),
        ),
    ] {
        let printed = prints(&server, &[&["score"], arguments].concat());
        let requests = server.take_requests();
        let mut body: Value = serde_json::from_slice(&requests[0].body).unwrap();
        let id = body.as_object_mut().unwrap().remove("id").unwrap();
        assert_eq!(printed, format!("{}\n", id.as_str().unwrap()));
        assert_eq!(body, sent);
    }
}

#[test]
fn what_is_no_score_is_not_sent() {
    let server = server();
    for (value, data_type, said) in [
        ("good", "numeric", "a numeric score is a number"),
        ("1", "boolean", "a boolean score is true or false"),
        (
            "NaN",
            "numeric",
            "the score \"mood\" cannot be sent: NaN is no value",
        ),
    ] {
        let ran = with(
            &server,
            &["score", "mood", value, "--data-type", data_type, "--trace", TRACE],
        );
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        assert_eq!(ran.err, format!("tracing-llm: {said}\n"));
    }
    assert!(server.requests().is_empty());
}
