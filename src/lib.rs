//! One `tracing` layer that shows plain `#[instrument]` spans as LLM traces, in Langfuse and in any OTLP backend.
#![allow(dead_code)]

mod clock;
mod diag;
mod env;
mod error;
pub mod export;
mod field;
mod http;
mod id;
mod langfuse;
mod model;
mod otlp;
mod read;
mod sink;

pub use error::Error;
pub use id::{ParseIdError, SpanId, TraceId};
pub use model::{Cost, Kind, Level, Observation, Usage, Value, ValueRef};

/// The integration tests' server, for the tests inside the rooms.
#[cfg(test)]
#[path = "../tests/it/support/receiver.rs"]
mod receiver;
