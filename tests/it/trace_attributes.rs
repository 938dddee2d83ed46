//! Users, sessions, tags: said once, held by every observation of the trace that ends later.

use std::sync::Barrier;

use tracing::field::Empty;
use tracing::{Span, info_span, instrument};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::shows::shows;

/// Each observation's name with the user and session it knows, in the order in which they ended.
fn who(capture: &Capture) -> Vec<String> {
    let observations = capture.observations();
    let line = |one: &std::sync::Arc<tracing_llm::Observation>| {
        format!(
            "{}: {} {}",
            one.name(),
            one.user().unwrap_or("-"),
            one.session().unwrap_or("-")
        )
    };
    observations.iter().map(line).collect()
}

/// A server's span as its framework makes it: infrastructure.
fn http() -> Span {
    info_span!(
        "request",
        http.method = "POST",
        user_id = Empty,
        tags = Empty,
        environment = Empty
    )
}

#[test]
fn a_field_holds_for_its_span_and_everything_below() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            info_span!("request", user_id = "u", session_id = "s").in_scope(|| {
                info_span!("step").in_scope(|| drop(info_span!("leaf")));
            });
            drop(info_span!("sibling"));
        });
    });
    assert_eq!(
        who(&capture),
        [
            "leaf: u s",
            "step: u s",
            "request: u s",
            "sibling: - -",
            "root: - -"
        ]
    );
}

#[test]
fn a_field_set_late_holds_for_what_ends_later_also_for_what_is_open_already() {
    let capture = Capture::new();
    capture.run(|| {
        let root = info_span!("root", user_id = Empty);
        let _in_root = root.enter();
        drop(info_span!("before"));
        let open = info_span!("open");
        let _in_open = open.enter();
        let deep = info_span!("deep");
        root.record("user_id", "u");
        drop(deep);
        drop(_in_open);
        drop(open);
        drop(info_span!("after"));
    });
    assert_eq!(
        who(&capture),
        ["before: - -", "deep: u -", "open: u -", "after: u -", "root: u -"]
    );
}

#[test]
fn the_handle_sets_the_trace_from_wherever_it_is_called() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            let sibling = info_span!("sibling");
            info_span!("middle").in_scope(|| {
                info_span!("deep").in_scope(|| {
                    current().trace().user("u").session("s");
                });
            });
            drop(sibling);
            drop(info_span!("after"));
        });
        drop(info_span!("another trace"));
    });
    assert_eq!(
        who(&capture),
        [
            "deep: u s",
            "middle: u s",
            "sibling: u s",
            "after: u s",
            "root: u s",
            "another trace: - -"
        ]
    );
}

#[test]
fn every_attribute_of_the_trace_has_its_method() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            let handle = current();
            let trace = handle.trace();
            trace
                .name("named")
                .user("u")
                .session("s")
                .environment("staging")
                .release("1.0")
                .version("v2")
                .public(true)
                .tags(["a", " b ", "", "a"])
                .metadata("tenant", "t")
                .metadata("n", 7)
                .metadata("list", [1, 2])
                .metadata("null", None::<u8>);
        });
    });
    shows(
        &capture,
        r#"
span root
  trace:  name=named user=u session=s environment=staging release=1.0 version=v2 tags=[a,b] public=true tenant="t" n=7 list=[1,2]
"#,
    );
}

#[test]
fn every_attribute_of_the_trace_has_its_field() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "plain",
            trace_name = "named",
            user_id = 7,
            session_id = ?"s",
            environment = %"staging",
            tags = "a, b ,,a",
            trace.metadata.tenant = "t",
            trace.metadata.n = 7,
        ));
        drop(info_span!("convention", user.id = "u", session.id = "s"));
        drop(info_span!("conversation", gen_ai.conversation.id = "s"));
        drop(info_span!(
            "langfuse",
            langfuse.trace.name = "named",
            langfuse.user.id = "u",
            langfuse.session.id = "s",
            langfuse.environment = "staging",
            langfuse.release = "1.0",
            langfuse.version = "v2",
            langfuse.trace.public = "true",
            langfuse.trace.tags = r#"["a","b"]"#,
            langfuse.trace.metadata = r#"{"tenant":"t","n":7}"#,
            langfuse.trace.metadata.more = true,
        ));
    });
    shows(
        &capture,
        r#"
span plain
  trace:  name=named user=7 session=s environment=staging tags=[a,b] tenant="t" n=7
span convention
  trace:  user=u session=s
span conversation
  trace:  session=s
span langfuse
  trace:  name=named user=u session=s environment=staging release=1.0 version=v2 tags=[a,b] public=true n=7 tenant="t" more=true
"#,
    );
}

#[test]
fn tags_are_a_list_in_any_form() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("debug", tags = ?["a", "b, c"]));
        drop(info_span!("strings", tags = ?vec!["a".to_owned()]));
        drop(info_span!("json", tags = r#"["a", "b, c"]"#));
        drop(info_span!("commas", tags = "a,b"));
        drop(info_span!("one", tags = "a"));
        drop(info_span!("none", tags = ?None::<String>));
        drop(info_span!("broken", tags = "[a, b"));
    });
    shows(
        &capture,
        r#"
span debug
  trace:  tags=[a,b, c]
span strings
  trace:  tags=[a]
span json
  trace:  tags=[a,b, c]
span commas
  trace:  tags=[a,b]
span one
  trace:  tags=[a]
span none
span broken
  trace:  tags=[[a,b]
"#,
    );
}

