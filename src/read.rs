//! Reading a finished span: from values as they came to what they mean. Runs on the worker.
//!
//! Which field counts is decided on the whole span: a plain name is weak and may be a mere argument.

mod asked;
mod attributes;
mod content;
mod messages;
mod model;
mod outcome;
mod parts;
mod plan;
mod prompt;
mod usage;
mod words;

use std::sync::Arc;

use smallvec::smallvec;

use self::asked::{Asked, Question};
pub(crate) use self::attributes::set_attribute;
use self::plan::{Indices, Places, Plans};
pub(crate) use self::prompt::said as prompt_said;
pub(crate) use self::words::{flag, message, text, value};

use crate::debug_text;
use crate::field::{Role, Roles, Trust};
use crate::json_text;
use crate::model::{Entry, Kind, Observation, Reading, Recorded, TextForm, Use, ValueRef};

/// Reads one recorded span after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Whether arguments become the input, and what a function returned the output.
    captures_arguments: bool,
    /// What a text becomes is written here first.
    scratch: Vec<u8>,
    plans: Plans,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Reader {
    /// With the switch for the content that nobody named.
    pub(crate) fn new(captures_arguments: bool) -> Self {
        Self {
            captures_arguments,
            scratch: Vec::new(),
            plans: Plans::default(),
        }
    }

    pub(crate) fn read(&mut self, mut recorded: Box<Recorded>) -> Observation {
        let (absent, failed) = self.read_texts(&mut recorded);
        if let Some(plan) = self.plans.find(&recorded, &absent) {
            let mut reading = plan.reading();
            read_values(&mut recorded, &mut reading, &plan.places, failed);
            return Observation::new(recorded, reading, Some(Arc::clone(&plan.notes)));
        }
        let (mut reading, mut asked) = (Reading::default(), Asked::default());
        let places = self.decide(&mut recorded, &mut reading, &absent, &mut asked);
        read_values(&mut recorded, &mut reading, &places, failed);
        let notes = if asked.is_all() {
            self.plans.keep(&recorded, absent, asked, &reading, places)
        } else {
            None
        };
        Observation::new(recorded, reading, notes)
    }

    /// Decides what each field means; answers where the values stand that are still to be read.
    fn decide(
        &self,
        recorded: &mut Recorded,
        reading: &mut Reading,
        absent: &[usize],
        asked: &mut Asked,
    ) -> Places {
        reading.uses = smallvec![Use::default(); recorded.fields.entries().len()];
        for index in absent {
            if let Some(used) = reading.uses.get_mut(*index) {
                used.hidden = true;
            }
        }
        weigh(recorded, reading, asked);
        hide_repeated(recorded, reading, asked);
        model::read(recorded, reading, asked);
        content::read(recorded, reading, self.captures_arguments, asked);
        Places {
            beside: content::beside(recorded, reading),
            counted: usage::decide(recorded, reading, asked),
            prompt: prompt::decide(recorded, reading, asked),
        }
    }

    /// Reads every text by the role of its field; answers which of them say nothing, and whether the function returned an
    /// `Err`.
    fn read_texts(&mut self, recorded: &mut Recorded) -> (Indices, bool) {
        let (mut absent, mut failed) = (Indices::new(), false);
        for index in 0..recorded.fields.entries().len() {
            let Some(entry) = recorded.fields.entries().get(index) else {
                break;
            };
            let (role, is_own) = (entry.head.role, entry.head.owner == 0);
            // Whether a content is JSON, who shows it asks: nothing else is as long.
            let may_be_json = JSON.contain(role);
            if !may_be_json && !entry.is_debug() {
                continue;
            }
            let found = match recorded.fields.value(entry) {
                ValueRef::Debug(text) => self.read_debug(text, role),
                ValueRef::Text(text) if may_be_json && json_text::is_container(text) => {
                    Found::Is(TextForm::Json)
                }
                _ => continue,
            };
            match found {
                Found::Absent => absent.push(index),
                Found::Is(form) => recorded.fields.restate(index, form),
                Found::BecomesScalar => {
                    let text = std::str::from_utf8(&self.scratch).unwrap_or_default();
                    if !recorded.fields.rewrite_scalar(index, text) {
                        recorded.fields.rewrite(index, TextForm::Text, text);
                    }
                }
                Found::Becomes(form) => {
                    let text = std::str::from_utf8(&self.scratch).unwrap_or_default();
                    let json =
                        form == TextForm::Text && is_json_by_nature(role) && json_text::is_container(text);
                    recorded
                        .fields
                        .rewrite(index, if json { TextForm::Json } else { form }, text);
                    if form == TextForm::Error && role == Role::Return && is_own {
                        failed = true;
                        recorded.fields.set_role(index, Role::StatusMessage);
                    }
                }
            }
        }
        (absent, failed)
    }

    fn read_debug(&mut self, text: &str, role: Role) -> Found {
        self.scratch.clear();
        // A message is text: only the quotes of a string are taken off.
        let is_text = matches!(role, Role::StatusMessage | Role::StatusDescription | Role::Name);
        if is_text && !text.starts_with('"') {
            return Found::Is(TextForm::Text);
        }
        match debug_text::read(text, role == Role::Return, &mut self.scratch) {
            debug_text::Reading::Absent => Found::Absent,
            // `Some(5)` is a number; a text would have its quotes.
            debug_text::Reading::Text if text.starts_with("Some(") && !text.contains('"') => {
                Found::BecomesScalar
            }
            debug_text::Reading::Text => Found::Becomes(TextForm::Text),
            debug_text::Reading::Json => Found::Becomes(TextForm::Json),
            debug_text::Reading::Error => Found::Becomes(TextForm::Error),
            debug_text::Reading::AsIs => Found::Is(TextForm::Text),
        }
    }
}

