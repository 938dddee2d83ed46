//! OpenLLMetry, also known as Traceloop. What it writes below `gen_ai.` is among the conventions' older names.
//!
//! Source: traceloop/openllmetry, `opentelemetry-semantic-conventions-ai`, and the attributes of the Traceloop SDK.

use super::{Meaning, Role, Trust, exact, prefixed, renamed};

const NAMES: &[(&str, Role)] = &[
    ("traceloop.span.kind", Role::ForeignType),
    ("llm.request.type", Role::ForeignType),
    ("traceloop.entity.input", Role::Input),
    ("traceloop.entity.output", Role::Output),
    ("traceloop.association.properties.user_id", Role::User),
    ("traceloop.association.properties.session_id", Role::Session),
    ("llm.response.model", Role::ResponseModel),
    ("llm.user", Role::User),
];

const RENAMED: &[(&str, Role, &str)] = &[
    ("llm.frequency_penalty", Role::Parameter, "frequency_penalty"),
    ("llm.presence_penalty", Role::Parameter, "presence_penalty"),
    ("llm.top_k", Role::Parameter, "top_k"),
    ("llm.is_streaming", Role::Parameter, "stream"),
    ("llm.chat.stop_sequences", Role::Parameter, "stop_sequences"),
    (
        "llm.request.reasoning_effort",
        Role::Parameter,
        "reasoning_effort",
    ),
];

/// They stand beside `gen_ai.usage.prompt_tokens`, and are one count with it.
const BUCKETS: &[(&str, Role, &str)] = &[
    ("llm.usage.prompt_tokens", Role::Usage, "input"),
    ("llm.usage.completion_tokens", Role::Usage, "output"),
    ("llm.usage.total_tokens", Role::Usage, "total"),
    (
        "llm.usage.cache_read_input_tokens",
        Role::Usage,
        "input_cached_tokens",
    ),
    (
        "llm.usage.cache_creation_input_tokens",
        Role::Usage,
        "input_cache_creation",
    ),
    (
        "llm.usage.reasoning_tokens",
        Role::Usage,
        "output_reasoning_tokens",
    ),
];

/// Association properties are set once for all spans of a trace.
const PREFIXES: &[(&str, Role)] = &[("traceloop.association.properties.", Role::TraceMetadata)];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    exact(NAMES, Trust::OpenLlmetry, name)
        .or_else(|| renamed(RENAMED, Trust::OpenLlmetry, name))
        .or_else(|| renamed(BUCKETS, Trust::Framework, name))
        .or_else(|| prefixed(PREFIXES, Trust::OpenLlmetry, name))
}
