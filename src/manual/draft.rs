//! What is known of an observation until it ends.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::above::ByHand;
use crate::clock::UnixNanos;
use crate::describe::with_scratch;
use crate::field::{Role, Trust};
use crate::id::{SpanId, TraceId};
use crate::manual::trace::State;
use crate::model::{
    Fields, Head, Key, Kind, Lanes, Level, Parents, PromptLink, Recorded, Score, SharedAttributes, Subject,
};
use crate::own_thread;

/// One observation, while handles to it live.
pub(super) struct Work {
    pub(super) trace: Arc<State>,
    pub(super) id: SpanId,
    parents: Parents,
    shown: Lanes,
    /// The prompt of the generations here.
    prompt: Mutex<Option<Arc<PromptLink>>>,
    /// None once it has ended.
    draft: Mutex<Option<Draft>>,
}

/// What has been said of it.
pub(super) struct Draft {
    recorded: Box<Recorded>,
    garbage: usize,
}

/// How an observation begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) id: Option<SpanId>,
    pub(super) parents: Parents,
    pub(super) time: Option<UnixNanos>,
    /// Of what it stands below.
    pub(super) prompt: Option<Arc<PromptLink>>,
}

impl Work {
    pub(super) fn begin(trace: Arc<State>, beginning: Beginning) -> Arc<Self> {
        let Beginning {
            name,
            kind,
            id,
            parents,
            time,
            prompt,
        } = beginning;
        // An exporter of the user's own that observes itself would never come to an end.
        let shown = if own_thread::is_ours() {
            Lanes::NONE
        } else {
            trace.callsite.shown.intersection(trace.lanes)
        };
        let source = &trace.source;
        let id = id.unwrap_or_else(|| source.ids.span());
        let mut recorded = source.sink.blank(&trace.callsite, trace.id, id);
        recorded.kind = kind;
        recorded.shown = shown;
        recorded.parents = parents.clone();
        recorded.trace_name = Some(Arc::clone(&trace.name));
        if !shown.is_empty() {
            let head = Head::handle(Key::Known("name"), Role::Name);
            recorded.fields.str(head, &name);
            source.sink.open();
        }
        trace.begun();
        recorded.start = time.unwrap_or_else(|| trace.now());
        let draft = Draft { recorded, garbage: 0 };
        Arc::new(Self {
            trace,
            id,
            parents,
            shown,
            prompt: Mutex::new(prompt),
            draft: Mutex::new(Some(draft)),
        })
    }

    /// Values said of it; what writes them runs before anything is locked.
    pub(super) fn write(&self, write: impl FnOnce(&mut Fields)) {
        if self.is_shown() {
            with_scratch(|scratch| {
                write(scratch);
                self.with(|draft| draft.take_over(scratch));
            });
        }
    }

