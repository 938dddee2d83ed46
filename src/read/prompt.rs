//! Which prompt version a generation used.

use crate::field::{Role, Roles, Trust};
use crate::model::{Fields, Kind, PromptLink, Reading, Recorded};
use crate::read::asked::{Asked, Question};
use crate::read::{best, text};

/// Where the name and the version stand.
pub(super) fn decide(
    recorded: &Recorded,
    reading: &mut Reading,
    asked: &mut Asked,
) -> (Option<usize>, Option<usize>) {
    if !recorded.fields.roles().meet(Roles::PROMPT_LINK) {
        return (None, None);
    }
    let name = best(recorded, reading, &[Role::PromptName]);
    let version = best(recorded, reading, &[Role::PromptVersion]);
    let is_any = name.or(version).is_some();
    if is_any && !asked.ask(recorded, Question::Links(name, version)) {
        // Half a link is none: the server stores a name without an id, or drops the row. Shown, not lost.
        for index in [name, version].into_iter().flatten() {
            if let Some(used) = reading.uses.get_mut(index) {
                (used.counts, used.metadata) = (false, true);
            }
        }
    }
    if recorded.kind != Kind::Generation {
        // What the program said of a scope is said of the generations in it.
        let entries = recorded.fields.entries().iter().zip(&mut reading.uses);
        let said = entries
            .filter(|(entry, _)| entry.head.role.is_prompt_link() && entry.head.trust == Trust::Handle);
        said.for_each(|(_, used)| used.metadata = false);
    }
    (name, version)
}

/// The prompt that it says itself, else that of its scope.
pub(super) fn read(
    recorded: &Recorded,
    (name, version): (Option<usize>, Option<usize>),
) -> Option<PromptLink> {
    let link = link(recorded, name, version);
    let scopes = recorded.trace.prompt.as_ref();
    let scopes = scopes.filter(|_| recorded.kind == Kind::Generation);
    link.or_else(|| scopes.and_then(|scopes| linkable(&scopes.name, scopes.version.into())))
}

/// The prompt that the entries at these places say.
pub(super) fn link(recorded: &Recorded, name: Option<usize>, version: Option<usize>) -> Option<PromptLink> {
    let name = text(recorded.fields.value_at(name?)?)?;
    linkable(&name, recorded.fields.value_at(version?)?.as_count()?)
}

/// The prompt that values say: the most trusted name and version, the last of equals.
pub(crate) fn said(fields: &Fields) -> Option<PromptLink> {
    let said = |role| {
        let entries = fields.entries().iter();
        let of_role = entries.filter(|entry| entry.head.role == role && entry.head.owner == 0);
        of_role
            .max_by_key(|entry| entry.head.trust)
            .map(|entry| fields.value(entry))
    };
    let name = said(Role::PromptName).and_then(text)?;
    linkable(&name, said(Role::PromptVersion)?.as_count()?)
}

/// The server's column of versions holds 16 bits, and 0 is no version.
fn linkable(name: &str, version: u64) -> Option<PromptLink> {
    let version = u16::try_from(version).ok().filter(|version| *version > 0)?;
    Some(PromptLink {
        name: name.to_owned(),
        version: version.into(),
    })
}
