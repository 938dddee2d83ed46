//! The feedback route: what it stores, and what it does not let through.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tower::ServiceExt as _;
use tracing::dispatcher;
use tracing_llm::langfuse::TraceHeader;
use tracing_llm::{Feedback, Langfuse, LangfuseBuilder, TraceId, current};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::receiver::{Answer, Receiver};
use crate::support::scores;

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";
/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

fn project(server: &Receiver) -> LangfuseBuilder {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url())
}

fn feedback(server: &Receiver) -> Feedback {
    Feedback::new(&project(server).build().unwrap())
}

/// What the route answers.
fn ask(feedback: &Feedback, request: Request<Body>) -> (u16, Value) {
    let router: Router = feedback.clone().router();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    })
}

fn query(query: &str) -> Request<Body> {
    let request = Request::post(format!("/feedback?{query}"));
    request.body(Body::empty()).unwrap()
}

fn typed(kind: &str, body: impl Into<String>) -> Request<Body> {
    let request = Request::post("/feedback").header("content-type", kind);
    request.body(Body::from(body.into())).unwrap()
}

fn json_body(body: &Value) -> Request<Body> {
    typed("application/json; charset=utf-8", body.to_string())
}

/// The events of the last batch.
fn events(server: &Receiver) -> Vec<Value> {
    let events = scores::events(server);
    events[events.len() - 2..].to_vec()
}

#[test]
fn a_rating_becomes_two_scores_by_query_form_and_json() {
    let server = scores::langfuse();
    let feedback = feedback(&server);
    let requests = [
        query(&format!(
            "trace_id={TRACE}&rating=4&comment=Good,+but%20slow&user_id=u-1"
        )),
        typed(
            "application/x-www-form-urlencoded",
            format!("trace_id={TRACE}&rating=4&comment=Good,+but+slow&user_id=u-1"),
        ),
        json_body(&json!({"trace_id": TRACE, "rating": 4, "comment": "Good, but slow", "user_id": "u-1"})),
        json_body(
            &json!({"trace_id": TRACE, "name": "user_rating", "rating": "4", "comment": "Good, but slow", "user_id": "u-1"}),
        ),
    ];
    let mut seen = BTreeSet::new();
    for request in requests {
        assert_eq!(ask(&feedback, request), (200, json!({"status": "recorded"})));
        let mut sent = events(&server);
        for event in &mut sent {
            assert!(event["id"].take().is_string());
        }
        seen.insert(json!(sent).to_string());
        for event in &mut sent {
            assert!(event["timestamp"].take().is_string());
            assert!(event["body"]["id"].take().is_string());
        }
        assert_eq!(
            sent,
            [
                json!({"id": null, "type": "score-create", "timestamp": null, "body": {"id": null, "name": "user_rating", "value": 0.8,
                    "traceId": TRACE, "comment": "Good, but slow"}}),
                json!({"id": null, "type": "score-create", "timestamp": null, "body": {"id": null, "name": "user_satisfaction",
                    "value": "satisfied", "dataType": "CATEGORICAL", "traceId": TRACE}}),
            ]
        );
    }
    assert_eq!(seen.len(), 1, "the same ids and times, so one score: {seen:#?}");
}

#[test]
fn scores_of_others_are_other_scores_and_a_new_rating_replaces() {
    let server = scores::langfuse();
    let feedback = feedback(&server);
    let rate = |trace: &str, user: &str, rating: u32| {
        let said = json!({"trace_id": trace, "rating": rating, "user_id": user});
        assert_eq!(ask(&feedback, json_body(&said)).0, 200);
        let events = events(&server);
        let ids: Vec<_> = events
            .iter()
            .map(|event| event["body"]["id"].to_string())
            .collect();
        let values: Vec<_> = events
            .iter()
            .map(|event| event["body"]["value"].clone())
            .collect();
        let order = events[0]["id"].as_str().unwrap().to_owned();
        (ids, values, events[0]["timestamp"].clone(), order)
    };
    let first = rate(TRACE, "u-1", 1);
    let again = rate(TRACE, "u-1", 5);
    assert_eq!((&first.0, &first.2), (&again.0, &again.2));
    assert_eq!(first.1, [json!(0.2), json!("dissatisfied")]);
    assert_eq!(again.1, [json!(1.0), json!("satisfied")]);
    // The server puts what has one time in this order.
    assert!(first.3[..12] <= again.3[..12]);
    let others = [
        rate(TRACE, "u-2", 3),
        rate("ee55ac3466f446569b08dfa83f492f0b", "u-1", 3),
    ];
    let ids: BTreeSet<_> = others
        .iter()
        .chain([&first])
        .flat_map(|it| it.0.clone())
        .collect();
    assert_eq!(ids.len(), 6);
}

