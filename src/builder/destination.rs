//! Destinations as a program names them; checked when the pipeline is built.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::builder::choices::Choices;
use crate::dialect::Limits;
use crate::error::{Error, Kind};
use crate::http::{self, Endpoint, Tls};
use crate::langfuse::credentials::Credentials;
use crate::langfuse::settings::LangfuseSettings;
use crate::otlp::poster::Compression;
use crate::otlp::settings::OtlpSettings;
use crate::sample::SampleRate;

/// A Langfuse project: its keys and its server.
///
/// ```
/// use tracing_llm::Langfuse;
///
/// let langfuse = Langfuse::new("pk-lf-1", "sk-lf-1").base_url("https://langfuse.example.com");
/// // Keys are never shown.
/// assert!(!format!("{langfuse:?}").contains("sk-lf-1"));
/// ```
#[derive(Clone)]
pub struct Langfuse {
    public_key: String,
    secret_key: String,
    base_url: String,
    timeout: Duration,
    headers: Vec<(String, String)>,
    gzip: Option<bool>,
    sample_rate: Option<f64>,
    flush_at: Option<usize>,
    flush_interval: Option<Duration>,
    ca_certificates: Option<Vec<u8>>,
    pub(super) choices: Choices,
}

impl Langfuse {
    /// A project of Langfuse's own cloud in Europe.
    #[must_use]
    pub fn new(public_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            public_key: public_key.into(),
            secret_key: secret_key.into(),
            base_url: LangfuseSettings::DEFAULT_BASE.to_owned(),
            timeout: LangfuseSettings::DEFAULT_TIMEOUT,
            headers: Vec::new(),
            gzip: None,
            sample_rate: None,
            flush_at: None,
            flush_interval: None,
            ca_certificates: None,
            choices: Choices::default(),
        }
    }

    /// Another server: its address without a path of the API.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// How long one request may take: 10 s when it is not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A header of every request beside Langfuse's own, such as one for a gateway. Its value is never shown.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether bodies are compressed; when it is not set, they are unless the server is this machine.
    #[must_use]
    pub fn gzip(mut self, compress: bool) -> Self {
        self.gzip = Some(compress);
        self
    }

    /// The share of all traces that this project is sent, from 0 to 1; all when it is not set. See
    /// [`Builder::sample_rate`](crate::Builder::sample_rate), of which it is a part.
    #[must_use]
    pub fn sample_rate(mut self, share: f64) -> Self {
        self.sample_rate = Some(share);
        self
    }

    /// How many observations a request has at most: 256 when it is not set. One that the server cannot convert costs its
    /// whole request.
    #[must_use]
    pub fn flush_at(mut self, observations: usize) -> Self {
        self.flush_at = Some(observations);
        self
    }

    /// How long an observation waits for others: 5 s when it is not set; zero is not at all.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = Some(interval);
        self
    }

    /// The certificates, as PEM, that sign for the server, in place of those that the system trusts: for a server of one's
    /// own.
    #[must_use]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// Its name in reports and in the ledger; `langfuse`, or `langfuse-2` for the second, when it is not set. Two destinations
    /// cannot have one name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.choices.name = Some(name.into());
        self
    }

    /// Shows it fewer spans than it would be shown: those whose target and level the directives let pass, as those of
    /// [`Targets`](tracing_subscriber::filter::Targets) do. `"my_app=info,my_app::search=off"` shows `my_app` and
    /// nothing else; a level alone (`"info,hyper=off"`) is for all other targets. What begins below a span that is not
    /// shown stands below the nearest that is.
    ///
    /// It decides which spans there are, not which events stand in them, and shows nothing below the builder's level.
    /// Observations made by hand have the target `tracing_llm` and the level INFO.
    #[must_use]
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.choices.filter = Some(directives.into());
        self
    }

    pub(super) fn settings(self) -> Result<LangfuseSettings, Error> {
        let credentials = Credentials::new(self.public_key, self.secret_key)?;
        let settings = LangfuseSettings::new(&self.base_url, credentials)?;
        if self.flush_at == Some(0) {
            return Err(invalid("a request of 0 observations would send nothing"));
        }
        Ok(LangfuseSettings {
            timeout: positive(self.timeout)?,
            headers: headers("Langfuse", self.headers)?,
            compression: self.gzip.map(compression),
            rate: SampleRate::chosen(self.sample_rate)?,
            flush_at: self.flush_at,
            flush_interval: self.flush_interval,
            tls: Tls {
                roots: self.ca_certificates,
                identity: None,
            },
            ..settings
        })
    }
}

impl fmt::Debug for Langfuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Langfuse")
            .field("base_url", &shown(&self.base_url))
            .finish_non_exhaustive()
    }
}

