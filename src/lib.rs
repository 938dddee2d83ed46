//! One `tracing` layer that shows plain `#[instrument]` spans as LLM traces, in Langfuse and in any OTLP backend.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the worker that reads with it is not here yet")
)]
pub(crate) mod debug_text;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the worker that masks with it is not here yet")
)]
pub(crate) mod process;
