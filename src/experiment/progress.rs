//! How far an experiment is.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::console::{duration, word};

/// How far an experiment is. It shows itself as a line:
///
/// ```text
/// rag v3: 12 of 50 items, 1 failed, 3.24 s
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The experiment's name.
    pub name: String,
    /// So many items there are.
    pub items: usize,
    /// So many are done, those that failed among them.
    pub done: usize,
    /// So many failed.
    pub failed: usize,
    /// Since the first item began.
    pub elapsed: Duration,
}

impl Progress {
    /// Whether all items are done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done >= self.items
    }

    /// Whether another tenth of the items is done with this one.
    fn is_tenth(&self) -> bool {
        let tenths = |done: usize| done * 10 / self.items.max(1);
        self.is_complete() || self.done > 0 && tenths(self.done) > tenths(self.done - 1)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, elapsed) = (word(&self.name, 60), duration(self.elapsed));
        write!(f, "{name}: {} of {} items, ", self.done, self.items)?;
        if self.failed > 0 {
            write!(f, "{} failed, ", self.failed)?;
        }
        f.write_str(&elapsed)
    }
}

/// Shows progress on stderr, for [`Plan::progress`](super::Plan::progress): on a terminal as one line that changes, elsewhere (the log of
/// a build) as a line for each tenth. A stderr that is closed is no reason to fail.
pub fn to_stderr(progress: &Progress) {
    let mut stderr = io::stderr().lock();
    let _ = if stderr.is_terminal() {
        // To the beginning of the line, which is then cleared.
        let end = if progress.is_complete() { "\n" } else { "" };
        write!(stderr, "\r\u{1b}[K{progress}{end}").and_then(|()| stderr.flush())
    } else if progress.is_tenth() {
        writeln!(stderr, "{progress}")
    } else {
        Ok(())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: usize, items: usize, failed: usize) -> Progress {
        Progress {
            name: "rag v3".to_owned(),
            items,
            done,
            failed,
            elapsed: Duration::from_millis(3_240),
        }
    }

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(progress(12, 50, 0).to_string(), "rag v3: 12 of 50 items, 3.24 s");
        assert_eq!(
            progress(12, 50, 1).to_string(),
            "rag v3: 12 of 50 items, 1 failed, 3.24 s"
        );
    }

    #[test]
    fn a_log_has_a_line_for_each_tenth() {
        let lines = |items| {
            (0..=items)
                .filter(|&done| progress(done, items, 0).is_tenth())
                .count()
        };
        assert_eq!([0, 1, 7, 10, 25, 1000].map(lines), [1, 1, 7, 10, 10, 10]);
    }
}
