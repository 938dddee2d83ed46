//! Spans of real frameworks, as they were seen (`rig` 0.44.0 and `genai` 0.7.2 against a model behind an
//! OpenAI-compatible API): the same names, fields, values and order.

use tracing::field::{Empty, debug};
use tracing::{Span, info, info_span};
use tracing_llm::testing::Capture;

use crate::support::shows::shows;

const INSTRUCTIONS: &str =
    r#"[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]"#;
const MODEL: &str = "gemma-3-270m";
const WEATHER: &str = "What is the weather in Paris?";
const CALL: &str = r#"{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}"#;

/// `rig::agent_chat` and the agent's spans.
mod rig {
    use super::*;

    pub(super) fn invoke_agent(prompt: &str) -> Span {
        let span = info_span!(
            target: "rig_agent::agent::telemetry",
            parent: None,
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "zeus",
            gen_ai.system_instructions = INSTRUCTIONS,
            gen_ai.prompt = Empty,
            gen_ai.completion = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            gen_ai.usage.tool_use_prompt_tokens = Empty,
            gen_ai.usage.reasoning_tokens = Empty,
        );
        span.record("gen_ai.prompt", prompt);
        span
    }

    pub(super) fn chat(agent: &Span, model: &str, messages: &str) -> Span {
        let span = info_span!(
            target: "rig::agent_chat",
            parent: agent,
            "chat",
            rig.completion_parent = true,
            gen_ai.operation.name = "chat",
            gen_ai.system_instructions = INSTRUCTIONS,
            gen_ai.provider.name = Empty,
            gen_ai.request.model = Empty,
            gen_ai.request.stream = Empty,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            rig.provider_request_id = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            gen_ai.usage.tool_use_prompt_tokens = Empty,
            gen_ai.usage.reasoning_tokens = Empty,
            gen_ai.input.messages = Empty,
            gen_ai.output.messages = Empty,
            gen_ai.agent.name = "zeus",
        );
        let messages = format!(r#"[{{"role":"system","parts":{INSTRUCTIONS}}},{messages}]"#);
        span.record("gen_ai.input.messages", messages.as_str());
        span.in_scope(|| {
            span.record("gen_ai.operation.name", "chat");
            span.record("gen_ai.provider.name", "openai");
            span.record("gen_ai.request.model", model);
            span.record("gen_ai.request.stream", false);
            span.record("rig.provider_request_id", "req_1");
        });
        span
    }

    pub(super) fn answered(chat: &Span, (input, output, cached): (u64, u64, u64), messages: &str) {
        chat.record("gen_ai.response.id", "chatcmpl-1");
        chat.record("gen_ai.response.model", MODEL);
        usage(chat, (input, output, cached));
        chat.record("gen_ai.output.messages", messages);
    }

    pub(super) fn usage(span: &Span, (input, output, cached): (u64, u64, u64)) {
        span.record("gen_ai.usage.input_tokens", input);
        span.record("gen_ai.usage.output_tokens", output);
        span.record("gen_ai.usage.cache_read.input_tokens", cached);
    }

    pub(super) fn execute_tool(agent: &Span) {
        let span = info_span!(
            target: "rig_agent::agent::telemetry",
            parent: agent,
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.type = "function",
            gen_ai.tool.name = Empty,
            gen_ai.tool.call.id = Empty,
            gen_ai.tool.call.arguments = Empty,
            gen_ai.tool.call.result = Empty,
            gen_ai.tool.call.outcome = Empty,
            gen_ai.tool.error.type = Empty,
        );
        span.record("gen_ai.tool.name", "get_weather");
        span.record("gen_ai.tool.call.id", debug(format_args!("call_1")));
        span.record("gen_ai.tool.call.arguments", r#"{"city":"Paris"}"#);
        span.record("gen_ai.tool.call.outcome", "success");
        span.record("gen_ai.tool.call.result", "18 C and sunny in Paris");
    }
}

/// `genai`'s spans: it never enters one.
mod genai {
    use super::*;

    pub(super) fn chat(model: &str, stream: bool) -> Span {
        let name = format!("chat {model}");
        let span = info_span!(
            target: "genai::otel::span",
            "genai.chat",
            otel.name = name.as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = model,
            gen_ai.request.stream = stream,
            gen_ai.request.temperature = Empty,
            gen_ai.request.max_tokens = Empty,
            gen_ai.request.top_p = Empty,
            gen_ai.request.seed = Empty,
            gen_ai.request.stop_sequences = Empty,
            gen_ai.output.type = Empty,
            server.address = Empty,
            server.port = Empty,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            gen_ai.usage.reasoning.output_tokens = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.system_instructions = Empty,
            gen_ai.input.messages = Empty,
            gen_ai.output.messages = Empty,
            gen_ai.tool.definitions = Empty,
        );
        span.record("server.address", "127.0.0.1");
        span.record("server.port", 8091_i64);
        span.record("gen_ai.request.temperature", 0.0);
        span.record("gen_ai.request.max_tokens", 48_i64);
        span
    }

    pub(super) fn answered(
        chat: &Span,
        (input, output, cached): (i64, i64, i64),
        finish: &str,
        messages: &str,
    ) {
        chat.record("gen_ai.response.finish_reasons", finish);
        chat.record("gen_ai.usage.input_tokens", input);
        chat.record("gen_ai.usage.output_tokens", output);
        chat.record("gen_ai.usage.cache_read.input_tokens", cached);
        chat.record("gen_ai.output.messages", messages);
    }

    pub(super) fn execute_tool() {
        let span = info_span!(
            target: "genai::otel::agent",
            "genai.execute_tool",
            otel.name = "execute_tool get_weather",
            otel.kind = "internal",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "get_weather",
            gen_ai.tool.call.id = Empty,
            gen_ai.tool.description = Empty,
            gen_ai.tool.type = Empty,
            gen_ai.tool.call.arguments = Empty,
            gen_ai.tool.call.result = Empty,
        );
        span.record("gen_ai.tool.call.id", "call_1");
        span.record("gen_ai.tool.call.arguments", r#"{"city":"Paris"}"#);
        span.in_scope(|| {
            span.record("gen_ai.tool.call.result", "18 C and sunny");
        });
    }
}

#[test]
fn rig_with_a_tool() {
    let capture = Capture::new();
    capture.run(|| {
        let user = format!(r#"{{"role":"user","parts":[{{"type":"text","content":"{WEATHER}"}}]}}"#);
        let called = format!(r#"[{{"role":"assistant","parts":[{CALL}],"finish_reason":"tool_call"}}]"#);
        let agent = rig::invoke_agent(WEATHER);
        agent.in_scope(|| {
            info!("Current conversation Turns: 1/2");
            let chat = rig::chat(&agent, MODEL, &user);
            rig::answered(&chat, (137, 6, 1), &called);
            drop(chat);
            rig::execute_tool(&agent);
            info!("Current conversation Turns: 2/2");
            let history = format!(
                r#"{user},{{"role":"assistant","parts":[{CALL}]}},{{"role":"user","parts":[{{"type":"tool_call_response","id":"call_1","response":"18 C and sunny in Paris"}}]}}"#
            );
            let chat = rig::chat(&agent, MODEL, &history);
            rig::answered(&chat, (200, 5, 122), &called);
            drop(chat);
            rig::execute_tool(&agent);
        });
    });
    shows(
        &capture,
        r#"
agent invoke_agent
  in:     What is the weather in Paris?
  meta:   {"gen_ai.agent.name":"zeus","gen_ai.system_instructions":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]}
  generation chat  model=gemma-3-270m
    params: {"stream":false}
    usage:  input=136 output=6 input_cached_tokens=1 total=143
    in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"What is the weather in Paris?"}]}]
    out:    [{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}],"finish_reason":"tool_call"}]
    meta:   {"rig.completion_parent":true,"gen_ai.agent.name":"zeus","gen_ai.provider.name":"openai","rig.provider_request_id":"req_1","gen_ai.response.id":"chatcmpl-1"}
  tool execute_tool
    in:     {"city":"Paris"}
    out:    18 C and sunny in Paris
    meta:   {"gen_ai.tool.type":"function","gen_ai.tool.name":"get_weather","gen_ai.tool.call.id":"call_1","gen_ai.tool.call.outcome":"success"}
  generation chat  model=gemma-3-270m
    params: {"stream":false}
    usage:  input=78 output=5 input_cached_tokens=122 total=205
    in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"What is the weather in Paris?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}]},{"role":"user","parts":[{"type":"tool_call_response","id":"call_1","response":"18 C and sunny in Paris"}]}]
    out:    [{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}],"finish_reason":"tool_call"}]
    meta:   {"rig.completion_parent":true,"gen_ai.agent.name":"zeus","gen_ai.provider.name":"openai","rig.provider_request_id":"req_1","gen_ai.response.id":"chatcmpl-1"}
  tool execute_tool
    in:     {"city":"Paris"}
    out:    18 C and sunny in Paris
    meta:   {"gen_ai.tool.type":"function","gen_ai.tool.name":"get_weather","gen_ai.tool.call.id":"call_1","gen_ai.tool.call.outcome":"success"}
