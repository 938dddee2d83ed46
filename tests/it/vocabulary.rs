//! What a name says, and when it counts.

mod both;
mod conflicts;
mod frameworks;
mod gen_ai;
mod openinference;
mod openllmetry;
mod replayed;

use tracing::field::{Empty, display};
use tracing::{Span, info_span};
use tracing_llm::testing::Capture;
use tracing_llm::{Kind, SpanExt, Usage};

use crate::support::shows::shows;

/// What the code's spans become, one line each: type and name.
#[track_caller]
fn kinds(code: impl FnOnce(), expected: &[&str]) {
    let capture = Capture::new();
    capture.run(code);
    let observations = capture.observations();
    let found: Vec<String> = observations
        .iter()
        .map(|one| format!("{} {}", one.kind(), one.name()))
        .collect();
    assert_eq!(found, expected, "{}", capture.tree());
}

#[test]
fn a_model_alone_is_no_generation() {
    kinds(
        || {
            drop(info_span!("model", model = "m"));
            drop(info_span!("input", model = "m", input = "x"));
            drop(info_span!("output", model = "m", output = "x"));
            drop(info_span!("stream", model = "m", stream = true));
            drop(info_span!("seed", model = "m", seed = 1));
            drop(info_span!("n", model = "m", n = 1));
            drop(info_span!("stop", model = "m", stop = "."));
            drop(info_span!("top_k", model = "m", top_k = 1));
            drop(info_span!("tokens", model = "m", input_tokens = 1, cost = 0.5));
            drop(info_span!("user", model = "m", user_id = "u", other = 1));
            drop(info_span!("temperature", temperature = 0.5, prompt = "x"));
        },
        &[
            "span model",
            "span input",
            "span output",
            "span stream",
            "span seed",
            "span n",
            "span stop",
            "span top_k",
            "span tokens",
            "span user",
            "span temperature",
        ],
    );
}

#[test]
fn each_second_sign_makes_a_generation_of_a_model() {
    kinds(
        || {
            drop(info_span!("prompt", model = "m", prompt = "x"));
            drop(info_span!("messages", model = "m", messages = "[]"));
            drop(info_span!("temperature", model = "m", temperature = 0.5));
            drop(info_span!("top_p", model = "m", top_p = 0.5));
            drop(info_span!("max_tokens", model = "m", max_tokens = 5));
            drop(info_span!(
                "max_completion_tokens",
                model = "m",
                max_completion_tokens = 5
            ));
            drop(info_span!("usage", model = "m", usage.input = 5));
            drop(info_span!("usage.cost", model = "m", usage.cost = 0.5));
            drop(info_span!("prompt link", model = "m", prompt.name = "p"));
            drop(info_span!("gen_ai", model = "m", gen_ai.system = "mistral"));
        },
        &[
            "generation prompt",
            "generation messages",
            "generation temperature",
            "generation top_p",
            "generation max_tokens",
            "generation max_completion_tokens",
            "generation usage",
            "generation usage.cost",
            "generation prompt link",
            "generation gen_ai",
        ],
    );
}

#[test]
fn what_is_recorded_later_makes_a_generation_of_a_model() {
    let late = |name: &'static str, record: &dyn Fn(&Span)| {
        let span = info_span!(
            "late",
            otel.name = name,
            model = "m",
            input = Empty,
            output = Empty,
            completion = Empty,
            input_tokens = Empty,
            cost = Empty,
            usage = Empty,
            other = Empty
        );
        record(&span);
    };
    kinds(
        || {
            late("input", &|span| {
                span.record("input", "x");
            });
            late("output", &|span| {
                span.record("output", "x");
            });
            late("completion", &|span| {
                span.record("completion", "x");
            });
            late("tokens", &|span| {
                span.record("input_tokens", 1);
            });
            late("cost", &|span| {
                span.record("cost", 0.5);
            });
            late("usage", &|span| {
                span.record("usage", "{}");
            });
            late("handle input", &|span| {
                span.observation().input("x");
            });
            late("handle output", &|span| {
                span.observation().output("x");
            });
            late("handle usage", &|span| {
                span.observation().usage(Usage::new(1, 1));
            });
            late("handle cost", &|span| {
                span.observation().cost(0.5);
            });
            late("handle first token", &|span| {
                span.observation().first_token();
            });
            late("handle prompt", &|span| {
                span.observation().prompt(("p", 1));
            });
            late("other", &|span| {
                span.record("other", 1);
            });
            late("handle metadata", &|span| {
                span.observation().metadata("k", 1);
            });
        },
        &[
            "generation input",
            "generation output",
            "generation completion",
            "generation tokens",
            "generation cost",
            "generation usage",
            "generation handle input",
            "generation handle output",
            "generation handle usage",
            "generation handle cost",
            "generation handle first token",
            "generation handle prompt",
            "span other",
            "span handle metadata",
        ],
    );
}

