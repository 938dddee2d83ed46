//! The grammar of derived Debug, compact and pretty, written straight to JSON: no tree in between, no allocation.
//!
//! Each item is first read by the grammar; what the grammar does not know (`1.5s`, `[::1]:80`, `0..5`) is taken as a run
//! of text up to the item's end. A level reads its text at most twice, so the time is linear for a bounded depth.

use super::cursor::{Cursor, walk};
use super::{MAX_DEPTH, json, literal};

/// Appends the JSON of `text` if the whole of it is one bracketed structure; else leaves `out` alone.
pub(super) fn structure(text: &str, out: &mut Vec<u8>) -> bool {
    let is_bracketed = text.ends_with([')', ']', '}']) && !text.starts_with("Some(");
    if !is_bracketed {
        return false;
    }
    let before = out.len();
    let mut parser = Parser {
        cursor: Cursor::new(text),
        out,
    };
    let is_whole = parser.structured(Place::TOP).is_some() && parser.cursor.rest().is_empty();
    if !is_whole {
        out.truncate(before);
    }
    is_whole
}

/// Whether `text` is a single word, number or bracketed thing: what `Some(..)` may hold and still be no prose.
pub(super) fn is_atom(text: &str) -> bool {
    let end = walk(text, |_, byte| byte == b',' || byte.is_ascii_whitespace());
    !text.is_empty() && end == Some(text.len())
}

/// Whether a bracket that `text` does not open is closed in it.
pub(super) fn closes_early(text: &str) -> bool {
    walk(text, |_, _| false).is_some_and(|end| end < text.len())
}

/// Where a value stands: passed down, so that a failed attempt leaves nothing to undo.
#[derive(Clone, Copy)]
struct Place {
    /// JSON levels around the value.
    depth: usize,
    /// Inside `Name { field: .. }`: words with spaces between them may be a value.
    is_field: bool,
    /// Inside the Debug text of a `serde_json::Value`: `String(..)`, `Number(..)`, `Bool(..)` and `Null` are its wrappers.
    is_json: bool,
}

impl Place {
    /// Outside of everything.
    const TOP: Self = Self {
        depth: 0,
        is_field: false,
        is_json: false,
    };

