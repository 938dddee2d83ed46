//! Annotated functions: arguments in, result out, and what the code adds from inside.

use serde_json::json;
use tracing::instrument;
use tracing_llm::{Cost, Usage, current};

use super::{ANSWER, DOCUMENTS, Golden, QUESTION, served, stored};

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Options {
    k: usize,
    strict: bool,
}

#[derive(Debug)]
#[expect(dead_code, reason = "its id is read by Debug")]
struct Document {
    id: usize,
    text: &'static str,
}

#[instrument(ret)]
fn answer(question: &str, options: &Options) -> String {
    served("decorators", "gd-session-decorators");
    let documents = semantic_search(question, 5);
    generate_response(question, &documents)
}

#[instrument(ret)]
fn semantic_search(query: &str, top_k: usize) -> Vec<Document> {
    current()
        .metadata("query_length", query.len())
        .metadata("top_k", top_k);
    let texts = DOCUMENTS.into_iter().take(top_k).enumerate();
    let documents: Vec<_> = texts.map(|(id, text)| Document { id, text }).collect();
    current().metadata("result_count", documents.len());
    documents
}

#[instrument(
    skip_all,
    fields(model = "mistral-7b", temperature = 0.7, max_tokens = 1024),
    ret
)]
fn generate_response(question: &str, documents: &[Document]) -> String {
    let texts: Vec<_> = documents.iter().map(|document| document.text).collect();
    let texts = texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>();
    current()
        .input(format!("[{}]\n{question}", texts.join(", ")))
        .usage(Usage::new(2000, 500))
        .cost(Cost::new(0.0002, 0.0001));
    ANSWER.into()
}

#[test]
fn are_stored_as_the_official_sdk_stores_them() {
    let rows = stored(|| drop(answer(QUESTION, &Options { k: 5, strict: true })));
    let mut golden = Golden::read(include_str!("../../fixtures/golden/decorators.json"))
        .without_a_parent_that_exists_nowhere()
        .arguments("answer#1", &["question", "options"])
        .arguments("semantic_search#1", &["query", "top_k"]);
    // A Rust structure has a name, and the variant of an enum is often what one wants to see (ARCHITECTURE.md, decision
    // 4); the dictionary has none.
    golden.of("answer#1").get_mut("input").unwrap()["options"]["_type"] = json!("Options");
    for document in golden
        .of("semantic_search#1")
        .get_mut("output")
        .unwrap()
        .as_array_mut()
        .unwrap()
    {
        document["_type"] = json!("Document");
    }
    golden.assert_stored(&rows);
}
