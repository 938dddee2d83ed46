//! Which version of a prompt.

use std::borrow::Cow;

/// Which version of a prompt: a number (`3`) or a label (`"staging"`). `latest` is a label like any other, which the server
/// keeps on the newest version.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Selector(pub(super) Kind);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    /// What the server gives when it is not told: the label `production`.
    Production,
    Label(String),
    Version(u32),
}

impl Selector {
    /// The version with the label `production`.
    pub(super) const PRODUCTION: Self = Self(Kind::Production);

    /// One of two, by who asks: the same one always, in every process, whatever else is asked for. Of all users `share`
    /// are given the second.
    ///
    /// The rule, for those who need it elsewhere: the first eight bytes of SHA-256 of the prompt's name, a zero byte and the
    /// user, as a fraction of 2⁶⁴, are below the share.
    pub(super) fn split(name: &str, user: &str, share: f64, first: Self, second: Self) -> Self {
        let digest = hmac_sha256::Hash::hash(&[name.as_bytes(), b"\0", user.as_bytes()].concat());
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let place = u64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64 / 2_f64.powi(64);
        if place < share { second } else { first }
    }
}

impl From<&str> for Selector {
    fn from(label: &str) -> Self {
        Self::from(Cow::Borrowed(label))
    }
}

impl From<String> for Selector {
    fn from(label: String) -> Self {
        Self::from(Cow::Owned(label))
    }
}

impl From<Cow<'_, str>> for Selector {
    fn from(label: Cow<'_, str>) -> Self {
        Self(match &*label {
            "production" => Kind::Production,
            _ => Kind::Label(label.into_owned()),
        })
    }
}

impl From<u32> for Selector {
    fn from(version: u32) -> Self {
        Self(Kind::Version(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_stable_and_has_its_share() {
        let split = |user: &str, share| Selector::split("qa", user, share, "blue".into(), 7.into());
        let count = |share| {
            let users = (0..10_000).map(|number| format!("user-{number}"));
            users.filter(|user| split(user, share) == 7.into()).count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((4_800..=5_200).contains(&count(0.5)), "{}", count(0.5));
        assert!((900..=1_100).contains(&count(0.1)), "{}", count(0.1));
        // A greater share only adds users.
        for number in 0..100 {
            let user = format!("user-{number}");
            assert!(
                split(&user, 0.1) != 7.into() || split(&user, 0.5) == 7.into(),
                "{user}"
            );
        }
        // Fixed for ever, as Python's hashlib says it: users must not change sides with a new version of this crate.
        let sides = ["anna", "ben", "cem", "emil"].map(|user| split(user, 0.5) == 7.into());
        assert_eq!(sides, [true, false, false, true]);
    }

    #[test]
    fn production_is_what_the_server_gives_anyway() {
        assert_eq!(Selector::from("production"), Selector::PRODUCTION);
        assert_ne!(Selector::from("latest"), Selector::PRODUCTION);
    }
}
