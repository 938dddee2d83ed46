//! Which observation stands below which.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{Span, debug, debug_span, info_span};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::shows::{beside_a_curious_neighbour, shows, shows_whole};

#[test]
fn a_root_starts_a_trace_and_its_children_belong_to_it() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("a").in_scope(|| drop(info_span!("a child")));
        info_span!("b").in_scope(|| drop(info_span!("b child")));
    });
    let traces: Vec<u8> = capture
        .observations()
        .iter()
        .map(|one| one.trace_id().to_string().as_bytes()[31])
        .collect();
    assert_eq!(traces, [b'1', b'1', b'2', b'2']);
    shows(
        &capture,
        r#"
span a
  span a child
span b
  span b child
"#,
    );
}

#[test]
fn explicit_parents_and_explicit_roots_are_honoured() {
    let capture = Capture::new();
    capture.run(|| {
        let elsewhere = info_span!("elsewhere");
        info_span!("here").in_scope(|| {
            drop(info_span!(parent: &elsewhere, "below elsewhere"));
            info_span!(parent: None, "root").in_scope(|| drop(info_span!("below root")));
            drop(info_span!("below here"));
            drop(info_span!(parent: &Span::none(), "below nothing"));
        });
    });
    shows(
        &capture,
        r#"
span elsewhere
  span below elsewhere
span here
  span below here
span root
  span below root
span below nothing
"#,
    );
}

#[test]
fn spans_below_one_that_is_not_recorded_stand_below_its_recorded_ancestor() {
    let capture = Capture::new();
    beside_a_curious_neighbour(&capture, || {
        info_span!("root").in_scope(|| {
            let helper = debug_span!("helper");
            helper.in_scope(|| drop(info_span!("implicit")));
            drop(info_span!(parent: &helper, "explicit"));
        });
        debug_span!("top").in_scope(|| drop(info_span!("becomes a root")));
    });
    shows(
        &capture,
        r#"
span root
  span implicit
  span explicit
span becomes a root
"#,
    );
}

#[test]
fn current_is_the_nearest_recorded_observation() {
    let capture = Capture::new();
    beside_a_curious_neighbour(&capture, || {
        info_span!("root").in_scope(|| {
            debug_span!("helper").in_scope(|| {
                debug!("not heard");
                current().output("from the helper");
                let here = current().id();
                assert!(here.is_some());
                assert_eq!(Span::current().observation().id(), None);
            });
        });
        debug_span!("nothing above").in_scope(|| {
            assert_eq!(current().id(), None);
            current().output("nobody hears");
        });
    });
    shows(
        &capture,
        r#"
span root
  out:    from the helper
"#,
    );
}

#[test]
fn infrastructure_is_recorded_and_what_is_below_it_moves_up() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("agent", as_type = "agent").in_scope(|| {
            info_span!("http", http.method = "POST").in_scope(|| {
                info_span!(target: "hyper::client", "connection").in_scope(|| {
                    drop(info_span!("model", as_type = "generation", http.method = "POST"));
                });
            });
            drop(info_span!("query", db.statement = "select 1"));
        });
    });
    shows(
        &capture,
        r#"
agent agent
  generation model
    meta:   {"http.method":"POST"}
  span query
    meta:   {"db.statement":"select 1"}
"#,
    );
    shows_whole(
        &capture,
        r#"
agent agent
  span http
    meta:   {"http.method":"POST"}
    span connection
      generation model
        meta:   {"http.method":"POST"}
  span query
    meta:   {"db.statement":"select 1"}
"#,
    );
}

#[test]
fn a_span_of_another_trace_is_followed_by_a_link_not_a_parent() {
    let capture = Capture::new();
    capture.run(|| {
        let cause = info_span!("cause");
        let effect = info_span!("effect");
        effect.follows_from(&cause);
        effect.follows_from(Span::none());
        drop((cause, effect));
    });
    shows_whole(
        &capture,
        r#"
span cause
span effect
  link:   1 1
"#,
    );
}

#[test]
fn a_handle_outside_of_spans_does_nothing() {
    let capture = Capture::new();
    current().output("nobody hears").trace().user("nobody");
    capture.run(|| {
        assert_eq!((current().id(), current().trace_id()), (None, None));
        current()
            .input(1)
            .kind(tracing_llm::Kind::Agent)
            .end()
            .first_token();
        current().trace().tags(["a"]).metadata("k", 1);
        Span::none().observation().output("nobody hears");
    });
    assert_eq!(capture.tree(), "\n");
}

#[test]
fn a_handle_knows_the_ids_and_does_nothing_once_the_span_has_closed() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("first");
        let handle = span.observation();
        assert_eq!(handle.id().unwrap().to_string(), "0000000000000001");
        assert_eq!(
            handle.trace_id().unwrap().to_string(),
            "00000000000000000000000000000001"
        );
        drop(span);
        // The registry gives the closed span's id to the next one.
        let next = info_span!("second");
        handle.output("too late").kind(tracing_llm::Kind::Agent);
        handle.trace().user("too late");
        assert_eq!(handle.id().unwrap().to_string(), "0000000000000001");
        drop(next);
    });
    shows(
        &capture,
        r#"
span first
span second
"#,
    );
}

#[test]
fn a_handle_may_be_kept_sent_and_used_from_another_thread() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work");
        let handle = span.observation();
        let copy = handle.clone();
        std::thread::spawn(move || {
            copy.output("from there").metadata("k", 1);
        })
        .join()
        .unwrap();
        handle.trace().user("u");
    });
    shows(
        &capture,
        r#"
span work
  trace:  user=u
  out:    from there
  meta:   {"k":1}
"#,
    );
}

#[test]
fn the_registry_gives_ids_again_and_no_observation_inherits_anything() {
    let capture = Capture::new();
    capture.run(|| {
        for number in 0..3 {
            let span = info_span!("work", number);
            if number == 0 {
                span.observation().output("first").trace().user("u");
            }
        }
    });
    let traces: BTreeSet<String> = capture
        .observations()
        .iter()
        .map(|one| one.trace_id().to_string())
        .collect();
    assert_eq!(traces.len(), 3);
    shows(
        &capture,
        r#"
span work
  trace:  user=u
  in:     {"number":0}
  out:    first
  meta:   {"number":0}
span work
  in:     {"number":1}
  meta:   {"number":1}
span work
  in:     {"number":2}
  meta:   {"number":2}
"#,
    );
}

#[test]
fn spans_of_many_threads_keep_to_their_parents() {
    let capture = Capture::new();
    let subscriber = Arc::new(tracing_subscriber::registry().with(capture.layer()));
    let dispatch = tracing::Dispatch::from(subscriber as Arc<dyn tracing::Subscriber + Send + Sync>);
    let root = tracing::dispatcher::with_default(&dispatch, || info_span!("root"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || {
                    for _ in 0..25 {
                        info_span!(parent: &root, "child").in_scope(|| drop(info_span!("leaf")));
                    }
                });
            });
        }
    });
    drop(root);
    let tree = capture.tree();
    let count = |line: &str| tree.lines().filter(|it| *it == line).count();
    assert_eq!(
        (count("span root"), count("  span child"), count("    span leaf")),
        (1, 100, 100)
    );
}
