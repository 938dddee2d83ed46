//! Reads variables one after the other, and collects a line for each that cannot be used.

use std::time::Duration;

use crate::env::{FromEnv, Variables};

/// What reads the variables of one room.
pub(crate) struct Reader<'a> {
    variables: &'a Variables,
    messages: Vec<String>,
}

impl<'a> Reader<'a> {
    /// What `read` makes of the variables, with the lines it had to say.
    pub(crate) fn read<T>(variables: &'a Variables, read: impl FnOnce(&mut Self) -> T) -> FromEnv<T> {
        let mut reader = Self {
            variables,
            messages: Vec::new(),
        };
        let settings = read(&mut reader);
        FromEnv {
            settings,
            messages: reader.messages,
        }
    }

    /// A line about a variable. It names the variable and what follows, never the value.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.messages.push(line.into());
    }

    /// The value, as [`Variables::get`] has it.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name)
    }

    /// The first of these that is set, with its name: a narrower variable before the wider one that it overrides.
    pub(crate) fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        self.variables.first(names)
    }

    /// The first of these spellings of one variable that is set; that another says something else is said.
    pub(crate) fn one_of<'n>(&mut self, spellings: &[&'n str]) -> Option<(&'n str, String)> {
        let (name, value) = self.first(spellings)?;
        let bare = |value: &str| value.trim_end_matches('/').to_owned();
        let others = spellings.iter().filter(|other| **other != name);
        let differs = |other: &&&str| self.get(other).is_some_and(|said| bare(&said) != bare(&value));
        let differing: Vec<_> = others.filter(differs).copied().collect();
        if !differing.is_empty() {
            self.say(format!(
                "{name} and {} do not agree: {name} is used",
                differing.join(", ")
            ));
        }
        Some((name, value))
    }

    /// Yes or no, in the words that people use; `default` when it is not set or is neither.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(value) = self.get(name) else {
            return default;
        };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.say(format!(
                    "{name} is neither true nor false: it counts as {default}"
                ));
                default
            }
        }
    }

    /// A whole number from `least` up, of the first of these that is set; one that is none leaves `default`, as the line
    /// calls it.
    pub(crate) fn number(&mut self, names: &[&str], least: usize, default: &str) -> Option<usize> {
        let (name, value) = self.first(names)?;
        let number = value.parse().ok().filter(|number| *number >= least);
        if number.is_none() {
            let above = least
                .checked_sub(1)
                .map_or(String::new(), |floor| format!(" above {floor}"));
            self.say(format!("{name} is not a whole number{above}: {default} is used"));
        }
        number
    }

    /// Whole milliseconds from `least` up, of the first of these that is set.
    pub(crate) fn millis(&mut self, names: &[&str], least: u64, default: &str) -> Option<Duration> {
        let (name, value) = self.first(names)?;
        let millis = value.parse().ok().filter(|millis| *millis >= least);
        if millis.is_none() {
            let above = if least > 0 { " above 0" } else { "" };
            self.say(format!(
                "{name} is not a whole number of milliseconds{above}: {default} is used"
            ));
        }
        millis.map(Duration::from_millis)
    }

    /// Seconds above 0, also with a fraction.
    pub(crate) fn seconds(&mut self, name: &str, default: &str) -> Option<Duration> {
        let value = self.get(name)?;
        let seconds = value.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
        let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if duration.is_none() {
            self.say(format!(
                "{name} is not a number of seconds above 0: {default} is used"
            ));
        }
        duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(pairs: &[(&str, &str)], read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, Vec<String>) {
        let read = Reader::read(&Variables::from_pairs(pairs.iter().copied()), read);
        (read.settings, read.messages)
    }

    #[test]
    fn spellings_that_disagree_are_said() {
        let names = ["A", "B", "C"];
        let one_of = |pairs: &[(&str, &str)]| {
            let (found, said) = read(pairs, |reader| reader.one_of(&names));
            (found.map(|(name, value)| format!("{name}={value}")), said)
        };
        assert_eq!(one_of(&[]), (None, vec![]));
        assert_eq!(one_of(&[("B", "1"), ("A", "1/")]), (Some("A=1/".into()), vec![]));
        assert_eq!(
            one_of(&[("A", "1"), ("B", "2"), ("C", "3")]),
            (
                Some("A=1".into()),
                vec!["A and B, C do not agree: A is used".into()]
            )
        );
        assert_eq!(
            one_of(&[("B", "2"), ("C", "3")]),
            (Some("B=2".into()), vec!["B and C do not agree: B is used".into()])
        );
    }

    #[test]
    fn yes_and_no_have_several_words() {
        for (word, flag) in [("TRUE", true), ("1", true), ("off", false), ("No", false)] {
            assert_eq!(read(&[("A", word)], |it| it.flag("A", !flag)), (flag, vec![]));
        }
        let (flag, said) = read(&[("A", "maybe")], |reader| reader.flag("A", false));
        assert!(!flag);
        assert_eq!(said, ["A is neither true nor false: it counts as false"]);
    }

    #[test]
    fn numbers_have_a_least() {
        let number = |text, least| read(&[("A", text)], |reader| reader.number(&["A"], least, "7"));
        assert_eq!(number("0", 0), (Some(0), vec![]));
        assert_eq!(
            number("0", 1),
            (None, vec!["A is not a whole number above 0: 7 is used".into()])
        );
        assert_eq!(
            number("-1", 0),
            (None, vec!["A is not a whole number: 7 is used".into()])
        );
        let millis = |text| read(&[("A", text)], |reader| reader.millis(&["A"], 1, "7"));
        assert_eq!(millis("20"), (Some(Duration::from_millis(20)), vec![]));
        assert_eq!(
            millis("1s").1,
            ["A is not a whole number of milliseconds above 0: 7 is used"]
        );
        let seconds = |text| read(&[("A", text)], |reader| reader.seconds("A", "7"));
        assert_eq!(seconds("0.5"), (Some(Duration::from_millis(500)), vec![]));
        for bad in ["NaN", "0", "inf", "1e300"] {
            assert_eq!(
                seconds(bad).1,
                ["A is not a number of seconds above 0: 7 is used"]
            );
        }
    }
}
