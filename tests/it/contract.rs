//! What a Langfuse v4.16 server promises and asks for, statement by statement, end to end: a program, the public builder,
//! the bytes that a receiver got, read by the server's rules (`support/rows.rs`). The numbers are those of the
//! conformance list that the server's sources and a running server gave; `s42` in a test's name is number 42.
//!
//! | number | statement | shown by |
//! | --- | --- | --- |
//! | 1, 4, 5, 9 | 200 with JSON is success; version 4; protobuf; ids in lower-case hex | `s1_s4_s5_s9_…` |
//! | 2 | gzip gives the same rows | `s2_…` |
//! | 3 | a wrong secret is not tried again | `delivery::a_wrong_secret_is_said_once_and_not_tried_again` |
//! | 6 | an empty export is answered 200 | `s6_…`: none is sent; the answer is a recording, `receiver::every_recorded_exchange_is_repeated` |
//! | 7 | every span has its ids | `s7_…` |
//! | 8 | 429 with `Retry-After` | `delivery::langfuse_asks_to_wait_and_is_not_asked_again_before`; with a clock that is moved, `pipeline::lane` |
//! | 10, 11, 13 | root, child, a plain span | `s10_s11_s13_…` |
//! | 12 | the topmost row below what is not exported | `s12_…`: the root, and without a parent, as hidden ancestors are local. Remote parents are to come |
//! | 14 | times are cut to milliseconds | the server's doing; nanoseconds are sent, the same to both: `s63_…` |
//! | 15 | the trace's name on every row | `s15_…` |
//! | 16 | the ten types | `golden::types` |
//! | 17, 18, 19, 21 | types in capital letters, beside a model, by operation, by model alone | `s17_…`, `s18_s21_…`, `s19_…` |
//! | 20 | `openinference.span.kind` | `s20_…` |
//! | 22, 47 | events are no rows unless they say so; an exception alone is no error | `s22_…`, `s44_s47_…` |
//! | 23, 24, 25, 26 | input and output | `s23_…` |
//! | 27, 28, 29, 32 | metadata | `s27_…` |
//! | 30, 31 | scope and resource | `s30_s31_…` |
//! | 33, 34, 35, 36, 37, 38 | model, parameters, usage | `s33_s34_…`, `s35_to_s38_…`; the `modelId` of 33 is the server's |
//! | 39 | computed cost | the server's price table: no byte of ours shows it |
//! | 40 | given cost | `s40_…` |
//! | 41 | first token | `s41_…`, `golden::user_request` |
//! | 42 | prompt link | `s42_…`; the `promptId` is the server's |
//! | 43 | an agent's usage under `invoke_agent` | `s43_…` |
//! | 44, 45, 46 | level and status message | `s44_s47_…`, `s45_…`, `s46_…` |
//! | 48, 49 | user and session on each row | `s48_s49_…` |
//! | 50 | tags | `s50_…` |
//! | 51, 52, 53 | environment, version, release | `s51_…`, `s52_s53_…` |
//! | 54, 55 | trace input; `public` on each row | `s54_…`, `s55_…` |
//! | 63 | the other destination is told no Langfuse matters | `s63_…` |
//! | 64 | one destination's trouble | `delivery::langfuse_is_down_and_the_spans_cost_the_program_no_more` and its neighbours |

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Dispatch, Span, dispatcher, error, info, info_span, instrument};
use tracing_llm::{Builder, Cost, Langfuse, Level, Otlp, SpanExt, Usage, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::{Receiver, Request};
use crate::support::rows::{self, Row};

/// Runs a program whose traces go to a Langfuse on this machine; gives back the requests that came there.
fn requests(set_up: impl FnOnce(Builder) -> Builder, program: impl FnOnce()) -> Vec<Request> {
    let langfuse = Receiver::langfuse();
    run(&langfuse.url(), set_up, program);
    langfuse.requests()
}

/// What is stored of a program's traces, those that ended first in front.
fn stored(program: impl FnOnce()) -> Vec<Row> {
    rows::of_requests(&requests(|builder| builder, program))
}

fn run(langfuse: &str, set_up: impl FnOnce(Builder) -> Builder, program: impl FnOnce()) {
    let to = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse);
    let (layer, llm) = set_up(tracing_llm::builder().langfuse(to)).build().unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, program);
    let report = llm.flush_blocking(Duration::from_secs(20));
    assert!(report.to_string().ends_with(" · 0 lost"), "{report}");
}

