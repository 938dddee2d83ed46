//! The chainable handle to an open observation.

use std::sync::Arc;

use serde::Serialize;
use tracing::{Dispatch, Span, dispatcher, span};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use crate::describe::{self, json, serialized, with_scratch};
use crate::field::Role;
use crate::id::{SpanId, TraceId};
use crate::layer::live;
use crate::layer::open::OpenObservation;
use crate::model::{
    Cost, Fields, Head, Key, Kind, Lane, Lanes, Level, Parents, PromptUse, Score, Subject, TraceAttributes,
    Usage, ValueRef,
};
use crate::read;

/// The nearest recorded observation around the caller, also from inside a span that the layer does not record.
///
/// Outside any recorded span the handle does nothing. It needs the spans to live in `tracing_subscriber`'s
/// [`Registry`], as they do in every usual subscriber.
///
/// ```
/// # struct Reply { text: String, tokens_in: u64, tokens_out: u64 }
/// # fn call(_: &str) -> Reply { Reply { text: String::new(), tokens_in: 1, tokens_out: 2 } }
/// use tracing_llm::{Usage, current};
///
/// #[tracing::instrument(fields(model = "mistral-7b", temperature = 0.7))]
/// fn generate(prompt: &str) -> String {
///     let reply = call(prompt);
///     current().output(&reply.text).usage(Usage::new(reply.tokens_in, reply.tokens_out));
///     reply.text
/// }
/// ```
#[must_use = "a handle alone says nothing"]
pub fn current() -> ObservationHandle {
    let at = dispatcher::get_default(|dispatch| {
        let current = dispatch.current_span();
        let id = current.id()?;
        At::of(dispatch, id).or_else(|| {
            let mut above = dispatch.downcast_ref::<Registry>()?.span(id)?.scope().skip(1);
            above.find_map(|span| At::of(dispatch, &span.id()))
        })
    });
    ObservationHandle { at }
}

/// The observation of a given span.
pub trait SpanExt: sealed::Sealed {
    /// The observation of this span. If the span is not recorded, the handle does nothing.
    #[must_use = "a handle alone says nothing"]
    fn observation(&self) -> ObservationHandle;
}

impl SpanExt for Span {
    fn observation(&self) -> ObservationHandle {
        let at = self.with_subscriber(|(id, dispatch)| At::of(dispatch, id));
        ObservationHandle { at: at.flatten() }
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for tracing::Span {}
}

/// An open observation, to be described further.
///
/// What is said here is trusted more than any field, and the last word on a thing wins. Content may be anything
/// [`Serialize`]; what cannot be serialised is left out. Once the span has closed, the handle does nothing: an
/// observation is sent whole and never changes.
#[derive(Clone, Debug)]
pub struct ObservationHandle {
    at: Option<At>,
}

#[derive(Clone, Debug)]
struct At {
    dispatch: Dispatch,
    span: span::Id,
    id: SpanId,
    trace_id: TraceId,
    /// Whether what is said is kept: not in a trace that no destination is sent.
    is_kept: bool,
}

impl At {
    fn of(dispatch: &Dispatch, span: &span::Id) -> Option<Self> {
        live::ask(dispatch, span, |open| Self {
            dispatch: dispatch.clone(),
            span: span.clone(),
            id: open.id(),
            trace_id: open.trace.id,
            is_kept: open.is_kept(),
        })
    }

    fn span(&self) -> Option<SpanRef<'_, Registry>> {
        self.dispatch.downcast_ref::<Registry>()?.span(&self.span)
    }

    /// Asks the observation, unless it has ended.
    fn ask<T>(&self, ask: impl FnOnce(&OpenObservation) -> T) -> Option<T> {
        let ask = |open: &OpenObservation| (open.id() == self.id).then(|| ask(open));
        live::ask(&self.dispatch, &self.span, ask).flatten()
    }

    /// Gives a score to the pipeline, with nothing locked.
    fn score(&self, score: Score, of: impl Fn(Lanes, &Parents, Lane) -> Subject) {
        let found = self.ask(|open| {
            let ground = Arc::clone(&open.trace.ground);
            (ground, open.lanes(), open.parents().clone())
        });
        if let Some((ground, shown, parents)) = found {
            let of = |lane| Some(of(shown, &parents, lane));
            ground.sink().score(score, &of);
        }
    }

