//! What the variables of Langfuse's SDKs say.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;

use crate::env::{FromEnv, Reader, Variables};
use crate::error::{Error, Kind};
use crate::http::{BadUrl, Endpoint};
use crate::langfuse::environment::normalise;

/// Where traces go in Langfuse, and how.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LangfuseSettings {
    /// The server, without the paths of its API.
    pub(crate) base: Endpoint,
    /// Whose project it is.
    pub(crate) credentials: Credentials,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// How many observations a request has at most.
    pub(crate) flush_at: Option<usize>,
    /// How long an observation waits for others.
    pub(crate) flush_interval: Option<Duration>,
}

/// The keys of a project. They are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) public_key: String,
    secret_key: String,
}

/// What a process says of itself; it concerns every destination.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Deployment {
    /// `production`, `staging`; as written, not as Langfuse takes it.
    pub(crate) environment: Option<String>,
    /// Which build runs.
    pub(crate) release: Option<String>,
}

impl LangfuseSettings {
    /// Langfuse's own cloud, in Europe.
    pub(crate) const DEFAULT_BASE: &str = "https://cloud.langfuse.com";
    /// Twice what Langfuse's SDKs have: slow servers are the usual reason of lost traces there.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Settings for a project of the server at `base`, and the defaults for the rest.
    pub(crate) fn new(base: &str, credentials: Credentials) -> Result<Self, Error> {
        let base = base_of(base)
            .map_err(|reason| Error::new(Kind::InvalidValue, format!("the base URL of Langfuse {reason}")))?;
        Ok(Self::to(base, credentials))
    }

    /// What the variables say; `None` when they ask for no traces, or for what cannot be.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Option<Self>> {
        Reader::read(variables, settings)
    }

    /// The defaults for this server and project.
    fn to(base: Endpoint, credentials: Credentials) -> Self {
        Self {
            base,
            credentials,
            timeout: Self::DEFAULT_TIMEOUT,
            flush_at: None,
            flush_interval: None,
        }
    }
}

impl Credentials {
    /// A public key that could not stand in a header is refused here.
    pub(crate) fn new(public_key: impl Into<String>, secret_key: impl Into<String>) -> Result<Self, Error> {
        let keys = Self {
            public_key: public_key.into(),
            secret_key: secret_key.into(),
        };
        match keys.fault(["the public key", "the secret key"]) {
            Some(fault) => Err(Error::new(Kind::InvalidValue, fault)),
            None => Ok(keys),
        }
    }

    /// The value of the header `Authorization`.
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.public_key, self.secret_key);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
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
            (false, false) if bad(&self.public_key) => format!("{public} is not a key"),
            (false, false) if bad(&self.secret_key) => format!("{secret} is not a key"),
            (false, false) => return None,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Deployment {
    /// Environment and release, as they are written.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        let environment = variables.get(ENVIRONMENT);
        let mut messages = Vec::new();
        let is_lost = |name: &str| normalise(name) == "default" && !name.eq_ignore_ascii_case("default");
        if environment.as_deref().is_some_and(is_lost) {
            messages.push(format!(
                "{ENVIRONMENT} is no name of letters, digits, - and _: Langfuse shows its traces under `default`"
            ));
        }
        let release = variables.get(RELEASE);
        FromEnv {
            settings: Self { environment, release },
            messages,
        }
    }
}

const PUBLIC_KEY: &str = "LANGFUSE_PUBLIC_KEY";
const SECRET_KEY: &str = "LANGFUSE_SECRET_KEY";
/// Today's name, that of older guides, and that of older JavaScript SDKs.
const BASE: [&str; 3] = ["LANGFUSE_BASE_URL", "LANGFUSE_HOST", "LANGFUSE_BASEURL"];
const TIMEOUT: &str = "LANGFUSE_TIMEOUT";
const ENABLED: &str = "LANGFUSE_TRACING_ENABLED";
const ENVIRONMENT: &str = "LANGFUSE_TRACING_ENVIRONMENT";
const RELEASE: &str = "LANGFUSE_RELEASE";
const FLUSH_AT: &str = "LANGFUSE_FLUSH_AT";
const FLUSH_INTERVAL: &str = "LANGFUSE_FLUSH_INTERVAL";
/// How a line ends that says why there is no lane.
const NO_TRACES: &str = "no traces go to Langfuse";

