//! How much there is room for before the worker.

/// How much the queue keeps, what the worker has in hand among it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// So many bytes.
    pub(crate) bytes: usize,
    /// So many observations.
    pub(crate) count: Option<usize>,
}

/// What is kept.
#[derive(Clone, Copy, Default)]
pub(super) struct Kept {
    pub(super) bytes: usize,
    pub(super) count: usize,
}

/// What the worker must be told of a new observation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    None,
    Work,
    Hurry,
}

impl Kept {
    pub(super) fn with(self, weight: usize) -> Self {
        Self {
            bytes: self.bytes.saturating_add(weight),
            count: self.count.saturating_add(1),
        }
    }

    pub(super) fn exceeds(self, bounds: Bounds) -> bool {
        self.bytes > bounds.bytes || bounds.count.is_some_and(|count| self.count > count)
    }

    /// Whether so much is kept that the worker should not wait for more.
    fn presses(self, bounds: Bounds) -> bool {
        self.bytes > bounds.bytes / 4 || bounds.count.is_some_and(|count| self.count > count / 2)
    }

    /// What the worker is told when so much is kept, and so much was before.
    pub(super) fn call(self, is_first: bool, was: Self, bounds: Bounds) -> Call {
        // Once a batch, not once a span: a wake-up can be a system call.
        if self.presses(bounds) && (is_first || !was.presses(bounds)) {
            Call::Hurry
        } else if is_first {
            Call::Work
        } else {
            Call::None
        }
    }
}
