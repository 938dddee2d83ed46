//! What the standard variables of OpenTelemetry say about the OTLP exporter.

use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::dialect::Limits;
use crate::env::{FromEnv, Reader, Variables, pairs};
use crate::error::{Error, Kind};
use crate::http::{self, Client, Endpoint, Tls};
use crate::otlp::poster::{Compression, Poster};
use crate::sample::SampleRate;

/// Where an OTLP exporter sends, and how.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct OtlpSettings {
    /// With the path of the traces.
    pub(crate) endpoint: Endpoint,
    /// Spoken to over gRPC.
    #[cfg(feature = "grpc")]
    pub(crate) grpc: bool,
    /// Sent with every request; never shown.
    pub(crate) headers: HeaderMap,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// Whether bodies are packed.
    pub(crate) compression: Compression,
    /// Whose certificates are trusted, and ours.
    pub(crate) tls: Tls,
    /// How much of a span is sent.
    pub(crate) limits: Limits,
    /// Which traces it is sent.
    pub(crate) rate: SampleRate,
}

/// Which destinations `OTEL_TRACES_EXPORTER` and the endpoints' variables open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Destinations {
    /// `OTEL_SDK_DISABLED`: none at all.
    pub(crate) disabled: bool,
    /// An OTLP backend.
    pub(crate) otlp: bool,
    /// The terminal.
    pub(crate) console: bool,
    /// Some variable asks for one of them, or for none.
    pub(crate) asked: bool,
}

impl OtlpSettings {
    /// OpenTelemetry's own: a collector on this machine.
    pub(crate) const DEFAULT_ENDPOINT: &str = "http://localhost:4318/v1/traces";
    /// OpenTelemetry's own.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Settings for this endpoint, used as it is, and the defaults for the rest.
    pub(crate) fn new(endpoint: &str) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(endpoint)
            .map_err(|reason| Error::new(Kind::InvalidValue, format!("the OTLP endpoint {reason}")))?;
        Ok(Self::to(endpoint))
    }

    /// What the variables say, whether or not they ask for OTLP; `None` when it cannot be.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Option<Self>> {
        Reader::read(variables, settings)
    }

    /// Makes ready to send.
    pub(crate) fn poster(self) -> Result<Poster, Error> {
        let Self {
            endpoint,
            headers,
            compression,
            ..
        } = self;
        let client = Client::new(&endpoint, self.timeout, &self.tls)?;
        Ok(Poster::new(client, endpoint, headers, compression, false))
    }

    /// The defaults for this endpoint.
    fn to(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            #[cfg(feature = "grpc")]
            grpc: false,
            headers: HeaderMap::new(),
            timeout: Self::DEFAULT_TIMEOUT,
            compression: Compression::None,
            tls: Tls::default(),
            limits: Limits::default(),
            rate: SampleRate::ALL,
        }
    }
}

impl Destinations {
    /// OTLP is open when an endpoint is set or the exporters' list has it, and never when there is a list without it.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, destinations)
    }
}

const DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINTS: [&str; 2] = [TRACES_ENDPOINT, ENDPOINT];
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
pub(crate) const COMPRESSION: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
];
const CERTIFICATE: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
];
const CLIENT_CERTIFICATE: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
];
const CLIENT_KEY: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
];
const PROTOCOL: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
/// How a line ends that says why there is no lane.
const NO_TRACES: &str = "no traces go to OTLP";

fn destinations(reader: &mut Reader<'_>) -> Destinations {
    let mut open = Destinations {
        disabled: is_disabled(reader),
        otlp: reader.first(&ENDPOINTS).is_some(),
        console: false,
        asked: reader.first(&ENDPOINTS).is_some(),
    };
    if let Some(list) = reader.get(EXPORTER) {
        open.asked = true;
        let words: Vec<_> = list
            .split(',')
            .map(|word| word.trim().to_ascii_lowercase())
            .collect();
        let contains = |name| words.iter().any(|word| word == name);
        open.otlp = contains("otlp");
        open.console = contains("console");
        let known = |word: &String| ["otlp", "console", "none", ""].contains(&word.as_str());
        if !words.iter().all(known) {
            reader.say(format!(
                "{EXPORTER} names more than otlp, console and none: the others are left out"
            ));
        }
    }
    open
}

