//! One `tracing` layer that shows plain `#[instrument]` spans as LLM traces, in Langfuse and in any OTLP backend.