/// Reads the values of fields whose meaning is decided.
fn read_values(recorded: &mut Recorded, reading: &mut Reading, places: &Places, failed: bool) {
    content::read_beside(recorded, &places.beside);
    outcome::read(recorded, reading, failed);
    (reading.usage, reading.cost) = usage::read(recorded, &places.counted);
    reading.prompt = prompt::read(recorded, places.prompt);
}

enum Found {
    Absent,
    /// The text stands, and is this.
    Is(TextForm),
    /// The scratch buffer holds what it becomes.
    Becomes(TextForm),
    /// The scratch buffer holds a number or a boolean, or a text that is neither.
    BecomesScalar,
}

/// Roles whose text is JSON when it looks like an object or a list. Free text of digits stays text.
fn is_json_by_nature(role: Role) -> bool {
    is_content(role) || JSON.contain(role)
}

/// Those of them that are no content.
const JSON: Roles = Roles::of(&[
    Role::Parameter,
    Role::Parameters,
    Role::UsageDetails,
    Role::CostDetails,
    Role::MetadataObject,
    Role::TraceMetadataObject,
]);

/// Whether it can be the whole input or output. One value of many is what it is: the text of a message, the arguments of a
/// tool as a text.
fn is_content(role: Role) -> bool {
    (role.is_input() || role.is_output()) && !matches!(role, Role::InputPart | Role::OutputPart)
}

