//! Inputs and outputs that stand in many fields, one for each value: `llm.input_messages.0.message.role`.
//!
//! They become one list. The names that only say what stands below them are left out, so that what comes out is a list
//! of messages (or of documents, or of texts) as every other source has it.

use std::collections::BTreeMap;
use std::str::Split;

use crate::field::{Role, Trust};
use crate::model::{Content, Entry, Head, Key, Reading, Recorded, Use, ValueRef};

/// Names between an index and what has the index.
const WRAPPERS: &[&str] = &[
    "message",
    "message_content",
    "tool_call",
    "prompt",
    "completion",
    "embedding",
    "document",
    "image",
    "audio",
];

/// No vocabulary goes deeper.
const DEPTH: usize = 16;

/// Puts the parts with this role together, those of the most trusted vocabulary: as a value under no name, which only
/// an input or an output can be.
pub(super) fn read(recorded: &mut Recorded, reading: &mut Reading, role: Role) {
    let entries = recorded.fields.entries().iter().zip(&mut reading.uses);
    let mut best: Option<&Entry> = None;
    for (entry, used) in entries.filter(|(entry, used)| is_part(entry, role) && !used.hidden) {
        // Single values are nothing to filter on: none of them is metadata.
        used.counts = true;
        if best.is_none_or(|best| best.head.trust < entry.head.trust) {
            best = Some(entry);
        }
    }
    let Some(best) = best else { return };
    let (trust, list) = (best.head.trust, list_of(recorded, best));
    let mut root = Node::default();
    for (entry, used) in recorded.fields.entries().iter().zip(&reading.uses) {
        let path = recorded.names(entry).1;
        // The numbers of an embedding are nothing that one reads.
        let is_read = !used.hidden && !path.ends_with(".vector");
        if is_part(entry, role) && is_read && list_of(recorded, entry) == list {
            root.put(path.split('.'), recorded.fields.value(entry), DEPTH);
        }
    }
    if root.items.is_empty() {
        return;
    }
    let mut json = Vec::new();
    root.write(&mut json);
    let json = String::from_utf8(json).unwrap_or_default();
    add(recorded, reading, built(role, trust), &json);
}

/// What is put together of parts with this role.
pub(super) fn built(part: Role, trust: Trust) -> Head {
    let role = if part == Role::InputPart {
        Role::Input
    } else {
        Role::Output
    };
    Head {
        key: BUILT,
        role,
        trust,
        late: true,
        owner: 0,
    }
}

/// What the program itself said of a content, where it was put together here.
pub(super) fn said(recorded: &Recorded, index: Option<usize>) -> Option<Content> {
    let entry = recorded.fields.entries().get(index?)?;
    (entry.head.key == BUILT).then_some(Content::None)
}

/// The key of what is put together here.
pub(super) const BUILT: Key = Key::Known("");

/// Adds a value that no field has; answers its index.
pub(super) fn add(recorded: &mut Recorded, reading: &mut Reading, head: Head, json: &str) -> usize {
    recorded.fields.json(head, json);
    added(reading)
}

/// A value was added to the fields: it counts; answers its index.
pub(super) fn added(reading: &mut Reading) -> usize {
    reading.uses.push(Use {
        counts: true,
        ..Use::default()
    });
    reading.uses.len() - 1
}

fn is_part(entry: &Entry, role: Role) -> bool {
    entry.head.role == role && entry.head.owner == 0
}

/// The name before the index: values of one list only are put together.
fn list_of<'a>(recorded: &'a Recorded, entry: &'a Entry) -> &'a str {
    let (name, short) = recorded.names(entry);
    name.strip_suffix(short).unwrap_or(name)
}

/// A value, or what stands below a name.
#[derive(Default)]
struct Node<'a> {
    value: Option<ValueRef<'a>>,
    items: BTreeMap<u32, Node<'a>>,
    members: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Node<'a> {
    fn put(&mut self, mut path: Split<'a, char>, value: ValueRef<'a>, depth: usize) {
        let Some(step) = path.next().filter(|_| depth > 0) else {
            self.value = Some(value);
            return;
        };
        let below = match step.parse() {
            Ok(index) => Some(self.items.entry(index).or_default()),
            Err(_) => self.member(step),
        };
        if let Some(below) = below {
            below.put(path, value, depth - 1);
        }
    }

    /// What stands below a name; it is there afterwards.
    fn member(&mut self, name: &'a str) -> Option<&mut Self> {
        if !self.members.iter().any(|(known, _)| *known == name) {
            self.members.push((name, Self::default()));
        }
        let mut known = self.members.iter_mut();
        known.find(|(known, _)| *known == name).map(|(_, below)| below)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(value) = self.value {
            return value.write_json(out);
        }
        if !self.items.is_empty() {
            return write_list(self.items.values(), out);
        }
        if let [(name, below)] = &self.members[..] {
            if WRAPPERS.contains(name) && below.value.is_none() {
                return below.write(out);
            }
        }
        let has_content = self.members.iter().any(|(name, _)| *name == "content");
        out.push(b'{');
        for (at, (name, below)) in self.members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let name = match *name {
                // OpenInference's name for a content of several parts.
                "contents" if !has_content => "content",
                name => name,
            };
            ValueRef::Text(name).write_json(out);
            out.push(b':');
            below.write(out);
        }
        out.push(b'}');
    }
}

fn write_list<'a, 'b: 'a>(items: impl Iterator<Item = &'a Node<'b>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        item.write(out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(parts: &[(String, String)]) -> String {
        let mut root = Node::default();
        for (path, text) in parts {
            root.put(path.split('.'), ValueRef::Text(text), DEPTH);
        }
        let mut out = Vec::new();
        root.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_path_that_contradicts_another_costs_one_of_them_and_no_more() {
        let parts = |paths: &[&str]| {
            let parts: Vec<_> = paths
                .iter()
                .map(|path| ((*path).to_owned(), "x".to_owned()))
                .collect();
            json(&parts)
        };
        assert_eq!(parts(&["0.role", "0", "1.role"]), r#"["x",{"role":"x"}]"#);
        assert_eq!(parts(&["7.a", "2.a", "x.a"]), r#"[{"a":"x"},{"a":"x"}]"#);
        assert_eq!(
            parts(&["0.message.role", "0.other"]),
            r#"[{"message":{"role":"x"},"other":"x"}]"#
        );
        assert_eq!(
            parts(&["0.content", "0.contents.0.text"]),
            r#"[{"content":"x","contents":[{"text":"x"}]}]"#
        );
        assert_eq!(parts(&["99999999999.a", "0..b"]), r#"[{"":{"b":"x"}}]"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_paths_are_json_comes_of_them(
            parts in proptest::collection::vec(("([0-2]|message|content|contents|tool_call|a|)(\\.([0-2]|message|content|a|)){0,20}", ".{0,4}"), 1..12)
        ) {
            let text = json(&parts);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
