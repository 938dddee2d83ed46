//! Input, output, arguments and metadata.

use crate::field::{Role, Trust};
use crate::json_text;
use crate::media_text::Reference;
use crate::model::{Content, Entry, Kind, Reading, Recorded, TextForm, Use, ValueRef};
use crate::read::asked::{Asked, Question};
use crate::read::plan::Indices;
use crate::read::{is_content, messages, parts, text};

/// Scalar arguments up to this length are metadata too, since Langfuse filters on those. Nobody does on pictures.
const SHORT: usize = 200;

pub(super) fn read(
    recorded: &mut Recorded,
    reading: &mut Reading,
    captures_arguments: bool,
    asked: &mut Asked,
) {
    if !captures_arguments {
        withhold(recorded, reading, |entry, _| entry.head.role == Role::Return);
    }
    let spoken = messages::spoken(recorded, asked);
    for role in [Role::InputPart, Role::OutputPart] {
        messages::of_events(recorded, reading, &spoken, role);
        if recorded.fields.roles().contain(role) {
            asked.go_beyond();
            parts::read(recorded, reading, role);
        }
    }
    let input = input(recorded, reading);
    let output = output(recorded, reading, input.is_some());
    for index in [input, output].into_iter().flatten() {
        if let Some(used) = reading.uses.get_mut(index) {
            used.counts = true;
        }
    }
    reading.input = input.map_or(Content::None, Content::Field);
    reading.output = output.map_or(Content::None, Content::Field);
    reading.said_input = parts::said(recorded, input);
    reading.said_output = parts::said(recorded, output);
    messages::add_system(recorded, reading, asked);
    let recorded = &*recorded;
    let said = [reading.said_input, reading.said_output];
    let mut arguments = false;
    let entries = recorded.fields.entries().iter().zip(&mut reading.uses);
    for (index, (entry, used)) in entries.enumerate() {
        let mut is_another_model = || match reading.model {
            Some(model) if matches!(entry.head.role, Role::Model | Role::ResponseModel) => {
                !asked.ask(recorded, Question::Is(model, index))
            }
            _ => false,
        };
        if used.hidden || used.counts || entry.head.owner != 0 {
            used.metadata |= used.counts && (is_shown_although_it_counts(entry) || is_another_model());
            continue;
        }
        let mut says = |content: usize| asked.ask(recorded, Question::Says(content, index));
        if is_raw_form(recorded, [(&said[0], input), (&said[1], output)], entry) {
            continue;
        }
        if !is_argument(recorded, entry) {
            let is_said = (entry.head.role.is_input() && input.is_some_and(&mut says))
                || (entry.head.role.is_output() && output.is_some_and(&mut says));
            used.metadata = !is_said;
        } else if !captures_arguments {
            used.hidden = true;
        } else if let Some(input) = input {
            used.metadata = !says(input);
        } else {
            arguments = true;
            (used.argument, used.metadata) = (true, asked.ask(recorded, Question::Short(index)));
        }
    }
    if arguments {
        reading.input = Content::Arguments;
    }
    yield_to_metadata(recorded, reading);
    let capture = Capture::of(recorded, asked);
    if !capture.input {
        withhold(recorded, reading, |entry, used| {
            entry.head.role.is_input() || (!used.counts && is_argument(recorded, entry))
        });
        reading.input = Content::None;
    }
    if !capture.output {
        withhold(recorded, reading, |entry, _| entry.head.role.is_output());
        reading.output = Content::None;
    }
}

/// What could have been the content, and is shown beside it.
pub(super) fn beside(recorded: &Recorded, reading: &Reading) -> Indices {
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    let is_beside = |(_, (entry, used)): &(usize, (&Entry, &Use))| {
        (used.argument || used.metadata) && is_content(entry.head.role)
    };
    entries.filter(is_beside).map(|(index, _)| index).collect()
}

/// Finds JSON there.
pub(super) fn read_beside(recorded: &mut Recorded, beside: &Indices) {
    for index in beside {
        let is_json = match recorded.fields.value_at(*index) {
            Some(ValueRef::Text(text)) => json_text::is_container(text),
            _ => false,
        };
        if is_json {
            recorded.fields.restate(*index, TextForm::Json);
        }
    }
}

/// What is said to be metadata has its key for itself, also where a field has the same name.
fn yield_to_metadata(recorded: &Recorded, reading: &mut Reading) {
    if !recorded.fields.roles().contain(Role::Metadata) {
        return;
    }
    let entries = recorded.fields.entries();
    for metadata in entries.iter().filter(|entry| entry.head.role == Role::Metadata) {
        let key = recorded.names(metadata).1;
        for (entry, used) in entries.iter().zip(&mut reading.uses) {
            used.metadata &= entry.head.role == Role::Metadata || recorded.names(entry).0 != key;
        }
    }
}

