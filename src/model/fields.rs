//! The fields of one span and of its events: every value in one reusable buffer, in the order of recording.

mod again;
mod bounded;
mod head;
mod large;

use std::fmt;

use crate::field::{Role, Roles};
use crate::model::ValueRef;

#[cfg(test)]
pub(crate) use again::GARBAGE_LIMIT;
use bounded::VALUE_LIMIT;
pub(crate) use bounded::cut;
pub(crate) use head::{Head, Key};
use large::MEDIA_LIMIT;
pub(crate) use large::{cut_value, is_large, left_out};

/// One recorded value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) head: Head,
    slot: Slot,
}

/// A stretch of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    at: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    // As bytes: a slot of 16 would make every entry larger.
    I128([u8; 16]),
    U128([u8; 16]),
    Text(Range),
    Debug(Range),
    Json(Range),
    Error(Range),
    /// In the buffer of raw bytes.
    Bytes(Range),
}

/// The kinds of text that [`Fields::rewrite`] can leave behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextForm {
    Text,
    Json,
    Error,
}

/// Entries and the buffers that their values live in. Emptied and used again.
#[derive(Clone, Default, Debug)]
pub(crate) struct Fields {
    /// A string, so that a text is read without being checked anew.
    texts: String,
    raw: Vec<u8>,
    entries: Vec<Entry>,
    /// Which of the span's first 64 declared fields have a value: most are recorded once, and then nothing has to be
    /// looked for.
    declared: u64,
    /// Some key is not among those.
    others: bool,
    /// Every role that some value has, or had.
    roles: Roles,
    /// The bytes of texts over the usual limit, which have media in them.
    large: usize,
    /// How many media found no room.
    lost_media: u32,
}

/// What a buffer holds at first: the fields and the short texts of a usual span, without growing.
const ENTRIES: usize = 16;
const TEXTS: usize = 512;

