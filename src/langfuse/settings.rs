//! What the variables of Langfuse's SDKs say.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};

use crate::clock::ManualClock;
use crate::env::{FromEnv, Reader, Variables};
use crate::error::{Error, Kind};
use crate::http::{BadUrl, Client, Endpoint, Tls};
use crate::langfuse::credentials::Credentials;
use crate::langfuse::deployment::Deployment;
use crate::langfuse::prompt::Cache;
use crate::otlp::{self, poster::Compression};
use crate::sample::SampleRate;

/// Where traces go in Langfuse, and how.
#[derive(Clone, Debug)]
pub(crate) struct LangfuseSettings {
    /// The server, without the paths of its API.
    pub(crate) base: Endpoint,
    /// Whose project it is.
    pub(crate) credentials: Credentials,
    /// Where it takes traces, behind the base.
    pub(crate) path: String,
    /// Sent with every request beside Langfuse's own; never shown.
    pub(crate) headers: HeaderMap,
    /// Whose certificates are trusted.
    pub(crate) tls: Tls,
    /// What connects, when the program has its own.
    pub(crate) http_client: Option<reqwest::Client>,
    /// The environment of this project alone.
    pub(crate) environment: Option<String>,
    /// How long a prompt in memory is fresh.
    pub(crate) prompt_ttl: Duration,
    /// The clock by which prompts age, if it is a test's.
    pub(crate) clock: Option<ManualClock>,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// Whether bodies are packed; when nothing is said, unless the server is this machine.
    pub(crate) compression: Option<Compression>,
    /// Which traces it is sent.
    pub(crate) rate: SampleRate,
    /// How many observations a request has at most.
    pub(crate) flush_at: Option<usize>,
    /// How many bytes a request has, before it is packed.
    pub(crate) batch_bytes: Option<usize>,
    /// How long an observation waits for others.
    pub(crate) flush_interval: Option<Duration>,
    /// Whether media are uploaded.
    pub(crate) media: bool,
    /// So many at once.
    pub(crate) media_at_once: usize,
}

impl LangfuseSettings {
    /// Langfuse's own cloud, in Europe.
    pub(crate) const DEFAULT_BASE: &str = "https://cloud.langfuse.com";
    /// Where a server takes OTLP.
    pub(crate) const PATH: &str = "api/public/otel/v1/traces";
    /// Twice what Langfuse's SDKs have: slow servers are the usual reason of lost traces there.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// Pictures of one conversation go out beside each other, and leave room for the traces.
    pub(crate) const DEFAULT_MEDIA_AT_ONCE: usize = 4;

    /// Settings for a project of the server at `base`, and the defaults for the rest.
    pub(crate) fn new(base: &str, credentials: Credentials) -> Result<Self, Error> {
        let base = base_of(base)
            .map_err(|reason| Error::new(Kind::InvalidValue, format!("the base URL of Langfuse {reason}")))?;
        Ok(Self::to(base, credentials))
    }

    /// The server that an OTLP endpoint belongs to, if it is Langfuse's.
    pub(crate) fn server_behind(endpoint: &Endpoint) -> Option<Endpoint> {
        let base = strip(endpoint.clone().bare(), &OTLP_PATHS);
        let server = base.clone().without_suffix(API);
        (server != base || endpoint.host().ends_with(CLOUD)).then_some(server)
    }

    /// The project of a server that the headers of OTLP have keys of, served as the variables say; `None` when they have
    /// none. The other headers go along.
    pub(crate) fn behind_otlp(
        server: Endpoint,
        mut headers: HeaderMap,
        variables: &Variables,
    ) -> FromEnv<Option<Self>> {
        Reader::read(variables, |reader| {
            let keys = headers.remove(AUTHORIZATION)?;
            let credentials = Credentials::from_basic(keys.to_str().ok()?)?;
            let project = Self {
                headers,
                ..Self::to(server, credentials)
            };
            Some(project.served(reader))
        })
    }

