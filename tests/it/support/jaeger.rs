//! A real Jaeger for the tests of this binary: started once, on free loopback ports, and asked back over its query API.
//!
//! ```ignore
//! let Some(jaeger) = Jaeger::get() else { return };
//! // … export a trace to jaeger.otlp_http() …
//! assert_eq!(tree(&spans(&jaeger.trace(&trace_id, 2))), "…");
//! ```
//!
//! The program is the one that `JAEGER_BIN` names; `scripts/test` sets it. Without it a test leaves itself out and says so.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value;

/// A running Jaeger; it ends when this is dropped, and at the latest with the process.
pub(crate) struct Jaeger {
    otlp_http: u16,
    otlp_grpc: u16,
    query: u16,
    watchdog: Child,
}

/// One span as Jaeger gave it back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JaegerSpan {
    pub(crate) name: String,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty for a root.
    pub(crate) parent_span_id: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub(crate) kind: &'static str,
    /// 0 unset, 1 ok, 2 error.
    pub(crate) status_code: u64,
    pub(crate) status_message: String,
    pub(crate) start_unix_nanos: u64,
    pub(crate) end_unix_nanos: u64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<JaegerEvent>,
    pub(crate) links: Vec<JaegerLink>,
    pub(crate) resource: Attributes,
    pub(crate) scope_name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JaegerEvent {
    pub(crate) name: String,
    pub(crate) unix_nanos: u64,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JaegerLink {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) attributes: Attributes,
}

/// Keys with their values as OTLP/JSON types them (`{"intValue": "5"}`), in the order in which they came.
pub(crate) type Attributes = Vec<(String, Value)>;

