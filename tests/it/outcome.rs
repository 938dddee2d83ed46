//! How it went: errors, events, panics, cancellations, levels.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tracing::field::Empty;
use tracing::{
    Instrument, debug_span, error, error_span, info, info_span, instrument, trace_span, warn, warn_span,
};
use tracing_llm::testing::Capture;
use tracing_llm::{Level, Observe, current};

use crate::support::shows::{beside_a_curious_neighbour, run, shows, shows_whole};

/// Panics without a word on stderr.
fn quietly(code: impl FnOnce()) {
    let unwound = catch_unwind(AssertUnwindSafe(code));
    assert!(unwound.is_err());
}

/// Unwinds as a panic does, without the hook.
fn unwind() {
    std::panic::resume_unwind(Box::new("on purpose"));
}

#[test]
fn an_error_event_sets_the_level_of_its_own_span_only() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            info_span!("failing").in_scope(|| {
                error!("first trouble");
                error!(code = 5, "second trouble");
            });
            info_span!("warning").in_scope(|| warn!("careful"));
            info_span!("no message").in_scope(|| error!(code = 5));
            info_span!("error alone").in_scope(|| error!(error = %"broken"));
        });
    });
    shows_whole(
        &capture,
        r#"
span root
  span failing  ERROR  status="first trouble"
    event:  {"message":"first trouble"}
    event:  {"message":"second trouble","code":5}
  span warning
    event:  {"message":"careful"}
  span no message  ERROR
    event:  {"code":5}
  span error alone  ERROR  status="broken"
    error:  {"error":"broken"}
"#,
    );
}

#[test]
fn what_is_said_of_the_outcome_wins_over_what_happened() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("handled").in_scope(|| {
            error!("trouble");
            current().level(Level::Default).status_message("handled");
        });
        info_span!("langfuse", langfuse.observation.level = "warning").in_scope(|| error!("trouble"));
        let status = info_span!("otel", otel.status_code = Empty, otel.status_description = Empty);
        status.record("otel.status_code", "ERROR");
        status.record("otel.status_description", "timeout");
        drop(status);
        drop(info_span!(
            "older otel",
            otel.status_code = "error",
            otel.status_message = "timeout"
        ));
        drop(info_span!("unknown level", langfuse.observation.level = "loud"));
        info_span!("raised").in_scope(|| {
            current().level(Level::Error);
        });
    });
    shows(
        &capture,
        r#"
span handled  status="handled"
span langfuse  WARNING  status="trouble"
span otel  ERROR  status="timeout"
span older otel  ERROR  status="timeout"
span unknown level
span raised  ERROR
"#,
    );
}

#[test]
fn a_span_shows_how_grave_its_source_is_below_info_only() {
    let capture = Capture::new().with_level(tracing::Level::TRACE);
    capture.run(|| {
        drop(trace_span!("trace"));
        drop(debug_span!("debug"));
        drop(info_span!("info"));
        drop(warn_span!("warn"));
        drop(error_span!("error"));
    });
    shows(
        &capture,
        r#"
span trace  DEBUG
span debug  DEBUG
span info
span warn
span error
"#,
    );
}

#[test]
fn an_inner_function_that_is_not_recorded_hands_no_result_to_the_outer_one() {
    #[instrument(level = "debug", ret, err)]
    fn hidden(fails: bool) -> Result<String, String> {
        if fails {
            Err("inner".to_owned())
        } else {
            Ok("inner".to_owned())
        }
    }
    #[instrument(level = "debug", ret(level = "info"))]
    fn hidden_but_loud() -> String {
        "inner".to_owned()
    }
    #[instrument(ret)]
    fn outer() -> &'static str {
        hidden(false).unwrap();
        hidden_but_loud();
        "outer"
    }
    #[instrument]
    fn silent() {
        hidden_but_loud();
    }
    #[instrument(ret)]
    fn hears_an_error() -> &'static str {
        hidden(true).unwrap_err();
        "outer"
    }
    let work = || {
        outer();
        silent();
        hears_an_error();
    };
    let capture = Capture::new();
    beside_a_curious_neighbour(&capture, work);
    shows_whole(
        &capture,
        r#"
span outer
  out:    outer
  event:  {"return":"inner"}
span silent
  event:  {"return":"inner"}
span hears_an_error  ERROR  status="inner"
  out:    outer
  event:  {"error":"inner"}
"#,
    );
    let beside = capture.whole_tree();
    let capture = Capture::new();
    capture.run(work);
    assert_eq!(capture.whole_tree(), beside);
}

