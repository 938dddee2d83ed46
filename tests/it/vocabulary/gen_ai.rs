//! OpenTelemetry's GenAI conventions, in all generations of their names.

use tracing::field::Empty;
use tracing::{info, info_span};
use tracing_llm::SpanExt;
use tracing_llm::testing::Capture;

use super::kinds;
use crate::support::shows::shows;

#[test]
fn an_inference_in_todays_names() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "chat gpt-4o",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o",
            gen_ai.response.model = "gpt-4o-2024-08-06",
            gen_ai.conversation.id = "c-1",
            gen_ai.request.temperature = 0.2,
            gen_ai.request.stop_sequences = r#"["END"]"#,
            gen_ai.request.reasoning.level = "high",
            openai.request.service_tier = "auto",
            gen_ai.response.id = "r-1",
            gen_ai.response.finish_reasons = r#"["stop"]"#,
            gen_ai.response.time_to_first_chunk = 0.25,
            gen_ai.usage.input_tokens = 100_u64,
            gen_ai.usage.output_tokens = "180",
            gen_ai.usage.cache_read.input_tokens = 50,
            gen_ai.usage.cache_write.input_tokens = 25,
            gen_ai.usage.reasoning.output_tokens = 90,
            gen_ai.usage.audio.input_tokens = 5,
            gen_ai.usage.text.input_tokens = 95,
            gen_ai.usage.something_new = 7,
            gen_ai.input.messages = r#"[{"role":"user","parts":[]}]"#,
            gen_ai.output.messages = r#"[{"role":"assistant","parts":[]}]"#,
            gen_ai.tool.definitions = r#"[{"type":"function","name":"f"}]"#,
            gen_ai.prompt.variable.language = "French",
        ));
    });
    shows(
        &capture,
        r#"
generation chat gpt-4o  model=gpt-4o-2024-08-06
  trace:  session=c-1
  params: {"temperature":0.2,"stop_sequences":["END"],"reasoning.level":"high","service_tier":"auto"}
  usage:  input=20 output=90 input_cached_tokens=50 input_cache_creation=25 output_reasoning_tokens=90 input_audio_tokens=5 total=280
  first:  250ms
  in:     [{"role":"user","parts":[]}]
  out:    [{"role":"assistant","parts":[]}]
  meta:   {"gen_ai.provider.name":"openai","gen_ai.request.model":"gpt-4o","gen_ai.response.id":"r-1","gen_ai.response.finish_reasons":"[\"stop\"]","gen_ai.usage.text.input_tokens":95,"gen_ai.usage.something_new":7,"gen_ai.tool.definitions":"[{\"type\":\"function\",\"name\":\"f\"}]","gen_ai.prompt.variable.language":"French"}
"#,
    );
}

#[test]
fn the_older_names_mean_the_same() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "call",
            gen_ai.system = "openai",
            gen_ai.request.model = "m",
            gen_ai.openai.request.seed = 7,
            gen_ai.prompt = "2+2?",
            gen_ai.completion = "4",
            gen_ai.usage.prompt_tokens = 10,
            gen_ai.usage.completion_tokens = 5,
            gen_ai.usage.total_tokens = 15,
            gen_ai.usage.cache_read_input_tokens = 3,
            gen_ai.usage.cache_creation_input_tokens = 2,
            gen_ai.usage.reasoning_tokens = 1,
            gen_ai.usage.cost = 0.5,
            gen_ai.server.ttft = 0.125,
            enduser.id = "u",
        ));
        drop(info_span!(
            "by index",
            gen_ai.request.model = "m",
            "gen_ai.prompt.0.role" = "system",
            "gen_ai.prompt.0.content" = "Be brief.",
            "gen_ai.prompt.1.role" = "user",
            "gen_ai.prompt.1.content" = "2+2?",
            gen_ai.prompt.name = "qa",
            gen_ai.prompt.variable.x = 2,
            "gen_ai.completion.0.role" = "assistant",
            "gen_ai.completion.0.finish_reason" = "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id" = "c-1",
            "gen_ai.completion.0.tool_calls.0.name" = "add",
            "gen_ai.completion.0.tool_calls.0.arguments" = r#"{"a":2,"b":2}"#,
        ));
    });
    shows(
        &capture,
        r#"
generation call  model=m
  trace:  user=u
  params: {"seed":7}
  usage:  input=5 output=4 total=15 input_cached_tokens=3 input_cache_creation=2 output_reasoning_tokens=1
  cost:   total=0.5
  first:  125ms
  in:     2+2?
  out:    4
  meta:   {"gen_ai.system":"openai"}
generation by index  model=m
  in:     [{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}]
  out:    [{"role":"assistant","finish_reason":"tool_calls","tool_calls":[{"id":"c-1","name":"add","arguments":"{\"a\":2,\"b\":2}"}]}]
  meta:   {"gen_ai.prompt.name":"qa","gen_ai.prompt.variable.x":2}
"#,
    );
}