#[test]
fn a_plain_user_or_session_never_replaces_an_ancestors() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root", user_id = "u").in_scope(|| {
            drop(info_span!("lookup", user_id = "another", session_id = "s"));
            drop(info_span!("convention", user.id = "another"));
            let span = info_span!("handle");
            span.in_scope(|| {
                current()
                    .trace()
                    .session("of all")
                    .user("new")
                    .tags(["x"])
                    .name("n");
            });
        });
    });
    shows(
        &capture,
        r#"
span root
  trace:  name=n user=new session=of all tags=[x]
  span lookup
    trace:  user=u session=s
    in:     {"user_id":"another"}
    meta:   {"user_id":"another"}
  span convention
    trace:  user=another
  span handle
"#,
    );
}

#[test]
fn a_plain_user_recorded_late_never_replaces_one_that_came_late_above() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root").in_scope(|| {
            let lookup = info_span!("lookup", user_id = Empty);
            current().trace().user("u");
            lookup.record("user_id", "another");
        });
    });
    shows(
        &capture,
        r#"
span root
  trace:  user=u
  span lookup
    meta:   {"user_id":"another"}
"#,
    );
}

#[test]
fn plain_tags_environment_and_trace_name_count_at_the_top_only() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root", tags = "a").in_scope(|| {
            drop(info_span!(
                "below",
                tags = "b",
                environment = "e",
                trace_name = "n"
            ));
            drop(info_span!(
                "convention",
                langfuse.trace.tags = "c",
                langfuse.environment = "f"
            ));
        });
    });
    shows(
        &capture,
        r#"
span root
  trace:  tags=[a]
  span below
    in:     {"tags":"b","environment":"e","trace_name":"n"}
    meta:   {"tags":"b","environment":"e","trace_name":"n"}
  span convention
    trace:  environment=f tags=[a,c]
"#,
    );
}

#[test]
fn below_a_servers_span_is_still_the_top() {
    let capture = Capture::new();
    capture.run(|| {
        let request = http();
        request.record("user_id", "u");
        request.in_scope(|| {
            info_span!("answer", tags = "a", environment = "e", trace_name = "n").in_scope(|| {
                drop(info_span!("step", tags = "b"));
            });
        });
    });
    shows(
        &capture,
        r#"
span answer
  trace:  name=n user=u environment=e tags=[a]
  span step
    in:     {"tags":"b"}
    meta:   {"tags":"b"}
"#,
    );
    assert_eq!(who(&capture), ["step: u -", "answer: u -", "request: u -"]);
}

#[test]
fn tags_and_metadata_unite_in_order_of_first_sight_and_the_nearest_value_wins() {
    let capture = Capture::new();
    capture.run(|| {
        let root = info_span!(
            "root",
            tags = "a,b",
            trace.metadata.x = "root",
            trace.metadata.y = "root",
            langfuse.version = "root"
        );
        root.in_scope(|| {
            let child = info_span!(
                "child",
                langfuse.trace.tags = "c,a",
                trace.metadata.z = "child",
                trace.metadata.x = "child",
                langfuse.version = "child"
            );
            child.in_scope(|| drop(info_span!("leaf", langfuse.trace.tags = "d")));
            current().trace().tags(["late"]);
        });
    });
    let leaf = capture.find("leaf").unwrap();
    assert_eq!(leaf.trace_name(), Some("root"));
    shows(
        &capture,
        r#"
span root
  trace:  version=root tags=[a,b,late] x="root" y="root"
  span child
    trace:  version=child tags=[a,b,late,c] x="child" y="root" z="child"
    span leaf
      trace:  version=child tags=[a,b,c,d] x="child" y="root" z="child"
"#,
    );
}

#[test]
fn the_trace_is_named_by_its_first_topmost_observation() {
    let names = |capture: &Capture| -> Vec<String> {
        let observations = capture.observations();
        let name = |one: &std::sync::Arc<tracing_llm::Observation>| {
            format!("{}: {}", one.name(), one.trace_name().unwrap_or("-"))
        };
        observations.iter().map(name).collect()
    };
    let capture = Capture::new();
    capture.run(|| {
        http().in_scope(|| {
            info_span!("first").in_scope(|| drop(info_span!("below")));
            drop(info_span!("second"));
        });
    });
    assert_eq!(
        names(&capture),
        ["below: first", "first: first", "second: first", "request: first"]
    );

    let capture = Capture::new();
    capture.run(|| {
        let first = info_span!("first", otel.name = Empty);
        first.in_scope(|| {
            drop(info_span!("before"));
            let open = info_span!("open", otel.name = "another name");
            first.record("otel.name", "renamed");
            drop(open);
        });
    });
    assert_eq!(
        names(&capture),
        ["before: first", "another name: renamed", "renamed: renamed"]
    );

    let capture = Capture::new();
    capture.run(|| {
        let first = info_span!("first");
        first.observation().name("by handle");
        first.in_scope(|| drop(info_span!("below")));
    });
    assert_eq!(names(&capture), ["below: by handle", "by handle: by handle"]);
}

