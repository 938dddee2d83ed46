//! The layer among other layers, and among code that does not behave.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use serde::{Serialize, Serializer};
use tracing::field::Empty;
use tracing::{Level, Subscriber, debug, debug_span, error, info, info_span, span, trace};
use tracing_llm::testing::Capture;
use tracing_llm::{Kind, SpanExt, Usage, current};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{fmt as log, registry, reload};

use crate::support::shows::{shows, shows_whole};

/// Notes the name of every span and the level of every event that reaches it.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Notes {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.note(attributes.metadata().name());
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.note(event.metadata().level().as_str());
    }
}

fn into_nothing()
-> log::Layer<registry::Registry, log::format::DefaultFields, log::format::Format, fn() -> io::Sink> {
    log::layer().with_writer(io::sink as fn() -> io::Sink)
}

#[test]
fn the_level_hint_is_ours_unless_a_layer_beneath_wants_everything() {
    let capture = Capture::new();
    let ours = || capture.layer();
    let info = Some(LevelFilter::INFO);
    let debug = capture.clone().with_level(Level::DEBUG);
    assert_eq!(registry().with(ours()).max_level_hint(), info);
    assert_eq!(
        registry().with(debug.layer()).max_level_hint(),
        Some(LevelFilter::DEBUG)
    );
    assert_eq!(
        registry().with(into_nothing()).with(ours()).max_level_hint(),
        None
    );
    assert_eq!(
        registry().with(Notes::default()).with(ours()).max_level_hint(),
        None
    );
    let quiet = into_nothing().with_filter(LevelFilter::WARN);
    assert_eq!(registry().with(quiet).with(ours()).max_level_hint(), info);
    let verbose = into_nothing().with_filter(LevelFilter::TRACE);
    assert_eq!(
        registry().with(verbose).with(ours()).max_level_hint(),
        Some(LevelFilter::TRACE)
    );
    assert_eq!(
        registry().with(LevelFilter::ERROR).with(ours()).max_level_hint(),
        info
    );
    assert_eq!(registry().with(Some(ours())).max_level_hint(), info);
    assert_eq!(
        registry()
            .with(into_nothing())
            .with(Some(ours()))
            .max_level_hint(),
        None
    );
}

#[test]
fn a_neighbour_sees_the_same_with_us_and_without() {
    fn work() {
        info_span!("shown").in_scope(|| {
            debug_span!("hidden").in_scope(|| {
                info!("info");
                debug!("debug");
                trace!("trace");
            });
            info_span!(target: "hyper::client", "http").in_scope(|| error!("error"));
        });
    }
    let everything = ["shown", "hidden", "INFO", "DEBUG", "TRACE", "http", "ERROR"];
    let capture = Capture::new();

    let notes = Notes::default();
    tracing::subscriber::with_default(registry().with(notes.clone()).with(capture.layer()), work);
    assert_eq!(notes.taken(), everything);

    let filtered = Notes::default();
    let filter = filter_fn(|metadata| *metadata.level() <= Level::DEBUG);
    let subscriber = registry()
        .with(filtered.clone().with_filter(filter))
        .with(capture.layer());
    tracing::subscriber::with_default(subscriber, work);
    assert_eq!(
        filtered.taken(),
        ["shown", "hidden", "INFO", "DEBUG", "http", "ERROR"]
    );

    let after = Notes::default();
    let subscriber = registry()
        .with(capture.layer())
        .with(after.clone().with_filter(LevelFilter::TRACE));
    tracing::subscriber::with_default(subscriber, work);
    assert_eq!(after.taken(), everything);
    assert_eq!(capture.observations().len(), 6);
}

#[test]
fn it_works_in_every_wrapping() {
    fn work() {
        info_span!("outer").in_scope(|| {
            info_span!("inner").in_scope(|| {
                current().output("x");
            });
        });
    }
    let expected = "\nspan outer\n  span inner\n    out:    x\n";
    let check = |name: &str, capture: &Capture| assert_eq!(capture.tree(), expected, "{name}");

    let capture = Capture::new();
    let boxed: Box<dyn Layer<registry::Registry> + Send + Sync> = Box::new(capture.layer());
    tracing::subscriber::with_default(registry().with(boxed), work);
    check("boxed", &capture);

    let capture = Capture::new();
    tracing::subscriber::with_default(registry().with(Some(capture.layer())), work);
    check("optional", &capture);

    let capture = Capture::new();
    tracing::subscriber::with_default(registry().with(vec![capture.layer()]), work);
    check("in a vector", &capture);

    let capture = Capture::new();
    let (layer, _handle) = reload::Layer::new(capture.layer());
    tracing::subscriber::with_default(registry().with(layer), work);
    check("reloadable", &capture);

    let capture = Capture::new();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::sink)
        .finish()
        .with(capture.layer());
    tracing::subscriber::with_default(subscriber, work);
    check("over fmt's subscriber", &capture);

    let capture = Capture::new();
    let subscriber = registry().with(capture.layer().and_then(Notes::default()));
    tracing::subscriber::with_default(subscriber, work);
    check("in a chain", &capture);
}

#[test]
fn of_two_layers_in_one_subscriber_the_second_stays_out_and_says_so_once() {
    let (first, second) = (Capture::new(), Capture::new());
    let subscriber = registry().with(first.layer()).with(second.layer());
    tracing::subscriber::with_default(subscriber, || {
        info_span!("one").in_scope(|| {
            info!("event");
            current().output("x");
            info_span!("below", late = Empty).record("late", 1);
        });
        drop(info_span!("two"));
    });
    shows(
        &first,
        r#"
span one
  out:    x
  span below
    meta:   {"late":1}
span two
"#,
    );
    assert_eq!(second.tree(), "\n");
    assert_eq!(first.lines(), [""; 0]);
    assert_eq!(
        second.lines(),
        ["a second tracing-llm layer in one subscriber observes nothing; add lanes to the first"]
    );
}

