//! OpenTelemetry's GenAI conventions in all generations of their names, with the general `user.id` and `session.id`.
//!
//! What the conventions have left behind is trusted less than what stands in its place.
//!
//! Source: open-telemetry/semantic-conventions-genai, registry of `gen_ai` attributes (development status), and
//! open-telemetry/semantic-conventions 1.27 to 1.41 for the older names.

use super::{Meaning, Role, Trust, exact, indexed, prefixed};

const NAMES: &[(&str, Role)] = &[
    ("gen_ai.operation.name", Role::Operation),
    ("gen_ai.request.model", Role::Model),
    ("gen_ai.response.model", Role::ResponseModel),
    ("gen_ai.input.messages", Role::Input),
    ("gen_ai.output.messages", Role::Output),
    ("gen_ai.system_instructions", Role::System),
    ("gen_ai.tool.call.arguments", Role::Input),
    ("gen_ai.tool.call.result", Role::Output),
    ("gen_ai.tool.name", Role::Tool),
    ("gen_ai.tool.call.id", Role::Tool),
    ("gen_ai.agent.name", Role::Agent),
    ("gen_ai.retrieval.query.text", Role::Input),
    ("gen_ai.retrieval.documents", Role::Output),
    ("gen_ai.memory.query.text", Role::Input),
    ("gen_ai.memory.records", Role::Output),
    ("gen_ai.response.time_to_first_chunk", Role::FirstTokenAfter),
    ("gen_ai.prompt.name", Role::PromptName),
    ("gen_ai.prompt.version", Role::PromptVersion),
    ("error.type", Role::ErrorType),
    ("user.id", Role::User),
    ("session.id", Role::Session),
];

/// Left behind, or never a convention and widely used all the same.
const OLD_NAMES: &[(&str, Role)] = &[
    ("gen_ai.prompt", Role::Prompt),
    ("gen_ai.completion", Role::Completion),
    ("gen_ai.usage.cost", Role::Cost),
    ("gen_ai.usage.total_cost", Role::Cost),
    // Logfire's.
    ("operation.cost", Role::Cost),
    // OpenLIT's.
    ("gen_ai.server.ttft", Role::FirstTokenAfter),
    // A conversation is narrower than a session: where both are named, the session is the session.
    ("gen_ai.conversation.id", Role::Session),
    ("enduser.id", Role::User),
    // rig's, of a tool's answer.
    ("gen_ai.tool.call.outcome", Role::Outcome),
    ("gen_ai.tool.error.type", Role::ErrorType),
];

const PREFIXES: &[(&str, Role)] = &[
    ("gen_ai.request.", Role::Parameter),
    ("openai.request.", Role::Parameter),
    // No convention, but a dotted name that can be nothing else.
    ("trace.metadata.", Role::TraceMetadata),
];

const OLD_PREFIXES: &[(&str, Role)] = &[("gen_ai.openai.request.", Role::Parameter)];

/// Messages by index, as OpenLLMetry wrote them into the conventions' room. `gen_ai.prompt.name` and
/// `gen_ai.prompt.variable.*` are no messages.
const INDEXED: &[(&str, Role)] = &[
    ("gen_ai.prompt.", Role::InputPart),
    ("gen_ai.completion.", Role::OutputPart),
];

const USAGE: &str = "gen_ai.usage.";

/// `gen_ai.usage.*` and the canonical bucket of each. Counts here hold their details (cached tokens are part of
/// the input); the buckets that Langfuse gets are made disjoint when the span is read.
const BUCKETS: &[(&str, &str)] = &[
    ("input_tokens", "input"),
    ("output_tokens", "output"),
    ("cache_read.input_tokens", "input_cached_tokens"),
    ("cache_write.input_tokens", "input_cache_creation"),
    ("reasoning.output_tokens", "output_reasoning_tokens"),
    ("audio.input_tokens", "input_audio_tokens"),
    ("audio.output_tokens", "output_audio_tokens"),
];

