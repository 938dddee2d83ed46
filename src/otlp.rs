//! OTLP over HTTP and protobuf, by our own encoder.

mod answer;
pub(crate) mod encode;
pub(crate) mod exporter;
pub(crate) mod poster;
pub(crate) mod settings;
