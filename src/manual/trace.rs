//! What the observations of one trace share.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::clock::UnixNanos;
use crate::describe::trace_metadata;
use crate::field::Role;
use crate::id::TraceId;
use crate::model::{Callsite, Lane, Lanes, Score, SharedAttributes, Subject, TraceAttributes, ValueRef};
use crate::read;
use crate::sink::Source;

/// One trace, while handles to it or to its observations live.
pub(super) struct State {
    pub(super) source: Source,
    pub(super) id: TraceId,
    /// The name of its root: the trace's where nothing names it.
    pub(super) name: Arc<str>,
    pub(super) callsite: Arc<Callsite>,
    /// The lanes that show anything of it.
    pub(super) lanes: Lanes,
    /// What turns the monotonic clock into the time of day; taken once.
    pub(super) offset: u64,
    attributes: Mutex<SharedAttributes>,
    changes: AtomicU64,
    open: AtomicUsize,
}

impl State {
    pub(super) fn new(source: Source, id: TraceId, name: &str) -> Self {
        let mut callsite = Callsite {
            name: "manual",
            target: module_path!(),
            ..Callsite::default()
        };
        callsite.shown = source.sink.shown(&callsite);
        Self {
            id,
            name: name.into(),
            callsite: Arc::new(callsite),
            lanes: source.sink.sample(id),
            offset: source.clock.offset(),
            attributes: Mutex::default(),
            changes: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            source,
        }
    }

    pub(super) fn now(&self) -> UnixNanos {
        self.source.clock.monotonic().wrapping_add(self.offset)
    }

    /// What holds at this moment.
    pub(super) fn attributes(&self) -> SharedAttributes {
        self.attributes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set(&self, set: impl FnOnce(&mut TraceAttributes)) {
        let mut attributes = self.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        set(attributes.make_mut());
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// A score of something in it.
    pub(super) fn score(&self, score: Score, of: &dyn Fn(Lane) -> Option<Subject>) {
        let score = score.or_environment(self.attributes().environment.as_deref());
        self.source.sink.score(score, of);
    }

    /// How often something was set; counted after it was.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(super) fn begun(&self) {
        self.open.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn ended(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_over(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }
}

/// Without content: a program's log is no place for it.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The trace around an observation made by hand: what is set here holds for every observation of it that ends later.
///
/// It has no input and no output: those of a trace are its root's. When all of them that were made by
/// hand have ended, what is said here changes nothing any more, and [`Ledger::late`](crate::Ledger::late) counts it.
#[derive(Clone, Debug)]
pub struct TraceHandle(pub(super) Arc<State>);

impl TraceHandle {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> TraceId {
        self.0.id
    }

    /// Who is served.
    pub fn user(&self, id: impl AsRef<str>) -> &Self {
        self.text(Role::User, id.as_ref())
    }

    /// The conversation that this trace is a turn of.
    pub fn session(&self, id: impl AsRef<str>) -> &Self {
        self.text(Role::Session, id.as_ref())
    }

    /// Tags to find it by; they add to those that are there, up to 128.
    pub fn tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) -> &Self {
        // The iterator is the user's: it runs before anything is locked.
        let tags: Vec<T> = tags.into_iter().collect();
        let tags: Vec<&str> = tags.iter().map(|tag| tag.as_ref().trim()).collect();
        self.set(|attributes| tags.iter().for_each(|tag| attributes.tag(tag)))
    }

    /// Metadata of the trace, shown on each of its observations: at most 128 keys, of which more are left out.
    pub fn metadata(&self, key: impl AsRef<str>, value: impl Serialize) -> &Self {
        if self.0.lanes.is_empty() && !self.0.is_over() {
            return self;
        }
        let key = key.as_ref();
        let set = trace_metadata(&value, |value| {
            self.set(|attributes| read::set_attribute(attributes, Role::TraceMetadata, key, value))
        });
        set.unwrap_or(self)
    }

    /// A score of the whole trace, also when it is over; it is queued and sent with the traces: see
    /// [`Pipeline::score`](crate::Pipeline::score).
    pub fn score(&self, score: Score) -> &Self {
        self.0.score(score, &|_| Some(Subject::Trace(self.0.id)));
        self
    }

    /// The name of the trace. Without it the trace has the name that its root began with.
    pub fn name(&self, name: impl AsRef<str>) -> &Self {
        self.text(Role::TraceName, name.as_ref())
    }

    /// Whether anybody with the link may see it.
    pub fn public(&self, public: bool) -> &Self {
        self.set(|attributes| attributes.public = Some(public))
    }

    /// Where it ran: lower-case letters, digits, `-` and `_`, at most 40, not beginning with `langfuse`. Langfuse's
    /// server stores anything else as `default`.
    pub fn environment(&self, environment: impl AsRef<str>) -> &Self {
        self.text(Role::Environment, environment.as_ref())
    }

    /// The release of the program.
    pub fn release(&self, release: impl AsRef<str>) -> &Self {
        self.text(Role::Release, release.as_ref())
    }

    /// The version of what made the trace: of a prompt chain, an agent.
    pub fn version(&self, version: impl AsRef<str>) -> &Self {
        self.text(Role::Version, version.as_ref())
    }

    fn text(&self, role: Role, text: &str) -> &Self {
        self.set(|attributes| read::set_attribute(attributes, role, "", ValueRef::Text(text)))
    }

    fn set(&self, set: impl FnOnce(&mut TraceAttributes)) -> &Self {
        if self.0.is_over() {
            self.0.source.sink.late();
        } else {
            self.0.set(set);
        }
        self
    }
}
