//! OpenInference: flat attributes, with lists as one attribute for each value.
//!
//! Source: Arize-ai/openinference, `spec/semantic_conventions.md` of August 2026. `session.id` and `user.id` are
//! OpenTelemetry's too.

use super::{Meaning, Role, Trust, exact, indexed, renamed};

const NAMES: &[(&str, Role)] = &[
    ("openinference.span.kind", Role::ForeignType),
    ("llm.model_name", Role::ResponseModel),
    ("llm.response.model_name", Role::ResponseModel),
    ("llm.request.model_name", Role::Model),
    ("embedding.model_name", Role::Model),
    ("reranker.model_name", Role::Model),
    ("llm.invocation_parameters", Role::Parameters),
    ("embedding.invocation_parameters", Role::Parameters),
    ("input.value", Role::Input),
    ("output.value", Role::Output),
    // On a tool's span these are what it was called with; a raw input says it better.
    ("tool.parameters", Role::Prompt),
    ("reranker.query", Role::Prompt),
    ("tool_call.id", Role::Tool),
    ("tool.name", Role::Tool),
    ("tag.tags", Role::Tags),
];

/// Usage and cost, with the bucket of each. Details are part of the main counts.
const BUCKETS: &[(&str, Role, &str)] = &[
    ("llm.token_count.prompt", Role::Usage, "input"),
    ("llm.token_count.completion", Role::Usage, "output"),
    ("llm.token_count.total", Role::Usage, "total"),
    (
        "llm.token_count.prompt_details.cache_read",
        Role::Usage,
        "input_cached_tokens",
    ),
    (
        "llm.token_count.prompt_details.cache_write",
        Role::Usage,
        "input_cache_creation",
    ),
    (
        "llm.token_count.prompt_details.audio",
        Role::Usage,
        "input_audio_tokens",
    ),
    (
        "llm.token_count.completion_details.reasoning",
        Role::Usage,
        "output_reasoning_tokens",
    ),
    (
        "llm.token_count.completion_details.audio",
        Role::Usage,
        "output_audio_tokens",
    ),
    // The details of a cost are part of these; Langfuse would add them up.
    ("llm.cost.prompt", Role::Cost, "input"),
    ("llm.cost.completion", Role::Cost, "output"),
    ("llm.cost.total", Role::Cost, "total"),
];

const INDEXED: &[(&str, Role)] = &[
    ("llm.input_messages.", Role::InputPart),
    ("llm.output_messages.", Role::OutputPart),
    ("llm.prompts.", Role::InputPart),
    ("llm.choices.", Role::OutputPart),
    ("embedding.embeddings.", Role::InputPart),
    ("retrieval.documents.", Role::OutputPart),
    ("reranker.input_documents.", Role::InputPart),
    ("reranker.output_documents.", Role::OutputPart),
];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    exact(NAMES, Trust::OpenInference, name)
        .or_else(|| renamed(BUCKETS, Trust::OpenInference, name))
        .or_else(|| indexed(INDEXED, Trust::OpenInference, name))
}
