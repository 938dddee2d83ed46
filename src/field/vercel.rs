//! The Vercel AI SDK's names, which gateways and ports of it write too.
//!
//! Source: vercel/ai, `packages/ai/src/telemetry`.

use super::{Meaning, Role, Trust, exact, prefixed, renamed};

const NAMES: &[(&str, Role)] = &[
    ("ai.operationId", Role::ForeignType),
    ("ai.model.id", Role::Model),
    ("ai.response.model", Role::ResponseModel),
    ("ai.prompt", Role::Prompt),
    ("ai.prompt.messages", Role::Messages),
    ("ai.toolCall.args", Role::Input),
    ("ai.response.text", Role::Output),
    ("ai.response.object", Role::Completion),
    ("ai.toolCall.result", Role::Output),
    ("ai.toolCall.name", Role::Tool),
    ("ai.toolCall.id", Role::Tool),
    ("ai.telemetry.metadata.userId", Role::User),
    ("ai.telemetry.metadata.sessionId", Role::Session),
    ("ai.telemetry.metadata.tags", Role::Tags),
];

const RENAMED: &[(&str, Role, &str)] = &[
    ("ai.usage.promptTokens", Role::Usage, "input"),
    ("ai.usage.inputTokens", Role::Usage, "input"),
    ("ai.usage.completionTokens", Role::Usage, "output"),
    ("ai.usage.outputTokens", Role::Usage, "output"),
    ("ai.usage.tokens", Role::Usage, "total"),
    ("ai.usage.totalTokens", Role::Usage, "total"),
    ("ai.usage.cachedInputTokens", Role::Usage, "input_cached_tokens"),
    ("ai.usage.reasoningTokens", Role::Usage, "output_reasoning_tokens"),
    ("ai.response.msToFirstChunk", Role::FirstTokenAfter, "ms"),
    ("ai.stream.msToFirstChunk", Role::FirstTokenAfter, "ms"),
];

const PREFIXES: &[(&str, Role)] = &[
    ("ai.settings.", Role::Parameter),
    ("ai.telemetry.metadata.", Role::Metadata),
];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    exact(NAMES, Trust::OpenLlmetry, name)
        .or_else(|| renamed(RENAMED, Trust::OpenLlmetry, name))
        .or_else(|| prefixed(PREFIXES, Trust::OpenLlmetry, name))
}