/// The server's URL. Paths of the API that guides put behind it are taken off; credentials belong into the keys.
fn base_of(text: &str) -> Result<Endpoint, BadUrl> {
    let base = Endpoint::parse(text)?.bare();
    Ok(["/v1/traces", "/otel", "/api/public"]
        .into_iter()
        .fold(base, Endpoint::without_suffix))
}

fn settings(reader: &mut Reader<'_>) -> Option<LangfuseSettings> {
    if !reader.flag(ENABLED, true) {
        return None;
    }
    let credentials = credentials(reader)?;
    let mut settings = LangfuseSettings::to(base(reader)?, credentials);
    let default = LangfuseSettings::DEFAULT_TIMEOUT.as_secs().to_string();
    if let Some(timeout) = reader.seconds(TIMEOUT, &default) {
        settings.timeout = timeout;
    }
    settings.flush_at = reader.number(&[FLUSH_AT], 1, "the default");
    settings.flush_interval = reader.seconds(FLUSH_INTERVAL, "the default");
    Some(settings)
}

fn credentials(reader: &mut Reader<'_>) -> Option<Credentials> {
    let (public_key, secret_key) = match (reader.get(PUBLIC_KEY), reader.get(SECRET_KEY)) {
        (Some(public_key), Some(secret_key)) => (public_key, secret_key),
        (Some(_), None) => {
            reader.say(format!("{SECRET_KEY} is not set, {PUBLIC_KEY} is: {NO_TRACES}"));
            return None;
        }
        (None, Some(_)) => {
            reader.say(format!("{PUBLIC_KEY} is not set, {SECRET_KEY} is: {NO_TRACES}"));
            return None;
        }
        (None, None) => {
            if let Some((name, _)) = reader.first(&BASE) {
                reader.say(format!(
                    "{PUBLIC_KEY} and {SECRET_KEY} are not set, {name} is: {NO_TRACES}"
                ));
            }
            return None;
        }
    };
    let keys = Credentials {
        public_key,
        secret_key,
    };
    if let Some(fault) = keys.fault([PUBLIC_KEY, SECRET_KEY]) {
        reader.say(format!("{fault}: {NO_TRACES}"));
        return None;
    }
    Some(keys)
}

