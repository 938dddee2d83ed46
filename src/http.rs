//! A thin HTTP client: one request, one answer; what it means and when to try again is the caller's affair.

mod answer;
mod client;
mod endpoint;
mod tls;
mod words;

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, Kind};

pub(crate) use answer::Response;
pub(crate) use client::{Client, HttpError};
pub(crate) use endpoint::{BadUrl, Endpoint};
pub(crate) use tls::Tls;
pub(crate) use words::{Secrets, one_line};

/// A header as somebody wrote it, whose value is never shown; `None` when it cannot be sent.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// Headers that a program gave a destination, which is called so.
pub(crate) fn headers(whose: &str, pairs: Vec<(String, String)>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let unfit = || {
            let message = format!("the {whose} header {name:?} cannot be sent");
            Error::new(Kind::InvalidValue, message)
        };
        let (name, value) = header(&name, &value).ok_or_else(unfit)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A timeout that a program gave.
pub(crate) fn timeout(timeout: Duration) -> Result<Duration, Error> {
    if timeout.is_zero() {
        let message = "a timeout of 0 would fail every request";
        return Err(Error::new(Kind::InvalidValue, message));
    }
    Ok(timeout)
}

/// A URL that a program gave, without what is secret in it; nothing of a text that is none.
pub(crate) fn shown(url: &str) -> Option<Endpoint> {
    Endpoint::parse(url).ok()
}
