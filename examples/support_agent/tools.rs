//! What the model may call. Each tool is a function under `#[instrument]`, and knows nothing of traces.

use serde_json::{Value, json};
use tracing::{instrument, warn};
use tracing_llm::{PriceTable, Usage};

use crate::Error;
use crate::bm25::Index;
use crate::library::{Library, Passage};
use crate::openai::ToolCall;

/// What the tools look things up in.
pub(crate) struct Desk {
    pub(crate) library: Library,
    pub(crate) prices: PriceTable,
}

/// The tools as the model is told of them.
pub(crate) fn definitions() -> Value {
    let tool = |name, description, properties: Value| {
        let required: Vec<&String> = properties
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        let parameters = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
    };
    let text = |description| json!({"type": "string", "description": description});
    let count = |description| json!({"type": "integer", "minimum": 0, "description": description});
    json!([
        tool(
            "search_documents",
            "Finds the passages of the crate's documents that fit a query best, each with its document and headings.",
            json!({"query": text("a question, or a few words"), "top_k": count("how many passages; 3 is usual")}),
        ),
        tool(
            "read_section",
            "Reads a whole section of a document.",
            json!({"document": text("a file, as search_documents names it"), "heading": text("its heading, or all headings above it with › between them")}),
        ),
        tool(
            "look_up_variable",
            "Says what an environment variable does, and what holds when it is not set.",
            json!({"name": text("such as RUST_LOG")}),
        ),
        tool(
            "estimate_cost",
            "Computes what one call of a model costs, in US dollars, by the list prices that the crate ships.",
            json!({"model": text("such as gpt-4o"), "input_tokens": count("tokens in"), "output_tokens": count("tokens out")}),
        ),
    ])
}

/// How much of a section the model is told, in characters: some 1,500 tokens.
const MOST_TEXT: usize = 6000;

impl Desk {
    /// Does what the model asked for. The answer is for the model, which may mend what was its mistake.
    pub(crate) fn call(&self, call: &ToolCall) -> String {
        self.dispatch(call)
            .unwrap_or_else(|error| format!("error: {error}"))
    }

    fn dispatch(&self, call: &ToolCall) -> Result<String, Error> {
        let arguments = Arguments::read(call);
        // No tool runs, so nothing else in the trace would say it.
        if let Err(error) = &arguments {
            warn!(as_type = "event", tool = call.name, %error, "a call that cannot be");
        }
        Ok(match arguments? {
            Arguments::Search { query, top_k } => quoted(&self.search_documents(&query, top_k)),
            Arguments::Read { document, heading } => self.read_section(&document, &heading)?,
            Arguments::Variable { name } => self.look_up_variable(&name)?,
            Arguments::Cost { model, input, output } => self.estimate_cost(&model, input, output)?,
        })
    }

    #[instrument(skip(self), fields(as_type = "retriever"), ret)]
    fn search_documents(&self, query: &str, top_k: usize) -> Vec<Passage> {
        self.library.search(query, top_k)
    }

    #[instrument(skip(self), fields(as_type = "tool"), ret, err)]
    fn read_section(&self, document: &str, heading: &str) -> Result<String, Error> {
        let of_document: Vec<&Passage> = self
            .library
            .passages()
            .iter()
            .filter(|passage| passage.document == document)
            .collect();
        let texts: Vec<&str> = of_document
            .iter()
            .filter(|passage| is_below(passage, heading))
            .map(|passage| passage.text.as_str())
            .collect();
        if !texts.is_empty() {
            return Ok(texts.join("\n\n").chars().take(MOST_TEXT).collect());
        }
        let mut headings: Vec<&str> = of_document
            .iter()
            .map(|passage| passage.heading.as_str())
            .collect();
        headings.dedup();
        Err(if headings.is_empty() {
            format!("there is no document {document:?}")
        } else {
            format!(
                "{document} has no section {heading:?}; it has {}",
                headings.join("; ")
            )
        }
        .into())
    }