#[test]
fn a_model_under_a_name_that_is_nothing_else_needs_no_sign() {
    kinds(
        || {
            drop(info_span!("request", gen_ai.request.model = "m"));
            drop(info_span!("response", gen_ai.response.model = "m"));
            drop(info_span!("langfuse", langfuse.observation.model.name = "m"));
            let span = info_span!("handle");
            span.observation().model("m");
            drop(span);
            drop(info_span!(
                "tool",
                gen_ai.tool.name = "t",
                gen_ai.request.model = "m"
            ));
        },
        &[
            "generation request",
            "generation response",
            "generation langfuse",
            "generation handle",
            "tool tool",
        ],
    );
}

#[test]
fn a_type_that_is_said_holds() {
    kinds(
        || {
            for kind in Kind::ALL {
                drop(info_span!("as_type", as_type = kind.as_str()));
            }
            drop(info_span!("any case", as_type = " AGENT "));
            drop(info_span!("display", as_type = %"tool"));
            drop(info_span!("debug", as_type = ?"tool"));
            drop(info_span!("another name", observation_type = "chain"));
            drop(info_span!("langfuse", langfuse.observation.type = "retriever"));
            drop(info_span!(
                "no generation",
                as_type = "agent",
                model = "m",
                prompt = "x"
            ));
            drop(info_span!(
                "word before operation",
                as_type = "chain",
                gen_ai.operation.name = "chat"
            ));
            drop(info_span!(
                "trust",
                as_type = "agent",
                langfuse.observation.type = "chain",
                observation_type = "tool"
            ));
            let span = info_span!("handle", langfuse.observation.type = "chain");
            span.observation().kind(Kind::Guardrail);
            drop(span);
            let span = info_span!("late", as_type = Empty);
            span.record("as_type", "evaluator");
            drop(span);
        },
        &[
            "span as_type",
            "generation as_type",
            "event as_type",
            "agent as_type",
            "tool as_type",
            "chain as_type",
            "retriever as_type",
            "evaluator as_type",
            "embedding as_type",
            "guardrail as_type",
            "agent any case",
            "tool display",
            "tool debug",
            "chain another name",
            "retriever langfuse",
            "agent no generation",
            "chain word before operation",
            "chain trust",
            "guardrail handle",
            "evaluator late",
        ],
    );
}

#[test]
fn an_operation_says_the_type() {
    let operation = |name: &'static str| {
        drop(info_span!(
            "operation",
            otel.name = name,
            gen_ai.operation.name = name
        ));
    };
    kinds(
        || {
            for name in [
                "chat",
                "text_completion",
                "generate_content",
                "embeddings",
                "execute_tool",
                "invoke_agent",
                "create_agent",
                "retrieval",
                "invoke_workflow",
                "something_new",
            ] {
                operation(name);
            }
        },
        &[
            "generation chat",
            "generation text_completion",
            "generation generate_content",
            "embedding embeddings",
            "tool execute_tool",
            "agent invoke_agent",
            "agent create_agent",
            "retriever retrieval",
            "chain invoke_workflow",
            "span something_new",
        ],
    );
}

#[test]
fn an_unknown_type_is_said_once_and_the_type_is_inferred() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("one", as_type = "robot", model = "m", prompt = "x"));
        drop(info_span!("two", as_type = "droid"));
    });
    shows(
        &capture,
        r#"
generation one  model=m
  in:     x
  meta:   {"as_type":"robot"}
span two
  in:     {"as_type":"droid"}
  meta:   {"as_type":"droid"}
"#,
    );
    assert_eq!(
        capture.lines(),
        ["\"robot\" on span \"one\" is no observation type; its type is inferred (said once)"]
    );
}

