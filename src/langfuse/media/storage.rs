//! Where bytes go: the address that the server gives, which is another host's as a rule. It is told nothing of the project.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use crate::error::{Error, Kind};
use crate::http::{Client, Endpoint, HttpError, Response, Tls};
use crate::langfuse::settings::LangfuseSettings;
use crate::model::Blob;

/// Puts bytes where a presigned address says.
#[derive(Debug)]
pub(crate) struct Storage {
    /// The server's client, which connects to its host only, unless it is the program's own.
    http: Client,
    /// The server; none where the program's own client goes everywhere.
    server: Option<Endpoint>,
    timeout: Duration,
    tls: Tls,
    /// The client of the storage's host, which is made when it is known.
    other: Mutex<Option<(Endpoint, Client)>>,
}

/// The storage did not take it.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What it answered, if it did.
    pub(super) status: Option<u16>,
    /// Without anything of the address but the host.
    pub(super) why: String,
    pub(super) is_for_now: bool,
    /// How long it asks to wait.
    pub(super) after: Option<Duration>,
}

/// A line that carries this much a second is waited for, beside the usual time: 128 KiB.
const SLOWEST_BYTES: usize = 128 * 1024;

impl Storage {
    /// For what a server says whose client this is.
    pub(crate) fn new(settings: &LangfuseSettings, http: Client) -> Self {
        Self {
            http,
            server: settings.http_client.is_none().then(|| settings.base.clone()),
            timeout: settings.timeout,
            tls: settings.tls.clone().beside_the_systems(),
            other: Mutex::default(),
        }
    }

    /// Puts bytes at this address, once, within this time.
    pub(super) async fn put(
        &self,
        url: &str,
        blob: &Blob,
        bytes: Bytes,
        limit: Duration,
    ) -> Result<(), Refusal> {
        let (endpoint, client) = self.reach(url).await?;
        let headers = headers(&endpoint, blob).ok_or_else(|| never("its type cannot be sent".to_owned()))?;
        let outcome = client.put(&endpoint, headers, bytes, limit).await;
        read(outcome, &endpoint).map(drop)
    }

    /// The bytes at this address, asked for once, within this time.
    pub(super) async fn get(&self, url: &str, limit: Duration) -> Result<Vec<u8>, Refusal> {
        let (endpoint, client) = self.reach(url).await?;
        let outcome = client
            .ask(Method::GET, &endpoint, HeaderMap::new(), Bytes::new(), limit)
            .await;
        Ok(read(outcome, &endpoint)?.body)
    }

    /// An address, and what connects to it.
    async fn reach(&self, url: &str) -> Result<(Endpoint, Client), Refusal> {
        let endpoint =
            Endpoint::parse(url).map_err(|fault| never(format!("the address of the storage {fault}")))?;
        let client = self.client(&endpoint).await;
        Ok((endpoint, client.map_err(|error| never(error.to_string()))?))
    }

    /// What so many bytes may take, with all that belongs to it.
    pub(super) fn time_for(&self, bytes: usize) -> Duration {
        let seconds = u64::try_from(bytes / SLOWEST_BYTES).unwrap_or(u64::MAX);
        self.timeout.saturating_add(Duration::from_secs(seconds))
    }

    /// What connects to this host.
    async fn client(&self, endpoint: &Endpoint) -> Result<Client, Error> {
        if self
            .server
            .as_ref()
            .is_none_or(|server| server.has_origin_of(endpoint))
        {
            return Ok(self.http.clone());
        }
        let known = self.other.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, client)) = known.filter(|(origin, _)| origin.has_origin_of(endpoint)) {
            return Ok(client);
        }
        let (origin, timeout, tls) = (endpoint.clone().bare(), self.timeout, self.tls.clone());
        let make = move || Client::new(&origin, timeout, &tls).map(|client| (origin, client));
        // The system's certificates are read from disk.
        let made = tokio::task::spawn_blocking(make).await;
        let (origin, client) = made.map_err(|_| Error::new(Kind::System, "cannot set up HTTP"))??;
        *self.other.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin, client.clone()));
        Ok(client)
    }
}