fn base(reader: &mut Reader<'_>) -> Option<Endpoint> {
    let found = reader.one_of(&BASE);
    let (name, text) = found.unwrap_or((BASE[0], LangfuseSettings::DEFAULT_BASE.to_owned()));
    base_of(&text)
        .map_err(|reason| reader.say(format!("{name} {reason}: {NO_TRACES}")))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];
    type Lines<'a> = &'a [&'a str];

    const KEYS: [(&str, &str); 2] = [(PUBLIC_KEY, "pk-lf-1"), (SECRET_KEY, "sk-lf-2")];
    const DEFAULTS: &str = "https://cloud.langfuse.com/ pk-lf-1:sk-lf-2 10s None None";

    #[test]
    fn without_keys_there_is_nothing_and_half_of_them_is_said() {
        let table: [(Pairs<'_>, Lines<'_>); 11] = [
            (&[], &[]),
            (&[(PUBLIC_KEY, " "), (SECRET_KEY, "\"\"")], &[]),
            (
                &[(PUBLIC_KEY, "pk-lf-1")],
                &["LANGFUSE_SECRET_KEY is not set, LANGFUSE_PUBLIC_KEY is: no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, ""), (SECRET_KEY, "sk-lf-2"), (BASE[0], "bad")],
                &["LANGFUSE_PUBLIC_KEY is not set, LANGFUSE_SECRET_KEY is: no traces go to Langfuse"],
            ),
            (
                &[(BASE[1], "https://langfuse.example")],
                &[
                    "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are not set, LANGFUSE_HOST is: no traces go to Langfuse",
                ],
            ),
            (
                &[(PUBLIC_KEY, "sk-lf-2"), (SECRET_KEY, "pk-lf-1")],
                &["LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are swapped: no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, "sk-lf-2"), (SECRET_KEY, "sk-lf-2")],
                &["LANGFUSE_PUBLIC_KEY holds a secret key (sk-lf-…): no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, "pk-lf-1"), (SECRET_KEY, "pk-lf-1")],
                &["LANGFUSE_SECRET_KEY holds a public key (pk-lf-…): no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, "pk-lf-1\n2"), (SECRET_KEY, "sk-lf-2")],
                &["LANGFUSE_PUBLIC_KEY is not a key: no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, "pk-lf-1"), (SECRET_KEY, "pk-lf:sk-lf-2")],
                &["LANGFUSE_SECRET_KEY is not a key: no traces go to Langfuse"],
            ),
            (&[KEYS[0], KEYS[1], (ENABLED, "False"), (BASE[0], "bad")], &[]),
        ];
        for (variables, messages) in table {
            let read = LangfuseSettings::from_env(&Variables::from_pairs(variables.iter().copied()));
            assert_eq!(read.settings, None, "{variables:?}");
            assert_eq!(read.messages, messages, "{variables:?}");
        }
    }

    #[test]
    fn with_keys_variables_become_settings_or_one_line_each() {
        let at = |base: &str| format!("{base} pk-lf-1:sk-lf-2 10s None None");
        let table: [(Pairs<'_>, Option<String>, Lines<'_>); 20] = [
            (&[], Some(DEFAULTS.into()), &[]),
            (&[(BASE[0], "")], Some(DEFAULTS.into()), &[]),
            (
                &[(BASE[0], "https://us.cloud.langfuse.com/")],
                Some(at("https://us.cloud.langfuse.com/")),
                &[],
            ),
            (&[(BASE[0], "'http://h:3000'")], Some(at("http://h:3000/")), &[]),
            (
                &[(BASE[1], "http://b"), (BASE[2], "http://c")],
                Some(at("http://b/")),
                &["LANGFUSE_HOST and LANGFUSE_BASEURL do not agree: LANGFUSE_HOST is used"],
            ),
            (
                &[(BASE[0], "http://a"), (BASE[1], "http://b")],
                Some(at("http://a/")),
                &["LANGFUSE_BASE_URL and LANGFUSE_HOST do not agree: LANGFUSE_BASE_URL is used"],
            ),
            (&[(BASE[2], "http://c")], Some(at("http://c/")), &[]),
            (&[(BASE[0], "http://h/lf/")], Some(at("http://h/lf/")), &[]),
            (
                &[(BASE[0], "http://h/api/public/otel")],
                Some(at("http://h/")),
                &[],
            ),
            (
                &[(BASE[0], "http://h/lf/api/public/otel/v1/traces/")],
                Some(at("http://h/lf")),
                &[],
            ),
            (
                &[(BASE[0], "http://h/api/public?x=1#y")],
                Some(at("http://h/")),
                &[],
            ),
            (
                &[(BASE[0], "cloud.langfuse.com")],
                None,
                &["LANGFUSE_BASE_URL has no http:// or https:// in front: no traces go to Langfuse"],
            ),
            (
                &[(BASE[1], "localhost:3000"), (TIMEOUT, "bad")],
                None,
                &["LANGFUSE_HOST has no http:// or https:// in front: no traces go to Langfuse"],
            ),
            (
                &[(BASE[2], "http://")],
                None,
                &["LANGFUSE_BASEURL is not a URL: no traces go to Langfuse"],
            ),
            (
                &[
                    (ENABLED, "TRUE"),
                    (TIMEOUT, "20"),
                    (FLUSH_AT, "64"),
                    (FLUSH_INTERVAL, "0.5"),
                ],
                Some("https://cloud.langfuse.com/ pk-lf-1:sk-lf-2 20s Some(64) Some(500ms)".into()),
                &[],
            ),
            (
                &[(ENABLED, "maybe")],
                Some(DEFAULTS.into()),
                &["LANGFUSE_TRACING_ENABLED is neither true nor false: it counts as true"],
            ),
            (
                &[(TIMEOUT, "5s")],
                Some(DEFAULTS.into()),
                &["LANGFUSE_TIMEOUT is not a number of seconds above 0: 10 is used"],
            ),
            (
                &[(TIMEOUT, "-1"), (FLUSH_INTERVAL, "0"), (FLUSH_AT, "0")],
                Some(DEFAULTS.into()),
                &[
                    "LANGFUSE_TIMEOUT is not a number of seconds above 0: 10 is used",
                    "LANGFUSE_FLUSH_AT is not a whole number above 0: the default is used",
                    "LANGFUSE_FLUSH_INTERVAL is not a number of seconds above 0: the default is used",
                ],
            ),
            (
                &[(TIMEOUT, "NaN")],
                Some(DEFAULTS.into()),
                &["LANGFUSE_TIMEOUT is not a number of seconds above 0: 10 is used"],
            ),
            (
                &[(FLUSH_AT, "1.5")],
                Some(DEFAULTS.into()),
                &["LANGFUSE_FLUSH_AT is not a whole number above 0: the default is used"],
            ),
        ];
        for (variables, settings, messages) in table {
            let pairs = KEYS.iter().chain(variables).copied();
            let read = LangfuseSettings::from_env(&Variables::from_pairs(pairs));
            assert_eq!(read.settings.as_ref().map(shown), settings, "{variables:?}");
            assert_eq!(read.messages, messages, "{variables:?}");
        }
    }

    #[test]
    fn keys_may_stand_in_quotes_and_are_never_shown() {
        let quoted = [(PUBLIC_KEY, "\"pk-lf-1\""), (SECRET_KEY, "'sk-lf-2' ")];
        let read = LangfuseSettings::from_env(&Variables::from_pairs(quoted));
        let settings = read.settings.as_ref().unwrap();
        assert_eq!(shown(settings), DEFAULTS);
        assert_eq!(settings.credentials.basic(), "Basic cGstbGYtMTpzay1sZi0y");
        let debug = format!("{read:?}");
        assert!(!debug.contains("k-lf-"), "{debug}");
    }

    #[test]
    fn bad_values_of_the_program_are_errors() {
        let keys = |public, secret| Credentials::new(public, secret).map_err(|error| error.to_string());
        assert!(keys("pk", "sk").is_ok());
        assert_eq!(
            keys("sk-lf-2", "pk-lf-1").unwrap_err(),
            "the public key and the secret key are swapped"
        );
        assert_eq!(keys("", "sk").unwrap_err(), "the public key is not a key");
        let error = LangfuseSettings::new("langfuse.example", keys("pk", "sk").unwrap()).unwrap_err();
        assert!(error.is_invalid_value());
        assert_eq!(
            error.to_string(),
            "the base URL of Langfuse has no http:// or https:// in front"
        );
    }

    #[test]
    fn environment_and_release_are_read_without_keys() {
        let read =
            |pairs: &[(&str, &str)]| Deployment::from_env(&Variables::from_pairs(pairs.iter().copied()));
        let both = read(&[(ENVIRONMENT, "Prod_eu-1"), (RELEASE, " v1.2 ")]);
        assert_eq!(both.settings.environment.as_deref(), Some("Prod_eu-1"));
        assert_eq!(both.settings.release.as_deref(), Some("v1.2"));
        assert!(both.messages.is_empty());
        assert_eq!(
            read(&[(ENVIRONMENT, "prod.eu")]).messages,
            [
                "LANGFUSE_TRACING_ENVIRONMENT is no name of letters, digits, - and _: Langfuse shows its traces under `default`"
            ]
        );
        assert!(read(&[(ENVIRONMENT, "Default")]).messages.is_empty());
        assert_eq!(read(&[]).settings, Deployment::default());
    }

    fn shown(settings: &LangfuseSettings) -> String {
        format!(
            "{} {}:{} {:?} {:?} {:?}",
            settings.base,
            settings.credentials.public_key,
            settings.credentials.secret(),
            settings.timeout,
            settings.flush_at,
            settings.flush_interval
        )
    }
}
