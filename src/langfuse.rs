//! Langfuse: credentials and exporter.

pub(crate) mod exporter;
pub(crate) mod settings;
