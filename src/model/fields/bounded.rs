//! Text that is cut off as it is written.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// How many bytes of one value are kept: 1 MiB. The rest is cut off as it is written, so that a `Debug` of any size
/// costs bounded memory.
pub(crate) const VALUE_LIMIT: usize = 1024 * 1024;

/// What a value that was cut ends with.
pub(super) const CUT: &str = "… [truncated]";

/// A text, cut at the limit if it is longer, with the mark at its end.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    Cow::Owned(format!("{}{CUT}", text.get(..end).unwrap_or_default()))
}

/// Appends formatted text, up to the limit.
pub(super) fn write(out: &mut String, text: fmt::Arguments<'_>) {
    let mut writer = Bounded {
        out,
        left: VALUE_LIMIT,
        cut: false,
    };
    // An error is the bound reached, or a user's `Debug` that gave up: what is there stays.
    let _ = writer.write_fmt(text);
    if writer.cut {
        writer.out.push_str(CUT);
    }
}

/// Writes text until the bound, then stops the formatting.
struct Bounded<'a> {
    out: &'a mut String,
    left: usize,
    cut: bool,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.left {
            self.left -= text.len();
            self.out.push_str(text);
            return Ok(());
        }
        let end = (0..=self.left)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        self.out.push_str(text.get(..end).unwrap_or_default());
        self.left = 0;
        self.cut = true;
        Err(fmt::Error)
    }
}