#[test]
fn an_event_with_a_field_named_like_a_report_is_none() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            info!(r#return = "not mine");
            info!(error = "not mine");
            warn!(error = "not mine", "going on");
        });
    });
    shows_whole(
        &capture,
        r#"
span root
  event:  {"return":"not mine"}
  event:  {"error":"not mine"}
  event:  {"message":"going on","error":"not mine"}
"#,
    );
}

#[test]
fn an_error_that_is_returned_is_one_exception_and_every_caller_that_passes_it_on_has_its_own() {
    #[instrument(ret, err)]
    fn inner() -> Result<u8, String> {
        Err("broken".to_owned())
    }
    #[instrument(ret, err)]
    fn passes_it_on() -> Result<u8, String> {
        Ok(inner()? + 1)
    }
    #[instrument(ret, err)]
    fn recovers() -> Result<u8, String> {
        Ok(inner().unwrap_or(1))
    }
    let capture = Capture::new();
    capture.run(|| {
        passes_it_on().unwrap_err();
        recovers().unwrap();
    });
    shows_whole(
        &capture,
        r#"
span passes_it_on  ERROR  status="broken"
  error:  {"error":"broken"}
  span inner  ERROR  status="broken"
    error:  {"error":"broken"}
span recovers
  out:    1
  span inner  ERROR  status="broken"
    error:  {"error":"broken"}
"#,
    );
}

#[test]
fn a_returned_error_says_more_than_an_event_before_it() {
    #[instrument(err)]
    fn work() -> Result<(), String> {
        error!("about to fail");
        Err("failed".to_owned())
    }
    #[instrument(err(level = "warn"))]
    fn warns() -> Result<(), String> {
        error!("graver than the result");
        Err("not so bad".to_owned())
    }
    let capture = Capture::new();
    capture.run(|| {
        work().unwrap_err();
        warns().unwrap_err();
    });
    shows(
        &capture,
        r#"
span work  ERROR  status="failed"
span warns  ERROR  status="not so bad"
"#,
    );
}

#[test]
fn a_recursive_function_gives_each_call_its_own_result() {
    #[instrument(ret)]
    fn factorial(n: u64) -> u64 {
        if n == 0 { 1 } else { n * factorial(n - 1) }
    }
    let capture = Capture::new();
    capture.run(|| factorial(2));
    shows(
        &capture,
        r#"
span factorial
  in:     {"n":2}
  out:    2
  meta:   {"n":2}
  span factorial
    in:     {"n":1}
    out:    1
    meta:   {"n":1}
    span factorial
      in:     {"n":0}
      out:    1
      meta:   {"n":0}
"#,
    );
}

#[test]
fn a_panic_is_an_error_of_every_span_that_it_leaves() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("survives").in_scope(|| {
            quietly(|| {
                info_span!("panics").in_scope(|| {
                    drop(info_span!("was fine"));
                    unwind();
                });
            });
        });
    });
    shows(
        &capture,
        r#"
span survives
  span panics  ERROR  status="panicked"
    span was fine
"#,
    );
}

#[test]
fn a_panic_in_a_future_is_an_error() {
    let capture = Capture::new();
    run(&capture, async {
        let task = tokio::spawn(
            async {
                tokio::task::yield_now().await;
                unwind();
            }
            .instrument(info_span!("task")),
        );
        assert!(task.await.unwrap_err().is_panic());
    });
    shows(
        &capture,
        r#"
span task  ERROR  status="panicked"
"#,
    );
}

