//! The integration tests: one binary, one module a subject.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may say what they expect; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

mod agent_run;
mod app_plain;
#[cfg(feature = "cli")]
mod cli;
mod client;
mod content;
mod contract;
mod delivery;
mod destinations;
mod ends;
mod exits;
mod experiments;
#[cfg(feature = "axum")]
mod feedback;
mod golden;
#[cfg(feature = "grpc")]
mod grpc;
mod jaeger_harness;
mod kit;
mod links;
mod manual;
mod manual_experiments;
mod media;
mod misuse;
mod neighbours;
mod outcome;
mod prices;
#[cfg(feature = "yaml")]
mod prompt_files;
mod prompts;
mod queued_scores;
mod reads;
mod receiver;
mod runtimes;
mod sampling;
mod scores;
#[cfg(feature = "opentelemetry")]
mod sdk_exporter;
mod setup;
#[cfg(all(unix, feature = "signal"))]
mod signals;
mod signatures;
mod soup;
mod support;
mod switches;
mod trace_attributes;
mod tree;
mod types;
mod vocabulary;
