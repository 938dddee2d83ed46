//! What happens while the client sends is observed by nobody, on the pipeline's thread and on its own. With a global
//! subscriber, which every thread has.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "it/support/receiver.rs"]
mod receiver;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use receiver::{Answer, Receiver};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing::{info_span, span};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::{Langfuse, LangfuseBuilder};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Looks up by hand, and says so in a span.
struct LooksUp(Arc<Mutex<Vec<String>>>, SocketAddr);

impl Resolve for LooksUp {
    fn resolve(&self, _: Name) -> Resolving {
        let _looking_up = info_span!("look up").entered();
        let thread = thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(thread);
        let addresses: Addrs = Box::new([self.1].into_iter());
        Box::pin(async { Ok(addresses) })
    }
}

/// A destination that keeps the names.
struct Keeps(Arc<Mutex<Vec<String>>>);

impl Exporter for Keeps {
    fn name(&self) -> &str {
        "keeps"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        let names = batch.observations().map(|it| it.name().to_owned());
        self.0.lock().unwrap().extend(names);
        Box::pin(async { Ok(Exported::all()) })
    }
}

/// Counts what the host's other layers see.
struct Neighbour(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Neighbour {
    fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_the_client_does_is_no_part_of_what_is_observed() {
    let server = Receiver::new(|_| Answer::json(200, r#"{"data":[{"id":"1","name":"lab"}]}"#));
    let threads = Arc::new(Mutex::new(Vec::new()));
    let project = || -> LangfuseBuilder {
        let resolver = LooksUp(Arc::clone(&threads), server.address());
        let http = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(Arc::new(resolver));
        Langfuse::builder("pk-lf-1", "sk-lf-1")
            .base_url(format!("http://langfuse.example:{}", server.address().port()))
            .http_client(http.build().unwrap())
    };
    let (names, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (layer, llm) = tracing_llm::builder()
        .langfuse(project().filter("off"))
        .exporter(Keeps(Arc::clone(&names)), Scope::Everything)
        .build()
        .unwrap();
    let registry = tracing_subscriber::registry().with(layer);
    registry.with(Neighbour(Arc::clone(&seen))).init();

    info_span!("work").in_scope(|| {
        llm.langfuse().unwrap().auth_check_blocking().unwrap();
        project().build().unwrap().auth_check_blocking().unwrap();
    });
    llm.flush_blocking(Duration::from_secs(60));
    assert_eq!(*threads.lock().unwrap(), ["tracing-llm", "tracing-llm-api"]);
    assert_eq!(*names.lock().unwrap(), ["work"]);
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}