impl Fields {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Says that an entry is something else than its name says.
    pub(crate) fn set_role(&mut self, index: usize, role: Role) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.head.role = role;
            self.roles.insert(role);
        }
    }

    /// Every role that some value has, or had.
    pub(crate) fn roles(&self) -> Roles {
        self.roles
    }

    /// The bytes of its values, those that are superseded too.
    pub(crate) fn weight(&self) -> usize {
        self.texts.len() + self.raw.len() + self.entries.len() * size_of::<Entry>()
    }

    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.raw.clear();
        self.entries.clear();
        (self.declared, self.others, self.roles) = (0, false, Roles::default());
        (self.large, self.lost_media) = (0, 0);
    }

    /// Memory that is kept when nothing is in it.
    pub(crate) fn capacity(&self) -> usize {
        self.texts.capacity() + self.raw.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The value of an entry of this buffer.
    #[inline]
    pub(crate) fn value(&self, entry: &Entry) -> ValueRef<'_> {
        match entry.slot {
            Slot::Bool(value) => ValueRef::Bool(value),
            Slot::I64(value) => ValueRef::I64(value),
            Slot::U64(value) => ValueRef::U64(value),
            Slot::F64(value) => ValueRef::F64(value),
            Slot::I128(value) => ValueRef::I128(i128::from_ne_bytes(value)),
            Slot::U128(value) => ValueRef::U128(u128::from_ne_bytes(value)),
            Slot::Text(range) => ValueRef::Text(self.text(range)),
            Slot::Debug(range) => ValueRef::Debug(self.text(range)),
            Slot::Json(range) => ValueRef::Json(self.text(range)),
            Slot::Error(range) => ValueRef::Error(self.text(range)),
            Slot::Bytes(range) => ValueRef::Bytes(stretch(&self.raw, range)),
        }
    }

    /// The value of the entry at this place.
    pub(crate) fn value_at(&self, index: usize) -> Option<ValueRef<'_>> {
        Some(self.value(self.entries.get(index)?))
    }

    /// Whether a value is the `Debug` of an `Option` that is `None`, which says nothing.
    pub(crate) fn is_none(&self, entry: &Entry) -> bool {
        matches!(entry.slot, Slot::Debug(range) if self.text(range) == "None")
    }

    /// The name of a run-time key.
    #[inline]
    pub(crate) fn text(&self, range: Range) -> &str {
        let at = range.at as usize;
        self.texts.get(at..at + range.len as usize).unwrap_or_default()
    }

    pub(crate) fn bool(&mut self, head: Head, value: bool) {
        self.push(head, Slot::Bool(value));
    }

    pub(crate) fn i64(&mut self, head: Head, value: i64) {
        self.push(head, Slot::I64(value));
    }

    pub(crate) fn u64(&mut self, head: Head, value: u64) {
        self.push(head, Slot::U64(value));
    }

    pub(crate) fn f64(&mut self, head: Head, value: f64) {
        self.push(head, Slot::F64(value));
    }

    pub(crate) fn i128(&mut self, head: Head, value: i128) {
        self.push(head, Slot::I128(value.to_ne_bytes()));
    }

    pub(crate) fn u128(&mut self, head: Head, value: u128) {
        self.push(head, Slot::U128(value.to_ne_bytes()));
    }

    pub(crate) fn bytes_value(&mut self, head: Head, value: &[u8]) {
        let value = value.get(..VALUE_LIMIT).unwrap_or(value);
        let range = range(self.raw.len(), value.len());
        self.raw.extend_from_slice(value);
        self.push(head, Slot::Bytes(range));
    }

    pub(crate) fn str(&mut self, head: Head, value: &str) {
        let range = self.write(value);
        self.push(head, Slot::Text(range));
    }

    pub(crate) fn debug(&mut self, head: Head, value: &dyn fmt::Debug) {
        let range = self.write_text(format_args!("{value:?}"));
        self.push(head, Slot::Debug(range));
    }

    pub(crate) fn error(&mut self, head: Head, value: &dyn std::error::Error) {
        let range = self.write_text(format_args!("{value}"));
        self.push(head, Slot::Error(range));
    }

    /// JSON text that the caller knows to be whole. Over the limit it is text with a marker, since half of a JSON
    /// value is none.
    pub(crate) fn json(&mut self, head: Head, value: &str) {
        if value.len() > VALUE_LIMIT {
            return self.large_json(head, value);
        }
        let range = self.write(value);
        self.push(head, Slot::Json(range));
    }

    /// Keeps a name that came at run time.
    pub(crate) fn name(&mut self, name: &str) -> Key {
        let name = cut(name, VALUE_LIMIT);
        Key::Given(self.write_whole(&name))
    }

    /// Adds what another buffer holds; `adapt` sees each head on its way.
    pub(crate) fn append(&mut self, other: &Self, mut adapt: impl FnMut(&mut Head)) {
        let base = (self.texts.len(), self.raw.len());
        if base.0 + other.texts.len() > u32::MAX as usize || base.1 + other.raw.len() > u32::MAX as usize {
            return;
        }
        self.make_room_for(&other.texts);
        self.texts.push_str(&other.texts);
        self.large += other.large;
        self.lost_media = self.lost_media.saturating_add(other.lost_media);
        self.raw.extend_from_slice(&other.raw);
        for entry in &other.entries {
            let mut entry = entry.moved(base);
            adapt(&mut entry.head);
            self.push(entry.head, entry.slot);
        }
    }

    /// Gives an entry another value: the text `value`, written behind the others.
    pub(crate) fn rewrite(&mut self, index: usize, form: TextForm, value: &str) {
        let range = self.write_whole(value);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.slot = form.of(range);
        }
    }

    /// Gives an entry the number or the boolean that `text` says; answers whether it says one.
    pub(crate) fn rewrite_scalar(&mut self, index: usize, text: &str) -> bool {
        let slot = match (text.parse(), text.parse(), text.parse(), text.parse()) {
            (Ok(value), ..) => Slot::Bool(value),
            (_, Ok(value), ..) => Slot::I64(value),
            (_, _, Ok(value), _) => Slot::U64(value),
            (.., Ok(value)) if text.contains(['.', 'e']) => Slot::F64(value),
            _ => return false,
        };
        if let Some(entry) = self.entries.get_mut(index) {
            entry.slot = slot;
        }
        true
    }

    /// Says that the text of an entry is JSON, or text, as it stands.
    pub(crate) fn restate(&mut self, index: usize, form: TextForm) {
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        let (Slot::Text(range) | Slot::Debug(range) | Slot::Json(range) | Slot::Error(range)) = entry.slot
        else {
            return;
        };
        entry.slot = form.of(range);
    }

    fn push(&mut self, head: Head, slot: Slot) {
        if self.entries.capacity() == 0 {
            self.entries.reserve(ENTRIES);
        }
        match bit(head) {
            Some(bit) => self.declared |= bit,
            None => self.others |= head.owner == 0,
        }
        self.roles.insert(head.role);
        self.entries.push(Entry { head, slot });
    }

    /// Writes a text, up to the limit.
    fn write(&mut self, text: &str) -> Range {
        if text.len() > VALUE_LIMIT {
            return self.large_text(text);
        }
        self.write_whole(text)
    }

    fn write_whole(&mut self, text: &str) -> Range {
        self.make_room();
        let range = range(self.texts.len(), text.len());
        self.texts.push_str(text);
        range
    }

    fn write_text(&mut self, text: fmt::Arguments<'_>) -> Range {
        self.make_room();
        let at = self.texts.len();
        let for_media = self.room_for_media();
        if bounded::write(&mut self.texts, text, for_media) {
            self.give_back();
        }
        let len = self.texts.len() - at;
        self.large += if len > VALUE_LIMIT + bounded::CUT.len() {
            len
        } else {
            0
        };
        range(at, len)
    }

    fn make_room(&mut self) {
        if self.texts.capacity() == 0 {
            self.texts.reserve(TEXTS);
        }
    }
}

