//! Setting up, and getting it wrong: one clear line that names the variable or the mistake, and the host goes on.

use std::process::Command;
use std::time::Duration;

use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::Receiver;

const RUN: &str = "TRACING_LLM_TEST_PROGRAM";

/// What a user's `main` does; run in a process of its own, with variables of its own.
#[test]
fn program() {
    if std::env::var_os(RUN).is_none() {
        return;
    }
    let llm = tracing_llm::init().unwrap();
    info_span!("work", as_type = "tool").in_scope(|| {});
    println!("report: {}", llm.flush_blocking(Duration::from_secs(2)));
    // A second subscriber cannot be; nothing is opened for it.
    let again = tracing_llm::builder().on_diagnostic(|_| {}).init().unwrap_err();
    assert!(again.is_already_initialized(), "{again}");
}

/// The report of that program with these variables, and the lines that the crate said.
fn run(variables: &[(&str, &str)]) -> (String, Vec<String>) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "setup::program", "--nocapture"])
        .env_clear()
        .env(RUN, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said
        .lines()
        .filter_map(|line| line.strip_prefix("tracing-llm: "))
        .map(str::to_owned)
        .collect();
    let shown = String::from_utf8(output.stdout).unwrap();
    let report = shown
        .lines()
        .find_map(|line| line.split_once("report: "))
        .unwrap()
        .1
        .to_owned();
    (report, said)
}

#[test]
fn with_no_variable_the_traces_are_shown_on_the_terminal() {
    assert_eq!(run(&[]), ("console 1 sent · 0 lost".into(), vec![]));
}

#[test]
fn rust_log_decides_log_lines_and_not_what_is_traced() {
    for level in ["warn", "off", "debug"] {
        assert_eq!(run(&[("RUST_LOG", level)]).0, "console 1 sent · 0 lost");
    }
}

#[test]
fn both_destinations_open_by_their_variables() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (report, said) = run(&[
        ("LANGFUSE_PUBLIC_KEY", Receiver::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", Receiver::SECRET_KEY),
        ("LANGFUSE_HOST", &langfuse.url()),
        ("LANGFUSE_OTEL_COMPRESSION", "gzip"),
        ("LANGFUSE_RELEASE", "1.4"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &otlp.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=search%20team"),
        ("OTEL_SERVICE_NAME", "support"),
    ]);
    assert_eq!(
        (report.as_str(), said),
        ("langfuse 1 sent · otlp 1 sent · 0 lost", vec![])
    );
    let request = &otlp.requests()[0];
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.header("x-team"), Some("search team"));
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(langfuse.requests()[0].header("content-encoding"), Some("gzip"));
    assert_eq!(langfuse.spans()[0].span_id, otlp.spans()[0].span_id);
}

