//! OTLP: observations as OpenTelemetry spans, in the clean `gen_ai.*` dialect, to Jaeger and any other backend.
//!
//! The wire format is written by us, straight from the observation: no tree of messages stands between. The same
//! encoder serves Langfuse, which speaks OTLP in a dialect of its own.

pub(crate) mod answer;
mod attributes;
pub(crate) mod encode;
pub(crate) mod exporter;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod poster;
mod protobuf;
pub(crate) mod settings;
