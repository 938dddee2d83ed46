//! OTLP over gRPC: what it sends, and what it does when nobody takes it.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Guard, Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::grpc::{Answer, Grpc};
use crate::support::lines::Lines;
use crate::support::receiver::Receiver;

const SPANS: u64 = 300;
const LONG: Duration = Duration::from_secs(20);
/// Longer than a request may take, so that the first is given up; and time enough for Langfuse on a busy machine.
const SHORT: Duration = Duration::from_secs(3);

struct Program {
    subscriber: Dispatch,
    llm: Guard,
    lines: Lines,
    langfuse: Receiver,
}

/// A program with Langfuse, which is well, and this endpoint; requests time out after one second.
fn program(endpoint: impl Into<String>) -> Program {
    let (lines, langfuse) = (Lines::default(), Receiver::langfuse());
    let otlp = Otlp::grpc(endpoint).timeout(Duration::from_secs(1));
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(otlp.header("authorization", "Bearer planted-secret"))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    Program {
        subscriber,
        llm,
        lines,
        langfuse,
    }
}

impl Program {
    fn work(&self) {
        dispatcher::with_default(&self.subscriber, || {
            (0..SPANS).for_each(|number| info_span!("work", number).in_scope(|| {}));
        });
    }

    /// Langfuse has everything, the books balance, and no line repeats the secret.
    fn assert_the_rest_is_well(&self) {
        assert_eq!(self.langfuse.spans().len() as u64, SPANS);
        for lane in self.llm.ledger().lanes() {
            let settled = lane.exported() + lane.failed() + lane.dropped() + lane.queued();
            assert_eq!(lane.offered(), settled, "{}", lane.name());
        }
        assert!(
            !self.lines.all().concat().contains("planted"),
            "{:?}",
            self.lines.all()
        );
    }
}

