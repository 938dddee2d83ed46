//! The host's own exporter works as if tracing-llm were not there: same client, same protocol, with a runtime and without.

#[path = "../../../tests/it/support/receiver.rs"]
mod receiver;

use std::time::Duration;

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use receiver::Receiver;
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Guard, OpenTelemetry, Otlp};
use tracing_subscriber::layer::SubscriberExt as _;

/// What the manual of `opentelemetry-otlp` shows, to a server of the test's.
fn exporter(server: &Receiver) -> SpanExporter {
    let endpoint = format!("{}/v1/traces", server.url());
    SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .unwrap()
}

/// Sends one span of the host's; it arrives as protobuf over HTTP.
fn host_sends_a_span() {
    let server = Receiver::otlp();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter(&server))
        .build();
    provider.tracer("host").start("of the host").end();
    provider.force_flush().unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(server.spans()[0].name, "of the host");
    provider.shutdown().unwrap();
}

/// Our pipeline: over gRPC to nobody, and over HTTP to a server.
fn ours(server: &Receiver) -> (Dispatch, Guard) {
    let (layer, llm) = tracing_llm::builder()
        .otlp_to(Otlp::grpc("http://127.0.0.1:1").name("grpc"))
        .otlp_to(Otlp::new(format!("{}/v1/traces", server.url())).name("http"))
        .on_diagnostic(|_| {})
        .build()
        .unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), llm)
}

#[test]
fn without_a_runtime() {
    let server = Receiver::otlp();
    let (subscriber, llm) = ours(&server);
    dispatcher::with_default(&subscriber, || info_span!("ours").in_scope(|| {}));
    host_sends_a_span();
    let report = llm.flush_blocking(Duration::from_secs(3));
    llm.shutdown_blocking(Duration::ZERO);
    assert_eq!(
        report.to_string(),
        "grpc 0 sent, 1 pending · http 1 sent · 0 lost"
    );
    host_sends_a_span();
}

#[test]
fn inside_one() {
    let server = Receiver::otlp();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (subscriber, llm) = ours(&server);
        dispatcher::with_default(&subscriber, || info_span!("ours").in_scope(|| {}));
        // The host's client blocks, and so it is made and used where that may be, as its manual says.
        std::thread::spawn(host_sends_a_span).join().unwrap();
        let report = llm.shutdown(Duration::from_secs(3)).await;
        assert_eq!(report.lane("http").unwrap().sent(), 1);
    });
}

/// gRPC would want a runtime, and there is none.
#[test]
fn the_default_protocol_is_still_http() {
    let exporter = SpanExporter::builder().build().unwrap();
    assert!(format!("{exporter:?}").contains("Http"), "{exporter:?}");
}

/// The exporter with its default client, which blocks, as a destination of ours.
#[test]
fn the_hosts_exporter_is_a_destination_too() {
    let server = Receiver::otlp();
    let (layer, llm) = tracing_llm::builder()
        .opentelemetry(OpenTelemetry::new(exporter(&server)))
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || info_span!("ours").in_scope(|| {}));
    let report = llm.flush_blocking(Duration::from_secs(20));
    assert_eq!(report.to_string(), "opentelemetry 1 sent · 0 lost");
    assert_eq!(server.spans()[0].name, "ours");
}
