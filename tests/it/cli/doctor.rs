//! `doctor`: all is well; and each way in which it is not.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Ran, project, run};
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::replay;
use crate::support::rows::{self, Row};

/// What the server does.
#[derive(Clone, Default)]
struct Server {
    /// It takes traces, and never shows them.
    loses_traces: bool,
    /// How far its clock is behind this one.
    behind: Duration,
    /// It has a price for no model.
    has_no_prices: bool,
    /// It has only what v3 has.
    is_v3: bool,
    /// The version that it says, if not that of the recordings.
    version: Option<&'static str>,
}

impl Server {
    fn start(self) -> Receiver {
        let stored = Arc::new(Mutex::new(Vec::new()));
        Receiver::new(move |request| {
            let answer = self.answer(request, &mut stored.lock().unwrap());
            let date = httpdate::fmt_http_date(SystemTime::now() - self.behind);
            answer.header("date", &date)
        })
    }

    fn answer(&self, request: &Request, stored: &mut Vec<Row>) -> Answer {
        let path = request.path.split('?').next().unwrap();
        match path {
            "/api/public/health" => match self.version {
                Some(version) => Answer::json(200, &json!({"status": "OK", "version": version}).to_string()),
                None => replay::answered("setup", "health"),
            },
            "/api/public/projects" => {
                use base64::Engine as _;
                let keys = format!("{}:{}", Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
                let known = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(keys));
                match request.header("authorization") == Some(&known) {
                    true => replay::answered("setup", "projects (auth check)"),
                    false => replay::answered("setup", "projects, wrong secret"),
                }
            }
            "/api/public/otel/v1/traces" => {
                let mut taken = request.clone();
                taken.status = Some(200);
                stored.extend(rows::of_requests(&[taken]));
                replay::answered("otlp", "protobuf accepted")
            }
            "/api/public/v2/observations" if self.is_v3 => {
                replay::answered("legacy-reads", "GET /observations")
            }
            "/api/public/v2/observations" if stored.is_empty() || self.loses_traces => {
                replay::answered("observations", "nothing found")
            }
            "/api/public/v2/observations" => {
                let rows: Vec<_> = stored.iter().map(|row| self.shown(row)).collect();
                Answer::json(200, &json!({"data": rows, "meta": {}}).to_string())
            }
            "/api/public/traces" => {
                let ids: HashMap<_, _> = stored.iter().map(|row| (&row.trace_id, row.start)).collect();
                let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
                let traces: Vec<_> = ids
                    .keys()
                    .map(|id| json!({"id": id, "timestamp": time, "name": "tracing-llm doctor"}))
                    .collect();
                let meta = json!({"page": 1, "limit": 50, "totalItems": traces.len(), "totalPages": 1});
                Answer::json(200, &json!({"data": traces, "meta": meta}).to_string())
            }
            other => panic!("the doctor asks for {other}"),
        }
    }

    /// What was sent, as the recorded server shows a row.
    fn shown(&self, row: &Row) -> Value {
        let recorded = replay::recorded("observations");
        let mut shown = recorded[0]["response"]["json"]["data"][0].clone();
        assert_eq!(shown["model"], "gpt-4o-mini");
        for (key, value) in [
            ("id", json!(row.id)),
            ("traceId", json!(row.trace_id)),
            ("parentObservationId", json!(row.parent)),
            ("type", json!(row.kind)),
            ("name", json!(row.name)),
            ("input", json!(row.input)),
            ("output", json!(row.output)),
            ("model", json!(row.model.as_deref().unwrap_or_default())),
            ("usageDetails", json!(row.usage)),
            ("isRootObservation", json!(row.is_root)),
        ] {
            shown[key] = value;
        }
        // By the price that stands in the recorded row.
        let tokens = |bucket: &str| row.usage.get(bucket).and_then(Value::as_f64).unwrap_or_default();
        let cost = tokens("input") * 1.5e-7 + tokens("output") * 6e-7;
        let is_priced = row.model.is_some() && !self.has_no_prices;
        shown["costDetails"] = if is_priced {
            json!({"total": cost})
        } else {
            json!({})
        };
        shown["totalCost"] = if is_priced { json!(cost) } else { json!(0) };
        shown
    }
}

