//! A whole agent run with errors, concurrency and late fields, as a real Jaeger gives it back and as Langfuse stores it.

use std::time::Duration;

use tracing::field::Empty;
use tracing::{Dispatch, Instrument, Span, dispatcher, info_span, instrument, warn};
use tracing_llm::{Cost, Guard, Langfuse, Level, Observe, Otlp, SpanExt, Usage, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::jaeger::{self, Jaeger};
use crate::support::receiver::Receiver;
use crate::support::rows;

#[derive(Debug)]
struct NoTicket(u32);

impl std::fmt::Display for NoTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no ticket {}", self.0)
    }
}

impl std::error::Error for NoTicket {}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Client {
    host: &'static str,
    api_key: &'static str,
}

/// Children begin one after the other, so that their order is known.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

#[instrument(fields(as_type = "agent", otel.kind = "server", tenant.id = 7_u64), ret, err)]
async fn run(question: &str, user_id: &str, session_id: &str) -> Result<String, NoTicket> {
    current()
        .trace()
        .tags(["beta", "rust"])
        .metadata("plan", "free")
        .release("1.4.2");
    tick().await;
    let first = tokio::spawn(look_up(1).in_current_span());
    tick().await;
    let second = tokio::spawn(look_up(2).in_current_span());
    let (found, lost) = (first.await.unwrap(), second.await.unwrap());
    warn!(found = found.is_ok(), lost = lost.is_err(), "one ticket is lost");
    let slow = info_span!("slow", as_type = "chain");
    let _ = tokio::time::timeout(
        Duration::from_millis(2),
        std::future::pending::<()>().observe(slow),
    )
    .await;
    connect(
        &Client {
            host: "crm",
            api_key: "sk-secret",
        },
        b"\x00\xff",
        u128::MAX,
    );
    Ok(generate("mistral-7b", question).await)
}

#[instrument(fields(as_type = "tool", otel.name = Empty), ret, err)]
async fn look_up(ticket: u32) -> Result<Vec<String>, NoTicket> {
    Span::current().record("otel.name", format!("look up {ticket}"));
    tick().await;
    if ticket == 2 {
        Err(NoTicket(ticket))
    } else {
        Ok(vec!["paid".into()])
    }
}

#[instrument(fields(token_budget = ?Some(3)))]
fn connect(client: &Client, raw: &[u8], large: u128) {}

#[instrument(fields(temperature = 0.2, seed = u64::MAX, stop = ?["\n", "END"]))]
async fn generate(model: &str, prompt: &str) -> String {
    let call = current();
    call.first_token()
        .usage(Usage::new(120, 8).cached(30))
        .cost(Cost::new(0.0002, 0.0001));
    call.prompt("answer", 3)
        .metadata("attempt", 1)
        .level(Level::Warning)
        .status_message("slow model");
    Span::current().follows_from(info_span!(parent: None, "earlier"));
    call.output("It was paid.");
    "It was paid.".into()
}

/// Runs the agent and answers the id of its trace.
fn run_it(langfuse: &Receiver, otlp: String) -> (Guard, String) {
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::new(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(otlp))
        .service_name("support")
        .environment("Prod")
        .capture_content(true)
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    let _default = dispatcher::set_default(&subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let root = info_span!("POST /ask", http.method = "POST");
    let trace_id = root.observation().trace_id().unwrap();
    let answer = runtime
        .block_on(run("Was it paid?", "u-1", "s-1").instrument(root))
        .unwrap();
    assert_eq!(answer, "It was paid.");
    // 7 spans of the run and the earlier one; OTLP has the HTTP span above them too.
    let report = llm.flush_blocking(Duration::from_secs(20));
    assert_eq!(report.to_string(), "langfuse 7 sent · otlp 8 sent · 0 lost");
    (llm, trace_id.to_string())
}

#[test]
fn jaeger_gives_every_span_back_with_its_types() {
    let Some(jaeger) = Jaeger::get() else { return };
    let langfuse = Receiver::langfuse();
    let (_llm, trace_id) = run_it(&langfuse, format!("{}/v1/traces", jaeger.otlp_http()));
    let tree = jaeger::tree(&jaeger::spans(&jaeger.trace(&trace_id, 7)));
    assert!(!tree.contains("sk-secret"));
    println!("{tree}");
}

#[test]
fn langfuse_stores_every_row_with_its_facts() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (_llm, trace_id) = run_it(&langfuse, format!("{}/v1/traces", otlp.url()));
    let stored = rows::of_requests(&langfuse.requests());
    let stored: Vec<_> = stored
        .into_iter()
        .filter(|row| row.trace_id == trace_id)
        .collect();
    assert!(
        langfuse
            .requests()
            .iter()
            .all(|request| !String::from_utf8_lossy(&request.body).contains("sk-secret"))
    );
    println!("{}", rows::tree(&stored));
    println!(
        "{:#?}",
        stored
            .iter()
            .map(|row| (&row.name, &row.metadata))
            .collect::<Vec<_>>()
    );
}
