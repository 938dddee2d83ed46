//! The five questions, and what may go wrong, against a server that speaks OpenAI's protocol. Every tree is whole: what
//! Langfuse is shown of a question, to the last field.

#[path = "../../tests/it/support/receiver.rs"]
mod receiver;

mod faults;
mod questions;
mod streams;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tracing_llm::testing::Capture;
use tracing_llm::{Price, PriceTable};

use self::receiver::{Answer, Receiver, Request};
use crate::agent::{Agent, INSTRUCTION};
use crate::library::Library;
use crate::model::Model;
use crate::openai::Endpoint;
use crate::tools::Desk;

/// What the tools look things up in, so that the trees do not change with this repository's documents.
pub(crate) const HANDBOOK: &str = include_str!("fixtures/handbook.md");

/// What it takes the server to begin its answer, on the test's clock.
const THINKING: Duration = Duration::from_millis(250);

/// A key that must stand nowhere but in the requests' header.
const KEY: &str = "sk jj";

/// What became of a question.
struct Asked {
    answer: Result<String, String>,
    /// What Langfuse is shown, with three dots for the instruction.
    tree: String,
    /// The bodies that the server was sent.
    requests: Vec<Value>,
    /// How long the agent waited before it asked again.
    waits: Vec<Duration>,
}

fn desk() -> Desk {
    Desk {
        library: Library::new(&[("handbook.md", HANDBOOK)]),
        prices: prices(),
    }
}

fn prices() -> PriceTable {
    PriceTable::new()
        .per_million("gpt-4o-mini", Price::new(0.15, 0.6).cached(0.075))
        .per_million("gpt-4o*", Price::new(2.5, 10.0).cached(1.25))
}

/// Asks an agent whose model answers this, one after the other. What it is asked beyond that fails the test.
fn ask(question: &str, stream: bool, answers: impl IntoIterator<Item = Answer>) -> Asked {
    let capture = Capture::new().with_prices(prices()).unwrap();
    let (clock, waits) = (capture.clock().clone(), Arc::new(Mutex::new(Vec::new())));
    let answers: Mutex<VecDeque<Answer>> = Mutex::new(answers.into_iter().collect());
    let server = Receiver::new({
        let clock = clock.clone();
        move |request: &Request| {
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/v1/chat/completions")
            );
            assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
            clock.advance(THINKING);
            answers.lock().unwrap().pop_front().expect("an answer is left")
        }
    });
    let base_url = format!("{}/v1/", server.url());
    let pause = {
        let waits = Arc::clone(&waits);
        move |wait| {
            clock.advance(wait);
            waits.lock().unwrap().push(wait);
            Box::pin(std::future::ready(())) as _
        }
    };
    let agent = Agent {
        model: Model::At {
            endpoint: Endpoint::new(&base_url, "gpt-4o", Some(KEY.to_owned())),
            stream,
            pause: Box::new(pause),
        },
        desk: desk(),
    };
    let answer = run(&capture, &agent, question);
    let tree = capture.whole_tree();
    assert!(!tree.contains(KEY), "{tree}");
    assert!(!format!("{answer:?}").contains(KEY), "{answer:?}");
    assert_eq!(capture.lines(), [""; 0]);
    let requests = server.requests();
    let body = |request: &Request| {
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(!body.contains(KEY), "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let waits = waits.lock().unwrap().clone();
    Asked {
        answer,
        tree: capture.tree().replace(INSTRUCTION, "…"),
        requests: requests.iter().map(body).collect(),
        waits,
    }
}

fn run(capture: &Capture, agent: &Agent, question: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = capture.run(|| runtime.block_on(agent.answer(question, "u-1", "s-1")));
    answer.map_err(|error| error.to_string())
}

/// A stream as it comes over the wire: in chunks, which are cut wherever the network likes.
fn stream(events: &str) -> Answer {
    sse(events, b"0\r\n\r\n")
}

/// The same, cut: the end that says it is the end does not come.
fn cut(events: &str) -> Answer {
    sse(events, b"")
}

fn sse(events: &str, end: &[u8]) -> Answer {
    let mut body = Vec::new();
    for piece in events.as_bytes().chunks(97) {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(end);
    Answer::status(200)
        .header("content-type", "text/event-stream; charset=utf-8")
        .header("transfer-encoding", "chunked")
        .header("connection", "close")
        .body(body)
}

fn whole(body: &str) -> Answer {
    Answer::json(200, body)
}
