//! The client of one destination.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};

use crate::error::{Error, Kind};
use crate::http::{Endpoint, Response, Tls, one_line};

/// Sends requests to one destination, over connections that it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: reqwest::Client,
    timeout: Duration,
    connect_timeout: Duration,
}

/// No answer. The text is one sentence with the host in it, without credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HttpError {
    /// There was no connection: the destination has nothing of the request.
    NotSent(String),
    /// Sent, at least in part, and nothing came back: the destination may have all of it.
    Ambiguous(String),
    /// The same, and the time was up.
    TimedOut(String),
    /// The request itself is wrong, or its answer is more than is taken: another attempt will not help.
    Invalid(String),
}

impl Client {
    /// The answer to what is brought is kept up to here. Langfuse answers with some 1500 bytes, of which nothing is needed.
    const MOST_BODY_BYTES: usize = 64 * 1024;

    /// An answer that is needed may have this much: a page of whole observations has some MiB.
    const MOST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

    /// Node's servers, Langfuse among them, close a connection that was idle for 5 s. A body sent into a closing one
    /// is a lost answer, sent again and counted twice, so the client closes first.
    const IDLE: Duration = Duration::from_secs(4);

    /// A client that connects as `endpoint` needs and waits `timeout` for an answer.
    pub(crate) fn new(endpoint: &Endpoint, timeout: Duration, tls: &Tls) -> Result<Self, Error> {
        check_tls(endpoint)?;
        // The rest is for sending, so that a timeout says which of the two it was.
        let connect_timeout = timeout - timeout / 4;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tracing-llm/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(Self::IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = if endpoint.is_https() {
            tls.apply(builder)?
        } else {
            without_certificates(builder)
        };
        // reqwest panics where rustls has no crypto provider. `check_tls` asks first, but when the host's reqwest has
        // `rustls-no-provider` and this crate no TLS feature, there is nothing to ask.
        let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
        let inner = match built {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(Error::new(Kind::System, "cannot set up HTTP").because(error)),
            Err(_) => return Err(Error::new(Kind::System, NO_PROVIDER)),
        };
        Ok(Self {
            inner,
            timeout,
            connect_timeout,
        })
    }

    /// The program's own client, which connects as it was told to; it waits `timeout` for an answer.
    pub(crate) fn of(inner: reqwest::Client, timeout: Duration) -> Self {
        Self {
            inner,
            timeout,
            connect_timeout: timeout,
        }
    }

    /// Posts a body, once. The credentials of the URL, if any, are sent unless the headers have their own.
    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, HttpError> {
        let request = self
            .inner
            .post(endpoint.url().clone())
            .headers(headers)
            .body(body);
        self.bring(endpoint, request, self.timeout).await
    }

    /// Puts a body, once, within `limit`.
    pub(crate) async fn put(
        &self,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response, HttpError> {
        let request = self.inner.put(endpoint.url().clone()).headers(headers).body(body);
        self.bring(endpoint, request, limit).await
    }

    async fn bring(
        &self,
        endpoint: &Endpoint,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Response, HttpError> {
        // The program's own client may have another limit, or none.
        let mut answer = match request.timeout(limit).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(endpoint, &error, limit)),
        };
        let mut body = Vec::new();
        // The status has come, and it decides. A body that breaks off is only a shorter message.
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = Self::MOST_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == Self::MOST_BODY_BYTES {
                break;
            }
        }
        Ok(Response::new(answer.status(), answer.headers(), body))
    }

