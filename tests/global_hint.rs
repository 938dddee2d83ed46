//! What the level hint does to a whole process: `fmt` without a filter beneath the layer keeps its DEBUG lines. The
//! process has one greatest level, so this needs a process of its own.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, debug, debug_span, dispatcher, info, info_span, trace};
use tracing_llm::testing::Capture;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{fmt, registry};

/// What `fmt` wrote.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn words(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .filter_map(|line| line.rsplit(' ').next().map(str::to_owned))
            .collect()
    }

    fn layer<S>(&self) -> impl tracing_subscriber::Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>,
    {
        let page = self.clone();
        fmt::layer().with_ansi(false).with_writer(move || page.clone())
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work() {
    info_span!("shown").in_scope(|| {
        info!("info");
        debug_span!("helper").in_scope(|| debug!("debug"));
        trace!("trace");
    });
}

#[test]
fn lines_beneath_us_stay_and_without_them_nothing_below_our_level_is_made() {
    let capture = Capture::new();

    let page = Page::default();
    let beneath = Dispatch::new(registry().with(page.layer()).with(capture.layer()));
    dispatcher::with_default(&beneath, work);
    drop(beneath);
    assert_eq!(page.words(), ["info", "debug", "trace"]);

    let alone = Dispatch::new(registry().with(capture.layer()));
    assert_eq!(LevelFilter::current(), LevelFilter::INFO);
    dispatcher::with_default(&alone, || {
        work();
        assert!(debug_span!("not even made").is_disabled());
    });
    drop(alone);

    // The order that the documentation warns of: our hint is taken for that of the layer after us.
    let page = Page::default();
    let above = Dispatch::new(registry().with(capture.layer()).with(page.layer()));
    dispatcher::with_default(&above, work);
    drop(above);
    assert_eq!(page.words(), ["info"]);

    assert_eq!(capture.observations().len(), 3);
}
