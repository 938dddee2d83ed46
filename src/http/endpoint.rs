//! Where requests go: an `http` or `https` URL that shows itself without what is secret in it.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// An `http` or `https` URL. It is shown without credentials and query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(Url);

/// Why a text is no [`Endpoint`]; completes a sentence that begins with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadUrl {
    /// `localhost:4318`, which may be a host and a port, or a scheme and a path.
    NoScheme,
    /// A scheme that is not spoken.
    OtherScheme,
    /// Anything else.
    Unreadable,
}

impl Endpoint {
    /// The endpoint that a text names.
    pub(crate) fn parse(text: &str) -> Result<Self, BadUrl> {
        let text = text.trim();
        let (scheme, _) = text.split_once("://").ok_or(BadUrl::NoScheme)?;
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(BadUrl::OtherScheme);
        }
        Url::parse(text).map(Self).map_err(|_| BadUrl::Unreadable)
    }

    /// The same with `path` put behind its own path.
    pub(crate) fn join(mut self, path: &str) -> Self {
        let joined = format!("{}/{path}", self.0.path().trim_end_matches('/'));
        self.0.set_path(&joined);
        self
    }

    /// The same with this query.
    pub(crate) fn with_query(mut self, pairs: &[(&str, String)]) -> Self {
        if !pairs.is_empty() {
            self.0.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// The same without `suffix` at the end of its path, if it is there.
    pub(crate) fn without_suffix(mut self, suffix: &str) -> Self {
        let path = self.0.path().trim_end_matches('/');
        if let Some(rest) = path.strip_suffix(suffix) {
            let rest = rest.to_owned();
            self.0.set_path(&rest);
        }
        self
    }

    /// The same without credentials, query and fragment.
    pub(crate) fn bare(mut self) -> Self {
        // Both fail only for URLs that cannot have credentials.
        let _ = self.0.set_username("");
        let _ = self.0.set_password(None);
        self.0.set_query(None);
        self.0.set_fragment(None);
        self
    }

    /// The whole URL, with what is secret in it.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// What it has and does not show: the password and the values of the query.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        let password = self.0.password().map(str::to_owned);
        let values = self.0.query_pairs().map(|(_, value)| value.into_owned());
        password.into_iter().chain(values)
    }

    /// Whether both are of one server: scheme, host and port.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    /// Whether its query has this name.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.0.query_pairs().any(|(known, _)| known == name)
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        // An IPv6 address stands in brackets.
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// What a redirect from here means.
    pub(crate) fn elsewhere(&self) -> String {
        let scheme = if self.is_https() {
            ""
        } else {
            " (does it want https://?)"
        };
        format!("{self} is elsewhere, and redirects are not followed{scheme}")
    }

    /// Host and, unless it is the scheme's own, port.
    pub(crate) fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The port, the scheme's own if none is given.
    pub(crate) fn port(&self) -> Option<u16> {
        self.0.port_or_known_default()
    }

    /// The path, which begins with a slash.
    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme(), self.host(), self.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoScheme => "has no http:// or https:// in front",
            Self::OtherScheme => "begins neither with http:// nor with https://",
            Self::Unreadable => "is not a URL",
        })
    }
}

impl std::error::Error for BadUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_url_and_what_is_not() {
        let table = [
            ("http://localhost:4318", Ok("http://localhost:4318/")),
            (" https://h/p/ ", Ok("https://h/p/")),
            ("HTTPS://h", Ok("https://h/")),
            ("https://user:word@h:8443/p?key=k#f", Ok("https://h:8443/p")),
            ("localhost:4318", Err(BadUrl::NoScheme)),
            ("langfuse.example", Err(BadUrl::NoScheme)),
            ("", Err(BadUrl::NoScheme)),
            ("ftp://h", Err(BadUrl::OtherScheme)),
            ("http://", Err(BadUrl::Unreadable)),
            ("http://h:port", Err(BadUrl::Unreadable)),
            ("http://[::1", Err(BadUrl::Unreadable)),
        ];
        for (text, shown) in table {
            let endpoint = Endpoint::parse(text).map(|endpoint| format!("{endpoint:?}"));
            assert_eq!(endpoint, shown.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn paths_join_with_one_slash() {
        for (base, joined) in [
            ("http://h", "http://h/v1/traces"),
            ("http://h/", "http://h/v1/traces"),
            ("http://h/otlp", "http://h/otlp/v1/traces"),
            ("http://h/otlp/", "http://h/otlp/v1/traces"),
        ] {
            let endpoint = Endpoint::parse(base).unwrap().join("v1/traces");
            assert_eq!(endpoint.to_string(), joined);
        }
    }

    #[test]
    fn this_machine_is_known() {
        for (url, loopback) in [
            ("http://localhost:3000", true),
            ("http://langfuse.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.8.8.8:1", true),
            ("http://[::1]:3000", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
            ("https://cloud.langfuse.com", false),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().is_loopback(), loopback, "{url}");
        }
    }
}
