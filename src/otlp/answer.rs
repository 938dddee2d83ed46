//! What a destination's answer means for a batch: OTLP's rules, and Langfuse's one exception.

use std::borrow::Cow;

use reqwest::StatusCode;

use crate::export::{ExportError, Exported};
use crate::http::{Endpoint, HttpError, Response, Secrets};

/// How answers are read.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// OTLP forbids to send again what was answered 500; Langfuse answers it when nothing was accepted.
    pub(crate) retries_500: bool,
    /// What no message may repeat.
    pub(crate) secrets: Secrets,
}

impl Reader {
    /// Reads what came back, or did not, for a batch of `sent` observations.
    pub(crate) fn read(
        &self,
        outcome: Result<Response, HttpError>,
        endpoint: &Endpoint,
        sent: usize,
    ) -> Result<Exported, ExportError> {
        let response = match outcome {
            Ok(response) => response,
            Err(HttpError::NotSent(message)) => return Err(ExportError::retry(message)),
            Err(HttpError::Ambiguous(mut message) | HttpError::TimedOut(mut message)) => {
                if endpoint.port() == Some(4317) {
                    message.push_str(" (4317 is the port of OTLP over gRPC; over HTTP it is 4318)");
                }
                return Err(ExportError::retry(message).ambiguous());
            }
            Err(HttpError::Invalid(message)) => return Err(ExportError::reject(message)),
        };
        if response.status.is_success() {
            return Ok(self.read_success(&response, sent));
        }
        let message = self.describe(&response, endpoint);
        Err(match response.status.as_u16() {
            429 | 502 | 503 | 504 => retry(message, &response),
            500 if self.retries_500 => retry(message, &response),
            413 => ExportError::too_large(message),
            _ => ExportError::reject(message),
        })
    }

    /// A success is one whatever its body; Langfuse's is JSON about a job.
    fn read_success(&self, response: &Response, sent: usize) -> Exported {
        let Some(partial) = partial_success(&response.body) else {
            return Exported::all();
        };
        Exported {
            rejected: partial.rejected.min(sent),
            message: self.secrets.excerpt(&partial.message),
        }
    }

    /// `401 Unauthorized: Invalid credentials.`
    fn describe(&self, response: &Response, endpoint: &Endpoint) -> String {
        let status = response.status;
        let mut text = status.to_string();
        if status.is_redirection() {
            return format!("{status}: {}", endpoint.elsewhere());
        }
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            text.push_str(&format!(" at {endpoint}"));
        }
        if status == StatusCode::UNAUTHORIZED {
            // Nearly always the keys of another server, or of another region.
            text.push_str(&format!(" from {}", endpoint.host()));
        }
        if let Some(excerpt) = said(response).and_then(|said| self.secrets.excerpt(&said)) {
            text.push_str(": ");
            text.push_str(&excerpt);
        }
        text
    }
}

/// To be sent again, not before the time that the server asks for.
fn retry(message: String, response: &Response) -> ExportError {
    let error = ExportError::retry(message);
    match response.retry_after {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// What the server says of itself, which may be protobuf (`google.rpc.Status`), too.
fn said(response: &Response) -> Option<Cow<'_, str>> {
    let content_type = response.content_type.as_deref().unwrap_or_default();
    if content_type.contains("protobuf") {
        return Fields(&response.body).last_bytes(2).map(String::from_utf8_lossy);
    }
    response.said()
}

/// The `partial_success` of an `ExportTraceServiceResponse`, if it says something.
struct PartialSuccess<'a> {
    rejected: usize,
    message: Cow<'a, str>,
}

/// Reads an `ExportTraceServiceResponse`.
fn partial_success(body: &[u8]) -> Option<PartialSuccess<'_>> {
    // All of it must be protobuf, lest some other format be taken for it.
    let body = Fields(body).checked()?.last_bytes(1)?;
    let partial = Fields(body).checked()?;
    let rejected = partial.last_varint(1).map_or(0, |number| number as i64);
    let message = partial.last_bytes(2).unwrap_or_default();
    (rejected > 0 || !message.is_empty()).then(|| PartialSuccess {
        rejected: usize::try_from(rejected).unwrap_or(0),
        message: String::from_utf8_lossy(message),
    })
}

/// The fields of a protobuf message. It ends where the bytes end or make no sense.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