    #[instrument(skip(self), fields(as_type = "tool"), ret, err)]
    fn look_up_variable(&self, name: &str) -> Result<String, Error> {
        let rows: Vec<Row> = self.library.passages().iter().flat_map(rows).collect();
        if let Some(row) = rows
            .iter()
            .find(|row| row.names.iter().any(|known| known == name))
        {
            return Ok(row.text.clone());
        }
        let names: Vec<&str> = rows
            .iter()
            .flat_map(|row| &row.names)
            .map(String::as_str)
            .collect();
        let alike = Index::new(&names).rank(name, 3);
        let alike: Vec<&str> = alike
            .iter()
            .filter_map(|(place, _)| names.get(*place).copied())
            .collect();
        Err(if alike.is_empty() {
            format!("there is no variable {name}, and none like it")
        } else {
            format!("there is no variable {name}; like it are {}", alike.join(", "))
        }
        .into())
    }

    #[instrument(skip(self), fields(as_type = "tool"), ret, err)]
    fn estimate_cost(&self, model: &str, input_tokens: u64, output_tokens: u64) -> Result<String, Error> {
        let cost = self.prices.cost(model, Usage::new(input_tokens, output_tokens))?;
        let cost = cost.ok_or_else(|| format!("there is no price of {model:?}"))?;
        let parts: Vec<String> = cost
            .parts()
            .map(|(part, dollars)| format!("{part} {dollars}"))
            .collect();
        Ok(format!("In US dollars, by list prices: {}.", parts.join(", ")))
    }
}

/// What the model wants to know, read from its JSON. It may make mistakes; it is told of them.
enum Arguments {
    Search { query: String, top_k: usize },
    Read { document: String, heading: String },
    Variable { name: String },
    Cost { model: String, input: u64, output: u64 },
}

impl Arguments {
    fn read(call: &ToolCall) -> Result<Self, String> {
        let given: Value = serde_json::from_str(&call.arguments)
            .map_err(|error| format!("the arguments are no JSON: {error}"))?;
        let text = |name: &str| {
            let text = given[name].as_str();
            text.map(str::to_owned)
                .ok_or_else(|| format!("{name} must be a text"))
        };
        let count = |name: &str| {
            given[name]
                .as_u64()
                .ok_or_else(|| format!("{name} must be a whole number"))
        };
        Ok(match call.name.as_str() {
            "search_documents" => Self::Search {
                query: text("query")?,
                // More would fill the chat.
                top_k: count("top_k").map_or(3, |top_k| top_k.clamp(1, 10)) as usize,
            },
            "read_section" => Self::Read {
                document: text("document")?,
                heading: text("heading")?,
            },
            "look_up_variable" => Self::Variable { name: text("name")? },
            "estimate_cost" => Self::Cost {
                model: text("model")?,
                input: count("input_tokens")?,
                output: count("output_tokens")?,
            },
            other => return Err(format!("there is no tool {other:?}")),
        })
    }
}

/// Passages as the model is told them.
fn quoted(passages: &[Passage]) -> String {
    let quoted: Vec<String> = passages
        .iter()
        .map(|passage| format!("[{} › {}]\n{}", passage.document, passage.heading, passage.text))
        .collect();
    if quoted.is_empty() {
        "nothing was found".to_owned()
    } else {
        quoted.join("\n\n")
    }
}

/// Whether a passage stands under a heading, given with those above it or alone.
fn is_below(passage: &Passage, heading: &str) -> bool {
    let heading = heading.trim_start_matches('#').trim();
    let all = passage.heading.strip_prefix(heading);
    all.is_some_and(|below| below.is_empty() || below.starts_with(" › "))
        || passage.heading.split(" › ").any(|title| title == heading)
}

/// A row of a table whose first column names environment variables.
struct Row {
    names: Vec<String>,
    text: String,
}

/// The rows of the tables in a passage.
fn rows(passage: &Passage) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim().trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = passage.text.lines().filter(|line| line.starts_with('|'));
    let head = lines.next().map(cells).unwrap_or_default();
    let row = |line: &str| {
        let cells = cells(line);
        let names: Vec<String> = cells
            .first()?
            .split('`')
            .filter(|name| is_variable(name))
            .map(str::to_owned)
            .collect();
        let said = head
            .iter()
            .zip(&cells)
            .skip(1)
            .map(|(head, cell)| format!("{head}: {cell}"));
        let text = cells
            .iter()
            .take(1)
            .cloned()
            .chain(said)
            .collect::<Vec<_>>()
            .join("; ");
        (!names.is_empty()).then_some(Row { names, text })
    };
    lines.filter_map(row).collect()
}

