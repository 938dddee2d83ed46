//! Names of single Rust frameworks, where a callsite shows whose span it is.
//!
//! Source: the sources of swiftide 0.33, goose (mid-2026), codex, adk-rust and rig 0.44.

use super::{Meaning, Role, Trust, exact, renamed};

/// Names that are nothing else, wherever they stand.
const NAMES: &[(&str, Role)] = &[
    // swiftide
    ("langfuse.type", Role::Type),
    ("langfuse.model", Role::Model),
    ("langfuse.input", Role::Input),
    ("langfuse.output", Role::Output),
    ("langfuse.usage", Role::UsageDetails),
    ("langfuse.status_message", Role::StatusMessage),
    // goose
    ("trace_input", Role::Input),
    ("trace_output", Role::Output),
    ("model_parameters_json", Role::Parameters),
    ("usage_details_json", Role::UsageDetails),
    ("cost_details_json", Role::CostDetails),
    ("session.user", Role::User),
    // adk
    ("gcp.vertex.agent.llm_request", Role::Input),
    ("gcp.vertex.agent.llm_response", Role::Output),
    ("gcp.vertex.agent.tool_call_args", Role::Input),
    ("gcp.vertex.agent.tool_response", Role::Output),
    ("gcp.vertex.agent.session_id", Role::Session),
];

/// codex: a turn sums up the calls below it, and says more beside `gen_ai.usage.*` on each.
const RENAMED: &[(&str, Role, &str)] = &[
    ("codex.turn.token_usage.input_tokens", Role::Usage, "input"),
    ("codex.turn.token_usage.output_tokens", Role::Usage, "output"),
    ("codex.turn.token_usage.total_tokens", Role::Usage, "total"),
    (
        "codex.turn.token_usage.cached_input_tokens",
        Role::Usage,
        "input_cached_tokens",
    ),
    (
        "codex.turn.token_usage.cache_write_input_tokens",
        Role::Usage,
        "input_cache_creation",
    ),
    (
        "codex.turn.token_usage.reasoning_output_tokens",
        Role::Usage,
        "output_reasoning_tokens",
    ),
    (
        "codex.usage.reasoning_output_tokens",
        Role::Usage,
        "output_reasoning_tokens",
    ),
    ("codex.usage.total_tokens", Role::Usage, "total"),
    ("codex.turn.reasoning_effort", Role::Parameter, "reasoning_effort"),
];

/// goose's, on its span of a provider's call; elsewhere they may be arguments.
const GOOSE: &[(&str, Role)] = &[
    ("input_json", Role::Input),
    ("output_json", Role::Output),
    ("completion_start_time", Role::FirstToken),
    ("status_message", Role::StatusMessage),
];

/// What swiftide says in an event and means of the span around it.
const OF_THE_SPAN: &[&str] = &[
    "langfuse.model",
    "langfuse.input",
    "langfuse.output",
    "langfuse.usage",
    "langfuse.status_message",
];

/// Whose words the fields of one callsite are.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Speaker {
    openinference: bool,
    goose: bool,
    codex: bool,
}

impl Speaker {
    pub(crate) fn of(names: impl Iterator<Item = &'static str>) -> Self {
        let mut speaker = Self::default();
        for name in names {
            speaker.openinference |= name == "openinference.span.kind";
            speaker.goose |= matches!(
                name,
                "model_parameters_json" | "usage_details_json" | "cost_details_json"
            );
            speaker.codex |= name.starts_with(CODEX_TURN);
        }
        speaker
    }
}

const CODEX_TURN: &str = "codex.turn.";

pub(super) fn look_up(name: &'static str, speaker: Speaker) -> Option<Meaning> {
    let own = |rows, speaks: bool| exact(rows, Trust::Framework, name).filter(|_| speaks);
    exact(NAMES, Trust::Framework, name)
        .or_else(|| renamed(RENAMED, Trust::Framework, name))
        .or_else(|| own(GOOSE, speaker.goose))
        .or_else(|| own(&[("thread.id", Role::Session)], speaker.codex))
        // OpenInference's one name that is an obvious word.
        .or_else(|| {
            let found = exact(&[("metadata", Role::MetadataObject)], Trust::OpenInference, name);
            found.filter(|_| speaker.openinference)
        })
}

/// Whether a field of an event says something of the span around it.
pub(crate) fn is_of_the_span(name: &str) -> bool {
    OF_THE_SPAN.contains(&name)
}

/// Spans that only their name tells, by the root of their target.
const SPANS: &[(&str, &str, &str)] = &[
    ("swiftide", "agent.query", "agent"),
    ("swiftide", "agent.query_once", "agent"),
    ("swiftide", "agent.run", "agent"),
    ("swiftide", "agent.run_once", "agent"),
    ("swiftide", "step", "chain"),
    ("swiftide", "tool", "tool"),
    ("swiftide", "indexing_pipeline.run", "chain"),
    ("swiftide", "embed", "embedding"),
    ("swiftide", "retrieve", "retriever"),
    ("codex", "try_run_sampling_request", "generation"),
];

/// The type, as Langfuse's word, of a span whose framework declares it by the span's shape alone: less than any field
/// that says a type.
pub(crate) fn implied_type(target: &str, span: &str, names: &[&'static str]) -> Option<&'static str> {
    let declares = |name: &str| names.contains(&name);
    let is_from = |root: &str| {
        // `rig`, `rig::agent` and `rig_core`, not `right`.
        let rest = target.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '_']))
    };
    if names.iter().any(|name| name.starts_with(CODEX_TURN)) {
        return Some("agent");
    }
    if declares("gcp.vertex.agent.llm_request") {
        return Some("generation");
    }
    if declares("gcp.vertex.agent.tool_call_args") {
        return Some("tool");
    }
    if declares("gcp.vertex.agent.invocation_id") && span == "agent.execute" {
        return Some("agent");
    }
    // `Agent::chat` and `Agent::prompt`, which ask a model in spans below.
    if is_from("rig") && declares("agent_name") {
        return Some("agent");
    }
    let known = SPANS
        .iter()
        .find(|(root, name, _)| is_from(root) && *name == span);
    known.map(|(.., word)| *word)
}