"#,
    );
}

#[test]
fn rig_counts_its_agents_tokens_once() {
    let capture = Capture::new();
    capture.run(|| {
        let agent = rig::invoke_agent("How long are invoices kept?");
        agent.in_scope(|| {
            let user = r#"{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}"#;
            let chat = rig::chat(&agent, MODEL, user);
            rig::answered(
                &chat,
                (187, 9, 186),
                r#"[{"role":"assistant","parts":[{"type":"text","content":"Invoices are kept for seven years."}],"finish_reason":"unknown"}]"#,
            );
            drop(chat);
            info!(turn = 1, max_turns = 1, "Agent run finished");
            agent.record("gen_ai.completion", "Invoices are kept for seven years.");
            rig::usage(&agent, (187, 9, 186));
        });
    });
    shows(
        &capture,
        r#"
agent invoke_agent
  in:     How long are invoices kept?
  out:    Invoices are kept for seven years.
  meta:   {"gen_ai.agent.name":"zeus","gen_ai.system_instructions":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}],"gen_ai.usage.input_tokens":187,"gen_ai.usage.output_tokens":9,"gen_ai.usage.cache_read.input_tokens":186}
  generation chat  model=gemma-3-270m
    params: {"stream":false}
    usage:  input=1 output=9 input_cached_tokens=186 total=196
    in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]
    out:    [{"role":"assistant","parts":[{"type":"text","content":"Invoices are kept for seven years."}],"finish_reason":"unknown"}]
    meta:   {"rig.completion_parent":true,"gen_ai.agent.name":"zeus","gen_ai.provider.name":"openai","rig.provider_request_id":"req_1","gen_ai.response.id":"chatcmpl-1"}