#[test]
fn of_two_inferred_generations_the_inner_one_is_the_call() {
    kinds(
        || {
            info_span!("outer", model = "m", prompt = "x").in_scope(|| {
                info_span!("between").in_scope(|| {
                    drop(info_span!("inner", model = "m", prompt = "x"));
                });
            });
            info_span!("said", as_type = "generation", model = "m").in_scope(|| {
                drop(info_span!("below", model = "m", prompt = "x"));
            });
            info_span!("above an embedding", model = "m", prompt = "x").in_scope(|| {
                drop(info_span!("embed", as_type = "embedding"));
            });
        },
        &[
            "generation inner",
            "span between",
            "span outer",
            "generation below",
            "generation said",
            "embedding embed",
            "generation above an embedding",
        ],
    );
}

#[test]
fn plain_tokens_cost_and_parameters_count_where_a_model_is_called_only() {
    let capture = Capture::new();
    capture.run(|| {
        let late = info_span!("a_tool", as_type = "tool", total_tokens = Empty, cost = Empty);
        late.record("total_tokens", 7);
        late.record("cost", 0.5);
        drop(late);
        drop(info_span!(
            "an_agent",
            as_type = "agent",
            usage.input = 5,
            temperature = 0.5
        ));
        drop(info_span!(
            "embed",
            as_type = "embedding",
            model = "e",
            input_tokens = 5,
            total_cost = 0.5
        ));
    });
    shows(
        &capture,
        r#"
tool a_tool
  meta:   {"total_tokens":7,"cost":0.5}
agent an_agent
  in:     {"temperature":0.5}
  meta:   {"usage.input":5,"temperature":0.5}
embedding embed  model=e
  usage:  input=5 total=5
  cost:   total=0.5
"#,
    );
}

#[test]
fn usage_under_names_that_are_nothing_else_counts_anywhere() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "by_convention",
            gen_ai.usage.input_tokens = 5,
            gen_ai.usage.cost = 0.25
        ));
        drop(info_span!(
            "by_langfuse",
            langfuse.observation.usage_details = r#"{"input":5,"output":1}"#,
            langfuse.observation.cost_details = r#"{"input":0.25,"output":0.5}"#
        ));
        let span = info_span!("by_handle", as_type = "agent");
        span.observation().usage(Usage::new(5, 1).cached(2)).cost(0.25);
    });
    shows(
        &capture,
        r#"
span by_convention
  usage:  input=5 total=5
  cost:   total=0.25
span by_langfuse
  usage:  input=5 output=1 total=6
  cost:   input=0.25 output=0.5 total=0.75
agent by_handle
  usage:  input=3 output=1 input_cached_tokens=2 total=6
  cost:   total=0.25
"#,
    );
}

#[test]
fn two_vocabularies_of_usage_are_never_added_up() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "call",
            model = "m",
            input_tokens = Empty,
            output_tokens = Empty,
            gen_ai.usage.input_tokens = 50,
            gen_ai.usage.cache_read.input_tokens = 20
        );
        span.record("input_tokens", 40);
        span.record("output_tokens", 4);
    });
    shows(
        &capture,
        r#"
generation call  model=m
  usage:  input=30 input_cached_tokens=20 total=50
  meta:   {"output_tokens":4}
"#,
    );
}

#[test]
fn one_usage_object_is_usage_and_a_cost_inside_it_is_cost() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "openai",
            as_type = "generation",
            usage = r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6},"cost":0.25}"#
        ));
        drop(info_span!("openrouter", as_type = "generation", usage.prompt_tokens = 10, usage.cost = 0.25));
        drop(info_span!("buckets", as_type = "generation", usage = ?std::collections::BTreeMap::from([("input", 3), ("output", 1)])));
    });
    shows(
        &capture,
        r#"
generation openai
  usage:  output=4 input=4 total=14 input_cached_tokens=6
  cost:   total=0.25
generation openrouter
  usage:  input=10 total=10
  cost:   total=0.25
generation buckets
  usage:  input=3 output=1 total=4
"#,
    );
}

#[test]
fn names_are_trusted_in_order_and_the_last_word_wins_among_equals() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "call",
            model = "plain",
            gen_ai.request.model = "convention",
            langfuse.observation.model.name = "langfuse",
            input = "plain",
            gen_ai.input.messages = "convention",
            langfuse.observation.input = "langfuse",
            output = Empty,
            temperature = 0.1,
            gen_ai.request.temperature = 0.2
        );
        span.record("output", "plain");
        span.record("output", "plain again");
        drop(span);
    });
    shows(
        &capture,
        r#"
generation call  model=langfuse
  params: {"temperature":0.2}
  in:     langfuse
  out:    plain again
  meta:   {"model":"plain","gen_ai.request.model":"convention","input":"plain","gen_ai.input.messages":"convention"}
"#,
    );
}

