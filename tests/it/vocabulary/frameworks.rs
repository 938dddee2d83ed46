//! The names of single Rust frameworks.

use tracing::field::Empty;
use tracing::{Level, debug, info_span, trace_span};
use tracing_llm::testing::Capture;

use super::kinds;
use crate::support::shows::{shows, shows_whole};

#[test]
fn swiftide_says_in_an_event_what_its_span_did() {
    let capture = Capture::new().with_level(Level::DEBUG);
    capture.run(|| {
        let span = info_span!(target: "swiftide_agents::agent", "agent.query", otel.name = "agent.query");
        span.in_scope(|| {
            info_span!(target: "swiftide_integrations", "complete", langfuse.type = "GENERATION").in_scope(
                || {
                    debug!(
                        langfuse.model = "gpt-4o",
                        langfuse.input = r#"{"messages":[]}"#,
                        langfuse.output = r#"{"choices":[]}"#,
                        langfuse.usage =
                            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"details":null}"#,
                    );
                    debug!(langfuse.output = r#"{"choices":["last"]}"#);
                    debug!("any other");
                },
            );
            drop(info_span!(target: "swiftide_agents::agent", "step", otel.name = "step-1"));
            drop(info_span!(target: "swiftide_agents::agent", "tool", otel.name = "tool.add"));
        });
    });
    shows_whole(
        &capture,
        r#"
agent agent.query
  generation complete  model=gpt-4o
    usage:  output=5 input=10 total=15
    in:     {"messages":[]}
    out:    {"choices":["last"]}
    event:  {"message":"any other"}
  chain step-1
  tool tool.add
"#,
    );
}

#[test]
fn goose() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!(
            "invoke_agent goose",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "goose",
            gen_ai.conversation.id = "c-1",
            session.id = "s-1",
            session.user = "u-1",
            session.host = "h",
            trace_input = "2+2?",
            trace_output = "4",
        )
        .in_scope(|| {
            drop(info_span!(
                "provider_generation",
                observation_type = "generation",
                observation_id = "o-1",
                session.id = "s-1",
                provider = "openai",
                model = "gpt-4o",
                model_parameters_json = r#"{"temperature":0.5}"#,
                input_json = r#"[{"role":"user"}]"#,
                output_json = r#"{"role":"assistant"}"#,
                usage_details_json = r#"{"input":10,"output":5}"#,
                cost_details_json = r#"{"input":0.5,"output":0.25}"#,
                completion_start_time = "2033-01-01T00:00:01Z",
                status_message = "done",
            ));
        });
        // Elsewhere these are arguments.
        drop(info_span!("render", input_json = "{}", status_message = "ok"));
    });
    shows(
        &capture,
        r#"
agent invoke_agent goose
  trace:  user=u-1 session=s-1
  in:     2+2?
  out:    4
  meta:   {"gen_ai.agent.name":"goose","session.host":"h"}
  generation provider_generation  model=gpt-4o  status="done"
    params: {"temperature":0.5}
    usage:  input=10 output=5 total=15
    cost:   input=0.5 output=0.25 total=0.75
    first:  220924801s
    in:     [{"role":"user"}]
    out:    {"role":"assistant"}
    meta:   {"observation_id":"o-1","provider":"openai"}
span render
  in:     {"input_json":"{}","status_message":"ok"}
  meta:   {"input_json":"{}","status_message":"ok"}
"#,
    );
}

#[test]
fn goose_and_its_forks_before() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "complete",
            model_config = r#"{"model_name":"gpt-4o","temperature":0.5}"#,
            input = Empty,
            output = Empty,
            input_tokens = Empty,
            output_tokens = Empty,
            total_tokens = Empty,
        );
        span.record("input", "2+2?");
        span.record("output", "4");
        span.record("input_tokens", 10);
        span.record("output_tokens", 5);
        drop(span);
        drop(info_span!(
            "load",
            model_config = r#"{"model_name":"gpt-4o"}"#,
            prompt = "p"
        ));
    });
    shows(
        &capture,
        r#"
generation complete  model=gpt-4o
  params: {"model_name":"gpt-4o","temperature":0.5}
  usage:  input=10 output=5 total=15
  in:     2+2?
  out:    4
span load
  in:     p
  meta:   {"model_config":{"model_name":"gpt-4o"}}
"#,
    );
}