/// `RUST_LOG` is one.
pub(crate) fn is_variable(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|char: char| char.is_ascii_uppercase())
        && word
            .chars()
            .all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        Desk {
            library: Library::new(&[("handbook.md", crate::tests::HANDBOOK)]),
            prices: PriceTable::new().per_million("m", tracing_llm::Price::new(2.5, 10.0)),
        }
    }

    fn call(name: &str, arguments: &str) -> String {
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        desk().call(&ToolCall {
            id: String::new(),
            name,
            arguments,
        })
    }

    #[test]
    fn a_section_is_read_by_its_heading_or_the_path_to_it() {
        let alone = call(
            "read_section",
            r#"{"document":"handbook.md","heading":"Delivery"}"#,
        );
        assert!(alone.contains("memory") && !alone.contains("LANGFUSE"), "{alone}");
        let path = r#"{"document":"handbook.md","heading":"Handbook › Delivery"}"#;
        assert_eq!(call("read_section", path), alone);
        let all = call(
            "read_section",
            r#"{"document":"handbook.md","heading":"Handbook"}"#,
        );
        assert!(all.contains(&alone), "{all}");
    }

    #[test]
    fn what_is_not_there_is_an_error_that_says_what_is() {
        for (name, arguments, expected) in [
            (
                "read_section",
                r#"{"document":"handbook.md","heading":"Kitchen"}"#,
                "error: handbook.md has no section \"Kitchen\"; it has Handbook › Masking; Handbook › Delivery; Handbook › Variables; Handbook › Price",
            ),
            (
                "read_section",
                r#"{"document":"no.md","heading":"Kitchen"}"#,
                "error: there is no document \"no.md\"",
            ),
            (
                "look_up_variable",
                r#"{"name":"LANGFUSE_URL"}"#,
                "error: there is no variable LANGFUSE_URL; like it are LANGFUSE_BASE_URL, LANGFUSE_HOST, LANGFUSE_TIMEOUT",
            ),
            (
                "look_up_variable",
                r#"{"name":"ZEBRA"}"#,
                "error: there is no variable ZEBRA, and none like it",
            ),
            (
                "estimate_cost",
                r#"{"model":"n","input_tokens":1,"output_tokens":1}"#,
                "error: there is no price of \"n\"",
            ),
            ("search_documents", r#"{"query":"zebra"}"#, "nothing was found"),
        ] {
            assert_eq!(call(name, arguments), expected, "{name} {arguments}");
        }
    }

    #[test]
    fn a_call_that_cannot_be_is_told_what_is_wrong_with_it() {
        for (name, arguments, expected) in [
            ("fly", "{}", "error: there is no tool \"fly\""),
            ("look_up_variable", "{}", "error: name must be a text"),
            (
                "estimate_cost",
                r#"{"model":"m","input_tokens":"many"}"#,
                "error: input_tokens must be a whole number",
            ),
            (
                "look_up_variable",
                r#"{"name":"RUST"#,
                "error: the arguments are no JSON: EOF while parsing a string at line 1 column 13",
            ),
        ] {
            assert_eq!(call(name, arguments), expected, "{name} {arguments}");
        }
    }

    #[test]
    fn every_tool_that_is_offered_can_be_called() {
        for tool in definitions().as_array().unwrap() {
            let name = tool["function"]["name"].as_str().unwrap();
            let arguments = json!({
                "query": "delivery", "top_k": 3, "document": "handbook.md", "heading": "Delivery", "name": "LANGFUSE_HOST",
                "model": "m", "input_tokens": 12_000, "output_tokens": 800,
            });
            let found = call(name, &arguments.to_string());
            assert!(!found.starts_with("error"), "{name}: {found}");
            for name in tool["function"]["parameters"]["required"].as_array().unwrap() {
                assert!(arguments.get(name.as_str().unwrap()).is_some(), "{name}");
            }
        }
    }
}
