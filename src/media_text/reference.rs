//! What stands in a value in place of media: `@@@langfuseMedia:type=image/png|id=…|source=base64_data_uri@@@`.
//!
//! Source: Langfuse's server and SDKs, which write and read it so.

use std::borrow::Cow;
use std::iter;

const BEGIN: &str = "@@@langfuseMedia:";
const END: &str = "@@@";

/// What a reference says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reference<'t> {
    pub(crate) mime: &'t str,
    pub(crate) id: &'t str,
}

impl<'t> Reference<'t> {
    /// All that stand in a text.
    pub(crate) fn all(text: &'t str) -> impl Iterator<Item = Self> {
        let mut rest = text;
        iter::from_fn(move || {
            let (_, reference, behind) = Self::first(rest)?;
            rest = behind;
            Some(reference)
        })
    }

    /// The first in a text, between what stands before it and what stands behind it.
    pub(crate) fn first(text: &'t str) -> Option<(&'t str, Self, &'t str)> {
        text.match_indices(BEGIN).find_map(|(at, begin)| {
            let (parts, behind) = text.get(at + begin.len()..)?.split_once(END)?;
            let part = |name| parts.split('|').find_map(|part: &str| part.strip_prefix(name));
            let (mime, id) = (part("type=")?, part("id=")?);
            Some((text.get(..at)?, Self { mime, id }, behind))
        })
    }

    /// As it is written for content that was base64 in its value.
    pub(crate) fn write(&self) -> String {
        let Self { mime, id } = self;
        format!("{BEGIN}type={mime}|id={id}|source=base64_data_uri{END}")
    }
}

/// A text as people read it: `[image/png]` in place of a reference.
pub(crate) fn in_words(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, reference, behind)) = Reference::first(rest) {
        out.extend([before, "[", reference.mime, "]"]);
        rest = behind;
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: Reference<'static> = Reference {
        mime: "image/png",
        id: "one",
    };

    #[test]
    fn what_is_written_is_found_again_and_read_by_people() {
        let png = PNG.write();
        assert_eq!(
            png,
            "@@@langfuseMedia:type=image/png|id=one|source=base64_data_uri@@@"
        );
        let wav = "@@@langfuseMedia:type=audio/wav|source=bytes|id=two@@@";
        for (text, found, words) in [
            (png.clone(), vec!["one"], "[image/png]"),
            (
                format!("é {png}{wav} @@@"),
                vec!["one", "two"],
                "é [image/png][audio/wav] @@@",
            ),
            (
                format!(r#"["@@@langfuseMedia:torn", "{png}"]"#),
                vec!["one"],
                r#"["@@@langfuseMedia:torn", "[image/png]"]"#,
            ),
            ("@@@".to_owned(), vec![], "@@@"),
            (String::new(), vec![], ""),
        ] {
            let ids: Vec<_> = Reference::all(&text).map(|reference| reference.id).collect();
            assert_eq!((ids, &*in_words(&text)), (found, words), "{text}");
        }
    }
}