/// The row of a span, of which there is one.
fn named<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    let found: Vec<_> = rows.iter().filter(|row| row.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {rows:#?}");
    found[0]
}

/// An agent with a call below it, and what either is told besides.
fn agent(inside: impl FnOnce(), call: impl FnOnce()) {
    info_span!("agent", as_type = "agent").in_scope(|| {
        inside();
        info_span!("call", as_type = "generation").in_scope(call);
    });
}

#[test]
fn s1_s4_s5_s9_an_export_is_protobuf_of_version_4_and_stored_under_its_ids() {
    let mut ids = None;
    let requests = requests(
        |builder| builder,
        || info_span!("work").in_scope(|| ids = current().trace_id().zip(current().id())),
    );
    let [request] = &requests[..] else {
        panic!("{requests:#?}")
    };
    // That it counted as sent is asserted where it was sent.
    assert_eq!(request.status, Some(200));
    assert_eq!(request.path, "/api/public/otel/v1/traces");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("x-langfuse-ingestion-version"), Some("4"));
    let rows = rows::of_requests(&requests);
    let (trace_id, id) = ids.unwrap();
    assert_eq!(
        (&rows[0].trace_id, &rows[0].id),
        (&trace_id.to_string(), &id.to_string())
    );
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(rows[0].trace_id.len() == 32 && is_hex(&rows[0].trace_id));
    assert!(rows[0].id.len() == 16 && is_hex(&rows[0].id));
}

/// Bodies to this machine are not packed, but `0.0.0.0` is no name of it that the exporter knows.
#[cfg(unix)]
#[test]
fn s2_packed_bodies_give_identical_rows() {
    let proxies = ["http_proxy", "all_proxy"];
    if std::env::vars().any(|(name, _)| proxies.contains(&name.to_lowercase().as_str())) {
        eprintln!("skipped: a proxy would be asked for that address");
        return;
    }
    let program = || {
        agent(
            || (),
            || {
                current().output("fine");
            },
        );
    };
    let langfuse = Receiver::langfuse();
    run(&langfuse.url(), |builder| builder, program);
    let elsewhere = langfuse.url().replace("127.0.0.1", "0.0.0.0");
    run(&elsewhere, |builder| builder, program);
    let requests = langfuse.requests();
    let packed: Vec<_> = requests
        .iter()
        .map(|request| request.header("content-encoding"))
        .collect();
    assert_eq!(packed, [None, Some("gzip")]);
    let [plain, packed] = [0, 1].map(|at| rows::tree(&rows::of_requests(&requests[at..=at])));
    assert_eq!(plain, packed);
    assert!(plain.contains("GENERATION 'call'"), "{plain}");
}

#[test]
fn s6_without_spans_nothing_is_sent() {
    assert_eq!(requests(|builder| builder.on_diagnostic(|_| ()), || ()).len(), 0);
}

#[test]
fn s7_every_span_has_whole_ids() {
    let langfuse = Receiver::langfuse();
    let program = || {
        agent(
            || info!(as_type = "event", "looked up"),
            || drop(info_span!(parent: None, "alone")),
        );
    };
    run(&langfuse.url(), |builder| builder, program);
    let spans = langfuse.spans();
    assert_eq!(spans.len(), 4);
    for span in spans {
        assert_eq!(
            (span.trace_id.len(), span.span_id.len()),
            (16, 8),
            "{}",
            span.name
        );
        assert!(matches!(span.parent_span_id.len(), 0 | 8), "{}", span.name);
        // Sixteen zeros would be taken for a parent.
        assert_ne!(span.parent_span_id, [0; 8]);
    }
}