#[test]
fn the_handle_is_trusted_most_also_when_a_field_comes_later() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "call",
            otel.name = Empty,
            model = Empty,
            input = Empty,
            output = Empty,
            langfuse.observation.output = Empty,
            langfuse.observation.level = Empty,
            metadata.key = Empty,
            temperature = Empty,
            user_id = Empty,
            langfuse.session.id = Empty,
            prompt.name = Empty,
            prompt.version = Empty,
            input_tokens = Empty,
            cost = Empty
        );
        let handle = span.observation();
        handle
            .name("handle")
            .model("handle")
            .input("handle")
            .output("handle")
            .level(tracing_llm::Level::Warning)
            .status_message("handle")
            .metadata("key", "handle")
            .parameter("temperature", 0.5)
            .prompt(("handle", 2))
            .usage(Usage::new(1, 1))
            .cost(0.5);
        handle.trace().user("handle").session("handle");
        for name in [
            "otel.name",
            "model",
            "input",
            "output",
            "langfuse.observation.output",
            "langfuse.observation.level",
            "metadata.key",
            "user_id",
            "langfuse.session.id",
            "prompt.name",
        ] {
            span.record(name, "ERROR");
        }
        span.record("temperature", 0.1);
        span.record("prompt.version", 9);
        span.record("input_tokens", 9);
        span.record("cost", 9.0);
    });
    shows(
        &capture,
        r#"
generation handle  model=handle  WARNING  status="handle"
  trace:  user=handle session=handle
  params: {"temperature":0.5}
  usage:  input=1 output=1 total=2
  cost:   total=0.5
  prompt: handle@2
  in:     handle
  out:    handle
  meta:   {"key":"handle","langfuse.observation.output":"ERROR"}
"#,
    );
}

#[test]
fn a_key_recorded_twice_is_there_once_with_its_last_value() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "work",
            step = 1,
            user_id = "first",
            note = Empty,
            metadata.a = Empty
        );
        span.record("step", 2);
        span.record("note", "first");
        span.record("note", display("second"));
        span.record("user_id", "second");
        span.record("metadata.a", 1);
        span.observation()
            .metadata("a", 2)
            .metadata("b", 1)
            .metadata("b", "two");
        span.observation().output("first").output("second");
    });
    shows(
        &capture,
        r#"
span work
  trace:  user=second
  out:    second
  meta:   {"step":2,"note":"second","a":2,"b":"two"}
"#,
    );
}

#[test]
fn words_that_are_so_often_something_else_are_no_words_of_ours() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "work",
            version = "1",
            release = "2",
            public = true,
            name = "n",
            r#type = "agent",
            level = "ERROR",
            thread_id = "t"
        ));
        drop(info_span!(
            "langfuse's own",
            langfuse.version = "1",
            langfuse.release = "2",
            langfuse.trace.public = true
        ));
    });
    shows(
        &capture,
        r#"
span work
  in:     {"version":"1","release":"2","public":true,"name":"n","type":"agent","level":"ERROR","thread_id":"t"}
  meta:   {"version":"1","release":"2","public":true,"name":"n","type":"agent","level":"ERROR","thread_id":"t"}
span langfuse's own
  trace:  release=2 version=1 public=true
"#,
    );
}

#[test]
fn half_a_prompt_link_is_none_and_is_not_lost() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "linked",
            as_type = "generation",
            prompt.name = "p",
            prompt.version = "3"
        ));
        drop(info_span!(
            "no version",
            as_type = "generation",
            prompt.name = "p"
        ));
        drop(info_span!(
            "no number",
            as_type = "generation",
            prompt.name = "p",
            prompt.version = "latest"
        ));
        drop(info_span!("no generation", prompt.name = "p", prompt.version = 3));
    });
    shows(
        &capture,
        r#"
generation linked
  prompt: p@3
generation no version
  meta:   {"prompt.name":"p"}
generation no number
  meta:   {"prompt.name":"p","prompt.version":"latest"}
span no generation
  meta:   {"prompt.name":"p","prompt.version":3}
"#,
    );
}
