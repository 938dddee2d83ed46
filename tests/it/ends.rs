//! When an observation ends.

use std::time::Duration;

use tracing::field::Empty;
use tracing::{info, info_span};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};

use crate::support::shows::shows;

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Runs code that moves the clock.
fn timed(code: impl FnOnce(&dyn Fn(u64))) -> Capture {
    let capture = Capture::new();
    capture.run(|| code(&|by| capture.clock().advance(ms(by))));
    capture
}

#[test]
fn a_span_ends_when_it_closes() {
    let capture = timed(|pass| {
        let span = info_span!("kept open by a handle");
        span.in_scope(|| pass(1));
        pass(2);
        drop(span);
        let span = info_span!("never entered");
        pass(4);
        drop(span);
    });
    shows(
        &capture,
        r#"
span kept open by a handle  3ms
span never entered  4ms
"#,
    );
}

#[test]
fn a_child_that_outlives_the_last_exit_does_not_stretch_its_parent() {
    let capture = timed(|pass| {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| {
            pass(1);
            info_span!("child")
        });
        drop(parent);
        pass(10);
        drop(child);
    });
    shows(
        &capture,
        r#"
span parent  1ms
  span child  10ms
"#,
    );
}

#[test]
fn a_child_that_ended_before_the_last_exit_changes_nothing() {
    let capture = timed(|pass| {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        parent.in_scope(|| {
            pass(1);
            drop(child);
        });
        pass(2);
        drop(parent);
    });
    shows(
        &capture,
        r#"
span parent  3ms
  span child  1ms
"#,
    );
}

#[test]
fn what_is_recorded_after_the_last_exit_is_part_of_the_work() {
    let stretched = |name: &'static str, act: &dyn Fn(&tracing::Span)| {
        let capture = timed(|pass| {
            let parent = info_span!("parent", otel.name = name, late = Empty);
            let child = parent.in_scope(|| info_span!("child"));
            pass(5);
            act(&parent);
            drop(parent);
            pass(10);
            drop(child);
        });
        let parent = capture.find(name).unwrap();
        assert_eq!(parent.duration(), ms(5), "{name}");
    };
    stretched("record", &|span| {
        span.record("late", 1);
    });
    stretched("event", &|span| info!(parent: span, "said"));
    stretched("handle", &|span| {
        span.observation().output("x");
    });
    stretched("first token", &|span| {
        span.observation().first_token();
    });
    stretched("trace", &|span| {
        span.observation().trace().user("u");
    });
}

#[test]
fn a_span_that_only_hangs_children_below_it_needs_an_end() {
    let capture = timed(|pass| {
        let parent = info_span!("without");
        let child = parent.in_scope(|| info_span!("child"));
        pass(5);
        drop(child);
        drop(parent);
        let parent = info_span!("with");
        let child = parent.in_scope(|| info_span!("child"));
        pass(5);
        drop(child);
        parent.observation().end();
        pass(5);
        drop(parent);
    });
    shows(
        &capture,
        r#"
span without
  span child  5ms
span with  5ms
  span child  5ms
"#,
    );
}

#[test]
fn an_end_that_is_said_holds() {
    let capture = timed(|pass| {
        let span = info_span!("work");
        span.in_scope(|| {
            pass(1);
            current().end();
            pass(2);
        });
        pass(4);
        span.observation().output("still heard");
    });
    shows(
        &capture,
        r#"
span work  1ms
  out:    still heard
"#,
    );
}

#[test]
fn a_parent_never_entered_ends_with_its_last_child() {
    let capture = timed(|pass| {
        let parent = info_span!("parent");
        let child = info_span!(parent: &parent, "child");
        drop(parent);
        pass(3);
        drop(child);
    });
    shows(
        &capture,
        r#"
span parent  3ms
  span child  3ms
"#,
    );
}

#[test]
fn the_first_token_has_its_time() {
    let capture = timed(|pass| {
        let span = info_span!("call", model = "m");
        pass(3);
        span.observation().first_token();
        pass(4);
        span.observation().first_token();
        drop(span);
        drop(info_span!("seconds", gen_ai.response.time_to_first_chunk = 0.25));
        drop(info_span!(
            "time of day",
            langfuse.observation.completion_start_time = "2026-01-01T00:00:00.5Z"
        ));
        drop(info_span!(
            "no time",
            langfuse.observation.completion_start_time = "soon"
        ));
    });
    shows(
        &capture,
        r#"
generation call  model=m  7ms
  first:  3ms
span seconds
  first:  250ms
span time of day
  first:  493ms
span no time
"#,
    );
}
