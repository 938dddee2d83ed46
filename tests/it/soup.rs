//! Fields of every name with values of every kind, in any order: whatever comes, an observation comes of it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde::de::{Deserializer, MapAccess, Visitor};
use tracing::field::{Empty, Value, debug, display};
use tracing::{Dispatch, Span, dispatcher, info, info_span};
use tracing_llm::testing::Capture;
use tracing_llm::{Account, Guard, Kind, Langfuse, Level, Otlp, SpanExt, Usage};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::Receiver;
use crate::support::{demands, rows};

/// Names of every family, with some of nobody's.
const NAMES: &[&str] = &[
    "as_type",
    "observation_type",
    "langfuse.observation.type",
    "langfuse.capture",
    "otel.name",
    "otel.kind",
    "otel.status_code",
    "otel.status_description",
    "langfuse.observation.level",
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "model",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "temperature",
    "gen_ai.request.temperature",
    "langfuse.observation.model.parameters",
    "input",
    "messages",
    "prompt",
    "gen_ai.input.messages",
    "langfuse.observation.input",
    "output",
    "completion",
    "gen_ai.output.messages",
    "input_tokens",
    "usage.input",
    "usage",
    "gen_ai.usage.input_tokens",
    "cost",
    "cost_details",
    "gen_ai.usage.cost",
    "langfuse.observation.completion_start_time",
    "gen_ai.response.time_to_first_chunk",
    "prompt.name",
    "prompt.version",
    "metadata.key",
    "langfuse.observation.metadata",
    "langfuse.observation.metadata.key",
    "user_id",
    "user.id",
    "langfuse.user.id",
    "session_id",
    "tags",
    "langfuse.trace.tags",
    "environment",
    "trace_name",
    "langfuse.trace.public",
    "langfuse.trace.metadata",
    "trace.metadata.key",
    "http.method",
    "key",
    "question",
    "app.tenant",
    "openinference.span.kind",
    "llm.model_name",
    "llm.token_count.prompt",
    "llm.invocation_parameters",
    "input.value",
    "llm.input_messages.0.message.role",
    "llm.input_messages.0.message.content",
    "llm.input_messages.1.message.contents.0.message_content.text",
    "llm.output_messages.0.message.content",
    "traceloop.span.kind",
    "traceloop.entity.input",
    "traceloop.association.properties.session_id",
    "llm.usage.total_tokens",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0",
    "gen_ai.prompt.name",
    "gen_ai.completion.4294967296..x",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.tool_use_prompt_tokens",
    "gen_ai.system_instructions",
    "gen_ai.agent.name",
    "gen_ai.tool.call.outcome",
    "error.type",
    "ai.usage.promptTokens",
    "ai.response.msToFirstChunk",
    "model_config",
    "input_json",
    "usage_details_json",
    "langfuse.type",
    "langfuse.usage",
    "codex.turn.token_usage.input_tokens",
    "thread.id",
    "gcp.vertex.agent.llm_request",
    "metadata",
];

macro_rules! declaring {
    ($($name:literal)*) => { info_span!("soup", $($name = Empty),*) };
}