"#,
    );
}

#[test]
fn rig_says_nothing_of_a_call_that_failed() {
    let capture = Capture::new();
    capture.run(|| {
        let agent = rig::invoke_agent("How long are invoices kept?");
        agent.in_scope(|| {
            let user = r#"{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}"#;
            drop(rig::chat(&agent, "no-such-model", user));
        });
    });
    shows(
        &capture,
        r#"
agent invoke_agent
  in:     How long are invoices kept?
  meta:   {"gen_ai.agent.name":"zeus","gen_ai.system_instructions":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]}
  generation chat  model=no-such-model
    params: {"stream":false}
    in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]
    meta:   {"rig.completion_parent":true,"gen_ai.agent.name":"zeus","gen_ai.provider.name":"openai","rig.provider_request_id":"req_1"}
"#,
    );
}

#[test]
fn genai_streams() {
    let capture = Capture::new();
    capture.run(|| {
        let chat = genai::chat(MODEL, true);
        chat.record("gen_ai.system_instructions", INSTRUCTIONS);
        chat.record(
            "gen_ai.input.messages",
            r#"[{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]"#,
        );
        chat.record("gen_ai.response.time_to_first_chunk", 0.044_075_318);
        genai::answered(
            &chat,
            (187, 9, 186),
            r#"["stop"]"#,
            r#"[{"role":"assistant","parts":[{"type":"text","content":"Invoices are kept for seven years."}],"finish_reason":"stop"}]"#,
        );
    });
    shows(
        &capture,
        r#"
generation chat gemma-3-270m  model=gemma-3-270m
  params: {"stream":true,"temperature":0.0,"max_tokens":48}
  usage:  input=1 output=9 input_cached_tokens=186 total=196
  first:  44.075318ms
  in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]
  out:    [{"role":"assistant","parts":[{"type":"text","content":"Invoices are kept for seven years."}],"finish_reason":"stop"}]
  meta:   {"gen_ai.provider.name":"openai","server.address":"127.0.0.1","server.port":8091,"gen_ai.response.finish_reasons":"[\"stop\"]"}
"#,
    );
}

