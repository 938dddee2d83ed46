//! Obvious words, as people write them who know `tracing` and nothing of LLM telemetry.
//!
//! They are weak, because a plain field may be a mere argument: whether one counts is decided on the whole span
//! (see the observation's reading). Not words of ours, since they are so often something else: `version`,
//! `release`, `public`, `name`, `type`, `level`, `thread_id`.

use super::{Meaning, Role, Trust, exact, prefixed};

const NAMES: &[(&str, Role)] = &[
    ("as_type", Role::Type),
    ("observation_type", Role::Type),
    ("model", Role::Model),
    ("input", Role::Input),
    ("messages", Role::Messages),
    ("prompt", Role::Prompt),
    ("output", Role::Output),
    ("completion", Role::Completion),
    ("prompt.name", Role::PromptName),
    ("prompt.version", Role::PromptVersion),
    ("cost", Role::Cost),
    ("total_cost", Role::Cost),
    ("usage", Role::UsageDetails),
    ("usage_details", Role::UsageDetails),
    ("cost_details", Role::CostDetails),
    ("model_parameters", Role::Parameters),
    // goose and its forks, before mid-2026.
    (MODEL_CONFIG, Role::Parameters),
    ("user_id", Role::User),
    ("session_id", Role::Session),
    ("tags", Role::Tags),
    ("trace_name", Role::TraceName),
    ("environment", Role::Environment),
    // Parameters, by the names that OpenAI-compatible requests have.
    ("temperature", Role::Parameter),
    ("top_p", Role::Parameter),
    ("top_k", Role::Parameter),
    ("max_tokens", Role::Parameter),
    ("max_completion_tokens", Role::Parameter),
    ("frequency_penalty", Role::Parameter),
    ("presence_penalty", Role::Parameter),
    ("seed", Role::Parameter),
    ("stop", Role::Parameter),
    ("stream", Role::Parameter),
    ("n", Role::Parameter),
];

/// All that a call is made with, the model among it.
pub(crate) const MODEL_CONFIG: &str = "model_config";

/// Token counts and the bucket that each fills.
const TOKENS: &[(&str, &str)] = &[
    ("input_tokens", "input"),
    ("prompt_tokens", "input"),
    ("output_tokens", "output"),
    ("completion_tokens", "output"),
    ("total_tokens", "total"),
];

const PREFIXES: &[(&str, Role)] = &[("usage.", Role::Usage), ("metadata.", Role::Metadata)];

/// Parameters that nothing but a model call takes: beside `model` each is a generation's second sign.
const TELLING: &[&str] = &["temperature", "top_p", "max_tokens", "max_completion_tokens"];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    if let Some((_, bucket)) = TOKENS.iter().find(|(row, _)| *row == name) {
        return Some(Meaning {
            role: Role::Usage,
            trust: Trust::Plain,
            short: bucket,
        });
    }
    exact(NAMES, Trust::Plain, name).or_else(|| {
        let meaning = prefixed(PREFIXES, Trust::Plain, name)?;
        match meaning.short {
            "cost" | "total_cost" if meaning.role == Role::Usage => Some(Meaning {
                role: Role::Cost,
                ..meaning
            }),
            short if meaning.role == Role::Usage => Some(Meaning {
                short: bucket(short),
                ..meaning
            }),
            _ => Some(meaning),
        }
    })
}

/// `usage.prompt_tokens` is `usage.input`.
fn bucket(short: &'static str) -> &'static str {
    TOKENS
        .iter()
        .find(|(row, _)| *row == short)
        .map_or(short, |(_, bucket)| bucket)
}

/// Whether a plain parameter makes a span with a `model` a generation.
pub(crate) fn is_telling(parameter: &str) -> bool {
    TELLING.contains(&parameter)
}
