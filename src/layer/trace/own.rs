//! What a span says about its trace.

use std::sync::Arc;

use crate::field::{Role, Roles, Trust};
use crate::layer::trace::Above;
use crate::model::{Callsite, Entry, Fields, Head, Key, SharedAttributes, TraceAttributes, ValueRef};
use crate::read;

/// What one span says about its trace.
#[derive(Clone, Default, Debug)]
pub(crate) struct Own {
    pub(crate) attributes: TraceAttributes,
    /// How far the name was trusted that gave each single value.
    trusted: [Option<Trust>; SINGLE.len()],
}

/// The roles with a single value.
const SINGLE: [Role; 7] = [
    Role::User,
    Role::Session,
    Role::TraceName,
    Role::Environment,
    Role::Release,
    Role::Version,
    Role::Public,
];

impl Own {
    /// Sets one attribute, unless a more trusted name has given it: the order of their coming does not matter.
    pub(crate) fn set(&mut self, role: Role, trust: Trust, set: impl FnOnce(&mut TraceAttributes)) {
        let place = SINGLE.iter().position(|single| *single == role);
        if let Some(known) = place.and_then(|place| self.trusted.get_mut(place)) {
            if known.is_some_and(|known| known > trust) {
                return;
            }
            *known = Some(trust);
        }
        set(&mut self.attributes);
    }

    /// Whether it comes of exactly the words that stand in these entries, but for those of events.
    fn is_of(&self, fields: &Fields) -> bool {
        let mut words = 0;
        let mut says = |entry: &Entry| {
            words += 1;
            let (head, value) = (entry.head, fields.value(entry));
            let place = SINGLE.iter().position(|single| *single == head.role);
            let trusted = place.and_then(|place| *self.trusted.get(place)?);
            let word = self.attributes.word(head.role);
            trusted == Some(head.trust) && word.is_some_and(|word| value == ValueRef::Text(word))
        };
        let mut entries = fields.entries().iter().filter(|entry| entry.head.owner == 0);
        let all = entries.all(|entry| !entry.head.role.is_trace() || says(entry));
        all && words == self.trusted.iter().flatten().count() && self.attributes.has_only_words()
    }
}

/// What a span said about its trace when it began, and what held for it then.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// What held above it.
    pub(crate) above: SharedAttributes,
    pub(crate) shown_above: bool,
    pub(crate) own: Arc<Own>,
    pub(crate) together: SharedAttributes,
}

impl Said {
    /// Whether these fields say the same below the same.
    pub(super) fn is_of(&self, above: &SharedAttributes, shown_above: bool, fields: &Fields) -> bool {
        // The link to a prompt is handed down, too, and is no word.
        !fields.roles().meet(Roles::PROMPT_LINK)
            && self.above.is(above)
            && self.shown_above == shown_above
            && self.own.is_of(fields)
    }
}

/// Takes the trace's attributes out of entries into `own`; `argument` is told which plain fields, by their place, are
/// mere arguments here. Answers whether there were any.
pub(crate) fn take_attributes(
    fields: &Fields,
    entries: &[Entry],
    callsite: &Callsite,
    above: Above,
    own: &mut Option<Arc<Own>>,
    mut argument: impl FnMut(usize),
) -> bool {
    let mut found = false;
    for (at, entry) in entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.head.role.is_trace() && entry.head.owner == 0)
    {
        let (head, value) = (entry.head, fields.value(entry));
        if !counts(head, above) {
            argument(at);
            continue;
        }
        // An `Option` that is `None` says nothing, however far its name is trusted.
        if value == ValueRef::Debug("None") {
            continue;
        }
        found = true;
        let short = short(fields, head, callsite);
        Arc::make_mut(own.get_or_insert_default()).set(head.role, head.trust, |attributes| {
            read::set_attribute(attributes, head.role, short, value);
        });
    }
    found
}

/// A plain user or session never replaces one that an ancestor has; plain tags, environment and trace name count only
/// where no ancestor is shown. Elsewhere such a field is a function's argument.
fn counts(head: Head, above: Above) -> bool {
    if head.trust > Trust::Plain {
        return true;
    }
    match head.role {
        Role::User => !above.has_user,
        Role::Session => !above.has_session,
        _ => !above.shown,
    }
}

fn short<'a>(fields: &'a Fields, head: Head, callsite: &'a Callsite) -> &'a str {
    match head.key {
        Key::Declared(index) => callsite
            .field(index.into())
            .map_or("", |field| field.meaning.short),
        Key::Known(name) => name,
        Key::Given(range) => fields.text(range),
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use tracing::info_span;

    use crate::SpanExt;
    use crate::testing::Capture;

    #[test]
    fn spans_that_say_the_same_below_the_same_share_it() {
        let capture = Capture::new();
        capture.run(|| {
            let root = info_span!("root");
            let call = |id: &str, session: &str| {
                let span = info_span!(parent: &root, "call", call = id, gen_ai.conversation.id = session);
                span.observation().name(id);
            };
            call("first", "s");
            call("second", "s");
            call("third", "t");
            root.observation().trace().user("u");
            call("fourth", "t");
        });
        let found = |name: &str| capture.find(name).unwrap();
        let trace = |name: &str| ptr::from_ref(found(name).trace());
        assert!(ptr::eq(trace("first"), trace("second")));
        let said = |name: &str| {
            (
                found(name).session().map(str::to_owned),
                found(name).user().map(str::to_owned),
            )
        };
        let of = |session: &str, user: Option<&str>| (Some(session.to_owned()), user.map(str::to_owned));
        assert_eq!(said("second"), of("s", None));
        assert_eq!(said("third"), of("t", None));
        assert_eq!(said("fourth"), of("t", Some("u")));
    }

    #[test]
    fn what_counts_below_plumbing_is_not_taken_over_below_an_observation() {
        let capture = Capture::new();
        capture.run(|| {
            let request = info_span!("request", http.route = "/");
            drop(info_span!(parent: &request, "first", environment = "prod"));
            let agent = info_span!(parent: &request, "agent");
            drop(info_span!(parent: &agent, "second", environment = "prod"));
        });
        let environment = |name: &str| capture.find(name).unwrap().environment().map(str::to_owned);
        assert_eq!(environment("first").as_deref(), Some("prod"));
        assert_eq!(environment("second"), None);
    }

    #[test]
    fn what_is_said_besides_or_less_is_not_the_same() {
        let capture = Capture::new();
        capture.run(|| {
            let root = info_span!("root");
            drop(info_span!(parent: &root, "both", user.id = "u", session.id = "s"));
            drop(info_span!(parent: &root, "one", session.id = "s"));
            drop(info_span!(parent: &root, "tagged", session.id = "s", langfuse.trace.tags = "t"));
            drop(info_span!(parent: &root, "again", session.id = "s"));
        });
        let said = |name: &str| {
            let found = capture.find(name).unwrap();
            let trace = found.trace();
            (trace.user.clone(), trace.session.clone(), trace.tags.len())
        };
        let s = || Some("s".into());
        assert_eq!(said("both"), (Some("u".into()), s(), 0));
        assert_eq!(said("one"), (None, s(), 0));
        assert_eq!(said("tagged"), (None, s(), 1));
        assert_eq!(said("again"), (None, s(), 0));
    }
}
