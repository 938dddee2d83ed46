//! OpenTelemetry's GenAI conventions, with the general `user.id` and `session.id`.
//!
//! Source: open-telemetry/semantic-conventions-genai, registry of `gen_ai` attributes (development status).

use super::{Meaning, Role, Trust, exact, prefixed};

const NAMES: &[(&str, Role)] = &[
    ("gen_ai.operation.name", Role::Operation),
    ("gen_ai.request.model", Role::Model),
    ("gen_ai.response.model", Role::ResponseModel),
    ("gen_ai.input.messages", Role::Input),
    ("gen_ai.output.messages", Role::Output),
    ("gen_ai.tool.call.arguments", Role::Input),
    ("gen_ai.tool.call.result", Role::Output),
    ("gen_ai.tool.name", Role::Tool),
    ("gen_ai.tool.call.id", Role::Tool),
    ("gen_ai.usage.cost", Role::Cost),
    ("gen_ai.usage.total_cost", Role::Cost),
    ("gen_ai.response.time_to_first_chunk", Role::FirstTokenAfter),
    ("gen_ai.conversation.id", Role::Session),
    ("gen_ai.prompt.name", Role::PromptName),
    ("gen_ai.prompt.version", Role::PromptVersion),
    ("user.id", Role::User),
    ("session.id", Role::Session),
];

const PREFIXES: &[(&str, Role)] = &[
    ("gen_ai.request.", Role::Parameter),
    ("gen_ai.usage.", Role::Usage),
    // No convention, but a dotted name that can be nothing else.
    ("trace.metadata.", Role::TraceMetadata),
];

/// `gen_ai.usage.*` and the canonical bucket of each. Counts here hold their details (cached tokens are part of
/// the input); the buckets that Langfuse gets are made disjoint when the span is read.
const USAGE: &[(&str, &str)] = &[
    ("input_tokens", "input"),
    ("output_tokens", "output"),
    ("total_tokens", "total"),
    ("prompt_tokens", "input"),
    ("completion_tokens", "output"),
    ("cache_read.input_tokens", "input_cached_tokens"),
    ("cache_read_input_tokens", "input_cached_tokens"),
    ("cache_write.input_tokens", "input_cache_creation"),
    ("cache_creation.input_tokens", "input_cache_creation"),
    ("cache_creation_input_tokens", "input_cache_creation"),
    ("reasoning.output_tokens", "output_reasoning_tokens"),
    ("reasoning_tokens", "output_reasoning_tokens"),
    ("audio.input_tokens", "input_audio_tokens"),
    ("audio.output_tokens", "output_audio_tokens"),
];

/// Parameters that the conventions name, by their short name.
const PARAMETERS: &[&str] = &[
    "gen_ai.request.choice.count",
    "gen_ai.request.encoding_formats",
    "gen_ai.request.frequency_penalty",
    "gen_ai.request.max_tokens",
    "gen_ai.request.presence_penalty",
    "gen_ai.request.reasoning.level",
    "gen_ai.request.seed",
    "gen_ai.request.stop_sequences",
    "gen_ai.request.stream",
    "gen_ai.request.temperature",
    "gen_ai.request.top_k",
    "gen_ai.request.top_p",
];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    let meaning =
        exact(NAMES, Trust::Convention, name).or_else(|| prefixed(PREFIXES, Trust::Convention, name))?;
    if meaning.role != Role::Usage {
        return Some(meaning);
    }
    let short = USAGE
        .iter()
        .find(|(row, _)| *row == meaning.short)
        .map_or(meaning.short, |(_, bucket)| bucket);
    Some(Meaning { short, ..meaning })
}

/// The convention's name of a parameter.
pub(super) fn parameter(short: &str) -> Option<&'static str> {
    const PREFIX: &str = "gen_ai.request.";
    PARAMETERS
        .iter()
        // The lengths first: this is asked of every parameter of every span.
        .find(|name| name.len() == PREFIX.len() + short.len() && name.ends_with(short))
        .copied()
}

/// The convention's name of a usage bucket. The conventions have none for a total.
pub(super) fn usage(bucket: &str) -> Option<&'static str> {
    match bucket {
        "input" => Some("gen_ai.usage.input_tokens"),
        "output" => Some("gen_ai.usage.output_tokens"),
        "input_cached_tokens" => Some("gen_ai.usage.cache_read.input_tokens"),
        "input_cache_creation" => Some("gen_ai.usage.cache_creation.input_tokens"),
        "output_reasoning_tokens" => Some("gen_ai.usage.reasoning.output_tokens"),
        _ => None,
    }
}