/// A span that declares them all.
fn span() -> Span {
    declaring!(
        "as_type" "observation_type" "langfuse.observation.type" "langfuse.capture" "otel.name" "otel.kind"
        "otel.status_code" "otel.status_description" "langfuse.observation.level" "gen_ai.operation.name"
        "gen_ai.tool.name" "model" "gen_ai.request.model" "gen_ai.response.model" "temperature"
        "gen_ai.request.temperature" "langfuse.observation.model.parameters" "input" "messages" "prompt"
        "gen_ai.input.messages" "langfuse.observation.input" "output" "completion" "gen_ai.output.messages"
        "input_tokens" "usage.input" "usage" "gen_ai.usage.input_tokens" "cost" "cost_details" "gen_ai.usage.cost"
        "langfuse.observation.completion_start_time" "gen_ai.response.time_to_first_chunk" "prompt.name"
        "prompt.version" "metadata.key" "langfuse.observation.metadata" "langfuse.observation.metadata.key" "user_id"
        "user.id" "langfuse.user.id" "session_id" "tags" "langfuse.trace.tags" "environment" "trace_name"
        "langfuse.trace.public" "langfuse.trace.metadata" "trace.metadata.key" "http.method" "key" "question"
        "app.tenant"
        "openinference.span.kind"
        "llm.model_name"
        "llm.token_count.prompt"
        "llm.invocation_parameters"
        "input.value"
        "llm.input_messages.0.message.role"
        "llm.input_messages.0.message.content"
        "llm.input_messages.1.message.contents.0.message_content.text"
        "llm.output_messages.0.message.content"
        "traceloop.span.kind"
        "traceloop.entity.input"
        "traceloop.association.properties.session_id"
        "llm.usage.total_tokens"
        "gen_ai.prompt"
        "gen_ai.prompt.0.content"
        "gen_ai.prompt.0"
        "gen_ai.prompt.name"
        "gen_ai.completion.4294967296..x"
        "gen_ai.usage.prompt_tokens"
        "gen_ai.usage.reasoning_tokens"
        "gen_ai.usage.tool_use_prompt_tokens"
        "gen_ai.system_instructions"
        "gen_ai.agent.name"
        "gen_ai.tool.call.outcome"
        "error.type"
        "ai.usage.promptTokens"
        "ai.response.msToFirstChunk"
        "model_config"
        "input_json"
        "usage_details_json"
        "langfuse.type"
        "langfuse.usage"
        "codex.turn.token_usage.input_tokens"
        "thread.id"
        "gcp.vertex.agent.llm_request"
        "metadata"
    )
}

#[derive(Clone, Debug)]
enum Act {
    Record(&'static str, Given),
    Handle(u8, String),
    Trace(u8, String),
    Event(String),
    Below,
}

#[derive(Clone, Debug)]
enum Given {
    Text(String),
    Display(String),
    Debug(String),
    Number(i64),
    Float(f64),
    Switch(bool),
    Wide(u128),
    Bytes(Vec<u8>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "(agent|generation|tool|chat|none|output|ERROR|true|2026-01-01T00:00:00Z|-?[0-9]{1,3}|[0-9]\\.5)",
        r#"(\[\]|\[\{"role":"user","content":"x"\}\]|\{"input":1,"cost":0.5\}|LLM|workflow|None|Some\(5\)|Ok\(1\)|Err\("x"\)|\[1, 2\]|A \{ b: 1 \}|\{"a":1\}|\["a","b"\]|"quoted"|a,b,,)"#,
    ]
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        text().prop_map(Given::Text),
        text().prop_map(Given::Display),
        text().prop_map(Given::Debug),
        any::<i64>().prop_map(Given::Number),
        any::<f64>().prop_map(Given::Float),
        any::<bool>().prop_map(Given::Switch),
        any::<u128>().prop_map(Given::Wide),
        any::<Vec<u8>>().prop_map(Given::Bytes),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (proptest::sample::select(NAMES), given()).prop_map(|(name, value)| Act::Record(name, value)),
        3 => (0..14_u8, text()).prop_map(|(which, text)| Act::Handle(which, text)),
        1 => (0..8_u8, text()).prop_map(|(which, text)| Act::Trace(which, text)),
        1 => text().prop_map(Act::Event),
        1 => Just(Act::Below),
    ]
}

impl Given {
    fn record(&self, span: &Span, name: &str) {
        let record = |value: &dyn Value| {
            span.record(name, value);
        };
        match self {
            Self::Text(text) => record(&text.as_str()),
            Self::Display(text) => record(&display(text)),
            Self::Debug(text) => record(&debug(text)),
            Self::Number(number) => record(number),
            Self::Float(number) => record(number),
            Self::Switch(switch) => record(switch),
            Self::Wide(number) => record(number),
            Self::Bytes(bytes) => record(&bytes.as_slice()),
        }
    }
}