#[test]
fn what_replaced_a_name_is_trusted_more_and_what_was_left_behind_completes_it() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "call",
            gen_ai.request.model = "m",
            gen_ai.usage.cache_write.input_tokens = 25,
            gen_ai.usage.cache_creation.input_tokens = 26,
            gen_ai.usage.input_tokens = 100,
            gen_ai.usage.prompt_tokens = 101,
            gen_ai.usage.output_tokens = 10,
            gen_ai.usage.total_tokens = 110,
            gen_ai.input.messages = "[]",
            gen_ai.prompt = "old",
            session.id = "s",
            gen_ai.conversation.id = "c",
        ));
        drop(info_span!(
            "tools of the provider and reasoning beside the answer",
            gen_ai.request.model = "gemini",
            gen_ai.usage.input_tokens = 434,
            gen_ai.usage.output_tokens = 7,
            gen_ai.usage.reasoning_tokens = 830,
            gen_ai.usage.tool_use_prompt_tokens = 6,
        ));
    });
    shows(
        &capture,
        r#"
generation call  model=m
  trace:  session=s
  usage:  input_cache_creation=25 input=75 output=10 total=110
  in:     []
  meta:   {"gen_ai.prompt":"old"}
generation tools of the provider and reasoning beside the answer  model=gemini
  usage:  input=440 output=7 output_reasoning_tokens=830 total=1277
"#,
    );
}

#[test]
fn instructions_apart_from_the_messages_are_the_first_message() {
    let capture = Capture::new();
    let parts = r#"[{"type":"text","content":"Be brief."}]"#;
    capture.run(|| {
        let call = |messages: &str, instructions: &str| {
            drop(info_span!(
                "call",
                gen_ai.request.model = "m",
                gen_ai.input.messages = messages,
                gen_ai.system_instructions = instructions
            ));
        };
        call(
            r#"[{"role":"user","parts":[{"type":"text","content":"2+2?"}]}]"#,
            parts,
        );
        call(
            r#"[{"role":"user","parts":[{"type":"text","content":"2+2?"}]}]"#,
            "Be brief.",
        );
        call(r#" [{"role":"user","content":"2+2?"}]"#, parts);
        call(
            r#"[{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]"#,
            parts,
        );
        call(r#"[{"role":"system","content":"Be brief."}]"#, parts);
        call(r#"[{"role":"system","content":"Be long."}]"#, parts);
        call("2+2?", parts);
        call("[]", parts);
        drop(info_span!(
            "none",
            langfuse.capture = "none",
            gen_ai.system_instructions = parts
        ));
        drop(info_span!("alone", gen_ai.system_instructions = parts));
    });
    shows(
        &capture,
        r#"
generation call  model=m
  in:     [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"2+2?"}]}]
generation call  model=m
  in:     [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"2+2?"}]}]
generation call  model=m
  in:     [{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}]
generation call  model=m
  in:     [{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]
generation call  model=m
  in:     [{"role":"system","content":"Be brief."}]
generation call  model=m
  in:     [{"role":"system","content":"Be long."}]
  meta:   {"gen_ai.system_instructions":[{"type":"text","content":"Be brief."}]}
generation call  model=m
  in:     2+2?
  meta:   {"gen_ai.system_instructions":[{"type":"text","content":"Be brief."}]}
generation call  model=m
  in:     []
  meta:   {"gen_ai.system_instructions":[{"type":"text","content":"Be brief."}]}
span none
span alone
  meta:   {"gen_ai.system_instructions":[{"type":"text","content":"Be brief."}]}
"#,
    );
}