#[test]
fn codex() {
    let capture = Capture::new().with_level(Level::TRACE);
    let turn = || {
        info_span!(
            target: "codex_core::tasks",
            "turn",
            otel.name = "session_task.turn",
            thread.id = "t-1",
            turn.id = "1",
            model = "gpt-5",
            codex.turn.reasoning_effort = "high",
            codex.turn.token_usage.input_tokens = 100,
            codex.turn.token_usage.cached_input_tokens = 60,
            codex.turn.token_usage.non_cached_input_tokens = 40,
            codex.turn.token_usage.output_tokens = 20,
            codex.turn.token_usage.reasoning_output_tokens = 5,
            codex.turn.token_usage.total_tokens = 120,
        )
    };
    capture.run(|| {
        drop(turn());
        turn().in_scope(|| {
            trace_span!(target: "codex_core::client", "try_run_sampling_request", turn_id = "1", model = "gpt-5")
                .in_scope(|| {
                    drop(trace_span!(
                        target: "codex_core::client",
                        "handle_responses",
                        gen_ai.usage.input_tokens = 100,
                        gen_ai.usage.output_tokens = 20,
                        gen_ai.usage.cache_write.input_tokens = 10,
                        codex.usage.reasoning_output_tokens = 5,
                        codex.usage.total_tokens = 120,
                    ));
                });
        });
        // A thread is no session elsewhere.
        drop(info_span!("work", thread.id = 1));
    });
    shows(
        &capture,
        r#"
agent session_task.turn
  trace:  session=t-1
  params: {"reasoning_effort":"high"}
  usage:  input=40 input_cached_tokens=60 output=15 output_reasoning_tokens=5 total=120
  in:     {"model":"gpt-5"}
  meta:   {"turn.id":"1","model":"gpt-5","codex.turn.token_usage.non_cached_input_tokens":40}
agent session_task.turn
  trace:  session=t-1
  params: {"reasoning_effort":"high"}
  in:     {"model":"gpt-5"}
  meta:   {"turn.id":"1","model":"gpt-5","codex.turn.token_usage.input_tokens":100,"codex.turn.token_usage.cached_input_tokens":60,"codex.turn.token_usage.non_cached_input_tokens":40,"codex.turn.token_usage.output_tokens":20,"codex.turn.token_usage.reasoning_output_tokens":5,"codex.turn.token_usage.total_tokens":120}
  generation try_run_sampling_request  model=gpt-5  DEBUG
    in:     {"turn_id":"1"}
    meta:   {"turn_id":"1"}
    span handle_responses  DEBUG
      usage:  input=90 output=15 input_cache_creation=10 output_reasoning_tokens=5 total=120
span work
  meta:   {"thread.id":1}
"#,
    );
}

#[test]
fn adk() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!(
            "agent.execute",
            gcp.vertex.agent.invocation_id = "i-1",
            gcp.vertex.agent.session_id = "s-1",
            agent.name = "zeus",
        )
        .in_scope(|| {
            drop(info_span!(
                "call_llm",
                gcp.vertex.agent.event_id = "e-1",
                gcp.vertex.agent.llm_request = r#"{"model":"gemini"}"#,
                gcp.vertex.agent.llm_response = r#"{"content":"4"}"#,
            ));
        });
    });
    shows(
        &capture,
        r#"
agent agent.execute
  trace:  session=s-1
  meta:   {"gcp.vertex.agent.invocation_id":"i-1","agent.name":"zeus"}
  generation call_llm
    in:     {"model":"gemini"}
    out:    {"content":"4"}
    meta:   {"gcp.vertex.agent.event_id":"e-1"}
"#,
    );
}

#[test]
fn only_a_span_of_the_framework_is_told_by_its_name() {
    kinds(
        || {
            drop(info_span!("step"));
            drop(info_span!(target: "rig_agent::agent", "chat", agent_name = "zeus"));
            drop(info_span!("chat", agent_name = "zeus"));
            drop(info_span!(target: "rigging", "chat", agent_name = "zeus"));
        },
        &["span step", "agent chat", "span chat", "span chat"],
    );
}