/// What the storage is told beside the bytes: as much as its kind takes, and nothing of the project.
fn headers(endpoint: &Endpoint, blob: &Blob) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(&blob.mime).ok()?);
    // Google's refuses every other header that was not signed.
    if endpoint.host().ends_with("storage.googleapis.com") {
        return Some(headers);
    }
    let hash = HeaderValue::from_str(&STANDARD.encode(blob.sha256)).ok()?;
    headers.insert("x-amz-checksum-sha256", hash);
    // Azure's wants to know. An address in the manner of S3 is signed with the words of S3.
    if !endpoint.has_parameter("X-Amz-Signature") {
        headers.insert("x-ms-blob-type", HeaderValue::from_static("BlockBlob"));
    }
    Some(headers)
}

fn read(outcome: Result<Response, HttpError>, endpoint: &Endpoint) -> Result<Response, Refusal> {
    let response = match outcome {
        Ok(response) => response,
        Err(HttpError::NotSent(why) | HttpError::Ambiguous(why) | HttpError::TimedOut(why)) => {
            return Err(Refusal {
                is_for_now: true,
                ..never(format!("the storage: {why}"))
            });
        }
        Err(HttpError::Invalid(why)) => return Err(never(format!("the storage: {why}"))),
    };
    let status = response.status;
    if status.is_success() {
        return Ok(response);
    }
    let host = endpoint.host();
    let code = code(&response.body).map_or(String::new(), |code| format!(" ({code})"));
    let is_busy = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    Err(Refusal {
        status: Some(status.as_u16()),
        why: format!("the storage, {host}, answered {status}{code}"),
        is_for_now: is_busy || status.is_server_error(),
        after: response.retry_after,
    })
}

impl Refusal {
    /// What the caller of a verb is told.
    pub(super) fn error(self, verb: &str) -> Error {
        let kind = match self.status {
            Some(500..) => Kind::Server,
            Some(_) => Kind::Refused,
            None if self.is_for_now => Kind::Unreachable,
            None => Kind::Unexpected,
        };
        let error = Error::new(kind, format!("cannot {verb}: {}", self.why));
        match self.status {
            Some(status) => error.with_status(status),
            None => error,
        }
    }
}

fn never(why: String) -> Refusal {
    Refusal {
        status: None,
        why,
        is_for_now: false,
        after: None,
    }
}

/// The word that S3 and Azure have for a fault, in XML: `SignatureDoesNotMatch`.
fn code(body: &[u8]) -> Option<&str> {
    let body = std::str::from_utf8(body).ok()?;
    let (code, _) = body.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_word = code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: Blob = Blob {
        mime: String::new(),
        len: 1,
        sha256: [1; 32],
    };

    #[test]
    fn each_kind_of_storage_is_told_what_it_takes() {
        let told = |url: &str| {
            let blob = Blob {
                mime: "image/png".to_owned(),
                ..BLOB
            };
            let headers = headers(&Endpoint::parse(url).unwrap(), &blob).unwrap();
            let mut told: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            told.sort();
            told
        };
        let checksum = "x-amz-checksum-sha256: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        assert_eq!(
            told("https://bucket.s3.eu-west-1.amazonaws.com/m.png?X-Amz-Signature=1"),
            ["content-type: image/png", checksum]
        );
        assert_eq!(
            told("https://account.blob.core.windows.net/m.png?sig=1"),
            ["content-type: image/png", checksum, "x-ms-blob-type: BlockBlob"]
        );
        assert_eq!(
            told("https://storage.googleapis.com/m.png?X-Goog-Signature=1"),
            ["content-type: image/png"]
        );
    }

    #[test]
    fn a_refusal_names_the_host_and_the_word_for_the_fault() {
        let endpoint = Endpoint::parse("https://s3.example/a.png?X-Amz-Signature=planted").unwrap();
        let answer = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let response = Response::new(status, &HeaderMap::new(), body.as_bytes().to_vec());
            let refusal = read(Ok(response), &endpoint).err().unwrap();
            (refusal.why, refusal.is_for_now)
        };
        assert_eq!(
            answer(
                403,
                "<Error><Code>AccessDenied</Code><AWSAccessKeyId>planted</AWSAccessKeyId></Error>"
            ),
            (
                "the storage, s3.example, answered 403 Forbidden (AccessDenied)".to_owned(),
                false
            )
        );
        assert_eq!(
            answer(503, "planted"),
            (
                "the storage, s3.example, answered 503 Service Unavailable".to_owned(),
                true
            )
        );
    }
}
