//! The client of a project: setting it up, where its calls run, and what it says when it cannot.

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tracing::{dispatcher, info_span};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::langfuse::{Project, ServerVersion};
use tracing_llm::{Error, Guard, Langfuse, TraceId};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{self, Replay};

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

fn program(langfuse: tracing_llm::LangfuseBuilder) -> Guard {
    let (_layer, llm) = tracing_llm::builder().langfuse(langfuse).build().unwrap();
    llm
}

#[test]
fn the_server_says_what_it_is_and_whose_keys_these_are() {
    let server = Replay::of(&["setup"]);
    let langfuse = server.client();
    let health = langfuse.health_blocking().unwrap();
    assert_eq!(
        (health.status(), health.version()),
        ("OK", ServerVersion::new(4, 16, 0))
    );
    let project = langfuse.auth_check_blocking().unwrap();
    assert_eq!((project.id(), project.name()), ("lab-project", "lab"));
    assert_eq!(server.served(), ["health", "projects (auth check)"]);
    let headers: Vec<_> = server
        .receiver()
        .requests()
        .into_iter()
        .map(|mut request| {
            request.headers.sort();
            let names = request.headers.into_iter().map(|(name, _)| name);
            names.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        headers,
        [
            "accept host user-agent x-langfuse-public-key x-langfuse-sdk-name x-langfuse-sdk-version",
            "accept authorization host user-agent x-langfuse-public-key x-langfuse-sdk-name x-langfuse-sdk-version",
        ]
    );
}

#[test]
fn the_project_is_asked_for_once() {
    let server = Replay::of(&["setup"]);
    let langfuse = server.client();
    let trace = TraceId::from_seed("a");
    let url = format!("{}/project/lab-project/traces/{trace}", server.receiver().url());
    assert_eq!(langfuse.trace_url_blocking(trace).unwrap(), url);
    assert_eq!(langfuse.clone().trace_url_blocking(trace).unwrap(), url);
    assert_eq!(server.served(), ["projects (auth check)"]);
}

#[test]
fn each_mistake_has_an_answer_of_its_own() {
    let server = Replay::of(&["setup"]);
    let host = server.receiver().address();
    let check = |public, secret| server.project_of(public, secret).build()?.auth_check_blocking();
    let wrong = format!(
        "cannot check the keys: {host} answered 401 Unauthorized: Invalid credentials. Confirm that you've configured the correct \
         host."
    );
    // What the server cannot tell apart.
    for (public, secret) in [
        (Receiver::PUBLIC_KEY, "sk-lf-another"),
        ("not-prefixed-public", "not-prefixed-secret"),
    ] {
        let error = check(public, secret).unwrap_err();
        assert_eq!(
            (error.is_auth(), error.status(), error.to_string()),
            (true, Some(401), wrong.clone())
        );
    }
    // It does not look at the public key.
    assert!(check("pk-lf-another", Receiver::SECRET_KEY).is_ok());
    // What we can tell without it.
    let error = check(Receiver::SECRET_KEY, Receiver::PUBLIC_KEY).unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
    assert_eq!(error.to_string(), "the public key and the secret key are swapped");
    let swapped_without_prefix = Receiver::new(|_| replay::answered("setup", "projects, keys swapped"));
    let error = failure(&swapped_without_prefix);
    assert!(error.is_auth() && error.status() == Some(401), "{error}");

    let organisation =
        Receiver::new(|_| Answer::json(403, r#"{"message":"Access denied: Bearer auth or org key"}"#));
    let error = failure(&organisation);
    assert!(error.is_auth() && error.status() == Some(403), "{error}");
    for answer in [
        replay::answered("setup", "unknown path"),
        Answer::status(200)
            .header("content-type", "text/html")
            .body("<html>Welcome to nginx!"),
        Answer::json(200, r#"{"data":"none"}"#),
        Answer::json(200, r#"{"data":[]}"#),
        Answer::status(301).header("location", "https://elsewhere.example"),
    ] {
        let error = failure(&Receiver::new(move |_| answer.clone()));
        assert!(error.is_unexpected_answer() && !error.is_auth(), "{error}");
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = Langfuse::builder("pk-lf-1", "sk-lf-1").base_url(format!("http://127.0.0.1:{port}"));
    let error = nobody.build().unwrap().auth_check_blocking().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(
        error.to_string(),
        format!("cannot check the keys: cannot connect to 127.0.0.1:{port}: connection refused")
    );
}

fn failure(server: &Receiver) -> Error {
    client_of(server).auth_check_blocking().unwrap_err()
}

fn client_of(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

#[test]
fn the_servers_clock_is_told_if_it_says_one() {
    for (date, told) in [
        (
            Some("Tue, 24 Nov 2026 12:00:30 GMT"),
            Some("2026-11-24T12:00:30Z"),
        ),
        (Some("noon"), None),
        (None, None),
    ] {
        let server = Receiver::new(move |_| {
            let answer = replay::answered("setup", "health");
            date.into_iter()
                .fold(answer, |answer, date| answer.header("date", date))
        });
        let time = client_of(&server).health_blocking().unwrap().server_time();
        let time = time.map(|time| humantime::format_rfc3339_seconds(time).to_string());
        assert_eq!(time.as_deref(), told);
    }
}

#[test]
fn a_server_that_takes_no_traces_is_refused_by_its_version() {
    for (version, refused) in [
        ("2.95.12", true),
        ("3.21.9", true),
        ("3.22.0", false),
        ("v3.179.0-rc.1", false),
        ("4.16.0", false),
    ] {
        let body = format!(r#"{{"status":"OK","version":"{version}"}}"#);
        let server = Receiver::new(move |_| Answer::json(200, &body));
        let health = client_of(&server).health_blocking();
        assert_eq!(
            health.as_ref().is_err_and(Error::is_unsupported_server),
            refused,
            "{health:?}"
        );
        if version == "2.95.12" {
            let expected = format!(
                "{} is Langfuse 2.95.12, which takes no traces over OTLP: 3.22.0 does, and what is newer",
                server.address()
            );
            assert_eq!(health.unwrap_err().to_string(), expected);
        }
    }
    for body in [
        "{}",
        r#"{"status":"OK","version":"new"}"#,
        r#"{"status":"OK","version":"4.16"}"#,
    ] {
        let server = Receiver::new(move |_| Answer::json(200, body));
        let error = client_of(&server).health_blocking().unwrap_err();
        assert!(error.is_unexpected_answer(), "{body}: {error}");
    }
}

#[test]
fn a_client_is_set_up_by_the_builder_and_mistakes_are_said() {
    let keys = || Langfuse::builder("pk-lf-1", "sk-lf-planted");
    let pem = "-----BEGIN CERTIFICATE-----";
    for (builder, said) in [
        (keys().base_url("langfuse"), "has no http:// or https:// in front"),
        (
            keys().timeout(Duration::ZERO),
            "a timeout of 0 would fail every request",
        ),
        (
            keys().header("x gateway", "planted"),
            "header \"x gateway\" cannot be sent",
        ),
        (keys().sample_rate(2.0), "is not between 0 and 1"),
        (
            keys().http_client(reqwest::Client::new()).ca_certificates(pem),
            "HTTP client of your own",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert!(
            error.is_invalid_value() && error.to_string().contains(said),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("planted"), "{error:?}");
    }
}

#[test]
fn a_client_of_the_programs_own_connects() {
    let server = Replay::of(&["setup"]);
    let own = reqwest::Client::builder().user_agent("mine").build().unwrap();
    let langfuse = server
        .project()
        .http_client(own)
        .header("x-gateway", "abc")
        .build()
        .unwrap();
    langfuse.auth_check_blocking().unwrap();
    let request = server.receiver().requests().pop().unwrap();
    assert_eq!(request.header("user-agent"), Some("mine"));
    assert_eq!(request.header("x-gateway"), Some("abc"));
}

/// Where a call may be made from: with a pipeline, without one, and after its shutdown.
#[test]
fn a_call_is_answered_in_every_runtime_and_in_none() {
    type Way = fn(&Langfuse) -> Result<Project, Error>;
    let ways: [(&str, Way); 6] = [
        ("no runtime", |langfuse| alone(langfuse.auth_check())),
        ("no runtime, blocking", Langfuse::auth_check_blocking),
        ("current thread", |langfuse| current_thread(langfuse.auth_check())),
        ("blocking in a current thread", |langfuse| {
            current_thread(async { langfuse.auth_check_blocking() })
        }),
        ("several threads", |langfuse| {
            several_threads(langfuse.auth_check())
        }),
        ("blocking in several threads", |langfuse| {
            several_threads(async { langfuse.auth_check_blocking() })
        }),
    ];
    let server = Replay::of(&["setup"]);
    let llm = program(server.project());
    let (with, without) = (llm.langfuse().unwrap(), server.client());
    for (name, way) in ways {
        for langfuse in [&with, &without] {
            assert!(
                way(langfuse).is_ok_and(|project| project.name() == "lab"),
                "{name}"
            );
        }
    }
    llm.shutdown_blocking(HANG);
    for (name, way) in ways {
        assert!(way(&with).is_ok(), "{name}, after the shutdown");
    }
}

fn current_thread<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

fn several_threads<T>(future: impl Future<Output = T>) -> T {
    Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn the_pipelines_client_has_all_that_its_destination_has() {
    let server = Replay::of(&["setup"]);
    let (_layer, llm) = tracing_llm::builder()
        .environment("Prod")
        .sample_rate(0.5)
        .langfuse(server.project().header("x-gateway", "abc"))
        .langfuse(
            server
                .project_of("pk-lf-2", "sk-lf-2")
                .environment("eu")
                .sample_rate(0.0)
                .name("second"),
        )
        .build()
        .unwrap();
    let first = llm.langfuse().unwrap();
    first.auth_check_blocking().unwrap();
    assert_eq!(server.receiver().requests()[0].header("x-gateway"), Some("abc"));
    assert_eq!(first.environment(), Some("prod"));
    let low: TraceId = "00000000000000000000000000000001".parse().unwrap();
    let high: TraceId = "0000000000000000ffffffffffffffff".parse().unwrap();
    assert_eq!((first.samples(low), first.samples(high)), (true, false));

    let second = llm.langfuse_named("second").unwrap();
    assert_eq!((second.environment(), second.samples(low)), (Some("eu"), false));
    assert!(second.auth_check_blocking().unwrap_err().is_auth());
    assert!(llm.langfuse_named("langfuse").is_some());
    assert!(llm.langfuse_named("third").is_none());
    let (_layer, none) = tracing_llm::builder().console().build().unwrap();
    assert!(none.langfuse().is_none());
}

/// A blocking call there would wait for itself.
#[test]
fn on_the_pipelines_own_thread_blocking_is_an_error() {
    struct Asks(Arc<OnceLock<Langfuse>>, Arc<Mutex<Vec<String>>>);
    impl Exporter for Asks {
        fn name(&self) -> &str {
            "asks"
        }
        fn export<'a>(&'a mut self, _: &'a Batch) -> ExportFuture<'a> {
            Box::pin(async {
                let langfuse = self.0.get().unwrap();
                let blocked = langfuse.auth_check_blocking().unwrap_err();
                assert!(blocked.is_system());
                let awaited = langfuse.auth_check().await.unwrap();
                self.1
                    .lock()
                    .unwrap()
                    .extend([blocked.to_string(), awaited.name().to_owned()]);
                Ok(Exported::all())
            })
        }
    }
    let server = Replay::of(&["setup", "otlp"]);
    let (client, said) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(Vec::new())));
    let (layer, llm) = tracing_llm::builder()
        .langfuse(server.project().filter("off"))
        .exporter(Asks(Arc::clone(&client), Arc::clone(&said)), Scope::Everything)
        .build()
        .unwrap();
    client.set(llm.langfuse().unwrap()).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    dispatcher::with_default(&subscriber.into(), || drop(info_span!("work")));
    llm.flush_blocking(HANG);
    assert_eq!(
        *said.lock().unwrap(),
        [
            "a blocking call on the thread that would have to answer it: await it there",
            "lab"
        ]
    );
}

#[test]
fn a_shutdown_meanwhile_makes_a_read_go_elsewhere() {
    let (arrived, arrivals) = channel();
    let (release, released) = channel::<()>();
    let (arrived, released) = (Mutex::new(arrived), Mutex::new(released));
    let first = Mutex::new(true);
    let server = Receiver::new(move |_| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            arrived.lock().unwrap().send(()).unwrap();
            // Held until the pipeline is gone.
            released.lock().unwrap().recv().unwrap();
        }
        replay::answered("setup", "projects (auth check)")
    });
    let llm = program(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url()));
    let langfuse = llm.langfuse().unwrap();
    let calls = thread::spawn(move || langfuse.auth_check_blocking());
    arrivals.recv_timeout(HANG).unwrap();
    llm.shutdown_blocking(HANG);
    assert_eq!(calls.join().unwrap().unwrap().name(), "lab");
    release.send(()).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn whoever_drops_a_call_gives_it_up() {
    let (arrived, arrivals) = channel();
    let (closed, closings) = channel();
    let (arrived, closed) = (Mutex::new(arrived), Mutex::new(closed));
    let server = Receiver::on_the_wire(move |mut stream| {
        let mut chunk = [0; 1024];
        let read = std::io::Read::read(&mut stream, &mut chunk)?;
        assert!(chunk[..read].starts_with(b"GET /api/public/projects"));
        arrived.lock().unwrap().send(()).unwrap();
        // Its end is the end of the connection.
        std::io::Read::read_to_end(&mut stream, &mut Vec::new())?;
        closed.lock().unwrap().send(()).unwrap();
        Ok(None)
    });
    let langfuse = client_of(&server);
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut call = Box::pin(langfuse.auth_check());
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context)));
        assert!(first.await.is_pending());
        arrivals.recv_timeout(HANG).unwrap();
    });
    closings.recv_timeout(HANG).unwrap();
}
