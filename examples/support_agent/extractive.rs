//! Who answers when there is no model: fixed rules, which choose the tools by the words of the question and quote what
//! these find. They go through the same loop as a model does, pretend nothing, and count no tokens.

use serde_json::{Value, json};

use crate::bm25::words;
use crate::openai::{Completion, ToolCall, text};
use crate::quote::quote;
use crate::tools::is_variable;

/// To a question that asks nothing.
const HELP: &str = "I am no model: fixed rules choose a tool by the words of a question, and I quote what it finds in this \
    repository's documents.";

/// A tool that was called, and what it gave.
struct Done {
    name: String,
    arguments: Value,
    found: String,
}

/// What is said next in a chat.
pub(crate) fn reply(chat: &[Value]) -> Completion {
    let asked = chat.iter().rposition(|message| message["role"] == "user");
    let question = asked
        .and_then(|at| chat.get(at))
        .map(|message| text(&message["content"]));
    let question = question.unwrap_or_default();
    let done = done(chat.get(asked.unwrap_or_default()..).unwrap_or_default());
    let wishes = if done.is_empty() {
        question
            .split_inclusive(['?', '!'])
            .filter_map(first_wish)
            .collect()
    } else {
        next_wish(&question, &done).into_iter().collect::<Vec<_>>()
    };
    if wishes.is_empty() {
        return Completion {
            text: conclusion(&question, &done),
            finish: Some("stop".to_owned()),
            ..Completion::default()
        };
    }
    let call = |(number, (name, arguments)): (usize, (&str, Value))| ToolCall {
        id: format!("call_{}", done.len() + number + 1),
        name: name.to_owned(),
        arguments: arguments.to_string(),
    };
    Completion {
        calls: wishes.into_iter().enumerate().map(call).collect(),
        finish: Some("tool_calls".to_owned()),
        ..Completion::default()
    }
}

/// The tools that were called since the question, in their order.
fn done(chat: &[Value]) -> Vec<Done> {
    let calls = chat
        .iter()
        .filter_map(|message| message["tool_calls"].as_array())
        .flatten();
    let done = |call: &Value| {
        let found = chat
            .iter()
            .find(|message| message["tool_call_id"] == call["id"])?;
        Some(Done {
            name: text(&call["function"]["name"]),
            arguments: serde_json::from_str(call["function"]["arguments"].as_str()?).ok()?,
            found: text(&found["content"]),
        })
    };
    calls.filter_map(done).collect()
}

/// The tool that a sentence of the question asks for.
fn first_wish(sentence: &str) -> Option<(&'static str, Value)> {
    let sentence = sentence.trim();
    if let Some(name) = variables(sentence).next() {
        return Some(("look_up_variable", json!({"name": name})));
    }
    let mut numbers = plain_words(sentence).filter_map(|word| word.parse::<u64>().ok());
    let model = plain_words(sentence)
        .find(|word| word.contains('-') && word.contains(|char: char| char.is_ascii_digit()));
    if let (true, Some(model), Some(input), Some(output)) =
        (sentence.contains("cost"), model, numbers.next(), numbers.next())
    {
        let arguments = json!({"model": model, "input_tokens": input, "output_tokens": output});
        return Some(("estimate_cost", arguments));
    }
    let asks = words(sentence).any(|word| !["hello", "hi", "thank"].contains(&word.as_str()));
    asks.then(|| ("search_documents", json!({"query": sentence, "top_k": 3})))
}

/// What the first finds lead to: the name that an error offers, and the section that a search has found.
fn next_wish(question: &str, done: &[Done]) -> Option<(&'static str, Value)> {
    let [Done { name, found, .. }] = done else {
        return None;
    };
    if name == "look_up_variable" && found.starts_with("error: ") {
        let offered = variables(found).find(|name| !question.contains(name))?;
        return Some(("look_up_variable", json!({"name": offered})));
    }
    if name == "search_documents" && question.starts_with("Read ") {
        let (document, heading) = found.strip_prefix('[')?.split_once(']')?.0.split_once(" › ")?;
        return Some(("read_section", json!({"document": document, "heading": heading})));
    }
    None
}

/// What was found, quoted: of texts the sentences that fit, and other finds as they are.
fn conclusion(question: &str, done: &[Done]) -> String {
    if done.is_empty() {
        return HELP.to_owned();
    }
    let has_read = done.iter().any(|done| done.name == "read_section");
    let said = done.iter().filter(|done| !done.found.starts_with("error: "));
    let said = said.filter_map(|done| match done.name.as_str() {
        // What was read stands in the section, too.
        "search_documents" if has_read => None,
        "search_documents" => quote(&text(&done.arguments["query"]), &done.found),
        "read_section" => quote(question, &done.found),
        _ => Some(done.found.clone()),
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        "The documents do not say.".to_owned()
    } else {
        said.join(" ")
    }
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    plain_words(text).filter(|word| is_variable(word))
}

/// Words without what stands around them.
fn plain_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()))
}
