//! What the doctor found, line by line.

use std::fmt;

use crate::page::{Failure, Outcome, Page, Paint};

pub(super) struct Report<'p, 'a> {
    page: &'p mut Page<'a>,
    sections: usize,
    warnings: usize,
    failures: usize,
}

impl<'p, 'a> Report<'p, 'a> {
    pub(super) fn new(page: &'p mut Page<'a>) -> Self {
        Self {
            page,
            sections: 0,
            warnings: 0,
            failures: 0,
        }
    }

    pub(super) fn section(&mut self, title: &str) -> Outcome {
        if self.sections > 0 {
            self.page.line("")?;
        }
        self.sections += 1;
        self.page.line(self.page.paint(Paint::BOLD, title))?;
        self.page.flush()
    }

    pub(super) fn ok(&mut self, what: impl fmt::Display) -> Outcome {
        self.line(Paint::GREEN, "ok", &what)
    }

    /// Something works, and perhaps not as somebody meant it.
    pub(super) fn warning(&mut self, what: impl fmt::Display) -> Outcome {
        self.warnings += 1;
        self.line(Paint::YELLOW, "warning", &what)
    }

    /// Something does not work.
    pub(super) fn failure(&mut self, what: impl fmt::Display) -> Outcome {
        self.failures += 1;
        self.line(Paint::RED, "failure", &what)
    }

    /// What to do, or to know, below the last line.
    pub(super) fn advise(&mut self, what: impl fmt::Display) -> Outcome {
        self.page.line(format_args!("           {what}"))?;
        self.page.flush()
    }

    /// The last line; a failure is one of the program.
    pub(super) fn end(self) -> Outcome {
        let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let (failures, warnings) = (count(self.failures, "failure"), count(self.warnings, "warning"));
        self.page.line(format_args!("\n{failures}, {warnings}"))?;
        if self.failures > 0 {
            self.page.flush()?;
            return Err(Failure::Told);
        }
        Ok(())
    }

    fn line(&mut self, paint: Paint, mark: &str, what: &dyn fmt::Display) -> Outcome {
        let mark = self.page.paint(paint, &format!("{mark:<7}")).into_owned();
        self.page.line(format_args!("  {mark}  {what}"))?;
        self.page.flush()
    }
}
