//! OTLP over gRPC, by the exporter of `opentelemetry-otlp`: feature `grpc`.
//!
//! That crate does not compress without another feature, and keeps what a partial success refused to itself: it counts as
//! sent.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{RetryPolicy, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use reqwest::header::HeaderMap;
use tonic::Request;
use tonic::metadata::MetadataMap;

use super::exporter::Failure;
use crate::export::ExportError;
use crate::http::{Endpoint, Tls, one_line};

/// Sends to one endpoint. The connection is made at the first export, since it belongs to the runtime it is made in.
pub(crate) struct GrpcExporter {
    endpoint: Endpoint,
    headers: HeaderMap,
    timeout: Duration,
    tls: Tls,
    resource: Resource,
    connection: OnceLock<opentelemetry_otlp::SpanExporter>,
}

impl GrpcExporter {
    /// An exporter to this endpoint, with these headers and no others.
    pub(crate) fn new(endpoint: Endpoint, headers: HeaderMap, timeout: Duration, tls: Tls) -> Self {
        Self {
            // What HTTP needs and gRPC has in its own way.
            endpoint: endpoint.bare().without_suffix("/v1/traces"),
            headers,
            timeout,
            tls,
            resource: Resource::builder_empty().build(),
            connection: OnceLock::new(),
        }
    }

    fn connect(&self) -> Result<opentelemetry_otlp::SpanExporter, String> {
        let headers = MetadataMap::from_headers(self.headers.clone());
        let mut builder = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(self.endpoint.url().as_str())
            .with_timeout(self.timeout)
            // The lane tries again.
            .with_retry_policy(RetryPolicy::disabled())
            // The crate reads headers from the environment by itself, where those of another destination may stand.
            .with_interceptor(move |mut request: Request<()>| {
                *request.metadata_mut() = headers.clone();
                Ok(request)
            });
        if self.endpoint.is_https() {
            builder = builder.with_tls_config(self.tls_config());
        }
        let mut exporter = builder.build().map_err(|error| error.to_string())?;
        exporter.set_resource(&self.resource);
        Ok(exporter)
    }

    fn tls_config(&self) -> ClientTlsConfig {
        let config = match &self.tls.roots {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        match &self.tls.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

impl SpanExporter for GrpcExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = match self.connection.get() {
            Some(exporter) => exporter,
            // One that could not be made is made again.
            None => {
                let exporter = self.connect().map_err(OTelSdkError::InternalFailure)?;
                self.connection.get_or_init(|| exporter)
            }
        };
        exporter.export(batch).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

impl fmt::Debug for GrpcExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcExporter")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What a failure means: by the code of gRPC, which the crate says in its text alone.
///
/// Source: OTLP specification 1.8, "Failures" of OTLP/gRPC.
pub(crate) fn judge(error: &OTelSdkError) -> Failure {
    let text = error.to_string();
    let (said, code) = match text.split_once(CODE) {
        Some((_, said)) => (said, said.split(':').next().unwrap_or_default()),
        None => (text.as_str(), ""),
    };
    // What tonic says of the connection follows the code; what a server says does not.
    let is_of_the_connection = said.len() > code.len();
    let message = one_line(&format!("gRPC {said}"));
    Failure::Certain(match code {
        "Unavailable" | "Aborted" | "OutOfRange" | "DataLoss" => ExportError::retry(message),
        "Cancelled" | "DeadlineExceeded" => ExportError::retry(message).ambiguous(),
        "Unknown" | "Internal" if is_of_the_connection => ExportError::retry(message).ambiguous(),
        // Too much at once or too large, and the crate does not say which.
        "ResourceExhausted" => return Failure::Doubtful(ExportError::too_large(message)),
        _ => ExportError::reject(message),
    })
}

/// What stands before the code.
const CODE: &str = "gRPC code: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_code_means() {
        let table = [
            ("Unavailable", "again"),
            ("Unavailable: transport error: tcp connect error", "again"),
            ("Aborted", "again"),
            ("OutOfRange", "again"),
            ("DataLoss", "again"),
            ("Cancelled: Timeout expired", "again, perhaps twice"),
            ("DeadlineExceeded", "again, perhaps twice"),
            ("Unknown: transport error: broken pipe", "again, perhaps twice"),
            ("Internal: h2 protocol error", "again, perhaps twice"),
            ("ResourceExhausted", "too large, perhaps"),
            ("Unknown", "never"),
            ("Internal", "never"),
            ("InvalidArgument", "never"),
            ("NotFound", "never"),
            ("PermissionDenied", "never"),
            ("Unauthenticated", "never"),
            ("Unimplemented", "never"),
        ];
        for (said, meaning) in table {
            let text = format!("TonicTracesClient export failed with gRPC code: {said}");
            let found = match judge(&OTelSdkError::InternalFailure(text)) {
                Failure::Doubtful(error) => {
                    assert_eq!(error.verdict(), crate::export::Verdict::Split);
                    "too large, perhaps"
                }
                Failure::Certain(error) => {
                    assert_eq!(error.to_string(), format!("gRPC {said}"));
                    match (error.is_retryable(), error.is_ambiguous()) {
                        (true, true) => "again, perhaps twice",
                        (true, false) => "again",
                        (false, _) => "never",
                    }
                }
            };
            assert_eq!(found, meaning, "{said}");
        }
    }

    #[test]
    fn an_endpoint_has_no_path_of_http_and_shows_no_secret() {
        let endpoint = Endpoint::parse("http://user:planted@h:4317/v1/traces?key=planted").unwrap();
        let exporter = GrpcExporter::new(endpoint, HeaderMap::new(), Duration::from_secs(1), Tls::default());
        assert_eq!(exporter.endpoint.url().as_str(), "http://h:4317/");
        assert!(!format!("{exporter:?}").contains("planted"));
    }
}