#[test]
fn messages_came_as_events_once() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.system_instructions = "Be brief."
        )
        .in_scope(|| {
            info!(name: "gen_ai.user.message", content = "2+2?");
            info!(
                event.name = "gen_ai.assistant.message",
                content = "4",
                role = "model"
            );
            info!("any other");
            info!(name: "gen_ai.choice", index = 0, finish_reason = "stop", message = "{}");
        });
    });
    shows(
        &capture,
        r#"
generation chat
  in:     [{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"},{"content":"4","role":"model"}]
  out:    [{"role":"assistant","index":0,"finish_reason":"stop","message":"{}"}]
"#,
    );
}

#[test]
fn every_operation_has_a_type() {
    let names = [
        "chat_streaming",
        "interactions",
        "transcription",
        "image_generation",
        "audio_generation",
        "rerank",
        "search_memory",
        "plan",
        "agent_step",
        "fetch_response",
        "create_memory",
        "something_new",
    ];
    kinds(
        || {
            for name in names {
                drop(info_span!(
                    "operation",
                    otel.name = name,
                    gen_ai.operation.name = name,
                    gen_ai.request.model = "m"
                ));
            }
            drop(info_span!("zeus", gen_ai.agent.name = "zeus"));
            drop(info_span!(
                "a call",
                gen_ai.agent.name = "zeus",
                gen_ai.request.model = "m"
            ));
            drop(info_span!(
                "a tool",
                gen_ai.agent.name = "zeus",
                gen_ai.tool.name = "t"
            ));
        },
        &[
            "generation chat_streaming",
            "generation interactions",
            "generation transcription",
            "generation image_generation",
            "generation audio_generation",
            "retriever rerank",
            "retriever search_memory",
            "chain plan",
            "agent agent_step",
            "span fetch_response",
            "span create_memory",
            "generation something_new",
            "agent zeus",
            "generation a call",
            "tool a tool",
        ],
    );
}

#[test]
fn the_other_operations_have_their_content() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "retrieval",
            gen_ai.operation.name = "retrieval",
            gen_ai.data_source.id = "docs",
            gen_ai.retrieval.query.text = "invoices",
            gen_ai.retrieval.documents = r#"[{"id":"d-1","score":0.5}]"#,
        ));
        drop(info_span!(
            "search_memory",
            gen_ai.operation.name = "search_memory",
            gen_ai.memory.query.text = "invoices",
            gen_ai.memory.records = r#"[{"content":"c"}]"#,
        ));
        drop(info_span!(
            "a tool that failed",
            gen_ai.tool.name = "add",
            gen_ai.tool.call.outcome = "error",
            gen_ai.tool.error.type = "invalid_args",
        ));
        drop(info_span!(
            "a tool that did not",
            gen_ai.tool.name = "add",
            gen_ai.tool.call.outcome = "success"
        ));
        let tool = info_span!(
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "add",
            gen_ai.tool.call.arguments = r#"{"a":2}"#,
            error.type = Empty,
        );
        tool.record("error.type", "timeout");
        drop(tool);
    });
    shows(
        &capture,
        r#"
retriever retrieval
  in:     invoices
  out:    [{"id":"d-1","score":0.5}]
  meta:   {"gen_ai.data_source.id":"docs"}
retriever search_memory
  in:     invoices
  out:    [{"content":"c"}]
tool a tool that failed  ERROR  status="invalid_args"
  meta:   {"gen_ai.tool.name":"add","gen_ai.tool.call.outcome":"error","gen_ai.tool.error.type":"invalid_args"}
tool a tool that did not
  meta:   {"gen_ai.tool.name":"add","gen_ai.tool.call.outcome":"success"}
tool execute_tool  ERROR  status="timeout"
  in:     {"a":2}
  meta:   {"gen_ai.tool.name":"add","error.type":"timeout"}
"#,
    );
}

#[test]
fn an_agent_does_not_count_again_what_was_counted_below() {
    let capture = Capture::new();
    capture.run(|| {
        let agent = || {
            info_span!(
                "agent",
                gen_ai.operation.name = "invoke_agent",
                gen_ai.usage.input_tokens = 100,
                gen_ai.usage.cost = 0.5
            )
        };
        agent().in_scope(|| {
            info_span!("between").in_scope(|| {
                drop(info_span!(
                    "chat",
                    gen_ai.operation.name = "chat",
                    gen_ai.usage.input_tokens = 100
                ));
            });
        });
        agent().in_scope(|| drop(info_span!("chat", gen_ai.operation.name = "chat")));
        let said = info_span!(
            "said",
            as_type = "agent",
            langfuse.observation.cost_details = r#"{"total":0.25}"#
        );
        said.observation().usage(tracing_llm::Usage::new(1, 1));
        said.in_scope(|| {
            drop(info_span!(
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.usage.input_tokens = 100
            ));
        });
    });
    shows(
        &capture,
        r#"
agent agent
  meta:   {"gen_ai.usage.input_tokens":100,"gen_ai.usage.cost":0.5}
  span between
    generation chat
      usage:  input=100 total=100
agent agent
  usage:  input=100 total=100
  cost:   total=0.5
  generation chat
agent said
  usage:  input=1 output=1 total=2
  cost:   total=0.25
  generation chat
    usage:  input=100 total=100
"#,
    );
}
