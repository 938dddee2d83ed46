//! Traces made by hand: what they show, when it is sent, and that they are one path with `tracing`'s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing::{info_span, instrument};
use tracing_llm::manual::Handle;
use tracing_llm::testing::Capture;
use tracing_llm::{
    Cost, Guard, Kind, Langfuse, Level, LlmLayer, Otlp, Pipeline, SpanId, TraceId, Usage, current,
};

use crate::support::facts;
use crate::support::receiver::Receiver;
use crate::support::rows::{self, Row};
use crate::support::shows::shows;

/// A pipeline to a Langfuse and to an OTLP backend.
fn pipeline(langfuse: &Receiver, otlp: &Receiver) -> (LlmLayer, Guard) {
    tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .capture_content(true)
        .build()
        .unwrap()
}

/// Runs a program that makes traces by hand, and gives back what a Langfuse stores of them.
fn stored(program: impl FnOnce(&Pipeline)) -> Vec<Row> {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (_layer, llm) = pipeline(&langfuse, &otlp);
    program(&llm);
    let report = llm.flush_blocking(Duration::from_secs(20));
    let rows = rows::of_requests(&langfuse.requests());
    let count = rows.len();
    assert_eq!(
        report.to_string(),
        format!("langfuse {count} sent · otlp {count} sent · 0 lost")
    );
    rows
}

/// The calls of an operations guide's own example in their order, with the counts it gives: trace, span, generation, the two
/// ends, the trace's update. The guide itself is not in this repository: the names inside, the model, its parameters and the
/// texts are ours.
fn process_request(llm: &Pipeline, request_id: &str, user_id: &str, input: &str) -> String {
    // The trace, with id, name, user, session, metadata and input.
    let root = llm.trace("process_request").id(request_id).start();
    root.trace()
        .user(user_id)
        .session(format!("session_{user_id}"))
        .metadata("source", "api");
    root.input(input);
    // A span in it.
    let span = root.span("agent_orchestration").start();
    span.input(json!({"query": input}));
    // A generation in that.
    let generation = span.generation("llm_call").start();
    generation
        .model("mistral-7b")
        .parameter("temperature", 0.7)
        .parameter("max_tokens", 1024)
        .input(json!([{"role": "user", "content": input}]));
    let answer = "Invoices are kept for seven years.";
    // It ends with output and usage.
    generation.output(answer).usage(Usage::new(100, 50).total(150));
    generation.end();
    // The span ends.
    span.output(json!({"route": "athena"}));
    span.end();
    // The trace is updated with the final output and the route.
    root.output(answer).metadata("route", "athena");
    root.end();
    answer.to_owned()
}

#[test]
fn the_guides_example_is_stored_as_its_facts_say() {
    let rows = stored(|llm| {
        process_request(llm, "req-42", "u-7", "How long do we keep invoices?");
    });
    let expected = include_str!("../fixtures/process_request.facts.txt");
    assert_eq!(
        facts::read(&rows::tree(&rows)),
        facts::read(expected),
        "{}",
        rows::tree(&rows)
    );
    let root = rows.iter().find(|row| row.is_root).unwrap();
    for row in &rows {
        assert_eq!(row.trace_id, TraceId::from_seed("req-42").to_string());
        assert_eq!(row.trace_name.as_deref(), Some("process_request"));
        assert_eq!(row.user.as_deref(), Some("u-7"));
        assert_eq!(row.session.as_deref(), Some("session_u-7"));
        assert_eq!(row.metadata["source"], json!("api"));
        assert_eq!(row.metadata["given_trace_id"], json!("req-42"));
        assert!(row.start >= root.start && row.end <= root.end);
    }
    assert_eq!(root.metadata["route"], json!("athena"));
}

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

