//! The test kit, as a user's tests use it.

use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tracing::instrument::WithSubscriber;
use tracing::{Instrument, dispatcher, info_span, instrument};
use tracing_llm::testing::{Capture, Captured, capture, capture_async};
use tracing_llm::{Kind, Level, Observation, Price, PriceTable, SpanExt, Usage, Value, current};

use crate::support::alone::alone;

#[instrument(fields(as_type = "agent", user_id = "u-1"), ret)]
fn answer(question: &str) -> String {
    info_span!("search", as_type = "retriever").in_scope(|| drop(info_span!(target: "hyper", "http")));
    generate("draft", question);
    generate("shorten", question)
}

#[instrument(fields(model = "mistral-7b", temperature = 0.2, app.try = 7), ret)]
fn generate(step: &str, prompt: &str) -> String {
    current().usage(Usage::new(1000, 500).cached(400));
    format!("{step}: {prompt}")
}

fn prices() -> PriceTable {
    PriceTable::new().per_thousand("mistral-7b", Price::new(0.0001, 0.0002))
}

fn current_thread() -> runtime::Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn multi_thread() -> runtime::Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn what_ran_can_be_asked_in_ordinary_types() {
    let capture = Capture::new().with_prices(prices()).unwrap();
    assert_eq!(capture.run(|| answer("why?")), "shorten: why?");
    let captured = capture.captured();

    let names = |found: Vec<&Observation>| {
        let names: Vec<String> = found.iter().map(|one| one.name().to_owned()).collect();
        names.join(" ")
    };
    // In the order in which they began, and without infrastructure.
    assert_eq!(names(captured.observations()), "answer search generate generate");
    assert_eq!(names(captured.generations()), "generate generate");
    assert_eq!(names(captured.of_kind(Kind::Retriever)), "search");
    assert_eq!(names(captured.find_all("generate")), "generate generate");
    assert_eq!(names(captured.roots()), "answer");
    let root = captured.find("answer").unwrap();
    assert_eq!(names(captured.children_of(root)), "search generate generate");
    let first = captured.find("generate").unwrap();
    assert_eq!(captured.parent_of(first).map(Observation::id), Some(root.id()));
    assert!(captured.parent_of(root).is_none());

    assert_eq!((first.kind(), first.level()), (Kind::Generation, Level::Default));
    assert_eq!(first.model(), Some("mistral-7b"));
    assert_eq!(first.output().as_deref(), Some("draft: why?"));
    assert_eq!(
        first.input().as_deref(),
        Some(r#"{"step":"draft","prompt":"why?"}"#)
            .filter(|_| false)
            .or(Some("why?"))
    );
    assert_eq!(first.user(), Some("u-1"));
    assert!(
        first
            .metadata()
            .any(|(key, value)| (key, value) == ("app.try", Value::I64(7)))
    );
    assert_eq!(
        first.parameters().collect::<Vec<_>>(),
        [("temperature", Value::F64(0.2))]
    );
    assert_eq!((first.status_message(), first.duration()), (None, Duration::ZERO));
}

#[test]
fn tokens_and_dollars_add_up_as_a_backend_adds_them_up() {
    let capture = Capture::new().with_prices(prices()).unwrap();
    capture.run(|| answer("why?"));
    let captured = capture.captured();
    let usage = captured.usage();
    let bucket = |name| usage.get(name).unwrap();
    assert_eq!(
        (
            bucket("input"),
            bucket("input_cached_tokens"),
            bucket("output"),
            bucket("total")
        ),
        (1200, 800, 1000, 3000)
    );
    assert_eq!(captured.cost().unwrap(), 0.0004);
    assert_eq!(capture_nothing().cost().unwrap().to_string(), "0");
}

fn capture_nothing() -> Captured {
    capture(|| {}).1
}

#[test]
fn a_cost_that_nobody_knows_is_no_cost_of_zero() {
    let why = |code: fn()| {
        let (_, captured) = capture(code);
        captured.cost().unwrap_err().to_string()
    };
    assert_eq!(
        why(|| drop(generate("a", "b"))),
        "the cost of \"generate\" is not known: the capture has no price for model \"mistral-7b\": with_prices(..), \
         with_shipped_prices()"
    );
    assert_eq!(
        why(|| drop(info_span!("silent", model = "m", prompt = "p"))),
        "the cost of \"silent\" is not known: it reports no tokens and no cost"
    );
    assert_eq!(
        why(|| {
            info_span!("nameless", as_type = "generation")
                .observation()
                .usage(Usage::new(1, 1));
        }),
        "the cost of \"nameless\" is not known: it names no model"
    );
    // A call that failed took no tokens, and what the code says itself needs no price.
    let (_, captured) = capture(|| {
        info_span!("failed", model = "m", prompt = "p").in_scope(|| tracing::error!("429"));
        info_span!("told", model = "m", prompt = "p")
            .observation()
            .cost(0.25);
    });
    assert_eq!(captured.cost().unwrap(), 0.25, "{captured}");
}

#[test]
fn list_prices_count_where_they_are_asked_for_and_ones_own_go_before_them() {
    let call = |capture: Capture| {
        capture.run(|| {
            let span = info_span!("call", model = "gpt-4o-mini-2024-07-18", prompt = "p");
            span.observation().usage(Usage::new(1_000_000, 0));
        });
        capture.captured().cost()
    };
    assert!(call(Capture::new()).is_err());
    let shipped = call(Capture::new().with_shipped_prices()).unwrap();
    assert!(shipped > 0.0);
    let own = PriceTable::new().per_million("gpt-4o-mini*", Price::new(1234.0, 0.0));
    let first = Capture::new().with_prices(own.clone()).unwrap();
    assert_eq!(call(first.with_shipped_prices()).unwrap(), 1234.0);
    let last = Capture::new().with_shipped_prices().with_prices(own);
    assert_eq!(call(last.unwrap()).unwrap(), 1234.0);
    // One that knows other models leaves this one to the list.
    let others = Capture::new().with_shipped_prices().with_prices(prices());
    assert_eq!(call(others.unwrap()).unwrap(), shipped);
}

#[test]
fn a_name_that_is_not_there_is_answered_with_what_is() {
    let (_, captured) = capture(|| drop(info_span!("answer")));
    let error = captured.find("anwser").unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "no observation is named \"anwser\"; there are:\nspan answer\n"
    );
    assert_eq!(
        capture_nothing().find("answer").unwrap_err().to_string(),
        "no observation is named \"answer\"; there is none: what ran on other threads, or below the level, is not seen"
    );
    let (open, captured) = capture(|| info_span!("answer"));
    assert_eq!(
        captured.find("answer").unwrap_err().to_string(),
        "no observation is named \"answer\" (1 not ended yet); there is none: what ran on other threads, or below the \
         level, is not seen"
    );
    drop(open);
}