fn doctor(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    // What stands later replaces it.
    let variables: Vec<_> = project(url)
        .into_iter()
        .chain(variables.iter().copied())
        .collect();
    run(&[&["doctor"], arguments].concat(), &variables)
}

/// What it printed, with names in place of what is never the same: addresses, ids and times.
fn page(ran: &Ran, servers: &[&str]) -> String {
    assert_eq!(ran.err, "");
    let mut page = ran.out.clone();
    for (name, server) in ["SERVER", "OTHER"].iter().zip(servers) {
        page = page.replace(server.trim_start_matches("http://"), name);
    }
    without_ids_and_times(&page)
}

pub(super) fn without_ids_and_times(page: &str) -> String {
    let words = page.split_inclusive([' ', '\n']);
    let mut before = "";
    let mut shown = String::new();
    for word in words {
        let (bare, end) = word.split_at(word.trim_end().len());
        let is_time = ["in ", "after ", "is "].contains(&before) && bare.parse::<f64>().is_ok();
        let bare = match bare.rsplit_once("/traces/") {
            Some((project, id)) if id.len() == 32 => &format!("{project}/traces/ID"),
            _ if is_time => "#",
            _ => bare,
        };
        shown.push_str(bare);
        shown.push_str(end);
        before = word;
    }
    shown
}

/// A server at which all is well.
pub(super) fn well() -> Receiver {
    Server::default().start()
}

/// What it prints where nothing is wrong: of the usual variables, the destinations that they open, and the recorded server.
const VARIABLES: &str = "\
variables
  ok       LANGFUSE_PUBLIC_KEY  pk-lf-lab…
  ok       LANGFUSE_SECRET_KEY  is set
  ok       LANGFUSE_BASE_URL  is set: SERVER
";
const OPENS_LANGFUSE: &str = "
destinations
  ok       a program with these variables opens langfuse
";
const LANGFUSE: &str = "
langfuse
  ok       Langfuse 4.16.0 answers in # ms
  ok       the keys are those of project lab (lab-project)
  ok       this clock and the server's agree
  ok       traces go to /api/public/otel/v1/traces; scores to /api/public/ingestion, and to /api/public/scores when awaited
  ok       it is read by /api/public/v2/observations, as v4 is
";