/// Variables, what is open then, and each line that is said. The host goes on in every case: `run` asserts that its
/// program came to its end.
#[test]
fn what_cannot_be_is_said_in_one_line_and_the_host_goes_on() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let keys = [
        ("LANGFUSE_PUBLIC_KEY", Receiver::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", Receiver::SECRET_KEY),
    ];
    let (base, endpoint) = (langfuse.url(), otlp.url());
    let base = ("LANGFUSE_BASE_URL", base.as_str());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
    let lab = [keys[0], keys[1], base];
    let slashed = format!("{}/", langfuse.url());
    let quoted = format!("\"{}\"", langfuse.url());
    let behind = format!("{}/api/public/otel", langfuse.url());
    let behind = ("OTEL_EXPORTER_OTLP_ENDPOINT", behind.as_str());
    let header = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "Authorization=Basic%20cGstbGYtbGFiOnNrLWxmLWxhYi1zZWNyZXQ%3D",
    );
    type Case<'a> = (Vec<(&'a str, &'a str)>, &'a str, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (
            vec![keys[0], base],
            "no destination",
            &["LANGFUSE_SECRET_KEY is not set, LANGFUSE_PUBLIC_KEY is: no traces go to Langfuse"],
        ),
        (
            vec![
                ("LANGFUSE_PUBLIC_KEY", keys[1].1),
                ("LANGFUSE_SECRET_KEY", "pk-lf-lab"),
                base,
            ],
            "no destination",
            &["LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are swapped: no traces go to Langfuse"],
        ),
        (
            vec![keys[0], keys[1], ("LANGFUSE_BASE_URL", "localhost:3000")],
            "no destination",
            &["LANGFUSE_BASE_URL has no http:// or https:// in front: no traces go to Langfuse"],
        ),
        (
            vec![keys[0], keys[1], ("LANGFUSE_BASE_URL", &quoted)],
            "langfuse 1 sent",
            &[],
        ),
        (
            vec![keys[0], keys[1], ("LANGFUSE_BASE_URL", &slashed)],
            "langfuse 1 sent",
            &[],
        ),
        (
            vec![
                keys[0],
                keys[1],
                base,
                ("LANGFUSE_HOST", "http://elsewhere.example"),
            ],
            "langfuse 1 sent",
            &["LANGFUSE_BASE_URL and LANGFUSE_HOST do not agree: LANGFUSE_BASE_URL is used"],
        ),
        (
            [&lab[..], &[("LANGFUSE_TRACING_ENABLED", "false"), endpoint]].concat(),
            "otlp 1 sent",
            &[],
        ),
        (
            [&lab[..], &[("LANGFUSE_SAMPLE_RATE", "0"), endpoint]].concat(),
            "langfuse 0 sent · otlp 1 sent",
            &[],
        ),
        (
            [&lab[..], &[("LANGFUSE_SAMPLE_RATE", "10%")]].concat(),
            "langfuse 1 sent",
            &["LANGFUSE_SAMPLE_RATE is not a number from 0 to 1: every trace is kept"],
        ),
        (
            [&lab[..], &[("LANGFUSE_DEBUG", "true")]].concat(),
            "langfuse 1 sent",
            &["langfuse: took 1 of 1"],
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")],
            "no destination",
            &["OTEL_EXPORTER_OTLP_ENDPOINT has no http:// or https:// in front: no traces go to OTLP"],
        ),
        (
            vec![endpoint, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem")],
            "no destination",
            &[
                "the file of OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read, entity not found: no traces go to OTLP",
            ],
        ),
        (
            vec![
                endpoint,
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "half"),
            ],
            "otlp 1 sent",
            &["OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1: every trace is kept"],
        ),
        (
            [&lab[..], &[endpoint, ("OTEL_TRACES_SAMPLER", "always_off")]].concat(),
            "langfuse 0 sent · otlp 0 sent",
            &[],
        ),
        (
            vec![
                endpoint,
                ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
                ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-1"),
            ],
            "otlp 1 sent",
            &[
                "OTEL_ATTRIBUTE_COUNT_LIMIT is not a whole number: no limit is used",
                "OTEL_BSP_SCHEDULE_DELAY is not a whole number of milliseconds: the default is used",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is not a whole number above 0: the default is used",
            ],
        ),
        (
            vec![behind, header],
            "langfuse 1 sent",
            &[
                "the endpoint of OTEL_EXPORTER_OTLP_* is Langfuse's, and is sent what Langfuse is, with the keys in the headers",
            ],
        ),
        (
            vec![behind],
            "no destination",
            &[
                "the endpoint of OTEL_EXPORTER_OTLP_* is Langfuse's, and the headers have no keys of it: no traces go there; \
               LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY open it",
            ],
        ),
        (
            vec![behind, header, ("LANGFUSE_TRACING_ENABLED", "no")],
            "no destination",
            &[
                "the endpoint of OTEL_EXPORTER_OTLP_* is Langfuse's, which LANGFUSE_TRACING_ENABLED closes: no traces go there",
            ],
        ),
        (
            [&lab[..], &[("LANGFUSE_TRACING_ENABLED", "false")]].concat(),
            "no destination",
            &[],
        ),
        (
            [&lab[..], &[behind, header]].concat(),
            "langfuse 1 sent",
            &[
                "the endpoint of OTEL_EXPORTER_OTLP_* is Langfuse's, where the traces go already: they are not sent there twice",
            ],
        ),
    ];
    for (variables, open, lines) in cases {
        assert_eq!(
            run(variables),
            (
                if *open == "no destination" {
                    (*open).to_owned()
                } else {
                    format!("{open} · 0 lost")
                },
                lines.iter().map(ToString::to_string).collect()
            ),
            "{variables:?}"
        );
    }
    // Langfuse's own words went to Langfuse, whichever variables opened it.
    let requests = langfuse.requests();
    assert!(requests.iter().all(|it| it.path == "/api/public/otel/v1/traces"));
    assert!(
        requests
            .iter()
            .all(|it| it.header("x-langfuse-ingestion-version") == Some("4"))
    );
}

#[cfg(not(feature = "grpc"))]
#[test]
fn grpc_needs_its_feature() {
    let line = "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which needs the feature `grpc` of tracing-llm: no traces go to OTLP";
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    assert_eq!(run(&variables), ("no destination".into(), vec![line.to_owned()]));
}

#[test]
fn a_project_is_opened_once_and_another_one_beside_it() {
    let lines = Lines::default();
    let receiver = Receiver::langfuse();
    let same = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(receiver.url());
    let (_layer, llm) = tracing_llm::builder()
        .environment("Prod EU!")
        .langfuse(same)
        .langfuse(Langfuse::builder("pk-lf-other", "sk-lf-other").base_url(receiver.url()))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let names: Vec<_> = llm
        .ledger()
        .lanes()
        .iter()
        .map(|lane| lane.name().to_owned())
        .collect();
    assert_eq!(names, ["langfuse", "langfuse-2"]);
    let line =
        "the environment is no name of letters, digits, - and _: Langfuse shows its traces under `default`";
    assert_eq!(lines.all(), [line]);
}

#[test]
fn an_environment_of_one_project_is_checked_too() {
    let lines = Lines::default();
    let project = |environment: &str| Langfuse::builder("pk-lf-1", "sk-lf-1").environment(environment);
    let (_layer, llm) = tracing_llm::builder()
        .langfuse(project("eu"))
        .langfuse(project("langfuse-eu").name("other"))
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let other = llm.langfuse_named("other").unwrap();
    assert_eq!(other.environment(), Some("eu"));
    let line = "the environment begins with langfuse or has over 40 characters: Langfuse shows its traces under a part of it";
    assert_eq!(lines.all(), [line]);
}

