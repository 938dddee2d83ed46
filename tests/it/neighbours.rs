//! The layer among other layers, and among code that does not behave.
//!
//! What is known to go wrong with layers, and the test that shows it does not here (`path::name`; a file of its own is
//! `global_…`). Where `tracing` itself leaves no choice, the test shows what happens and the front page says it.
//!
//! | pitfall | test |
//! | --- | --- |
//! | **Lifecycle and order** | |
//! | a parent closes after its children, so its end is not its close | `ends::a_child_that_outlives_the_last_exit_does_not_stretch_its_parent` |
//! | work recorded after the last exit is cut off | `ends::what_is_recorded_after_the_last_exit_is_part_of_the_work` |
//! | a close on any thread, of a parent or a child | `global_threads::a_span_may_close_on_another_thread`, `global_storm` |
//! | a close while a panic unwinds, spans made then | `global_threads::a_span_may_close_while_a_panic_unwinds`, `outcome::work_done_while_unwinding_did_not_panic`, `misuse::a_flush_may_stand_inside_a_span_inside_a_drop_inside_a_panic` |
//! | a close in the drop of a thread's local | `global_threads::a_span_that_dies_with_its_threads_locals_is_recorded` |
//! | a close under a lock that the delivery wants, too | `misuse::a_span_may_close_under_a_lock_that_the_exporter_waits_for` |
//! | a future that was given up looks like one that ended | `global_cancelled`, `outcome::an_observed_future_says_when_it_was_given_up` |
//! | the registry uses ids again | `tree::the_registry_gives_ids_again_and_no_observation_inherits_anything`, `tree::a_handle_knows_the_ids_and_does_nothing_once_the_span_has_closed` |
//! | extensions panic at the second of a type: the same layer twice | [`of_two_layers_in_one_subscriber_the_second_stays_out_and_says_so_once`], `misuse::a_second_layer_at_another_level_leaves_nothing_open` |
//! | `follows_from` names a span that has closed or is filtered | [`what_follows_from_a_span_that_is_gone_or_not_recorded_follows_from_nothing`], `tree::a_span_of_another_trace_is_followed_by_a_link_not_a_parent` |
//! | explicit parents and roots, also behind what is not recorded | `tree::explicit_parents_and_explicit_roots_are_honoured`, `tree::spans_below_one_that_is_not_recorded_stand_below_its_recorded_ancestor` |
//! | **Fields** | |
//! | undeclared fields never come | [`a_field_that_was_not_declared_is_lost_and_the_handle_needs_none`] |
//! | 32 fields were once the most | [`a_span_may_declare_more_than_64_fields`] |
//! | `%x` comes as Debug, `?"text"` quoted; digits are text | `content::json_is_known_by_the_role_of_its_field_however_it_was_recorded`, `content::digits_stay_text` |
//! | `None` and `Empty` are never visited; every integer has its width | `types::options_are_their_value_or_nothing`, `types::integers_of_every_width` |
//! | the same key several times | `vocabulary::a_key_recorded_twice_is_there_once_with_its_last_value` |
//! | arguments, `return` and `error` are plain fields and events | `content::arguments_are_the_input_and_dotted_or_late_fields_are_metadata`, `outcome::an_inner_function_that_is_not_recorded_hands_no_result_to_the_outer_one` |
//! | attributes by OpenTelemetry's own API reach no other layer | `global_compositions` |
//! | `valuable` | needs a flag of the whole build, so it is not read |
//! | **Filtering** | |
//! | [#2519](https://github.com/tokio-rs/tracing/issues/2519): under a filter the next span vanishes | `global_filter::under_a_filter_spans_vanish_and_added_plain_none_does` |
//! | a bare layer's `enabled` answers for all | [`a_neighbour_sees_the_same_with_us_and_without`], `global_compositions` |
//! | a missing hint turns every callsite on, a given one turns others off | [`the_level_hint_is_ours_unless_a_layer_beneath_wants_everything`], `global_hint`, `global_compositions` |
//! | [#2396](https://github.com/tokio-rs/tracing/issues/2396): the current span may be one that a filter hid | [`inside_a_span_that_a_filter_hides_the_one_around_it_is_spoken_to`], `tree::current_is_the_nearest_recorded_observation` |
//! | `enabled` knows no values: what fields say acts later | `tree::infrastructure_is_recorded_and_what_is_below_it_moves_up` |
//! | `reload`: parent and child of different layers, downcasts | [`it_works_in_every_wrapping`], `misuse::spans_that_are_open_while_their_layer_is_reloaded_away_are_sent_when_they_close` |
//! | a filter for all hides everything, silently | `global_compositions`, `setup::rust_log_decides_log_lines_and_not_what_is_traced` |
//! | **Re-entrancy and self-tracing** | |
//! | `tracing` has no guard against recursion under a global subscriber; `Debug` that logs, under a lock | `global_reentrant` |
//! | the delivery's own HTTP client logs | `global_storm`, `global_log`, `misuse::an_exporter_may_flush_shut_down_and_make_spans` |
//! | the layer's own lines go through `tracing` | `global_log` (when the program wants that), `misuse::who_is_told_of_trouble_may_panic_and_the_span_ends_all_the_same` |
//! | **Async and runtimes** | |
//! | a guard held across an `await` | [`a_guard_held_across_an_await_misplaces_spans_as_tracing_does_and_breaks_nothing`] |
//! | `spawn` loses the span, and what is handed down must not hang on threads | `trace_attributes::what_is_set_before_a_span_ends_is_on_it_whatever_thread_it_lives_on`, `kit::tasks_are_captured_with_the_runtime_that_runs_them_or_with_the_subscriber_they_are_given` |
//! | a runtime is needed, or is waited for; several of them | `runtimes`, `delivery::flush_works_in_every_runtime_and_in_none` |
//! | statics, `exit`, a panic in `main`, a signal | `exits`, `signals` |
//! | the `log` bridge's events have metadata of its own | `global_log`, [`a_field_of_ones_own_may_begin_as_those_of_the_log_bridge`] |

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing::field::Empty;
use tracing::{Level, Subscriber, debug, debug_span, error, info, info_span, span, trace};
use tracing_llm::testing::Capture;
use tracing_llm::{Kind, SpanExt, Usage, Value, current};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{fmt as log, registry, reload};