/// The standard knows one word for yes.
fn is_disabled(reader: &mut Reader<'_>) -> bool {
    let Some(value) = reader.get(DISABLED) else {
        return false;
    };
    let disabled = value.eq_ignore_ascii_case("true");
    if !disabled && !value.eq_ignore_ascii_case("false") {
        reader.say(format!(
            "{DISABLED} is neither true nor false: it counts as false"
        ));
    }
    disabled
}

fn settings(reader: &mut Reader<'_>) -> Option<OtlpSettings> {
    let grpc = is_grpc(reader)?;
    let mut settings = OtlpSettings::to(endpoint(reader, grpc)?);
    #[cfg(feature = "grpc")]
    {
        settings.grpc = grpc;
    }
    settings.headers = headers(reader);
    let default = OtlpSettings::DEFAULT_TIMEOUT.as_millis().to_string();
    if let Some(timeout) = reader.millis(&TIMEOUT, 1, &default) {
        settings.timeout = timeout;
    }
    settings.compression = compression(reader, grpc);
    settings.tls = tls(reader)?;
    Some(settings)
}

/// Whether it is gRPC, or HTTP; nothing where it is neither.
fn is_grpc(reader: &mut Reader<'_>) -> Option<bool> {
    let Some((name, value)) = reader.first(&PROTOCOL) else {
        return Some(false);
    };
    let (speaks, message) = match value.to_ascii_lowercase().as_str() {
        "http/protobuf" => return Some(false),
        "grpc" if cfg!(feature = "grpc") => return Some(true),
        "grpc" => (
            false,
            "is grpc, which needs the feature `grpc` of tracing-llm: no traces go to OTLP",
        ),
        "http/json" => (
            false,
            "is http/json, which tracing-llm does not write; http/protobuf it does: no traces go to OTLP",
        ),
        _ => (
            true,
            "is none of http/protobuf, grpc and http/json: http/protobuf is used",
        ),
    };
    reader.say(format!("{name} {message}"));
    speaks.then_some(false)
}

/// The one for traces is used as it is; the general one is the base of all signals, and over gRPC their endpoint.
fn endpoint(reader: &mut Reader<'_>, grpc: bool) -> Option<Endpoint> {
    let found = reader.first(&ENDPOINTS);
    let default = if grpc {
        "http://localhost:4317"
    } else {
        OtlpSettings::DEFAULT_ENDPOINT
    };
    let (name, text) = found.unwrap_or((TRACES_ENDPOINT, default.to_owned()));
    match Endpoint::parse(&text) {
        Ok(base) if name == ENDPOINT && !grpc => {
            if base.url().path().trim_end_matches('/').ends_with("/v1/traces") {
                reader.say(format!(
                    "{name} ends with /v1/traces, which is put behind it once more; a whole URL belongs into \
                     {TRACES_ENDPOINT}"
                ));
            }
            Some(base.join("v1/traces"))
        }
        Ok(endpoint) => Some(endpoint),
        Err(reason) => {
            reader.say(format!("{name} {reason}: {NO_TRACES}"));
            None
        }
    }
}

fn headers(reader: &mut Reader<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some((variable, list)) = reader.first(&HEADERS) else {
        return headers;
    };
    let mut bad = 0;
    for entry in pairs(&list) {
        match entry.and_then(|(name, value)| http::header(&name, &value)) {
            Some((name, value)) => drop(headers.insert(name, value)),
            None => bad += 1,
        }
    }
    if bad > 0 {
        let (entries, are) = if bad == 1 {
            ("entry", "it is")
        } else {
            ("entries", "they are")
        };
        reader.say(format!(
            "{variable} has {bad} {entries} that cannot be read as name=value: {are} left out"
        ));
    }
    headers
}

/// `None` when a file cannot be read: what was to be trusted alone is not replaced by what the system trusts.
fn tls(reader: &mut Reader<'_>) -> Option<Tls> {
    let roots = file(reader, &CERTIFICATE)?;
    let certificate = file(reader, &CLIENT_CERTIFICATE)?;
    let key = file(reader, &CLIENT_KEY)?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let (set, unset) = if certificate.is_some() {
                (CLIENT_CERTIFICATE, CLIENT_KEY)
            } else {
                (CLIENT_KEY, CLIENT_CERTIFICATE)
            };
            reader.say(format!("{} is set and {} is not: {NO_TRACES}", set[1], unset[1]));
            return None;
        }
    };
    Some(Tls {
        roots,
        identity,
        ..Tls::default()
    })
}

