//! OpenInference.

use tracing::info_span;
use tracing_llm::testing::Capture;

use super::kinds;
use crate::support::shows::shows;

#[test]
fn its_kinds_are_types_and_come_before_an_operation() {
    let kind = |name: &'static str| {
        drop(info_span!(
            "kind",
            otel.name = name,
            openinference.span.kind = name,
            gen_ai.operation.name = "chat"
        ));
    };
    kinds(
        || {
            for name in [
                "LLM",
                "EMBEDDING",
                "CHAIN",
                "RETRIEVER",
                "RERANKER",
                "TOOL",
                "AGENT",
                "GUARDRAIL",
                "EVALUATOR",
                "PROMPT",
                "llm",
                "UNKNOWN",
            ] {
                kind(name);
            }
            drop(info_span!(
                "a word before it",
                openinference.span.kind = "CHAIN",
                as_type = "tool"
            ));
        },
        &[
            "generation LLM",
            "embedding EMBEDDING",
            "chain CHAIN",
            "retriever RETRIEVER",
            "retriever RERANKER",
            "tool TOOL",
            "agent AGENT",
            "guardrail GUARDRAIL",
            "evaluator EVALUATOR",
            "span PROMPT",
            "generation llm",
            "generation UNKNOWN",
            "tool a word before it",
        ],
    );
}

#[test]
fn a_call_of_a_model_with_flat_messages() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "ChatCompletion",
            openinference.span.kind = "LLM",
            llm.system = "openai",
            llm.model_name = "gpt-4o",
            llm.invocation_parameters = r#"{"temperature":0.2,"stop":["."]}"#,
            input.value = r#"{"messages":["as it went over the wire"]}"#,
            input.mime_type = "application/json",
            "llm.input_messages.0.message.role" = "system",
            "llm.input_messages.0.message.content" = "Be brief.",
            "llm.input_messages.1.message.role" = "user",
            "llm.input_messages.1.message.contents.0.message_content.type" = "text",
            "llm.input_messages.1.message.contents.0.message_content.text" = "What is this?",
            "llm.input_messages.1.message.contents.1.message_content.type" = "image",
            "llm.input_messages.1.message.contents.1.message_content.image.image.url" = "https://x/y.png",
            "llm.output_messages.0.message.role" = "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id" = "c-1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name" = "add",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments" = r#"{"a":2}"#,
            llm.token_count.prompt = 100,
            llm.token_count.completion = 20,
            llm.token_count.total = 120,
            llm.token_count.prompt_details.cache_read = 60,
            llm.token_count.completion_details.reasoning = 5,
            llm.cost.prompt = 0.25,
            llm.cost.completion = 0.5,
            llm.cost.total = 0.75,
        ));
    });
    shows(
        &capture,
        r#"
generation ChatCompletion  model=gpt-4o
  params: {"stop":["."],"temperature":0.2}
  usage:  input=40 output=15 total=120 input_cached_tokens=60 output_reasoning_tokens=5
  cost:   input=0.25 output=0.5 total=0.75
  in:     [{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image","image":{"url":"https://x/y.png"}}]}]
  out:    [{"role":"assistant","tool_calls":[{"id":"c-1","function":{"name":"add","arguments":"{\"a\":2}"}}]}]
  meta:   {"llm.system":"openai","input.mime_type":"application/json"}
"#,
    );
}

#[test]
fn what_the_other_kinds_carry() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!(
            "agent",
            openinference.span.kind = "AGENT",
            agent.name = "zeus",
            input.value = "2+2?",
            output.value = "4",
            session.id = "s",
            user.id = "u",
            metadata = r#"{"tenant":"acme"}"#,
            tag.tags = r#"["beta"]"#,
        )
        .in_scope(|| {
            drop(info_span!(
                "CreateEmbeddings",
                openinference.span.kind = "EMBEDDING",
                embedding.model_name = "e-1",
                "embedding.embeddings.0.embedding.text" = "one",
                "embedding.embeddings.0.embedding.vector" = "[0.5]",
                "embedding.embeddings.1.embedding.text" = "two",
                llm.token_count.prompt = 2,
            ));
            drop(info_span!(
                "only vectors",
                openinference.span.kind = "EMBEDDING",
                "embedding.embeddings.0.embedding.vector" = "[0.5]",
            ));
            drop(info_span!(
                "search",
                openinference.span.kind = "RETRIEVER",
                input.value = "invoices",
                "retrieval.documents.0.document.id" = "d-1",
                "retrieval.documents.0.document.score" = 0.5,
                "retrieval.documents.10.document.id" = "d-11",
                "retrieval.documents.2.document.id" = "d-3",
            ));
            drop(info_span!(
                "rerank",
                openinference.span.kind = "RERANKER",
                reranker.query = "invoices",
                reranker.model_name = "r-1",
                "reranker.output_documents.0.document.content" = "text",
            ));
            drop(info_span!(
                "tool",
                openinference.span.kind = "TOOL",
                tool.name = "add",
                tool.parameters = r#"{"a":2}"#,
                output.value = "4",
            ));
        });
        // A parameter of this name is an argument where nobody speaks OpenInference.
        drop(info_span!("store", metadata = r#"{"a":1}"#));
    });
    shows(
        &capture,
        r#"
agent agent
  trace:  user=u session=s tags=[beta]
  in:     2+2?
  out:    4
  meta:   {"agent.name":"zeus","metadata":{"tenant":"acme"}}
  embedding CreateEmbeddings  model=e-1
    usage:  input=2 total=2
    in:     [{"text":"one"},{"text":"two"}]
  embedding only vectors
  retriever search
    in:     invoices
    out:    [{"id":"d-1","score":0.5},{"id":"d-3"},{"id":"d-11"}]
  retriever rerank  model=r-1
    in:     invoices
    out:    [{"content":"text"}]
  tool tool
    in:     {"a":2}
    out:    4
    meta:   {"tool.name":"add"}
span store
  in:     {"metadata":"{\"a\":1}"}
  meta:   {"metadata":"{\"a\":1}"}
"#,
    );
}

#[test]
fn a_text_completion() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "Completion",
            openinference.span.kind = "LLM",
            "llm.prompts.0.prompt.text" = "Once",
            "llm.choices.0.completion.text" = "upon",
        ));
    });
    shows(
        &capture,
        r#"
generation Completion
  in:     [{"text":"Once"}]
  out:    [{"text":"upon"}]
"#,
    );
}
