//! What can be said of an observation that has not ended.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::above;
use crate::clock::unix_nanos;
use crate::describe::{self, json, serialized};
use crate::field::Role;
use crate::id::{SpanId, TraceId};
use crate::manual::draft::Work;
use crate::manual::{Start, TraceHandle};
use crate::model::{Cost, Head, Key, Kind, Level, PromptUse, Score, Usage};

/// A handle to an observation made by hand, to describe it and to begin others below it.
///
/// The last word on a thing wins. Content may be anything [`Serialize`]; what cannot be serialised is left out. Once the
/// observation has ended, nothing that is said here changes it, and [`Ledger::late`](crate::Ledger::late) counts it.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Arc<Work>);

impl Handle {
    /// A span below it, about to begin.
    pub fn span(&self, name: impl Into<String>) -> Start {
        self.observation(Kind::Span, name)
    }

    /// A generation below it, about to begin.
    pub fn generation(&self, name: impl Into<String>) -> Start {
        self.observation(Kind::Generation, name)
    }

    /// An observation of any type below it, about to begin; also when this one has ended.
    pub fn observation(&self, kind: Kind, name: impl Into<String>) -> Start {
        Start::new(&self.0, kind, name.into())
    }

    /// Runs code with this observation above it: the spans of `tracing` that begin meanwhile on this thread, and have no
    /// recorded span above them, are its children and of its trace. What is set on the trace here holds for them, too;
    /// what their fields or [`current()`](crate::current()) say of it holds for them and what is below them.
    ///
    /// The layer must be this pipeline's. A span given to a future takes the future below, on whatever thread it runs:
    ///
    /// ```
    /// # fn main() -> Result<(), tracing_llm::Error> {
    /// # let (_layer, llm) = tracing_llm::builder().build()?;
    /// use tracing::{Instrument, info_span};
    ///
    /// let root = llm.trace("job").start();
    /// let span = root.in_scope(|| info_span!("work"));
    /// let future = async { /* its spans are below `work` */ }.instrument(span);
    /// # drop(future);
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_scope<T>(&self, code: impl FnOnce() -> T) -> T {
        above::within(Arc::clone(&self.0) as _, code)
    }

    /// What went in. The root's is the trace's.
    pub fn input(&self, value: impl Serialize) -> &Self {
        self.value(Key::Known("input"), Role::Input, value)
    }

    /// What came out. The root's is the trace's: Langfuse v4 discards any other output of a trace.
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

    /// The tokens of the call.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.0.write(|fields| describe::usage(fields, usage));
        self
    }

    /// The cost of the call in US dollars: a number is the total.
    pub fn cost(&self, cost: impl Into<Cost>) -> &Self {
        let cost = cost.into();
        self.0.write(|fields| describe::cost(fields, cost));
        self
    }

    /// Metadata of this observation; the trace's is [`trace()`](Self::trace)[`.metadata()`](TraceHandle::metadata).
    /// At most some 1,000 keys are kept; the others are counted on it.
    pub fn metadata(&self, key: impl AsRef<str>, value: impl Serialize) -> &Self {
        self.named(key.as_ref(), Role::Metadata, value)
    }

    /// How it went.
    pub fn level(&self, level: Level) -> &Self {
        self.text(Key::Known("level"), Role::Level, level.as_str())
    }

    /// What is to be said of how it went.
    pub fn status_message(&self, message: impl AsRef<str>) -> &Self {
        let key = Key::Known("status_message");
        self.text(key, Role::StatusMessage, message.as_ref())
    }

    /// Another type than the one it began with.
    pub fn kind(&self, kind: Kind) -> &Self {
        self.0.set_kind(kind);
        self
    }

    /// Another name than the one it began with.
    pub fn name(&self, name: impl AsRef<str>) -> &Self {
        self.text(Key::Known("name"), Role::Name, name.as_ref())
    }

    /// The prompt that this generation uses: `&prompt`, `prompt.with_config()`, which says its model and parameters, too, or
    /// `("qa", 7)`. On an observation of another type it is that of every generation that begins below it afterwards, if none
    /// nearer is said. Langfuse links generations only, and a program's own fallback never.
    pub fn prompt(&self, prompt: impl Into<PromptUse>) -> &Self {
        let prompt = prompt.into();
        self.0.write(|fields| describe::prompt(fields, &prompt));
        if let Some(link) = prompt.link {
            self.0.set_prompt(link);
        }
        self
    }

    /// A score of this observation, also when it has ended; it is queued and sent with the traces: see
    /// [`Pipeline::score`](crate::Pipeline::score). One that says itself what it is of keeps that.
    pub fn score(&self, score: Score) -> &Self {
        self.0.score(score);
        self
    }

    /// The first token has come, now. Only the first call counts.
    pub fn first_token(&self) -> &Self {
        self.0.first_token(self.0.trace.now());
        self
    }

    /// The first token came at a time given. Only the first call counts.
    pub fn first_token_at(&self, time: SystemTime) -> &Self {
        self.0.first_token(unix_nanos(time));
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.0.id
    }

    /// The id of its trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.0.trace.id
    }

    /// The trace it belongs to.
    #[must_use = "a handle alone says nothing"]
    pub fn trace(&self) -> TraceHandle {
        TraceHandle(Arc::clone(&self.0.trace))
    }

    fn text(&self, key: Key, role: Role, text: &str) -> &Self {
        self.0.write(|fields| fields.str(Head::handle(key, role), text));
        self
    }

    fn value(&self, key: Key, role: Role, value: impl Serialize) -> &Self {
        if let Some(json) = self.json(value) {
            self.0
                .write(|fields| serialized(fields, Head::handle(key, role), &json));
        }
        self
    }

    fn named(&self, name: &str, role: Role, value: impl Serialize) -> &Self {
        if let Some(json) = self.json(value) {
            self.0.write(|fields| describe::named(fields, name, role, &json));
        }
        self
    }

    fn json(&self, value: impl Serialize) -> Option<String> {
        self.0.is_shown().then(|| json(&value)).flatten()
    }
}