#[test]
fn a_builder_without_a_destination_says_so() {
    let lines = Lines::default();
    let (_layer, llm) = tracing_llm::builder()
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    assert_eq!(
        llm.flush_blocking(Duration::from_secs(1)).to_string(),
        "no destination"
    );
    assert_eq!(lines.count("no destination was named"), 1, "{:?}", lines.all());
}

#[test]
fn disabled_is_disabled() {
    let off = [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ];
    assert_eq!(run(&off), ("no destination".into(), vec![]));
    assert_eq!(run(&[("OTEL_TRACES_EXPORTER", "none")]).0, "no destination");
}

#[test]
fn a_bad_value_of_the_program_is_an_error_that_names_it() {
    let builder = tracing_llm::builder;
    let cases = [
        (builder().otlp_to(Otlp::new("collector:4318")), "endpoint"),
        (
            builder().otlp_to(Otlp::new("http://localhost:4318").header("x-key", "a\nb")),
            "x-key",
        ),
        (
            builder().otlp_to(Otlp::new("http://localhost:4318").timeout(Duration::ZERO)),
            "timeout",
        ),
        (
            builder().langfuse(Langfuse::builder("sk-lf-1", "pk-lf-1")),
            "swapped",
        ),
        (
            builder().langfuse(Langfuse::builder("pk-lf-1", "sk-lf-1").base_url("langfuse")),
            "base URL",
        ),
        (builder().queue_bytes(0), "0 bytes"),
        (builder().console().sample_rate(1.5), "sample rate"),
        (
            builder().langfuse(Langfuse::builder("pk-lf-1", "sk-lf-1").sample_rate(f64::NAN)),
            "sample rate",
        ),
        (
            builder().langfuse(Langfuse::builder("pk-lf-1", "sk-lf-1").flush_at(0)),
            "0 observations",
        ),
        (
            builder().otlp_to(Otlp::new("https://localhost:4318").ca_certificates("no PEM")),
            "no certificate",
        ),
        (
            builder().otlp_to(Otlp::new("https://localhost:4318").client_certificate("no", "PEM")),
            "client's certificate",
        ),
    ];
    for (builder, word) in cases {
        let error = builder.build().unwrap_err();
        assert!(
            error.is_invalid_value() && error.to_string().contains(word),
            "{error}"
        );
        assert!(!error.to_string().contains("-lf-1"), "{error}");
    }
}

#[cfg(feature = "grpc")]
#[test]
fn a_bad_certificate_is_an_error_over_grpc_too() {
    for (bad, word) in [
        (
            Otlp::grpc("https://h:4317").ca_certificates("no PEM"),
            "no certificate",
        ),
        (
            Otlp::grpc("https://h:4317").client_certificate("no", "PEM"),
            "client's certificate",
        ),
    ] {
        let error = tracing_llm::builder().otlp_to(bad).build().unwrap_err();
        assert!(
            error.is_invalid_value() && error.to_string().contains(word),
            "{error}"
        );
    }
}

#[test]
fn nothing_secret_is_shown_of_a_destination() {
    let otlp = Otlp::new("https://user:planted@h/v1/traces?key=planted").header("x-key", "planted");
    let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-planted").base_url("https://user:planted@h");
    let nonsense = Otlp::new("planted");
    let shown = format!("{otlp:?} {langfuse:?} {nonsense:?}");
    let builder = tracing_llm::builder()
        .otlp_to(otlp)
        .langfuse(langfuse)
        .otlp_to(nonsense);
    let shown = format!("{shown} {builder:?}");
    assert!(!shown.contains("planted"), "{shown}");
    assert!(shown.contains("https://h/v1/traces"), "{shown}");
}

#[test]
fn a_guard_that_is_dropped_at_once_is_said_at_the_first_span() {
    let lines = Lines::default();
    let otlp = Otlp::new("http://127.0.0.1:1/v1/traces");
    // The mistake: `_` keeps nothing.
    let (layer, _) = tracing_llm::builder()
        .otlp_to(otlp)
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    assert_eq!(lines.all(), [] as [&str; 0]);
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        (0..3).for_each(|_| info_span!("work").in_scope(|| {}));
    });
    assert_eq!(lines.all().len(), 1, "{:?}", lines.all());
    assert_eq!(
        lines.count("the guard was dropped before the first span"),
        1,
        "{:?}",
        lines.all()
    );
}

#[test]
fn a_destination_that_cannot_be_reached_is_said_once() {
    let lines = Lines::default();
    let otlp = Otlp::new("http://127.0.0.1:1/v1/traces");
    let (layer, llm) = tracing_llm::builder()
        .otlp_to(otlp)
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
    llm.flush_blocking(Duration::from_millis(200));
    llm.flush_blocking(Duration::from_millis(200));
    let line = "otlp: sending fails and is tried again: cannot connect to 127.0.0.1:1: connection refused";
    assert_eq!(lines.all(), [line]);
}
