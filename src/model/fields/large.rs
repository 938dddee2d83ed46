//! Texts over the limit of a value: kept whole where media are in them, until the worker takes those out.

use std::borrow::Cow;

use super::bounded::{self, VALUE_LIMIT};
use super::{Fields, Head, Range, Slot, range};
use crate::media_text;
use crate::model::ValueRef;

/// So many bytes may all texts of an observation have together that are over the limit of a value and have media in them:
/// 16 MiB, some 12 MB of pictures. The queue has 32 MiB.
pub(crate) const MEDIA_LIMIT: usize = 16 * 1024 * 1024;

/// What a buffer with such a text has room for beside it: it is not to be doubled for the few words that follow.
const BESIDE: usize = 256 * 1024;

impl Fields {
    /// All texts of all values, those that are superseded too.
    pub(crate) fn texts(&self) -> &str {
        &self.texts
    }

    /// Whether some text is over the usual limit of a value.
    pub(crate) fn has_large(&self) -> bool {
        self.large > 0
    }

    /// How many media found no room as they were recorded, and have a mark in their place.
    pub(crate) fn lost_media(&self) -> u32 {
        self.lost_media
    }

    /// Writes another text in place of an entry's, which stays of its kind, unless it is longer than a value may be; then it is
    /// cut.
    pub(crate) fn replace_text(&mut self, index: usize, text: &str) {
        let is_whole = !is_large(text) && !text.ends_with(bounded::CUT);
        let text = if is_large(text) {
            cut_value(text)
        } else {
            text.into()
        };
        let new = self.write_whole(&text);
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        match &mut entry.slot {
            // Half of a JSON value is none.
            slot @ Slot::Json(_) if !is_whole => *slot = Slot::Text(new),
            Slot::Text(range) | Slot::Debug(range) | Slot::Json(range) | Slot::Error(range) => *range = new,
            _ => {}
        }
    }

    /// Puts marks in place of media that make a value too long.
    pub(crate) fn leave_media_out(&mut self, why: &str) {
        for index in 0..self.entries.len() {
            let text = self.value_at(index).and_then(ValueRef::as_str);
            let Some(text) = text.filter(|text| is_large(text)) else {
                continue;
            };
            let mut lost = 0;
            let marked = media_text::replace(text, |inline| {
                lost += 1;
                Some(left_out(&inline.mime, inline.content_len(), why))
            });
            let marked = marked.unwrap_or_else(|| cut_value(text).into_owned());
            self.replace_text(index, &marked);
            self.lost_media = self.lost_media.saturating_add(lost);
        }
        self.shrink();
    }

    /// Gives back what replaced texts took; no text is over the limit any more.
    pub(crate) fn shrink(&mut self) {
        self.compact();
        self.large = 0;
    }

    #[cold]
    pub(super) fn large_text(&mut self, text: &str) -> Range {
        match self.with_media(text) {
            Some(whole) => self.write_large(&whole),
            None => self.write_text(format_args!("{text}")),
        }
    }

    #[cold]
    pub(super) fn large_json(&mut self, head: Head, json: &str) {
        let Some(whole) = self.with_media(json) else {
            return self.str(head, json);
        };
        let range = self.write_large(&whole);
        self.push(head, Slot::Json(range));
    }

    /// How many bytes more than usual a text with media may have.
    pub(super) fn room_for_media(&self) -> usize {
        MEDIA_LIMIT.saturating_sub(self.large + VALUE_LIMIT)
    }

    /// A text that is too long for a value, whole if it is so for its media; those that find no room have a mark in their place.
    fn with_media<'t>(&mut self, text: &'t str) -> Option<Cow<'t, str>> {
        let most = VALUE_LIMIT + self.room_for_media();
        if !media_text::may_be_in(text) {
            return None;
        }
        if text.len() <= most {
            return Some(Cow::Borrowed(text));
        }
        let (mut left, mut lost) = (self.room_for_media(), 0);
        let whole = media_text::replace(text, |inline| {
            if let Some(rest) = left.checked_sub(inline.len) {
                left = rest;
                return None;
            }
            lost += 1;
            Some(left_out(&inline.mime, inline.content_len(), TOO_MUCH))
        });
        let whole = whole.filter(|whole| whole.len() <= most)?;
        self.lost_media = self.lost_media.saturating_add(lost);
        Some(Cow::Owned(whole))
    }

    /// Of the room that was doubled for a text which came in pieces only a little is kept: it weighs in the queue, also where the
    /// text was cut in the end.
    pub(super) fn give_back(&mut self) {
        self.texts.shrink_to(self.texts.len() + BESIDE);
    }

    fn write_large(&mut self, text: &str) -> Range {
        self.make_room_for(text);
        let at = self.texts.len();
        self.texts.push_str(text);
        if text.len() > VALUE_LIMIT {
            self.large += text.len();
        }
        range(at, text.len())
    }

    /// Room for a text and a little more, where it is so large that twice as much would be too much.
    pub(super) fn make_room_for(&mut self, text: &str) {
        if text.len() > VALUE_LIMIT && self.texts.capacity() - self.texts.len() < text.len() {
            self.texts.reserve_exact(text.len() + BESIDE);
        }
    }
}

