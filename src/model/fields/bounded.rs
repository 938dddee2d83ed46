//! Text that is cut off as it is written.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::media_text;

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

/// Appends formatted text, up to the limit; so many bytes more where media are in it. Answers whether those were needed.
pub(super) fn write(out: &mut String, text: fmt::Arguments<'_>, for_media: usize) -> bool {
    let mut writer = Bounded {
        start: out.len(),
        out,
        left: VALUE_LIMIT,
        for_media,
        is_wide: false,
        cut: false,
    };
    // An error is the bound reached, or a user's `Debug` that gave up: what is there stays.
    let _ = writer.write_fmt(text);
    if writer.cut {
        writer.out.push_str(CUT);
    }
    writer.is_wide
}

/// Writes text until the bound, then stops the formatting.
struct Bounded<'a> {
    out: &'a mut String,
    start: usize,
    left: usize,
    /// What may be added to `left`, once.
    for_media: usize,
    /// It was.
    is_wide: bool,
    cut: bool,
}

impl Bounded<'_> {
    /// Whether media have begun, for which there is more room.
    fn widen(&mut self, text: &str) -> bool {
        let written = self.out.get(self.start..).unwrap_or_default();
        let for_media = std::mem::take(&mut self.for_media);
        let is_media = for_media > 0 && (media_text::may_be_in(text) || media_text::may_be_in(written));
        if is_media {
            self.left += for_media;
            self.is_wide = true;
        }
        is_media
    }

    /// Cuts what is there at the limit of a value without media.
    fn cut(&mut self) {
        let most = self.start + VALUE_LIMIT;
        let end = (self.start..=most.min(self.out.len()))
            .rev()
            .find(|at| self.out.is_char_boundary(*at));
        self.out.truncate(end.unwrap_or(self.start));
        (self.left, self.cut) = (0, true);
    }
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.left || (self.widen(text) && text.len() <= self.left) {
            self.left -= text.len();
            self.out.push_str(text);
            return Ok(());
        }
        // What would be cut off again need not be written.
        let most = (self.start + VALUE_LIMIT).saturating_sub(self.out.len());
        let end = (0..=most.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        self.out.push_str(text.get(..end).unwrap_or_default());
        self.cut();
        Err(fmt::Error)
    }
}
