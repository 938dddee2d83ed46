//! The request that every operations guide draws: an agent decides, retrieves and answers.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::instrument;
use tracing_llm::{Cost, Score, Usage, current};

use super::{ANSWER, DOCUMENTS, Golden, QUESTION, stored, stored_with_scores};

#[instrument(
    skip_all,
    fields(
        as_type = "agent",
        input = question,
        user_id = "gd-user-1",
        session_id = "gd-session-user_request",
        tags = "rag,guide",
        langfuse.version = "2025.12",
        trace.metadata.agent = "zeus",
        trace.metadata.environment = "production",
        trace.metadata.tenant_id = "tenant-7",
        metadata.request_id = "req-1",
        metadata.source = "api",
    ),
    ret
)]
async fn user_request(question: &str) -> String {
    let answer = orchestration(question).await;
    current().metadata("route", "athena");
    current()
        .trace()
        .score(Score::new("factuality", 0.8))
        .score(Score::new("toxicity", 0.02))
        .score(Score::new("cost", 0.000_307))
        .score(Score::new("user_rating", 0.8).comment("Good, but slow"))
        .score(Score::new("user_satisfaction", "satisfied"));
    answer
}

#[instrument(skip_all)]
async fn orchestration(question: &str) -> String {
    let messages = json!([{"role": "user", "content": "User wants to search knowledge base"}]);
    current().output(route_decision(&messages.to_string()).await);
    athena(question).await
}

#[instrument(fields(model = "mistral-7b", temperature = 0.7))]
async fn route_decision(messages: &str) -> &'static str {
    tokio::time::sleep(Duration::from_millis(30)).await;
    current()
        .output(json!({"role": "assistant", "content": "Route to Athena"}))
        .usage(Usage::new(50, 10))
        .cost(Cost::new(0.000_005, 0.000_002));
    "athena"
}

#[instrument(fields(as_type = "chain"))]
async fn athena(query: &str) -> String {
    let documents = semantic_search(query, 5).await;
    let answer = response_synthesis(&compiled(query, &documents)).await;
    current().output(json!({"answer": answer}));
    answer
}

#[instrument(fields(as_type = "retriever"), ret)]
async fn semantic_search(query: &str, top_k: usize) -> Vec<&'static str> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let documents = DOCUMENTS[..top_k].to_vec();
    current()
        .metadata("query_length", query.len())
        .metadata("results", documents.len());
    documents
}

#[instrument(
    fields(model = "mistral-7b", temperature = 0.3, max_tokens = 1024, prompt.name = "rag_synthesis", prompt.version = 1),
    ret
)]
async fn response_synthesis(prompt: &str) -> String {
    tokio::time::sleep(Duration::from_millis(40)).await;
    current().first_token();
    tokio::time::sleep(Duration::from_millis(60)).await;
    current()
        .usage(Usage::new(2000, 500))
        .cost(Cost::new(0.0002, 0.0001))
        .score(Score::new("relevance", 0.92).comment("Semantic similarity to expected answer"));
    ANSWER.into()
}

fn compiled(query: &str, documents: &[&str]) -> String {
    format!(
        "You are a helpful AI assistant. Use the following context to answer the user's question.\n\n\
         Context:\n{}\n\nUser Question: {query}\n\nInstructions:\n\
         - Answer based only on the provided context\n\
         - If the context doesn't contain the answer, say so\n\
         - Be concise and accurate\n\nAnswer:",
        documents.join("\n")
    )
}

fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(user_request(QUESTION));
}

const GOLDEN: &str = include_str!("../../fixtures/golden/user_request.json");

fn golden() -> Golden {
    Golden::read(GOLDEN)
        .without_a_parent_that_exists_nowhere()
        .arguments("athena#1", &["query"])
        .arguments("semantic_search#1", &["query", "top_k"])
}

#[test]
fn is_stored_as_the_official_sdk_stores_it() {
    golden().assert_stored(&stored(run));
}

/// The SDK's own upload of these was refused (an array): its facts are those of the scores when they were sent one by one.
#[test]
fn its_scores_are_stored_as_the_official_sdk_means_them() {
    let (rows, scores) = stored_with_scores(run);
    let file: Value = serde_json::from_str(GOLDEN).unwrap();
    let golden = file["traces"][0]["scores"].to_string();
    let scored = rows.iter().find(|row| row.name == "response_synthesis").unwrap();
    let golden = golden
        .replace("<trace-1>", &scored.trace_id)
        .replace("<response_synthesis#1>", &scored.id);
    let golden: Vec<Value> = serde_json::from_str(&golden).unwrap();
    let by_name = |mut scores: Vec<Value>| {
        scores.sort_by_key(|score| score["name"].to_string());
        scores
    };
    assert_eq!(by_name(scores), by_name(golden));
}

/// The comparison itself: a fact that is otherwise, that is missing or that is too many is each seen.
#[test]
fn no_difference_escapes() {
    let rows = stored(run);
    let facts = golden().of("response_synthesis#1").clone();
    assert_eq!(facts.len(), 23, "{facts:?}");
    for name in facts.keys() {
        let mut otherwise = golden();
        otherwise
            .of("response_synthesis#1")
            .insert(name, json!("otherwise"));
        let mut too_many = golden();
        too_many.of("response_synthesis#1").remove(name);
        for golden in [otherwise, too_many] {
            let differences = golden.differences(&rows);
            assert_eq!(differences.len(), 1, "{name}: {differences:?}");
            assert!(differences[0].starts_with(&format!("response_synthesis#1 {name}\n")));
        }
    }
    let mut missing = golden();
    missing.of("orchestration#1").insert("status", json!("slow"));
    assert_eq!(missing.differences(&rows).len(), 1);
}
