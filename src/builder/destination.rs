//! Destinations as a program names them; checked when the pipeline is built.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use crate::error::{Error, Kind};
use crate::langfuse::settings::{Credentials, LangfuseSettings};
use crate::otlp::poster::Compression;
use crate::otlp::settings::OtlpSettings;

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

    pub(super) fn settings(self) -> Result<LangfuseSettings, Error> {
        let credentials = Credentials::new(self.public_key, self.secret_key)?;
        let settings = LangfuseSettings::new(&self.base_url, credentials)?;
        Ok(LangfuseSettings {
            timeout: positive(self.timeout)?,
            ..settings
        })
    }
}

impl fmt::Debug for Langfuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Langfuse")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// An OTLP endpoint over HTTP/protobuf.
#[derive(Clone)]
pub struct Otlp {
    endpoint: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    gzip: bool,
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

    pub(super) fn settings(self) -> Result<OtlpSettings, Error> {
        let mut settings = OtlpSettings::new(&self.endpoint)?;
        settings.timeout = positive(self.timeout)?;
        settings.compression = if self.gzip {
            Compression::Gzip
        } else {
            Compression::None
        };
        for (name, value) in self.headers {
            let invalid = || {
                Error::new(
                    Kind::InvalidValue,
                    format!("the OTLP header {name:?} cannot be sent"),
                )
            };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| invalid())?;
            value.set_sensitive(true);
            settings.headers.append(key, value);
        }
        Ok(settings)
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn positive(timeout: Duration) -> Result<Duration, Error> {
    if timeout.is_zero() {
        return Err(Error::new(
            Kind::InvalidValue,
            "a timeout of 0 would fail every request",
        ));
    }
    Ok(timeout)
}
