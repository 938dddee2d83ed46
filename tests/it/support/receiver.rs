//! A server on a free port of this machine: it records what it is sent and answers what a closure says.
#![allow(
    dead_code,
    reason = "each of the binaries that include this file uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;
use tokio::net::TcpSocket;

/// The server. Dropping it closes its port and all its connections, and fails the test if the closure panicked.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// In the order in which they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As it came over the wire.
    pub(crate) wire_body: Vec<u8>,
    /// Unpacked if it said it was packed and was.
    pub(crate) body: Vec<u8>,
    /// What it was answered; `None` for none, or not yet.
    pub(crate) status: Option<u16>,
}

/// What a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Response {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        pace: Pace,
    },
    /// Nothing, and the connection stays open.
    Hang,
    /// Nothing, and the connection is aborted.
    Reset,
    /// Nothing, and the connection is closed in good order.
    Close,
    /// Nothing, and the server's side of the connection is closed; it goes on listening.
    HalfClose,
}

/// How a response comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    AtOnce,
    /// One byte a second.
    Slow,
    /// The head, then one byte of the body a second.
    SlowBody,
    /// The head and half of the body, and then the connection is aborted.
    ResetInBody,
}

impl Receiver {
    /// Keys that [`langfuse`](Self::langfuse) knows; as on the recorded server, the secret one decides.
    pub(crate) const PUBLIC_KEY: &str = "pk-lf-lab";
    pub(crate) const SECRET_KEY: &str = "sk-lf-lab-secret";

    /// A server that answers what the closure says. The closure may block: every connection has its own thread.
    pub(crate) fn new(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(move |stream, shared| serve(stream, shared, &answer))
    }

    /// A server below HTTP: what happens on a connection, a closure says. It is closed after that.
    pub(crate) fn on_the_wire(
        talk: impl Fn(TcpStream) -> io::Result<Option<TcpSocket>> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(move |stream, _| talk(stream))
    }

    fn listen(
        talk: impl Fn(TcpStream, &Shared) -> io::Result<Option<TcpSocket>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (theirs, talk) = (Arc::clone(&shared), Arc::new(talk));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                let mut state = theirs.lock();
                if state.stopped {
                    break;
                }
                state
                    .connections
                    .push(stream.try_clone().expect("a second handle"));
                state.connected += 1;
                theirs.changed.notify_all();
                let (shared, talk) = (Arc::clone(&theirs), Arc::clone(&talk));
                thread::spawn(move || {
                    let peer = stream.peer_addr().ok();
                    // A client that goes away in the middle is no fault of the server.
                    let last = talk(stream, &shared).unwrap_or_default();
                    // A connection is closed with its last handle.
                    let connections = &mut shared.lock().connections;
                    connections.retain(|it| it.peer_addr().ok() != peer);
                    drop(last);
                });
            }
        });
        Self { address, shared }
    }

    /// Takes everything, as an OTLP collector: 200 and an empty protobuf message.
    pub(crate) fn otlp() -> Self {
        Self::new(|_| Answer::status(200).header("content-type", "application/x-protobuf"))
    }

    /// Answers each request with what a running Langfuse v4.16.0 answered a request of that kind.
    pub(crate) fn langfuse() -> Self {
        let lines = include_str!("../../fixtures/langfuse/otlp.jsonl").lines();
        let recordings: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).expect("a recording"))
            .collect();
        Self::new(move |request| {
            let name = recording_for(request);
            let found = recordings.iter().find(|it| it["name"] == name);
            let response = &found.unwrap_or_else(|| panic!("no recording {name:?}"))["response"];
            let status = response["status"].as_u64().expect("a status");
            let content_type = response["headers"]["content-type"].as_str();
            Answer::status(status.try_into().expect("a status"))
                .header("content-type", content_type.expect("a content type"))
                .body(response["json"].to_string())
        })
    }

    /// `http://127.0.0.1:…`, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been.
    pub(crate) fn connected(&self) -> usize {
        self.shared.lock().connected
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// The same, and forgets them: nothing may be on its way.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.lock().requests)
    }

    /// The spans of all requests that were answered with success.
    pub(crate) fn spans(&self) -> Vec<Span> {
        spans_of(&self.shared.lock())
    }

    /// The spans of all requests that were answered with success, once there are at least `count`.
    pub(crate) fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Span> {
        self.wait_until(deadline, &format!("{count} spans"), |state| {
            let spans = spans_of(state);
            (spans.len() >= count).then_some(spans)
        })
    }

    /// All requests, once there are at least `count`, answered or not.
    pub(crate) fn wait_for_requests(&self, count: usize, deadline: Duration) -> Vec<Request> {
        self.wait_until(deadline, &format!("{count} requests"), |state| {
            (state.requests.len() >= count).then(|| state.requests.clone())
        })
    }

    fn wait_until<T>(&self, deadline: Duration, what: &str, ready: impl Fn(&State) -> Option<T>) -> T {
        let end = Instant::now() + deadline;
        let mut state = self.shared.lock();
        loop {
            if let Some(value) = ready(&state) {
                return value;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let requests = state.requests.clone();
                drop(state);
                panic!("no {what} within {deadline:?}; what came: {requests:#?}");
            }
            (state, _) = self.shared.changed.wait_timeout(state, left).unwrap();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        let panicked = state.panicked;
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts, which closes the port.
        let _ = TcpStream::connect(self.address);
        assert!(
            !panicked || thread::panicking(),
            "the receiver's closure panicked"
        );
    }
}

