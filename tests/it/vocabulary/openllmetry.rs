//! OpenLLMetry (Traceloop) and the Vercel AI SDK.

use tracing::info_span;
use tracing_llm::testing::Capture;

use super::kinds;
use crate::support::shows::shows;

#[test]
fn its_kinds_are_types_and_come_after_an_operation() {
    kinds(
        || {
            for name in ["workflow", "task", "agent", "tool"] {
                drop(info_span!("kind", otel.name = name, traceloop.span.kind = name));
            }
            for name in ["chat", "completion", "embedding", "rerank"] {
                drop(info_span!("kind", otel.name = name, llm.request.type = name));
            }
            drop(info_span!(
                "an operation",
                traceloop.span.kind = "task",
                gen_ai.operation.name = "chat"
            ));
            for name in [
                "ai.generateText",
                "ai.generateText.doGenerate",
                "ai.embed.doEmbed",
                "ai.toolCall",
            ] {
                drop(info_span!(
                    "vercel",
                    otel.name = name,
                    ai.operationId = name,
                    ai.model.id = "m"
                ));
            }
        },
        &[
            "chain workflow",
            "span task",
            "agent agent",
            "tool tool",
            "generation chat",
            "generation completion",
            "embedding embedding",
            "retriever rerank",
            "generation an operation",
            "span ai.generateText",
            "generation ai.generateText.doGenerate",
            "embedding ai.embed.doEmbed",
            "tool ai.toolCall",
        ],
    );
}

#[test]
fn a_workflow_with_a_call() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!(
            "qa.workflow",
            traceloop.span.kind = "workflow",
            traceloop.entity.name = "qa",
            traceloop.entity.input = r#"{"inputs":{"q":"2+2?"}}"#,
            traceloop.entity.output = "4",
            traceloop.association.properties.user_id = "u",
            traceloop.association.properties.session_id = "s",
            traceloop.association.properties.tenant = "acme",
        )
        .in_scope(|| {
            drop(info_span!(
                "openai.chat",
                llm.request.type = "chat",
                gen_ai.system = "OpenAI",
                gen_ai.request.model = "gpt-4o",
                gen_ai.response.model = "gpt-4o-2024-08-06",
                llm.is_streaming = false,
                llm.frequency_penalty = 0.5,
                gen_ai.request.max_tokens = 64,
                "gen_ai.prompt.0.role" = "user",
                "gen_ai.prompt.0.content" = "2+2?",
                "gen_ai.completion.0.role" = "assistant",
                "gen_ai.completion.0.content" = "4",
                "gen_ai.completion.0.finish_reason" = "stop",
                gen_ai.usage.prompt_tokens = 10,
                gen_ai.usage.completion_tokens = 5,
                llm.usage.total_tokens = 15,
                "llm.request.functions.0.name" = "add",
            ));
        });
    });
    shows(
        &capture,
        r#"
chain qa.workflow
  trace:  user=u session=s tenant="acme"
  in:     {"inputs":{"q":"2+2?"}}
  out:    4
  meta:   {"traceloop.entity.name":"qa"}
  generation openai.chat  model=gpt-4o-2024-08-06
    params: {"stream":false,"frequency_penalty":0.5,"max_tokens":64}
    usage:  input=10 output=5 total=15
    in:     [{"role":"user","content":"2+2?"}]
    out:    [{"role":"assistant","content":"4","finish_reason":"stop"}]
    meta:   {"gen_ai.system":"OpenAI","gen_ai.request.model":"gpt-4o","llm.request.functions.0.name":"add"}
"#,
    );
}

#[test]
fn a_call_in_vercels_names() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "ai.streamText.doStream",
            ai.operationId = "ai.streamText.doStream",
            ai.model.id = "m",
            ai.model.provider = "openai.chat",
            ai.settings.maxRetries = 2,
            ai.prompt.messages = r#"[{"role":"user","content":"2+2?"}]"#,
            ai.response.text = "4",
            ai.response.msToFirstChunk = 40.0,
            ai.usage.promptTokens = 10,
            ai.usage.completionTokens = 5,
            ai.usage.cachedInputTokens = 4,
            ai.telemetry.metadata.userId = "u",
            ai.telemetry.metadata.plan = "free",
        ));
    });
    shows(
        &capture,
        r#"
generation ai.streamText.doStream  model=m
  trace:  user=u
  params: {"maxRetries":2}
  usage:  input=6 output=5 input_cached_tokens=4 total=15
  first:  40ms
  in:     [{"role":"user","content":"2+2?"}]
  out:    4
  meta:   {"ai.model.provider":"openai.chat","plan":"free"}
"#,
    );
}
