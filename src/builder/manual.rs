//! Where traces made by hand begin.

use crate::manual::StartTrace;
use crate::pipeline::Pipeline;

impl Pipeline {
    /// A trace made by hand, for what no `tracing` span stands for: see [`manual`](crate::manual). Nothing begins before
    /// [`start()`](StartTrace::start).
    pub fn trace(&self, name: impl Into<String>) -> StartTrace {
        StartTrace::new(self.source().clone(), name.into())
    }
}