impl Jaeger {
    /// How long anything here may take before the test fails.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// The Jaeger of this test binary, or `None`, said on stderr, where there is none to run.
    /// With `TRACING_LLM_REQUIRE_JAEGER=1` there must be one.
    pub(crate) fn get() -> Option<&'static Self> {
        static JAEGER: OnceLock<Option<Jaeger>> = OnceLock::new();
        let jaeger = JAEGER.get_or_init(|| Some(Self::start(program()?))).as_ref();
        if jaeger.is_none() {
            assert!(
                env::var_os("TRACING_LLM_REQUIRE_JAEGER").is_none_or(|it| it.is_empty() || it == "0"),
                "TRACING_LLM_REQUIRE_JAEGER is set and JAEGER_BIN is not"
            );
            let current = thread::current();
            // Not `eprintln!`: the test runner keeps that of a test that passes.
            let _ = writeln!(
                io::stderr(),
                "skipped: real Jaeger (set JAEGER_BIN or run scripts/test): {}",
                current.name().unwrap_or("a test")
            );
        }
        jaeger
    }

    /// A Jaeger of one's own; most tests share the one of [`get`](Self::get).
    pub(crate) fn start(program: PathBuf) -> Self {
        assert!(
            program.is_file(),
            "JAEGER_BIN names no file: {}",
            program.display()
        );
        // Between our letting go of a free port and Jaeger's taking it, another program may be faster: then again.
        let mut log = String::new();
        for _ in 0..3 {
            match Self::try_start(&program) {
                Ok(jaeger) => return jaeger,
                Err(said) => log = said,
            }
            if !log.contains("address already in use") {
                break;
            }
        }
        panic!("{} did not get ready; it said:\n{log}", program.display());
    }

    /// Where OTLP over HTTP is received, without a path: `http://127.0.0.1:PORT`.
    pub(crate) fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp_http)
    }

    /// Where OTLP over gRPC is received.
    pub(crate) fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp_grpc)
    }

    /// The trace as OTLP/JSON, once it has at least `expected` spans; fails the test when they do not come.
    pub(crate) fn trace(&self, trace_id: &str, expected: usize) -> Value {
        let path = format!("/api/v3/traces/{trace_id}?raw_traces=true");
        let deadline = Instant::now() + Self::PATIENCE;
        loop {
            let (status, body) = self.query(&path);
            // 404 until the first span has come.
            let trace = match status {
                200 => serde_json::from_str::<Value>(&body).expect("Jaeger answers JSON")["result"].take(),
                404 => Value::Null,
                _ => panic!("GET {path}: {status} {body}"),
            };
            let seen = spans(&trace);
            if seen.len() >= expected {
                return trace;
            }
            assert!(
                Instant::now() < deadline,
                "Jaeger shows {} of {expected} spans of trace {trace_id}:\n{}",
                seen.len(),
                tree(&seen)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A `GET` of the query API: status and body.
    pub(crate) fn query(&self, path: &str) -> (u16, String) {
        http(self.query, "GET", path, "").expect("Jaeger answers a query")
    }

    /// Posts an OTLP/JSON export and returns the status of the answer.
    pub(crate) fn post_otlp_json(&self, export: &Value) -> u16 {
        http(self.otlp_http, "POST", "/v1/traces", &export.to_string())
            .expect("Jaeger answers an export")
            .0
    }

    fn try_start(program: &PathBuf) -> Result<Self, String> {
        let [otlp_http, otlp_grpc, query, query_grpc, health] = free_ports();
        let log_path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("jaeger-{health}.log"));
        let log = File::create(&log_path).expect("the target directory can be written");
        let mut jaeger = Self {
            otlp_http,
            otlp_grpc,
            query,
            watchdog: Command::new("sh")
                .args(["-c", WATCHDOG])
                .arg(program)
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jaeger/config.yaml"))
                .env("JAEGER_OTLP_HTTP_PORT", otlp_http.to_string())
                .env("JAEGER_OTLP_GRPC_PORT", otlp_grpc.to_string())
                .env("JAEGER_QUERY_PORT", query.to_string())
                .env("JAEGER_QUERY_GRPC_PORT", query_grpc.to_string())
                .env("JAEGER_HEALTH_PORT", health.to_string())
                .stdin(Stdio::piped())
                .stdout(log.try_clone().expect("a file handle can be cloned"))
                .stderr(log)
                .spawn()
                .expect("a shell starts"),
        };
        let deadline = Instant::now() + Self::PATIENCE;
        let ready = loop {
            if matches!(http(health, "GET", "/status", ""), Ok((200, _))) {
                break true;
            }
            let ended = jaeger
                .watchdog
                .try_wait()
                .expect("a child can be asked")
                .is_some();
            if ended || Instant::now() > deadline {
                break false;
            }
            thread::sleep(Duration::from_millis(10));
        };
        let said = fs::read_to_string(&log_path).unwrap_or_default();
        // Jaeger goes on writing to the file that has no name any more.
        let _ = fs::remove_file(&log_path);
        if ready { Ok(jaeger) } else { Err(said) }
    }
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Runs Jaeger for as long as the test process holds the other end of standard input, which the system closes however that
/// process ends. A static is never dropped, so `Drop` alone would leave a Jaeger behind after each run.
///
/// The signals of a terminal are left to the tests: a watchdog that died of Ctrl-C could not kill.
/// Ends with Jaeger when that ends by itself, so that nobody waits for what is not there.
const WATCHDOG: &str = r#"
    trap '' HUP INT TERM
    exec 3<&0
    "$0" --config "$1" 3<&- &
    jaeger=$!
    { read -r _ <&3; kill -9 $jaeger; } &
    reader=$!
    exec 3<&-
    wait $jaeger
    kill -9 $reader
"#;

/// The spans of a trace as [`Jaeger::trace`] returns it.
pub(crate) fn spans(trace: &Value) -> Vec<JaegerSpan> {
    let mut spans = Vec::new();
    for of_resource in list(&trace["resourceSpans"]) {
        for of_scope in list(&of_resource["scopeSpans"]) {
            spans.extend(list(&of_scope["spans"]).iter().map(|span| {
                JaegerSpan {
                    name: text(&span["name"]),
                    trace_id: text(&span["traceId"]),
                    span_id: text(&span["spanId"]),
                    parent_span_id: text(&span["parentSpanId"]),
                    kind: match span["kind"].as_u64() {
                        Some(1) => "internal",
                        Some(2) => "server",
                        Some(3) => "client",
                        Some(4) => "producer",
                        Some(5) => "consumer",
                        _ => "unspecified",
                    },
                    status_code: span["status"]["code"].as_u64().unwrap_or(0),
                    status_message: text(&span["status"]["message"]),
                    start_unix_nanos: nanos(&span["startTimeUnixNano"]),
                    end_unix_nanos: nanos(&span["endTimeUnixNano"]),
                    attributes: attributes(&span["attributes"]),
                    events: list(&span["events"])
                        .iter()
                        .map(|event| JaegerEvent {
                            name: text(&event["name"]),
                            unix_nanos: nanos(&event["timeUnixNano"]),
                            attributes: attributes(&event["attributes"]),
                        })
                        .collect(),
                    links: list(&span["links"])
                        .iter()
                        .map(|link| JaegerLink {
                            trace_id: text(&link["traceId"]),
                            span_id: text(&link["spanId"]),
                            attributes: attributes(&link["attributes"]),
                        })
                        .collect(),
                    resource: attributes(&of_resource["resource"]["attributes"]),
                    scope_name: text(&of_scope["scope"]["name"]),
                }
            }));
        }
    }
    spans
}

/// The spans as a picture for exact comparison: children below their parent in the order of their start, attributes by key.
/// Ids, times and the resource are left out.
///
/// Values show their type: `5` is an integer, `5.0` a double, `"5"` a string, `bytes "AAEC"` bytes in base64.
pub(crate) fn tree(spans: &[JaegerSpan]) -> String {
    let mut out = String::new();
    let mut tops: Vec<_> = spans.iter().filter(|it| parent(spans, it).is_none()).collect();
    sort(&mut tops);
    for top in tops {
        draw(&mut out, spans, top, 0);
    }
    out
}

fn draw(out: &mut String, spans: &[JaegerSpan], span: &JaegerSpan, depth: usize) {
    let pad = "  ".repeat(depth);
    let _ = write!(out, "{pad}{} ({})", span.name, span.kind);
    if depth == 0 && !span.parent_span_id.is_empty() {
        out.push_str(" below a span that is not here");
    }
    match span.status_code {
        0 => {}
        1 => out.push_str(" ok"),
        2 => out.push_str(" error"),
        code => drop(write!(out, " status {code}")),
    }
    if !span.status_message.is_empty() {
        let _ = write!(out, " {:?}", span.status_message);
    }
    out.push('\n');
    for (key, value) in sorted(&span.attributes) {
        let _ = writeln!(out, "{pad}    {key} = {}", literal(value));
    }
    for event in &span.events {
        let _ = writeln!(out, "{pad}    event {}{}", event.name, inline(&event.attributes));
    }
    for link in &span.links {
        let to = spans
            .iter()
            .find(|it| it.trace_id == link.trace_id && it.span_id == link.span_id);
        let to = to.map_or("a span that is not here", |it| &it.name);
        let _ = writeln!(out, "{pad}    link to {to}{}", inline(&link.attributes));
    }
    let mut children: Vec<_> = spans
        .iter()
        .filter(|it| parent(spans, it).is_some_and(|p| std::ptr::eq(p, span)))
        .collect();
    sort(&mut children);
    for child in children {
        draw(out, spans, child, depth + 1);
    }
}

fn parent<'a>(spans: &'a [JaegerSpan], of: &JaegerSpan) -> Option<&'a JaegerSpan> {
    spans
        .iter()
        .find(|it| it.trace_id == of.trace_id && it.span_id == of.parent_span_id)
}

