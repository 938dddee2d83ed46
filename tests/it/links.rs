//! Cross links: each root says where the other destination shows its trace.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry_proto::tonic::trace::v1::Span;
use tracing_llm::{Guard, Langfuse, LangfuseBuilder, Otlp, Pipeline, TraceId};

use crate::support::child::{Child, RUN};
use crate::support::lines::Lines;
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::{replay, rows};

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A Langfuse that takes traces and knows its project.
fn langfuse() -> Receiver {
    Receiver::new(answered)
}

fn answered(request: &Request) -> Answer {
    match request.path.as_str() {
        "/api/public/projects" => replay::answered("setup", "projects (auth check)"),
        _ => replay::answered("otlp", "protobuf accepted"),
    }
}

fn project(server: &Receiver) -> LangfuseBuilder {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url())
}

fn collector(server: &Receiver) -> Otlp {
    Otlp::new(format!("{}/v1/traces", server.url()))
}

fn started(builder: tracing_llm::Builder) -> Guard {
    builder.build().unwrap().1
}

/// Waits until the project is known.
fn know_the_project(llm: &Pipeline) {
    llm.langfuse().unwrap().auth_check_blocking().unwrap();
}

/// A root and a call below it, a second long.
fn answer(llm: &Pipeline, trace: &str) {
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let root = llm.trace("answer").id(trace).start_at(at(0)).start();
    let call = root.generation("call").start_at(at(0)).start();
    call.end_at(at(1));
    root.input("How long?").output("Seven years.");
    root.end_at(at(1));
}

/// What each row has of its own, and each span, that is a link.
fn links(langfuse: &Receiver, otlp: &Receiver) -> String {
    let mut out = String::new();
    for row in rows::of_requests(&langfuse.requests()) {
        out += &format!("langfuse {} {:?}\n", row.name, row.metadata);
    }
    for span in otlp.spans() {
        out += &format!("otlp {} {:?}\n", span.name, url(&span));
    }
    out
}

fn url(span: &Span) -> Option<String> {
    let found = span.attributes.iter().find(|it| it.key == "langfuse.trace.url");
    let value = found?.value.clone()?.value?;
    let opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(url) = value else {
        panic!("{value:?}");
    };
    Some(url)
}

#[test]
fn each_root_says_where_the_other_shows_its_trace() {
    let (server, otlp) = (langfuse(), Receiver::otlp());
    let llm = started(
        tracing_llm::builder()
            .langfuse(project(&server))
            .otlp_to(collector(&otlp))
            .jaeger_ui("https://user:planted@jaeger.example/ui/?token=planted"),
    );
    know_the_project(&llm);
    answer(&llm, TRACE);
    assert_eq!(
        llm.flush_blocking(HANG).to_string(),
        "langfuse 2 sent · otlp 2 sent · 0 lost"
    );
    let base = server.url();
    assert_eq!(
        links(&server, &otlp),
        format!(
            r#"langfuse call {{}}
langfuse answer {{"jaeger_url": String("https://jaeger.example/ui/trace/{TRACE}")}}
otlp call None
otlp answer Some("{base}/project/lab-project/traces/{TRACE}")
"#
        )
    );
}

#[test]
fn without_an_address_of_jaeger_nothing_is_asked_and_nothing_is_said() {
    let (server, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let llm = started(
        tracing_llm::builder()
            .langfuse(project(&server))
            .otlp_to(collector(&otlp)),
    );
    answer(&llm, TRACE);
    llm.flush_blocking(HANG);
    assert_eq!(
        links(&server, &otlp),
        "langfuse call {}\nlangfuse answer {}\notlp call None\notlp answer None\n"
    );
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/api/public/otel/v1/traces"]);
}

/// The project is asked for in the background: nothing waits for the answer, and it is used when it has come.
#[test]
fn a_server_that_does_not_say_its_project_holds_up_nothing() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let server = Receiver::new(move |request| {
        if request.path == "/api/public/projects" {
            let _ = released.lock().unwrap().recv();
        }
        answered(request)
    });
    let otlp = Receiver::otlp();
    let llm = started(
        tracing_llm::builder()
            .langfuse(project(&server).timeout(HANG))
            .otlp_to(collector(&otlp))
            .jaeger_ui("http://localhost:16686"),
    );
    answer(&llm, TRACE);
    assert_eq!(
        llm.flush_blocking(HANG).to_string(),
        "langfuse 2 sent · otlp 2 sent · 0 lost"
    );
    assert_eq!(
        links(&server, &otlp),
        format!(
            r#"langfuse call {{}}
langfuse answer {{"jaeger_url": String("http://localhost:16686/trace/{TRACE}")}}
otlp call None
otlp answer None
"#
        )
    );
    drop(release);
    let begun = Instant::now();
    loop {
        let trace = TraceId::from_seed("later").to_string();
        answer(&llm, &trace);
        llm.flush_blocking(HANG);
        let root = otlp.spans().pop().unwrap();
        if let Some(url) = url(&root) {
            assert_eq!(
                url,
                format!("{}/project/lab-project/traces/{trace}", server.url())
            );
            break;
        }
        assert!(begun.elapsed() < HANG, "the project is never known");
    }
}