/// Whether a text is longer than one that was cut.
pub(crate) fn is_large(text: &str) -> bool {
    text.len() > VALUE_LIMIT + bounded::CUT.len()
}

/// A text that is longer than a value may be, cut.
pub(crate) fn cut_value(text: &str) -> Cow<'_, str> {
    bounded::cut(text, VALUE_LIMIT)
}

/// What stands in place of media that nobody shows. It needs no escapes in JSON.
pub(crate) fn left_out(mime: &str, bytes: usize, why: &str) -> String {
    format!("[{mime}, {bytes} bytes, left out: {why}]")
}

const TOO_MUCH: &str = "more than an observation may have";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, Media};

    fn image(mebibytes: usize) -> String {
        Media::from_bytes("image/png", vec![7; mebibytes << 20]).to_data_uri()
    }

    fn last(fields: &Fields) -> ValueRef<'_> {
        fields.value(fields.entries().last().unwrap())
    }

    #[test]
    fn a_value_with_media_stays_whole_however_it_is_recorded() {
        let json = serde_json::json!({ "image": image(3) }).to_string();
        let text = format!("see {}", image(3));
        let mut fields = Fields::default();
        fields.json(Head::declared(0), &json);
        assert_eq!(last(&fields), ValueRef::Json(&json));
        fields.str(Head::declared(1), &text);
        assert_eq!(last(&fields), ValueRef::Text(&text));
        let mut fields = Fields::default();
        fields.debug(Head::declared(2), &Some(&text));
        let debug = format!("{:?}", Some(&text));
        assert_eq!(last(&fields), ValueRef::Debug(&debug));
        assert_eq!((fields.has_large(), fields.lost_media()), (true, 0));
        let mut other = Fields::default();
        other.append(&fields, |_| {});
        assert!(other.has_large() && other.capacity() < fields.weight() + 2 * BESIDE);
    }

    #[test]
    fn what_has_no_room_is_marked_and_the_value_stays_json() {
        let json = serde_json::json!([image(5), image(5), image(5), "the question"]).to_string();
        let mut fields = Fields::default();
        fields.json(Head::declared(0), &json);
        let ValueRef::Json(kept) = last(&fields) else {
            panic!("{:.80}", format!("{:?}", last(&fields)))
        };
        let kept: Vec<String> = serde_json::from_str(kept).unwrap();
        assert_eq!((&kept[0], &kept[1]), (&image(5), &image(5)));
        assert_eq!(
            kept[2..],
            [
                "[image/png, 5242880 bytes, left out: more than an observation may have]",
                "the question"
            ]
        );
        assert_eq!(fields.lost_media(), 1);
    }

    #[test]
    fn a_debug_of_more_than_there_is_room_for_is_cut_as_any_other() {
        let mut fields = Fields::default();
        fields.debug(Head::declared(0), &image(13));
        let text = last(&fields).as_str().unwrap();
        assert_eq!(text.len(), VALUE_LIMIT + bounded::CUT.len());
        assert!(text.ends_with(bounded::CUT) && !fields.has_large());
    }

    #[test]
    fn a_debug_in_pieces_weighs_what_is_kept_of_it() {
        let debug = |images: usize| {
            let mut fields = Fields::default();
            fields.debug(Head::declared(0), &vec![image(2); images]);
            fields
        };
        let whole = debug(5);
        assert!(whole.has_large() && whole.capacity() < whole.weight() + 2 * BESIDE);
        let cut = debug(7);
        assert!(!cut.has_large() && cut.capacity() < VALUE_LIMIT + 2 * BESIDE);
    }

    #[test]
    fn a_name_is_cut_whatever_is_in_it() {
        let mut fields = Fields::default();
        let Key::Given(name) = fields.name(&image(2)) else {
            panic!()
        };
        assert_eq!(fields.text(name).len(), VALUE_LIMIT + bounded::CUT.len());
    }

    #[test]
    fn a_text_is_replaced_and_stays_what_it_was() {
        let mut fields = Fields::default();
        fields.debug(Head::declared(0), &image(2));
        fields.json(Head::declared(1), &format!("[{:?}]", image(2)));
        fields.str(Head::declared(2), "beside");
        fields.replace_text(0, "\"short\"");
        fields.replace_text(1, &"x".repeat(VALUE_LIMIT + 100));
        fields.shrink();
        let values: Vec<_> = fields.entries().iter().map(|entry| fields.value(entry)).collect();
        assert_eq!(values[0], ValueRef::Debug("\"short\""));
        assert!(matches!(values[1], ValueRef::Text(text) if text.ends_with(bounded::CUT)));
        assert_eq!(values[2], ValueRef::Text("beside"));
        assert!(!fields.has_large() && fields.capacity() < 3 * VALUE_LIMIT);
    }
}
