//! How a trace and an observation begin.

use std::sync::Arc;
use std::time::SystemTime;

use crate::above::ByHand as _;
use crate::clock::unix_nanos;
use crate::field::Role;
use crate::id::{SpanId, TraceId};
use crate::manual::draft::{Beginning, Work};
use crate::manual::trace::State;
use crate::manual::{ExperimentItem, Handle, OpenObservation};
use crate::model::{Kind, Lanes, Parents, ValueRef};
use crate::read;
use crate::sink::Source;

/// A trace that is about to begin, with its root.
#[derive(Debug)]
#[must_use = "nothing begins before start()"]
pub struct StartTrace {
    source: Source,
    id: Option<String>,
    root: Beginning,
    item: Option<ExperimentItem>,
}

impl StartTrace {
    pub(crate) fn new(source: Source, name: String) -> Self {
        let root = Beginning {
            name,
            kind: Kind::Span,
            id: None,
            parents: Parents::default(),
            time: None,
            prompt: None,
        };
        Self {
            source,
            id: None,
            root,
            item: None,
        }
    }

    /// The id of the trace: 32 hex digits. Any other word, such as the number of a request, gives
    /// [`TraceId::from_seed`] of it, the same each time, and is kept as metadata of the trace under `given_trace_id`.
    /// An empty one is none: the trace then has an id of its own making.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The type of the root; a span when it is not set.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.root.kind = kind;
        self
    }

    /// The id of the root.
    pub fn root_id(mut self, id: SpanId) -> Self {
        self.root.id = Some(id);
        self
    }

    /// The observation, made elsewhere in this trace, that the root is a child of. The root is then none to Langfuse:
    /// the trace's input and output are those of the observation on top.
    pub fn parent(mut self, parent: SpanId) -> Self {
        self.root.parents = below(parent, self.source.sink.lanes());
        self
    }

    /// The trace is an item of an experiment: each observation of it says so to Langfuse, also those of `tracing` that
    /// stand below one of it ([`Handle::in_scope`]).
    pub fn experiment(mut self, item: &ExperimentItem) -> Self {
        self.item = Some(item.clone());
        self
    }

    /// When the root began; now when it is not set.
    pub fn start_at(mut self, time: SystemTime) -> Self {
        self.root.time = Some(unix_nanos(time));
        self
    }

    /// The trace begins, with its root.
    pub fn start(mut self) -> OpenObservation {
        let word = self.id.filter(|word| !word.is_empty());
        let given = word.as_deref().map(str::parse::<TraceId>);
        let (id, is_derived) = match (given, &word) {
            (Some(Ok(id)), _) => (id, false),
            (_, Some(word)) => (TraceId::from_seed(word), true),
            _ => (self.source.ids.trace(), false),
        };
        let said = self.item.map(|item| {
            let root = *self.root.id.get_or_insert_with(|| self.source.ids.span());
            item.attributes(root)
        });
        let trace = State::new(self.source, id, &self.root.name);
        if let Some(said) = said {
            trace.set(|attributes| attributes.experiment = said);
        }
        if let Some(word) = word.filter(|_| is_derived) {
            trace.set(|attributes| {
                let word = ValueRef::Text(&word);
                read::set_attribute(attributes, Role::TraceMetadata, GIVEN, word);
            });
        }
        OpenObservation(Handle(Work::begin(Arc::new(trace), self.root)))
    }
}

/// An observation that is about to begin below another.
#[derive(Debug)]
#[must_use = "nothing begins before start()"]
pub struct Start {
    trace: Arc<State>,
    beginning: Beginning,
}

impl Start {
    pub(super) fn new(above: &Work, kind: Kind, name: String) -> Self {
        let beginning = Beginning {
            name,
            kind,
            id: None,
            parents: above.parents(),
            time: None,
            prompt: above.prompt(),
        };
        Self {
            trace: Arc::clone(&above.trace),
            beginning,
        }
    }

    /// Its id.
    pub fn id(mut self, id: SpanId) -> Self {
        self.beginning.id = Some(id);
        self
    }

    /// Another observation of this trace in place of the one it was made from, for an import in any order.
    pub fn parent(mut self, parent: SpanId) -> Self {
        self.beginning.parents = below(parent, self.trace.lanes);
        self
    }

    /// When it began; now when it is not set.
    pub fn start_at(mut self, time: SystemTime) -> Self {
        self.beginning.time = Some(unix_nanos(time));
        self
    }

    /// It begins.
    pub fn start(self) -> OpenObservation {
        OpenObservation(Handle(Work::begin(self.trace, self.beginning)))
    }
}

/// The metadata of a trace whose given id is no id.
const GIVEN: &str = "given_trace_id";

fn below(parent: SpanId, lanes: Lanes) -> Parents {
    Parents::below(parent, lanes, &Parents::default(), lanes)
}
