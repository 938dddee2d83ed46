//! What a destination may answer.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;

use super::scene::{Becomes, Faulty, Program, SPANS, Side, assert_nothing_taken_came_again, either, one};
use crate::support::receiver::{Answer, Receiver};

fn status(status: u16) -> Faulty {
    Faulty::answers(move |_| Answer::status(status))
}

#[test]
fn of_500_langfuse_is_asked_again_and_otlp_is_not() {
    one(
        Side::Langfuse,
        status(500),
        "sending fails and is tried again: 500 Internal Server Error",
        Becomes::SentAgain,
    );
    one(
        Side::Otlp,
        status(500),
        "100 observations were refused: 500 Internal Server Error",
        Becomes::Refused,
    );
}

#[test]
fn _502_is_tried_again() {
    let line = "sending fails and is tried again: 502 Bad Gateway";
    either(|| status(502), line, Becomes::SentAgain);
}

#[test]
fn _503_is_tried_again() {
    let line = "sending fails and is tried again: 503 Service Unavailable";
    either(|| status(503), line, Becomes::SentAgain);
}

#[test]
fn _504_is_tried_again() {
    let line = "sending fails and is tried again: 504 Gateway Timeout";
    either(|| status(504), line, Becomes::SentAgain);
}

#[test]
fn _401_is_final() {
    let line = "100 observations were refused: 401 Unauthorized from {host}";
    either(|| status(401), line, Becomes::Refused);
}

#[test]
fn _403_is_final_and_says_what_the_server_says() {
    let answer = r#"{"message":"Ingestion suspended: usage threshold exceeded","error":"ForbiddenError"}"#;
    either(
        || Faulty::answers(move |_| Answer::json(403, answer)),
        "100 observations were refused: 403 Forbidden: Ingestion suspended: usage threshold exceeded",
        Becomes::Refused,
    );
}

#[test]
fn _404_is_final_and_names_the_place() {
    for (side, path) in [
        (Side::Langfuse, "api/public/otel/v1/traces"),
        (Side::Otlp, "v1/traces"),
    ] {
        let line = format!("100 observations were refused: 404 Not Found at http://{{host}}/{path}");
        one(side, status(404), &line, Becomes::Refused);
    }
}

#[test]
fn of_413_halves_are_sent_down_to_the_one_which_is_failed() {
    let line = "an observation is too large: 413 Payload Too Large";
    either(|| status(413), line, Becomes::TooLarge);
}

#[test]
fn _429_is_kept_as_long_as_its_seconds_ask() {
    let line = "sending fails and is tried again: 429 Too Many Requests";
    let wait = || Faulty::answers(|_| Answer::status(429).header("Retry-After", "60"));
    either(wait, line, Becomes::Kept);
}

#[test]
fn _429_is_kept_until_its_date() {
    let line = "sending fails and is tried again: 429 Too Many Requests";
    let wait = || {
        Faulty::answers(|_| {
            Answer::status(429)
                .header("Date", "Tue, 24 Nov 2026 12:00:00 GMT")
                .header("Retry-After", "Tue, 24 Nov 2026 12:01:00 GMT")
        })
    };
    either(wait, line, Becomes::Kept);
}

#[test]
fn of_a_partial_success_the_rest_is_failed() {
    let response = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 30,
            error_message: "too old".to_owned(),
        }),
    };
    let response = response.encode_to_vec();
    let partial = || {
        let response = response.clone();
        Faulty::answers(move |_| {
            Answer::status(200)
                .header("content-type", "application/x-protobuf")
                .body(response.clone())
        })
    };
    let line = "30 observations were refused: too old";
    either(partial, line, Becomes::TakenLess(SPANS * 3 / 10));
}

/// Credentials would go along, and a POST would arrive as a GET after 301, 302 and 303.
#[test]
fn no_redirect_is_followed() {
    for (status, reason) in [
        (301, "301 Moved Permanently"),
        (302, "302 Found"),
        (303, "303 See Other"),
        (307, "307 Temporary Redirect"),
        (308, "308 Permanent Redirect"),
    ] {
        for (side, path) in [
            (Side::Langfuse, "api/public/otel/v1/traces"),
            (Side::Otlp, "v1/traces"),
        ] {
            let elsewhere = Receiver::otlp();
            let location = format!("{}/{path}", elsewhere.url());
            let faulty = Faulty::answers(move |_| Answer::status(status).header("location", &location));
            let line = format!(
                "100 observations were refused: {reason}: http://{{host}}/{path} is elsewhere, and redirects are not \
                 followed (does it want https://?)"
            );
            one(side, faulty, &line, Becomes::Refused);
            assert_eq!(elsewhere.connected(), 0);
        }
    }
}

/// One in a hundred is too large: the others arrive, each once, in halves that are cut around it.
#[test]
fn one_that_is_too_large_costs_no_other() {
    for side in [Side::Langfuse, Side::Otlp] {
        let faulty = Faulty::answers(|request| {
            let export = request.export().unwrap();
            let mut spans = export.resource_spans[0].scope_spans[0].spans.iter();
            match spans.any(|span| format!("{:?}", span.attributes).contains("IntValue(42)")) {
                true => Answer::status(413),
                false => Answer::json(200, "{}"),
            }
        });
        let mut program = Program::new(side, &faulty);
        program.work();
        program.wait_until(|program| program.account(side).queued() == 0);
        let account = program.account(side);
        assert_eq!((account.exported(), account.too_large()), (SPANS - 1, 1));
        let server = faulty.server.unwrap();
        assert_eq!(server.spans().len() as u64, SPANS - 1);
        assert_nothing_taken_came_again(&server.requests());
        program.wait_until(|program| program.account(side.other()).queued() == 0);
        program.assert_other_has_everything();
    }
}