#[test]
fn an_import_keeps_its_ids_parents_and_times_at_both_destinations() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (_layer, llm) = pipeline(&langfuse, &otlp);
    let id = |seed| SpanId::from_seed(seed);
    let trace = "0AF7651916CD43DD8448EB211C80319C";
    let root = llm
        .trace("import")
        .id(trace)
        .root_id(id("root"))
        .start_at(at(0))
        .start();
    // In any order: a child before its parent.
    let call = root
        .generation("call")
        .id(id("call"))
        .parent(id("step"))
        .start_at(at(2))
        .start();
    call.first_token_at(at(3)).first_token();
    call.model("m").input("q").usage(Usage::new(100, 50));
    call.end_at(at(4));
    let step = root.span("step").id(id("step")).start_at(at(1)).start();
    step.end_at(at(5));
    root.end_at(at(6));
    // Another part of the trace, whose parent another process has sent; no end is before its beginning.
    let part = llm.trace("part").id(trace).parent(id("elsewhere"));
    part.root_id(id("part")).start_at(at(7)).start().end_at(at(0));
    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());
    for server in [&langfuse, &otlp] {
        let mut spans = server.spans();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        let found: Vec<_> = spans
            .iter()
            .map(|span| {
                assert_eq!(span.trace_id, trace.parse::<TraceId>().unwrap().to_bytes());
                let second = |nanos| (nanos - 1_700_000_000_000_000_000) / 1_000_000_000;
                (
                    (span.span_id.clone(), span.parent_span_id.clone()),
                    (second(span.start_time_unix_nano), second(span.end_time_unix_nano)),
                )
            })
            .collect();
        let bytes = |seed| id(seed).to_bytes().to_vec();
        let expected = [
            ((bytes("root"), vec![]), (0, 6)),
            ((bytes("step"), bytes("root")), (1, 5)),
            ((bytes("call"), bytes("step")), (2, 4)),
            ((bytes("part"), bytes("elsewhere")), (7, 7)),
        ];
        assert_eq!(found, expected);
    }
    let spans = otlp.spans();
    let call = spans.iter().find(|span| span.name.ends_with("call")).unwrap();
    let attributes = rows::attributes(&call.attributes);
    assert_eq!(attributes["gen_ai.request.model"], json!("m"));
    assert_eq!(attributes["gen_ai.usage.input_tokens"], json!(100));
    assert!(attributes["gen_ai.input.messages"].to_string().contains('q'));
    let rows = rows::of_requests(&langfuse.requests());
    let part = rows.iter().find(|row| row.name == "part").unwrap();
    assert!(!part.is_root && !part.is_app_root);
    let call = rows.iter().find(|row| row.name == "call").unwrap();
    assert_eq!(call.first_token.as_deref(), Some("2023-11-14T22:13:23.000Z"));
}

#[test]
fn everything_that_can_be_said_is_shown() {
    let capture = Capture::new();
    let root = capture.trace("request").kind(Kind::Agent).start();
    root.trace()
        .name("support")
        .user("u")
        .session("s")
        .tags(["a", " b "])
        .environment("prod")
        .release("1.2")
        .version("3")
        .public(true)
        .metadata("plan", "free");
    let call = root.generation("call").start();
    call.model("m")
        .parameter("stop", ["END"])
        .prompt(("answer", 3))
        .input(json!({"q": 1}))
        .usage(Usage::new(120, 8).cached(30))
        .cost(Cost::new(0.25, 0.5))
        .metadata("attempt", 1)
        .metadata("attempt", 2)
        .level(Level::Warning)
        .status_message("slow")
        .name("the call");
    capture.clock().advance(Duration::from_millis(200));
    call.first_token().output("yes");
    capture.clock().advance(Duration::from_millis(100));
    call.end();
    root.observation(Kind::Tool, "look up")
        .start()
        .kind(Kind::Retriever);
    root.end();
    shows(
        &capture,
        r#"
agent request  300ms
  trace:  name=support user=u session=s environment=prod release=1.2 version=3 tags=[a,b] public=true plan="free"
  generation the call  model=m  WARNING  status="slow"  300ms
    params: {"stop":["END"]}
    usage:  input=90 output=8 input_cached_tokens=30 total=128
    cost:   total=0.75 input=0.25 output=0.5
    prompt: answer@3
    first:  200ms
    in:     {"q":1}
    out:    yes
    meta:   {"attempt":2}
  retriever look up
"#,
    );
}

#[test]
fn what_is_set_on_the_trace_holds_for_what_ends_later() {
    let capture = Capture::new();
    let root = capture.trace("request").start();
    root.span("early").start().end();
    root.trace().user("u");
    root.span("late").start().end();
    root.end();
    let user = |name: &str| capture.find(name).unwrap().user().map(str::to_owned);
    assert_eq!(user("early"), None);
    assert_eq!(
        (user("late"), user("request")),
        (Some("u".into()), Some("u".into()))
    );
}

#[test]
fn what_is_said_after_the_end_changes_nothing_and_is_counted() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (_layer, llm) = pipeline(&langfuse, &otlp);
    let root = llm.trace("request").start();
    let (handle, trace) = (root.handle(), root.trace());
    root.output("said");
    assert_eq!((llm.ledger().open(), llm.ledger().late()), (1, 0));
    root.end();
    handle.output("too late").kind(Kind::Agent).first_token();
    trace.user("nobody").tags(["x"]);
    assert_eq!((llm.ledger().open(), llm.ledger().late()), (0, 5));
    assert!(llm.ledger().to_string().contains("5 said too late"));
    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());
    let rows = rows::of_requests(&langfuse.requests());
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.output.as_deref(), &*row.kind), (Some("said"), "SPAN"));
    assert_eq!((row.user.as_deref(), row.tags.len()), (None, 0));
}

