//! The vocabulary: which field name means what, and how far it is trusted.
//!
//! Each family of names has a file of rows. A name is looked up once per callsite, never per value. Names are
//! matched exactly and case matters, as on every wire that defines them.

mod frameworks;
pub(crate) mod gen_ai;
mod langfuse;
mod openinference;
mod openllmetry;
mod otel;
pub(crate) mod plain;
mod roles;
mod vercel;

pub(crate) use frameworks::{Speaker, implied_type, is_of_the_span};
pub(crate) use roles::Roles;

/// Tokens of prompts that the provider made for its own tools. It counts them beside the input (Gemini does), and they
/// are input.
pub(crate) const TOOL_USE: &str = "tool_use_prompt_tokens";

/// What a field says about its observation or its trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Nothing that we know: an argument or metadata.
    None,
    /// The observation type as a word of Langfuse's.
    Type,
    /// The type as a word of another vocabulary's.
    ForeignType,
    /// `none`, `input` or `output`: which content of this span may be captured.
    Capture,
    /// A name in place of the span's.
    Name,
    SpanKind,
    StatusCode,
    StatusDescription,
    Level,
    StatusMessage,
    /// The GenAI operation, which implies a type.
    Operation,
    /// The name or call id of a tool, which implies a tool where nothing else is said.
    Tool,
    /// The name of an agent, which implies an agent where nothing else is said and no model is named.
    Agent,
    /// The model that was asked for.
    Model,
    /// The model that answered; wins over the one asked for.
    ResponseModel,
    /// One model parameter, by its short name.
    Parameter,
    /// All model parameters, as a JSON object.
    Parameters,
    Input,
    Messages,
    Prompt,
    /// One value of an input that stands in many fields; its short name is the path to it: `0.message.role`.
    InputPart,
    /// Instructions that a provider takes apart from the messages.
    System,
    Output,
    Completion,
    /// One value of an output that stands in many fields.
    OutputPart,
    /// What the function returned (`ret`).
    Return,
    /// Tokens in one bucket, by its short name.
    Usage,
    /// All buckets, as a JSON object.
    UsageDetails,
    /// Cost in US dollars: of one bucket, by its short name, or the total.
    Cost,
    /// Cost by bucket, as a JSON object.
    CostDetails,
    /// When the first token came, as RFC 3339 text.
    FirstToken,
    /// Seconds from the start to the first token; milliseconds where the short name is `ms`.
    FirstTokenAfter,
    /// How a tool's call went, as a word: only failure says more than the rest.
    Outcome,
    /// The class of an error: there is one only where something failed.
    ErrorType,
    PromptName,
    PromptVersion,
    /// Metadata of the observation, by its short name.
    Metadata,
    /// Metadata of the observation, as a JSON object.
    MetadataObject,
    User,
    Session,
    TraceName,
    Tags,
    Environment,
    Release,
    Version,
    Public,
    /// Metadata of the trace, by its short name.
    TraceMetadata,
    /// Metadata of the trace, as a JSON object.
    TraceMetadataObject,
}

impl Role {
    /// Whether it concerns the trace, and so is handed down to every observation below.
    pub(crate) fn is_trace(self) -> bool {
        Roles::TRACE.contain(self)
    }

    /// Whether it is half of a link to a prompt's version.
    pub(crate) fn is_prompt_link(self) -> bool {
        Roles::PROMPT_LINK.contain(self)
    }

    /// Whether it counts tokens or money.
    pub(crate) fn is_usage(self) -> bool {
        Roles::USAGE.contain(self)
    }

    pub(crate) fn is_input(self) -> bool {
        matches!(
            self,
            Self::Input | Self::Messages | Self::Prompt | Self::InputPart | Self::System
        )
    }

    pub(crate) fn is_output(self) -> bool {
        matches!(
            self,
            Self::Output | Self::Completion | Self::Return | Self::OutputPart
        )
    }
}

/// How far a name is trusted: of two fields with one role, the more trusted wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Trust {
    /// An obvious word; may be a mere argument.
    Plain,
    /// A framework's own name, or one that OpenTelemetry's conventions have left behind.
    Framework,
    /// OpenLLMetry's, or the Vercel AI SDK's.
    OpenLlmetry,
    OpenInference,
    /// A current convention of OpenTelemetry.
    Convention,
    /// Langfuse's own attribute.
    Langfuse,
    /// Said through the handle.
    Handle,
}

