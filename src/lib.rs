//! One `tracing` layer that shows plain `#[instrument]` spans as LLM traces, in Langfuse and in any OTLP backend.
#![allow(dead_code)]

mod clock;
pub mod console;
mod diag;
mod error;
pub mod export;
mod field;
mod id;
mod langfuse;
mod model;
mod otlp;
mod read;
mod sink;

pub use error::Error;
pub use id::{ParseIdError, SpanId, TraceId};
pub use model::{Cost, Kind, Level, Observation, Usage, Value, ValueRef};