/// What stands in a field.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Fields<'a> {
    /// Itself, if it makes sense to the end.
    fn checked(self) -> Option<Self> {
        let mut rest = self;
        while rest.next().is_some() {}
        rest.0.is_empty().then_some(self)
    }

    /// The number in a field; of several the last, as protobuf says.
    fn last_varint(self, number: u64) -> Option<u64> {
        let of = |(key, wire)| match wire {
            Wire::Varint(value) if key == number => Some(value),
            _ => None,
        };
        self.filter_map(of).last()
    }

    /// The bytes in a field; of several the last.
    fn last_bytes(self, number: u64) -> Option<&'a [u8]> {
        let of = |(key, wire)| match wire {
            Wire::Bytes(bytes) if key == number => Some(bytes),
            _ => None,
        };
        self.filter_map(of).last()
    }

    /// Reads on behind the field's start only if all of the field is there.
    fn read(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Other)?,
            _ => return None,
        };
        Some((key >> 3, wire))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Wire<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut ahead = *self;
        let field = ahead.read()?;
        *self = ahead;
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message as _;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::export::Verdict;

    const RETRY: Verdict = Verdict::Retry { after: None };

    #[test]
    fn every_status_has_its_verdict() {
        let table = [
            (300, Verdict::Reject, Verdict::Reject),
            (301, Verdict::Reject, Verdict::Reject),
            (307, Verdict::Reject, Verdict::Reject),
            (400, Verdict::Reject, Verdict::Reject),
            (401, Verdict::Reject, Verdict::Reject),
            (403, Verdict::Reject, Verdict::Reject),
            (404, Verdict::Reject, Verdict::Reject),
            (408, Verdict::Reject, Verdict::Reject),
            (413, Verdict::Split, Verdict::Split),
            (422, Verdict::Reject, Verdict::Reject),
            (429, RETRY, RETRY),
            (500, Verdict::Reject, RETRY),
            (501, Verdict::Reject, Verdict::Reject),
            (502, RETRY, RETRY),
            (503, RETRY, RETRY),
            (504, RETRY, RETRY),
            (505, Verdict::Reject, Verdict::Reject),
        ];
        for (status, otlp, langfuse) in table {
            for (retries_500, expected) in [(false, otlp), (true, langfuse)] {
                let error = read(retries_500, response(status, "", b"")).unwrap_err();
                assert_eq!(
                    (error.verdict(), error.is_ambiguous()),
                    (expected, false),
                    "{status}"
                );
            }
        }
        for status in [200, 202, 204] {
            assert_eq!(read(false, response(status, "", b"")), Ok(Exported::all()));
        }
    }

    #[test]
    fn retry_after_is_handed_on() {
        let mut asked = response(429, "", b"");
        asked.retry_after = Some(Duration::from_secs(7));
        let after = Some(Duration::from_secs(7));
        assert_eq!(
            read(false, asked).unwrap_err().verdict(),
            Verdict::Retry { after }
        );
    }

    #[test]
    fn messages_say_what_the_server_said_and_no_more() {
        let long = "x".repeat(300);
        let cut = format!("400 Bad Request: {}…", "x".repeat(200));
        let status_message = [&[8, 3, 18, 9][..], b"bad batch"].concat();
        let table: [(u16, &str, &[u8], &str); 14] = [
            (
                401,
                "application/json; charset=utf-8",
                br#"{"message":"Invalid credentials. Confirm that you've configured the correct host."}"#,
                "401 Unauthorized from h:4318: Invalid credentials. Confirm that you've configured the correct host.",
            ),
            (
                400,
                "application/json",
                br#"{"error":"Invalid content type"}"#,
                "400 Bad Request: Invalid content type",
            ),
            (
                500,
                "application/json",
                br#"{"message":"Internal Server Error","error":"An unknown error occurred"}"#,
                "500 Internal Server Error: Internal Server Error",
            ),
            (
                400,
                "application/json",
                br#"{"error":{"message":"nested"}}"#,
                "400 Bad Request: nested",
            ),
            (
                400,
                "application/json",
                br#"{"errors":["no word we know"]}"#,
                "400 Bad Request",
            ),
            (
                429,
                "application/json",
                br#""slow down""#,
                "429 Too Many Requests: slow down",
            ),
            (
                503,
                "text/plain",
                b"upstream\r\n  is away\n",
                "503 Service Unavailable: upstream is away",
            ),
            (400, "text/plain", b"\x1b[31mred\x07", "400 Bad Request: [31mred"),
            (
                400,
                "",
                b"the key sk-lf-secret is wrong",
                "400 Bad Request: the key [redacted] is wrong",
            ),
            (
                400,
                "application/x-protobuf",
                &status_message,
                "400 Bad Request: bad batch",
            ),
            (400, "text/plain", long.as_bytes(), &cut),
            (502, "text/html", b"  <html>nginx</html>", "502 Bad Gateway"),
            (
                404,
                "text/html",
                b"<!DOCTYPE html>",
                "404 Not Found at http://h:4318/v1/traces",
            ),
            (
                308,
                "text/plain",
                b"moved",
                "308 Permanent Redirect: http://h:4318/v1/traces is elsewhere, and redirects are not followed \
                 (does it want https://?)",
            ),
        ];
        for (status, content_type, body, message) in table {
            let error = read(false, response(status, content_type, body)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn no_answer_is_tried_again_and_what_never_left_is_not_ambiguous() {
        let table = [
            (HttpError::NotSent("a".into()), RETRY, false),
            (HttpError::Ambiguous("a".into()), RETRY, true),
            (HttpError::TimedOut("a".into()), RETRY, true),
            (HttpError::Invalid("a".into()), Verdict::Reject, false),
        ];
        for (error, verdict, ambiguous) in table {
            let error = reader(false).read(Err(error), &endpoint(), 4).unwrap_err();
            assert_eq!((error.verdict(), error.is_ambiguous()), (verdict, ambiguous));
            assert_eq!(error.to_string(), "a");
        }
    }

    #[test]
    fn the_port_of_grpc_is_known() {
        let grpc = Endpoint::parse("http://h:4317/v1/traces").unwrap();
        let lost = Err(HttpError::Ambiguous(
            "no answer from h:4317: connection reset".to_owned(),
        ));
        assert_eq!(
            reader(false).read(lost, &grpc, 4).unwrap_err().to_string(),
            "no answer from h:4317: connection reset (4317 is the port of OTLP over gRPC; over HTTP it is 4318)"
        );
    }

    #[test]
    fn partial_success_is_read_and_nothing_is_taken_for_it() {
        let partly = |rejected_spans, error_message: &str| {
            ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans,
                    error_message: error_message.to_owned(),
                }),
            }
            .encode_to_vec()
        };
        let mut broken = partly(2, "too old");
        broken.truncate(6);
        let table = [
            (
                partly(2, "too old\nby far"),
                Exported::partly(2, "too old by far"),
            ),
            (partly(0, "a warning"), Exported::partly(0, "a warning")),
            (
                partly(99, "more than there were"),
                Exported::partly(4, "more than there were"),
            ),
            (
                partly(-1, "less than none"),
                Exported::partly(0, "less than none"),
            ),
            (partly(0, ""), Exported::all()),
            (Vec::new(), Exported::all()),
            (broken, Exported::all()),
            (b"{}".to_vec(), Exported::all()),
            (br#"{"name":"otel-ingestion-job"}"#.to_vec(), Exported::all()),
            (
                b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
                Exported::all(),
            ),
            (b"ok\n".to_vec(), Exported::all()),
        ];
        for (body, exported) in table {
            let response = response(200, "application/x-protobuf", &body);
            assert_eq!(read(false, response), Ok(exported), "{body:?}");
        }
        let mut rejected = read(false, response(200, "", &partly(3, ""))).unwrap();
        assert_eq!((rejected.rejected, rejected.message.take()), (3, None));
    }

    fn read(retries_500: bool, response: Response) -> Result<Exported, ExportError> {
        reader(retries_500).read(Ok(response), &endpoint(), 4)
    }

    fn reader(retries_500: bool) -> Reader {
        let mut secrets = Secrets::default();
        secrets.add("Bearer sk-lf-secret a");
        Reader { retries_500, secrets }
    }

    fn endpoint() -> Endpoint {
        Endpoint::parse("http://user:word@h:4318/v1/traces?key=k").unwrap()
    }

    fn response(status: u16, content_type: &str, body: &[u8]) -> Response {
        let mut response = Response::new(
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            body.to_vec(),
        );
        response.content_type = Some(content_type.to_owned());
        response
    }
}
