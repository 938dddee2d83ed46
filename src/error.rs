//! The one error of setting up: opaque, with questions.

use std::borrow::Cow;
use std::fmt;

/// Why a layer or a pipeline could not be built, or a table of prices not read.
///
/// `Debug` is its text with its causes, as `main` prints it. It never holds a key, a header or a body. A missing or bad *variable* is no error: it disables what it concerns
/// and says so in one line; a bad value given to the builder by the program is one.
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    InvalidValue,
    AlreadyInitialized,
    System,
}

impl Error {
    /// A value given to the builder cannot be used; the message names it.
    #[must_use]
    pub fn is_invalid_value(&self) -> bool {
        self.kind == Kind::InvalidValue
    }

    /// The process has a global subscriber already, so `init()` could not install one.
    #[must_use]
    pub fn is_already_initialized(&self) -> bool {
        self.kind == Kind::AlreadyInitialized
    }

    /// The system, or the build, lacks something: a thread, a provider of cryptography.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.kind == Kind::System
    }

    pub(crate) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            write!(f, ": {source}")?;
            cause = source.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
