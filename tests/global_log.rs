//! Beside the bridge from `log`: its records are events, and whoever is told of trouble may speak through it. The bridge
//! and the subscriber are the process's, so this needs a process of its own.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::info_span;
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::testing::Capture;
use tracing_log::LogTracer;
use tracing_subscriber::layer::SubscriberExt;

/// Logs while it sends, as an HTTP client does.
struct Chatty(Arc<Mutex<Vec<String>>>);

impl Exporter for Chatty {
    fn name(&self) -> &str {
        "chatty"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        log::error!("sending");
        let line = |one: &tracing_llm::Observation| {
            format!("{} {} {:?}", one.name(), one.level(), one.status_message())
        };
        self.0.lock().unwrap().extend(batch.observations().map(line));
        Box::pin(async { Ok(Exported::all()) })
    }
}

#[test]
fn records_of_the_bridge_are_events_of_their_span_and_never_of_ours() {
    LogTracer::init().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (said, sent) = (Arc::clone(&lines), Arc::new(Mutex::new(Vec::new())));
    let (layer, llm) = tracing_llm::builder()
        .exporter(Chatty(Arc::clone(&sent)), Scope::Everything)
        .on_diagnostic(move |line| {
            log::error!("{line}");
            said.lock().unwrap().push(line.to_owned());
        })
        .build()
        .unwrap();
    let capture = Capture::new();
    capture.run(|| {
        info_span!("call").in_scope(|| {
            log::info!("connected");
            log::debug!("below the level");
            log::error!(target: "hyper::client", "{} of {}", 1, 2);
        });
        log::error!("outside of any span");
    });
    assert_eq!(
        capture.whole_tree(),
        r#"
span call  ERROR  status="1 of 2"
  event:  {"message":"connected"}
  event:  {"message":"1 of 2"}
"#
    );

    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    info_span!("outer").in_scope(|| {
        // Said while the span closes, through the bridge, into the same subscriber.
        drop(info_span!("inner", as_type = "no type at all"));
        log::warn!("seen");
    });
    assert!(llm.flush_blocking(Duration::from_secs(60)).is_complete());
    assert!(llm.flush_blocking(Duration::from_secs(60)).is_complete());
    let told =
        r#"\"no type at all\" on span \"inner\" is no observation type; its type is inferred (said once)"#;
    assert_eq!(
        *sent.lock().unwrap(),
        [
            "inner DEFAULT None".to_owned(),
            format!("outer ERROR Some(\"{told}\")")
        ]
    );
    assert_eq!(lines.lock().unwrap().len(), 1);
}