#[test]
fn metadata_is_the_observations_own_and_not_the_traces() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root", metadata.tenant = "m", trace.metadata.tenant = "t").in_scope(|| {
            drop(info_span!("below"));
        });
    });
    shows(
        &capture,
        r#"
span root
  trace:  tenant="t"
  meta:   {"tenant":"m"}
  span below
"#,
    );
}

#[test]
fn a_user_may_have_a_type_of_its_own() {
    #[derive(Debug)]
    struct UserId(#[allow(dead_code, reason = "read by Debug")] &'static str);
    #[derive(Debug)]
    struct SessionId(#[allow(dead_code, reason = "read by Debug")] Number);
    #[derive(Debug)]
    struct Number(#[allow(dead_code, reason = "read by Debug")] u32);
    #[instrument]
    fn answer(question: &str, user_id: UserId, session_id: Option<SessionId>) {}
    let capture = Capture::new();
    capture.run(|| {
        answer("q", UserId("u-1"), Some(SessionId(Number(7))));
        answer("q", UserId(""), None);
    });
    assert_eq!(who(&capture), ["answer: u-1 7", "answer: - -"]);
}

#[test]
fn an_empty_user_is_none_and_an_empty_name_too() {
    let capture = Capture::new();
    capture.run(|| {
        info_span!("root", user_id = "", session_id = "s").in_scope(|| {
            drop(info_span!("below", user_id = "u", session_id = ""));
            current().trace().session("");
        });
        drop(info_span!("unnamed", otel.name = ""));
        drop(info_span!("shown by Display", otel.name = %"Search(invoices)"));
        drop(info_span!("shown by Debug", otel.name = ?"Search"));
    });
    assert_eq!(who(&capture)[..2], ["below: u s", "root: - s"].map(str::to_owned));
    let observations = capture.observations();
    let names: Vec<_> = observations
        .iter()
        .skip(2)
        .map(|one| (one.name(), one.trace_name().unwrap_or("-")))
        .collect();
    assert_eq!(
        names,
        [
            ("unnamed", "unnamed"),
            ("Search(invoices)", "Search(invoices)"),
            ("Search", "Search")
        ]
    );
}

#[test]
fn what_is_set_before_a_span_ends_is_on_it_whatever_thread_it_lives_on() {
    let capture = Capture::new();
    let subscriber = tracing_subscriber::registry().with(capture.layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    let (opened, set) = (Barrier::new(5), Barrier::new(5));
    let root = tracing::dispatcher::with_default(&dispatch, || info_span!("root"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || {
                    let child = info_span!(parent: &root, "open");
                    let _below = child.in_scope(|| info_span!("open"));
                    opened.wait();
                    // Born and ended while the user is being set: either is right.
                    (0..50).for_each(|_| drop(info_span!(parent: &child, "racing")));
                    set.wait();
                    child.in_scope(|| drop(info_span!("after")));
                });
            });
        }
        opened.wait();
        root.observation().trace().user("u");
        set.wait();
    });
    drop(root);
    let observations = capture.observations();
    let mut settled = observations.iter().filter(|one| one.name() != "racing");
    assert!(settled.all(|one| one.user() == Some("u")), "{}", capture.tree());
    assert_eq!(observations.len(), 1 + 4 * 53);
}

#[test]
fn a_name_that_holds_nothing_hides_no_other() {
    let nobody: Option<&str> = None;
    let capture = Capture::new();
    capture.run(|| drop(info_span!("work", user.id = ?nobody, user_id = "u")));
    shows(&capture, "\nspan work\n  trace:  user=u\n");
}

#[test]
fn a_trace_keeps_a_bounded_number_of_tags_and_metadata() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work");
        for number in 0..1000 {
            let trace = span.observation().trace();
            trace
                .tags([number.to_string()])
                .metadata(number.to_string(), number);
        }
        span.observation().trace().tags(["0"]).metadata("127", "new");
    });
    let tree = capture.tree();
    let trace = tree.lines().nth(2).unwrap();
    assert!(
        trace.contains(",127] 0=0 ") && trace.ends_with(" 127=\"new\""),
        "{trace}"
    );
}

#[test]
fn a_text_of_the_trace_is_cut_at_16_kib() {
    let capture = Capture::new();
    let long = "é".repeat(20 * 1024);
    capture.run(|| {
        let span = info_span!("work", user.id = long.as_str());
        let trace = span.observation().trace();
        trace.tags([&long]).metadata("list", vec![&long]);
    });
    let work = capture.find("work").unwrap();
    let cut = |text: &str| text.len() < 17 * 1024 && text.ends_with("é… [truncated]");
    assert!(cut(work.user().unwrap()));
    assert!(work.tags().all(cut));
    // Half of a list is a text.
    assert!(
        work.trace_metadata()
            .all(|(_, value)| matches!(value, tracing_llm::Value::Text(text) if cut(text)))
    );
}