use crate::support::shows::{beside_a_curious_neighbour, run, shows, shows_whole};

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
fn also_of_two_layers_of_which_one_can_be_reloaded_the_second_stays_out() {
    for reloadable_first in [true, false] {
        let (first, second) = (Capture::new(), Capture::new());
        let work = || {
            for _ in 0..2 {
                info_span!("one").in_scope(|| {
                    current().output("x");
                });
            }
        };
        let registry = registry();
        if reloadable_first {
            let (layer, _handle) = reload::Layer::new(first.layer());
            let subscriber = registry.with(layer).with(second.layer());
            tracing::subscriber::with_default(subscriber, work);
        } else {
            let (layer, _handle) = reload::Layer::new(second.layer());
            let subscriber = registry.with(first.layer()).with(layer);
            tracing::subscriber::with_default(subscriber, work);
        }
        shows(&first, "\nspan one\n  out:    x\nspan one\n  out:    x\n");
        assert_eq!(second.tree(), "\n");
        assert_eq!(second.lines().len(), 1);
    }
}

#[test]
fn thousands_of_spans_are_open_at_once_and_each_keeps_what_it_was_told() {
    const SPANS: u64 = 5_000;
    let capture = Capture::new();
    capture.run(|| {
        let root = info_span!("root");
        let spans: Vec<_> = (0..SPANS)
            .map(|number| info_span!(parent: &root, "leaf", number, late = Empty))
            .collect();
        for (number, span) in spans.iter().enumerate() {
            span.record("late", number);
            span.in_scope(|| {
                current().output(number);
            });
        }
        // Each second first, so that places become free beside taken ones; then more come.
        let (odd, even): (Vec<_>, Vec<_>) = (0..SPANS).zip(spans).partition(|(number, _)| number % 2 == 1);
        drop(odd);
        let more: Vec<_> = (SPANS..SPANS + 1_000)
            .map(|number| info_span!(parent: &root, "leaf", number, late = number))
            .collect();
        more.iter().zip(SPANS..).for_each(|(span, number)| {
            span.observation().output(number);
        });
        drop((even, more));
    });
    let captured = capture.captured();
    let leaves = captured.find_all("leaf").into_iter();
    let mut seen: Vec<u64> = leaves
        .map(|leaf| {
            let output = leaf.output().unwrap();
            let late = leaf.metadata().find(|(key, _)| *key == "late").unwrap().1;
            assert_eq!(late, Value::U64(output.parse().unwrap()));
            output.parse().unwrap()
        })
        .collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..SPANS + 1_000));
}