impl Request {
    /// The value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as OTLP protobuf.
    pub(crate) fn export(&self) -> Option<ExportTraceServiceRequest> {
        ExportTraceServiceRequest::decode(&*self.body).ok()
    }

    fn is(&self, content_type: &str) -> bool {
        let header = self.header("content-type").unwrap_or_default();
        header.to_ascii_lowercase().contains(content_type)
    }

    fn is_gzip(&self) -> bool {
        self.header("content-encoding")
            .is_some_and(|it| it.contains("gzip"))
    }
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            pace: Pace::AtOnce,
        }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::status(status)
            .header("content-type", "application/json")
            .body(body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Response { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub(crate) fn body(mut self, text: impl Into<Vec<u8>>) -> Self {
        if let Self::Response { body, .. } = &mut self {
            *body = text.into();
        }
        self
    }

    pub(crate) fn at(mut self, other: Pace) -> Self {
        if let Self::Response { pace, .. } = &mut self {
            *pace = other;
        }
        self
    }
}

/// What the server's threads share with the test.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    connections: Vec<TcpStream>,
    connected: usize,
    panicked: bool,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn spans_of(state: &State) -> Vec<Span> {
    let taken = |request: &&Request| request.status.is_some_and(|status| status / 100 == 2);
    let requests = state.requests.iter().filter(taken).filter(|it| it.is("protobuf"));
    requests
        .flat_map(|request| request.export().expect("OTLP protobuf").resource_spans)
        .flat_map(|of_resource| of_resource.scope_spans)
        .flat_map(|of_scope| of_scope.spans)
        .collect()
}

/// One connection: requests until the client or an answer ends it. It gives back what must live a little longer.
fn serve(
    stream: TcpStream,
    shared: &Shared,
    answer: &dyn Fn(&Request) -> Answer,
) -> io::Result<Option<TcpSocket>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        let index = {
            let mut state = shared.lock();
            state.requests.push(request.clone());
            state.requests.len() - 1
        };
        shared.changed.notify_all();
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| answer(&request))) else {
            shared.lock().panicked = true;
            break;
        };
        match answer {
            Answer::Response {
                status,
                headers,
                body,
                pace,
            } => {
                let length = format!("content-length: {}\r\n", body.len());
                let lengths = ["content-length", "transfer-encoding"];
                let given = headers.iter().any(|(name, _)| lengths.contains(&name.as_str()));
                let mut head = format!("HTTP/1.1 {status} \r\n{}", if given { "" } else { &length });
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                let mut whole = (head + "\r\n").into_bytes();
                let head = whole.len();
                whole.extend_from_slice(&body);
                let (first, rest) = whole.split_at(match pace {
                    Pace::AtOnce => whole.len(),
                    Pace::Slow => 0,
                    Pace::SlowBody => head,
                    Pace::ResetInBody => head + body.len() / 2,
                });
                if pace != Pace::Slow {
                    // Before it is out, lest the client know of it first.
                    shared.lock().requests[index].status = Some(status);
                }
                (&stream).write_all(first)?;
                shared.changed.notify_all();
                match pace {
                    Pace::AtOnce => {}
                    Pace::Slow | Pace::SlowBody => return trickle(&stream, rest).map(|()| None),
                    Pace::ResetInBody => return reset(stream),
                }
                if given {
                    // A length that does not fit the body, or a last chunk that is missing, is that of an answer which breaks off.
                    break;
                }
            }
            Answer::Hang => {
                // Until the client or the end of the test closes the connection.
                let _ = reader.read(&mut [0]);
                break;
            }
            Answer::Close => break,
            Answer::Reset => return reset(stream),
            Answer::HalfClose => {
                stream.shutdown(Shutdown::Write)?;
                let _ = reader.read(&mut [0]);
                break;
            }
        }
    }
    Ok(None)
}

