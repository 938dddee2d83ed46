//! A Langfuse project as a program names it; checked when it is built.

use std::fmt;
use std::time::Duration;

use crate::clock::ManualClock;
use crate::error::{Error, Kind};
use crate::http::{self, Tls};
use crate::langfuse::client::Langfuse;
use crate::langfuse::credentials::Credentials;
use crate::langfuse::prompt::Cache;
use crate::langfuse::settings::LangfuseSettings;
use crate::otlp::poster::Compression;
use crate::sample::SampleRate;

/// A Langfuse project: its keys and its server, said once for both uses. [`build`](Self::build) makes a client of it,
/// [`Builder::langfuse`](crate::Builder::langfuse) a destination of traces, whose client is
/// [`Pipeline::langfuse`](crate::Pipeline::langfuse).
///
/// ```
/// use tracing_llm::Langfuse;
///
/// let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1").base_url("https://langfuse.example.com");
/// // Keys are never shown.
/// assert!(!format!("{langfuse:?}").contains("sk-lf-1"));
/// ```
#[derive(Clone)]
#[must_use = "it is a description: build it, or give it to the builder of a pipeline"]
pub struct LangfuseBuilder {
    public_key: String,
    secret_key: String,
    base_url: String,
    timeout: Duration,
    headers: Vec<(String, String)>,
    pub(crate) environment: Option<String>,
    gzip: Option<bool>,
    sample_rate: Option<f64>,
    flush_at: Option<usize>,
    flush_interval: Option<Duration>,
    media: bool,
    media_at_once: usize,
    ca_certificates: Option<Vec<u8>>,
    http_client: Option<reqwest::Client>,
    prompt_ttl: Duration,
    clock: Option<ManualClock>,
    pub(crate) name: Option<String>,
    pub(crate) filter: Option<String>,
}

impl LangfuseBuilder {
    /// A project of Langfuse's own cloud in Europe.
    pub(super) fn new(public_key: String, secret_key: String) -> Self {
        Self {
            public_key,
            secret_key,
            base_url: LangfuseSettings::DEFAULT_BASE.to_owned(),
            timeout: LangfuseSettings::DEFAULT_TIMEOUT,
            headers: Vec::new(),
            environment: None,
            gzip: None,
            sample_rate: None,
            flush_at: None,
            flush_interval: None,
            media: true,
            media_at_once: LangfuseSettings::DEFAULT_MEDIA_AT_ONCE,
            ca_certificates: None,
            http_client: None,
            prompt_ttl: Cache::DEFAULT_TTL,
            clock: None,
            name: None,
            filter: None,
        }
    }

    /// Another server: its address without a path of the API.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// How long a request with traces may take, and a call of the client with all its attempts: 10 s when it is not set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A header of every request beside Langfuse's own, such as one for a gateway. Its value is never shown.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The environment of what this project is sent; that of the pipeline's builder, or none, when it is not set.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Whether bodies are compressed; when it is not set, they are unless the server is this machine. It concerns traces: the
    /// other paths of the API take no compressed bodies.
    pub fn gzip(mut self, compress: bool) -> Self {
        self.gzip = Some(compress);
        self
    }

    /// The share of all traces that this project is sent, from 0 to 1; all when it is not set. See
    /// [`Builder::sample_rate`](crate::Builder::sample_rate), of which it is a part.
    pub fn sample_rate(mut self, share: f64) -> Self {
        self.sample_rate = Some(share);
        self
    }

    /// How many observations a request has at most: 256 when it is not set. One that the server cannot convert costs its
    /// whole request.
    pub fn flush_at(mut self, observations: usize) -> Self {
        self.flush_at = Some(observations);
        self
    }

    /// How long an observation waits for others: 5 s when it is not set; zero is not at all.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = Some(interval);
        self
    }

    /// Whether [media](crate::Media), which stand in values as base64, are uploaded beside the traces and replaced by
    /// a reference. They are. Otherwise they are sent as the text that they are, and those that make a value longer than it may be
    /// have a mark in their place. Where one of several projects takes them, the others are sent the reference, too.
    pub fn upload_media(mut self, upload: bool) -> Self {
        self.media = upload;
        self
    }

    /// How many media are uploaded at once: 4 when it is not set.
    pub fn uploads_at_once(mut self, uploads: usize) -> Self {
        self.media_at_once = uploads;
        self
    }

    /// The certificates, as PEM, that sign for the server, in place of those that the system trusts: for a server of one's
    /// own. The storage of its media may have one of either.
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// The program's own HTTP client, of `reqwest` 0.13, with its certificates, proxies and redirects. Timeouts and headers are
    /// set on each request. Give it one that nothing else uses: a connection lives in the runtime that opened it, and this
    /// crate's are its own. It sends media to the server's storage, too, with whatever headers it adds by itself.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// How long a prompt in memory is fresh, unless a call says otherwise: 60 s when it is not set; zero keeps none for fresh.
    pub fn prompt_ttl(mut self, ttl: Duration) -> Self {
        self.prompt_ttl = ttl;
        self
    }

    /// The clock by which prompts in memory age, for tests.
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Its name in reports and in the ledger; `langfuse`, or `langfuse-2` for the second, when it is not set. Two destinations
    /// cannot have one name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Shows it fewer spans than it would be shown: those whose target and level the directives let pass, as those of
    /// [`Targets`](tracing_subscriber::filter::Targets) do. `"my_app=info,my_app::search=off"` shows `my_app` and
    /// nothing else; a level alone (`"info,hyper=off"`) is for all other targets. What begins below a span that is not
    /// shown stands below the nearest that is.
    ///
    /// It decides which spans there are, not which events stand in them, and shows nothing below the builder's level.
    /// Observations made by hand have the target `tracing_llm` and the level INFO.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// A client without a pipeline. It sends nothing yet: [`Langfuse::auth_check`] asks the server whether it knows the keys.
    ///
    /// # Errors
    ///
    /// A value cannot be used ([`Error::is_invalid_value`]): keys in each other's place, an address without a scheme.
    pub fn build(self) -> Result<Langfuse, Error> {
        let settings = self.settings()?;
        let client = settings.client()?;
        Langfuse::open(&settings, client)
    }

    pub(crate) fn settings(self) -> Result<LangfuseSettings, Error> {
        let credentials = Credentials::new(self.public_key, self.secret_key)?;
        let settings = LangfuseSettings::new(&self.base_url, credentials)?;
        if self.flush_at == Some(0) {
            return Err(invalid("a request of 0 observations would send nothing"));
        }
        if self.media_at_once == 0 {
            return Err(invalid(
                "0 uploads at once would upload nothing; upload_media(false) says so",
            ));
        }
        if self.http_client.is_some() && self.ca_certificates.is_some() {
            return Err(invalid("give the certificates to the HTTP client of your own"));
        }
        Ok(LangfuseSettings {
            timeout: http::timeout(self.timeout)?,
            headers: http::headers("Langfuse", self.headers)?,
            environment: self.environment,
            compression: self.gzip.map(Compression::of),
            rate: SampleRate::chosen(self.sample_rate)?,
            flush_at: self.flush_at,
            flush_interval: self.flush_interval,
            media: self.media,
            media_at_once: self.media_at_once,
            tls: Tls {
                roots: self.ca_certificates,
                ..Tls::default()
            },
            http_client: self.http_client,
            prompt_ttl: self.prompt_ttl,
            clock: self.clock,
            ..settings
        })
    }
}

impl fmt::Debug for LangfuseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LangfuseBuilder")
            .field("base_url", &http::shown(&self.base_url))
            .finish_non_exhaustive()
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::InvalidValue, message)
}
