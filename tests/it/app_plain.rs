//! A program by somebody who knows `tracing` and nothing of Langfuse, unchanged: what both backends are told of it.

#[allow(
    unreachable_pub,
    clippy::semicolon_if_nothing_returned,
    reason = "the fixture is a program of its own"
)]
#[rustfmt::skip]
#[path = "../fixtures/app_plain.rs"]
mod app;

use std::time::Duration;

use tracing::dispatcher;
use tracing_llm::{Guard, Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::jaeger::{self, Jaeger};
use crate::support::receiver::Receiver;
use crate::support::{facts, rows};

const EXPECTED: &str = include_str!("../fixtures/app_plain.expected.txt");

/// Runs the program with both destinations and flushes.
fn run(langfuse: &str, otlp: String) -> Guard {
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse))
        .otlp_to(Otlp::new(otlp))
        .service_name("app")
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    dispatcher::with_default(&dispatcher::Dispatch::new(subscriber), || {
        runtime.block_on(app::run());
    });
    let report = llm.flush_blocking(Duration::from_secs(20));
    assert_eq!(report.to_string(), "langfuse 8 sent · otlp 9 sent · 0 lost");
    llm
}

#[test]
fn langfuse_stores_every_fact() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let _llm = run(&langfuse.url(), format!("{}/v1/traces", otlp.url()));
    let stored = rows::of_requests(&langfuse.requests());
    assert_eq!(facts::read(&rows::tree(&stored)), facts::read(EXPECTED));
    let root = stored.iter().find(|row| row.parent.is_none()).unwrap();
    for row in &stored {
        // No server hands anything down.
        assert_eq!(row.trace_name.as_deref(), Some("user_request"), "{}", row.name);
        assert_eq!(
            (&row.user, &row.session, &row.tags),
            (&root.user, &root.session, &root.tags),
            "{}",
            row.name
        );
        assert_eq!(row.environment, "gd-prod", "{}", row.name);
        assert_eq!(row.is_root, row.id == root.id, "{}", row.name);
    }
}

#[test]
fn otlp_gets_the_same_spans_under_the_same_ids_and_the_http_span_above_them() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let _llm = run(&langfuse.url(), format!("{}/v1/traces", otlp.url()));
    let ids = |receiver: &Receiver| {
        let mut ids: Vec<_> = receiver
            .spans()
            .into_iter()
            .filter(|span| span.name != "request")
            .map(|span| {
                (
                    span.span_id,
                    span.trace_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.name,
                )
            })
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&langfuse), ids(&otlp));
    let spans = otlp.spans();
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    let top = spans.iter().find(|span| span.name == "user_request").unwrap();
    assert_eq!(top.parent_span_id, request.span_id);
    let noise = ["code.", "thread.", "busy_ns", "idle_ns", "target"];
    for span in &spans {
        for attribute in &span.attributes {
            assert!(
                !noise.iter().any(|noise| attribute.key.starts_with(noise)),
                "{}",
                attribute.key
            );
        }
    }
}

#[test]
fn jaeger_gives_the_same_spans_back() {
    let Some(jaeger) = Jaeger::get() else { return };
    let langfuse = Receiver::langfuse();
    let _llm = run(&langfuse.url(), format!("{}/v1/traces", jaeger.otlp_http()));
    let trace_id = rows::of_requests(&langfuse.requests())[0].trace_id.clone();
    let tree = jaeger::tree(&jaeger::spans(&jaeger.trace(&trace_id, 9)));
    assert_eq!(format!("\n{tree}"), IN_JAEGER);
}

/// Integers are integers, no source line and no thread is among them, and content is not there: the switch is off.
const IN_JAEGER: &str = r#"
request (internal)
    http.method = "POST"
    http.route = "/ask"
  user_request (internal)
      environment = "gd-prod"
      question = "How long do we keep invoices, and where?!"
      session.id = "gd-session-rust"
      tags = "rag,guide"
      tenant_id = "tenant-7"
      user.id = "gd-user-1"
    orchestration (internal)
        agent = "zeus"
        session.id = "gd-session-rust"
        user.id = "gd-user-1"
      route_decision (internal)
          cost = 7e-6
          gen_ai.operation.name = "chat"
          gen_ai.request.max_tokens = 64
          gen_ai.request.model = "mistral-7b"
          gen_ai.request.temperature = 0.7
          gen_ai.usage.input_tokens = 50
          gen_ai.usage.output_tokens = 10
          session.id = "gd-session-rust"
          usage.total = 60
          user.id = "gd-user-1"
      athena (internal)
          question = "How long do we keep invoices, and where?!"
          session.id = "gd-session-rust"
          user.id = "gd-user-1"
          event going on without the ticket error="no ticket T-1"
        semantic_search (internal)
            query = "How long do we keep invoices, and where?!"
            session.id = "gd-session-rust"
            top_k = 5
            user.id = "gd-user-1"
        lookup_ticket (internal) error "no ticket T-1"
            session.id = "gd-session-rust"
            ticket = "T-1"
            user.id = "gd-user-1"
            event exception exception.message="no ticket T-1"
        step-1 (internal)
            session.id = "gd-session-rust"
            user.id = "gd-user-1"
        response_synthesis (internal)
            cost = 0.0003
            gen_ai.operation.name = "chat"
            gen_ai.prompt.name = "rag_synthesis"
            gen_ai.prompt.version = 1
            gen_ai.request.model = "mistral-7b"
            gen_ai.request.stream = true
            gen_ai.request.temperature = 0.3
            gen_ai.usage.input_tokens = 2000
            gen_ai.usage.output_tokens = 500
            session.id = "gd-session-rust"
            usage.total = 2500
            user.id = "gd-user-1"
            event first token
"#;
