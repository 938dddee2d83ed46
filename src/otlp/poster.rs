//! Posts OTLP bodies: what every destination that speaks OTLP over HTTP has in common.

use std::io::Write as _;
use std::mem;
use std::panic::resume_unwind;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::task::JoinError;

use crate::export::{ExportError, Exported};
use crate::http::{Client, Endpoint, Secrets};
use crate::otlp::answer::Reader;

/// Whether bodies are packed. It is paid in time: some 15 µs a span.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Compression {
    #[default]
    /// As they are.
    None,
    /// By gzip.
    Gzip,
}

impl Compression {
    /// What a program says.
    pub(crate) fn of(gzip: bool) -> Self {
        if gzip { Self::Gzip } else { Self::None }
    }

    /// The word of a variable.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "gzip" => Some(Self::Gzip),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Posts bodies to one destination and reads its answers. One call is one attempt.
#[derive(Debug)]
pub(crate) struct Poster {
    client: Client,
    endpoint: Endpoint,
    headers: HeaderMap,
    compression: Compression,
    reader: Reader,
    buffers: Buffers,
}

impl Poster {
    /// A poster to `endpoint` that sends these headers and its own; what they say counts as secret. `retries_500` is for
    /// a destination that answers 500 when it took nothing.
    pub(crate) fn new(
        client: Client,
        endpoint: Endpoint,
        mut headers: HeaderMap,
        compression: Compression,
        retries_500: bool,
    ) -> Self {
        let mut secrets = Secrets::default();
        endpoint.secrets().for_each(|secret| secrets.add(&secret));
        for value in headers.values_mut() {
            value.set_sensitive(true);
            secrets.add(&String::from_utf8_lossy(value.as_bytes()));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Self {
            client,
            endpoint,
            headers,
            compression,
            reader: Reader { retries_500, secrets },
            buffers: Buffers::default(),
        }
    }

    /// Adds what no message may repeat, should the destination say it.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.reader.secrets.add(secret);
    }

    /// Whether it packs, which takes far longer than to write.
    pub(crate) fn packs(&self) -> bool {
        self.compression == Compression::Gzip
    }

    /// How it packs.
    #[cfg(test)]
    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// Posts what `write` writes: the body for a batch of `count`.
    pub(crate) async fn post(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Exported, ExportError> {
        let body = self.buffers.fill(self.compression, write);
        self.send(count, body).await
    }

    /// The same for a body that takes its time to write and to pack, some milliseconds: on a thread beside, so that the
    /// worker goes on reading, and another destination's body is written meanwhile.
    pub(crate) async fn post_large(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut Vec<u8>) + Send + 'static,
    ) -> Result<Exported, ExportError> {
        let (compression, mut buffers) = (self.compression, mem::take(&mut self.buffers));
        let filling = tokio::task::spawn_blocking(move || {
            let body = buffers.fill(compression, write);
            (buffers, body)
        });
        match filling.await.map_err(JoinError::try_into_panic) {
            Ok((buffers, body)) => {
                self.buffers = buffers;
                self.send(count, body).await
            }
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_)) => Err(ExportError::retry("the worker's runtime ends")),
        }
    }

    async fn send(&mut self, count: usize, body: Bytes) -> Result<Exported, ExportError> {
        let outcome = self
            .client
            .post(&self.endpoint, self.headers.clone(), body.clone())
            .await;
        self.buffers.of(self.compression).give_back(body);
        self.reader.read(outcome, &self.endpoint, count)
    }
}

/// gzip at level 1: nearly as small as the others for text that repeats itself, at a fraction of their price.
fn pack(plain: &[u8], packed: &mut Vec<u8>) {
    let mut encoder = GzEncoder::new(packed, Level::fast());
    // Writing to a vector does not fail.
    let _ = encoder.write_all(plain);
    let _ = encoder.finish();
}

/// What a body is written into, and what it is packed into.
#[derive(Default, Debug)]
struct Buffers {
    plain: Buffer,
    packed: Buffer,
}

impl Buffers {
    /// Writes a body, and packs it.
    fn fill(&mut self, compression: Compression, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        write(&mut self.plain.0);
        if compression == Compression::Gzip {
            pack(&self.plain.0, &mut self.packed.0);
            self.plain.clear();
        }
        self.of(compression).take()
    }

