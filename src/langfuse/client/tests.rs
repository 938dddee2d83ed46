//! How often a call is made, and what is said when it fails; requests are counted by the server.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::budget::{Attempts, Budget};
use super::*;
use crate::receiver::{Answer, Receiver};

const OK: &str = r#"{"done":true}"#;

/// What one call came to with these answers, of which the last stays: its text or its kind, and how many requests came.
fn came_to(answers: Vec<Answer>, timeout: Duration, request: Request) -> (Result<(), Error>, usize) {
    let answers = Mutex::new(VecDeque::from(answers));
    let receiver = Receiver::new(move |_| {
        let mut answers = answers.lock().unwrap();
        let answer = answers.front().cloned().unwrap();
        if answers.len() > 1 {
            answers.pop_front();
        }
        answer
    });
    let client = client(&receiver.url(), timeout);
    let outcome = client.wait(client.call(request)).map(drop);
    (outcome, receiver.requests().len())
}

fn client(url: &str, timeout: Duration) -> Langfuse {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
        .base_url(url)
        .header("x-gateway", "planted-gateway-word")
        .timeout(timeout)
        .build()
        .unwrap()
}

fn read() -> Request {
    Request::get("read it", &["things", "a/b ?&"])
        .query("limit", Some(3))
        .query("label", None::<u32>)
}