    fn environment(&self) -> Option<Arc<str>> {
        self.ask(OpenObservation::environment).flatten()
    }

    fn with(&self, act: impl FnOnce(&mut OpenObservation)) {
        live::at(&self.dispatch, &self.span, |open| {
            if open.id() == self.id {
                act(open);
            }
        });
    }
}

impl ObservationHandle {
    /// What went in.
    pub fn input(&self, value: impl Serialize) -> &Self {
        self.value(Key::Known("input"), Role::Input, value)
    }

    /// What came out.
    pub fn output(&self, value: impl Serialize) -> &Self {
        self.value(Key::Known("output"), Role::Output, value)
    }

    /// The model that is called.
    pub fn model(&self, name: impl AsRef<str>) -> &Self {
        self.text(Key::Known("model"), Role::Model, name.as_ref())
    }

    /// One parameter of the model call.
    pub fn parameter(&self, name: impl AsRef<str>, value: impl Serialize) -> &Self {
        self.named(name.as_ref(), Role::Parameter, value)
    }

    /// The tokens of the call. It counts on an observation of any type.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.write(|fields| describe::usage(fields, usage))
    }

    /// The cost of the call in US dollars: a number is the total. It counts on an observation of any type.
    pub fn cost(&self, cost: impl Into<Cost>) -> &Self {
        let cost = cost.into();
        self.write(|fields| describe::cost(fields, cost))
    }

    /// Metadata of this observation; the trace's is [`trace()`](Self::trace)[`.metadata()`](TraceHandle::metadata).
    pub fn metadata(&self, key: impl AsRef<str>, value: impl Serialize) -> &Self {
        self.named(key.as_ref(), Role::Metadata, value)
    }

    /// How it went.
    pub fn level(&self, level: Level) -> &Self {
        self.text(Key::Known("level"), Role::Level, level.as_str())
    }

    /// What is to be said of how it went.
    pub fn status_message(&self, message: impl AsRef<str>) -> &Self {
        self.text(
            Key::Known("status_message"),
            Role::StatusMessage,
            message.as_ref(),
        )
    }

    /// The type.
    pub fn kind(&self, kind: Kind) -> &Self {
        self.with(|open| open.set_kind(kind))
    }

    /// The name.
    pub fn name(&self, name: impl AsRef<str>) -> &Self {
        self.text(Key::Known("name"), Role::Name, name.as_ref())
    }

    /// The prompt that this generation uses: `&prompt`, `prompt.with_config()`, which says its model and parameters, too, or
    /// `("qa", 7)`. On an observation of another type it is that of every generation below it, if none nearer is said. Langfuse
    /// links generations only, and a program's own fallback never.
    pub fn prompt(&self, prompt: impl Into<PromptUse>) -> &Self {
        if !self.is_kept() {
            return self;
        }
        let prompt = prompt.into();
        self.write(|fields| describe::prompt(fields, &prompt))
    }

    /// A score of this observation, which is queued and sent with the traces: see [`Pipeline::score`](crate::Pipeline::score). A
    /// Langfuse project that is not shown the observation gets it as one of the nearest around it that it is shown, or of the trace.
    /// One that says itself what it is of keeps that.
    pub fn score(&self, score: Score) -> &Self {
        if let Some(at) = &self.at {
            // What is set late on the trace is told to its topmost observation.
            let top = || self.trace().top?.environment();
            let environment = at.environment().or_else(top);
            let score = score.or_environment(environment.as_deref());
            at.score(score, |shown, parents, lane| {
                Subject::of(at.trace_id, (at.id, shown), parents, lane)
            });
        }
        self
    }

    /// The first token has come, now. Only the first call counts.
    pub fn first_token(&self) -> &Self {
        self.with(OpenObservation::first_token_now)
    }

    /// The work has ended, now, whenever the span closes. A span that is used only to hang children below it
    /// (`in_scope`) needs this.
    pub fn end(&self) -> &Self {
        self.with(OpenObservation::end_now)
    }

    /// The work was given up before its end.
    pub(crate) fn cancelled(&self) {
        self.with(OpenObservation::cancelled);
    }

    /// Its id; none when nothing is observed here.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        self.at.as_ref().map(|at| at.id)
    }

    /// The id of its trace; none when nothing is observed here.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.at.as_ref().map(|at| at.trace_id)
    }

    /// The trace it belongs to.
    #[must_use = "a handle alone says nothing"]
    pub fn trace(&self) -> TraceHandle {
        let top = self.at.as_ref().and_then(|at| {
            let scope = at.span()?.scope();
            scope
                .filter_map(|span| At::of(&at.dispatch, &span.id()))
                .filter(|top| top.trace_id == at.trace_id)
                .last()
        });
        TraceHandle { top }
    }

    fn with(&self, act: impl FnOnce(&mut OpenObservation)) -> &Self {
        if let Some(at) = &self.at {
            at.with(act);
        }
        self
    }

    fn is_kept(&self) -> bool {
        self.at.as_ref().is_some_and(|at| at.is_kept)
    }

    fn write(&self, write: impl FnOnce(&mut Fields)) -> &Self {
        if let Some(at) = self.at.as_ref().filter(|at| at.is_kept) {
            with_scratch(|scratch| {
                write(scratch);
                at.with(|open| open.record(scratch));
            });
        }
        self
    }

    fn text(&self, key: Key, role: Role, text: &str) -> &Self {
        self.write(|fields| fields.str(Head::handle(key, role), text))
    }

    fn value(&self, key: Key, role: Role, value: impl Serialize) -> &Self {
        if !self.is_kept() {
            return self;
        }
        let Some(json) = json(&value) else {
            return self;
        };
        self.write(|fields| serialized(fields, Head::handle(key, role), &json))
    }

    fn named(&self, name: &str, role: Role, value: impl Serialize) -> &Self {
        if !self.is_kept() {
            return self;
        }
        let Some(json) = json(&value) else {
            return self;
        };
        self.write(|fields| describe::named(fields, name, role, &json))
    }
}