/// The file that a variable names.
fn file(reader: &mut Reader<'_>, names: &[&str]) -> Option<Option<Vec<u8>>> {
    let Some((name, path)) = reader.first(names) else {
        return Some(None);
    };
    let read = std::fs::read(path).map_err(|error| {
        let kind = error.kind();
        reader.say(format!("the file of {name} cannot be read, {kind}: {NO_TRACES}"));
    });
    read.ok().map(Some)
}

fn compression(reader: &mut Reader<'_>, grpc: bool) -> Compression {
    let Some((name, value)) = reader.first(&COMPRESSION) else {
        return Compression::None;
    };
    if grpc && Compression::parse(&value) == Some(Compression::Gzip) {
        reader.say(format!(
            "{name} is gzip, which is not done over gRPC: none is used"
        ));
        return Compression::None;
    }
    Compression::parse(&value).unwrap_or_else(|| {
        reader.say(format!("{name} is neither gzip nor none: none is used"));
        Compression::None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];
    type Lines<'a> = &'a [&'a str];

    #[cfg(feature = "grpc")]
    #[test]
    fn over_grpc_an_endpoint_has_no_path() {
        let table: [(Pairs<'_>, Option<&str>, Lines<'_>); 4] = [
            (&[], Some("http://localhost:4317/ [] 10s None"), &[]),
            (
                &[
                    (ENDPOINT, "https://jaeger:4317"),
                    (HEADERS[1], "a=1"),
                    (TIMEOUT[1], "2500"),
                ],
                Some("https://jaeger:4317/ [a=1] 2.5s None"),
                &[],
            ),
            (
                &[(COMPRESSION[1], "gzip")],
                Some("http://localhost:4317/ [] 10s None"),
                &["OTEL_EXPORTER_OTLP_COMPRESSION is gzip, which is not done over gRPC: none is used"],
            ),
            (
                &[(ENDPOINT, "jaeger:4317")],
                None,
                &["OTEL_EXPORTER_OTLP_ENDPOINT has no http:// or https:// in front: no traces go to OTLP"],
            ),
        ];
        for (variables, settings, messages) in table {
            let variables = [variables, &[(PROTOCOL[1], "GRPC")]].concat();
            let read = OtlpSettings::from_env(&Variables::from_pairs(variables.iter().copied()));
            assert_eq!(
                read.settings.as_ref().map(shown).as_deref(),
                settings,
                "{variables:?}"
            );
            assert!(read.settings.is_none_or(|settings| settings.grpc));
            assert_eq!(read.messages, messages, "{variables:?}");
        }
    }

    #[test]
    fn variables_become_settings_or_one_line_each() {
        let table: &[(Pairs<'_>, Option<&str>, Lines<'_>)] = &[
            (&[], Some("http://localhost:4318/v1/traces [] 10s None"), &[]),
            (
                &[(ENDPOINT, "http://jaeger:4318")],
                Some("http://jaeger:4318/v1/traces [] 10s None"),
                &[],
            ),
            (
                &[(ENDPOINT, "\"https://otlp.example/base/\"")],
                Some("https://otlp.example/base/v1/traces [] 10s None"),
                &[],
            ),
            (
                &[(ENDPOINT, "http://jaeger:4318/v1/traces")],
                Some("http://jaeger:4318/v1/traces/v1/traces [] 10s None"),
                &[
                    "OTEL_EXPORTER_OTLP_ENDPOINT ends with /v1/traces, which is put behind it once more; a whole URL belongs \
                     into OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                ],
            ),
            (
                &[(TRACES_ENDPOINT, "http://jaeger:4318")],
                Some("http://jaeger:4318/ [] 10s None"),
                &[],
            ),
            (
                &[(ENDPOINT, "http://a"), (TRACES_ENDPOINT, "http://b/in")],
                Some("http://b/in [] 10s None"),
                &[],
            ),
            (
                &[(ENDPOINT, "http://a"), (TRACES_ENDPOINT, " ")],
                Some("http://a/v1/traces [] 10s None"),
                &[],
            ),
            (
                &[(ENDPOINT, "localhost:4318")],
                None,
                &["OTEL_EXPORTER_OTLP_ENDPOINT has no http:// or https:// in front: no traces go to OTLP"],
            ),
            (
                &[(TRACES_ENDPOINT, "grpc://jaeger:4317")],
                None,
                &[
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT begins neither with http:// nor with https://: no traces go to OTLP",
                ],
            ),
            (
                &[(ENDPOINT, "http://jaeger:port")],
                None,
                &["OTEL_EXPORTER_OTLP_ENDPOINT is not a URL: no traces go to OTLP"],
            ),
            #[cfg(not(feature = "grpc"))]
            (
                &[(PROTOCOL[1], "grpc"), (ENDPOINT, "bad"), (TIMEOUT[1], "bad")],
                None,
                &[
                    "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which needs the feature `grpc` of tracing-llm: no traces go to OTLP",
                ],
            ),
            (
                &[(PROTOCOL[1], "grpc"), (PROTOCOL[0], "HTTP/protobuf")],
                Some("http://localhost:4318/v1/traces [] 10s None"),
                &[],
            ),
            (
                &[(PROTOCOL[0], "http/json")],
                None,
                &[
                    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/json, which tracing-llm does not write; http/protobuf it does: \
                     no traces go to OTLP",
                ],
            ),
            (
                &[(PROTOCOL[1], "thrift")],
                Some("http://localhost:4318/v1/traces [] 10s None"),
                &[
                    "OTEL_EXPORTER_OTLP_PROTOCOL is none of http/protobuf, grpc and http/json: http/protobuf is used",
                ],
            ),
            (
                &[(HEADERS[1], "Authorization=Bearer%20abc==, x-tenant = t 1 ,")],
                Some("http://localhost:4318/v1/traces [authorization=Bearer abc== x-tenant=t 1] 10s None"),
                &[],
            ),
            (
                &[(HEADERS[1], "a=1"), (HEADERS[0], "b=2,b=3")],
                Some("http://localhost:4318/v1/traces [b=3] 10s None"),
                &[],
            ),
            (
                &[(HEADERS[1], "Authorization: Basic secret,x=1")],
                Some("http://localhost:4318/v1/traces [x=1] 10s None"),
                &["OTEL_EXPORTER_OTLP_HEADERS has 1 entry that cannot be read as name=value: it is left out"],
            ),
            (
                &[(HEADERS[0], "no,two words=v,x=%0Aline,=v")],
                Some("http://localhost:4318/v1/traces [] 10s None"),
                &[
                    "OTEL_EXPORTER_OTLP_TRACES_HEADERS has 4 entries that cannot be read as name=value: they are left out",
                ],
            ),
            (
                &[(TIMEOUT[1], "2500"), (COMPRESSION[1], "GZIP")],
                Some("http://localhost:4318/v1/traces [] 2.5s Gzip"),
                &[],
            ),
            (
                &[(TIMEOUT[0], "10s"), (COMPRESSION[0], "zstd")],
                Some("http://localhost:4318/v1/traces [] 10s None"),
                &[
                    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is not a whole number of milliseconds above 0: 10000 is used",
                    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION is neither gzip nor none: none is used",
                ],
            ),
            (
                &[(TIMEOUT[1], "0"), (COMPRESSION[1], "none")],
                Some("http://localhost:4318/v1/traces [] 10s None"),
                &["OTEL_EXPORTER_OTLP_TIMEOUT is not a whole number of milliseconds above 0: 10000 is used"],
            ),
        ];
        for (variables, settings, messages) in table {
            let read = OtlpSettings::from_env(&Variables::from_pairs(variables.iter().copied()));
            assert_eq!(
                read.settings.as_ref().map(shown).as_deref(),
                *settings,
                "{variables:?}"
            );
            assert_eq!(read.messages, *messages, "{variables:?}");
        }
    }

    #[test]
    fn certificates_are_files_and_one_that_cannot_be_read_closes_the_destination() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let read = |variables: Pairs<'_>| {
            let read = OtlpSettings::from_env(&Variables::from_pairs(variables.iter().copied()));
            (read.settings.map(|settings| settings.tls), read.messages)
        };
        let bytes = std::fs::read(manifest).unwrap();
        let trusting = Tls {
            roots: Some(bytes.clone()),
            ..Tls::default()
        };
        assert_eq!(read(&[]), (Some(Tls::default()), vec![]));
        assert_eq!(read(&[(CERTIFICATE[1], manifest)]), (Some(trusting), vec![]));
        let shown = Tls {
            identity: Some((bytes.clone(), bytes)),
            ..Tls::default()
        };
        assert_eq!(
            read(&[(CLIENT_CERTIFICATE[0], manifest), (CLIENT_KEY[1], manifest)]),
            (Some(shown), vec![])
        );
        assert_eq!(
            read(&[(CLIENT_KEY[0], manifest)]),
            (
                None,
                vec![
                    "OTEL_EXPORTER_OTLP_CLIENT_KEY is set and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not: no traces go to OTLP"
                        .to_owned()
                ]
            )
        );
        assert_eq!(
            read(&[(CERTIFICATE[0], "/nowhere/ca.pem")]),
            (
                None,
                vec![
                    "the file of OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE cannot be read, entity not found: no traces go to OTLP"
                        .to_owned()
                ]
            )
        );
    }

    #[test]
    fn who_asks_for_what() {
        let open = |otlp, console| Destinations {
            disabled: false,
            otlp,
            console,
            asked: true,
        };
        let nothing = Destinations::default();
        let disabled = |otlp| Destinations {
            disabled: true,
            otlp,
            console: false,
            asked: otlp,
        };
        let table: [(Pairs<'_>, Destinations, Lines<'_>); 15] = [
            (&[], nothing, &[]),
            (&[(ENDPOINT, "http://a")], open(true, false), &[]),
            (&[(TRACES_ENDPOINT, "http://a")], open(true, false), &[]),
            (&[(EXPORTER, "otlp")], open(true, false), &[]),
            (&[(EXPORTER, "OTLP, console")], open(true, true), &[]),
            (&[(EXPORTER, "console")], open(false, true), &[]),
            (&[(EXPORTER, "none")], open(false, false), &[]),
            (&[(EXPORTER, ""), (ENDPOINT, "http://a")], open(true, false), &[]),
            (
                &[(EXPORTER, "none"), (ENDPOINT, "http://a")],
                open(false, false),
                &[],
            ),
            (
                &[(EXPORTER, "console"), (ENDPOINT, "http://a")],
                open(false, true),
                &[],
            ),
            (
                &[(EXPORTER, "otlp,zipkin")],
                open(true, false),
                &["OTEL_TRACES_EXPORTER names more than otlp, console and none: the others are left out"],
            ),
            (&[(DISABLED, "True"), (ENDPOINT, "http://a")], disabled(true), &[]),
            (&[(DISABLED, "false")], nothing, &[]),
            (&[(DISABLED, " ")], nothing, &[]),
            (
                &[(DISABLED, "1")],
                nothing,
                &["OTEL_SDK_DISABLED is neither true nor false: it counts as false"],
            ),
        ];
        for (variables, settings, messages) in table {
            let read = Destinations::from_env(&Variables::from_pairs(variables.iter().copied()));
            assert_eq!(read.settings, settings, "{variables:?}");
            assert_eq!(read.messages, messages, "{variables:?}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let variables = Variables::from_pairs([
            (ENDPOINT, "https://user:planted@h/?key=planted"),
            (HEADERS[1], "authorization=planted,broken planted"),
        ]);
        let read = OtlpSettings::from_env(&variables);
        let shown = format!("{read:?} {:?}", read.settings.clone().unwrap().poster());
        assert!(!shown.contains("planted"), "{shown}");
        assert_eq!(read.settings.unwrap().headers["authorization"], "planted");
    }

    fn shown(settings: &OtlpSettings) -> String {
        let mut headers: Vec<_> = settings
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        format!(
            "{} [{}] {:?} {:?}",
            settings.endpoint,
            headers.join(" "),
            settings.timeout,
            settings.compression
        )
    }
}