#[test]
fn all_is_well() {
    let server = well();
    let ran = doctor(&server.url(), &[], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        LANGFUSE,
        "
trace
  ok       langfuse 2 sent
  ok       read back after # s: 2 observations
  ok       GENERATION generate  gpt-4o-mini  12 → 3 tokens  $0.0000036
  ok       it has its input and its output
           http://SERVER/project/lab-project/traces/ID

0 failures, 0 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_wrong_secret() {
    let server = well();
    let ran = doctor(&server.url(), &[], &[("LANGFUSE_SECRET_KEY", "sk-lf-planted")]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        "
langfuse
  ok       Langfuse 4.16.0 answers in # ms
  failure  cannot check the keys: SERVER answered 401 Unauthorized: Invalid credentials. Confirm that you've configured the correct host.
           is LANGFUSE_SECRET_KEY a key of this server and region (LANGFUSE_BASE_URL), and not deleted? A key that was tried before it was made stays unknown for five minutes

1 failure, 0 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn nobody_is_there() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let ran = doctor(&url, &[], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        "
langfuse
  failure  cannot ask for the server's health: cannot connect to SERVER: connection refused
           is LANGFUSE_BASE_URL right, the server up, and the way free (firewall, HTTPS_PROXY, NO_PROXY)?

1 failure, 0 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&url]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn an_old_server() {
    let version = Some("2.95.12");
    let server = Server {
        version,
        ..Server::default()
    }
    .start();
    let ran = doctor(&server.url(), &[], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        "
langfuse
  failure  SERVER is Langfuse 2.95.12, which takes no traces over OTLP: 3.22.0 does, and what is newer
           update the server: 3.22 takes traces over OTLP, 4 has everything that is read here

1 failure, 0 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn no_keys() {
    let ran = run(&["doctor"], &[]);
    let expected = "\
variables
  warning  none is set

destinations
  ok       a program with these variables opens console
  failure  neither langfuse nor otlp is asked for
           LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY open langfuse, OTEL_EXPORTER_OTLP_ENDPOINT opens otlp

1 failure, 1 warning
";
    assert_eq!(page(&ran, &[]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn capture_is_off() {
    let server = well();
    let off = ("LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED", "false");
    let ran = doctor(&server.url(), &[], &[off]);
    let expected = [
        VARIABLES,
        "  warning  LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED  is off: arguments become no input, and what is returned no output, at any destination
",
        OPENS_LANGFUSE,
        LANGFUSE,
        "
trace
  ok       langfuse 2 sent
  ok       read back after # s: 2 observations
  ok       GENERATION generate  gpt-4o-mini  12 → 3 tokens  $0.0000036
  warning  it has no input and output: LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED is off
           without it, or where the program says `current().input(..)` and `.output(..)`, they are there
           http://SERVER/project/lab-project/traces/ID

0 failures, 2 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn what_is_sent_is_not_shown_in_time() {
    let server = Server {
        loses_traces: true,
        ..Server::default()
    }
    .start();
    let ran = doctor(&server.url(), &["--wait", "1s"], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        LANGFUSE,
        "
trace
  ok       langfuse 2 sent
  failure  not read back within 1s, though the server took it
           is its worker running, and ClickHouse, Redis and the object store behind it? `--wait 5m` waits longer

1 failure, 0 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn clocks_apart_and_a_model_without_a_price() {
    let behind = Duration::from_secs(600);
    let server = Server {
        behind,
        has_no_prices: true,
        ..Server::default()
    }
    .start();
    let ran = doctor(&server.url(), &[], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        "
langfuse
  ok       Langfuse 4.16.0 answers in # ms
  ok       the keys are those of project lab (lab-project)
  failure  this clock is # s ahead of the server's
           observations are stored under the times that they are sent with: let NTP set this clock
  ok       traces go to /api/public/otel/v1/traces; scores to /api/public/ingestion, and to /api/public/scores when awaited
  ok       it is read by /api/public/v2/observations, as v4 is

trace
  ok       langfuse 2 sent
  ok       read back after # s: 2 observations
  warning  GENERATION generate  gpt-4o-mini  12 → 3 tokens  has no cost
           the server has no price for gpt-4o-mini: its settings have a list of models, and a program may
           say prices of its own (`prices`) or send those of this crate (`send_shipped_prices`)
  ok       it has its input and its output
           http://SERVER/project/lab-project/traces/ID

1 failure, 1 warning
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_v3_server() {
    let server = Server {
        is_v3: true,
        version: Some("3.225.4"),
        ..Server::default()
    }
    .start();
    let ran = doctor(&server.url(), &[], &[]);
    let expected = [
        VARIABLES,
        OPENS_LANGFUSE,
        "
langfuse
  ok       Langfuse 3.225.4 answers in # ms
  ok       the keys are those of project lab (lab-project)
  ok       this clock and the server's agree
  ok       traces go to /api/public/otel/v1/traces; scores to /api/public/ingestion, and to /api/public/scores when awaited
  warning  it is read by /api/public/traces, as v3 is
           observations, sums and experiments are read from v4 on

trace
  ok       langfuse 2 sent
  ok       read back after # s: the trace
           http://SERVER/project/lab-project/traces/ID

0 failures, 1 warning
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn odd_variables_and_an_otlp_backend_that_is_away() {
    let server = well();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = format!("http://{closed}");
    let odd = [
        ("LANGFUSE_HOST", "https://planted@elsewhere.example"),
        ("LANGFUSE_SECRETKEY", "sk-lf-planted"),
        ("LANGFUSE_SAMPLE_RATE", "planted"),
        ("LANGFUSE_TIMEOUT", ""),
        ("LANGFUSE_LOG_LEVEL", "planted"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", other.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20planted"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let ran = doctor(&server.url(), &["--wait", "2s"], &odd);
    let expected = [
        VARIABLES,
        "  ok       LANGFUSE_HOST  is set: elsewhere.example:443
  warning  LANGFUSE_TIMEOUT  is empty: it counts as not set
  ok       LANGFUSE_SAMPLE_RATE  is set
  ok       OTEL_EXPORTER_OTLP_ENDPOINT  is set: OTHER
  ok       OTEL_EXPORTER_OTLP_HEADERS  is set
  ok       LANGFUSE_LOG_LEVEL  is read by nobody here
  warning  LANGFUSE_SECRETKEY  is read by nobody here
           LANGFUSE_SECRET_KEY is meant?
  warning  LANGFUSE_BASE_URL and LANGFUSE_HOST do not agree: LANGFUSE_BASE_URL is used
  warning  LANGFUSE_SAMPLE_RATE is not a number from 0 to 1: every trace is kept

destinations
  ok       a program with these variables opens langfuse, otlp
  warning  otlp is sent no inputs and outputs: its generations look empty
           OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true, or capture_content(true), sends them
",
        LANGFUSE,
        "
trace
  ok       langfuse 2 sent
  failure  otlp 0 sent, 2 pending
           otlp: sending fails and is tried again: cannot connect to OTHER: connection refused
  ok       read back after # s: 2 observations
  ok       GENERATION generate  gpt-4o-mini  12 → 3 tokens  $0.0000036
  ok       it has its input and its output
           http://SERVER/project/lab-project/traces/ID

1 failure, 5 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url(), &other]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn without_a_trace_nothing_is_sent() {
    let (server, collector) = (well(), Receiver::otlp());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url());
    let ran = doctor(&server.url(), &["--no-trace"], &[endpoint]);
    let expected = [
        VARIABLES,
        "  ok       OTEL_EXPORTER_OTLP_ENDPOINT  is set: OTHER

destinations
  ok       a program with these variables opens langfuse, otlp
  warning  otlp is sent no inputs and outputs: its generations look empty
           OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true, or capture_content(true), sends them
",
        LANGFUSE,
        "
otlp
  ok       OTHER takes connections

0 failures, 1 warning
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url(), &collector.url()]), expected);
    assert_eq!(ran.code, Some(0));
    assert!(collector.requests().is_empty());
    assert!(server.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn langfuse_is_closed_and_otlp_is_sent_the_trace() {
    let (server, collector) = (well(), Receiver::otlp());
    let variables = [
        ("LANGFUSE_TRACING_ENABLED", "false"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url()),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
    ];
    let ran = doctor(&server.url(), &[], &variables);
    let expected = [
        VARIABLES,
        "  warning  LANGFUSE_TRACING_ENABLED  closes Langfuse: no traces go there
  ok       OTEL_EXPORTER_OTLP_ENDPOINT  is set: OTHER
  ok       OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT  is set

destinations
  ok       a program with these variables opens otlp
  warning  langfuse is closed by a variable
",
        LANGFUSE,
        "
trace
  ok       otlp 2 sent

0 failures, 2 warnings
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url(), &collector.url()]), expected);
    assert_eq!(ran.code, Some(0));
    assert_eq!(collector.spans().len(), 2);
}

#[test]
fn keys_in_each_others_place() {
    let server = well();
    let swapped = [
        ("LANGFUSE_PUBLIC_KEY", "sk-lf-planted"),
        ("LANGFUSE_SECRET_KEY", Receiver::PUBLIC_KEY),
    ];
    let ran = doctor(&server.url(), &[], &swapped);
    let expected = "\
variables
  ok       LANGFUSE_PUBLIC_KEY  is set
  ok       LANGFUSE_SECRET_KEY  is set
  ok       LANGFUSE_BASE_URL  is set: SERVER
  warning  LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are swapped: no traces go to Langfuse

destinations
  failure  a program with these variables opens none: nothing is observed
  failure  langfuse is asked for and cannot be opened
           a warning above says why

2 failures, 1 warning
";
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_sample_rate_of_nothing() {
    let server = well();
    let ran = doctor(&server.url(), &[], &[("LANGFUSE_SAMPLE_RATE", "0")]);
    let expected = [
        VARIABLES,
        "  warning  LANGFUSE_SAMPLE_RATE  leaves traces out: Langfuse is sent a share of them
",
        OPENS_LANGFUSE,
        LANGFUSE,
        "
trace
  failure  no trace is sent: the sample rate is 0, or nearly
           LANGFUSE_SAMPLE_RATE, OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG set it

1 failure, 1 warning
",
    ]
    .concat();
    assert_eq!(page(&ran, &[&server.url()]), expected);
    assert_eq!(ran.code, Some(1));
    // A small one leaves the test's own trace in.
    let ran = doctor(&server.url(), &[], &[("LANGFUSE_SAMPLE_RATE", "0.01")]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
}