#[test]
fn no_link_leads_to_a_trace_that_the_other_is_not_sent() {
    let (server, otlp) = (langfuse(), Receiver::otlp());
    let (low, high) = (
        "00000000000000000000000000000001",
        "0000000000000000ffffffffffffffff",
    );
    for (of_langfuse, of_otlp, trace, expected) in [
        (0.5, 1.0, low, "langfuse true otlp true"),
        (0.5, 1.0, high, "otlp false"),
        (1.0, 0.5, low, "langfuse true otlp true"),
        (1.0, 0.5, high, "langfuse false"),
    ] {
        let llm = started(
            tracing_llm::builder()
                .langfuse(project(&server).sample_rate(of_langfuse))
                .otlp_to(collector(&otlp).sample_rate(of_otlp))
                .jaeger_ui("http://localhost:16686"),
        );
        know_the_project(&llm);
        let (rows_before, spans_before) = (rows::of_requests(&server.requests()).len(), otlp.spans().len());
        answer(&llm, trace);
        llm.flush_blocking(HANG);
        let rows = rows::of_requests(&server.requests()).split_off(rows_before);
        let spans = otlp.spans().split_off(spans_before);
        let rows = rows
            .last()
            .map(|row| format!("langfuse {}", row.metadata.contains_key("jaeger_url")));
        let spans = spans.last().map(|span| format!("otlp {}", url(span).is_some()));
        let said: Vec<_> = rows.into_iter().chain(spans).collect();
        assert_eq!(said.join(" "), expected, "{of_langfuse} {of_otlp} {trace}");
    }
}

#[test]
fn pages_of_jaeger_where_nothing_goes_are_said_and_not_linked_to() {
    let server = langfuse();
    let lines = Lines::default();
    let llm = started(
        tracing_llm::builder()
            .langfuse(project(&server))
            .jaeger_ui("http://localhost:16686")
            .on_diagnostic(lines.writer()),
    );
    answer(&llm, TRACE);
    llm.flush_blocking(HANG);
    let metadata: Vec<_> = rows::of_requests(&server.requests())
        .into_iter()
        .map(|row| row.metadata.len())
        .collect();
    assert_eq!(metadata, [0, 0]);
    assert_eq!(
        lines.all(),
        ["the address of Jaeger's pages is given, but nothing is sent over OTLP: no trace has a page there"]
    );
}

#[test]
fn an_address_that_is_none_is_an_error_of_the_program() {
    let builder = tracing_llm::builder().console().jaeger_ui("planted:16686");
    let error = builder.build().unwrap_err();
    assert!(error.is_invalid_value());
    assert_eq!(
        error.to_string(),
        "the address of Jaeger's pages has no http:// or https:// in front"
    );
}

/// What a user's `main` does, in a process of its own.
#[test]
fn program() {
    if std::env::var_os(RUN).is_none() {
        return;
    }
    let llm = tracing_llm::init().unwrap();
    if let Some(langfuse) = llm.langfuse() {
        langfuse.auth_check_blocking().unwrap();
    }
    answer(&llm, TRACE);
    llm.shutdown_blocking(HANG);
}

fn shown(variables: &[(&str, &str)]) -> String {
    let variables = [&[(RUN, "1")], variables].concat();
    let ended = Child::run("links::program", &variables);
    assert!(ended.succeeded, "{ended:?}");
    ended.err.join("\n")
}

#[test]
fn the_tree_shows_both_addresses_below_the_root() {
    let (server, otlp) = (langfuse(), Receiver::otlp());
    let base = server.url();
    let variables = [
        ("LANGFUSE_PUBLIC_KEY", Receiver::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", Receiver::SECRET_KEY),
        ("LANGFUSE_BASE_URL", &base),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &otlp.url()),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
        ("JAEGER_UI_URL", "http://localhost:16686/"),
    ];
    assert_eq!(
        shown(&variables),
        format!(
            "
trace answer · {TRACE}
SPAN answer  1.00 s
│  in   How long?
│  out  Seven years.
│  langfuse  {base}/project/lab-project/traces/{TRACE}
│  jaeger  http://localhost:16686/trace/{TRACE}
└─ GENERATION call  1.00 s"
        )
    );
    assert!(otlp.spans().iter().any(|span| url(span).is_some()));
}

#[test]
fn a_variable_that_is_no_address_is_said() {
    let said = shown(&[("JAEGER_UI_URL", "localhost:16686")]);
    let said: Vec<_> = said.lines().take(2).collect();
    assert_eq!(
        said,
        [
            "tracing-llm: JAEGER_UI_URL has no http:// or https:// in front: traces have no links",
            ""
        ]
    );
}
