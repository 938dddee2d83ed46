//! Where the fields of a span go: decided by their names and what they mean, and so the same for all spans of a shape.

use crate::dialect::{Attributes, Name};
use crate::field::{Role, Trust, semantic_name};
use crate::model::{Content, Field, Observation, ValueRef};

use super::named::Named;

/// The fields of a span that are written, by where.
#[derive(Default, Debug)]
pub(super) struct Placed {
    /// Usage buckets that the conventions do not have.
    pub(super) usage: Vec<Own>,
    /// What has a name of the conventions.
    pub(super) named: Named,
    /// What nobody said, although the kind of the observation says it.
    operation: Option<&'static str>,
    /// Sides of the usage that nobody said under the conventions' name.
    sides: Vec<(&'static str, Name)>,
    /// The others, under their own names: first what the handle said to be metadata, which has its key for itself.
    pub(super) own: Vec<Own>,
    /// The fields of each event.
    pub(super) events: Vec<Vec<usize>>,
}

/// A field under a name of its own.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) index: usize,
    pub(super) name: Name,
    /// It is an input or an output.
    pub(super) is_content: bool,
}

impl Placed {
    /// The places of all fields, less those with names of the conventions that are withheld.
    pub(super) fn of(observation: &Observation, is_withheld: impl Fn(usize) -> bool) -> Self {
        let mut placed = Self::default();
        let mut others = Vec::new();
        for field in observation.fields() {
            if is_content_of(observation, &field) {
                continue;
            }
            let own = |name: Name| Own {
                index: field.index,
                name,
                is_content: field.role.is_input() || field.role.is_output(),
            };
            match place(&field) {
                Place::Nowhere => {}
                Place::Usage => placed
                    .usage
                    .push(own(Name::new(["usage.", field.short].concat()))),
                Place::Semantic(name) if !is_withheld(field.index) => placed.named.offer(name, &field),
                Place::Semantic(_) => {}
                Place::Own if is_said(&field) => placed.own.push(own(name(observation, &field))),
                Place::Own => others.push(own(name(observation, &field))),
            }
        }
        placed.own.append(&mut others);
        let events = observation.events();
        let events = events.map(|(_, fields)| fields.map(|field| field.index).collect());
        placed.events = events.collect();
        let kinds = observation.kind().operation();
        placed.operation = kinds.filter(|_| !placed.named.has(OPERATION));
        // Whose backend knows another vocabulary is told in it, and once.
        if !observation.usage_trust().is_some_and(Trust::is_foreign) {
            let sides = ["input", "output"].map(|side| Some((side, semantic_name(Role::Usage, side)?)));
            let unsaid = sides
                .into_iter()
                .flatten()
                .filter(|(_, name)| !placed.named.has(name));
            placed.sides = unsaid.map(|(side, name)| (side, Name::new(name))).collect();
        }
        placed
    }

    /// Writes what the observation knows and no field said under the conventions' name.
    pub(super) fn write_implied(&self, observation: &Observation, attributes: &mut impl Attributes) {
        if let Some(operation) = self.operation {
            attributes.text(OPERATION, operation);
        }
        if let Some(prompt) = observation.prompt() {
            attributes.text("gen_ai.prompt.name", &prompt.name);
            attributes.put("gen_ai.prompt.version", ValueRef::U64(prompt.version.into()));
        }
        for (side, name) in &self.sides {
            if let Some(tokens) = with_details(observation, side) {
                attributes.put(name, ValueRef::U64(tokens));
            }
        }
    }
}

const OPERATION: &str = "gen_ai.operation.name";

fn name(observation: &Observation, field: &Field<'_>) -> Name {
    Name::new(observation.name_at(field.index))
}

/// Whether the handle says that this is metadata: it has its key for itself, also where a field has the same name.
fn is_said(field: &Field<'_>) -> bool {
    field.role == Role::Metadata && field.trust == Trust::Handle
}

/// Where a field goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It became something else: the span's name, kind or status; or it is Langfuse's alone.
    Nowhere,
    /// Under its own name.
    Own,
    /// A usage bucket that the conventions do not have, said through the handle: its name alone says too little.
    Usage,
    /// Under the conventions' name.
    Semantic(&'static str),
}

fn place(field: &Field<'_>) -> Place {
    match field.role {
        Role::StatusMessage => return Place::Nowhere,
        Role::Name | Role::SpanKind | Role::StatusCode | Role::StatusDescription if field.used.counts => {
            return Place::Nowhere;
        }
        // A conversation is a name of the conventions too, and a narrower one than the session that it is here.
        Role::Session if field.name == "gen_ai.conversation.id" => return Place::Own,
        _ if field.trust.is_foreign() => return Place::Own,
        _ => {}
    }
    match semantic_name(field.role, field.short) {
        Some(name) if field.used.counts || field.name == name => Place::Semantic(name),
        _ if is_langfuses(field.name) => Place::Nowhere,
        _ if field.role == Role::Usage && field.trust == Trust::Handle => Place::Usage,
        _ => Place::Own,
    }
}

pub(super) fn is_langfuses(name: &str) -> bool {
    name.starts_with("langfuse.")
}

/// Whether a field is the input or the output itself, which has its own attribute.
fn is_content_of(observation: &Observation, field: &Field<'_>) -> bool {
    let is = |content| content == Content::Field(field.index);
    !keeps_its_name(field) && (is(observation.said_input()) || is(observation.said_output()))
}

/// Whether the name of a content is one that backends know: it stays, also on a type for which we have another.
pub(super) fn keeps_its_name(field: &Field<'_>) -> bool {
    field.trust.is_foreign() || (field.trust == Trust::Convention && field.name.starts_with("gen_ai."))
}

/// The tokens of one side as providers report them: with the details that are buckets of their own for Langfuse.
fn with_details(observation: &Observation, side: &str) -> Option<u64> {
    let usage = observation.usage();
    let is_detail = |name: &str| {
        name.strip_prefix(side)
            .is_some_and(|detail| detail.starts_with('_'))
    };
    let details = usage
        .buckets()
        .filter(|(name, _)| is_detail(name))
        .map(|(_, tokens)| tokens);
    Some(details.fold(usage.get(side)?, u64::saturating_add))
}