#[test]
fn what_is_sent_is_said_under_our_headers_and_no_others() {
    let server = Grpc::new(|_| Answer::Status(0));
    let program = program(server.url());
    program.work();
    assert_eq!(
        program.llm.flush_blocking(LONG).to_string(),
        "langfuse 300 sent · otlp 300 sent · 0 lost"
    );
    let request = server.requests().remove(0);
    assert_eq!(
        request.path,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    let mut names: Vec<_> = request.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-type", "te", "user-agent"]);
    assert_eq!(request.headers["authorization"], "Bearer planted-secret");
    assert_eq!(server.spans() as u64, SPANS);
    program.assert_the_rest_is_well();
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let program = program(format!("http://127.0.0.1:{port}"));
    program.work();
    let report = program.llm.flush_blocking(SHORT);
    assert_eq!(
        report.to_string(),
        "langfuse 300 sent · otlp 0 sent, 300 pending · 0 lost"
    );
    assert_eq!(
        program
            .lines
            .count("otlp: sending fails and is tried again: gRPC Unavailable: "),
        1
    );
    assert_eq!(program.llm.ledger().lane("otlp").unwrap().ambiguous(), 0);
    let report = program.llm.shutdown_blocking(Duration::from_millis(200));
    assert_eq!(report.lane("otlp").unwrap().dropped(), SPANS, "{report}");
    program.assert_the_rest_is_well();
}

#[test]
fn it_takes_the_request_and_never_answers() {
    let server = Grpc::new(|_| Answer::Hang);
    let program = program(server.url());
    program.work();
    let report = program.llm.flush_blocking(SHORT);
    assert_eq!(
        report.to_string(),
        "langfuse 300 sent · otlp 0 sent, 300 pending · 0 lost"
    );
    let lines = program.lines.all();
    assert_eq!(
        program.lines.count("otlp: sending fails and is tried again: "),
        1,
        "{lines:?}"
    );
    assert!(program.llm.ledger().lane("otlp").unwrap().ambiguous() >= SPANS);
    program.assert_the_rest_is_well();
}

#[test]
fn it_comes_back_and_gets_everything() {
    let server = Grpc::new(|before| Answer::Status(if before == 0 { 14 } else { 0 }));
    let program = program(server.url());
    program.work();
    let report = program.llm.flush_blocking(LONG);
    assert_eq!(report.to_string(), "langfuse 300 sent · otlp 300 sent · 0 lost");
    assert_eq!(
        program
            .lines
            .count("otlp: sending fails and is tried again: gRPC Unavailable"),
        1
    );
    assert_eq!(program.lines.count("otlp: everything arrives again"), 1);
    assert_eq!(server.requests().len(), 2);
    program.assert_the_rest_is_well();
}

#[test]
fn what_it_refuses_is_counted_said_once_and_not_sent_again() {
    let server = Grpc::new(|_| Answer::Status(16));
    let program = program(server.url());
    program.work();
    let report = program.llm.flush_blocking(LONG);
    assert_eq!(
        report.to_string(),
        "langfuse 300 sent · otlp 0 sent, 300 failed · 300 lost"
    );
    assert_eq!(
        program
            .lines
            .count("otlp: 300 observations were refused: gRPC Unauthenticated"),
        1
    );
    assert_eq!(server.requests().len(), 1);
    program.assert_the_rest_is_well();
}

#[test]
fn a_server_of_http_does_not_hold_it_up() {
    let server = Receiver::otlp();
    let program = program(server.url());
    program.work();
    let report = program.llm.flush_blocking(SHORT);
    assert_eq!(report.lane("otlp").unwrap().sent(), 0, "{report}");
    assert_eq!(program.lines.count("otlp: "), 1, "{:?}", program.lines.all());
    program.assert_the_rest_is_well();
}

#[test]
fn a_server_without_tls_does_not_hold_up_who_wants_it() {
    let server = Grpc::new(|_| Answer::Status(0));
    let program = program(server.url().replace("http:", "https:"));
    program.work();
    let report = program.llm.flush_blocking(SHORT);
    assert_eq!(report.lane("otlp").unwrap().pending(), SPANS, "{report}");
    let line = "otlp: sending fails and is tried again: gRPC Unavailable: ";
    assert_eq!(program.lines.count(line), 1, "{:?}", program.lines.all());
    program.assert_the_rest_is_well();
}

#[test]
fn it_works_in_every_runtime_and_in_none_and_outlives_the_hosts() {
    let server = Grpc::new(|_| Answer::Status(0));
    let host = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let program = host.block_on(async { program(server.url()) });
    program.work();
    // A runtime without timers and sockets: nothing of ours runs on it.
    let line = "langfuse 300 sent · otlp 300 sent · 0 lost";
    assert_eq!(host.block_on(program.llm.flush()).to_string(), line);
    drop(host);
    assert_eq!(program.llm.flush_blocking(LONG).to_string(), line);
    let many = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    assert_eq!(many.block_on(program.llm.shutdown(LONG)).to_string(), line);
}

#[test]
fn gzip_cannot_be() {
    let error = tracing_llm::builder()
        .otlp_to(Otlp::grpc("http://localhost:4317").gzip(true))
        .build()
        .unwrap_err();
    assert!(
        error.is_invalid_value() && error.to_string().contains("gzip over gRPC"),
        "{error}"
    );
}

const RUN: &str = "TRACING_LLM_TEST_GRPC";

/// What a user's `main` does; run in a process of its own, with variables of its own.
#[test]
fn main_of_a_user() {
    let (layer, llm) = match std::env::var(RUN) {
        Err(_) => return,
        Ok(endpoint) if endpoint.is_empty() => tracing_llm::layer().unwrap(),
        Ok(endpoint) => {
            let otlp = Otlp::grpc(endpoint).header("x-ours", "1");
            tracing_llm::builder().otlp_to(otlp).build().unwrap()
        }
    };
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
    let report = llm.flush_blocking(LONG);
    assert_eq!(report.to_string(), "otlp 1 sent · 0 lost");
}

fn run_main(endpoint: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "grpc::main_of_a_user", "--nocapture"])
        .env_clear()
        .env(RUN, endpoint)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("tracing-llm: "), "{said}");
}

#[test]
fn variables_open_it() {
    let server = Grpc::new(|_| Answer::Status(0));
    run_main(
        "",
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &server.url()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=search%20team"),
            ("OTEL_SERVICE_NAME", "support"),
        ],
    );
    let request = server.requests().remove(0);
    assert_eq!(request.headers["x-team"], "search team");
    let resource = request.spans[0].resource.clone().unwrap();
    let name = resource
        .attributes
        .into_iter()
        .find(|one| one.key == "service.name")
        .unwrap();
    assert!(format!("{name:?}").contains(r#"StringValue("support")"#));
}

#[test]
fn no_variable_is_read_for_an_endpoint_given_by_hand() {
    let server = Grpc::new(|_| Answer::Status(0));
    let elsewhere = "http://127.0.0.1:1";
    run_main(
        &server.url(),
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor=planted-secret"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", elsewhere),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", elsewhere),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ],
    );
    let headers = server.requests().remove(0).headers;
    assert!(headers.get("x-vendor").is_none());
    assert_eq!(headers["x-ours"], "1");
}
