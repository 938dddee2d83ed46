//! Which part of the project a sum is over.

use std::time::{Duration, SystemTime};

use crate::langfuse::reads::filter::Filter;

/// A stretch of time, and conditions, for [`metrics`](crate::Langfuse::metrics) and the questions made of it.
///
/// ```
/// use tracing_llm::langfuse::Window;
///
/// let month = Window::last_days(30).environment("production");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    pub(super) filters: Vec<Filter>,
}

impl Window {
    /// What began at `from` or later, and before `to`.
    #[must_use]
    pub fn new(from: SystemTime, to: SystemTime) -> Self {
        Self {
            from,
            to,
            filters: Vec::new(),
        }
    }

    /// The time up to now. More than there was is all that there was.
    #[must_use]
    pub fn last(length: Duration) -> Self {
        let now = SystemTime::now();
        Self::new(now.checked_sub(length).unwrap_or(SystemTime::UNIX_EPOCH), now)
    }

    /// So many times 24 hours up to now.
    #[must_use]
    pub fn last_days(days: u32) -> Self {
        Self::last(Duration::from_secs(u64::from(days) * 24 * 60 * 60))
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        self.from
    }

    /// Where it ends, which is not in it.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        self.to
    }

    /// What must hold.
    pub(crate) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// In this environment.
    #[must_use]
    pub fn environment(self, name: &str) -> Self {
        self.filter(Filter::column("environment").equals(name))
    }

    /// For which this holds, and all else that is said.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }
}
