//! Spans that close where they were not opened: on other threads, while unwinding, while a thread's locals go. One
//! global subscriber, as in a program: a span closes through the subscriber of the thread that drops it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::thread;

use tracing::field::Empty;
use tracing::{Span, info, info_span};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;

/// The capture of this process. Tests share it, so each looks for its own names only.
fn capture() -> &'static Capture {
    static CAPTURE: OnceLock<Capture> = OnceLock::new();
    CAPTURE.get_or_init(|| {
        let capture = Capture::new();
        let subscriber = tracing_subscriber::registry().with(capture.layer());
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
        capture
    })
}

#[test]
fn a_span_may_close_on_another_thread() {
    let capture = capture();
    let span = info_span!("opened here", late = Empty);
    let child = info_span!(parent: &span, "child opened here");
    thread::spawn(move || {
        child.in_scope(|| {
            current().output("from there").trace().user("u");
        });
        span.record("late", 1);
        drop(span);
        drop(child);
    })
    .join()
    .unwrap();
    let parent = capture.find("opened here").unwrap();
    let child = capture.find("child opened here").unwrap();
    assert_eq!((parent.user(), child.user()), (Some("u"), Some("u")));
    assert_eq!(parent.trace_id(), child.trace_id());
}

#[test]
fn a_span_may_close_while_a_panic_unwinds() {
    let capture = capture();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _held = info_span!("held across a panic");
        let _entered = info_span!("entered at a panic").entered();
        info!("about to fail");
        // Without the hook's message.
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(unwound.is_err());
    let level = |name: &str| capture.find(name).unwrap().level().as_str();
    assert_eq!(level("held across a panic"), "DEFAULT");
    assert_eq!(level("entered at a panic"), "ERROR");
}

/// A span that a thread keeps to its very end.
struct Keepsake {
    span: Span,
    /// Whether the locals of the registry are still there when this one goes.
    goes_first: bool,
}

impl Drop for Keepsake {
    fn drop(&mut self) {
        info!("a thread ends");
        if self.goes_first {
            info_span!("made at the end", formatted = ?"x").in_scope(|| {
                info!("still heard");
                current().output("x");
            });
        }
        self.span.record("late", "recorded at the end");
        self.span.observation().output("last words").trace().user("u");
    }
}

#[test]
fn a_span_that_dies_with_its_threads_locals_is_recorded() {
    thread_local! {
        static KEEPSAKE: RefCell<Option<Keepsake>> = const { RefCell::new(None) };
    }
    let capture = capture();
    let kept = |goes_first| Keepsake {
        span: info_span!("kept to the end", goes_first, late = Empty),
        goes_first,
    };
    // A thread's locals go in the opposite order of their first use. The registry itself makes no span once its own
    // have gone.
    thread::spawn(move || KEEPSAKE.with(|keepsake| keepsake.replace(Some(kept(false))).is_none()))
        .join()
        .unwrap();
    thread::spawn(move || {
        drop(info_span!("uses the registry's locals first").entered());
        KEEPSAKE.with(|keepsake| keepsake.replace(Some(kept(true))).is_none())
    })
    .join()
    .unwrap();
    let observations = capture.observations();
    let count = |name: &str| observations.iter().filter(|one| one.name() == name).count();
    assert_eq!((count("kept to the end"), count("made at the end")), (2, 1));
    let kept = observations.iter().filter(|one| one.name() == "kept to the end");
    assert!(kept.into_iter().all(|one| one.user() == Some("u")));
}

#[test]
fn children_of_many_threads_may_outlive_their_parent() {
    let capture = capture();
    let root = info_span!("root of many");
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let child = info_span!(parent: &root, "one of many", number);
            thread::spawn(move || child.in_scope(|| drop(info_span!("leaf of many"))))
        })
        .collect();
    let root_trace = root.observation().trace_id().unwrap();
    drop(root);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let observations = capture.observations();
    let of_many: Vec<_> = observations
        .iter()
        .filter(|one| one.name().ends_with("of many"))
        .collect();
    assert_eq!(of_many.len(), 17);
    assert!(of_many.iter().all(|one| one.trace_id() == root_trace));
    assert_eq!(of_many.last().unwrap().name(), "root of many");
}
