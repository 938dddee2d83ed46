//! One trace while it runs, and what its observations hand down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::above::ByHand;
use crate::clock::{MonotonicNanos, UnixNanos};
use crate::field::{Role, Trust};
use crate::id::TraceId;
use crate::layer::ground::Ground;
use crate::model::{Callsite, Entry, Fields, Head, Key, Lanes, SharedAttributes, TraceAttributes, ValueRef};
use crate::read;

/// What the spans of one trace share.
#[derive(Debug)]
pub(crate) struct TraceState {
    pub(crate) ground: Arc<Ground>,
    pub(crate) id: TraceId,
    /// The lanes that show anything of it.
    pub(crate) lanes: Lanes,
    /// What turns the monotonic clock into the time of day; taken once, at the root.
    offset: u64,
    /// How often an attribute was set on a span that already lived. A span that closes and finds the count of its
    /// birth needs not look at its ancestors.
    changes: AtomicU64,
    /// The observation made by hand that all of it stands below.
    above: Option<Arc<dyn ByHand>>,
    /// The name of the first topmost observation: the trace's where nothing names it.
    name: Mutex<Option<Arc<str>>>,
}

impl TraceState {
    /// A new trace, or a part of the one that an observation made by hand stands in.
    pub(crate) fn new(ground: Arc<Ground>, above: Option<Arc<dyn ByHand>>) -> Self {
        let above = above.filter(|above| ground.goes_to(above.sink()));
        let (id, lanes) = match &above {
            Some(above) => (above.trace_id(), above.lanes()),
            None => {
                let id = ground.source.ids.trace();
                (id, ground.sink().sample(id))
            }
        };
        Self {
            id,
            lanes,
            offset: above
                .as_ref()
                .map_or_else(|| ground.source.clock.offset(), |above| above.offset()),
            changes: AtomicU64::new(0),
            name: Mutex::new(above.as_ref().map(|above| above.trace_name())),
            above,
            ground,
        }
    }

    pub(crate) fn above(&self) -> Option<&Arc<dyn ByHand>> {
        self.above.as_ref()
    }

    /// What holds for the topmost spans.
    pub(crate) fn attributes(&self) -> SharedAttributes {
        match &self.above {
            Some(above) => above.attributes(),
            None => SharedAttributes::default(),
        }
    }

    pub(crate) fn now(&self) -> MonotonicNanos {
        self.ground.source.clock.monotonic()
    }

    pub(crate) fn unix(&self, time: MonotonicNanos) -> UnixNanos {
        time.wrapping_add(self.offset)
    }

    pub(crate) fn changes(&self) -> u64 {
        let above = self.above.as_ref().map_or(0, |above| above.changes());
        self.changes.load(Ordering::Acquire).wrapping_add(above)
    }

    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names the trace if nothing has; answers whether it did.
    pub(crate) fn name_once(&self, name: &str) -> bool {
        let mut known = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.is_none();
        if first {
            *known = Some(name.into());
        }
        first
    }

    pub(crate) fn rename(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
    }
}

/// What a span finds above it when trace fields are weighed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Above {
    has_user: bool,
    has_session: bool,
    /// An ancestor is shown as an observation.
    pub(crate) shown: bool,
}

impl Above {
    pub(crate) fn new(attributes: &TraceAttributes, shown: bool) -> Self {
        Self {
            has_user: attributes.user.is_some(),
            has_session: attributes.session.is_some(),
            shown,
        }
    }
}

/// What one span says about its trace.
#[derive(Default, Debug)]
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
}

/// Takes the trace's attributes out of entries into `own`; `argument` is told which plain fields, by their place, are
/// mere arguments here. Answers whether there were any.
pub(crate) fn take_attributes(
    fields: &Fields,
    entries: &[Entry],
    callsite: &Callsite,
    above: Above,
    own: &mut Option<Box<Own>>,
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
        own.get_or_insert_default()
            .set(head.role, head.trust, |attributes| {
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