/// The bit of one of the span's own first 64 declared fields.
fn bit(head: Head) -> Option<u64> {
    match head.key {
        Key::Declared(index) if head.owner == 0 => 1_u64.checked_shl(index.into()),
        _ => None,
    }
}

/// A stretch; an empty one where a buffer has grown past what can be counted, which its limits rule out.
fn range(at: usize, len: usize) -> Range {
    match (u32::try_from(at), u32::try_from(len)) {
        (Ok(at), Ok(len)) => Range { at, len },
        _ => Range { at: 0, len: 0 },
    }
}

impl TextForm {
    fn of(self, range: Range) -> Slot {
        match self {
            Self::Text => Slot::Text(range),
            Self::Json => Slot::Json(range),
            Self::Error => Slot::Error(range),
        }
    }
}

impl Entry {
    /// Whether its value is what `Debug` or `Display` wrote.
    pub(crate) fn is_debug(&self) -> bool {
        matches!(self.slot, Slot::Debug(_))
    }

    fn moved(mut self, (texts, raw): (usize, usize)) -> Self {
        let shift = |range: &mut Range, by: usize| {
            range.at = range.at.saturating_add(u32::try_from(by).unwrap_or(u32::MAX));
        };
        if let Key::Given(range) = &mut self.head.key {
            shift(range, texts);
        }
        match &mut self.slot {
            Slot::Text(range) | Slot::Debug(range) | Slot::Json(range) | Slot::Error(range) => {
                shift(range, texts);
            }
            Slot::Bytes(range) => shift(range, raw),
            _ => {}
        }
        self
    }
}

fn stretch(bytes: &[u8], range: Range) -> &[u8] {
    let at = range.at as usize;
    bytes.get(at..at + range.len as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Role;

    #[test]
    fn values_come_back_with_their_types_also_from_an_appended_buffer() {
        let mut first = Fields::default();
        first.str(Head::declared(0), "one");
        let mut second = Fields::default();
        let key = second.name("given");
        second.u128(Head::handle(key, Role::Metadata), u128::MAX);
        second.debug(Head::declared(1), &Some("two"));
        first.append(&second, |_| {});
        let values: Vec<_> = first.entries().iter().map(|entry| first.value(entry)).collect();
        let expected = [
            ValueRef::Text("one"),
            ValueRef::U128(u128::MAX),
            ValueRef::Debug("Some(\"two\")"),
        ];
        assert_eq!(values, expected);
        let Key::Given(name) = first.entries()[1].head.key else {
            panic!()
        };
        assert_eq!(first.text(name), "given");
    }

    #[test]
    fn of_a_key_recorded_again_only_the_last_value_stays_also_after_compaction() {
        let mut fields = Fields::default();
        fields.str(Head::declared(0), "kept");
        let mut garbage = 0;
        for text in ["first", "second"] {
            let mut newer = Fields::default();
            let key = newer.name("given");
            newer.str(Head::handle(key, Role::Metadata), text);
            garbage += fields.supersede(&newer);
            fields.append(&newer, |_| {});
        }
        assert_eq!(garbage, "givenfirst".len());
        fields.compact();
        assert_eq!(fields.texts, "keptgivensecond");
        let values: Vec<_> = fields.entries().iter().map(|entry| fields.value(entry)).collect();
        assert_eq!(values, [ValueRef::Text("kept"), ValueRef::Text("second")]);
    }

    #[test]
    fn a_value_is_cut_at_a_character_and_says_so() {
        let mut fields = Fields::default();
        fields.str(Head::declared(0), &"é".repeat(VALUE_LIMIT));
        let ValueRef::Text(text) = fields.value(&fields.entries()[0]) else {
            panic!()
        };
        assert_eq!(text.len(), VALUE_LIMIT + bounded::CUT.len());
        assert!(text.ends_with("é… [truncated]"));
    }
}
