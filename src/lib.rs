//! One `tracing` layer that shows plain `#[instrument]` spans as LLM traces, in Langfuse and in any OTLP backend.
#![allow(dead_code)]

mod clock;
mod diag;
mod error;
pub mod export;
mod field;
mod id;
mod ledger;
mod model;
mod pipeline;
mod read;
mod sink;

pub use error::Error;
pub use id::{ParseIdError, SpanId, TraceId};
pub use ledger::{Account, Ledger};
pub use model::{Cost, Kind, Level, Observation, Usage, Value, ValueRef};
pub use pipeline::{FlushReport, Guard, LaneReport, Pipeline};