    /// Asks, once, and reads the whole answer, for which all together there is `limit`.
    pub(crate) async fn ask(
        &self,
        method: Method,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response, HttpError> {
        let mut request = self
            .inner
            .request(method, endpoint.url().clone())
            .headers(headers)
            .timeout(limit);
        if !body.is_empty() {
            request = request.body(body);
        }
        let explain = |error: reqwest::Error| self.explain(endpoint, &error, limit);
        let mut answer = request.send().await.map_err(explain)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > Self::MOST_ANSWER_BYTES {
                let most = Self::MOST_ANSWER_BYTES >> 20;
                let host = endpoint.host();
                return Err(HttpError::Invalid(format!(
                    "the answer of {host} is larger than {most} MiB"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response::new(answer.status(), answer.headers(), body))
    }

    /// Tells what never left from what may have arrived, and says why in few words.
    fn explain(&self, endpoint: &Endpoint, error: &reqwest::Error, limit: Duration) -> HttpError {
        let host = endpoint.host();
        if error.is_builder() {
            return HttpError::Invalid(format!("cannot make a request to {host}: {}", cause(error)));
        }
        if error.is_connect() {
            let cause = match error {
                _ if error.is_dns() => "dns error".to_owned(),
                _ if error.is_timeout() => format!("no answer within {:?}", self.connect_timeout.min(limit)),
                _ if endpoint.is_https() => without_riddles(cause(error)),
                _ => cause(error),
            };
            return HttpError::NotSent(format!("cannot connect to {host}: {cause}"));
        }
        if error.is_timeout() {
            return HttpError::TimedOut(format!("no answer from {host} within {limit:?}"));
        }
        HttpError::Ambiguous(format!("no answer from {host}: {}", cause(error)))
    }
}

/// The same without what tells nobody what to do: the riddle that rustls and OpenSSL make of a server that does not
/// encrypt, and the places in OpenSSL's source (`error:0A000086:SSL routines:function:reason:file:line:`).
fn without_riddles(cause: String) -> String {
    let is_plain = ["InvalidContentType", "wrong version number"];
    if is_plain.iter().any(|said| cause.contains(said)) {
        return "it does not speak TLS (does it want http://?)".to_owned();
    }
    match cause
        .strip_prefix("error:")
        .and_then(|rest| rest.split(':').nth(3))
    {
        Some(reason) => reason.to_owned(),
        None => cause,
    }
}

/// The innermost cause in few words.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let io = innermost
        .downcast_ref::<io::Error>()
        .filter(|error| error.raw_os_error().is_some());
    if let Some(io) = io {
        // Without the "(os error 111)" that follows.
        return io.kind().to_string();
    }
    if innermost.downcast_ref::<reqwest::Error>().is_some() {
        // Its own text holds the whole URL.
        return "the request failed".to_owned();
    }
    one_line(&innermost.to_string())
}

/// Whether this build can speak to the endpoint.
fn check_tls(endpoint: &Endpoint) -> Result<(), Error> {
    #[cfg(not(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider")))]
    if endpoint.is_https() {
        return Err(Error::new(
            Kind::InvalidValue,
            format!(
                "https://{} needs one of tracing-llm's features `rustls`, `native-tls` and `rustls-no-provider`",
                endpoint.host()
            ),
        ));
    }
    // With native-tls beside it, reqwest takes that.
    #[cfg(all(
        feature = "rustls-no-provider",
        not(any(feature = "rustls", feature = "native-tls"))
    ))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(Error::new(Kind::System, NO_PROVIDER));
    }
    let _ = endpoint;
    Ok(())
}

/// What to do when rustls has nothing to encrypt with.
const NO_PROVIDER: &str = "no crypto provider of rustls is installed, which the feature `rustls-no-provider` needs: \
     call `install_default()` of one before tracing-llm is built";

/// Without TLS no certificates are needed, and looking for them costs 35 ms and fails in an image that has none, even
/// for a client that never uses them.
fn without_certificates(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider"))]
    let builder = builder.tls_certs_only([]);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Runs with `--no-default-features --features rustls-no-provider`.
    #[cfg(all(
        feature = "rustls-no-provider",
        not(any(feature = "rustls", feature = "native-tls"))
    ))]
    #[test]
    fn a_missing_provider_is_an_error() {
        for url in ["http://localhost", "https://h"] {
            let error = Client::new(&Endpoint::parse(url).unwrap(), TIMEOUT, &Tls::default()).unwrap_err();
            assert_eq!(error.to_string(), NO_PROVIDER);
        }
    }

    /// Runs with `--no-default-features`.
    #[cfg(not(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider")))]
    #[test]
    fn without_tls_only_plain_http_is_spoken() {
        let build = |url| Client::new(&Endpoint::parse(url).unwrap(), TIMEOUT, &Tls::default());
        assert!(build("http://h").is_ok());
        assert_eq!(
            build("https://h:8443/p").unwrap_err().to_string(),
            "https://h:8443 needs one of tracing-llm's features `rustls`, `native-tls` and `rustls-no-provider`"
        );
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    #[tokio::test]
    async fn a_failed_handshake_sends_nothing() {
        let receiver = crate::receiver::Receiver::otlp();
        let endpoint = Endpoint::parse(&receiver.url().replace("http:", "https:")).unwrap();
        let client = Client::new(&endpoint, TIMEOUT, &Tls::default()).unwrap();
        let error = client
            .post(&endpoint, HeaderMap::new(), Bytes::from_static(b"body"))
            .await
            .unwrap_err();
        let start = format!("cannot connect to {}: ", receiver.address());
        assert!(
            matches!(&error, HttpError::NotSent(message) if message.starts_with(&start)),
            "{error:?}"
        );
        assert!(receiver.requests().is_empty());
    }
}
