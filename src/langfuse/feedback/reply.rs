//! What is answered.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// It was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    Recorded,
    Queued,
    SampledOut,
}

/// It was not. What was said is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    UnknownParameter,
    SaidTwice,
    NotJson,
    NotText,
    TraceIdMissing,
    TraceIdInvalid,
    NameUnknown,
    RatingMissing,
    RatingNotANumber,
    RatingNotWhole,
    RatingTooLow,
    RatingTooHigh,
    UserIdInvalid,
    CommentTooLong,
    BodyTooLarge,
    UnsupportedMediaType,
    TokenMissing,
    TokenWrong,
    Refused,
    Unavailable,
}

impl Reply {
    pub(super) fn response(self) -> Response {
        let (status, word) = match self {
            Self::Recorded => (StatusCode::OK, "recorded"),
            Self::Queued => (StatusCode::ACCEPTED, "queued"),
            Self::SampledOut => (StatusCode::OK, "sampled_out"),
        };
        respond(status, &json!({ "status": word }))
    }
}

impl Fault {
    pub(super) fn response(self) -> Response {
        let (status, word, message) = self.words();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        respond(status, &json!({"error": word, "message": message}))
    }

    fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::UnknownParameter => (400, "unknown_parameter", "one of the names is not known here"),
            Self::SaidTwice => (400, "said_twice", "one of the names is there twice"),
            Self::NotJson => (400, "not_json", "the body is no JSON object"),
            Self::NotText => (400, "not_text", "one of the values is not text"),
            Self::TraceIdMissing => (400, "trace_id_missing", "trace_id says which answer is rated"),
            Self::TraceIdInvalid => (
                422,
                "trace_id_invalid",
                "trace_id has 32 hex digits, not all zero",
            ),
            Self::NameUnknown => (422, "name_unknown", "there is no score of this name"),
            Self::RatingMissing => (400, "rating_missing", "there is no rating"),
            Self::RatingNotANumber => (422, "rating_not_a_number", "rating is a number"),
            Self::RatingNotWhole => (422, "rating_not_whole", "rating is a whole number"),
            Self::RatingTooLow => (422, "rating_too_low", "rating is 1 at least"),
            Self::RatingTooHigh => (422, "rating_too_high", "rating is beyond its scale"),
            Self::UserIdInvalid => (422, "user_id_invalid", "user_id has 1 to 200 characters"),
            Self::CommentTooLong => (413, "comment_too_long", "comment has 10,000 characters at most"),
            Self::BodyTooLarge => (413, "body_too_large", "the body has 64 KiB at most"),
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "the body is application/json or application/x-www-form-urlencoded",
            ),
            Self::TokenMissing => (401, "token_missing", "token says that this trace may be rated"),
            Self::TokenWrong => (403, "token_wrong", "token is not one of this trace"),
            Self::Refused => (502, "refused", "it could not be stored"),
            Self::Unavailable => (503, "unavailable", "it cannot be stored now"),
        }
    }
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json")];
    (status, headers, Body::from(body.to_string())).into_response()
}
