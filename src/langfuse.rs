//! Langfuse: observations as rows of its v4 data model, sent over OTLP with explicit `langfuse.*` attributes.

pub(crate) mod credentials;
pub(crate) mod deployment;
pub(crate) mod dialect;
mod environment;
pub(crate) mod exporter;
mod json;
pub(crate) mod parameters;
pub(crate) mod settings;
