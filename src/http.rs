//! A thin HTTP client: one request, one answer; what it means and when to try again is the caller's affair.

mod answer;
mod client;
mod endpoint;
mod tls;

use reqwest::header::{HeaderName, HeaderValue};

pub(crate) use answer::Response;
pub(crate) use client::{Client, HttpError};
pub(crate) use endpoint::{BadUrl, Endpoint};
pub(crate) use tls::Tls;

/// A header as somebody wrote it, whose value is never shown; `None` when it cannot be sent.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