#[test]
fn a_capture_may_run_again() {
    let capture = Capture::new();
    for _ in 0..2 {
        capture.run(|| info_span!("root").in_scope(|| drop(info_span!("below"))));
    }
    shows(
        &capture,
        r#"
span root
  span below
span root
  span below
"#,
    );
}

#[test]
fn two_subscribers_do_not_mix() {
    let (outer, inner) = (Capture::new(), Capture::new());
    outer.run(|| {
        info_span!("outer").in_scope(|| {
            inner.run(|| {
                info_span!("inner").in_scope(|| {
                    current().output("x");
                });
            });
            current().output("y");
        });
    });
    shows(
        &outer,
        r#"
span outer
  out:    y
"#,
    );
    shows(
        &inner,
        r#"
span inner
  out:    x
"#,
    );
}

/// A value whose formatting fails in one way or another.
enum Rude {
    Panics,
    Gives,
}

impl fmt::Debug for Rude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of")?;
        match self {
            // Unwinds as a panic does, without the hook's message.
            Self::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            Self::Gives => Err(fmt::Error),
        }
    }
}

impl Serialize for Rude {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            Self::Gives => Err(serde::ser::Error::custom("never")),
        }
    }
}

#[test]
fn formatting_that_panics_is_left_out_and_the_host_goes_on() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work", before = 1, rude = ?Rude::Panics, after = 2, late = Empty);
        span.record("late", tracing::field::debug(Rude::Panics));
        span.observation()
            .output(Rude::Panics)
            .metadata("rude", Rude::Gives)
            .metadata("fine", 1);
        span.in_scope(|| {
            info!(rude = ?Rude::Panics, fine = 1, "event");
            info!(rude = ?Rude::Gives, "gave up");
        });
    });
    shows_whole(
        &capture,
        r#"
span work
  in:     {"before":1,"after":2}
  meta:   {"before":1,"after":2,"fine":1}
  event:  {"message":"event","fine":1}
  event:  {"message":"gave up","rude":"half of"}
"#,
    );
}

#[test]
fn a_span_keeps_a_bounded_number_of_fields() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work", declared = Empty);
        let handle = span.observation();
        for number in 0..5000 {
            handle.metadata(format!("key-{number}"), number);
        }
        handle.metadata("key-7", "still heard");
        handle.metadata("key-4999", "too many");
    });
    let whole = capture.whole_tree();
    assert!(whole.contains("\"key-7\":\"still heard\""));
    assert!(!whole.contains("key-4999"));
    let dropped = whole.lines().last().unwrap().trim();
    assert_eq!(dropped, "dropped: fields=3976");
}

#[test]
fn a_span_keeps_a_bounded_number_of_bytes() {
    let capture = Capture::new();
    let text = "x".repeat(1_000_000);
    capture.run(|| {
        let span = info_span!("work");
        let handle = span.observation();
        for number in 0..10 {
            handle.metadata(format!("key-{number}"), &text);
            // The last of a key has the room of the one before.
            handle.metadata("key-0", &text);
        }
        span.in_scope(|| info!(text, "too much"));
    });
    let whole = capture.whole_tree();
    assert_eq!(whole.lines().last().unwrap().trim(), "dropped: events=1 fields=2");
    assert!(whole.contains("\"key-0\":") && !whole.contains("\"key-9\":"));
}

#[test]
fn a_flood_of_metadata_costs_a_span_nothing_else() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work", model = Empty);
        let handle = span.observation();
        for number in 0..2000 {
            handle.metadata(format!("key {number}"), number);
        }
        span.record("model", "m");
        handle
            .output("done")
            .usage(Usage::new(1, 2))
            .level(tracing_llm::Level::Warning);
    });
    let work = capture.find("work").unwrap();
    assert_eq!((work.kind(), work.model()), (Kind::Generation, Some("m")));
    assert_eq!(
        (work.level(), work.usage().get("total")),
        (tracing_llm::Level::Warning, Some(3))
    );
    let tree = capture.tree();
    assert!(
        tree.contains("  out:    done\n") && !tree.contains("key 1999"),
        "{tree}"
    );
}

#[test]
fn a_span_keeps_a_bounded_number_of_links() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work");
        for _ in 0..1000 {
            span.follows_from(&info_span!("cause"));
        }
    });
    let whole = capture.whole_tree();
    assert_eq!(whole.matches("link:").count(), 128);
    assert_eq!(whole.matches("dropped: links=872").count(), 1);
}

#[test]
fn a_span_may_declare_more_than_64_fields() {
    macro_rules! many {
        ($($name:ident)*) => { info_span!("work", $($name = 1,)* user_id = "u", last = 2) };
    }
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root", user_id = "above").in_scope(|| {
            drop(many!(
                a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2 d3
                d4 d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 g0 g1 g2 g3 g4 g5 g6 g7
            ));
        });
    });
    assert_eq!(capture.find("work").unwrap().user(), Some("above"));
    let tree = capture.tree();
    assert!(tree.contains("\"g7\":1,\"user_id\":\"u\",\"last\":2}"), "{tree}");
}

#[test]
fn a_field_of_ones_own_may_begin_as_those_of_the_log_bridge() {
    let capture = Capture::new();
    capture.run(|| info_span!("work", log.id = 7).in_scope(|| info!(log.id = 8, log.line = 9, "said")));
    shows_whole(
        &capture,
        r#"
span work
  meta:   {"log.id":7}
  event:  {"message":"said","log.id":8}
"#,
    );
}
