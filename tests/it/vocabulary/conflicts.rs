//! Several vocabularies on one span.

use tracing::info_span;
use tracing_llm::testing::Capture;

use crate::support::shows::shows;

#[test]
fn usage_of_two_vocabularies_is_never_added_up() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "three",
            gen_ai.request.model = "m",
            ai.usage.promptTokens = 1,
            ai.usage.reasoningTokens = 9,
            llm.token_count.prompt = 2,
            llm.token_count.completion_details.audio = 9,
            gen_ai.usage.input_tokens = 3,
            gen_ai.usage.output_tokens = 4,
            input_tokens = 5,
        ));
        drop(info_span!(
            "details",
            gen_ai.request.model = "m",
            gen_ai.usage.input_tokens = 3,
            usage_details_json = r#"{"input":7}"#,
            langfuse.observation.usage_details = r#"{"input":1,"output":1}"#,
        ));
        drop(info_span!(
            "a framework's",
            gen_ai.request.model = "m",
            gen_ai.usage.input_tokens = 3,
            usage_details_json = r#"{"input":7}"#,
        ));
        drop(info_span!(
            "older names beside another vocabulary",
            gen_ai.request.model = "m",
            gen_ai.usage.prompt_tokens = 3,
            gen_ai.usage.reasoning_tokens = 1,
            llm.token_count.prompt = 2,
        ));
    });
    shows(
        &capture,
        r#"
generation three  model=m
  usage:  input=3 output=4 total=7
  meta:   {"ai.usage.promptTokens":1,"ai.usage.reasoningTokens":9,"llm.token_count.prompt":2,"llm.token_count.completion_details.audio":9}
generation details  model=m
  usage:  input=1 output=1 total=2
  meta:   {"gen_ai.usage.input_tokens":3,"usage_details_json":{"input":7}}
generation a framework's  model=m
  usage:  input=3 total=3
  meta:   {"usage_details_json":{"input":7}}
generation older names beside another vocabulary  model=m
  usage:  input=2 total=2
  meta:   {"gen_ai.usage.prompt_tokens":3,"gen_ai.usage.reasoning_tokens":1}
"#,
    );
}

#[test]
fn each_thing_is_taken_from_the_most_trusted_name() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "call",
            input = "plain",
            trace_input = "framework",
            traceloop.entity.input = "openllmetry",
            input.value = "openinference",
            gen_ai.input.messages = "convention",
            traceloop.entity.output = "openllmetry",
            "llm.output_messages.0.message.content" = "openinference",
            "gen_ai.completion.0.content" = "left behind",
            llm.model_name = "answered",
            gen_ai.request.model = "asked",
            ai.settings.temperature = 0.1,
            llm.invocation_parameters = r#"{"temperature":0.2,"seed":1}"#,
            gen_ai.request.temperature = 0.3,
        ));
        drop(info_span!(
            "parts lose",
            gen_ai.input.messages = "[]",
            "llm.input_messages.0.message.role" = "user",
            "llm.input_messages.0.message.content" = "x",
            "gen_ai.prompt.0.content" = "x",
        ));
    });
    shows(
        &capture,
        r#"
generation call  model=answered
  params: {"temperature":0.3,"seed":1}
  in:     convention
  out:    [{"content":"openinference"}]
  meta:   {"input":"plain","trace_input":"framework","traceloop.entity.input":"openllmetry","input.value":"openinference","traceloop.entity.output":"openllmetry","gen_ai.request.model":"asked","ai.settings.temperature":0.1}
span parts lose
  in:     []
"#,
    );
}