    /// The prompt that is said here, or else above it.
    pub(super) fn prompt(&self) -> Option<Arc<PromptLink>> {
        self.prompt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is that of everything that begins below, too.
    pub(super) fn set_prompt(&self, prompt: PromptLink) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(prompt));
    }

    pub(super) fn set_kind(&self, kind: Kind) {
        self.with(|draft| draft.recorded.kind = kind);
    }

    pub(super) fn first_token(&self, time: UnixNanos) {
        self.with(|draft| {
            draft.recorded.first_token.get_or_insert(time);
        });
    }

    /// A score of it, where it is shown; else of what it stands below.
    pub(super) fn score(&self, score: Score) {
        let (trace, here) = (self.trace.id, (self.id, self.shown));
        self.trace
            .score(score, &|lane| Some(Subject::of(trace, here, &self.parents, lane)));
    }

    /// Whether some destination shows it: else nothing that is said of it has to be worked out.
    pub(super) fn is_shown(&self) -> bool {
        !self.shown.is_empty()
    }

    /// The first end counts.
    pub(super) fn end(&self, time: Option<UnixNanos>) {
        let Some(mut draft) = self.lock().take() else {
            return;
        };
        let trace = &self.trace;
        let panicked = time.is_none() && thread::panicking();
        if panicked {
            draft.panicked();
        }
        // Usage said by hand is the observation's own, whatever is below.
        let mut recorded = draft.recorded;
        recorded.end = time.unwrap_or_else(|| trace.now()).max(recorded.start);
        recorded.trace = self.attributes();
        trace.ended();
        if self.is_shown() {
            trace.source.sink.finish(recorded);
        } else {
            trace.source.sink.give_back(recorded);
        }
    }

    fn with(&self, act: impl FnOnce(&mut Draft)) {
        match &mut *self.lock() {
            Some(draft) => act(draft),
            None => self.trace.source.sink.late(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Draft>> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ByHand for Work {
    fn sink(&self) -> *const () {
        Arc::as_ptr(&self.trace.source.sink).cast()
    }

    fn trace_id(&self) -> TraceId {
        self.trace.id
    }

    fn lanes(&self) -> Lanes {
        self.trace.lanes
    }

    fn trace_name(&self) -> Arc<str> {
        Arc::clone(&self.trace.name)
    }

    fn offset(&self) -> u64 {
        self.trace.offset
    }

    fn parents(&self) -> Parents {
        Parents::below(self.id, self.shown, &self.parents, self.trace.lanes)
    }

    fn attributes(&self) -> SharedAttributes {
        let mut attributes = self.trace.attributes();
        if let Some(prompt) = self.prompt() {
            attributes.make_mut().prompt = Some(prompt);
        }
        attributes
    }

    fn changes(&self) -> u64 {
        self.trace.changes()
    }
}

/// Without content: a program's log is no place for it.
impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("id", &self.id)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl Draft {
    fn take_over(&mut self, values: &Fields) {
        let Self { recorded, garbage } = self;
        let taken = recorded.fields.take_over(values, 0, garbage);
        recorded.dropped_fields = recorded.dropped_fields.saturating_add(taken.dropped);
    }

    fn panicked(&mut self) {
        let head = Head {
            trust: Trust::Plain,
            ..Head::handle(Key::Known("outcome"), Role::StatusMessage)
        };
        self.recorded.level = Some(Level::Error);
        self.recorded.fields.str(head, "panicked");
    }
}

#[cfg(test)]
mod tests {
    use crate::model::GARBAGE_LIMIT;
    use crate::own_thread::this_thread_is_ours;
    use crate::testing::Capture;

    #[test]
    fn nothing_begins_on_a_thread_of_the_pipeline() {
        let capture = Capture::new();
        let theirs = capture.trace("theirs").start();
        let handle = theirs.handle();
        let ours = capture.clone();
        std::thread::spawn(move || {
            this_thread_is_ours();
            ours.trace("ours").start().span("ours").start().end();
            handle.output("what began elsewhere goes on");
        })
        .join()
        .unwrap();
        theirs.end();
        assert_eq!(
            capture.tree(),
            "\nspan theirs\n  out:    what began elsewhere goes on\n"
        );
    }

    #[test]
    fn what_is_said_stays_bounded_and_the_rest_is_counted() {
        let capture = Capture::new();
        let root = capture.trace("work").start();
        for number in 0..100_000 {
            root.output("some text of a usual length");
            root.metadata("one key", number);
        }
        for number in 0..2_000 {
            root.metadata(format!("key {number}"), number);
        }
        root.output("the last");
        root.end();
        let observation = capture.find("work").unwrap();
        assert!(
            observation.weight() < 4 * GARBAGE_LIMIT,
            "{}",
            observation.weight()
        );
        assert!((900..1_000).contains(&observation.dropped_fields()));
        assert_eq!(observation.output().as_deref(), Some("the last"));
    }

    #[test]
    fn what_is_printed_of_a_handle_has_no_content() {
        let capture = Capture::new();
        let root = capture.trace("work").start();
        root.input("private").trace().user("private");
        let shown = format!("{root:?} {:?} {:?}", root.trace(), root.span("x"));
        assert!(!shown.contains("private"), "{shown}");
    }
}
