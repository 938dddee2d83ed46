#![doc = include_str!("../README.md")]
//!
//! # The rest of this page
//!
//! [`init()`], [`layer()`] and [`builder()`] set up; [`current()`], [`SpanExt::observation`] and [`Observe::observe`]
//! describe what is open; [`Guard`] and [`Pipeline`] flush, shut down and tell what became of everything;
//! [`PriceTable`] is what you pay; [`manual`] makes observations without `tracing`; [`experiment`] tries a task on a dataset;
//! [`testing`] shows it offline; [`export`] is the seam to a destination of one's own.

mod above;
mod builder;
mod clock;
pub mod console;
mod debug_text;
mod describe;
mod diag;
mod dialect;
mod env;
mod error;
pub mod experiment;
pub mod export;
mod field;
mod http;
mod id;
mod json_text;
pub mod langfuse;
mod layer;
mod ledger;
pub mod manual;
mod media_text;
mod model;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod otlp;
mod own_thread;
mod pipeline;
mod process;
mod read;
mod sample;
#[cfg(feature = "signal")]
mod signal;
mod sink;
mod table;
pub mod testing;

#[cfg(feature = "opentelemetry")]
pub use builder::OpenTelemetry;
pub use builder::{Builder, Otlp, builder, init, layer};
pub use error::Error;
pub use id::{ParseIdError, SpanId, TraceId};
#[cfg(feature = "axum")]
pub use langfuse::Feedback;
pub use langfuse::{ChatPrompt, Langfuse, LangfuseBuilder, Prompt};
pub use layer::{LlmLayer, ObservationHandle, Observe, Observed, SpanExt, TraceHandle, current};
pub use ledger::{Account, Ledger};
pub use model::{
    Cost, Kind, Level, Media, Observation, Score, ScoreConfig, ScoreKind, ScoreValue, Usage, Value,
};
pub use pipeline::{FlushReport, Guard, LaneReport, Pipeline};
pub use process::{Price, PriceTable};
#[cfg(feature = "signal")]
pub use signal::shutdown_signal;

/// The integration tests' server, for the tests inside the rooms.
#[cfg(test)]
#[path = "../tests/it/support/receiver.rs"]
mod receiver;
