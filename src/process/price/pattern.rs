//! Names of models with `*` in them.

/// A model's name in which `*` stands for any text, none too. Case does not matter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(Box<str>);

impl Pattern {
    /// None for a pattern of spaces alone.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut read) = (0, 0);
        // Where the last `*` stands, and how much of the name it has not taken.
        let mut last = None;
        while let Some(byte) = name.get(read) {
            match pattern.get(at) {
                Some(b'*') => {
                    last = Some((at, read));
                    at += 1;
                }
                Some(wanted) if wanted.eq_ignore_ascii_case(byte) => (at, read) = (at + 1, read + 1),
                _ => {
                    let Some((star, taken)) = last else {
                        return false;
                    };
                    last = Some((star, taken + 1));
                    (at, read) = (star + 1, taken + 1);
                }
            }
        }
        pattern.iter().skip(at).all(|byte| *byte == b'*')
    }

    /// How much a pattern says: the more of the name, then the fewer `*`.
    pub(super) fn rank(&self) -> (usize, usize) {
        let stars = self.0.bytes().filter(|byte| *byte == b'*').count();
        (self.0.len() - stars, usize::MAX - stars)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_is_any_text_and_case_does_not_matter() {
        for (pattern, name) in [
            ("gpt-4o", "GPT-4o"),
            ("gpt-4o*", "gpt-4o"),
            ("gpt-4o-20*", "gpt-4o-2024-08-06"),
            ("*", "anything"),
            ("*", ""),
            (
                "*anthropic.claude-*-v1:0",
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ),
            ("*ab*ab", "abxabab"),
            ("a**b", "ab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-4o", "my-gpt-4o"),
            ("gpt-4o-20*", "gpt-4o-mini"),
            ("*ab", "abc"),
            ("a*b*c", "acb"),
            ("?", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert_eq!(Pattern::new(" "), None);
    }

    #[test]
    fn more_of_the_name_says_more() {
        let rank = |pattern| Pattern::new(pattern).unwrap().rank();
        assert!(rank("gpt-4o-mini*") > rank("gpt-4o*"));
        assert!(rank("gpt-4o") > rank("gpt-4o*"));
        assert!(rank("gpt-4o*") > rank("*"));
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_definition_says(pattern in "[ab*]{1,8}", name in "[abAB]{0,10}") {
            fn plain(pattern: &[u8], name: &[u8]) -> bool {
                match (pattern, name) {
                    ([], _) => name.is_empty(),
                    ([b'*', rest @ ..], _) => (0..=name.len()).any(|taken| plain(rest, &name[taken..])),
                    ([a, pattern @ ..], [b, name @ ..]) => a.eq_ignore_ascii_case(b) && plain(pattern, name),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &name), plain(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
