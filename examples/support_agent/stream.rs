//! A chat completion that comes in pieces, as server-sent events.
//!
//! The text comes a few letters at a time. Of a tool call the id and the name come first, then its arguments in pieces;
//! `index` says of which call. The last piece before `[DONE]` has the tokens and no choice.

use serde_json::Value;

use crate::openai::{Completion, Failure, ToolCall, text, usage};

/// An answer of more bytes is none: a server that never ends must not fill the memory.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// More tools at once nobody needs.
const MOST_CALLS: usize = 16;

/// What has come so far.
#[derive(Default)]
pub(crate) struct Stream {
    said: Completion,
    /// The `index` of each call.
    places: Vec<u64>,
    /// A line whose end has not come.
    line: Vec<u8>,
    bytes: usize,
    done: bool,
}

impl Stream {
    /// Reads the next bytes, wherever they were cut.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            return Err(Failure::unreadable("it does not end"));
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.read(&String::from_utf8_lossy(&line))?;
            }
        }
        Ok(())
    }

    /// Whether the model has begun to speak. The first piece names its role only.
    pub(crate) fn has_begun(&self) -> bool {
        !self.said.text.is_empty() || !self.said.calls.is_empty()
    }

    /// All that has come, whole or not.
    pub(crate) fn said(self) -> Completion {
        Completion {
            text: self.said.text.trim().to_owned(),
            ..self.said
        }
    }

    /// Nothing more comes. Some servers end without a `[DONE]`; one that has said why it ends was not cut.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.done || self.said.finish.is_some() {
            Ok(())
        } else {
            Err(Failure::Broken("the answer has no end".to_owned()))
        }
    }

    fn read(&mut self, line: &str) -> Result<(), Failure> {
        // The others are comments that keep the connection open, and blank.
        let Some(data) = line.strip_prefix("data:").map(str::trim) else {
            return Ok(());
        };
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let piece: Value = serde_json::from_str(data).map_err(Failure::unreadable)?;
        if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
            return Err(Failure::Broken(text(&error["message"])));
        }
        if let Some(model) = piece["model"].as_str().filter(|_| self.said.model.is_none()) {
            self.said.model = Some(model.to_owned());
        }
        if let Some(tokens) = usage(&piece["usage"]) {
            self.said.usage = Some(tokens);
        }
        let choice = &piece["choices"][0];
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.said.finish = Some(finish.to_owned());
        }
        let delta = &choice["delta"];
        for said in [&delta["content"], &delta["refusal"]] {
            self.said.text += said.as_str().unwrap_or_default();
        }
        let calls = delta["tool_calls"].as_array();
        calls.into_iter().flatten().try_for_each(|call| self.call(call))
    }

    /// A piece of a tool call: of the last one with its index. An id of its own begins another, since Ollama has given
    /// all calls the index 0 (ollama/ollama#15457), or none (#7881).
    fn call(&mut self, piece: &Value) -> Result<(), Failure> {
        let index = piece["index"].as_u64().unwrap_or_default();
        let id = text(&piece["id"]);
        let known = self.places.iter().rposition(|known| *known == index);
        let known = known.and_then(|place| self.said.calls.get_mut(place));
        let Some(call) = known.filter(|call| id.is_empty() || call.id == id) else {
            return self.begin(index, id, &piece["function"]);
        };
        call.arguments += piece["function"]["arguments"].as_str().unwrap_or_default();
        Ok(())
    }

    /// The first piece of a tool call has its name.
    fn begin(&mut self, index: u64, id: String, function: &Value) -> Result<(), Failure> {
        if self.places.len() == MOST_CALLS {
            let why = format!("it calls more than {MOST_CALLS} tools");
            return Err(Failure::Unreadable(why));
        }
        self.places.push(index);
        self.said.calls.push(ToolCall {
            id,
            name: text(&function["name"]),
            arguments: text(&function["arguments"]),
        });
        Ok(())
    }
}
