//! The numbers that a lane goes by.

use std::time::Duration;

/// What it carries is called so in its lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noun {
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
}

impl Noun {
    pub(crate) const OBSERVATION: Self = Self {
        one: "an observation",
        many: "observations",
    };

    pub(crate) const SCORE: Self = Self {
        one: "a score",
        many: "scores",
    };

    pub(crate) const UPLOAD: Self = Self {
        one: "an upload",
        many: "uploads",
    };
}

/// What a lane keeps and when it sends.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// So many observations are a full batch.
    pub(crate) batch: usize,
    /// A batch is full with so many bytes, too, and holds more only when a single observation does.
    pub(crate) batch_bytes: usize,
    /// A batch that is not full is sent after this long.
    pub(crate) interval: Duration,
    /// So many bytes are kept, those on their way among them.
    pub(crate) bytes: usize,
    /// So many observations are kept.
    pub(crate) count: Option<usize>,
}

impl Plan {
    /// The same with numbers that go together. A batch as large as what is kept would be sent only when observations
    /// had been dropped already.
    pub(super) fn sound(self) -> Self {
        Self {
            batch: self.batch.min(self.count.unwrap_or(usize::MAX) / 2).max(1),
            batch_bytes: self.batch_bytes.min(self.bytes / 2),
            interval: self.interval.min(LONGEST_INTERVAL),
            ..self
        }
    }

    /// Whether one more may be kept beside so many of so many bytes.
    pub(super) fn has_room(&self, count: usize, bytes: usize, weight: usize) -> bool {
        bytes.saturating_add(weight) <= self.bytes && self.count.is_none_or(|limit| count < limit)
    }

    /// Whether so many of so many bytes leave half of the room.
    pub(super) fn is_half_empty(&self, count: usize, bytes: usize) -> bool {
        bytes <= self.bytes / 2 && self.count.is_none_or(|limit| count <= limit / 2)
    }

    /// Whether so many of so many bytes are a batch.
    pub(super) fn is_batch(&self, count: usize, bytes: usize) -> bool {
        count >= self.batch || bytes >= self.batch_bytes
    }
}

/// A day: a longer interval means "at a flush only", and time can be added to without care.
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
