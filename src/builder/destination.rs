//! OTLP endpoints as a program names them; checked when the pipeline is built.

use std::fmt;
use std::time::Duration;

use crate::builder::choices::Choices;
use crate::dialect::Limits;
use crate::error::Error;
#[cfg(feature = "grpc")]
use crate::error::Kind;
use crate::http::{self, Tls};
use crate::otlp::poster::Compression;
use crate::otlp::settings::OtlpSettings;
use crate::sample::SampleRate;

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

    /// Shows it fewer spans: see [`LangfuseBuilder::filter`](crate::LangfuseBuilder::filter).
    #[must_use]
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.choices.filter = Some(directives.into());
        self
    }

    pub(super) fn settings(self) -> Result<OtlpSettings, Error> {
        let mut settings = OtlpSettings::new(&self.endpoint)?;
        settings.timeout = http::timeout(self.timeout)?;
        settings.headers = http::headers("OTLP", self.headers)?;
        settings.limits = self.limits;
        settings.rate = SampleRate::chosen(self.sample_rate)?;
        settings.tls = Tls {
            roots: self.ca_certificates,
            identity: self.identity,
            ..Tls::default()
        };
        settings.compression = Compression::of(self.gzip);
        #[cfg(feature = "grpc")]
        if self.grpc {
            if self.gzip {
                return Err(Error::new(Kind::InvalidValue, GZIP_OVER_GRPC));
            }
            settings.grpc = true;
        }
        Ok(settings)
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &http::shown(&self.endpoint))
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "grpc")]
const GZIP_OVER_GRPC: &str = "gzip over gRPC is not done: leave it out, or send over HTTP";
