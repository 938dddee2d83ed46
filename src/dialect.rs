//! The seam between what a destination is told of an observation and how that is written: as protobuf, or as the values of
//! another crate. What is told is said once.

mod gen_ai;
mod key;
mod limits;
mod pages;

pub(crate) use gen_ai::GenAiDialect;
pub(crate) use key::{Key, MARKS, Name};
pub(crate) use limits::Limits;
pub(crate) use pages::Pages;

use crate::clock::UnixNanos;
use crate::model::{Lane, Level, Link, Observation, ValueRef};

/// What a destination wants to be told, and in which words.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Name and version of the instrumentation scope.
    fn scope(&self) -> (&'static str, &'static str);

    /// The attributes of the process.
    fn resource(&self, attributes: &mut impl Attributes);

    /// How much of a span, or of an event of it, is told.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// What a span has beside its ids, name, kind, times and status, which are the same in every dialect.
    fn span(&self, observation: &Observation, lane: Lane, span: &mut impl Span);
}

/// A list of attributes that is being written: of the resource, of a span or of an event.
///
/// A key that the list has already is left out: say the best first. So is an empty key.
pub(crate) trait Attributes {
    /// Adds a value with its type. An integer beyond 64 signed bits is its decimal text, an error its `Display` text.
    fn put<'k>(&mut self, key: impl Into<Key<'k>>, value: ValueRef<'_>);

    /// Adds text.
    fn text<'k>(&mut self, key: impl Into<Key<'k>>, text: &str) {
        self.put(key, ValueRef::Text(text));
    }

    /// Adds text that `write` appends in place. It must be UTF-8.
    fn text_with<'k>(&mut self, key: impl Into<Key<'k>>, write: impl FnOnce(&mut Vec<u8>));

    /// Adds a list of texts, unless it is empty.
    fn texts<'k, 't>(&mut self, key: impl Into<Key<'k>>, texts: impl IntoIterator<Item = &'t str>);
}

/// A span that is being written: what a dialect adds to it.
pub(crate) trait Span {
    /// The attributes of an event.
    type Event<'a>: Attributes;

    /// Its attributes, to be added to at any time.
    fn attributes(&mut self) -> &mut impl Attributes;

    /// Adds an event with its attributes.
    fn event(&mut self, time: UnixNanos, name: &str, fill: impl FnOnce(&mut Self::Event<'_>));

    /// Adds a link to another span.
    fn link(&mut self, link: &Link);

    /// Says how many attributes, events and links were not kept.
    fn dropped(&mut self, observation: &Observation);
}

/// How a span ended, as OpenTelemetry knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status<'a> {
    /// Nobody said.
    Unset,
    /// The program says that it went well.
    Ok,
    /// It failed, for a reason that may be empty.
    Error(&'a str),
}

impl<'a> Status<'a> {
    pub(crate) fn of(observation: &'a Observation) -> Self {
        match observation.level() {
            Level::Error => Self::Error(observation.status_message().unwrap_or_default()),
            _ if observation.status_ok() => Self::Ok,
            _ => Self::Unset,
        }
    }
}
