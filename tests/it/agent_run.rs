//! A whole agent run with errors, concurrency and late fields, as a real Jaeger gives it back and as Langfuse stores it.

use std::time::Duration;

use serde_json::json;
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

/// Lets what was spawned begin: children begin one after the other, so that their order is known.
async fn tick() {
    tokio::task::yield_now().await;
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
    tokio::select! {
        biased;
        () = std::future::pending().observe(slow) => {}
        () = tick() => {}
    }
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
    call.prompt(("answer", 3))
        .metadata("attempt", 1)
        .level(Level::Warning)
        .status_message("slow model");
    let earlier = info_span!(parent: None, "earlier");
    Span::current().follows_from(&earlier);
    call.output("It was paid.");
    "It was paid.".into()
}

/// Runs the agent and answers the id of its trace.
fn run_it(langfuse: &Receiver, otlp: Otlp) -> (Guard, String) {
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(otlp)
        .service_name("support")
        .environment("Prod")
        .capture_content(true)
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    let _default = dispatcher::set_default(&subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
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

fn over_http(endpoint: &str) -> Otlp {
    Otlp::new(format!("{endpoint}/v1/traces"))
}

#[test]
fn jaeger_gives_every_span_back_with_its_types() {
    let Some(jaeger) = Jaeger::get() else { return };
    assert_in_jaeger(jaeger, over_http(&jaeger.otlp_http()));
}

#[cfg(feature = "grpc")]
#[test]
fn over_grpc_jaeger_gives_the_same_spans_back() {
    let Some(jaeger) = Jaeger::get() else { return };
    assert_in_jaeger(jaeger, Otlp::grpc(jaeger.otlp_grpc()));
}

fn assert_in_jaeger(jaeger: &Jaeger, otlp: Otlp) {
    let langfuse = Receiver::langfuse();
    let (_llm, trace_id) = run_it(&langfuse, otlp);
    let tree = jaeger::tree(&jaeger::spans(&jaeger.trace(&trace_id, 7)));
    // The one attribute that is a time.
    let is_wait = |line: &&str| line.contains("gen_ai.response.time_to_first_chunk");
    assert_eq!(tree.lines().filter(is_wait).count(), 1);
    let tree: Vec<_> = tree.lines().filter(|line| !is_wait(line)).collect();
    assert_eq!(format!("\n{}\n", tree.join("\n")), IN_JAEGER);
}

/// Kinds, statuses, attributes with their types and events, with the content switch on. The text of `api_key` is gone.
const IN_JAEGER: &str = r#"
POST /ask (internal)
    http.method = "POST"
    plan = "free"
    release = "1.4.2"
    tags = ["beta", "rust"]
  run (server)
      as_type = "agent"
      gen_ai.operation.name = "invoke_agent"
      input.value = "{\"question\":\"Was it paid?\"}"
      output.value = "It was paid."
      question = "Was it paid?"
      session.id = "s-1"
      tenant.id = 7
      user.id = "u-1"
      event one ticket is lost found=true lost=true
    look up 1 (internal)
        as_type = "tool"
        gen_ai.operation.name = "execute_tool"
        gen_ai.tool.call.arguments = "{\"ticket\":1}"
        gen_ai.tool.call.result = "[\"paid\"]"
        session.id = "s-1"
        ticket = 1
        user.id = "u-1"
    look up 2 (internal) error "no ticket 2"
        as_type = "tool"
        gen_ai.operation.name = "execute_tool"
        gen_ai.tool.call.arguments = "{\"ticket\":2}"
        session.id = "s-1"
        ticket = 2
        user.id = "u-1"
        event exception exception.message="no ticket 2"
    slow (internal)
        as_type = "chain"
        gen_ai.operation.name = "invoke_workflow"
        level = "WARNING"
        session.id = "s-1"
        status_message = "cancelled"
        user.id = "u-1"
    connect (internal)
        client = "{\"host\":\"crm\",\"api_key\":\"[redacted]\",\"_type\":\"Client\"}"
        input.value = "{\"client\":{\"host\":\"crm\",\"api_key\":\"[redacted]\",\"_type\":\"Client\"},\"raw\":[0, 255],\"large\":340282366920938463463374607431768211455,\"token_budget\":3}"
        large = "340282366920938463463374607431768211455"
        raw = "[0, 255]"
        session.id = "s-1"
        token_budget = 3
        user.id = "u-1"
    generate (internal)
        attempt = 1
        cost = 0.0003
        cost_details = "{\"input\":0.0002,\"output\":0.0001,\"total\":0.0003}"
        gen_ai.input.messages = "Was it paid?"
        gen_ai.operation.name = "chat"
        gen_ai.output.messages = "It was paid."
        gen_ai.prompt.name = "answer"
        gen_ai.prompt.version = 3
        gen_ai.request.model = "mistral-7b"
        gen_ai.request.seed = "18446744073709551615"
        gen_ai.request.temperature = 0.2
        gen_ai.usage.cache_read.input_tokens = 30
        gen_ai.usage.input_tokens = 120
        gen_ai.usage.output_tokens = 8
        level = "WARNING"
        session.id = "s-1"
        status_message = "slow model"
        stop = "[\"\\n\", \"END\"]"
        user.id = "u-1"
        link to a span that is not here
"#;

#[test]
fn langfuse_stores_every_row_with_its_facts() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (_llm, trace_id) = run_it(&langfuse, over_http(&otlp.url()));
    let mut stored = rows::of_requests(&langfuse.requests());
    stored.retain(|row| row.trace_id == trace_id);
    assert_eq!(format!("\n{}", rows::tree(&stored)), IN_LANGFUSE);
    for row in &stored {
        assert_eq!(
            (row.user.as_deref(), row.session.as_deref()),
            (Some("u-1"), Some("s-1")),
            "{}",
            row.name
        );
        assert_eq!(
            (row.release.as_deref(), row.version.as_deref()),
            (Some("1.4.2"), None),
            "{}",
            row.name
        );
        assert_eq!(row.metadata.get("plan"), Some(&json!("free")), "{}", row.name);
        assert_eq!(row.is_root, row.name == "run", "{}", row.name);
        assert!(row.start <= row.end && !row.public, "{}", row.name);
    }
    let call = stored.iter().find(|row| row.name == "generate").unwrap();
    let first = humantime::parse_rfc3339(call.first_token.as_deref().unwrap()).unwrap();
    let first = first.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!((u128::from(call.start)..=u128::from(call.end)).contains(&first));
    assert_eq!(call.metadata.get("attempt"), Some(&json!(1)));
    let connect = stored.iter().find(|row| row.name == "connect").unwrap();
    assert_eq!(connect.metadata.get("large"), Some(&json!(u128::MAX.to_string())));
}

#[test]
fn no_wire_carries_the_secret() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let _llm = run_it(&langfuse, over_http(&otlp.url()));
    for request in langfuse.requests().iter().chain(&otlp.requests()) {
        assert!(!request.body.windows(9).any(|bytes| bytes == b"sk-secret"));
        assert!(request.body.windows(10).any(|bytes| bytes == b"[redacted]"));
    }
}

