//! The Jaeger harness shows what was sent, typed and whole, and leaves no process behind.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::jaeger::{Jaeger, program, spans, tree};

#[test]
fn a_hand_made_export_comes_back_as_a_tree() {
    let Some(jaeger) = Jaeger::get() else { return };
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let export = json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "hand-made" } }] },
        "scopeSpans": [{ "scope": { "name": "by-hand" }, "spans": [
            {
                "traceId": trace_id, "spanId": "00000000000000f1", "name": "answer", "kind": 1,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
                "attributes": [
                    { "key": "text", "value": { "stringValue": "say \"5\"" } },
                    { "key": "int", "value": { "intValue": "-5" } },
                    { "key": "double", "value": { "doubleValue": 2.0 } },
                    { "key": "bool", "value": { "boolValue": true } },
                    { "key": "bytes", "value": { "bytesValue": "AAEC" } },
                    { "key": "list", "value": { "arrayValue": { "values": [
                        { "stringValue": "x" }, { "intValue": "2" }
                    ] } } },
                    { "key": "map", "value": { "kvlistValue": { "values": [
                        { "key": "a", "value": { "intValue": "1" } }
                    ] } } },
                ],
                "events": [{
                    "timeUnixNano": "1700000000500000000", "name": "exception",
                    "attributes": [{ "key": "exception.message", "value": { "stringValue": "boom" } }],
                }],
                "status": { "code": 2, "message": "boom" },
            },
            {
                "traceId": trace_id, "spanId": "00000000000000f3", "parentSpanId": "00000000000000f1",
                "name": "second", "kind": 3, "status": { "code": 1 },
                "startTimeUnixNano": "1700000000300000000", "endTimeUnixNano": "1700000000400000000",
                "links": [
                    { "traceId": trace_id, "spanId": "00000000000000f2" },
                    { "traceId": "000000000000000000000000000000aa", "spanId": "00000000000000ab",
                      "attributes": [{ "key": "why", "value": { "stringValue": "retry" } }] },
                ],
            },
            {
                "traceId": trace_id, "spanId": "00000000000000f2", "parentSpanId": "00000000000000f1",
                "name": "first", "kind": 2,
                "startTimeUnixNano": "1700000000100000000", "endTimeUnixNano": "1700000000200000000",
            },
            {
                "traceId": trace_id, "spanId": "00000000000000f4", "parentSpanId": "00000000000000ee",
                "name": "stray", "kind": 1,
                "startTimeUnixNano": "1700000000900000000", "endTimeUnixNano": "1700000000900000001",
            },
        ] }],
    }] });

    assert_eq!(jaeger.post_otlp_json(&export), 200);
    let spans = spans(&jaeger.trace(trace_id, 4));

    assert_eq!(
        tree(&spans),
        r#"answer (internal) error "boom"
    bool = true
    bytes = bytes "AAEC"
    double = 2.0
    int = -5
    list = ["x", 2]
    map = {a: 1}
    text = "say \"5\""
    event exception exception.message="boom"
  first (server)
  second (client) ok
      link to first
      link to a span that is not here why="retry"
stray (internal) below a span that is not here
"#
    );
    let answer = spans.iter().find(|it| it.name == "answer").unwrap();
    assert_eq!(answer.trace_id, trace_id);
    assert_eq!(
        answer.attributes[1],
        ("int".to_owned(), json!({ "intValue": "-5" }))
    );
    assert_eq!(
        answer.resource,
        [("service.name".to_owned(), json!({ "stringValue": "hand-made" }))]
    );
    assert_eq!(answer.scope_name, "by-hand");
    assert_eq!(answer.end_unix_nanos - answer.start_unix_nanos, 1_000_000_000);
    assert_eq!(answer.events[0].unix_nanos, 1_700_000_000_500_000_000);
}

#[test]
fn a_jaeger_ends_with_its_owner() {
    if Jaeger::get().is_none() {
        return;
    }
    let jaeger = Jaeger::start(program().unwrap());
    let ports = [jaeger.otlp_http(), jaeger.otlp_grpc()].map(|it| it.replace("http://", ""));
    for at in &ports {
        TcpStream::connect(at).unwrap();
    }

    drop(jaeger);

    let deadline = Instant::now() + Duration::from_secs(5);
    for at in &ports {
        while TcpStream::connect(at).is_ok() {
            assert!(Instant::now() < deadline, "Jaeger still answers at {at}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}