#[test]
fn genai_with_a_tool_inside_a_request() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("genai_ambient", session.id = "gd-session-genai", user.id = "gd-user-1").in_scope(|| {
            let user = format!(r#"{{"role":"user","parts":[{{"type":"text","content":"{WEATHER}"}}]}}"#);
            let tools = r#"[{"type":"function","name":"get_weather","description":"Weather of a city","parameters":{"type":"object"}}]"#;
            let chat = genai::chat(MODEL, false);
            chat.record("gen_ai.input.messages", format!("[{user}]").as_str());
            chat.record("gen_ai.tool.definitions", tools);
            chat.record("gen_ai.response.model", MODEL);
            let called = format!(r#"[{{"role":"assistant","parts":[{CALL}],"finish_reason":"tool_calls"}}]"#);
            genai::answered(&chat, (118, 6, 1), r#"["tool_calls"]"#, &called);
            drop(chat);
            genai::execute_tool();
            let chat = genai::chat(MODEL, false);
            let history = format!(
                r#"[{user},{{"role":"assistant","parts":[{CALL}]}},{{"role":"tool","parts":[{{"type":"tool_call_response","id":"call_1","result":"18 C and sunny"}}]}}]"#
            );
            chat.record("gen_ai.input.messages", history.as_str());
            chat.record("gen_ai.response.model", MODEL);
            genai::answered(
                &chat,
                (77, 48, 4),
                r#"["length"]"#,
                r#"[{"role":"assistant","parts":[{"type":"text","content":"18 C"}],"finish_reason":"length"}]"#,
            );
        });
    });
    shows(
        &capture,
        r#"
span genai_ambient
  trace:  user=gd-user-1 session=gd-session-genai
  generation chat gemma-3-270m  model=gemma-3-270m
    params: {"stream":false,"temperature":0.0,"max_tokens":48}
    usage:  input=117 output=6 input_cached_tokens=1 total=124
    in:     [{"role":"user","parts":[{"type":"text","content":"What is the weather in Paris?"}]}]
    out:    [{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}],"finish_reason":"tool_calls"}]
    meta:   {"gen_ai.provider.name":"openai","server.address":"127.0.0.1","server.port":8091,"gen_ai.tool.definitions":"[{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"Weather of a city\",\"parameters\":{\"type\":\"object\"}}]","gen_ai.response.finish_reasons":"[\"tool_calls\"]"}
  tool execute_tool get_weather
    in:     {"city":"Paris"}
    out:    18 C and sunny
    meta:   {"gen_ai.tool.name":"get_weather","gen_ai.tool.call.id":"call_1"}
  generation chat gemma-3-270m  model=gemma-3-270m
    params: {"stream":false,"temperature":0.0,"max_tokens":48}
    usage:  input=73 output=48 input_cached_tokens=4 total=125
    in:     [{"role":"user","parts":[{"type":"text","content":"What is the weather in Paris?"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather","arguments":{"city":"Paris"}}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"call_1","result":"18 C and sunny"}]}]
    out:    [{"role":"assistant","parts":[{"type":"text","content":"18 C"}],"finish_reason":"length"}]
    meta:   {"gen_ai.provider.name":"openai","server.address":"127.0.0.1","server.port":8091,"gen_ai.response.finish_reasons":"[\"length\"]"}
"#,
    );
}

#[test]
fn genai_says_that_a_call_failed() {
    let capture = Capture::new();
    capture.run(|| {
        let chat = genai::chat("no-such-model", false);
        chat.record("gen_ai.system_instructions", INSTRUCTIONS);
        chat.record(
            "gen_ai.input.messages",
            r#"[{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]"#,
        );
        chat.record("otel.status_code", "error");
        chat.record("error.type", "404");
    });
    shows(
        &capture,
        r#"
generation chat no-such-model  model=no-such-model  ERROR  status="404"
  params: {"stream":false,"temperature":0.0,"max_tokens":48}
  in:     [{"role":"system","parts":[{"type":"text","content":"Invoices are kept for seven years. Finance stores them in the archive."}]},{"role":"user","parts":[{"type":"text","content":"How long are invoices kept?"}]}]
  meta:   {"gen_ai.provider.name":"openai","server.address":"127.0.0.1","server.port":8091,"error.type":"404"}
"#,
    );
}