#[test]
fn each_mistake_has_an_answer_of_its_own_and_nothing_is_sent() {
    let server = Receiver::new(|_| panic!("nothing is to be sent"));
    let feedback = feedback(&server);
    let rating = |rating: &str| query(&format!("trace_id={TRACE}&rating={rating}"));
    let long = "x".repeat(10_001);
    let huge = "x".repeat(1 << 20);
    let table = [
        (rating("0"), 422, "rating_too_low"),
        (rating("6"), 422, "rating_too_high"),
        (rating("4.5"), 422, "rating_not_whole"),
        (rating("good"), 422, "rating_not_a_number"),
        (rating("NaN"), 422, "rating_not_a_number"),
        (rating("inf"), 422, "rating_not_a_number"),
        (rating(""), 422, "rating_not_a_number"),
        (rating("-1"), 422, "rating_too_low"),
        (rating("1e300"), 422, "rating_too_high"),
        (
            query(&format!("trace_id={TRACE}a&rating=4")),
            422,
            "trace_id_invalid",
        ),
        (
            query(&format!("trace_id={}&rating=4", "0".repeat(32))),
            422,
            "trace_id_invalid",
        ),
        (query("rating=4"), 400, "trace_id_missing"),
        (query(&format!("trace_id={TRACE}")), 400, "rating_missing"),
        (
            query(&format!("trace_id={TRACE}&rating=4&value=1")),
            400,
            "unknown_parameter",
        ),
        (
            query(&format!("trace_id={TRACE}&rating=4&name=toxicity")),
            422,
            "name_unknown",
        ),
        (
            query(&format!("trace_id={TRACE}&rating=4&rating=5")),
            400,
            "said_twice",
        ),
        (
            query(&format!("trace_id={TRACE}&rating=4&comment=%ff")),
            400,
            "not_text",
        ),
        (
            query(&format!("trace_id={TRACE}&rating=4&user_id=")),
            422,
            "user_id_invalid",
        ),
        (
            query(&format!("trace_id={TRACE}&rating=4&comment={long}")),
            413,
            "comment_too_long",
        ),
        (
            json_body(&json!({"trace_id": TRACE, "rating": 4, "comment": huge})),
            413,
            "body_too_large",
        ),
        (
            json_body(&json!({"trace_id": TRACE, "rating": true})),
            422,
            "rating_not_a_number",
        ),
        (
            json_body(&json!({"trace_id": TRACE, "rating": 4, "comment": 7})),
            400,
            "not_text",
        ),
        (json_body(&json!({"trace_id": 7, "rating": 4})), 400, "not_text"),
        (json_body(&json!([TRACE, 4])), 400, "not_json"),
        (typed("application/json", "{"), 400, "not_json"),
        (typed("text/plain", "4"), 415, "unsupported_media_type"),
    ];
    for (request, status, word) in table {
        let shown = format!("{:.200}", request.uri().to_string());
        let (answered, body) = ask(&feedback, request);
        assert_eq!(
            (answered, body["error"].as_str()),
            (status, Some(word)),
            "{shown}"
        );
    }
    let get = Request::get("/feedback").body(Body::empty()).unwrap();
    assert_eq!(ask(&feedback, get).0, StatusCode::METHOD_NOT_ALLOWED.as_u16());
    assert!(server.requests().is_empty());
}

#[test]
fn names_scale_and_threshold_are_the_programs() {
    let server = scores::langfuse();
    let feedback = feedback(&server)
        .scale(10)
        .satisfied_from(9)
        .names("nps", "promoter")
        .user_of(|headers| Some(headers.get("x-user")?.to_str().ok()?.to_owned()));
    let mut request = query(&format!("trace_id={TRACE}&rating=8"));
    request.headers_mut().insert("x-user", "u-1".parse().unwrap());
    assert_eq!(ask(&feedback, request).0, 200);
    let values: Vec<_> = events(&server)
        .into_iter()
        .map(|event| (event["body"]["name"].clone(), event["body"]["value"].clone()))
        .collect();
    assert_eq!(
        values,
        [
            (json!("nps"), json!(0.8)),
            (json!("promoter"), json!("dissatisfied"))
        ]
    );
    // Whoever is known by a header cannot say to be another.
    let request = query(&format!("trace_id={TRACE}&rating=8&user_id=u-2"));
    assert_eq!(ask(&feedback, request).1["error"], "unknown_parameter");
}

