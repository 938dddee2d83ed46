//! A service that is told to end by a signal: all of its spans arrive.

use std::process::Command;
use std::time::Duration;

use tracing::info_span;
use tracing_llm::{Otlp, shutdown_signal};

use crate::support::alone::alone;
use crate::support::child::{Child, RUN};
use crate::support::receiver::Receiver;

/// Serves until it is told to end; run in a process of its own.
#[test]
fn service() {
    let Some(executor) = std::env::var_os(RUN) else {
        return;
    };
    let endpoint = std::env::var("SERVICE_OTLP").unwrap();
    let llm = tracing_llm::builder()
        .otlp_to(Otlp::new(endpoint))
        .init()
        .unwrap();
    let signal = shutdown_signal();
    // One that is given up keeps nothing of the other's.
    drop(shutdown_signal());
    let request = info_span!("request");
    drop(info_span!("before"));
    println!("ready");
    let report = if executor == "tokio" {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::spawn(signal).await.unwrap();
            drop(request);
            llm.shutdown(Duration::from_secs(60)).await
        })
    } else {
        alone(signal);
        drop(request);
        llm.shutdown_blocking(Duration::from_secs(60))
    };
    println!("report: {report}");
}

#[test]
fn a_signal_lets_a_service_finish_and_all_its_spans_arrive() {
    for (executor, signal) in [("tokio", "-TERM"), ("none", "-TERM"), ("tokio", "-INT")] {
        let otlp = Receiver::otlp();
        let endpoint = format!("{}/v1/traces", otlp.url());
        let mut service = Child::start(
            "signals::service",
            &[(RUN, executor), ("SERVICE_OTLP", &endpoint)],
        );
        service.wait_for("ready");
        let sent = Command::new("kill")
            .args([signal, &service.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let ended = service.end();
        assert!(ended.succeeded, "{executor} {signal}: {ended:?}");
        assert_eq!(
            ended.said("report: "),
            Some("otlp 2 sent · 0 lost"),
            "{executor} {signal}"
        );
        let mut names: Vec<_> = otlp.spans().into_iter().map(|span| span.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["before", "request"], "{executor} {signal}");
    }
}