fn sort(spans: &mut [&JaegerSpan]) {
    spans.sort_by(|a, b| (a.start_unix_nanos, &a.name).cmp(&(b.start_unix_nanos, &b.name)));
}

fn sorted(attributes: &Attributes) -> Vec<&(String, Value)> {
    let mut sorted: Vec<_> = attributes.iter().collect();
    // Stable, so a key that was sent twice shows as such.
    sorted.sort_by_key(|(key, _)| key);
    sorted
}

fn inline(attributes: &Attributes) -> String {
    sorted(attributes)
        .iter()
        .fold(String::new(), |mut out, (key, value)| {
            let _ = write!(out, " {key}={}", literal(value));
            out
        })
}

/// An OTLP value as a literal that tells its type.
fn literal(value: &Value) -> String {
    let Some((kind, it)) = value.as_object().and_then(|it| it.iter().next()) else {
        return "nothing".to_owned();
    };
    let each = |value: &Value, show: &dyn Fn(&Value) -> String| {
        list(&value["values"])
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match kind.as_str() {
        "stringValue" => format!("{:?}", text(it)),
        // int64 is a string in proto3's JSON; a reader may meet either.
        "intValue" => it.as_str().map_or_else(|| it.to_string(), str::to_owned),
        // `2` is a double here too; non-finite ones are strings.
        "doubleValue" => it.as_f64().map_or_else(|| text(it), |it| format!("{it:?}")),
        "bytesValue" => format!("bytes {:?}", text(it)),
        "arrayValue" => format!("[{}]", each(it, &literal)),
        "kvlistValue" => {
            format!(
                "{{{}}}",
                each(it, &|it| format!(
                    "{}: {}",
                    text(&it["key"]),
                    literal(&it["value"])
                ))
            )
        }
        _ => it.to_string(),
    }
}

fn attributes(value: &Value) -> Attributes {
    list(value)
        .iter()
        .map(|it| (text(&it["key"]), it["value"].clone()))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn nanos(value: &Value) -> u64 {
    value
        .as_str()
        .and_then(|it| it.parse().ok())
        .or(value.as_u64())
        .unwrap_or(0)
}

pub(crate) fn program() -> Option<PathBuf> {
    env::var_os("JAEGER_BIN")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
}

/// Distinct ports, all held until all are known.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port"));
    held.map(|it| it.local_addr().expect("a bound socket has an address").port())
}

/// One exchange over HTTP/1.0, which has no chunks and ends with the connection.
fn http(port: u16, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Jaeger::PATIENCE))?;
    stream.set_write_timeout(Some(Jaeger::PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}
