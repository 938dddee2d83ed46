//! Langfuse: observations as rows of its v4 data model, sent over OTLP with explicit `langfuse.*` attributes.

pub(crate) mod dialect;
mod environment;
mod json;
mod parameters;