    /// Whether it is the same project of the same server.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.base == other.base && self.credentials.public_key == other.credentials.public_key
    }

    /// Whether some variable asks for Langfuse, or against it.
    pub(crate) fn is_spoken_of(variables: &Variables) -> bool {
        let names = [&[PUBLIC_KEY, SECRET_KEY, ENABLED][..], &BASE].concat();
        variables.first(&names).is_some()
    }

    /// Whether the variables leave it open; a word that is neither is said by [`from_env`](Self::from_env).
    pub(crate) fn is_enabled(variables: &Variables) -> bool {
        Reader::read(variables, |reader| reader.flag(ENABLED, true)).settings
    }

    /// What the variables say; `None` when they ask for no traces, or for what cannot be.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Option<Self>> {
        Reader::read(variables, |reader| {
            if !reader.flag(ENABLED, true) {
                return None;
            }
            let project = project(reader);
            project.unwrap_or_else(|fault| {
                reader.say(format!("{fault}: {NO_TRACES}"));
                None
            })
        })
    }

    /// The project that the variables name, for a client without a pipeline: it can be asked whether traces are sent or not.
    pub(crate) fn for_client(variables: &Variables) -> FromEnv<Result<Self, Error>> {
        let mut read = Reader::read(variables, |reader| {
            let project = project(reader).and_then(|project| {
                project.ok_or_else(|| format!("{PUBLIC_KEY} and {SECRET_KEY} are not set"))
            });
            project.map_err(|fault| Error::new(Kind::InvalidValue, fault))
        });
        if let Ok(project) = &mut read.settings {
            let deployment = Deployment::from_env(variables);
            project.environment = deployment.settings.environment;
            read.messages.extend(deployment.messages);
        }
        read
    }

    /// What sends to it.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        match &self.http_client {
            Some(client) => Ok(Client::of(client.clone(), self.timeout)),
            None => Client::new(&self.base, self.timeout, &self.tls),
        }
    }

    /// The same, served as the variables say.
    fn served(mut self, reader: &mut Reader<'_>) -> Self {
        let default = Self::DEFAULT_TIMEOUT.as_secs().to_string();
        self.timeout = reader.seconds(TIMEOUT, &default).unwrap_or(self.timeout);
        self.prompt_ttl = prompt_ttl(reader).unwrap_or(self.prompt_ttl);
        if let Some(path) = reader.get(PATH) {
            self.path = path.trim_start_matches('/').to_owned();
        }
        self.compression = compression(reader);
        self.rate = SampleRate::read(reader, SAMPLE_RATE).unwrap_or(self.rate);
        self.batch_bytes = reader.number(&[BATCH_BYTES], 1, "the default");
        self.flush_at = reader.number(&[FLUSH_AT], 1, "the default");
        self.flush_interval = reader.seconds(FLUSH_INTERVAL, "the default");
        self.media = reader.flag(MEDIA, self.media);
        let at_once = reader.number(&[MEDIA_AT_ONCE], 1, "the default");
        self.media_at_once = at_once.unwrap_or(self.media_at_once);
        self
    }

    /// The defaults for this server and project.
    fn to(base: Endpoint, credentials: Credentials) -> Self {
        Self {
            base,
            credentials,
            path: Self::PATH.to_owned(),
            headers: HeaderMap::new(),
            tls: Tls::default(),
            http_client: None,
            environment: None,
            prompt_ttl: Cache::DEFAULT_TTL,
            clock: None,
            timeout: Self::DEFAULT_TIMEOUT,
            compression: None,
            rate: SampleRate::ALL,
            flush_at: None,
            batch_bytes: None,
            flush_interval: None,
            media: true,
            media_at_once: Self::DEFAULT_MEDIA_AT_ONCE,
        }
    }
}

