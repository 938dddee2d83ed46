//! What each destination is told of a vocabulary: Langfuse everything in its own words, OTLP the names that its
//! backends know.

use std::time::Duration;

use tracing::dispatcher::{self, Dispatch};
use tracing::{info, info_span};
use tracing_llm::{Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::Receiver;
use crate::support::rows;

/// The rows that Langfuse stores and the attributes that an OTLP backend gets, as text.
fn both((guessed_usage, content): (bool, bool), code: impl FnOnce()) -> (String, String) {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let (layer, llm) = tracing_llm::builder()
        .langfuse(keys.base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .capture_content(content)
        .guessed_usage(guessed_usage)
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    dispatcher::with_default(&Dispatch::new(subscriber), code);
    llm.flush_blocking(Duration::from_secs(20));
    let rows = rows::tree(&rows::of_requests(&langfuse.requests()));
    let attributes = otlp.spans().into_iter().flat_map(|span| {
        let attributes = rows::attributes(&span.attributes);
        let attributes = attributes
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        let events = span.events.into_iter().map(|event| {
            let keys: Vec<_> = event
                .attributes
                .iter()
                .map(|attribute| attribute.key.as_str())
                .collect();
            // An event without a name is called after its place in the source.
            let name = event.name.split(' ').next().unwrap_or_default();
            format!("{name}({})\n", keys.join(", "))
        });
        attributes.chain(events).collect::<Vec<_>>()
    });
    (
        format!("\n{rows}"),
        format!("\n{}", attributes.collect::<String>()),
    )
}

#[track_caller]
fn is(found: &str, expected: &str) {
    assert!(found == expected, "--- expected{expected}--- found{found}---");
}

#[test]
fn openinference_keeps_its_names_for_a_backend_that_reads_them() {
    let (langfuse, otlp) = both((true, true), || {
        drop(info_span!(
            "ChatCompletion",
            openinference.span.kind = "LLM",
            llm.model_name = "gpt-4o",
            llm.invocation_parameters = r#"{"temperature":0.2}"#,
            input.value = "as it went over the wire",
            "llm.input_messages.0.message.role" = "user",
            "llm.input_messages.0.message.content" = "2+2?",
            output.value = "4",
            llm.token_count.prompt = 100,
            llm.token_count.completion = 20,
            llm.token_count.prompt_details.cache_read = 60,
            llm.cost.total = 0.75,
        ));
    });
    is(
        &langfuse,
        r#"
GENERATION 'ChatCompletion'  trace=ChatCompletion  model=gpt-4o  params={"temperature":0.2}  usage={"input":40,"input_cached_tokens":60,"output":20,"total":120}  cost={"total":0.75}  root, no parent
    in:  [{"role":"user","content":"2+2?"}]
    out: 4
"#,
    );
    is(
        &otlp,
        r#"
gen_ai.operation.name = "chat"
input.value = "as it went over the wire"
llm.cost.total = 0.75
llm.input_messages.0.message.content = "2+2?"
llm.input_messages.0.message.role = "user"
llm.invocation_parameters = "{\"temperature\":0.2}"
llm.model_name = "gpt-4o"
llm.token_count.completion = 20
llm.token_count.prompt = 100
llm.token_count.prompt_details.cache_read = 60
openinference.span.kind = "LLM"
output.value = "4"
"#,
    );
}

#[test]
fn what_the_conventions_left_behind_is_renamed_and_messages_stay_as_they_were_said() {
    let (langfuse, otlp) = both((true, true), || {
        drop(info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-4o",
            gen_ai.system_instructions = "Be brief.",
            gen_ai.input.messages = r#"[{"role":"user","content":"2+2?"}]"#,
            gen_ai.completion = "4",
            gen_ai.usage.prompt_tokens = 100,
            gen_ai.usage.cache_creation_input_tokens = 10,
            gen_ai.usage.total_tokens = 105,
            gen_ai.usage.tool_use_prompt_tokens = 2,
        ));
    });
    is(
        &langfuse,
        r#"
GENERATION 'chat'  trace=chat  model=gpt-4o  usage={"input":92,"input_cache_creation":10,"total":105}  root, no parent
    in:  [{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}]
    out: 4
"#,
    );
    is(
        &otlp,
        r#"
cost = 0.000255
gen_ai.input.messages = "[{\"role\":\"user\",\"content\":\"2+2?\"}]"
gen_ai.operation.name = "chat"
gen_ai.output.messages = "4"
gen_ai.request.model = "gpt-4o"
gen_ai.system_instructions = "Be brief."
gen_ai.usage.cache_write.input_tokens = 10
gen_ai.usage.input_tokens = 100
gen_ai.usage.tool_use_prompt_tokens = 2
gen_ai.usage.total_tokens = 105
"#,
    );
}

#[test]
fn what_is_written_in_two_vocabularies_is_read_once_and_kept_in_both() {
    let (langfuse, otlp) = both((true, true), || {
        drop(info_span!(
            "call",
            gen_ai.operation.name = "chat",
            openinference.span.kind = "CHAIN",
            traceloop.span.kind = "task",
            gen_ai.usage.input_tokens = 9,
            llm.token_count.prompt = 9,
            gen_ai.usage.output_tokens = 3,
            llm.token_count.completion = 4,
            gen_ai.input.messages = "said",
            input.value = "said",
            traceloop.entity.input = "said otherwise",
            session.id = "s",
            traceloop.association.properties.session_id = "other",
        ));
    });
    is(
        &langfuse,
        r#"
CHAIN 'call'  trace=call  session=s  usage={"input":9,"output":3,"total":12}  root, no parent
    in:  said
    meta: llm.token_count.completion, traceloop.entity.input
"#,
    );
    is(
        &otlp,
        r#"
gen_ai.input.messages = "said"
gen_ai.operation.name = "chat"
gen_ai.usage.input_tokens = 9
gen_ai.usage.output_tokens = 3
input.value = "said"
llm.token_count.completion = 4
llm.token_count.prompt = 9
openinference.span.kind = "CHAIN"
session.id = "s"
traceloop.association.properties.session_id = "other"
traceloop.entity.input = "said otherwise"
traceloop.span.kind = "task"
"#,
    );
}

#[test]
fn without_the_switch_no_content_goes_to_otlp_whatever_carries_it() {
    let (_, otlp) = both((true, false), || {
        info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.system_instructions = "secret",
            "gen_ai.prompt.0.content" = "secret",
            "llm.output_messages.0.message.content" = "secret",
            input.value = "secret",
            traceloop.entity.output = "secret",
        )
        .in_scope(|| {
            info!(name: "gen_ai.user.message", content = "secret");
            info!(event.name = "gen_ai.choice", content = "secret");
            info!(langfuse.output = "secret");
            info!("said");
        });
    });
    is(
        &otlp,
        r#"
gen_ai.operation.name = "chat"
gen_ai.user.message()
event()
said()
"#,
    );
}