impl Act {
    fn on(&self, span: &Span) {
        let handle = span.observation();
        match self {
            Self::Record(name, value) => value.record(span, name),
            Self::Handle(which, text) => {
                let _ = match which {
                    0 => handle.input(text),
                    1 => handle.output(text),
                    2 => handle.model(text),
                    3 => handle.name(text),
                    4 => handle.metadata("key", text),
                    5 => handle.metadata(text, 1),
                    6 => handle.parameter("temperature", text),
                    7 => handle.usage(Usage::new(text.len(), 1).bucket(text.clone(), 2)),
                    8 => handle.cost(0.5),
                    9 => handle.level(Level::Warning),
                    10 => handle.status_message(text),
                    11 => handle.kind(Kind::Agent),
                    12 => handle.prompt((text, 1)),
                    _ => handle.first_token().end(),
                };
            }
            Self::Trace(which, text) => {
                let trace = handle.trace();
                let _ = match which {
                    0 => trace.user(text),
                    1 => trace.session(text),
                    2 => trace.tags([text]),
                    3 => trace.metadata(text, text),
                    4 => trace.name(text),
                    5 => trace.environment(text),
                    6 => trace.version(text),
                    _ => trace.public(true),
                };
            }
            Self::Event(text) => span.in_scope(|| info!(as_type = text, "{text}")),
            Self::Below => span.in_scope(|| drop(info_span!("below", model = "m", prompt = "p"))),
        }
    }
}

/// The keys of a JSON object, also those that are there twice.
fn keys(json: &str) -> Result<Vec<String>, serde_json::Error> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Keys)
}

/// Seeds that failed are kept. Integration tests have no `lib.rs` beside them that proptest could go by.
fn kept() -> ProptestConfig {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/soup.txt");
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..ProptestConfig::default()
    }
}

/// A whole program with both destinations, which take everything.
struct Program {
    subscriber: Dispatch,
    llm: Guard,
    langfuse: Receiver,
    otlp: Receiver,
}

impl Program {
    /// The only one: a case costs no thread and no server.
    fn get() -> MutexGuard<'static, Self> {
        static PROGRAM: OnceLock<Mutex<Program>> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| Mutex::new(Self::new()));
        program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new() -> Self {
        let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
        let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
        let (layer, llm) = tracing_llm::builder()
            .langfuse(keys.base_url(langfuse.url()))
            .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
            .capture_content(true)
            .on_diagnostic(|_| {})
            .build()
            .unwrap();
        Self {
            subscriber: Dispatch::new(tracing_subscriber::registry().with(layer)),
            llm,
            langfuse,
            otlp,
        }
    }

    /// Makes a span of each set of acts and holds what comes out of it against what backends demand.
    fn serve(&self, soups: &[Vec<Act>]) {
        let failed = || self.llm.ledger().lanes().iter().map(Account::failed).sum::<u64>();
        let before = failed();
        dispatcher::with_default(&self.subscriber, || {
            for acts in soups {
                let span = span();
                acts.iter().for_each(|act| act.on(&span));
            }
        });
        let report = self.llm.flush_blocking(Duration::from_secs(30));
        let (langfuse, otlp) = (self.langfuse.take_requests(), self.otlp.take_requests());
        assert_eq!(
            (failed(), report.lane("langfuse").unwrap().pending()),
            (before, 0)
        );
        let below = soups.iter().flatten().filter(|act| matches!(act, Act::Below));
        let least = soups.len() + below.count();
        // Langfuse has event observations, too.
        assert!(demands::langfuse(&langfuse).len() >= least);
        assert_eq!(demands::otlp(&otlp).len(), least);
        rows::of_requests(&langfuse);
    }
}

proptest! {
    #![proptest_config(kept())]

    #[test]
    fn one_observation_with_each_key_once(acts in proptest::collection::vec(act(), 0..24)) {
        let capture = Capture::new();
        capture.run(|| {
            let span = span();
            acts.iter().for_each(|act| act.on(&span));
        });
        let observations = capture.observations();
        let soups = observations.iter().filter(|one| one.id().to_string().ends_with("01"));
        prop_assert_eq!(soups.count(), 1);
        let whole = capture.whole_tree();
        for label in ["meta:", "params:"] {
            for line in whole.split('\n').filter_map(|line| line.trim_start().strip_prefix(label)) {
                let keys = keys(line.trim());
                prop_assert!(keys.is_ok(), "{line}");
                let mut keys = keys.unwrap_or_default();
                keys.sort_unstable();
                let count = keys.len();
                keys.dedup();
                prop_assert_eq!(keys.len(), count, "{}", line);
            }
        }
    }
    /// Sixteen field sets a case: `PROPTEST_CASES=62500 cargo test --release --test it -- soup` serves a million.
    #[test]
    fn no_backend_refuses_it_and_the_tree_stays_whole(
        soups in proptest::collection::vec(proptest::collection::vec(act(), 0..24), 16)
    ) {
        Program::get().serve(&soups);
    }
}