#[test]
fn each_trace_can_be_looked_at_by_itself() {
    let (_, captured) = capture(|| {
        drop(info_span!(target: "hyper", "a request of a health check"));
        for name in ["one", "two"] {
            info_span!("request", name).in_scope(|| {
                info_span!("call", model = "m", prompt = name)
                    .observation()
                    .cost(0.5);
            });
        }
    });
    let traces = captured.traces();
    assert_eq!((traces.len(), captured.cost().unwrap()), (2, 1.0));
    assert_eq!(
        traces[1].to_string(),
        r#"
span request
  in:     {"name":"two"}
  meta:   {"name":"two"}
  generation call  model=m
    cost:   total=0.5
    in:     two
"#
    );
    assert_eq!(traces[0].cost().unwrap(), 0.5);
}

#[test]
fn the_same_code_gives_the_same_ids_times_and_text() {
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let (_, captured) = capture(|| answer("why?"));
            let ids: Vec<_> = captured
                .observations()
                .iter()
                .map(|one| (one.trace_id().to_string(), one.id().to_string(), one.start()))
                .collect();
            (ids, captured.whole_tree())
        })
        .collect();
    assert_eq!(runs[0], runs[1]);
    let (trace, id, start) = &runs[0].0[0];
    assert_eq!(
        (trace.as_str(), id.as_str()),
        ("00000000000000000000000000000001", "0000000000000001")
    );
    let start = start.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(start, Duration::from_secs(1_767_225_600));
}

#[test]
fn code_that_panics_is_captured_up_to_there() {
    let capture = Capture::new();
    let panicked = catch_unwind(|| {
        capture.run(|| {
            info_span!("answer").in_scope(|| {
                drop(info_span!("search"));
                // Without the hook's message.
                std::panic::resume_unwind(Box::new("on purpose"));
            });
        });
    });
    assert!(panicked.is_err());
    assert_eq!(
        capture.tree(),
        "\nspan answer  ERROR  status=\"panicked\"\n  span search\n"
    );
    // The thread is as it was.
    drop(info_span!("outside"));
    assert_eq!(capture.observations().len(), 2);
}

#[test]
fn of_captures_inside_each_other_each_sees_its_own() {
    let ((inner, ()), outer) = capture(|| {
        info_span!("outer").in_scope(|| {
            let (_, inner) = capture(|| drop(info_span!("inner")));
            (inner, drop(info_span!("after")))
        })
    });
    assert_eq!(inner.to_string(), "\nspan inner\n");
    assert_eq!(outer.to_string(), "\nspan outer\n  span after\n");
}

#[test]
fn captures_of_tests_that_run_at_the_same_time_do_not_mix() {
    let barrier = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let barrier = &barrier;
            scope.spawn(move || {
                let (_, captured) = capture(|| {
                    for _ in 0..50 {
                        barrier.wait();
                        info_span!("step", number).in_scope(|| drop(info_span!("leaf")));
                    }
                });
                assert_eq!(captured.observations().len(), 100);
                let of_another = captured.find_all("step").into_iter().find(|one| {
                    let input = format!("{{\"number\":{number}}}");
                    one.input().as_deref() != Some(input.as_str())
                });
                assert!(of_another.is_none(), "{captured}");
            });
        }
    });
}