#[test]
fn a_token_allows_to_rate_its_trace_and_no_other() {
    let server = scores::langfuse();
    let feedback = feedback(&server).signing_key("planted-key");
    let trace: TraceId = TRACE.parse().unwrap();
    let header = feedback.header_of(trace);
    let token = header.token().unwrap();
    let with = |token: &str| {
        ask(
            &feedback,
            query(&format!("trace_id={TRACE}&rating=4&token={token}")),
        )
    };
    assert_eq!(with(token).0, 200);
    let first = events(&server);
    assert_eq!(with(token).0, 200);
    assert_eq!(first[0]["timestamp"], events(&server)[0]["timestamp"]);
    assert!(
        first[0]["timestamp"].as_str().unwrap().ends_with(".000Z"),
        "the token's second"
    );
    assert_eq!(server.take_requests().len(), 2);

    let other = feedback.header_of(TraceId::from_seed("other"));
    assert_eq!(with(other.token().unwrap()), (403, with("1.a").1));
    assert_eq!(with("1.a").1["error"], "token_wrong");
    let without = ask(&feedback, query(&format!("trace_id={TRACE}&rating=4")));
    assert_eq!(
        (without.0, without.1["error"].as_str()),
        (401, Some("token_missing"))
    );
    assert!(server.requests().is_empty());
    assert!(!format!("{feedback:?}").contains("planted"), "{feedback:?}");
}

#[test]
fn the_browser_is_told_the_trace_of_the_answer() {
    async fn answer(feedback: Feedback) -> (TraceHeader, String) {
        (feedback.trace_header(), current().trace_id().unwrap().to_string())
    }
    let server = scores::langfuse();
    let feedback = feedback(&server).signing_key("key");
    let (layer, _llm) = tracing_llm::builder().langfuse(project(&server)).build().unwrap();
    let asked = feedback.clone();
    let route = move || {
        let span = tracing::info_span!("answer");
        tracing::Instrument::instrument(answer(asked.clone()), span)
    };
    let app: Router = Router::new().route("/ask", get(route));
    let subscriber = tracing_subscriber::registry().with(layer);
    let runtime = Builder::new_current_thread().build().unwrap();
    let (trace, token, body) = dispatcher::with_default(&subscriber.into(), || {
        runtime.block_on(async {
            let request = Request::get("/ask").body(Body::empty()).unwrap();
            let response = app.oneshot(request).await.unwrap();
            let header = |name| response.headers()[name].to_str().unwrap().to_owned();
            let (trace, token) = (header("x-trace-id"), header("x-feedback-token"));
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (trace, token, String::from_utf8(body.into()).unwrap())
        })
    });
    assert_eq!(trace, body);
    let rated = query(&format!("trace_id={trace}&rating=5&token={token}"));
    assert_eq!(ask(&feedback, rated).0, 200);
    // Outside of a trace there is none to be told.
    let header = feedback.trace_header();
    assert_eq!((header.trace_id(), header.token()), (None, None));
}

#[test]
fn while_langfuse_is_down_feedback_is_queued_and_arrives_later() {
    let down = std::sync::atomic::AtomicBool::new(true);
    let down = std::sync::Arc::new(down);
    let is_down = std::sync::Arc::clone(&down);
    let server = Receiver::new(move |request| {
        if is_down.load(std::sync::atomic::Ordering::Relaxed) {
            return Answer::status(503).header("retry-after", "0");
        }
        scores::taken(request)
    });
    let (_layer, llm) = tracing_llm::builder().langfuse(project(&server)).build().unwrap();
    let feedback = Feedback::new(&llm.langfuse().unwrap());
    let rated = ask(&feedback, query(&format!("trace_id={TRACE}&rating=4")));
    assert_eq!(rated, (202, json!({"status": "queued"})));
    assert_eq!(llm.ledger().scores()[0].queued(), 2);
    let first = events(&server);
    down.store(false, std::sync::atomic::Ordering::Relaxed);
    let report = llm.flush_blocking(HANG);
    assert_eq!(report.lane("langfuse scores").unwrap().sent(), 2);
    let arrived = events(&server);
    let what = |events: &[Value]| -> Vec<_> {
        events
            .iter()
            .map(|event| (event["body"].clone(), event["timestamp"].clone()))
            .collect()
    };
    assert_eq!(what(&arrived), what(&first), "the same scores");
}

#[test]
fn what_becomes_of_it_is_said() {
    // Nobody there, and nobody who would go on trying.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = Langfuse::builder("pk-lf-1", "sk-lf-1").base_url(format!("http://127.0.0.1:{port}"));
    let rate = |feedback: &Feedback| ask(feedback, query(&format!("trace_id={TRACE}&rating=4")));
    let (status, body) = rate(&Feedback::new(&nobody.build().unwrap()));
    assert_eq!((status, body["error"].as_str()), (503, Some("unavailable")));

    let refuses = Receiver::new(|_| Answer::json(401, r#"{"message":"planted words of the server"}"#));
    let (status, body) = rate(&feedback(&refuses));
    assert_eq!((status, body["error"].as_str()), (502, Some("refused")));
    assert!(!body.to_string().contains("planted"), "{body}");

    let server = Receiver::new(|_| panic!("nothing is to be sent"));
    let none = project(&server).sample_rate(0.0).build().unwrap();
    assert_eq!(
        rate(&Feedback::new(&none)),
        (200, json!({"status": "sampled_out"}))
    );
}
