//! A thin HTTP client: one request, one answer; what it means and when to try again is the caller's affair.

mod answer;
mod client;
mod endpoint;
mod tls;

pub(crate) use answer::Response;
pub(crate) use client::{Client, HttpError};
pub(crate) use endpoint::{BadUrl, Endpoint};
pub(crate) use tls::Tls;