    /// The one that a body goes out from.
    fn of(&mut self, compression: Compression) -> &mut Buffer {
        match compression {
            Compression::None => &mut self.plain,
            Compression::Gzip => &mut self.packed,
        }
    }
}

/// Memory for bodies, used again from one to the next.
#[derive(Default, Debug)]
struct Buffer(Vec<u8>);

impl Buffer {
    /// One large body does not hold its memory for ever.
    const MOST_KEPT_BYTES: usize = 4 * 1024 * 1024;

    /// What was written, as the client wants it, without a copy.
    fn take(&mut self) -> Bytes {
        Bytes::from(mem::take(&mut self.0))
    }

    /// Takes the memory back, unless the client still holds it.
    fn give_back(&mut self, body: Bytes) {
        if body.is_unique() {
            self.0 = Vec::from(body);
            self.clear();
        }
    }

    /// Makes room for the next body.
    fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(Self::MOST_KEPT_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use reqwest::header::AUTHORIZATION;

    use super::*;
    use crate::export::Verdict;
    use crate::http::Tls;
    use crate::receiver::{Answer, Receiver, Request};

    const TIMEOUT: Duration = Duration::from_secs(10);
    const RETRY: Verdict = Verdict::Retry { after: None };

    #[tokio::test]
    async fn a_body_arrives_as_it_was_written_under_exact_headers() {
        let receiver = Receiver::otlp();
        let mut poster = poster(
            &format!("{}/v1/traces", receiver.url()),
            TIMEOUT,
            Compression::None,
        );
        assert_eq!(send(&mut poster, "one").await, Ok(Exported::all()));
        assert_eq!(send(&mut poster, "two").await, Ok(Exported::all()));
        let requests = receiver.requests();
        let address = receiver.address().to_string();
        for (request, body) in requests.iter().zip(["one", "two"]) {
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/v1/traces")
            );
            assert_eq!(request.wire_body, body.as_bytes());
            let mut headers = request.headers.clone();
            headers.sort();
            let expected = [
                ("accept", "*/*"),
                ("authorization", "Bearer planted-secret"),
                ("content-length", "3"),
                ("content-type", "application/x-protobuf"),
                ("host", &address),
                ("user-agent", concat!("tracing-llm/", env!("CARGO_PKG_VERSION"))),
            ];
            assert_eq!(
                headers,
                expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
            );
        }
        assert_eq!(requests.len(), 2);
    }

    #[tokio::test]
    async fn packed_bodies_unpack_to_what_was_written() {
        let receiver = Receiver::otlp();
        let mut poster = poster(&receiver.url(), TIMEOUT, Compression::Gzip);
        let long = "the same again ".repeat(5000);
        for body in [&long, "", "short"] {
            assert_eq!(send(&mut poster, body).await, Ok(Exported::all()));
            let request = receiver.requests().pop().unwrap();
            assert_eq!(request.header("content-encoding"), Some("gzip"));
            assert_eq!(request.body, body.as_bytes());
        }
        assert!(receiver.requests()[0].wire_body.len() < long.len() / 50);
    }

