//! Streams, byte by byte.

use serde_json::json;
use tracing_llm::Usage;

use crate::openai::{Completion, Failure, ToolCall};
use crate::stream::Stream;

const STREAMS: [&str; 10] = [
    include_str!("../fixtures/hello.sse"),
    include_str!("../fixtures/ollama.sse"),
    include_str!("../fixtures/refusal.sse"),
    include_str!("../fixtures/search.answer.sse"),
    include_str!("../fixtures/search.sse"),
    include_str!("../fixtures/two_tools.answer.sse"),
    include_str!("../fixtures/two_tools.sse"),
    include_str!("../fixtures/variable.again.sse"),
    include_str!("../fixtures/variable.answer.sse"),
    include_str!("../fixtures/variable.sse"),
];

fn read(pieces: &[&[u8]]) -> Result<Completion, Failure> {
    let mut stream = Stream::default();
    pieces.iter().try_for_each(|piece| stream.push(piece))?;
    stream.end()?;
    Ok(stream.said())
}

#[test]
fn a_stream_is_the_same_wherever_it_is_cut() {
    for events in STREAMS {
        let whole = read(&[events.as_bytes()]).unwrap();
        assert!(whole.usage.is_some() && whole.finish.is_some());
        // Every place would take a debug build some seconds.
        for at in (0..events.len()).step_by(7) {
            let (head, tail) = events.as_bytes().split_at(at);
            assert_eq!(read(&[head, tail]).unwrap(), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = events.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes).unwrap(), whole);
        let windows = events.replace('\n', "\r\n");
        assert_eq!(read(&[windows.as_bytes()]).unwrap(), whole);
    }
}

#[test]
fn a_stream_that_breaks_off_is_an_error_until_it_has_said_why_it_ends() {
    for events in STREAMS {
        let said = events.find("\"finish_reason\":\"").unwrap();
        let end = said + events[said..].find('\n').unwrap();
        for at in (0..events.len()).step_by(7).chain(end - 1..end + 2) {
            let end_was_said = at > end;
            let cut = read(&[&events.as_bytes()[..at]]);
            assert_eq!(cut.is_ok(), end_was_said, "cut at {at}: {cut:?}");
        }
    }
}

#[test]
fn two_calls_at_once_are_two_also_where_a_server_counts_them_as_one() {
    let calls = |events: &str| {
        let said = read(&[events.as_bytes()]).unwrap();
        assert_eq!(said.usage, Some(Usage::new(149, 60)));
        assert_eq!(said.finish.as_deref(), Some("tool_calls"));
        said.calls
    };
    let openai = calls(include_str!("../fixtures/two_tools.sse"));
    let names: Vec<_> = openai
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("call_cost", "estimate_cost"),
            ("call_search", "search_documents")
        ]
    );
    let arguments = |calls: &[ToolCall]| -> Vec<serde_json::Value> {
        let read = |call: &ToolCall| serde_json::from_str(&call.arguments).unwrap();
        calls.iter().map(read).collect()
    };
    let expected = [
        json!({"model": "gpt-4o", "input_tokens": 12_000, "output_tokens": 800}),
        json!({"query": "cost sent to Langfuse", "top_k": 3}),
    ];
    assert_eq!(arguments(&openai), expected);
    let ollama = include_str!("../fixtures/ollama.sse");
    assert_eq!(arguments(&calls(ollama)), expected);
    // Versions before 0.4.7 gave no index at all.
    assert_eq!(
        arguments(&calls(&ollama.replace("\"index\":0,\"type\"", "\"type\""))),
        expected
    );
}

#[test]
fn the_first_token_is_the_first_that_says_something() {
    for (events, begins_with) in [
        // The first piece names only the role.
        (include_str!("../fixtures/hello.sse"), 2),
        (include_str!("../fixtures/refusal.sse"), 2),
        (include_str!("../fixtures/two_tools.sse"), 2),
        (include_str!("../fixtures/search.sse"), 1),
    ] {
        let mut stream = Stream::default();
        let begins = events.split_inclusive("\n\n").position(|event| {
            stream.push(event.as_bytes()).unwrap();
            stream.has_begun()
        });
        assert_eq!(begins.map(|place| place + 1), Some(begins_with));
    }
}

#[test]
fn a_refusal_is_what_the_model_says() {
    let said = read(&[include_bytes!("../fixtures/refusal.sse")]).unwrap();
    assert_eq!(said.text, "I'm sorry, I can't help with that.");
    assert_eq!(said.usage, Some(Usage::new(79, 11)));
}

#[test]
fn what_is_no_stream_is_an_error_and_never_a_panic() {
    for (events, expected) in [
        ("", "the connection failed: the answer has no end"),
        (": keep-alive\n\n", "the connection failed: the answer has no end"),
        (
            "data: {]\n",
            "the answer cannot be read: key must be a string at line 1 column 2",
        ),
        (
            "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n",
            "the connection failed: The server had an error",
        ),
        ("data: 7\n", "the connection failed: the answer has no end"),
    ] {
        assert_eq!(
            read(&[events.as_bytes()]).unwrap_err().to_string(),
            expected,
            "{events}"
        );
    }
    let endless = vec![b'x'; 64 * 1024];
    let endless = vec![endless.as_slice(); 65];
    assert_eq!(
        read(&endless).unwrap_err().to_string(),
        "the answer cannot be read: it does not end"
    );
    let call =
        |id| format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"id\":\"{id}\"}}]}}}}]}}\n");
    let many: String = (0..17).map(call).collect();
    assert_eq!(
        read(&[many.as_bytes()]).unwrap_err().to_string(),
        "the answer cannot be read: it calls more than 16 tools"
    );
}

/// The fixtures are what the protocol's schema says: `required` of `CreateChatCompletionStreamResponse`,
/// `ChatCompletionMessageToolCallChunk` and `CompletionUsage`, and only the last piece has tokens.
#[test]
fn every_piece_has_what_the_schema_requires() {
    for events in STREAMS {
        let (head, done) = events.trim_end().rsplit_once("\n\n").unwrap();
        assert_eq!(done, "data: [DONE]");
        let pieces: Vec<serde_json::Value> = head
            .split("\n\n")
            .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
            .collect();
        let (last, others) = pieces.split_last().unwrap();
        for piece in &pieces {
            for key in ["id", "choices", "created", "model", "object"] {
                assert!(piece.get(key).is_some(), "{key}: {piece}");
            }
            assert_eq!(piece["object"], "chat.completion.chunk");
        }
        for key in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            assert!(last["usage"][key].is_u64(), "{last}");
        }
        assert_eq!(last["choices"], json!([]));
        for piece in others {
            assert!(
                piece["usage"].is_null() && piece["choices"].as_array().unwrap().len() == 1,
                "{piece}"
            );
            let calls = piece["choices"][0]["delta"]["tool_calls"].as_array();
            assert!(
                calls.into_iter().flatten().all(|call| call["index"].is_u64()),
                "{piece}"
            );
        }
    }
}
