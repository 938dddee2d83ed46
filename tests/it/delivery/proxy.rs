//! Through the proxy that the process's variables name, and around it.

use super::child;
use super::scene::closed_port;
use crate::support::receiver::{Answer, Receiver};

const LANGFUSE: (&str, &str) = ("LANGFUSE_BASE_URL", "http://langfuse.invalid");
const OTLP: (&str, &str) = (
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "http://otlp.invalid:4318/v1/traces",
);

fn paths(receiver: &Receiver) -> Vec<String> {
    let mut paths: Vec<_> = receiver.requests().into_iter().map(|it| it.path).collect();
    paths.sort();
    paths
}

const LANGFUSE_SENT: &str = "langfuse: 1 offered = 1 exported + 0 failed + 0 dropped + 0 queued";
const OTLP_SENT: &str = "otlp: 1 offered = 1 exported + 0 failed + 0 dropped + 0 queued";
const LANGFUSE_WAITS: &str = "langfuse: 1 offered = 0 exported + 0 failed + 0 dropped + 1 queued";
const OTLP_WAITS: &str = "otlp: 1 offered = 0 exported + 0 failed + 0 dropped + 1 queued";

#[test]
fn a_proxy_is_asked_with_the_credentials_of_its_url() {
    let proxy = Receiver::otlp();
    let url = proxy.url().replace("http://", "http://user:word@");
    let said = child::run(&[LANGFUSE, OTLP, ("HTTP_PROXY", &url)]);
    assert_eq!(said, [LANGFUSE_SENT, OTLP_SENT]);
    assert_eq!(
        paths(&proxy),
        [
            "http://langfuse.invalid/api/public/otel/v1/traces",
            "http://otlp.invalid:4318/v1/traces"
        ]
    );
    for request in proxy.requests() {
        assert_eq!(request.header("proxy-authorization"), Some("Basic dXNlcjp3b3Jk"));
    }
}

#[test]
fn this_machine_is_reached_without_it() {
    let (proxy, langfuse, otlp) = (Receiver::otlp(), Receiver::langfuse(), Receiver::otlp());
    let otlp_url = otlp.url().replace("127.0.0.1", "localhost") + "/v1/traces";
    let said = child::run(&[
        ("LANGFUSE_BASE_URL", &langfuse.url()),
        (OTLP.0, &otlp_url),
        ("HTTP_PROXY", &proxy.url()),
        ("ALL_PROXY", &proxy.url()),
    ]);
    assert_eq!(said, [LANGFUSE_SENT, OTLP_SENT]);
    assert_eq!((langfuse.spans().len(), otlp.spans().len()), (1, 1));
    assert_eq!(proxy.connected(), 0);
}

#[test]
fn a_host_of_no_proxy_is_reached_without_it() {
    let proxy = Receiver::otlp();
    let said = child::run(&[
        LANGFUSE,
        OTLP,
        ("HTTP_PROXY", &proxy.url()),
        ("NO_PROXY", "otlp.invalid"),
    ]);
    let line = "otlp: sending fails and is tried again: cannot connect to otlp.invalid:4318: dns error";
    assert_eq!(said, [line, LANGFUSE_SENT, OTLP_WAITS]);
    assert_eq!(
        paths(&proxy),
        ["http://langfuse.invalid/api/public/otel/v1/traces"]
    );
}

#[test]
fn a_proxy_that_is_down_holds_up_only_what_goes_through_it() {
    let otlp = Receiver::otlp();
    let proxy = format!("http://user:planted@127.0.0.1:{}", closed_port());
    let said = child::run(&[
        LANGFUSE,
        (OTLP.0, &(otlp.url() + "/v1/traces")),
        ("HTTP_PROXY", &proxy),
    ]);
    let line =
        "langfuse: sending fails and is tried again: cannot connect to langfuse.invalid: connection refused";
    assert_eq!(said, [line, LANGFUSE_WAITS, OTLP_SENT]);
    assert_eq!(otlp.spans().len(), 1);
}

#[test]
fn a_proxy_that_lets_no_tunnel_through_is_told_from_the_destination() {
    let proxy = Receiver::new(|_| Answer::status(407));
    let https = ("LANGFUSE_BASE_URL", "https://langfuse.invalid");
    let said = child::run(&[https, ("HTTPS_PROXY", &proxy.url())]);
    let line = "langfuse: sending fails and is tried again: cannot connect to langfuse.invalid: tunnel error: proxy \
        authorization required";
    assert_eq!(said, [line, LANGFUSE_WAITS]);
    assert_eq!(proxy.requests()[0].method, "CONNECT");
    assert_eq!(paths(&proxy)[0], "langfuse.invalid:443");
    // The tunnel is not told who is at its other end.
    assert!(proxy.requests()[0].header("authorization").is_none());
}