/// A key is sent once: of two fields that say one thing the more trusted, of equals the last.
fn hide_repeated(recorded: &Recorded, reading: &mut Reading, asked: &mut Asked) {
    let entries = recorded.fields.entries();
    let mut seen = Roles::default();
    let mut twice = Roles::default();
    for entry in entries {
        if seen.contain(entry.head.role) {
            twice.insert(entry.head.role);
        }
        seen.insert(entry.head.role);
    }
    let repeated = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| twice.contain(entry.head.role));
    for (index, entry) in repeated {
        for (later, other) in entries.iter().enumerate().skip(index + 1) {
            if other.head.role != entry.head.role || other.head.owner != entry.head.owner {
                continue;
            }
            let both_count = [index, later]
                .iter()
                .all(|at| reading.uses.get(*at).is_some_and(|used| used.counts));
            if !say_one_thing(recorded, entry, other, both_count) {
                continue;
            }
            let (worse, place) = if other.head.trust >= entry.head.trust {
                (entry, index)
            } else {
                (other, later)
            };
            // A vocabulary with backends of its own keeps its names there, and is metadata only where it says another
            // thing than what is trusted more.
            let is_foreign = entry.head.trust.is_foreign() || other.head.trust.is_foreign();
            let is_kept =
                is_foreign && worse.head.trust > Trust::Plain && !names_are_one(recorded, entry, other);
            if is_kept && asked.ask(recorded, Question::Says(index, later)) {
                continue;
            }
            if let Some(used) = reading.uses.get_mut(place) {
                *used = Use {
                    hidden: !is_kept,
                    ..Use::default()
                };
            }
        }
    }
}

fn names_are_one(recorded: &Recorded, one: &Entry, other: &Entry) -> bool {
    recorded.names(one).0 == recorded.names(other).0
}

/// Whether two fields with one role have one key: one name or, where both count, one name within the role.
fn say_one_thing(recorded: &Recorded, one: &Entry, other: &Entry, both_count: bool) -> bool {
    let (one_name, one_short) = recorded.names(one);
    let (other_name, other_short) = recorded.names(other);
    let by_short_name = both_count && matches!(one.head.role, Role::Parameter | Role::Metadata | Role::Usage);
    !one_name.is_empty() && (one_name == other_name || (by_short_name && one_short == other_short))
}

/// Decides which roles count. What does not is an argument, or metadata.
fn weigh(recorded: &Recorded, reading: &mut Reading, asked: &mut Asked) {
    let calls_a_model = recorded.kind.calls_a_model();
    // What is below is counted there. Frameworks copy it to the agent's span; the program itself knows what it says.
    let copies = recorded.usage_below && !calls_a_model;
    let entries = recorded.fields.entries().iter().zip(&mut reading.uses);
    for (index, (entry, used)) in entries.enumerate() {
        let head = entry.head;
        let trusted = head.trust > Trust::Plain;
        used.counts = head.owner == 0
            && !used.hidden
            && match head.role {
                Role::None => false,
                Role::Type | Role::ForeignType | Role::Operation => {
                    asked.ask(recorded, Question::Word(index))
                }
                Role::Model | Role::Parameter | Role::Parameters => trusted || calls_a_model,
                role if role.is_usage() => {
                    (trusted || calls_a_model) && !(copies && head.trust < Trust::Langfuse)
                }
                // Langfuse's server links generations only.
                Role::PromptName | Role::PromptVersion => recorded.kind == Kind::Generation,
                // Which of them is the content is weighed apart.
                role => !(role.is_input() || role.is_output()),
            };
    }
}

/// The counting entry with one of these roles that is trusted most; the later role wins before the later entry.
fn best(recorded: &Recorded, reading: &Reading, roles: &[Role]) -> Option<usize> {
    if !recorded.fields.roles().meet(Roles::of(roles)) {
        return None;
    }
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    entries
        .filter(|(_, (_, used))| used.counts)
        .filter_map(|(index, (entry, _))| {
            let rank = roles.iter().position(|role| *role == entry.head.role)?;
            Some((entry.head.trust, rank, index))
        })
        .max()
        .map(|(.., index)| index)
}

/// The most trusted entry of the span's own that `is` one, the last of equals, whether it counts or not.
fn best_of(recorded: &Recorded, reading: &Reading, is: impl Fn(&Entry) -> bool) -> Option<usize> {
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    entries
        .filter(|(_, (entry, used))| entry.head.owner == 0 && !used.hidden && is(entry))
        .max_by_key(|(index, (entry, _))| (entry.head.trust, *index))
        .map(|(index, _)| index)
}
