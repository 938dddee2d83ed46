//! The one error: opaque, with questions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Why a layer or a pipeline could not be built, a table of prices not read, or a call of [`Langfuse`](crate::Langfuse) not
/// answered.
///
/// `Debug` is its text with its causes, as `main` prints it. It never holds a key, a header or a body; what a server said is
/// in it on one line of at most 200 characters. A missing or bad *variable* is no error of a pipeline: it disables what it
/// concerns and says so in one line; a bad value given to the builder by the program is one.
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    status: Option<u16>,
    ambiguous: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    InvalidValue,
    AlreadyInitialized,
    System,
    Unreachable,
    Timeout,
    Auth,
    NotFound,
    RateLimited,
    Refused,
    Server,
    Unexpected,
    Unsupported,
}

impl Error {
    /// A value of the program's cannot be used; the message names it. Nothing was sent.
    #[must_use]
    pub fn is_invalid_value(&self) -> bool {
        self.kind == Kind::InvalidValue
    }

    /// The process has a global subscriber already, so `init()` could not install one.
    #[must_use]
    pub fn is_already_initialized(&self) -> bool {
        self.kind == Kind::AlreadyInitialized
    }

    /// The system, or the build, lacks something: a thread, a provider of cryptography; or a call would have waited for its
    /// own thread.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.kind == Kind::System
    }

    /// There was no connection to the server, or it broke before an answer came.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// The server did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// The server does not know the keys (401), or they may not do this (403): those of an organisation are no project's.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        self.kind == Kind::Auth
    }

    /// The server is a Langfuse and has no such thing (404). An endpoint that this version of it has switched off is none
    /// either.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// The server had enough (429), and the wait that it asked for was longer than the call's time. Only Langfuse's cloud
    /// counts.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.kind == Kind::RateLimited
    }

    /// The server does not take what it was sent (another 4xx); its reason is in the text.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// The server failed (5xx), each time it was asked.
    #[must_use]
    pub fn is_server_failure(&self) -> bool {
        self.kind == Kind::Server
    }

    /// Something answered, and not as a Langfuse does: another program has this address, or something stands before it; or
    /// the answer lacks what is needed.
    #[must_use]
    pub fn is_unexpected_answer(&self) -> bool {
        self.kind == Kind::Unexpected
    }

    /// The server is a Langfuse of another age: too old to take traces, which the text says with its version, or too new for
    /// an order of traces, since it stores none.
    #[must_use]
    pub fn is_unsupported_server(&self) -> bool {
        self.kind == Kind::Unsupported
    }

    /// No answer tells whether the server did what it was asked for: it may have.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// The status of the answer; none when there was no answer, or no question.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    pub(crate) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            status: None,
            ambiguous: false,
        }
    }

    /// The same for another who waited for it.
    pub(crate) fn again(&self) -> Self {
        Self {
            message: self.message.clone(),
            source: self.source.clone(),
            ..*self
        }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn ambiguous(mut self) -> Self {
        self.ambiguous = true;
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