/// Aborts a connection with its last handle: a close that waits for nothing is a reset.
pub(crate) fn reset(stream: TcpStream) -> io::Result<Option<TcpSocket>> {
    let socket = TcpSocket::from_std_stream(stream);
    socket.set_zero_linger()?;
    Ok(Some(socket))
}

/// Writes one byte a second, until the client has enough.
fn trickle(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    for byte in bytes {
        // The client says nothing more, so what ends before the second is its connection.
        if stream.read(&mut [0]).is_ok() {
            break;
        }
        stream.write_all(&[*byte])?;
    }
    Ok(())
}

pub(crate) fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers: Vec::new(),
        wire_body: Vec::new(),
        body: Vec::new(),
        status: None,
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(pair);
    }
    request.wire_body = match request.header("content-length").map(str::parse) {
        Some(Ok(length)) => read_exactly(reader, length)?,
        _ if request.header("transfer-encoding") == Some("chunked") => read_chunks(reader)?,
        _ => Vec::new(),
    };
    request.body = request.wire_body.clone();
    if request.is_gzip() {
        let mut unpacked = Vec::new();
        let read = flate2::read::GzDecoder::new(&*request.wire_body).read_to_end(&mut unpacked);
        if read.is_ok() {
            request.body = unpacked;
        }
    }
    Ok(Some(request))
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        body.extend(read_exactly(reader, length)?);
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(reader: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The recording of a request of that kind, by the order in which the server looks at one.
fn recording_for(request: &Request) -> &'static str {
    match request.path.as_str() {
        "/api/public/otel/v1/traces" => {}
        "/api/public/otel/v1/metrics" => return "metrics signal",
        other => panic!("Langfuse has no {other}"),
    }
    if request.method != "POST" {
        return "GET";
    }
    match request.header("authorization") {
        None => return "no credentials",
        Some(header) if !is_authorised(header) => return "wrong secret",
        Some(_) => {}
    }
    if request.is_gzip() && request.body == request.wire_body {
        return "gzip announced, not gzip";
    }
    let spans = if request.is("application/x-protobuf") {
        match request.export() {
            None => return "not protobuf",
            Some(export) if export.resource_spans.is_empty() => return "empty protobuf",
            Some(export) => export.resource_spans,
        }
    } else if request.is("application/json") {
        return match serde_json::from_slice::<Value>(&request.body) {
            Err(_) => "not json",
            Ok(body) if body["resourceSpans"].is_null() => "empty json",
            Ok(_) => "json accepted",
        };
    } else {
        return "wrong content type";
    };
    let mut spans = spans
        .iter()
        .flat_map(|it| &it.scope_spans)
        .flat_map(|it| &it.spans);
    if spans.any(|span| span.trace_id.is_empty() || span.span_id.is_empty()) {
        return "a span without ids";
    }
    let version = request.header("x-langfuse-ingestion-version");
    match version.map(str::parse::<u32>) {
        None | Some(Ok(0..=4)) if request.is_gzip() => "protobuf gzip accepted",
        None | Some(Ok(0..=4)) => "protobuf accepted",
        Some(_) => "ingestion version 5",
    }
}

/// The scheme is read with its capital letter, and of the pair only the secret counts.
fn is_authorised(header: &str) -> bool {
    let decode = |text| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let pair = header.strip_prefix("Basic ").and_then(decode).unwrap_or_default();
    let pair = String::from_utf8_lossy(&pair);
    pair.split(':').nth(1) == Some(Receiver::SECRET_KEY)
}
