//! Which observation type a set of roles implies: one table.

use crate::field::{Role, Roles, Trust, plain};
use crate::model::{Entry, Kind, Recorded};
use crate::read;

/// What the fields of a span say about its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Implied {
    pub(crate) kind: Kind,
    /// A word or an operation said so; else it follows from what the span carries.
    pub(crate) said: bool,
    /// A word in place of a type that is none.
    pub(crate) unknown: Option<String>,
}

/// The type of a span, from most to least trusted:
///
/// | what the span carries | type |
/// | --- | --- |
/// | a type as a word of Langfuse's | that type |
/// | a kind of OpenInference's | its type: these kinds are finer than the operations |
/// | a GenAI operation | its type |
/// | a kind of OpenLLMetry's or of the Vercel AI SDK's | its type |
/// | the shape of a framework's span | its type |
/// | the name or call id of a tool | tool |
/// | the name of an agent, and no model | agent |
/// | a model under a name that is nothing else, or by the handle | generation |
/// | a plain `model` and a second sign | generation |
/// | a plain `model_config`, and usage recorded later | generation |
/// | anything else | span |
#[inline]
pub(crate) fn implied(recorded: &Recorded) -> Implied {
    if recorded.fields.roles().meet(TELLING) {
        return told(recorded);
    }
    // As most spans are.
    let implied = recorded.callsite.implied;
    Implied {
        kind: implied.unwrap_or(Kind::Span),
        said: implied.is_some(),
        unknown: None,
    }
}

/// The type of a span whose fields tell something of it.
fn told(recorded: &Recorded) -> Implied {
    let mut word = None;
    let (mut kind_word, mut operation) = (None, None);
    let mut unknown = None;
    let (mut tool, mut agent, mut model, mut plain_model, mut configured) =
        (false, false, false, false, false);
    for entry in own(recorded, TELLING) {
        let head = entry.head;
        let text = || read::text(recorded.fields.value(entry));
        match head.role {
            Role::Type => {
                let Some(text) = text() else { continue };
                match Kind::from_word(&text) {
                    Some(kind) => keep(&mut word, head.trust, kind),
                    None => unknown = Some(text.into_owned()),
                }
            }
            Role::ForeignType => {
                if let Some(kind) = text().and_then(|word| Kind::from_foreign(&word)) {
                    keep(&mut kind_word, head.trust, kind);
                }
            }
            Role::Operation => {
                if let Some(kind) = text().and_then(|word| Kind::from_operation(&word)) {
                    keep(&mut operation, head.trust, kind);
                }
            }
            Role::Tool => tool = true,
            Role::Agent => agent = true,
            Role::Model | Role::ResponseModel if head.trust > Trust::Plain => model = true,
            Role::Model => plain_model = true,
            Role::Parameters => configured |= recorded.names(entry).1 == plain::MODEL_CONFIG,
            _ => {}
        }
    }
    let (finer, coarser) = match kind_word {
        Some((Trust::OpenInference, _)) => (kind_word, None),
        _ => (None, kind_word),
    };
    let said = word.or(finer).or(operation).or(coarser).map(|(_, kind)| kind);
    let said = said.or(recorded.callsite.implied);
    let inferred = || {
        if tool {
            Kind::Tool
        } else if agent && !model && !plain_model {
            Kind::Agent
        } else if model || (plain_model && is_signed(recorded)) || (configured && is_counted(recorded)) {
            Kind::Generation
        } else {
            Kind::Span
        }
    };
    Implied {
        kind: said.unwrap_or_else(inferred),
        said: said.is_some(),
        unknown,
    }
}

/// The roles that say something of a type.
const TELLING: Roles = Roles::of(&[
    Role::Type,
    Role::ForeignType,
    Role::Operation,
    Role::Tool,
    Role::Agent,
    Role::Model,
    Role::ResponseModel,
    Role::Parameters,
]);

/// The span's own entries with one of these roles, unless they are an `Option` that is `None`: that says nothing.
fn own(recorded: &Recorded, roles: Roles) -> impl Iterator<Item = &Entry> {
    let fields = &recorded.fields;
    let entries = if fields.roles().meet(roles) {
        fields.entries()
    } else {
        &[]
    };
    entries.iter().filter(move |entry| {
        roles.contain(entry.head.role) && entry.head.owner == 0 && !fields.is_none(entry)
    })
}

/// Whether there is a second sign, beside a plain `model`, that the model is called.
fn is_signed(recorded: &Recorded) -> bool {
    recorded.first_token.is_some()
        || own(recorded, Roles::ALL).any(|entry| {
            let head = entry.head;
            let (name, short) = recorded.names(entry);
            let by_role = match head.role {
                Role::Messages | Role::Prompt => true,
                Role::Parameter => plain::is_telling(short),
                // A dotted name is never an argument.
                Role::Usage | Role::Cost if name.contains('.') => true,
                Role::PromptName | Role::PromptVersion => true,
                Role::Input
                | Role::Output
                | Role::Completion
                | Role::Usage
                | Role::UsageDetails
                | Role::Cost
                | Role::CostDetails
                | Role::FirstToken
                | Role::FirstTokenAfter => head.late,
                _ => false,
            };
            by_role || name.starts_with("gen_ai.")
        })
}

/// Whether tokens or money were recorded later.
fn is_counted(recorded: &Recorded) -> bool {
    own(recorded, Roles::USAGE).any(|entry| entry.head.late)
}

/// Whether a span reports usage or cost of its own.
pub(crate) fn reports_usage(recorded: &Recorded) -> bool {
    let calls_a_model = recorded.kind.calls_a_model();
    own(recorded, Roles::USAGE).any(|entry| calls_a_model || entry.head.trust > Trust::Plain)
}

fn keep(best: &mut Option<(Trust, Kind)>, trust: Trust, kind: Kind) {
    if best.is_none_or(|(known, _)| known <= trust) {
        *best = Some((trust, kind));
    }
}