/// Older names, and those of single libraries. What is in neither table is no bucket: one that nobody knows would be
/// added to the total, whatever it counts.
const OLD_BUCKETS: &[(&str, &str)] = &[
    ("prompt_tokens", "input"),
    ("completion_tokens", "output"),
    ("total_tokens", "total"),
    ("cache_read_input_tokens", "input_cached_tokens"),
    ("cache_read_tokens", "input_cached_tokens"),
    ("cached_tokens", "input_cached_tokens"),
    ("details.cache_read_tokens", "input_cached_tokens"),
    ("details.cache_read_input_tokens", "input_cached_tokens"),
    ("cache_creation.input_tokens", "input_cache_creation"),
    ("cache_creation_input_tokens", "input_cache_creation"),
    ("cache_write_tokens", "input_cache_creation"),
    ("details.cache_write_tokens", "input_cache_creation"),
    ("details.cache_creation_input_tokens", "input_cache_creation"),
    ("reasoning_tokens", "output_reasoning_tokens"),
    ("details.reasoning_tokens", "output_reasoning_tokens"),
    ("details.input_audio_tokens", "input_audio_tokens"),
    ("details.output_audio_tokens", "output_audio_tokens"),
    ("tool_use_prompt_tokens", super::TOOL_USE),
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
    exact(NAMES, Trust::Convention, name)
        .or_else(|| exact(OLD_NAMES, Trust::Framework, name))
        .or_else(|| usage_meaning(name))
        .or_else(|| prefixed(PREFIXES, Trust::Convention, name))
        .or_else(|| prefixed(OLD_PREFIXES, Trust::Framework, name))
        .or_else(|| indexed(INDEXED, Trust::Framework, name))
}

fn usage_meaning(name: &'static str) -> Option<Meaning> {
    let known = name.strip_prefix(USAGE)?;
    let bucket = |rows: &[(&str, &'static str)]| {
        let row = rows.iter().find(|(row, _)| *row == known);
        row.map(|(_, bucket)| *bucket)
    };
    let (trust, short) = match bucket(BUCKETS) {
        Some(bucket) => (Trust::Convention, bucket),
        None => (Trust::Framework, bucket(OLD_BUCKETS)?),
    };
    Some(Meaning {
        role: Role::Usage,
        trust,
        short,
    })
}

/// Events that are messages, as the conventions had them from 1.28 to 1.36: the part that each is of, and who speaks.
const MESSAGES: &[(&str, Role, &str)] = &[
    ("gen_ai.system.message", Role::InputPart, "system"),
    ("gen_ai.user.message", Role::InputPart, "user"),
    ("gen_ai.assistant.message", Role::InputPart, "assistant"),
    ("gen_ai.tool.message", Role::InputPart, "tool"),
    ("gen_ai.choice", Role::OutputPart, "assistant"),
];

/// What an event of this name says, and who says it.
pub(crate) fn message(event: &str) -> Option<(Role, &'static str)> {
    let (_, role, speaker) = MESSAGES.iter().find(|(name, ..)| *name == event)?;
    Some((*role, speaker))
}

/// Whether an event is a message; it is named by its callsite, or by a field.
pub(crate) fn is_message<'a>(callsite: &str, field: impl FnOnce(&str) -> Option<&'a str>) -> bool {
    message(field(EVENT_NAME).unwrap_or(callsite)).is_some()
}

/// The field that names an event.
pub(crate) const EVENT_NAME: &str = "event.name";

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
        "input_cache_creation" => Some("gen_ai.usage.cache_write.input_tokens"),
        "output_reasoning_tokens" => Some("gen_ai.usage.reasoning.output_tokens"),
        "input_audio_tokens" => Some("gen_ai.usage.audio.input_tokens"),
        "output_audio_tokens" => Some("gen_ai.usage.audio.output_tokens"),
        _ => None,
    }
}