    /// The place one level down, if there may be one.
    fn deeper(self) -> Option<Self> {
        (self.depth < MAX_DEPTH).then_some(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

/// The text, how far it is read, and the JSON made of that. Methods return `None` where it is not what they read.
struct Parser<'t, 'o> {
    /// The text being read.
    cursor: Cursor<'t>,
    /// Where the JSON goes.
    out: &'o mut Vec<u8>,
}

impl<'t> Parser<'t, '_> {
    /// One item: by the grammar if that reads it to its end, else as a run of text.
    fn value(&mut self, place: Place, is_key: bool) -> Option<()> {
        let (at, written) = (self.cursor.at(), self.out.len());
        if self.structured(place).is_some() && self.cursor.is_item_end(is_key) {
            return Some(());
        }
        self.cursor.back_to(at);
        self.out.truncate(written);
        self.run(place, is_key)
    }

    /// What the grammar knows.
    fn structured(&mut self, place: Place) -> Option<()> {
        match self.cursor.peek()? {
            b'"' | b'\'' => self.literal(),
            b'[' => self.list(place),
            b'(' => self.tuple(place),
            b'{' => self.map_or_set(place),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.named(place),
        }
    }

    /// `"text"` or `'c'`.
    fn literal(&mut self) -> Option<()> {
        let literal = self.cursor.take(literal::end(self.cursor.rest())?)?;
        self.out.push(b'"');
        literal::unescape(literal, |text| literal::append_json(text, self.out))?;
        self.out.push(b'"');
        Some(())
    }

    /// `[a, b]`.
    fn list(&mut self, place: Place) -> Option<()> {
        self.cursor.eat("[").then_some(())?;
        self.out.push(b'[');
        self.items(b']', place.deeper()?)?;
        self.out.push(b']');
        Some(())
    }

    /// `(a, b)`, `(a,)` or `()`; `(a)` is a parenthesis.
    fn tuple(&mut self, place: Place) -> Option<()> {
        if self.cursor.eat("()") {
            self.out.extend_from_slice(b"null");
            return Some(());
        }
        let start = self.cursor.at();
        self.cursor.eat("(").then_some(())?;
        self.out.push(b'[');
        let count = self.items(b')', place.deeper()?)?;
        self.out.push(b']');
        let inside = self.cursor.since(start).strip_suffix(')')?;
        (count > 1 || inside.trim_end().ends_with(',')).then_some(())
    }

    /// The items up to `close`, with commas between them; their number.
    fn items(&mut self, close: u8, place: Place) -> Option<usize> {
        for count in 0.. {
            if self.cursor.ends_with(close) {
                return Some(count);
            }
            self.comma(count);
            self.value(place, false)?;
            self.cursor.separator();
        }
        None
    }

    /// `{k: v}` or `{a, b}`; the first item tells.
    fn map_or_set(&mut self, place: Place) -> Option<()> {
        let place = place.deeper()?;
        let open = self.out.len();
        self.cursor.eat("{").then_some(())?;
        self.out.push(b'{');
        let mut is_map = true;
        for count in 0.. {
            if self.cursor.ends_with(b'}') || (is_map && count > 0 && self.cursor.ends_unfinished()) {
                break;
            }
            self.comma(count);
            let (key, written) = (self.cursor.at(), self.out.len());
            self.value(place, is_map)?;
            if count == 0 {
                is_map = self.cursor.is_colon();
            }
            if is_map {
                self.make_key(key, written)?;
                self.colon()?;
                self.value(place, false)?;
            }
            self.cursor.separator();
        }
        if !is_map {
            *self.out.get_mut(open)? = b'[';
        }
        self.out.push(if is_map { b'}' } else { b']' });
        Some(())
    }

    /// Makes an object's key of the item just read: a string is one, anything else becomes its text.
    fn make_key(&mut self, start: usize, written: usize) -> Option<()> {
        if self.out.get(written) != Some(&b'"') {
            self.out.truncate(written);
            self.string(self.cursor.since(start));
        }
        Some(())
    }

    /// A JSON number; whatever else begins with a digit is a run.
    fn number(&mut self) -> Option<()> {
        let number = self.cursor.number()?;
        self.out.extend_from_slice(number.as_bytes());
        Some(())
    }

    /// What begins with a name: a variant, a structure, a boolean.
    fn named(&mut self, place: Place) -> Option<()> {
        let name = self.cursor.name()?;
        if self.cursor.peek() == Some(b'(') {
            return self.tuple_struct(name, place);
        }
        if name == "Array" && self.cursor.eat_before(" ", "[") {
            return self.list(Place {
                is_json: true,
                ..place
            });
        }
        if self.cursor.eat_before(" ", "{") {
            let inside = self.cursor.rest().get(1..)?.trim_start();
            let is_json = name == "Object" && inside.starts_with(['"', '}']);
            return if is_json {
                self.map_or_set(Place { is_json, ..place })
            } else {
                self.braced(name, place)
            };
        }
        match name {
            "None" => self.out.extend_from_slice(b"null"),
            "Null" if place.is_json => self.out.extend_from_slice(b"null"),
            "true" | "false" => self.out.extend_from_slice(name.as_bytes()),
            _ => self.string(name),
        }
        Some(())
    }

    /// `Name(a)` or `Name(a, b)`; `Some(a)` is a.
    fn tuple_struct(&mut self, name: &str, place: Place) -> Option<()> {
        let last_part = name.rsplit("::").next()?;
        if last_part.starts_with(char::is_lowercase) {
            return None;
        }
        self.cursor.eat("(").then_some(())?;
        let is_wrapper = name == "Some" || (place.is_json && matches!(name, "String" | "Number" | "Bool"));
        if is_wrapper {
            return (self.items(b')', place.deeper()?)? == 1).then_some(());
        }
        self.out.push(b'{');
        self.string(name);
        self.out.push(b':');
        let values = self.out.len();
        // Two levels: with several values it is a list in an object.
        if self.items(b')', place.deeper()?.deeper()?)? != 1 {
            self.out.insert(values, b'[');
            self.out.push(b']');
        }
        self.out.push(b'}');
        Some(())
    }

    /// `Name { a: 1, b: 2 }` or `Name { a: 1, .. }`.
    fn braced(&mut self, name: &str, place: Place) -> Option<()> {
        let place = Place {
            is_field: true,
            ..place.deeper()?
        };
        self.cursor.eat("{").then_some(())?;
        self.out.push(b'{');
        let (mut has_role, mut has_content, mut has_type, mut fields) = (false, false, false, 0);
        while !self.cursor.ends_with(b'}') && !self.cursor.ends_unfinished() {
            self.comma(fields);
            match self.field_name()? {
                "role" => has_role = true,
                "content" => has_content = true,
                "_type" => has_type = true,
                _ => {}
            }
            self.colon()?;
            self.value(place, false)?;
            self.cursor.separator();
            fields += 1;
        }
        let is_message = has_role && has_content;
        if !is_message && !has_type {
            self.comma(fields);
            self.out.extend_from_slice(b"\"_type\":");
            self.string(name);
        }
        self.out.push(b'}');
        Some(())
    }

    /// A field's name, written as a key. Hand-written Debug may give what is no identifier: `0`, `user.id`, `"a b"`.
    fn field_name(&mut self) -> Option<&'t str> {
        let rest = self.cursor.rest();
        if rest.starts_with('"') {
            self.literal()?;
            return Some(rest);
        }
        let rest = if self.cursor.eat("r#") {
            self.cursor.rest()
        } else {
            rest
        };
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'))?;
        let name = self.cursor.take(end)?;
        self.string(name);
        name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            .then_some(name)
    }

    /// Text up to the item's end: JSON if it is (a `RawValue` shows itself so), else a string.
    fn run(&mut self, place: Place, is_key: bool) -> Option<()> {
        let rest = self.cursor.rest();
        let mut first_space = usize::MAX;
        let end = walk(rest, |at, byte| {
            if byte.is_ascii_whitespace() {
                first_space = first_space.min(at);
            }
            let is_separated = rest.as_bytes().get(at + 1).is_none_or(u8::is_ascii_whitespace);
            byte == b',' || (is_key && byte == b':' && is_separated)
        })?;
        let run = rest.get(..end)?.trim_end();
        let is_word = first_space >= run.len() && run.contains(char::is_alphanumeric);
        let is_value = is_word || (place.is_field && !run.is_empty());
        if !is_value || run.starts_with('"') {
            return None;
        }
        self.cursor.take(run.len())?;
        if !self.cursor.is_item_end(is_key) {
            return None;
        }
        if json::is_container(run, MAX_DEPTH - place.depth) {
            self.out.extend_from_slice(run.as_bytes());
        } else {
            self.string(run);
        }
        Some(())
    }

    /// The colon between a key and its value.
    fn colon(&mut self) -> Option<()> {
        self.cursor.colon()?;
        self.out.push(b':');
        Some(())
    }

    /// Appends `text` as a JSON string.
    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        literal::append_json(text, self.out);
        self.out.push(b'"');
    }

    /// Appends the comma before the item of this number.
    fn comma(&mut self, number: usize) {
        if number > 0 {
            self.out.push(b',');
        }
    }
}
