//! The keys of a project.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::error::{Error, Kind};

/// The keys of a project. They are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) public_key: String,
    secret_key: String,
}

impl Credentials {
    /// A public key that could not stand in a header is refused here.
    pub(crate) fn new(public_key: impl Into<String>, secret_key: impl Into<String>) -> Result<Self, Error> {
        Self::called(["the public key", "the secret key"], public_key, secret_key)
            .map_err(|fault| Error::new(Kind::InvalidValue, fault))
    }

    /// The same of keys that are called so, with what is wrong with them.
    pub(crate) fn called(
        names: [&str; 2],
        public_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Result<Self, String> {
        let keys = Self {
            public_key: public_key.into(),
            secret_key: secret_key.into(),
        };
        match keys.fault(names) {
            Some(fault) => Err(fault),
            None => Ok(keys),
        }
    }

    /// The value of the header `Authorization`.
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.public_key, self.secret_key);
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// The headers that say to Langfuse whose request it is.
    pub(crate) fn headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        let mut set = |name, value: &str| {
            // Keys are checked when they are given, so this does not fail.
            let mut value = HeaderValue::from_str(value).map_err(|error| {
                Error::new(Kind::InvalidValue, "a key of Langfuse is not a key").because(error)
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok(())
        };
        set(AUTHORIZATION.as_str(), &self.basic())?;
        // The server stores both with every row, where one can filter by them. The crate's name, and not `rust` as
        // Langfuse's own SDKs say `python`: it tells who wrote the row, and takes no name that Langfuse may want to use
        // and to read rules from.
        set("x-langfuse-sdk-name", env!("CARGO_PKG_NAME"))?;
        set("x-langfuse-sdk-version", env!("CARGO_PKG_VERSION"))?;
        set("x-langfuse-public-key", &self.public_key)?;
        Ok(headers)
    }

    /// The keys in a value of the header `Authorization`, where people who send OTLP to Langfuse put them.
    pub(crate) fn from_basic(header: &str) -> Option<Self> {
        let (scheme, encoded) = header.split_once(' ')?;
        let pair = STANDARD.decode(encoded.trim()).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (public_key, secret_key) = pair.split_once(':')?;
        let keys = Self::new(public_key, secret_key).ok();
        keys.filter(|_| scheme.eq_ignore_ascii_case("basic"))
    }

    /// What no message may repeat. The public key is none of it: the server shows it to whoever may read a trace.
    pub(crate) fn secret(&self) -> &str {
        &self.secret_key
    }

    /// What is wrong with the keys, which are called so. A server's operator may choose keys without the prefixes, so
    /// only the prefix of the other one is wrong.
    fn fault(&self, [public, secret]: [&str; 2]) -> Option<String> {
        let public_is_secret = self.public_key.starts_with("sk-lf-");
        let secret_is_public = self.secret_key.starts_with("pk-lf-");
        let bad =
            |key: &str| key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        Some(match (public_is_secret, secret_is_public) {
            (true, true) => format!("{public} and {secret} are swapped"),
            (true, false) => format!("{public} holds a secret key (sk-lf-…)"),
            (false, true) => format!("{secret} holds a public key (pk-lf-…)"),
            (false, false) if bad(&self.public_key) => format!("{public} is not a key (a placeholder?)"),
            (false, false) if bad(&self.secret_key) => format!("{secret} is not a key (a placeholder?)"),
            (false, false) => return None,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_wrong_place_is_an_error() {
        let keys = |public, secret| Credentials::new(public, secret).map_err(|error| error.to_string());
        assert!(keys("pk", "sk").is_ok());
        assert_eq!(
            keys("sk-lf-2", "pk-lf-1").unwrap_err(),
            "the public key and the secret key are swapped"
        );
        assert_eq!(
            keys("", "sk").unwrap_err(),
            "the public key is not a key (a placeholder?)"
        );
    }

    #[test]
    fn keys_are_read_out_of_the_header_they_are_written_in() {
        let keys = Credentials::new("pk-lf-1", "sk-lf-2").unwrap();
        assert_eq!(keys.basic(), "Basic cGstbGYtMTpzay1sZi0y");
        assert_eq!(Credentials::from_basic(&keys.basic()), Some(keys));
        for other in [
            "Bearer cGstbGYtMTpzay1sZi0y",
            "Basic cGstbGYtMQ==",
            "Basic ?",
            "Basic",
            "",
        ] {
            assert_eq!(Credentials::from_basic(other), None, "{other}");
        }
    }
}