#[test]
fn no_wire_carries_a_secret_under_a_name_that_means_something_else_too() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .capture_content(true)
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        let call = info_span!(
            "call",
            gen_ai.request.model = "m",
            gen_ai.request.api_key = "sk-secret",
            trace.metadata.password = "sk-secret",
            model_parameters = r#"{"access_token":"sk-secret"}"#
        );
        let call = call.observation();
        call.parameter("api_key", "sk-secret")
            .parameter("stop_token", "kept");
        call.trace().metadata("client_secret", "sk-secret");
    });
    let _ = llm.flush_blocking(Duration::from_secs(20));
    for request in [&langfuse.requests()[0], &otlp.requests()[0]] {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains("sk-secret"), "{body}");
        assert!(body.contains("[redacted]") && body.contains("kept"), "{body}");
    }
}

const IN_LANGFUSE: &str = r#"
AGENT 'run'  trace=run  user=u-1  session=s-1  tags=["beta","rust"]  env=prod  root, no parent
    in:  {"question":"Was it paid?"}
    out: It was paid.
    meta: plan, question, tenant.id
  TOOL 'look up 1'
      in:  {"ticket":1}
      out: ["paid"]
      meta: plan, ticket
  TOOL 'look up 2'  level=ERROR  status=no ticket 2
      in:  {"ticket":2}
      meta: plan, ticket
  CHAIN 'slow'  level=WARNING  status=cancelled
      meta: plan
  SPAN 'connect'
      in:  {"client":{"host":"crm","api_key":"[redacted]","_type":"Client"},"raw":[0, 255],"large":340282366920938463463374607431768211455,"token_budget":3}
      meta: large, plan, token_budget
  GENERATION 'generate'  model=mistral-7b  params={"seed":18446744073709551615,"stop":"[\"\\n\",\"END\"]","temperature":0.2}  usage={"input":90,"input_cached_tokens":30,"output":8,"total":128}  cost={"input":0.0002,"output":0.0001,"total":0.0003}  level=WARNING  status=slow model  prompt=answer@3
      in:  Was it paid?
      out: It was paid.
      meta: attempt, plan
"#;