#[test]
fn a_call_that_failed_is_not_priced_by_guess() {
    let failed = || {
        drop(info_span!(
            "failed",
            gen_ai.request.model = "gpt-4o",
            gen_ai.prompt = "2+2?",
            error.type = "429"
        ));
        drop(info_span!(
            "went well",
            gen_ai.request.model = "gpt-4o",
            gen_ai.prompt = "2+2?"
        ));
    };
    let (langfuse, _) = both((true, true), failed);
    is(
        &langfuse,
        r#"
GENERATION 'failed'  trace=failed  model=gpt-4o  usage={"input":0,"output":0,"total":0}  level=ERROR  status=429  root, no parent
    in:  2+2?
    meta: error.type
GENERATION 'went well'  trace=went well  model=gpt-4o  root, no parent
    in:  2+2?
"#,
    );
    let (langfuse, _) = both((false, true), || {
        drop(info_span!(
            "went well",
            gen_ai.request.model = "gpt-4o",
            gen_ai.prompt = "2+2?"
        ));
    });
    assert!(
        langfuse.contains(r#"usage={"input":0,"output":0,"total":0}"#),
        "{langfuse}"
    );
}

#[test]
fn an_agents_copy_of_the_usage_is_metadata_in_langfuse_and_stays_in_otlp() {
    let (langfuse, otlp) = both((true, true), || {
        info_span!(
            "agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.request.model = "gpt-4o",
            gen_ai.usage.input_tokens = 9_u64
        )
        .in_scope(|| {
            drop(info_span!(
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.usage.input_tokens = 9_u64
            ));
        });
    });
    is(
        &langfuse,
        r#"
AGENT 'agent'  trace=agent  model=gpt-4o  usage={"input":0,"output":0,"total":0}  root, no parent
    meta: gen_ai.usage.input_tokens
  GENERATION 'chat'  usage={"input":9,"total":9}
"#,
    );
    is(
        &otlp,
        r#"
gen_ai.operation.name = "chat"
gen_ai.usage.input_tokens = 9
gen_ai.operation.name = "invoke_agent"
gen_ai.request.model = "gpt-4o"
gen_ai.usage.input_tokens = 9
"#,
    );
}
