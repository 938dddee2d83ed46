//! What is known of a span or an event before it happens: once per place in the source.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::field::{Meaning, Role, Trust};
use crate::model::{Kind, Lanes, Level};

/// How grave a span or an event is, as its source says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) enum Severity {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

impl Severity {
    /// How grave an event of it makes its span, if it makes it anything.
    pub(crate) fn level(self) -> Option<Level> {
        match self {
            Self::Error => Some(Level::Error),
            Self::Warn => Some(Level::Warning),
            Self::Info | Self::Debug | Self::Trace => None,
        }
    }
}

/// One declared field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallsiteField {
    pub(crate) name: &'static str,
    pub(crate) meaning: Meaning,
}

/// A place in the source that makes spans or events.
#[derive(Default, Debug)]
pub(crate) struct Callsite {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) severity: Severity,
    pub(crate) file: Option<&'static str>,
    pub(crate) line: Option<u32>,
    pub(crate) fields: Box<[CallsiteField]>,
    /// What the value of each field is taken for; none where it is not kept.
    pub(crate) kept: Box<[Option<(Role, Trust)>]>,
    /// The type that its shape implies: some frameworks say it by nothing else.
    pub(crate) implied: Option<Kind>,
    /// An event of it says something of the span around it.
    pub(crate) tells_the_span: bool,
    /// Infrastructure by its shape: shown where everything is, not where observations are.
    pub(crate) hidden: bool,
    /// The lanes that show its spans.
    pub(crate) shown: Lanes,
    /// Its spans are recorded: some lane shows them, or they hold together what is below them.
    pub(crate) recorded: bool,
    /// Whether a span of it has begun.
    pub(crate) begun: AtomicBool,
    /// Whether a span of it has been seen to return a value since callsites were last registered: one that then
    /// closes with neither a value nor an error was cancelled.
    pub(crate) returns: AtomicBool,
}

impl Callsite {
    pub(crate) fn field(&self, index: usize) -> Option<&CallsiteField> {
        self.fields.get(index)
    }

    /// What the value of a field is taken for, unless it is not kept.
    #[inline]
    pub(crate) fn kept(&self, index: usize) -> Option<(Role, Trust)> {
        *self.kept.get(index)?
    }

    pub(crate) fn has_returned(&self) -> bool {
        self.returns.load(Ordering::Relaxed)
    }

    /// Whether `other` stands at the same place: how the events of `#[instrument(ret, err)]` know their function.
    pub(crate) fn is_at(&self, file: Option<&str>, line: Option<u32>) -> bool {
        self.line.is_some() && self.line == line && self.file == file
    }
}