async fn two_at_once() -> u8 {
    let slow = async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    };
    let quick = async { drop(info_span!("leaf")) };
    let both = async {
        tokio::join!(
            slow.instrument(info_span!("slow")),
            quick.instrument(info_span!("quick"))
        );
        7
    };
    both.instrument(info_span!("root")).await
}

const TWO_AT_ONCE: &str = "\nspan root\n  span slow\n  span quick\n    span leaf\n";

#[test]
fn a_future_is_captured_on_every_executor() {
    let (seven, captured) = current_thread().block_on(capture_async(two_at_once()));
    assert_eq!((seven, captured.to_string().as_str()), (7, TWO_AT_ONCE));

    // As a task it moves from thread to thread.
    let runtime = multi_thread();
    let task = runtime.spawn(capture_async(two_at_once()));
    let (_, captured) = runtime.block_on(task).unwrap();
    assert_eq!(captured.to_string(), TWO_AT_ONCE);

    // No runtime of anybody's.
    let (_, captured) = alone(capture_async(two_at_once()));
    assert_eq!(captured.to_string(), TWO_AT_ONCE);
}

/// Spawns a task out of the test's reach.
async fn spawns() {
    let task = tokio::spawn(async { drop(info_span!("in a task")) });
    task.await.unwrap();
    drop(info_span!("after"));
}

#[test]
fn tasks_are_captured_with_the_runtime_that_runs_them_or_with_the_subscriber_they_are_given() {
    let (_, inside) = capture(|| current_thread().block_on(spawns()));
    assert_eq!(inside.to_string(), "\nspan in a task\nspan after\n");

    let (_, around) = current_thread().block_on(capture_async(spawns()));
    assert_eq!(around.to_string(), "\nspan after\n", "as the documentation says");

    let given = async {
        let root = info_span!("root");
        let task = async { drop(info_span!("in a task")) };
        let task = task.instrument(root.clone()).with_current_subscriber();
        tokio::spawn(task).await.unwrap();
        drop(root);
    };
    let (_, given) = multi_thread().block_on(capture_async(given));
    assert_eq!(given.to_string(), "\nspan root\n  span in a task\n");
}

#[test]
fn another_thread_is_captured_with_the_captures_subscriber_and_without_it_is_not() {
    let capture = Capture::new();
    capture.run(|| {
        let root = info_span!("root");
        thread::scope(|scope| {
            scope.spawn(|| {
                dispatcher::with_default(&capture.dispatch(), || {
                    root.in_scope(|| drop(info_span!("seen")));
                });
            });
            scope.spawn(|| root.in_scope(|| drop(info_span!("not seen"))));
        });
    });
    assert_eq!(capture.tree(), "\nspan root\n  span seen\n");
}

#[test]
fn a_span_that_ends_on_another_thread_is_captured_and_the_one_above_it_is_not_let_go() {
    let capture = Capture::new();
    capture.run(|| {
        let (hand, handed) = channel();
        let ends = thread::spawn(move || drop(handed.recv()));
        info_span!("above").in_scope(|| hand.send(info_span!("ends there")).unwrap());
        ends.join().unwrap();
    });
    let expected = "\nspan ends there\n  trace:  name=above\n";
    assert_eq!(capture.tree(), expected, "as the documentation says");
    assert!(
        capture
            .captured()
            .find("above")
            .unwrap_err()
            .to_string()
            .contains("1 not ended yet")
    );
}

#[test]
fn what_runs_at_the_same_time_has_a_text_that_does_not_depend_on_who_was_first() {
    let texts: Vec<String> = (0..2)
        .map(|turn| {
            let (_, captured) = capture(|| {
                info_span!("root").in_scope(|| {
                    let both = [("a", 1), ("b", 2), ("a", 0)];
                    let order: Vec<_> = if turn == 0 {
                        both.iter().collect()
                    } else {
                        both.iter().rev().collect()
                    };
                    for (name, count) in order {
                        info_span!("call", name).in_scope(|| {
                            (0..*count).for_each(|_| drop(info_span!("tool")));
                        });
                    }
                });
            });
            captured.sorted_tree()
        })
        .collect();
    assert_eq!(texts[0], texts[1]);
    assert_eq!(
        texts[0],
        r#"
span root
  span call
    in:     {"name":"a"}
    meta:   {"name":"a"}
  span call
    in:     {"name":"a"}
    meta:   {"name":"a"}
    span tool
  span call
    in:     {"name":"b"}
    meta:   {"name":"b"}
    span tool
    span tool
"#
    );
    assert_eq!(capture_nothing().sorted_tree(), "\n");
}

#[test]
fn a_capture_may_go_on_where_it_stopped() {
    let capture = Capture::new();
    let root = capture.run(|| info_span!("root"));
    capture.clock().advance(Duration::from_millis(5));
    let later = async { drop(info_span!(parent: &root, "later")) };
    current_thread().block_on(capture.run_async(later));
    capture.run(|| drop(root));
    assert_eq!(capture.tree(), "\nspan root  5ms\n  span later\n");
}