/// The field that is the input itself: the most trusted; one recorded later before one given at creation;
/// `input`, `messages`, `prompt`.
fn input(recorded: &Recorded, reading: &Reading) -> Option<usize> {
    candidates(recorded, reading)
        .filter_map(|(index, entry)| {
            let rank = [Role::Prompt, Role::Messages, Role::Input]
                .iter()
                .position(|role| *role == entry.head.role)?;
            Some((entry.head.trust, entry.head.late, rank, index))
        })
        .max()
        .map(|(.., index)| index)
}

/// The field that is the output: recorded later; what the function returned; given at creation, which counts only
/// beside something that makes it one.
fn output(recorded: &Recorded, reading: &Reading, has_input: bool) -> Option<usize> {
    let is_said = |(entry, used): (&Entry, &Use)| {
        used.counts && matches!(entry.head.role, Role::Type | Role::ForeignType | Role::Operation)
    };
    let beside = has_input
        || recorded.kind == Kind::Generation
        || recorded.fields.entries().iter().zip(&reading.uses).any(is_said);
    candidates(recorded, reading)
        .filter(|(_, entry)| entry.head.role.is_output() && entry.head.role != Role::OutputPart)
        .filter_map(|(index, entry)| {
            let head = entry.head;
            let class = match head.role {
                Role::Return => 1,
                _ if head.late || head.trust > Trust::Plain => 2,
                _ if beside => 0,
                _ => return None,
            };
            Some((class, head.trust, index))
        })
        .max()
        .map(|(.., index)| index)
}

fn candidates<'a>(recorded: &'a Recorded, reading: &'a Reading) -> impl Iterator<Item = (usize, &'a Entry)> {
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    entries
        .filter(|(_, (entry, used))| entry.head.owner == 0 && !used.hidden)
        .map(|(index, (entry, _))| (index, entry))
}

/// `tracing` gives no mark that tells an argument from a field: an undotted one with a value at creation is one.
fn is_argument(recorded: &Recorded, entry: &Entry) -> bool {
    !entry.head.late && !recorded.names(entry).0.contains('.')
}

/// Whether an argument is short enough to be metadata, too.
pub(super) fn is_short(recorded: &Recorded, index: usize) -> bool {
    let Some(entry) = recorded.fields.entries().get(index) else {
        return false;
    };
    match recorded.fields.value(entry) {
        ValueRef::Json(_) => false,
        ValueRef::Text(text) if is_content(entry.head.role) && json_text::is_container(text) => false,
        value => value
            .as_str()
            .is_none_or(|text| text.len() <= SHORT && Reference::all(text).next().is_none()),
    }
}

/// Whether a field is the request or the answer as it went over the wire, where the same vocabulary has it as a list
/// of messages: OpenInference writes both.
fn is_raw_form(recorded: &Recorded, contents: [(&Option<Content>, Option<usize>); 2], entry: &Entry) -> bool {
    let is_side = |side: usize| match side {
        0 => entry.head.role.is_input(),
        _ => entry.head.role.is_output(),
    };
    contents.iter().enumerate().any(|(side, (said, index))| {
        let built = index.and_then(|index| recorded.fields.entries().get(index));
        **said == Some(Content::None)
            && is_side(side)
            && built.is_some_and(|built| built.head.trust == entry.head.trust)
    })
}

/// Roles that say something no other place of Langfuse shows.
fn is_shown_although_it_counts(entry: &Entry) -> bool {
    matches!(
        entry.head.role,
        Role::Metadata | Role::MetadataObject | Role::Tool | Role::Agent | Role::ErrorType | Role::Outcome
    )
}

/// `langfuse.capture`: which content of this span may be kept. Nothing said, or no such word: both.
struct Capture {
    input: bool,
    output: bool,
}

impl Capture {
    fn of(recorded: &Recorded, asked: &mut Asked) -> Self {
        let is_said = recorded.fields.roles().contain(Role::Capture);
        let mut entries = recorded.fields.entries().iter().rev().filter(|_| is_said);
        if is_said {
            asked.go_beyond();
        }
        let word = entries.find(|entry| entry.head.role == Role::Capture);
        let word = word.and_then(|entry| text(recorded.fields.value(entry)));
        match word.as_deref() {
            Some("none") => Self {
                input: false,
                output: false,
            },
            Some("input") => Self {
                input: true,
                output: false,
            },
            Some("output") => Self {
                input: false,
                output: true,
            },
            _ => Self {
                input: true,
                output: true,
            },
        }
    }
}

fn withhold(recorded: &Recorded, reading: &mut Reading, which: impl Fn(&Entry, Use) -> bool) {
    for (entry, used) in recorded.fields.entries().iter().zip(&mut reading.uses) {
        if which(entry, *used) {
            *used = Use {
                hidden: true,
                ..Use::default()
            };
        }
    }
}