/// An OTLP endpoint: over HTTP/protobuf, or over gRPC.
#[derive(Clone)]
pub struct Otlp {
    endpoint: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    gzip: bool,
    limits: Limits,
    sample_rate: Option<f64>,
    ca_certificates: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    #[cfg(feature = "grpc")]
    grpc: bool,
    pub(super) choices: Choices,
}

impl Otlp {
    /// An endpoint with its path, usually `…:4318/v1/traces`.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            timeout: OtlpSettings::DEFAULT_TIMEOUT,
            gzip: false,
            limits: Limits::default(),
            sample_rate: None,
            ca_certificates: None,
            identity: None,
            #[cfg(feature = "grpc")]
            grpc: false,
            choices: Choices::default(),
        }
    }

    /// An endpoint that speaks gRPC, without a path, usually `…:4317`: feature `grpc`. A user and a password in it are not
    /// sent: give a header. The exporter of
    /// `opentelemetry-otlp` sends. It compresses nothing, so [`gzip`](Self::gzip) is an error; and of a partial success it
    /// does not tell, so what that refused counts as sent.
    #[cfg(feature = "grpc")]
    #[must_use]
    pub fn grpc(endpoint: impl Into<String>) -> Self {
        Self {
            grpc: true,
            ..Self::new(endpoint)
        }
    }

    /// A header of every request, such as a vendor's key. Its value is never shown.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// How long one request may take: 10 s when it is not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Compresses bodies. It costs about as much CPU as all else together, so it is off.
    #[must_use]
    pub fn gzip(mut self, compress: bool) -> Self {
        self.gzip = compress;
        self
    }

    /// How many attributes of a span are sent, and of an event; all when it is not set. How many are left out stands in
    /// `dropped_attributes_count`.
    #[must_use]
    pub fn attribute_count_limit(mut self, count: usize) -> Self {
        self.limits.count = Some(count);
        self
    }

    /// How many characters of a text are sent as the value of an attribute; all when it is not set. JSON that is cut is none
    /// any more.
    #[must_use]
    pub fn attribute_value_length_limit(mut self, characters: usize) -> Self {
        self.limits.length = Some(characters);
        self
    }

    /// The share of all traces that this endpoint is sent, from 0 to 1; all when it is not set. See
    /// [`Builder::sample_rate`](crate::Builder::sample_rate), of which it is a part.
    #[must_use]
    pub fn sample_rate(mut self, share: f64) -> Self {
        self.sample_rate = Some(share);
        self
    }

    /// The certificates, as PEM, that sign for the endpoint, in place of those that the system trusts.
    #[must_use]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// The certificate and its key, both as PEM, that this program shows to an endpoint which asks for them. The key is
    /// never shown.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Its name in reports and in the ledger; `otlp`, or `otlp-2` for the second, when it is not set. Two destinations
    /// cannot have one name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.choices.name = Some(name.into());
        self
    }

    /// Shows it fewer spans: see [`Langfuse::filter`].
    #[must_use]
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.choices.filter = Some(directives.into());
        self
    }

    pub(super) fn settings(self) -> Result<OtlpSettings, Error> {
        let mut settings = OtlpSettings::new(&self.endpoint)?;
        settings.timeout = positive(self.timeout)?;
        settings.headers = headers("OTLP", self.headers)?;
        settings.limits = self.limits;
        settings.rate = SampleRate::chosen(self.sample_rate)?;
        settings.tls = Tls {
            roots: self.ca_certificates,
            identity: self.identity,
        };
        settings.compression = compression(self.gzip);
        #[cfg(feature = "grpc")]
        if self.grpc {
            if self.gzip {
                return Err(invalid(
                    "gzip over gRPC is not done: leave it out, or send over HTTP",
                ));
            }
            settings.grpc = true;
        }
        Ok(settings)
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &shown(&self.endpoint))
            .finish_non_exhaustive()
    }
}

/// A URL without what is secret in it; nothing of a text that is none.
fn shown(url: &str) -> Option<Endpoint> {
    Endpoint::parse(url).ok()
}

/// Headers of a destination, which is called so.
fn headers(whose: &str, pairs: Vec<(String, String)>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let unfit = || invalid(format!("the {whose} header {name:?} cannot be sent"));
        let (name, value) = http::header(&name, &value).ok_or_else(unfit)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn compression(gzip: bool) -> Compression {
    if gzip {
        Compression::Gzip
    } else {
        Compression::None
    }
}

fn positive(timeout: Duration) -> Result<Duration, Error> {
    if timeout.is_zero() {
        return Err(invalid("a timeout of 0 would fail every request"));
    }
    Ok(timeout)
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::InvalidValue, message)
}