fn change() -> Request {
    Request::change(Method::POST, "make it", &["things"]).body(json!({"id": "1"}))
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_read_is_tried_three_times_and_a_change_without_an_id_once() {
    let ok = || Answer::json(200, OK);
    let soon = || Answer::status(429).header("retry-after", "0.01");
    let later = || Answer::status(503).header("retry-after", "3600");
    // The answers; requests of a read, and of a change with and without an id; which of them end well.
    let table: [(Vec<Answer>, [usize; 3], [bool; 3]); 12] = [
        (vec![ok()], [1, 1, 1], [true; 3]),
        (vec![Answer::status(500), ok()], [2, 2, 1], [true, true, false]),
        (
            vec![Answer::status(502), Answer::status(504), ok()],
            [3, 3, 1],
            [true, true, false],
        ),
        (vec![Answer::status(503)], [3, 3, 1], [false; 3]),
        (vec![soon(), ok()], [2, 2, 1], [true, true, false]),
        // The wait does not fit, so nobody waits.
        (vec![later(), ok()], [1, 1, 1], [false; 3]),
        (vec![Answer::Reset, ok()], [2, 2, 1], [true, true, false]),
        (vec![Answer::Close], [3, 3, 1], [false; 3]),
        (vec![Answer::status(400), ok()], [1, 1, 1], [false; 3]),
        (vec![Answer::status(401), ok()], [1, 1, 1], [false; 3]),
        (vec![Answer::status(404), ok()], [1, 1, 1], [false; 3]),
        (vec![Answer::status(422), ok()], [1, 1, 1], [false; 3]),
    ];
    for (answers, requests, successes) in table {
        let calls = [read(), change().repeatable(), change()];
        for ((call, requests), success) in calls.into_iter().zip(requests).zip(successes) {
            let what = format!("{answers:?} {call:?}");
            let (outcome, came) = came_to(answers.clone(), LONG, call);
            assert_eq!(
                (came, outcome.is_ok()),
                (requests, success),
                "{what}: {outcome:?}"
            );
        }
    }
}

#[test]
fn all_attempts_have_one_time() {
    // The first attempt takes it all.
    let (outcome, requests) = came_to(vec![Answer::Hang], SHORT, read());
    let error = outcome.unwrap_err();
    assert!(error.is_timeout() && !error.is_ambiguous(), "{error}");
    assert_eq!(requests, 1);
    // Verbs that ask several times share it, too.
    let receiver = Receiver::new(|_| Answer::json(200, OK));
    let client = client(&receiver.url(), LONG);
    let over = Budget::new(Duration::ZERO);
    let error = client
        .wait(client.call(read().within(over)))
        .map(drop)
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[test]
fn a_server_that_is_away_is_known_at_once() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = client(&format!("http://127.0.0.1:{port}"), LONG);
    for call in [read(), change()] {
        let error = client.wait(client.call(call)).map(drop).unwrap_err();
        assert!(error.is_unreachable() && !error.is_ambiguous(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_and_the_longer_of_both_counts() {
    let budget = Budget::new(Duration::from_secs(10));
    let millis = |from, to| Duration::from_millis(from)..=Duration::from_millis(to);
    let mut attempts = Attempts::new();
    assert!(millis(125, 250).contains(&attempts.next(&budget, None).unwrap()));
    assert!(millis(250, 500).contains(&attempts.next(&budget, None).unwrap()));
    assert_eq!(attempts.next(&budget, None), None, "three are enough");
    let asked = |seconds| Attempts::new().next(&budget, Some(Duration::from_secs(seconds)));
    assert_eq!(asked(9), Some(Duration::from_secs(9)));
    assert_eq!(asked(10), None);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(asked(9), None);
    assert_eq!(Budget::new(Duration::MAX).whole(), Duration::MAX);
}

#[test]
fn errors_say_what_failed_where_and_in_the_servers_words() {
    let page = Answer::status(404)
        .header("content-type", "text/html")
        .body("<html>");
    let issue = r#"{"message":"Invalid request data","error":[{"code":"custom","path":["newLabels",0],"message":"no"}]}"#;
    let union = r#"{"message":"Invalid request data","error":[{"errors":[[{"path":["name"],"message":"none"}]],"path":[],
        "message":"Invalid input"}]}"#;
    let long = format!("{{\"message\":\"{}\\nb\"}}", "x".repeat(300));
    let cut = format!("{{host}} answered 400 Bad Request: {}…", "x".repeat(200));
    let table = [
        (
            Answer::json(401, r#"{"message":"No."}"#),
            "{host} answered 401 Unauthorized: No.",
        ),
        (
            Answer::json(404, r#"{"message":"No such."}"#),
            "{host} answered 404 Not Found: No such.",
        ),
        (
            page,
            "{host} answered 404 Not Found and no JSON: it is no Langfuse, or something stands before one",
        ),
        (
            Answer::status(200).body("Welcome"),
            "{host} answered 200 OK and no JSON: it is no Langfuse, or something stands before one",
        ),
        (
            Answer::status(302).header("location", "/sign-in"),
            "{host} answered 302 Found: http://{host}/api/public/things is elsewhere, and redirects are not followed (does it want \
             https://?)",
        ),
        (
            Answer::json(400, issue),
            "{host} answered 400 Bad Request: Invalid request data: newLabels.0: no",
        ),
        (
            Answer::json(400, union),
            "{host} answered 400 Bad Request: Invalid request data: name: none",
        ),
        (Answer::json(400, &long), &cut),
        (Answer::status(409), "{host} answered 409 Conflict"),
        (Answer::Hang, "no answer from {host} within 300ms"),
        (Answer::Reset, "no answer from {host}: connection reset"),
    ];
    for (answer, expected) in table {
        let receiver = Receiver::new(move |_| answer.clone());
        let client = client(&receiver.url(), SHORT);
        let error = client.wait(client.call(change())).map(drop).unwrap_err();
        let host = receiver.address().to_string();
        assert_eq!(
            error.to_string(),
            format!("cannot make it: {}", expected.replace("{host}", &host))
        );
    }
}

#[test]
fn each_status_answers_one_question() {
    let questions = |error: &Error| {
        [
            error.is_auth(),
            error.is_not_found(),
            error.is_rate_limited(),
            error.is_refused(),
            error.is_server_failure(),
            error.is_unexpected_answer(),
        ]
        .iter()
        .map(|&yes| if yes { 'x' } else { '.' })
        .collect::<String>()
    };
    for (status, answers, ambiguous) in [
        (401, "x.....", false),
        (403, "x.....", false),
        (404, ".x....", false),
        (429, "..x...", false),
        (400, "...x..", false),
        (413, "...x..", false),
        (422, "...x..", false),
        (500, "....x.", true),
        (503, "....x.", true),
        (304, ".....x", false),
    ] {
        let (outcome, _) = came_to(vec![Answer::json(status, "{}")], LONG, change());
        let error = outcome.unwrap_err();
        assert_eq!(questions(&error), answers, "{error}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.is_ambiguous(), ambiguous, "{error}");
    }
}

#[test]
fn names_are_one_segment_and_what_cannot_be_one_is_no_name() {
    let receiver = Receiver::new(|_| Answer::json(200, OK));
    let client = client(&format!("{}/behind/a/gateway/", receiver.url()), LONG);
    client.wait(client.call(read())).map(drop).unwrap();
    assert_eq!(
        receiver.requests()[0].path,
        "/behind/a/gateway/api/public/things/a%2Fb%20%3F%26?limit=3"
    );
    for name in ["", ".", ".."] {
        let request = Request::get("read it", &["things", name]);
        let error = client.wait(client.call(request)).map(drop).unwrap_err();
        assert!(error.is_invalid_value(), "{error}");
    }
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn nothing_secret_comes_back() {
    let echo = Receiver::new(|request| {
        let all: Vec<_> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
        Answer::json(
            400,
            &json!({"message": format!("{} {}", Receiver::SECRET_KEY, all.join(" "))}).to_string(),
        )
    });
    let client = client(&echo.url(), LONG);
    let error = client.wait(client.call(read())).map(drop).unwrap_err();
    for shown in [
        error.to_string(),
        format!("{error:?}"),
        format!("{client:?}"),
        format!("{:?}", change()),
    ] {
        for secret in [Receiver::SECRET_KEY, "planted-gateway-word", "cGstbGYt"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert!(error.to_string().contains("[redacted]"), "{error}");
}

/// Time stands until somebody waits for it.
#[tokio::test(start_paused = true)]
async fn the_project_is_asked_for_until_it_is_known_and_the_first_failure_is_said() {
    let answers = Mutex::new(vec![
        Answer::json(200, r#"{"data":[{"id":"p-1","name":"lab"}]}"#),
        Answer::status(404),
        Answer::status(401),
    ]);
    let server = Receiver::new(move |_| answers.lock().unwrap().pop().unwrap());
    let client = client(&server.url(), LONG);
    let trace = TraceId::from_seed("a");
    assert_eq!(client.known_trace_url(trace), None);
    let said = Mutex::new(Vec::new());
    let begun = tokio::time::Instant::now();
    let say = |line: &str| said.lock().unwrap().push(line.to_owned());
    client.learn_project(say).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5 + 10));
    let host = server.address();
    assert_eq!(
        *said.lock().unwrap(),
        [format!(
            "no links to Langfuse yet: cannot check the keys: {host} answered 401 Unauthorized"
        )]
    );
    let url = format!("{}/project/p-1/traces/{trace}", server.url());
    assert_eq!(client.known_trace_url(trace), Some(url));
    // Known, it is asked for no more.
    client.learn_project(say).await;
    assert_eq!(server.requests().len(), 3);
}
