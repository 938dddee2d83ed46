//! What became of a call: whether it is made again, and what is said of it.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::http::{HttpError, Response};
use crate::langfuse::client::answer::Answer;
use crate::langfuse::client::call::{Job, Outcome};

/// Whether a call is made again after this, and how long the server asks to wait.
pub(super) fn again(outcome: &Outcome, repeatable: bool) -> Option<Option<Duration>> {
    match outcome {
        Err(HttpError::NotSent(_)) => Some(None),
        Err(HttpError::Ambiguous(_) | HttpError::TimedOut(_)) => repeatable.then_some(None),
        Ok(response) if is_for_now(response.status) => repeatable.then_some(response.retry_after),
        Err(HttpError::Invalid(_)) | Ok(_) => None,
    }
}

fn is_for_now(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// The answer, or why there is none.
pub(super) fn read(outcome: Outcome, job: &Job) -> Result<Answer, Error> {
    let verb = &job.request.verb;
    let failed = |kind, what: String| Error::new(kind, format!("cannot {verb}: {what}"));
    let is_change = job.request.method != Method::GET && job.is_begun();
    let doubtful = |error: Error| if is_change { error.ambiguous() } else { error };
    let response = match outcome {
        Ok(response) => response,
        Err(HttpError::NotSent(what)) => return Err(failed(Kind::Unreachable, what)),
        Err(HttpError::Ambiguous(what)) => return Err(doubtful(failed(Kind::Unreachable, what))),
        Err(HttpError::TimedOut(_)) => {
            // The last attempt had less; who waits knows of the whole.
            let what = format!("no answer from {} within {:?}", job.endpoint.host(), job.time());
            return Err(doubtful(failed(Kind::Timeout, what)));
        }
        Err(HttpError::Invalid(what)) => return Err(failed(Kind::Unexpected, what)),
    };
    let status = response.status;
    if status.is_success() {
        let unexpected = |what| failed(Kind::Unexpected, what).with_status(status.as_u16());
        return Answer::new(&response, job).ok_or_else(|| unexpected(not_json(job, status)));
    }
    let json = serde_json::from_slice(&response.body).ok();
    let kind = kind(status, json.is_some());
    let what = describe(job, &response, json.as_ref());
    let error = failed(kind, what).with_status(status.as_u16());
    Err(if status.is_server_error() {
        doubtful(error)
    } else {
        error
    })
}

/// What a status means. Langfuse's own 404 is JSON: a page says that something else has the address.
fn kind(status: StatusCode, is_json: bool) -> Kind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Auth,
        StatusCode::NOT_FOUND if is_json => Kind::NotFound,
        StatusCode::NOT_FOUND => Kind::Unexpected,
        StatusCode::TOO_MANY_REQUESTS => Kind::RateLimited,
        _ if status.is_client_error() => Kind::Refused,
        _ if status.is_server_error() => Kind::Server,
        _ => Kind::Unexpected,
    }
}

fn describe(job: &Job, response: &Response, json: Option<&Value>) -> String {
    let (host, status) = (job.endpoint.host(), response.status);
    if status.is_redirection() {
        return format!("{host} answered {status}: {}", job.endpoint.elsewhere());
    }
    if status == StatusCode::NOT_FOUND && json.is_none() {
        return not_json(job, status);
    }
    let said = json.and_then(issue).map(Cow::Owned).or_else(|| response.said());
    match said.and_then(|said| job.excerpt(&said)) {
        Some(said) => format!("{host} answered {status}: {said}"),
        None => format!("{host} answered {status}"),
    }
}

fn not_json(job: &Job, status: StatusCode) -> String {
    format!(
        "{} answered {status} and no JSON: it is no Langfuse, or something stands before one",
        job.endpoint.host()
    )
}

/// What is wrong with the first part of a request that the server's schema does not take: it tells that apart from its
/// message, which is the same for all.
fn issue(json: &Value) -> Option<String> {
    let issue = first_issue(&json["error"])?;
    Some(format!("{}: {issue}", json["message"].as_str()?))
}

/// Where the first of these issues is, and what it is.
pub(in crate::langfuse) fn first_issue(issues: &Value) -> Option<String> {
    let (mut path, mut issue) = (Vec::new(), issues.get(0)?);
    loop {
        let here = issue["path"].as_array()?.iter();
        path.extend(here.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)));
        // One of a union has the issues of each of its kinds, with where they are in it.
        match issue["errors"].get(0).and_then(|kind| kind.get(0)) {
            Some(inner) => issue = inner,
            None => break,
        }
    }
    let message = issue["message"].as_str()?;
    Some(match path.join(".") {
        path if path.is_empty() => message.to_owned(),
        path => format!("{path}: {message}"),
    })
}