impl Trust {
    /// A vocabulary that has backends of its own: OTLP carries its names as they are.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::OpenLlmetry | Self::OpenInference)
    }

    /// Whether usage under names of both trusts is one count: what the conventions have left behind completes what
    /// they say now. Two vocabularies are never added up.
    pub(crate) fn counts_with(self, best: Self) -> bool {
        self == best || (best == Self::Convention && self == Self::Framework)
    }
}

/// What one field name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meaning {
    pub(crate) role: Role,
    pub(crate) trust: Trust,
    /// The name within the role: a parameter's, a usage bucket's, a metadata key's; elsewhere the field's own.
    pub(crate) short: &'static str,
}

/// What a field name means; `plain` says whether obvious words count at all.
#[cfg(test)]
pub(crate) fn look_up(name: &'static str, plain: bool) -> Meaning {
    look_up_beside(name, Speaker::default(), plain)
}

/// What a field name means among the others of its callsite.
pub(crate) fn look_up_beside(name: &'static str, speaker: Speaker, plain: bool) -> Meaning {
    let found = otel::look_up(name)
        .or_else(|| langfuse::look_up(name))
        .or_else(|| gen_ai::look_up(name))
        .or_else(|| openinference::look_up(name))
        .or_else(|| openllmetry::look_up(name))
        .or_else(|| vercel::look_up(name))
        .or_else(|| frameworks::look_up(name, speaker))
        .or_else(|| plain::look_up(name).filter(|_| plain));
    found.unwrap_or(Meaning {
        role: Role::None,
        trust: Trust::Plain,
        short: name,
    })
}

/// The name under which OTLP carries a role, where the semantic conventions have one.
///
/// Source: OpenTelemetry semantic conventions, GenAI (development) and general attributes.
pub(crate) fn semantic_name(role: Role, short: &str) -> Option<&'static str> {
    match role {
        Role::Model => Some("gen_ai.request.model"),
        Role::ResponseModel => Some("gen_ai.response.model"),
        Role::Operation => Some("gen_ai.operation.name"),
        Role::User => Some("user.id"),
        Role::Session => Some("session.id"),
        Role::PromptName => Some("gen_ai.prompt.name"),
        Role::PromptVersion => Some("gen_ai.prompt.version"),
        Role::FirstTokenAfter => Some("gen_ai.response.time_to_first_chunk"),
        Role::Parameter => gen_ai::parameter(short),
        Role::Usage => gen_ai::usage(short),
        _ => None,
    }
}

/// Looks a name up in rows that give its name within the role.
fn renamed(rows: &[(&'static str, Role, &'static str)], trust: Trust, name: &'static str) -> Option<Meaning> {
    let (_, role, short) = rows.iter().find(|(row, ..)| *row == name)?;
    Some(Meaning {
        role: *role,
        trust,
        short,
    })
}

/// Looks a name up in rows of prefixes before an index: `llm.prompts.0.…`.
fn indexed(rows: &[(&'static str, Role)], trust: Trust, name: &'static str) -> Option<Meaning> {
    prefixed(rows, trust, name)
        .filter(|meaning| meaning.short.starts_with(|first: char| first.is_ascii_digit()))
}

/// Looks a name up in rows of exact names.
fn exact(rows: &[(&'static str, Role)], trust: Trust, name: &'static str) -> Option<Meaning> {
    let (_, role) = rows.iter().find(|(row, _)| *row == name)?;
    Some(Meaning {
        role: *role,
        trust,
        short: name,
    })
}

/// Looks a name up in rows of prefixes; what follows the prefix is the short name.
fn prefixed(rows: &[(&'static str, Role)], trust: Trust, name: &'static str) -> Option<Meaning> {
    rows.iter().find_map(|(prefix, role)| {
        let short = name.strip_prefix(prefix).filter(|short| !short.is_empty())?;
        Some(Meaning {
            role: *role,
            trust,
            short,
        })
    })
}