const PUBLIC_KEY: &str = "LANGFUSE_PUBLIC_KEY";
const SECRET_KEY: &str = "LANGFUSE_SECRET_KEY";
/// Today's name, that of older guides, and that of older JavaScript SDKs.
const BASE: [&str; 3] = ["LANGFUSE_BASE_URL", "LANGFUSE_HOST", "LANGFUSE_BASEURL"];
const TIMEOUT: &str = "LANGFUSE_TIMEOUT";
const PROMPT_TTL: &str = "LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS";
const ENABLED: &str = "LANGFUSE_TRACING_ENABLED";
const SAMPLE_RATE: &str = "LANGFUSE_SAMPLE_RATE";
const PATH: &str = "LANGFUSE_OTEL_TRACES_EXPORT_PATH";
const COMPRESSION: &str = "LANGFUSE_OTEL_COMPRESSION";
const BATCH_BYTES: &str = "LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES";
const FLUSH_AT: &str = "LANGFUSE_FLUSH_AT";
const FLUSH_INTERVAL: &str = "LANGFUSE_FLUSH_INTERVAL";
const MEDIA: &str = "LANGFUSE_MEDIA_UPLOAD_ENABLED";
const MEDIA_AT_ONCE: &str = "LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT";
/// How a line ends that says why there is no lane.
const NO_TRACES: &str = "no traces go to Langfuse";

/// The server's URL. Paths of the API that guides put behind it are taken off; credentials belong into the keys.
fn base_of(text: &str) -> Result<Endpoint, BadUrl> {
    let base = Endpoint::parse(text)?.bare();
    Ok(strip(base, &OTLP_PATHS).without_suffix(API))
}

fn strip(base: Endpoint, suffixes: &[&str]) -> Endpoint {
    suffixes
        .iter()
        .fold(base, |base, suffix| base.without_suffix(suffix))
}

/// What stands behind the API's own path where OTLP is sent to.
const OTLP_PATHS: [&str; 2] = ["/v1/traces", "/otel"];
/// What stands behind the base of a server.
const API: &str = "/api/public";
/// Langfuse's own servers, each region with a word in front.
const CLOUD: &str = "cloud.langfuse.com";

/// The project with its server; `None` when no variable speaks of one. The fault names the variables.
fn project(reader: &mut Reader<'_>) -> Result<Option<LangfuseSettings>, String> {
    let Some(credentials) = credentials(reader)? else {
        return Ok(None);
    };
    let base = base(reader)?;
    Ok(Some(LangfuseSettings::to(base, credentials).served(reader)))
}

/// Seconds, of which 0 keeps nothing for fresh.
fn prompt_ttl(reader: &mut Reader<'_>) -> Option<Duration> {
    let seconds = reader.get(PROMPT_TTL)?.parse().ok();
    let ttl = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if ttl.is_none() {
        let usual = Cache::DEFAULT_TTL.as_secs();
        reader.say(format!(
            "{PROMPT_TTL} is not a number of seconds: {usual} is used"
        ));
    }
    ttl
}

/// Langfuse's own variable, or those of OTLP. A word that is none leaves what is usual.
fn compression(reader: &mut Reader<'_>) -> Option<Compression> {
    let (name, word) = reader
        .first(&[COMPRESSION])
        .or_else(|| reader.first(&otlp::settings::COMPRESSION))?;
    let compression = Compression::parse(&word);
    if compression.is_none() {
        reader.say(format!("{name} is neither gzip nor none: the default is used"));
    }
    compression
}

fn credentials(reader: &Reader<'_>) -> Result<Option<Credentials>, String> {
    match (reader.get(PUBLIC_KEY), reader.get(SECRET_KEY)) {
        (Some(public_key), Some(secret_key)) => {
            Credentials::called([PUBLIC_KEY, SECRET_KEY], public_key, secret_key).map(Some)
        }
        (Some(_), None) => Err(format!("{SECRET_KEY} is not set, {PUBLIC_KEY} is")),
        (None, Some(_)) => Err(format!("{PUBLIC_KEY} is not set, {SECRET_KEY} is")),
        (None, None) => match reader.first(&BASE) {
            Some((name, _)) => Err(format!("{PUBLIC_KEY} and {SECRET_KEY} are not set, {name} is")),
            None => Ok(None),
        },
    }
}

