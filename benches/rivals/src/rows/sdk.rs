//! tracing-opentelemetry above OpenTelemetry's SDK. Queues and batches are the SDK's defaults (2,048 and 512).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_langfuse::ExporterBuilder;
use opentelemetry_otlp::{Compression, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, TracerProviderBuilder};
use tokio::runtime::Runtime;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use super::Delivery;
use crate::Result;
use crate::sink::{LANGFUSE_PATH, OTLP_PATH, PUBLIC_KEY, SECRET_KEY};

/// To OTLP only.
pub(super) fn one(port: u16, gzip: bool) -> Result<SdkTracerProvider> {
    Ok(provider().with_batch_exporter(otlp(port, gzip)?).build())
}

/// To OTLP, and to Langfuse by opentelemetry-langfuse and the asynchronous processor, as its manual says. That one works on
/// the application's runtime.
pub(super) fn pair(port: u16, runtime: &Runtime) -> Result<SdkTracerProvider> {
    let _entered = runtime.enter();
    let langfuse = ExporterBuilder::new()
        .with_host(&format!("http://127.0.0.1:{port}"))
        .with_basic_auth(PUBLIC_KEY, SECRET_KEY)
        .build()?;
    Ok(provider()
        .with_batch_exporter(otlp(port, false)?)
        .with_span_processor(BatchSpanProcessor::builder(langfuse, Tokio).build())
        .build())
}

/// To both by threads of their own.
pub(super) fn pair_tuned(port: u16) -> Result<SdkTracerProvider> {
    let credentials = STANDARD.encode(format!("{PUBLIC_KEY}:{SECRET_KEY}"));
    let headers = HashMap::from([("authorization".to_owned(), format!("Basic {credentials}"))]);
    let langfuse = SpanExporter::builder()
        .with_http()
        .with_http_client(reqwest::blocking::Client::new())
        .with_endpoint(format!("http://127.0.0.1:{port}{LANGFUSE_PATH}"))
        .with_headers(headers)
        .build()?;
    Ok(provider()
        .with_batch_exporter(otlp(port, false)?)
        .with_batch_exporter(langfuse)
        .build())
}

/// The layer, with all that it writes by itself or without what a user can switch off.
pub(super) fn layer<S>(provider: &SdkTracerProvider, tuned: bool) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("rivals"));
    if !tuned {
        return layer;
    }
    layer
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
}

impl Delivery for SdkTracerProvider {
    fn flush(&self) -> Result<()> {
        // Spans lost on a full queue are no error of it; the sink knows. It gives up after 5 s, too soon for what is compressed on
        // a busy machine, while the processor goes on: so it is asked again, for two minutes.
        for _ in 1..24 {
            if self.force_flush().is_ok() {
                return Ok(());
            }
        }
        Ok(self.force_flush()?)
    }
}

/// What the process says of itself, the same in all rows.
pub(super) fn resource() -> Resource {
    Resource::builder().with_service_name("rivals").build()
}

/// An exporter for the thread of a batch processor. opentelemetry-langfuse switches on the asynchronous client for the whole
/// build, which such a thread cannot drive: so it is handed a blocking one.
pub(super) fn otlp(port: u16, gzip: bool) -> Result<SpanExporter> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(reqwest::blocking::Client::new())
        .with_endpoint(format!("http://127.0.0.1:{port}{OTLP_PATH}"));
    if gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    Ok(exporter.build()?)
}

fn provider() -> TracerProviderBuilder {
    SdkTracerProvider::builder().with_resource(resource())
}
