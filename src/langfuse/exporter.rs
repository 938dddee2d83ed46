//! The exporter to a Langfuse server: OTLP with Langfuse's headers.

use reqwest::header::HeaderValue;

use crate::error::Error;
use crate::export::{Batch, ExportFuture, Exporter};
use crate::http::Client;
use crate::langfuse::dialect::LangfuseDialect;
use crate::langfuse::settings::LangfuseSettings;
use crate::otlp::exporter::OtlpExporter;
use crate::otlp::poster::{Compression, Poster};

/// Sends batches to a project of a Langfuse server.
#[derive(Debug)]
pub(crate) struct LangfuseExporter(OtlpExporter<LangfuseDialect>);

impl LangfuseExporter {
    /// An exporter called `langfuse` that writes in this dialect and sends by this client.
    pub(crate) fn new(
        settings: LangfuseSettings,
        client: Client,
        dialect: LangfuseDialect,
    ) -> Result<Self, Error> {
        let poster = poster(settings, client)?;
        Ok(Self(OtlpExporter::from_poster("langfuse", poster, dialect)))
    }
}

impl Exporter for LangfuseExporter {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        self.0.export(batch)
    }
}

fn poster(settings: LangfuseSettings, client: Client) -> Result<Poster, Error> {
    // On this machine the wire costs nothing, packing does.
    let usual = if settings.base.is_loopback() {
        Compression::None
    } else {
        Compression::Gzip
    };
    let mut headers = settings.headers;
    headers.extend(settings.credentials.headers()?);
    // Without it a server in dual mode shows the traces after ten minutes; since the name of an SDK stands beside it,
    // Langfuse's cloud does, too.
    headers.insert("x-langfuse-ingestion-version", HeaderValue::from_static("4"));
    let endpoint = settings.base.join(&settings.path);
    let compression = settings.compression.unwrap_or(usual);
    let mut poster = Poster::new(client, endpoint, headers, compression, true);
    poster.hide(settings.credentials.secret());
    Ok(poster)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::export::Exported;
    use crate::langfuse::credentials::Credentials;
    use crate::receiver::{Answer, Receiver};
    use crate::testing::Capture;

    #[tokio::test]
    async fn a_batch_arrives() {
        let capture = Capture::new();
        capture.run(|| tracing::info_span!("outer").in_scope(|| drop(tracing::info_span!("inner"))));
        let receiver = Receiver::langfuse();
        let dialect = LangfuseDialect::new(Default::default(), Some("test"), None);
        let settings = settings(&receiver.url(), Receiver::SECRET_KEY);
        let mut exporter =
            LangfuseExporter::new(settings.clone(), settings.client().unwrap(), dialect).unwrap();
        assert_eq!(exporter.name(), "langfuse");
        let batch = Batch::new(0, capture.observations());
        assert_eq!(exporter.export(&batch).await, Ok(Exported::all()));
        let spans = receiver.spans();
        assert_eq!(
            spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(),
            ["inner", "outer"]
        );
        assert_eq!(spans[0].parent_span_id, spans[1].span_id);
    }

    #[tokio::test]
    async fn a_recorded_body_goes_where_langfuse_takes_it_under_exact_headers() {
        let receiver = Receiver::langfuse();
        let mut poster = opened(settings(&receiver.url(), Receiver::SECRET_KEY));
        let exported = poster
            .post(1, |out| out.extend(recorded("protobuf accepted")))
            .await;
        assert_eq!(exported, Ok(Exported::all()));
        let request = receiver.requests().pop().unwrap();
        assert_eq!(request.path, "/api/public/otel/v1/traces");
        let mut headers = request.headers.clone();
        headers.sort();
        let address = receiver.address().to_string();
        let version = env!("CARGO_PKG_VERSION");
        let expected = [
            ("accept", "*/*"),
            ("authorization", "Basic cGstbGYtbGFiOnNrLWxmLWxhYi1zZWNyZXQ="),
            ("content-length", "79"),
            ("content-type", "application/x-protobuf"),
            ("host", &address),
            ("user-agent", &format!("tracing-llm/{version}")),
            ("x-langfuse-ingestion-version", "4"),
            ("x-langfuse-public-key", "pk-lf-lab"),
            ("x-langfuse-sdk-name", "tracing-llm"),
            ("x-langfuse-sdk-version", version),
        ];
        assert_eq!(
            headers,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(receiver.spans().len(), 1);
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_said_in_its_words() {
        let receiver = Receiver::langfuse();
        let table = [
            (
                "another-secret",
                "protobuf accepted",
                "401 Unauthorized from {host}: Invalid credentials. Confirm that you've configured the correct host.",
            ),
            (
                Receiver::SECRET_KEY,
                "not protobuf",
                "400 Bad Request: Failed to parse OTel Protobuf Trace",
            ),
            (
                Receiver::SECRET_KEY,
                "a span without ids",
                "400 Bad Request: Invalid OTLP trace export: 1 of 1 span(s) cannot be processed (traceId:absent, \
                 spanId:absent). traceId and spanId are required on every span, and each must be a string or a byte array. \
                 The entire expo…",
            ),
        ];
        for (secret, body, message) in table {
            let mut poster = opened(settings(&receiver.url(), secret));
            let error = poster
                .post(1, |out| out.extend(recorded(body)))
                .await
                .unwrap_err();
            assert_eq!(
                (error.to_string(), error.is_retryable()),
                (message.replace("{host}", &receiver.address().to_string()), false)
            );
        }
    }

    #[tokio::test]
    async fn five_hundred_is_tried_again_and_the_secret_is_not_repeated() {
        let receiver = Receiver::new(|request| {
            let header = request.header("authorization").unwrap_or_default();
            Answer::status(500).body(format!("{header} {}", Receiver::SECRET_KEY))
        });
        let mut poster = opened(settings(&receiver.url(), Receiver::SECRET_KEY));
        let error = poster.post(1, |out| out.push(0)).await.unwrap_err();
        assert!(error.is_retryable() && !error.is_ambiguous());
        assert_eq!(
            error.to_string(),
            "500 Internal Server Error: Basic [redacted] [redacted]"
        );
        let debug = format!("{poster:?}");
        assert!(!debug.contains("sk-lf") && !debug.contains("c2stbGY"), "{debug}");
    }

    #[test]
    fn bodies_are_packed_unless_the_server_is_this_machine() {
        for (base, compression) in [
            ("http://langfuse.example", Compression::Gzip),
            ("http://10.0.0.7:3000/lf", Compression::Gzip),
            ("http://localhost:3000", Compression::None),
            ("http://[::1]:3000", Compression::None),
        ] {
            let poster = opened(settings(base, "sk"));
            assert_eq!(poster.compression(), compression, "{base}");
        }
    }

    fn opened(settings: LangfuseSettings) -> Poster {
        let client = settings.client().unwrap();
        poster(settings, client).unwrap()
    }

    fn settings(base: &str, secret: &str) -> LangfuseSettings {
        LangfuseSettings::new(base, Credentials::new(Receiver::PUBLIC_KEY, secret).unwrap()).unwrap()
    }

    /// The body of a recorded request.
    fn recorded(name: &str) -> Vec<u8> {
        let mut lines = include_str!("../../tests/fixtures/langfuse/otlp.jsonl").lines();
        let found = lines.find_map(|line| {
            let recording: serde_json::Value = serde_json::from_str(line).unwrap();
            let body = recording["request"]["body_base64"].as_str().map(str::to_owned);
            body.filter(|_| recording["name"] == name)
        });
        base64::engine::general_purpose::STANDARD
            .decode(found.unwrap())
            .unwrap()
    }
}