#[test]
fn s10_s11_s13_a_root_a_child_and_a_span_that_says_nothing() {
    let rows = stored(|| info_span!("root").in_scope(|| drop(info_span!("x"))));
    let (root, child) = (named(&rows, "root"), named(&rows, "x"));
    assert_eq!((&root.parent, root.is_root), (&None, true));
    assert_eq!((child.parent.as_ref(), child.is_root), (Some(&root.id), false));
    assert_eq!((child.kind.as_str(), child.level.as_str()), ("SPAN", "DEFAULT"));
    assert_eq!(
        (&child.status_message, &child.input, &child.output),
        (&None, &None, &None)
    );
}

/// The server takes a trace's input and output only from a row without a parent.
#[test]
fn s12_the_topmost_row_below_a_servers_span_is_the_root() {
    let rows = stored(|| {
        info_span!("request", http.method = "POST").in_scope(|| agent(|| (), || ()));
    });
    assert_eq!(rows.len(), 2);
    let (top, below) = (named(&rows, "agent"), named(&rows, "call"));
    assert_eq!((top.is_root, top.is_app_root, &top.parent), (true, true, &None));
    assert_eq!((below.is_root, below.is_app_root), (false, false));
}

#[test]
fn s15_each_row_knows_the_name_of_its_trace() {
    let name = |rows: &[Row]| {
        let mut names: Vec<_> = rows.iter().map(|row| row.trace_name.clone()).collect();
        names.dedup();
        assert_eq!((rows.len(), names.len()), (2, 1), "{rows:#?}");
        names.remove(0)
    };
    let said = stored(|| {
        agent(
            || {
                current().trace().name("T");
            },
            || (),
        );
    });
    assert_eq!(name(&said).as_deref(), Some("T"));
    let unsaid = stored(|| agent(|| (), || ()));
    assert_eq!(name(&unsaid).as_deref(), Some("agent"));
}

#[test]
fn s17_a_type_in_capital_letters_is_that_type() {
    let rows = stored(|| {
        drop(info_span!("a", as_type = "GENERATION"));
        drop(info_span!("b", langfuse.observation.type = "Tool"));
    });
    assert_eq!((&*rows[0].kind, &*rows[1].kind), ("GENERATION", "TOOL"));
}

/// 21 is the server's guess for a plain `model`; it is not left to guess (`count_tokens(model, text)` calls no model).
#[test]
fn s18_s21_a_model_is_kept_and_makes_a_generation_where_it_can_be_nothing_else() {
    let rows = stored(|| {
        drop(info_span!(
            "said",
            langfuse.observation.type = "span",
            gen_ai.request.model = "gpt-4o"
        ));
        drop(info_span!("plain", model = "gpt-4o"));
        drop(info_span!("sure", gen_ai.request.model = "gpt-4o"));
    });
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["SPAN", "SPAN", "GENERATION"]);
    for name in ["said", "sure"] {
        assert_eq!(named(&rows, name).model.as_deref(), Some("gpt-4o"), "{name}");
    }
}

#[test]
fn s19_an_operation_is_a_type() {
    let rows = stored(|| {
        for operation in ["chat", "execute_tool", "embeddings"] {
            drop(info_span!("x", gen_ai.operation.name = operation));
        }
    });
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["GENERATION", "TOOL", "EMBEDDING"]);
}

/// The server knows these words in capitals only; what it is sent is the explicit type, whatever their case.
#[test]
fn s20_an_openinference_kind_is_a_type() {
    let rows = stored(|| {
        for kind in ["LLM", "llm", "TOOL"] {
            drop(info_span!("x", openinference.span.kind = kind));
        }
    });
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["GENERATION", "GENERATION", "TOOL"]);
}

#[test]
fn s22_an_event_is_no_row_unless_it_says_so() {
    let rows = stored(|| {
        info_span!("work").in_scope(|| {
            info!("no row");
            info!(as_type = "event", "a row");
        });
    });
    assert_eq!(rows.len(), 2);
    let (event, work) = (named(&rows, "a row"), named(&rows, "work"));
    assert_eq!(
        (event.kind.as_str(), event.parent.as_ref()),
        ("EVENT", Some(&work.id))
    );
}