#[test]
fn inside_a_span_that_a_filter_hides_the_one_around_it_is_spoken_to() {
    let capture = Capture::new();
    let visible = filter_fn(|metadata| metadata.name() != "hidden");
    // Somebody must want the hidden span, or it is not made.
    let notes = Notes::default();
    let subscriber = registry()
        .with(notes.clone())
        .with(capture.layer().with_filter(visible));
    tracing::subscriber::with_default(subscriber, || {
        info_span!("outer").in_scope(|| {
            info_span!("hidden").in_scope(|| {
                current().output("x").trace().user("u");
                error!("said");
                drop(info_span!("child"));
            });
        });
    });
    assert_eq!(notes.taken(), ["outer", "hidden", "ERROR", "child"]);
    shows_whole(
        &capture,
        r#"
span outer  ERROR  status="said"
  trace:  user=u
  out:    x
  event:  {"message":"said"}
  span child
"#,
    );
}

/// Asks whose trace it is while it reads what is kept of a span, as a formatter of log lines does.
struct Reads(mpsc::Sender<bool>);

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Reads {
    fn on_enter(&self, id: &span::Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let _held = span.extensions();
        let is_known = current().trace_id().is_some();
        self.0.send(is_known).unwrap();
    }
}

#[test]
fn who_reads_the_extensions_of_a_span_may_ask_for_its_trace_meanwhile() {
    let (sender, receiver) = mpsc::channel();
    // Should they wait for each other, it is for ever.
    thread::spawn(move || {
        let subscriber = registry().with(Reads(sender)).with(Capture::new().layer());
        tracing::subscriber::with_default(subscriber, || {
            info_span!("recorded").in_scope(|| debug_span!("not recorded").in_scope(|| ()));
        });
    });
    let answers = [(); 2].map(|()| receiver.recv_timeout(Duration::from_secs(20)));
    assert_eq!(answers, [Ok(true), Ok(true)]);
}

#[test]
fn what_follows_from_a_span_that_is_gone_or_not_recorded_follows_from_nothing() {
    let capture = Capture::new();
    beside_a_curious_neighbour(&capture, || {
        let gone = info_span!("gone");
        let id = gone.id().unwrap();
        drop(gone);
        let span = info_span!("work");
        span.follows_from(id);
        span.follows_from(debug_span!("not recorded"));
        debug_span!("not recorded").follows_from(&span);
    });
    shows_whole(&capture, "\nspan gone\nspan work\n");
}

#[test]
fn a_field_that_was_not_declared_is_lost_and_the_handle_needs_none() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work", declared = Empty);
        span.record("declared", 1).record("undeclared", 2);
        span.observation().metadata("said", 3);
    });
    shows(
        &capture,
        r#"
span work
  meta:   {"declared":1,"said":3}
"#,
    );
}

#[test]
fn a_guard_held_across_an_await_misplaces_spans_as_tracing_does_and_breaks_nothing() {
    async fn holds(name: &'static str) {
        #[allow(clippy::await_holding_invalid_type, reason = "the mistake")]
        let _held = info_span!("held", name).entered();
        tokio::task::yield_now().await;
        drop(info_span!("inside", name));
        tokio::task::yield_now().await;
    }
    let capture = Capture::new();
    run(&capture, async {
        tokio::join!(holds("a"), holds("b"));
        drop(info_span!("after"));
    });
    // Which of the two goes on first is Tokio's own affair.
    assert_eq!(
        capture.captured().sorted_tree(),
        r#"
span after
span held
  in:     {"name":"a"}
  meta:   {"name":"a"}
  span held
    in:     {"name":"b"}
    meta:   {"name":"b"}
    span inside
      in:     {"name":"a"}
      meta:   {"name":"a"}
    span inside
      in:     {"name":"b"}
      meta:   {"name":"b"}
"#,
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

#[test]
fn every_test_that_the_table_names_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let source = |room: &str| {
        let file = if room.starts_with("global_") {
            tests.join(room)
        } else {
            tests.join("it").join(room)
        };
        std::fs::read_to_string(file.with_extension("rs")).unwrap_or_else(|e| panic!("{room}: {e}"))
    };
    let table = source("neighbours");
    let rows = table
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").nth(1));
    let named: Vec<_> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        let (room, test) = name.split_once("::").unwrap_or(match name {
            room if room.starts_with("global_") || tests.join("it").join(format!("{room}.rs")).exists() => {
                (room, "")
            }
            test => ("neighbours", test),
        });
        assert!(source(room).contains(&format!("fn {test}")), "{name}");
    }
}
