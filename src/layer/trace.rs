//! One trace while it runs, and what its observations hand down.

mod own;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(crate) use own::{Own, Said, take_attributes};

use crate::above::ByHand;
use crate::clock::UnixNanos;
use crate::id::TraceId;
use crate::layer::ground::Ground;
use crate::model::{Fields, Lanes, SharedAttributes, TraceAttributes};

/// What the spans of one trace share.
#[derive(Debug)]
pub(crate) struct TraceState {
    pub(crate) ground: Arc<Ground>,
    pub(crate) id: TraceId,
    /// The lanes that show anything of it.
    pub(crate) lanes: Lanes,
    /// What turns the monotonic clock into the time of day; taken once, by the first that is shown.
    offset: OnceLock<u64>,
    /// How often an attribute was set on a span that already lived. A span that closes and finds the count of its
    /// birth needs not look at its ancestors.
    changes: AtomicU64,
    /// The observation made by hand that all of it stands below.
    above: Option<Arc<dyn ByHand>>,
    /// The name of the first topmost observation: the trace's where nothing names it.
    name: OnceLock<Arc<str>>,
    /// What that observation was called later. Few are: the others' ends take no lock.
    renamed: Mutex<Option<Arc<str>>>,
    is_renamed: AtomicBool,
    /// What a span of it said last, and what came of that.
    said: Mutex<Option<Said>>,
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
                .map_or_else(OnceLock::new, |above| above.offset().into()),
            changes: AtomicU64::new(0),
            name: above
                .as_ref()
                .map_or_else(OnceLock::new, |above| above.trace_name().into()),
            renamed: Mutex::default(),
            is_renamed: AtomicBool::new(false),
            said: Mutex::default(),
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

    /// The time of day, by the clock that never goes back.
    pub(crate) fn now(&self) -> UnixNanos {
        let offset = self.offset.get().copied().unwrap_or_else(|| self.take_offset());
        self.ground.source.clock.monotonic().wrapping_add(offset)
    }

    #[cold]
    fn take_offset(&self) -> u64 {
        *self.offset.get_or_init(|| self.ground.source.clock.offset())
    }

    pub(crate) fn changes(&self) -> u64 {
        let above = self.above.as_ref().map_or(0, |above| above.changes());
        self.changes.load(Ordering::Acquire).wrapping_add(above)
    }

    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        if self.is_renamed.load(Ordering::Acquire) {
            return self
                .renamed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
        }
        self.name.get().cloned()
    }

    /// Names the trace if nothing has; answers whether it did.
    pub(crate) fn name_once(&self, name: &str) -> bool {
        self.name.get().is_none() && self.name.set(name.into()).is_ok()
    }

    /// What comes of the words in `fields` below `above`, if the last span that said something said the same there:
    /// frameworks say the conversation on every call, and then nothing is allocated for it.
    pub(crate) fn said(&self, above: &SharedAttributes, shown_above: bool, fields: &Fields) -> Option<Said> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.as_ref()
            .filter(|said| said.is_of(above, shown_above, fields))
            .cloned()
    }

    pub(crate) fn remember(&self, said: Said) {
        let before = self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(said);
        // Freed outside the lock.
        drop(before);
    }

    pub(crate) fn rename(&self, name: &str) {
        *self.renamed.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
        self.is_renamed.store(true, Ordering::Release);
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
