//! Media in a text, as base64: data URIs (`data:image/png;base64,iVBORw0…`) wherever they stand, and the blocks in which
//! providers and the conventions have the type beside the content (`{"type":"blob","mime_type":"image/png","content":"iVBORw0…"}`).
//! The text may be JSON, JSON in a JSON string, Debug text, or none of them.
//!
//! Source: RFC 2397; OpenTelemetry's `BlobPart` (`content`); Anthropic's `media_type` and `data`, Gemini's `mimeType` and `data`,
//! OpenAI's `data` and `format`. Percent signs, line ends and the alphabet for file names inside of base64 are not read: who finds
//! them knows that it has no media.

mod around;
mod reference;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use self::around::Shape;
pub(crate) use self::reference::{Reference, in_words};

/// What stands before the content of a data URI.
pub(crate) const MARK: &str = ";base64,";

/// Less base64 than this is a value like any other: 1 KiB. A reference to it would be a tenth of that, and three requests.
pub(crate) const FLOOR: usize = 1024;

/// Media, as they stand in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inline<'t> {
    /// `image/png`, without parameters.
    pub(crate) mime: String,
    /// What they hold.
    base64: &'t str,
    /// How many bytes of text they are, and would be replaced.
    pub(crate) len: usize,
    /// The text goes on with something that no base64 ends before: it is no whole one.
    is_torn: bool,
}

impl Inline<'_> {
    /// How many bytes they hold.
    pub(crate) fn content_len(&self) -> usize {
        self.base64.trim_end_matches('=').len() * 3 / 4
    }

    /// What they hold; nothing when it is no base64.
    pub(crate) fn decode(&self) -> Option<Vec<u8>> {
        const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
            &alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let content = (!self.is_torn).then(|| PADDED_OR_NOT.decode(self.base64))?;
        content.ok()
    }
}

/// Whether there may be some: a look every few hundred bytes.
pub(crate) fn may_be_in(text: &str) -> bool {
    Run::next(text.as_bytes(), 0).is_some()
}

/// The text with what `with` answers in place of the media for which it answers something; `None` when those are none.
pub(crate) fn replace(text: &str, mut with: impl FnMut(Inline<'_>) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(run) = Run::next(text.as_bytes(), from) {
        from = run.end;
        let Some((start, inline)) = read(text, copied, run) else {
            continue;
        };
        if let Some(replacement) = with(inline) {
            out.push_str(text.get(copied..start).unwrap_or_default());
            out.push_str(&replacement);
            copied = from;
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

/// A stretch of base64, with its padding.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    padding: usize,
}

impl Run {
    /// So far apart are the looks; every long run has one in it.
    const STRIDE: usize = FLOOR / 2;
    /// So many bytes are looked at each time, of which no word and hardly any name has that many in a row.
    const LOOK: usize = 48;

    /// The next long one from here on.
    fn next(bytes: &[u8], from: usize) -> Option<Self> {
        let mut at = from.next_multiple_of(Self::STRIDE);
        loop {
            let look = bytes.get(at..at + Self::LOOK)?;
            // Nearly every look has a space or a quote in it, which is found many bytes at a time.
            let is_prose = look.iter().fold(false, |found, byte| found | (*byte < b'+'));
            if is_prose || !look.iter().all(is_base64) {
                at += Self::STRIDE;
                continue;
            }
            let before = bytes.get(from..at)?.iter().rev();
            let start = at - before.take_while(|byte| is_base64(byte)).count();
            let rest = bytes.get(at..)?;
            let letters = rest
                .iter()
                .position(|byte| !is_base64(byte))
                .unwrap_or(rest.len());
            let padding = rest
                .get(letters..)?
                .iter()
                .take(2)
                .take_while(|byte| **byte == b'=')
                .count();
            let end = at + letters + padding;
            if end - start >= FLOOR {
                return Some(Self { start, end, padding });
            }
            at = end.next_multiple_of(Self::STRIDE).max(at + Self::STRIDE);
        }
    }
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What a run is, and where what is to be replaced begins, which is not before `floor`.
fn read(text: &str, floor: usize, run: Run) -> Option<(usize, Inline<'_>)> {
    let bytes = text.as_bytes();
    let (before, after) = (bytes.get(floor..run.start)?, bytes.get(run.end..)?);
    let (start, mime) = match Shape::of(before, after)? {
        Shape::Uri { mime, head } => (run.start - head, mime),
        Shape::Block { mime } => (run.start, mime),
    };
    let is_torn = match after {
        // An escaped slash or plus, where no padding says that this is the end; or a text that somebody has cut.
        [b'\\', b'/' | b'u', ..] | [b'.', b'.', b'.', ..] if run.padding == 0 => true,
        _ if run.padding == 0 && after.starts_with("…".as_bytes()) => true,
        [next, ..] => is_base64(next) || matches!(next, b'_' | b'-' | b'%' | b'='),
        [] => false,
    };
    let inline = Inline {
        mime,
        base64: text.get(run.start..run.end)?,
        len: run.end - start,
        is_torn,
    };
    Some((start, inline))
}

#[cfg(test)]
mod tests;
