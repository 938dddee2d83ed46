//! What a server answered.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// An answer, with as much of its body as was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// What it says in short.
    pub(crate) status: StatusCode,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// When it was answered, by the server's clock, to the second.
    pub(crate) date: Option<SystemTime>,
    /// What sort of body it has.
    pub(crate) content_type: Option<String>,
    /// The body, perhaps cut.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The answer with this status, these headers and as much of the body as was read.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(text);
        Self {
            status,
            retry_after: retry_after(headers, SystemTime::now()),
            date: date(headers),
            content_type: content_type.map(str::to_owned),
            body,
        }
    }

    /// What the server says of itself: in JSON or as text; a page for a browser says nothing.
    pub(crate) fn said(&self) -> Option<Cow<'_, str>> {
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&self.body) {
            let texts = [
                &json["message"],
                &json["error"],
                &json["error"]["message"],
                &json["detail"],
                &json,
            ];
            let found = texts.into_iter().find_map(serde_json::Value::as_str);
            return found.map(|text| Cow::Owned(text.to_owned()));
        }
        let text = String::from_utf8_lossy(&self.body);
        (!text.trim_start().starts_with('<')).then_some(text)
    }
}

/// Seconds, or a date, which is read by the server's own clock where it shows it.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER).and_then(text)?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() => return None,
        // More than can be counted is for ever; the lane has a bound of its own.
        Ok(seconds) => Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX),
        Err(_) => {
            let then = httpdate::parse_http_date(value).ok()?;
            let now = date(headers).unwrap_or(now);
            // A date that has passed asks for no wait.
            then.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait)
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE).and_then(text)?).ok()
}

/// The value of a header, if it is text.
fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_has_two_forms() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 12:00:00 GMT").unwrap();
        let table = [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("-5", Some(0)),
            ("86400", Some(86_400)),
            ("Tue, 24 Nov 2026 12:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 11:59:00 GMT", Some(0)),
            ("Wed, 25 Nov 2026 12:00:00 GMT", Some(86_400)),
            ("soon", None),
            ("NaN", None),
            ("", None),
        ];
        for (value, seconds) in table {
            let headers = [(RETRY_AFTER, HeaderValue::from_static(value))]
                .into_iter()
                .collect();
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
        let for_ever = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("inf"))]);
        assert_eq!(retry_after(&for_ever, now), Some(Duration::MAX));
    }

    #[test]
    fn a_date_is_read_by_the_servers_clock() {
        let headers = [
            (DATE, HeaderValue::from_static("Mon, 05 Jan 2015 08:00:00 GMT")),
            (
                RETRY_AFTER,
                HeaderValue::from_static("Mon, 05 Jan 2015 08:00:09 GMT"),
            ),
        ];
        let headers = headers.into_iter().collect();
        assert_eq!(
            retry_after(&headers, SystemTime::now()),
            Some(Duration::from_secs(9))
        );
    }
}
