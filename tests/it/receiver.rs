//! The test server tested: it answers what the recorded server answered, for the recorded requests themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

use crate::support::receiver::{Answer, Receiver};

const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn every_recorded_exchange_is_repeated() {
    let receiver = Receiver::langfuse();
    for line in include_str!("../fixtures/langfuse/otlp.jsonl").lines() {
        let recording: Value = serde_json::from_str(line).unwrap();
        let mut answer = exchange(&receiver, &request_of(&recording["request"]));
        let status = &recording["response"]["status"];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let body: Value = serde_json::from_str(&answer.split_off(answer.find("\r\n\r\n").unwrap())).unwrap();
        // Which job an accepted export becomes is another one each time.
        let kind = |body: &Value| body["name"].as_str().map(str::to_owned);
        match kind(&recording["response"]["json"]) {
            Some(job) => assert_eq!(kind(&body), Some(job), "{}", recording["name"]),
            None => assert_eq!(body, recording["response"]["json"], "{}", recording["name"]),
        }
    }
    let spans = receiver.wait_for(5, DEADLINE);
    assert_eq!(
        spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(),
        ["work"; 5]
    );
}

#[test]
fn bodies_are_read_however_they_come_and_the_connection_is_kept() {
    let receiver = Receiver::otlp();
    let mut stream = TcpStream::connect(receiver.address()).unwrap();
    let length = "POST /a HTTP/1.1\r\nContent-Length: 5\r\nX-Twice: 1\r\n\r\nhello";
    let chunked = "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let mut end = [0; 4];
    for request in [length, chunked] {
        stream.write_all(request.as_bytes()).unwrap();
        while end != *b"\r\n\r\n" {
            end.rotate_left(1);
            stream.read_exact(&mut end[3..]).unwrap();
        }
        end = [0; 4];
    }
    let requests = receiver.wait_for_requests(2, DEADLINE);
    assert_eq!(
        (requests[0].path.as_str(), requests[0].header("x-twice")),
        ("/a", Some("1"))
    );
    assert_eq!(requests[1].path, "/b");
    assert!(requests.iter().all(|request| request.body == b"hello"));
}

#[test]
fn no_answer_has_three_forms() {
    for (answer, seen) in [
        (Answer::Close, Some(Ok(0))),
        (Answer::Reset, Some(Err(std::io::ErrorKind::ConnectionReset))),
        (Answer::Hang, None),
    ] {
        let receiver = Receiver::new(move |_| answer.clone());
        let mut stream = TcpStream::connect(receiver.address()).unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\n\r\n").unwrap();
        receiver.wait_for_requests(1, DEADLINE);
        if seen.is_none() {
            // The end of the server ends what hangs.
            drop(receiver);
        }
        let read = stream.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(read, seen.unwrap_or(Ok(0)));
    }
}

/// Sends a request on a connection of its own and reads the answer to the end.
fn exchange(receiver: &Receiver, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(receiver.address()).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request_of(recorded: &Value) -> Vec<u8> {
    let base64 = base64::engine::general_purpose::STANDARD;
    let word = |key: &str| recorded[key].as_str().unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", word("method"), word("path"));
    for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
        head.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
    }
    let secret = match word("auth") {
        "none" => None,
        "valid" => Some(Receiver::SECRET_KEY),
        _ => Some("another"),
    };
    if let Some(secret) = secret {
        let pair = base64.encode(format!("{}:{secret}", Receiver::PUBLIC_KEY));
        head.push_str(&format!("Authorization: Basic {pair}\r\n"));
    }
    let body = match (&recorded["body_base64"], &recorded["body"]) {
        (Value::String(text), _) => base64.decode(text).unwrap(),
        (_, Value::Null) => Vec::new(),
        (_, json) => json.to_string().into_bytes(),
    };
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut request = head.into_bytes();
    request.extend(body);
    request
}
