//! Managed prompts: filled in, linked to the generations that use them, pinned, replaced by the program's own, and handed down.

use serde_json::{Value, json};
use tracing::instrument;
use tracing_llm::{ChatPrompt, Langfuse, Prompt, Usage, current};

use super::{ANSWER, DOCUMENTS, Golden, QUESTION, served, stored};
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

const GOLDEN: &str = include_str!("../../fixtures/golden/prompts.json");

fn said() -> Value {
    serde_json::from_str::<Value>(GOLDEN).unwrap()["extra"].clone()
}

/// The server that had these prompts.
fn server() -> Receiver {
    let prompts = said()["prompts"].clone();
    Receiver::new(move |request| {
        let path = request.path.split('?').next().unwrap_or_default();
        let name = path.strip_prefix("/api/public/v2/prompts/").unwrap();
        match prompts.get(name) {
            Some(prompt) => Answer::json(200, &prompt.to_string()),
            None => replay::answered("prompts", "get, unknown name"),
        }
    })
}

#[instrument(skip_all)]
fn managed_prompts(langfuse: &Langfuse) {
    served("prompts", "gd-session-prompts");
    rag_synthesis(&langfuse.prompt("rag_synthesis").fetch_blocking().unwrap());
    route_chat(&langfuse.chat_prompt("gd-route-chat").fetch_blocking().unwrap());
    pinned_version(
        &langfuse
            .prompt("rag_synthesis")
            .version(1)
            .fetch_blocking()
            .unwrap(),
    );
    let own = langfuse.prompt("gd-not-there").fallback("Plain fallback");
    fallback_prompt(&own.fetch_blocking().unwrap());
    current().prompt(&langfuse.prompt("rag_synthesis").fetch_blocking().unwrap());
    by_propagation();
    span_by_propagation();
}

fn answer() -> &'static str {
    current().usage(Usage::new(20, 5));
    ANSWER
}

#[instrument(skip_all, fields(as_type = "generation", model = "mistral-7b"), ret)]
fn rag_synthesis(prompt: &Prompt) -> &'static str {
    let text = prompt
        .compile(json!({"context": DOCUMENTS[0], "query": QUESTION}))
        .unwrap();
    assert_eq!(text, said()["compiled text"].as_str().unwrap());
    current().prompt(prompt).input(&text);
    answer()
}

#[instrument(skip_all, fields(as_type = "generation", model = "mistral-7b"), ret)]
fn route_chat(prompt: &ChatPrompt) -> &'static str {
    let history = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]);
    let values = json!({"tenant": "tenant-7", "query": QUESTION, "history": history});
    let messages = prompt.compile(values).unwrap();
    assert_eq!(json!(messages), said()["compiled chat"]);
    current().prompt(prompt).input(&messages);
    answer()
}

#[instrument(
    skip_all,
    fields(as_type = "generation", model = "mistral-7b", input = "…"),
    ret
)]
fn pinned_version(prompt: &Prompt) -> &'static str {
    current().prompt(prompt);
    answer()
}

#[instrument(skip_all, fields(as_type = "generation", model = "mistral-7b"), ret)]
fn fallback_prompt(prompt: &Prompt) -> &'static str {
    let flags = json!({"is_fallback": prompt.is_fallback(), "version": prompt.version()});
    assert_eq!(flags, said()["fallback"]);
    current().prompt(prompt).input(prompt.compile(()).unwrap());
    answer()
}

#[instrument(skip_all, fields(as_type = "generation", model = "mistral-7b"), ret)]
fn by_propagation() -> &'static str {
    ANSWER
}

#[instrument(skip_all)]
fn span_by_propagation() {}

#[test]
fn are_stored_as_the_official_sdk_stores_them() {
    let server = server();
    let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
    let langfuse = langfuse.build().unwrap();
    let rows = stored(|| managed_prompts(&langfuse));
    let golden = Golden::read(GOLDEN).without_a_parent_that_exists_nowhere();
    golden.assert_stored(&rows);

    let prompt = langfuse.prompt("rag_synthesis").fetch_blocking().unwrap();
    assert_eq!(json!(prompt.variables()), said()["variables"]);
    let row = &said()["prompts"]["rag_synthesis"];
    assert_eq!(
        json!([
            prompt.config(),
            prompt.labels(),
            prompt.tags(),
            prompt.commit_message()
        ]),
        json!([row["config"], row["labels"], row["tags"], row["commitMessage"]])
    );
}