#[test]
fn work_done_while_unwinding_did_not_panic() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            info_span!("cleanup").in_scope(|| {
                current().output("done");
            });
        }
    }
    let capture = Capture::new();
    capture.run(|| {
        quietly(|| {
            let span = info_span!("work");
            let _entered = span.enter();
            let _cleanup = Cleanup;
            unwind();
        });
    });
    shows(
        &capture,
        r#"
span work  ERROR  status="panicked"
  span cleanup
    out:    done
"#,
    );
}

/// Polls once.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_observed_future_says_when_it_was_given_up() {
    let capture = Capture::new();
    run(&capture, async {
        async {}.observe(info_span!("finished")).await;
        drop(async {}.observe(info_span!("never polled")));
        let late = pending::<()>().observe(info_span!("timed out"));
        tokio::time::timeout(Duration::from_millis(5), late)
            .await
            .unwrap_err();
        tokio::select! {
            biased;
            () = async { tokio::task::yield_now().await }.observe(info_span!("lost")) => {}
            () = async {} => {}
        }
        let failed: Result<(), ()> = async { Err(()) }.observe(info_span!("failed")).await;
        failed.unwrap_err();
        drop(async {}.instrument(info_span!("plain instrument cannot know")));
    });
    shows(
        &capture,
        r#"
span finished
span never polled  WARNING  status="cancelled"
span timed out  WARNING  status="cancelled"
span lost  WARNING  status="cancelled"
span failed
span plain instrument cannot know
"#,
    );
}

#[test]
fn a_future_given_up_below_an_observed_one_is_not_claimed() {
    let capture = Capture::new();
    capture.run(|| {
        let outer = async { pending::<()>().instrument(info_span!("inner")).await };
        let mut outer = Box::pin(outer.observe(info_span!("outer")));
        assert!(poll(outer.as_mut()).is_pending());
        drop(outer);
    });
    shows(
        &capture,
        r#"
span outer  WARNING  status="cancelled"
  span inner
"#,
    );
}

#[test]
fn a_panic_in_an_observed_future_is_a_panic() {
    let capture = Capture::new();
    capture.run(|| {
        quietly(|| {
            let future = async { unwind() }.observe(info_span!("work"));
            let future = pin!(future);
            let _ = poll(future);
        });
    });
    shows(
        &capture,
        r#"
span work  ERROR  status="panicked"
"#,
    );
}

#[test]
fn an_event_that_says_so_is_an_observation() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("request", user_id = "u").in_scope(|| {
            info!(as_type = "event", hit = true, "cache looked up");
            warn!(as_type = "EVENT", input = "i", output = "o", "with content");
            error!(as_type = "event", "failed");
            info!(as_type = "agent", "no such event");
            info!(name: "looked_up", as_type = "event", only = "fields");
        });
        info!(as_type = "event", "outside of any span");
    });
    shows(
        &capture,
        r#"
span request  ERROR  status="failed"
  trace:  user=u
  event cache looked up
    meta:   {"hit":true}
  event with content  WARNING
    in:     i
    out:    o
  event failed  ERROR
  event looked_up
    meta:   {"only":"fields"}
"#,
    );
    shows_whole(
        &capture,
        r#"
span request  ERROR  status="failed"
  trace:  user=u
  event:  {"message":"cache looked up","as_type":"event","hit":true}
  event:  {"message":"with content","as_type":"EVENT","input":"i","output":"o"}
  event:  {"message":"failed","as_type":"event"}
  event:  {"message":"no such event","as_type":"agent"}
  event:  {"as_type":"event","only":"fields"}
"#,
    );
}

#[test]
fn events_of_a_span_are_bounded() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("loud").in_scope(|| {
            for number in 0..1000 {
                info!(number, text = "x", "said");
            }
            error!("the last one still counts");
        });
    });
    let whole = capture.whole_tree();
    assert_eq!(whole.matches("event:").count(), 128);
    assert!(whole.ends_with("dropped: events=873\n"), "{whole}");
    shows(
        &capture,
        r#"
span loud  ERROR  status="the last one still counts"
"#,
    );
}