#[test]
fn s23_s24_s25_s26_content_is_stored_as_it_was_given() {
    let long = "x".repeat(100 * 1024);
    let rows = stored(|| {
        drop(info_span!("json", input = r#"{"q":1}"#, as_type = "chain"));
        drop(info_span!("text", input = "2+2?", as_type = "chain"));
        info_span!("long", as_type = "chain").in_scope(|| {
            current().output(&long);
        });
        drop(info_span!(
            "all",
            as_type = "chain",
            prompt = "p",
            input = "i",
            output = "o"
        ));
    });
    let content = |name| {
        (
            named(&rows, name).input.as_deref(),
            named(&rows, name).output.as_deref(),
        )
    };
    assert_eq!(content("json"), (Some(r#"{"q":1}"#), None));
    assert_eq!(content("text"), (Some("2+2?"), None));
    assert_eq!(content("long"), (None, Some(long.as_str())));
    assert_eq!(content("all"), (Some("i"), Some("o")));
}

#[test]
fn s27_s28_s29_s32_metadata_keeps_its_types_and_is_on_each_row_when_it_is_the_traces() {
    let rows = stored(|| {
        agent(
            || {
                current().trace().metadata("tenant", "acme");
            },
            || {
                current()
                    .metadata("attempt", 1)
                    .metadata("cfg", json!({"a": {"b": 1}}))
                    .metadata("list", ["a", "b"])
                    .metadata("none", Vec::<u8>::new());
            },
        );
    });
    for row in &rows {
        assert_eq!(row.metadata["tenant"], "acme", "{}", row.name);
    }
    let call = named(&rows, "call");
    assert_eq!(call.metadata["attempt"], 1);
    // JSON as text, which a reader of the API parses; a key-value list would be raw OTLP there.
    let parsed = |key: &str| serde_json::from_str::<Value>(call.metadata[key].as_str().unwrap()).unwrap();
    assert_eq!(parsed("cfg"), json!({"a": {"b": 1}}));
    assert_eq!(parsed("list"), json!(["a", "b"]));
    assert_eq!(parsed("none"), json!([]));
    assert_eq!(named(&rows, "agent").metadata.len(), 1);
}

#[test]
fn s30_s31_the_scope_hides_raw_attributes_and_the_resource_names_the_service() {
    let requests = requests(
        |builder| builder.service_name("checkout"),
        || drop(info_span!("work", app.shop = 7)),
    );
    let row = &rows::of_requests(&requests)[0];
    assert!(row.scope.starts_with("langfuse-sdk"), "{}", row.scope);
    assert_eq!(row.resource["service.name"], "checkout");
    assert_eq!(row.metadata.keys().collect::<Vec<_>>(), ["app.shop"]);
}

#[test]
fn s33_s34_the_model_and_its_parameters() {
    let rows = stored(|| {
        drop(info_span!(
            "call",
            model = "gpt-4o",
            temperature = 0.2,
            stream = true
        ));
    });
    assert_eq!(rows[0].model.as_deref(), Some("gpt-4o"));
    let parameters = json!({"temperature": 0.2, "stream": "true"});
    assert_eq!(rows[0].parameters, Some(parameters));
}

#[test]
fn s35_to_s38_usage_is_disjoint_whatever_its_source_counts_inside_what() {
    let openai = json!({
        "prompt_tokens": 120, "completion_tokens": 8, "total_tokens": 128,
        "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
    })
    .to_string();
    let rows = stored(|| {
        drop(info_span!(
            "buckets",
            as_type = "generation",
            usage_details = r#"{"input":120,"input_cached_tokens":30,"output":8}"#
        ));
        agent(
            || (),
            || {
                current().usage(Usage::new(120, 8).cached(30));
            },
        );
        drop(info_span!(
            "gen_ai",
            gen_ai.usage.input_tokens = 120,
            gen_ai.usage.cache_read.input_tokens = 30,
            gen_ai.usage.output_tokens = 8,
        ));
        drop(info_span!(
            "fraction",
            as_type = "generation",
            usage_details = r#"{"input":1.5,"output":2}"#
        ));
        drop(info_span!(
            "openai",
            as_type = "generation",
            usage_details = openai
        ));
    });
    let usage = |name| Value::Object(named(&rows, name).usage.clone());
    let disjoint = json!({"input": 90, "input_cached_tokens": 30, "output": 8, "total": 128});
    assert_eq!(
        usage("buckets"),
        json!({"input": 120, "input_cached_tokens": 30, "output": 8, "total": 158})
    );
    assert_eq!(usage("call"), disjoint);
    assert_eq!(usage("gen_ai"), disjoint);
    assert_eq!(usage("fraction"), json!({"output": 2, "total": 2}));
    assert_eq!(usage("openai"), disjoint);
}

#[test]
fn s40_a_given_cost_has_its_total() {
    let rows = stored(|| {
        for cost in [
            Cost::new(0.1, 0.2),
            Cost::new(0.1, 0.2).part("input_cached_tokens", 0.1),
            Cost::from(0.0003),
        ] {
            info_span!("call", model = "m").in_scope(|| {
                current().cost(cost);
            });
        }
    });
    let totals: Vec<_> = rows.iter().map(Row::total_cost).collect();
    assert_eq!(totals, [0.3, 0.4, 0.0003]);
}

#[test]
fn s41_the_first_token_is_a_moment_of_the_call() {
    let rows = stored(|| {
        agent(
            || (),
            || {
                current().first_token();
            },
        );
    });
    let call = named(&rows, "call");
    let first = humantime::parse_rfc3339(call.first_token.as_deref().unwrap()).unwrap();
    let first = first.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!((u128::from(call.start)..=u128::from(call.end)).contains(&first));
    assert_eq!(named(&rows, "agent").first_token, None);
}

#[test]
fn s42_a_prompt_is_linked_to_generations_only() {
    let langfuse = Receiver::langfuse();
    let link = || {
        current().prompt(("qa", 7));
    };
    run(&langfuse.url(), |builder| builder, || agent(link, link));
    let rows = rows::of_requests(&langfuse.requests());
    assert_eq!(named(&rows, "call").prompt, Some(("qa".to_owned(), 7)));
    // The server drops it from any other row, so none is sent there.
    for span in langfuse.spans().iter().filter(|span| span.name == "agent") {
        let attributes = rows::attributes(&span.attributes);
        assert!(!attributes.contains_key("langfuse.observation.prompt.name"));
    }
}

/// The server forgets model, usage and cost of a row that says `invoke_agent`; ours says `agent` instead.
#[test]
fn s43_an_agent_keeps_what_it_was_told() {
    let rows = stored(|| {
        let agent = info_span!(
            "run",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.request.model = "gpt-4o"
        );
        agent.observation().usage(Usage::new(1, 2)).cost(0.5);
    });
    let row = &rows[0];
    assert_eq!(
        (row.kind.as_str(), row.model.as_deref()),
        ("AGENT", Some("gpt-4o"))
    );
    assert_eq!((row.usage["total"].as_u64(), row.total_cost()), (Some(3), 0.5));
}

#[instrument(err)]
fn fails() -> Result<(), &'static str> {
    Err("boom")
}

#[test]
fn s44_s47_an_error_is_the_level_and_the_message_and_no_span_event() {
    let langfuse = Receiver::langfuse();
    let program = || {
        let _ = fails();
        info_span!("loud").in_scope(|| error!("bang"));
    };
    run(&langfuse.url(), |builder| builder, program);
    let rows = rows::of_requests(&langfuse.requests());
    for (name, message) in [("fails", "boom"), ("loud", "bang")] {
        let row = named(&rows, name);
        assert_eq!(
            (row.level.as_str(), row.status_message.as_deref()),
            ("ERROR", Some(message))
        );
    }
    for span in langfuse.spans() {
        // A reader who knows no Langfuse sees the error too.
        assert_eq!(span.status.unwrap().code, 2, "{}", span.name);
        assert!(span.events.is_empty());
    }
}

/// Servers of version 3 drop an observation whose level is another word.
#[test]
fn s45_a_level_is_sent_as_one_of_four_words() {
    let langfuse = Receiver::langfuse();
    let program = || {
        for word in ["warn", "Warning", "INFO", "trace", "fatal"] {
            drop(info_span!("x", langfuse.observation.level = word));
        }
    };
    run(&langfuse.url(), |builder| builder, program);
    let levels: Vec<_> = langfuse
        .spans()
        .iter()
        .map(|span| {
            let attributes = rows::attributes(&span.attributes);
            attributes["langfuse.observation.level"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(levels, ["WARNING", "WARNING", "DEFAULT", "DEBUG", "ERROR"]);
}

#[instrument(err)]
fn fails_as_expected() -> Result<(), &'static str> {
    current().level(Level::Default);
    Err("not found")
}

#[test]
fn s46_a_level_that_was_said_wins_over_an_error() {
    let rows = stored(|| {
        let _ = fails_as_expected();
    });
    assert_eq!(
        (rows[0].level.as_str(), rows[0].status_message.as_deref()),
        ("DEFAULT", Some("not found"))
    );
}

#[test]
fn s48_s49_user_and_session_are_on_each_row_and_never_the_processs() {
    let who = |row: &Row| (row.user.clone(), row.session.clone());
    let rows = stored(|| {
        agent(
            || {
                current().trace().user("u").session("s");
            },
            || (),
        );
    });
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(who(row), (Some("u".into()), Some("s".into())), "{}", row.name);
    }
    let requests = requests(
        |builder| builder.resource("user.id", "nobody"),
        || agent(|| (), || ()),
    );
    for row in rows::of_requests(&requests) {
        assert_eq!(who(&row), (None, None), "{}", row.name);
    }
}

/// That no list is empty is asserted wherever rows are read.
#[test]
fn s50_tags_are_a_list_of_texts_or_not_there() {
    let rows = stored(|| {
        agent(
            || {
                current().trace().tags(["a", "b, c"]);
            },
            || (),
        );
    });
    for row in &rows {
        assert_eq!(row.tags, ["a", "b, c"], "{}", row.name);
    }
    let none: [&str; 0] = [];
    let rows = stored(|| {
        agent(
            || {
                current().trace().tags(none);
            },
            || (),
        );
        drop(info_span!("field", langfuse.trace.tags = "[]"));
        drop(info_span!("plain", tags = ""));
    });
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.tags.is_empty()), "{rows:#?}");
}

#[test]
fn s51_the_environment_is_on_each_row_as_the_server_writes_it() {
    for (said, stored) in [("production", "production"), ("Prod", "prod"), ("a b", "default")] {
        let langfuse = Receiver::langfuse();
        run(
            &langfuse.url(),
            |builder| builder.environment(said),
            || agent(|| (), || ()),
        );
        // Sent like that already: older servers refuse what this one mends.
        for span in langfuse.spans() {
            assert_eq!(rows::attributes(&span.attributes)["langfuse.environment"], stored);
        }
        let rows = rows::of_requests(&langfuse.requests());
        assert!(
            rows.iter().all(|row| row.environment == stored),
            "{said}: {rows:#?}"
        );
    }
}

#[test]
fn s52_s53_version_and_release_of_the_process_hold_unless_the_trace_has_its_own() {
    let process = |builder: Builder| builder.resource("service.version", "2.3.0").release("r-1");
    let of = |program: fn()| {
        let rows = rows::of_requests(&requests(process, program));
        let of_row = |row: &Row| (row.version.clone().unwrap(), row.release.clone().unwrap());
        assert_eq!(rows.len(), 2);
        assert_eq!(of_row(&rows[0]), of_row(&rows[1]));
        of_row(&rows[0])
    };
    assert_eq!(of(|| agent(|| (), || ())), ("2.3.0".into(), "r-1".into()));
    assert_eq!(
        of(|| agent(
            || {
                current().trace().version("v-2").release("r-2");
            },
            || ()
        )),
        ("v-2".into(), "r-2".into())
    );
}

#[test]
fn s54_the_traces_input_is_that_of_its_root_and_no_attribute() {
    let langfuse = Receiver::langfuse();
    let program = || {
        info_span!("root", langfuse.trace.input = "lost", input = Empty).in_scope(|| {
            Span::current().record("input", "kept");
        });
    };
    run(&langfuse.url(), |builder| builder, program);
    let attributes = rows::attributes(&langfuse.spans()[0].attributes);
    assert!(!attributes.contains_key("langfuse.trace.input"));
    let rows = rows::of_requests(&langfuse.requests());
    assert_eq!(rows[0].input.as_deref(), Some("kept"));
}

/// Servers of version 3 make a trace private again with the next row that does not say it.
#[test]
fn s55_a_public_trace_is_public_on_each_row() {
    let rows = stored(|| {
        agent(
            || {
                current().trace().public(true);
            },
            || (),
        );
    });
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.public), "{rows:#?}");
}

#[test]
fn s63_the_other_destination_gets_the_same_spans_and_no_langfuse_matters() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let program = || {
        info_span!("request", http.method = "POST").in_scope(|| {
            agent(
                || info!(as_type = "event", "looked up"),
                || {
                    let _ = fails();
                },
            );
        });
    };
    let endpoint = Otlp::new(format!("{}/v1/traces", otlp.url()));
    run(&langfuse.url(), |builder| builder.otlp_to(endpoint), program);
    let spans = |receiver: &Receiver| {
        let mut spans = receiver.spans();
        spans.sort_by(|a, b| a.name.cmp(&b.name));
        spans
    };
    let names = |receiver| {
        let spans = spans(receiver).into_iter();
        spans.map(|span| span.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&otlp), ["agent", "call", "fails", "request"]);
    assert_eq!(names(&langfuse), ["agent", "call", "fails", "looked up"]);
    let (here, there) = (spans(&langfuse), spans(&otlp));
    for (here, there) in here.iter().zip(&there).take(3) {
        assert_eq!(
            (&here.trace_id, &here.span_id, &here.status, here.kind),
            (&there.trace_id, &there.span_id, &there.status, there.kind)
        );
        assert_eq!(
            (here.start_time_unix_nano, here.end_time_unix_nano),
            (there.start_time_unix_nano, there.end_time_unix_nano)
        );
        // But for the top, whose parent Langfuse does not know.
        if here.name == "agent" {
            assert_eq!(there.parent_span_id, spans(&otlp)[3].span_id);
        } else {
            assert_eq!(here.parent_span_id, there.parent_span_id, "{}", here.name);
        }
    }
    let events: Vec<_> = there
        .iter()
        .map(|span| {
            span.events
                .iter()
                .map(|event| event.name.as_str())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(events, [vec!["looked up"], vec![], vec!["exception"], vec![]]);
    for attribute in there.iter().flat_map(|span| &span.attributes) {
        assert!(!attribute.key.starts_with("langfuse."), "{}", attribute.key);
    }
}

/// The table at the head of this file: every number once, and every test it names is there.
#[test]
fn the_table_is_whole() {
    let source = include_str!("contract.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut numbers = Vec::new();
    for row in rows.skip(2) {
        let (list, _) = row.split_once(" | ").unwrap();
        numbers.extend(list.split(", ").map(|number| number.parse::<u8>().unwrap()));
        for name in row.split('`').filter_map(|name| name.strip_suffix('…')) {
            assert!(source.contains(&format!("\nfn {name}")), "{name}");
        }
    }
    let all: BTreeSet<u8> = numbers.iter().copied().collect();
    assert_eq!(all.len(), numbers.len(), "a number stands there twice");
    assert!(all.into_iter().eq((1..=55).chain([63, 64])));
}