    #[tokio::test]
    async fn answers_become_verdicts() {
        let later = Verdict::Retry {
            after: Some(Duration::from_secs(7)),
        };
        let date = Answer::status(429)
            .header("date", "Tue, 24 Nov 2026 12:00:00 GMT")
            .header("retry-after", "Tue, 24 Nov 2026 12:00:07 GMT");
        let said = r#"{"message":"No authorization header, not even Bearer planted-secret"}"#;
        let huge = vec![b'x'; 1_000_000];
        let table = [
            (Answer::json(200, "{}"), None),
            (Answer::status(204), None),
            (Answer::status(200).body(huge.clone()), None),
            (
                Answer::json(401, said),
                Some((
                    Verdict::Reject,
                    "401 Unauthorized from {host}: No authorization header, not even Bearer [redacted]",
                )),
            ),
            (Answer::status(413).body(huge), Some((Verdict::Split, ""))),
            (Answer::status(503), Some((RETRY, "503 Service Unavailable"))),
            (
                Answer::status(503).header("Retry-After", "7"),
                Some((later, "503 Service Unavailable")),
            ),
            (date, Some((later, "429 Too Many Requests"))),
            (
                Answer::status(500),
                Some((Verdict::Reject, "500 Internal Server Error")),
            ),
            (
                Answer::status(302).header("location", "https://elsewhere.example/"),
                Some((Verdict::Reject, "")),
            ),
        ];
        for (answer, expected) in table {
            let (exported, requests) = exchange(answer).await;
            assert_eq!(requests.len(), 1, "one call is one attempt: {exported:?}");
            let host = requests[0].header("host").unwrap_or_default();
            match (exported, expected) {
                (Ok(exported), None) => assert_eq!(exported, Exported::all()),
                (Err(error), Some((verdict, message))) => {
                    assert_eq!(
                        (error.verdict(), error.is_ambiguous()),
                        (verdict, false),
                        "{error}"
                    );
                    let message = message.replace("{host}", host);
                    assert!(message.is_empty() || error.to_string() == message, "{error}");
                }
                (exported, expected) => panic!("{exported:?}, expected {expected:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_lost_answer_is_ambiguous() {
        for (answer, reason) in [
            (Answer::Hang, " within 300ms"),
            (Answer::Close, ": connection closed before message completed"),
            (Answer::Reset, ": connection reset"),
        ] {
            let receiver = Receiver::new(move |_| answer.clone());
            let mut poster = poster(&receiver.url(), Duration::from_millis(300), Compression::None);
            let error = send(&mut poster, "body").await.unwrap_err();
            assert_eq!((error.verdict(), error.is_ambiguous()), (RETRY, true));
            assert_eq!(
                error.to_string(),
                format!("no answer from {}{reason}", receiver.address())
            );
            assert_eq!(receiver.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let table = [
            (
                format!("http://user:planted@127.0.0.1:{port}/v1/traces?key=planted"),
                format!("cannot connect to 127.0.0.1:{port}: connection refused"),
            ),
            (
                "http://nowhere.invalid/".to_owned(),
                "cannot connect to nowhere.invalid: dns error".to_owned(),
            ),
        ];
        for (url, message) in table {
            let error = send(&mut poster(&url, TIMEOUT, Compression::None), "body")
                .await
                .unwrap_err();
            assert_eq!((error.verdict(), error.is_ambiguous()), (RETRY, false));
            assert_eq!(error.to_string(), message);
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_answer() {
        let (exported, _) = exchange(Answer::status(200).header("content-length", "999").body("half")).await;
        assert_eq!(exported, Ok(Exported::all()));
    }

    #[tokio::test]
    async fn memory_is_used_again() {
        let receiver = Receiver::otlp();
        let mut poster = poster(&receiver.url(), TIMEOUT, Compression::None);
        let body = "x".repeat(100_000);
        send(&mut poster, &body).await.unwrap();
        let kept = poster.buffers.plain.0.capacity();
        assert!(kept >= body.len(), "{kept}");
        send(&mut poster, "small").await.unwrap();
        assert_eq!(poster.buffers.plain.0.capacity(), kept);
        send(&mut poster, &"x".repeat(9_000_000)).await.unwrap();
        assert!(poster.buffers.plain.0.capacity() <= Buffer::MOST_KEPT_BYTES);
    }

    async fn exchange(answer: Answer) -> (Result<Exported, ExportError>, Vec<Request>) {
        let receiver = Receiver::new(move |_| answer.clone());
        let exported = send(&mut poster(&receiver.url(), TIMEOUT, Compression::None), "body").await;
        (exported, receiver.requests())
    }

    async fn send(poster: &mut Poster, body: &str) -> Result<Exported, ExportError> {
        poster.post(4, |out| out.extend_from_slice(body.as_bytes())).await
    }

    fn poster(url: &str, timeout: Duration, compression: Compression) -> Poster {
        let headers = [(AUTHORIZATION, HeaderValue::from_static("Bearer planted-secret"))];
        let endpoint = Endpoint::parse(url).unwrap();
        let client = Client::new(&endpoint, timeout, &Tls::default()).unwrap();
        let headers = headers.into_iter().collect();
        Poster::new(client, endpoint, headers, compression, false)
    }
}
