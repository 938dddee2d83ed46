//! How the crate speaks: one line at a time, never through `tracing`, which it would observe.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Says one line to whoever can act on it. By default the line goes to stderr.
#[derive(Clone)]
pub(crate) struct Diagnostics(Arc<dyn Fn(&str) + Send + Sync>);

impl Diagnostics {
    pub(crate) fn new(say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(say))
    }

    /// Lines to stderr. A closed stderr is no reason to fail.
    pub(crate) fn stderr() -> Self {
        Self::new(|line| {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "tracing-llm: {line}");
        })
    }

    /// What the user does with the line may panic. That is no reason to take a span of the host's down, or the worker.
    pub(crate) fn say(&self, line: &str) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.0)(line)));
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diagnostics")
    }
}