#[test]
fn a_drop_is_an_end_and_in_a_panic_an_error() {
    fn early(handle: &Handle) -> Option<()> {
        let _work = handle.span("early").start();
        None
    }
    let capture = Capture::new();
    let root = capture.trace("request").start();
    assert_eq!(early(&root), None);
    let handle = root.handle();
    let panicked = thread::spawn(move || {
        let _work = handle.span("broken").start();
        panic!("theirs");
    });
    assert!(panicked.join().is_err());
    drop(root);
    shows(
        &capture,
        r#"
span request
  span early
  span broken  ERROR  status="panicked"
"#,
    );
}

#[test]
fn credentials_are_taken_out_as_everywhere() {
    let capture = Capture::new();
    let root = capture.trace("request").start();
    root.input(json!({"api_key": "sk-secret", "question": "q"}))
        .metadata("password", "sk-secret");
    root.trace().metadata("token", "sk-secret");
    root.end();
    assert!(
        !capture.whole_tree().contains("sk-secret"),
        "{}",
        capture.whole_tree()
    );
}

#[test]
fn a_handle_works_from_other_threads() {
    let capture = Capture::new();
    let root = capture.trace("batch").start();
    thread::scope(|scope| {
        for number in 0..8 {
            let handle = root.handle();
            scope.spawn(move || {
                let work = handle.span(format!("job {number}")).start();
                work.output(number);
                handle.metadata(format!("job {number}"), true);
            });
        }
    });
    let id = root.id();
    root.end();
    let all = capture.observations();
    assert_eq!(all.len(), 9);
    assert_eq!(all.last().unwrap().id(), id);
    assert_eq!(all.last().unwrap().metadata().count(), 8);
    assert!(all.iter().all(|one| one.trace_id() == all[0].trace_id()));
}

#[test]
fn content_that_cannot_be_serialised_is_left_out() {
    struct Broken;
    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("theirs")
        }
    }
    let capture = Capture::new();
    let root = capture.trace("request").start();
    root.input(Broken).metadata("x", Broken).output(Value::Null);
    root.trace().metadata("x", Broken);
    root.end();
    shows(&capture, "\nspan request\n");
}

#[test]
fn without_a_destination_nothing_is_kept() {
    let (_layer, llm) = tracing_llm::builder().build().unwrap();
    let root = llm.trace("request").start();
    root.input("x");
    assert_eq!(llm.ledger().open(), 0);
    root.end();
    assert_eq!(llm.flush_blocking(Duration::ZERO).to_string(), "no destination");
}

#[test]
fn spans_of_tracing_stand_below_it_while_its_scope_runs() {
    #[instrument(ret)]
    fn answer(question: &str) -> String {
        info_span!("search").in_scope(|| {
            current().output("found");
        });
        question.to_uppercase()
    }
    let capture = Capture::new();
    capture.run(|| {
        let root = capture.trace("job").id("job-1").start();
        root.trace().user("u");
        let step = root.observation(Kind::Chain, "step").start();
        let kept = step.in_scope(|| {
            answer("why");
            info_span!(parent: None, "alone");
            info_span!("kept", user_id = "an argument")
        });
        // Set while a span below is open; and below its own parent whatever the scope is.
        root.trace().session("s");
        root.in_scope(|| kept.in_scope(|| info_span!("below kept")));
        drop(kept);
        drop(info_span!("outside"));
        step.end();
        root.end();
    });
    shows(
        &capture,
        r#"
span job
  trace:  user=u session=s given_trace_id="job-1"
  chain step
    span answer
      trace:  user=u given_trace_id="job-1"
      in:     {"question":"why"}
      out:    WHY
      meta:   {"question":"why"}
      span search
        out:    found
    span kept
      in:     {"user_id":"an argument"}
      meta:   {"user_id":"an argument"}
      span below kept
span alone
span outside
"#,
    );
    assert_eq!(capture.find("search").unwrap().trace_name(), Some("job"));
    let job = capture.find("job").unwrap();
    let of_the_job = |name: &str| {
        let one = capture.find(name).unwrap();
        (one.trace_id() == job.trace_id(), one.session().map(str::to_owned))
    };
    assert_eq!(of_the_job("search"), (true, None));
    assert_eq!(of_the_job("below kept"), (true, Some("s".into())));
    assert_eq!(of_the_job("kept"), (true, Some("s".into())));
    assert!(!of_the_job("alone").0 && !of_the_job("outside").0);
}

#[test]
fn a_scope_ends_with_a_panic_and_holds_for_its_own_pipeline_only() {
    let (ours, theirs) = (Capture::new(), Capture::new());
    let root = ours.trace("job").start();
    let broken = catch_unwind(AssertUnwindSafe(|| root.in_scope(|| panic!("theirs"))));
    assert!(broken.is_err());
    ours.run(|| drop(info_span!("after")));
    theirs.run(|| root.in_scope(|| drop(info_span!("of another pipeline"))));
    root.end();
    assert_ne!(
        ours.find("after").unwrap().trace_id(),
        ours.find("job").unwrap().trace_id()
    );
    shows(&theirs, "\nspan of another pipeline\n");
}
