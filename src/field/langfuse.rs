//! Langfuse's own attributes.
//!
//! Source: langfuse/langfuse v4.16, `packages/shared/src/server/otel/attributes.ts`.

use super::{Meaning, Role, Trust, exact, prefixed};

const NAMES: &[(&str, Role)] = &[
    ("langfuse.observation.type", Role::Type),
    ("langfuse.observation.input", Role::Input),
    ("langfuse.observation.output", Role::Output),
    ("langfuse.observation.level", Role::Level),
    ("langfuse.observation.status_message", Role::StatusMessage),
    ("langfuse.observation.model.name", Role::Model),
    ("langfuse.observation.model.parameters", Role::Parameters),
    ("langfuse.observation.usage_details", Role::UsageDetails),
    ("langfuse.observation.cost_details", Role::CostDetails),
    ("langfuse.observation.completion_start_time", Role::FirstToken),
    ("langfuse.observation.prompt.name", Role::PromptName),
    ("langfuse.observation.prompt.version", Role::PromptVersion),
    ("langfuse.observation.metadata", Role::MetadataObject),
    ("langfuse.prompt.name", Role::PromptName),
    ("langfuse.prompt.version", Role::PromptVersion),
    ("langfuse.user.id", Role::User),
    ("langfuse.session.id", Role::Session),
    ("langfuse.trace.name", Role::TraceName),
    ("langfuse.trace.tags", Role::Tags),
    ("langfuse.tags", Role::Tags),
    ("langfuse.trace.public", Role::Public),
    ("langfuse.public", Role::Public),
    ("langfuse.trace.metadata", Role::TraceMetadataObject),
    ("langfuse.environment", Role::Environment),
    ("langfuse.release", Role::Release),
    ("langfuse.version", Role::Version),
    // Ours: which content of a span may be captured.
    ("langfuse.capture", Role::Capture),
];

const PREFIXES: &[(&str, Role)] = &[
    ("langfuse.observation.metadata.", Role::Metadata),
    ("langfuse.trace.metadata.", Role::TraceMetadata),
];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    exact(NAMES, Trust::Langfuse, name).or_else(|| prefixed(PREFIXES, Trust::Langfuse, name))
}