/// The trace around an observation: what is set here holds for every observation of it that ends later.
///
/// It writes to the topmost open observation of the trace, wherever it is called. The trace's input and output are
/// those of that observation: Langfuse v4 knows no others.
#[derive(Clone, Debug)]
pub struct TraceHandle {
    top: Option<At>,
}

impl TraceHandle {
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
        let tags: Vec<Arc<str>> = tags.into_iter().map(|tag| tag.as_ref().trim().into()).collect();
        self.set(Role::Tags, |attributes| {
            tags.iter().for_each(|tag| attributes.tag(tag));
        })
    }

    /// Metadata of the trace, shown on each of its observations: at most 128 keys, of which more are left out.
    pub fn metadata(&self, key: impl AsRef<str>, value: impl Serialize) -> &Self {
        if !self.top.as_ref().is_some_and(|top| top.is_kept) {
            return self;
        }
        let key = key.as_ref();
        let set = describe::trace_metadata(&value, |value| {
            self.set(Role::TraceMetadata, |attributes| {
                read::set_attribute(attributes, Role::TraceMetadata, key, value);
            })
        });
        set.unwrap_or(self)
    }

    /// A score of the whole trace, which is queued and sent with the traces: see [`Pipeline::score`](crate::Pipeline::score).
    pub fn score(&self, score: Score) -> &Self {
        if let Some(top) = &self.top {
            let score = score.or_environment(top.environment().as_deref());
            top.score(score, |_, _, _| Subject::Trace(top.trace_id));
        }
        self
    }

    /// The name of the trace. Without it the trace has the name of its first topmost observation.
    pub fn name(&self, name: impl AsRef<str>) -> &Self {
        self.text(Role::TraceName, name.as_ref())
    }

    /// Whether anybody with the link may see it.
    pub fn public(&self, public: bool) -> &Self {
        self.set(Role::Public, |attributes| attributes.public = Some(public))
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
        self.set(role, |attributes| {
            read::set_attribute(attributes, role, "", ValueRef::Text(text));
        })
    }

    fn set(&self, role: Role, set: impl FnOnce(&mut TraceAttributes)) -> &Self {
        if let Some(top) = &self.top {
            top.with(|open| open.set_attribute(role, set));
        }
        self
    }
}