fn base(reader: &mut Reader<'_>) -> Result<Endpoint, String> {
    let found = reader.one_of(&BASE);
    let (name, text) = found.unwrap_or((BASE[0], LangfuseSettings::DEFAULT_BASE.to_owned()));
    base_of(&text).map_err(|reason| format!("{name} {reason}"))
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
                &["LANGFUSE_PUBLIC_KEY is not a key (a placeholder?): no traces go to Langfuse"],
            ),
            (
                &[(PUBLIC_KEY, "pk-lf-1"), (SECRET_KEY, "pk-lf:sk-lf-2")],
                &["LANGFUSE_SECRET_KEY is not a key (a placeholder?): no traces go to Langfuse"],
            ),
            (&[KEYS[0], KEYS[1], (ENABLED, "False"), (BASE[0], "bad")], &[]),
        ];
        for (variables, messages) in table {
            let read = LangfuseSettings::from_env(&Variables::from_pairs(variables.iter().copied()));
            assert!(read.settings.is_none(), "{variables:?}");
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
    fn how_bodies_are_sent_is_read_from_langfuses_variables_first() {
        let read = |variables: Pairs<'_>| {
            let pairs = KEYS.iter().chain(variables).copied();
            let read = LangfuseSettings::from_env(&Variables::from_pairs(pairs));
            let LangfuseSettings {
                path,
                compression,
                rate,
                batch_bytes,
                ..
            } = read.settings.unwrap();
            (
                format!("{path} {compression:?} {rate:?} {batch_bytes:?}"),
                read.messages,
            )
        };
        let path = LangfuseSettings::PATH;
        let all = SampleRate::ALL;
        assert_eq!(read(&[]).0, format!("{path} None {all:?} None"));
        let (said, messages) = read(&[
            (PATH, "/gateway/traces"),
            (COMPRESSION, "none"),
            (otlp::settings::COMPRESSION[1], "gzip"),
            (SAMPLE_RATE, "0"),
            (BATCH_BYTES, "1000"),
        ]);
        assert_eq!(said, "gateway/traces Some(None) SampleRate(0) Some(1000)");
        assert!(messages.is_empty());
        assert!(
            read(&[(otlp::settings::COMPRESSION[1], "gzip")])
                .0
                .contains("Some(Gzip)")
        );
        let (said, messages) = read(&[(COMPRESSION, "zstd"), (BATCH_BYTES, "4 MB")]);
        assert_eq!(said, format!("{path} None {all:?} None"));
        assert_eq!(
            messages,
            [
                "LANGFUSE_OTEL_COMPRESSION is neither gzip nor none: the default is used",
                "LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES is not a whole number above 0: the default is used"
            ]
        );
    }

    #[test]
    fn media_are_uploaded_unless_the_variables_say_no() {
        let read = |variables: Pairs<'_>| {
            let pairs = KEYS.iter().chain(variables).copied();
            let read = LangfuseSettings::from_env(&Variables::from_pairs(pairs));
            let settings = read.settings.unwrap();
            ((settings.media, settings.media_at_once), read.messages)
        };
        assert_eq!(read(&[]), ((true, 4), vec![]));
        assert_eq!(
            read(&[(MEDIA, "false"), (MEDIA_AT_ONCE, "1")]),
            ((false, 1), vec![])
        );
        assert_eq!(read(&[(MEDIA, "0")]).0, (false, 4));
        assert_eq!(
            read(&[(MEDIA, "maybe"), (MEDIA_AT_ONCE, "0")]),
            (
                (true, 4),
                vec![
                    "LANGFUSE_MEDIA_UPLOAD_ENABLED is neither true nor false: it counts as true".to_owned(),
                    "LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT is not a whole number above 0: the default is used"
                        .to_owned(),
                ]
            )
        );
    }

    #[test]
    fn a_client_needs_keys_and_is_there_without_traces() {
        let read = |pairs: Pairs<'_>| {
            let read = LangfuseSettings::for_client(&Variables::from_pairs(pairs.iter().copied()));
            let ttl = |settings: LangfuseSettings| (settings.prompt_ttl.as_millis(), settings.environment);
            (
                read.settings.map(ttl).map_err(|error| error.to_string()),
                read.messages,
            )
        };
        let [public, secret] = KEYS;
        assert_eq!(
            read(&[]).0.unwrap_err(),
            "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are not set"
        );
        assert_eq!(
            read(&[public]).0.unwrap_err(),
            "LANGFUSE_SECRET_KEY is not set, LANGFUSE_PUBLIC_KEY is"
        );
        assert_eq!(
            read(&[public, secret, (BASE[1], "h:3000")]).0.unwrap_err(),
            "LANGFUSE_HOST has no http:// or https:// in front"
        );
        let none = (Ok((60_000, None)), vec![]);
        assert_eq!(read(&[public, secret, (ENABLED, "false")]), none);
        let environment = ("LANGFUSE_TRACING_ENVIRONMENT", "staging");
        assert_eq!(
            read(&[public, secret, environment, (PROMPT_TTL, "0.5")]),
            (Ok((500, Some("staging".to_owned()))), vec![])
        );
        assert_eq!(
            read(&[public, secret, (PROMPT_TTL, "0")]),
            (Ok((0, None)), vec![])
        );
        for bad in ["-1", "soon", "NaN"] {
            let line = "LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS is not a number of seconds: 60 is used";
            assert_eq!(
                read(&[public, secret, (PROMPT_TTL, bad)]),
                (none.0.clone(), vec![line.to_owned()])
            );
        }
    }

    #[test]
    fn otlp_that_goes_to_langfuse_is_known() {
        let behind = |url: &str, header: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("x-gateway", "abc".parse().unwrap());
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, header.parse().unwrap());
            }
            let server = LangfuseSettings::server_behind(&Endpoint::parse(url).unwrap())?;
            let variables = Variables::from_pairs([(FLUSH_AT, "64")]);
            let found = LangfuseSettings::behind_otlp(server, headers, &variables).settings;
            Some(found.map(|settings| {
                assert_eq!(settings.headers.len(), 1, "the gateway's");
                shown(&settings)
            }))
        };
        let basic = Some("Basic cGstbGYtMTpzay1sZi0y");
        let cloud = "https://cloud.langfuse.com/ pk-lf-1:sk-lf-2 10s Some(64) None";
        for url in [
            "https://cloud.langfuse.com/api/public/otel/v1/traces",
            "https://cloud.langfuse.com/v1/traces",
        ] {
            assert_eq!(behind(url, basic), Some(Some(cloud.into())));
        }
        let own = behind("http://h:3000/lf/api/public/otel/v1/traces", basic);
        assert_eq!(
            own.flatten().as_deref(),
            Some("http://h:3000/lf pk-lf-1:sk-lf-2 10s Some(64) None")
        );
        for header in [Some("Bearer x"), None] {
            assert_eq!(behind("http://h/api/public/otel/v1/traces", header), Some(None));
        }
        for other in [
            "http://h:4318/v1/traces",
            "https://h/otel/v1/traces",
            "https://h/api/v1/traces",
        ] {
            assert_eq!(behind(other, basic), None, "{other}");
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
        let keys = Credentials::new("pk", "sk").unwrap();
        let error = LangfuseSettings::new("langfuse.example", keys).unwrap_err();
        assert!(error.is_invalid_value());
        assert_eq!(
            error.to_string(),
            "the base URL of Langfuse has no http:// or https:// in front"
        );
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
