//! Messages in other shapes than a field: events, and instructions that a provider takes apart.

use serde_json::Value as Json;
use smallvec::SmallVec;

use crate::field::{Role, Trust, gen_ai};
use crate::model::{Content, Head, Reading, Recorded, ValueRef, write_object};
use crate::read::asked::Asked;
use crate::read::{best_of, parts};

/// The messages that came as events: which event, which side it is of, and who says it.
type Spoken = SmallVec<[(u16, Role, &'static str); 4]>;

pub(super) fn spoken(recorded: &Recorded, asked: &mut Asked) -> Spoken {
    let owners = (1_u16..).zip(&recorded.events);
    let said = owners.filter_map(|(owner, event)| {
        let named = fields(recorded, owner).find(|(name, _)| *name == gen_ai::EVENT_NAME);
        let is_named = named.is_some();
        let name = named.and_then(|(_, value)| value.as_str());
        let message = gen_ai::message(name.unwrap_or(event.callsite.name));
        if is_named || message.is_some() {
            asked.go_beyond();
        }
        let (role, speaker) = message?;
        Some((owner, role, speaker))
    });
    said.collect()
}

/// Puts messages that came as events, one each, together.
pub(super) fn of_events(recorded: &mut Recorded, reading: &mut Reading, spoken: &Spoken, part: Role) {
    let mut list = Vec::new();
    for (owner, _, speaker) in spoken.iter().filter(|(_, role, _)| *role == part) {
        let fields = fields(recorded, *owner);
        let role = ("role", ValueRef::Text(speaker));
        let role = Some(role).filter(|_| !fields.clone().any(|(name, _)| name == "role"));
        list.push(if list.is_empty() { b'[' } else { b',' });
        write_object(
            role.into_iter()
                .chain(fields.filter(|(name, _)| *name != gen_ai::EVENT_NAME)),
            &mut list,
        );
    }
    if list.is_empty() {
        return;
    }
    list.push(b']');
    let json = String::from_utf8(list).unwrap_or_default();
    parts::add(recorded, reading, parts::built(part, Trust::Framework), &json);
}

fn fields(recorded: &Recorded, owner: u16) -> impl Iterator<Item = (&str, ValueRef<'_>)> + Clone {
    let entries = recorded.fields.entries().iter();
    entries
        .filter(move |entry| entry.head.owner == owner)
        .map(|entry| (recorded.names(entry).0, recorded.fields.value(entry)))
}

/// Puts the instructions before the messages, where the input is a list of messages that has none. Where the messages
/// say the same, they are said; in any other case they are metadata.
pub(super) fn add_system(recorded: &mut Recorded, reading: &mut Reading, asked: &mut Asked) {
    if !recorded.fields.roles().contain(Role::System) {
        return;
    }
    asked.go_beyond();
    let system = best_of(recorded, reading, |entry| entry.head.role == Role::System);
    let (Some(system), Content::Field(input)) = (system, reading.input) else {
        return;
    };
    let entries = recorded.fields.entries();
    let (Some(instructions), Some(entry)) = (entries.get(system), entries.get(input)) else {
        return;
    };
    let instructions = recorded.fields.value(instructions);
    let Some(list) = recorded.fields.value(entry).as_str() else {
        return;
    };
    let Some(shape) = Shape::of(list) else { return };
    let said = if shape.has_system {
        instructions.as_str().is_some_and(|text| says(list, text))
    } else {
        let Some(whole) = with_first(list, &shape, instructions) else {
            return;
        };
        let head = Head {
            key: parts::BUILT,
            late: true,
            ..entry.head
        };
        reading.said_input.get_or_insert(Content::Field(input));
        reading.input = Content::Field(parts::add(recorded, reading, head, &whole));
        if let Some(used) = reading.uses.get_mut(input) {
            used.counts = true;
        }
        true
    };
    if let Some(used) = reading.uses.get_mut(system).filter(|_| said) {
        used.counts = true;
    }
}

/// What a list of messages looks like.
struct Shape {
    has_system: bool,
    /// The messages have parts, as the conventions write them, in place of a content.
    has_parts: bool,
}

impl Shape {
    fn of(list: &str) -> Option<Self> {
        let messages: Vec<serde_json::Map<String, Json>> = serde_json::from_str(list).ok()?;
        let role = |role: &str| {
            let mut roles = messages.iter().filter_map(|message| message.get("role"));
            roles.any(|known| known == role)
        };
        (!messages.is_empty()).then(|| Self {
            has_system: role("system") || role("developer"),
            has_parts: messages.iter().any(|message| message.contains_key("parts")),
        })
    }
}

/// Whether the messages hold the instructions: as they are, or as the text in them.
fn says(list: &str, instructions: &str) -> bool {
    list.contains(instructions) || list.contains(&Json::from(content(instructions)).to_string())
}

fn with_first(list: &str, shape: &Shape, instructions: ValueRef<'_>) -> Option<String> {
    let rest = list.trim_start().strip_prefix('[')?;
    let instructions = instructions.as_str()?;
    let first = if shape.has_parts {
        let parts = match serde_json::from_str::<Vec<Json>>(instructions) {
            Ok(_) => instructions.to_owned(),
            Err(_) => format!(r#"[{{"type":"text","content":{}}}]"#, Json::from(instructions)),
        };
        format!(r#"{{"role":"system","parts":{parts}}}"#)
    } else {
        let content = Json::from(content(instructions));
        format!(r#"{{"role":"system","content":{content}}}"#)
    };
    Some(format!("[{first},{rest}"))
}

/// The text of instructions: of each part, or all of it.
fn content(instructions: &str) -> String {
    let Ok(parts) = serde_json::from_str::<Vec<Json>>(instructions) else {
        return instructions.to_owned();
    };
    let texts = parts.iter().filter_map(|part| match part {
        Json::String(text) => Some(text.as_str()),
        part => part.get("content").or_else(|| part.get("text"))?.as_str(),
    });
    texts.collect::<Vec<_>>().join("\n")
}
