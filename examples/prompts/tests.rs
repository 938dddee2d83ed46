//! The same program, against the words of a recorded server.

#[path = "../../tests/it/support/receiver.rs"]
mod receiver;
#[path = "../../tests/it/support/replay.rs"]
mod replay;

use tracing_llm::Langfuse;
use tracing_llm::testing::capture_async;

use self::receiver::{Answer, Receiver};
use self::replay::Replay;
use super::*;

/// The name that was recorded.
const RECORDED: &str = "rag_synthesis-1117";

#[tokio::test]
async fn the_generation_is_linked_to_the_version_that_was_made() {
    let server = Replay::of(&["prompts"]);
    let langfuse = server.client();
    create(&langfuse, RECORDED).await.unwrap();
    let (outcome, captured) = capture_async(run(&langfuse, RECORDED, None)).await;
    outcome.unwrap();
    assert_eq!(server.served(), ["create text", "get, production by default"]);
    assert_eq!(
        captured.to_string().trim(),
        r#"generation answer  model=extractive
  prompt: rag_synthesis-1117@1
  in:     Use the context to answer.\n\nContext:\nThe cellar is dry. Invoices are kept for seven years. Nobody counts them.\n\nQuestion: How long are invoices kept?\nAnswer:
  out:    Invoices are kept for seven years."#
    );
}

#[tokio::test]
async fn a_model_is_called_with_the_prompts_parameters() {
    let server = Replay::of(&["prompts"]);
    let model = Receiver::new(|request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (&body["temperature"], &body["max_tokens"]),
            (&json!(0.3), &json!(1024))
        );
        let usage = r#"{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25}"#;
        let choice =
            r#"{"index":0,"message":{"role":"assistant","content":"Seven years."},"finish_reason":"stop"}"#;
        Answer::json(
            200,
            &format!(r#"{{"model":"gpt-4o","choices":[{choice}],"usage":{usage}}}"#),
        )
    });
    let endpoint = Endpoint::new(&format!("{}/v1/", model.url()), "gpt-4o", None);
    let langfuse = server.client();
    let (outcome, captured) = capture_async(run(&langfuse, RECORDED, Some(&endpoint))).await;
    outcome.unwrap();
    let call = captured.find("answer").unwrap();
    assert_eq!(
        (call.model(), call.usage().get("input")),
        (Some("gpt-4o"), Some(20))
    );
    let tree = captured.to_string();
    assert!(
        tree.contains("params: {\"max_tokens\":1024,\"temperature\":0.3}"),
        "{tree}"
    );
    assert!(tree.contains("prompt: rag_synthesis-1117@1"), "{tree}");
}

#[tokio::test]
async fn without_a_server_the_programs_own_text_is_used_and_not_linked() {
    let nowhere = Langfuse::builder("pk-lf-1", "sk-lf-1").base_url("http://127.0.0.1:1");
    let langfuse = nowhere.build().unwrap();
    let (outcome, captured) = capture_async(run(&langfuse, RECORDED, None)).await;
    outcome.unwrap();
    assert!(!captured.to_string().contains("prompt:"), "{captured}");
}
