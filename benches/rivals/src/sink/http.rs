//! As much of HTTP/1.1 as the exporters speak: requests with a length, one after the other on a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PUBLIC_KEY, SECRET_KEY};
use crate::Result;

#[derive(Default)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) is_authorized: bool,
    pub(super) is_packed: bool,
    pub(super) body: Vec<u8>,
}

/// A 200.
pub(super) struct Answer {
    content_type: &'static str,
    body: &'static str,
}

impl Answer {
    /// An empty `ExportTraceServiceResponse`.
    pub(super) fn otlp() -> Self {
        Self {
            content_type: "application/x-protobuf",
            body: "",
        }
    }

    /// What a running Langfuse answered.
    pub(super) fn langfuse() -> Self {
        static JOB: LazyLock<&str> = LazyLock::new(|| {
            let recordings = include_str!("../../../../tests/fixtures/langfuse/otlp.jsonl");
            let first = recordings.lines().next().unwrap_or_default();
            let answer = first
                .rsplit_once(r#""json": "#)
                .and_then(|(_, json)| json.strip_suffix("}}"));
            answer.unwrap_or("{}")
        });
        Self {
            content_type: "application/json; charset=utf-8",
            body: &JOB,
        }
    }
}

/// Answers what comes until the other side has enough.
pub(super) fn serve(connection: &TcpStream, answer: impl Fn(Request) -> Result<Answer>) -> Result<()> {
    // An answer waits for no other.
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, connection);
    let mut writer = connection;
    while let Some(request) = read(&mut reader)? {
        let Answer { content_type, body } = answer(request)?;
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
        writer.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    Ok(())
}

/// The next request, or none when the connection has ended.
fn read(reader: &mut BufReader<&TcpStream>) -> Result<Option<Request>> {
    static CREDENTIALS: LazyLock<String> =
        LazyLock::new(|| format!("Basic {}", STANDARD.encode(format!("{PUBLIC_KEY}:{SECRET_KEY}"))));
    let mut line = String::new();
    // A connection that is cut between two requests was idle, and the process behind it has ended.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return Ok(None);
    }
    let ["POST", path, _] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("it begins with {line:?}").into());
    };
    let mut request = Request {
        path: path.to_owned(),
        ..Request::default()
    };
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<usize>()?),
            "content-encoding" if value == "gzip" => request.is_packed = true,
            "content-encoding" => return Err(format!("compressed by {value}").into()),
            "authorization" => request.is_authorized = value == *CREDENTIALS,
            _ => {}
        }
    }
    request.body = vec![0; length.ok_or("without a length")?];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}
