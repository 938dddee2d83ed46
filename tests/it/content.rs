//! What becomes input, output, arguments and metadata.

use std::collections::HashMap;
use std::fmt;

use serde::ser::{SerializeStruct as _, SerializeStructVariant as _};
use serde::{Serialize, Serializer};
use tracing::field::Empty;
use tracing::{info_span, instrument};
use tracing_llm::testing::Capture;
use tracing_llm::{SpanExt, current};

use crate::support::shows::shows;

#[test]
fn arguments_are_the_input_and_dotted_or_late_fields_are_metadata() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!(
            "work",
            a = 1,
            b = "x",
            app.tenant = "t",
            metadata.tenant = "m",
            late = Empty
        );
        span.record("late", "value");
        span.observation().metadata("b", "said");
        drop(span);
        drop(info_span!("nothing"));
        drop(info_span!("dotted only", app.tenant = "t"));
    });
    shows(
        &capture,
        r#"
span work
  in:     {"a":1,"b":"x"}
  meta:   {"a":1,"app.tenant":"t","tenant":"m","late":"value","b":"said"}
span nothing
span dotted only
  meta:   {"app.tenant":"t"}
"#,
    );
}

#[test]
fn long_arguments_and_lists_are_input_only() {
    let (short, long) = ("x".repeat(200), "y".repeat(201));
    let capture = Capture::new();
    capture.run(|| drop(info_span!("work", %short, %long, list = ?[1, 2], n = 1)));
    let expected = format!(
        "\nspan work\n  in:     {{\"short\":\"{short}\",\"long\":\"{long}\",\"list\":[1, 2],\"n\":1}}\n  \
         meta:   {{\"short\":\"{short}\",\"n\":1}}\n"
    );
    assert_eq!(capture.tree(), expected);
}

#[test]
fn beside_an_input_the_arguments_are_metadata_whatever_their_size() {
    let long = "y".repeat(201);
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("ask", question = "same", input = "same", other = %long, list = ?[1, 2]));
    });
    let expected =
        format!("\nspan ask\n  in:     same\n  meta:   {{\"other\":\"{long}\",\"list\":[1, 2]}}\n");
    assert_eq!(capture.tree(), expected);
}

#[test]
fn the_input_is_chosen_by_name_and_a_later_one_wins() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "all",
            prompt = "prompt",
            messages = "messages",
            input = "input"
        ));
        drop(info_span!("two", prompt = "prompt", messages = "messages"));
        let span = info_span!("late", prompt = Empty, input = "input");
        span.record("prompt", "late prompt");
        drop(span);
        let span = info_span!("handle", langfuse.observation.input = "langfuse");
        span.observation().input("handle");
        drop(span);
    });
    shows(
        &capture,
        r#"
span all
  in:     input
  meta:   {"prompt":"prompt","messages":"messages"}
span two
  in:     messages
  meta:   {"prompt":"prompt"}
span late
  in:     late prompt
  meta:   {"input":"input"}
span handle
  in:     handle
  meta:   {"langfuse.observation.input":"langfuse"}
"#,
    );
}

#[test]
fn the_output_is_what_was_recorded_later_then_the_return_then_what_was_given() {
    #[instrument(fields(output = Empty), ret)]
    fn both() -> &'static str {
        tracing::Span::current().record("output", "recorded");
        "returned"
    }
    #[instrument(fields(output = "given", as_type = "chain"), ret)]
    fn returned() -> &'static str {
        "returned"
    }
    #[instrument(ret)]
    fn by_handle() -> &'static str {
        current().output("said");
        "returned"
    }
    #[instrument(ret)]
    fn twice() -> &'static str {
        current().output("returned");
        "returned"
    }
    let capture = Capture::new();
    capture.run(|| {
        both();
        returned();
        by_handle();
        twice();
    });
    shows(
        &capture,
        r#"
span both
  out:    recorded
  meta:   {"return":"returned"}
chain returned
  in:     {"output":"given"}
  out:    returned
  meta:   {"output":"given"}
span by_handle
  out:    said
  meta:   {"return":"returned"}
span twice
  out:    returned
"#,
    );
}

#[test]
fn an_output_given_at_creation_counts_beside_what_makes_it_one() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("argument", output = "x", expected = "y"));
        drop(info_span!("completion argument", completion = "x"));
        drop(info_span!("type", as_type = "tool", output = "x"));
        drop(info_span!(
            "generation",
            model = "m",
            prompt = "p",
            completion = "x"
        ));
        drop(info_span!("input", input = "i", output = "x"));
        drop(info_span!("convention", gen_ai.output.messages = "x"));
    });
    shows(
        &capture,
        r#"
span argument
  in:     {"output":"x","expected":"y"}
  meta:   {"output":"x","expected":"y"}
span completion argument
  in:     {"completion":"x"}
  meta:   {"completion":"x"}
tool type
  out:    x
generation generation  model=m
  in:     p
  out:    x
span input
  in:     i
  out:    x
span convention
  out:    x
"#,
    );
}

#[test]
fn capture_says_what_may_be_kept() {
    let capture = Capture::new();
    let content = |word: &'static str| {
        let ask = |name: &'static str| {
            let span = info_span!(
                "ask",
                otel.name = name,
                langfuse.capture = word,
                prompt = "secret-in",
                history = "secret-past",
                app.id = 7,
                output = Empty
            );
            span.record("output", "secret-out");
        };
        ask(word);
        let span = info_span!(
            "arguments",
            langfuse.capture = word,
            question = "secret-in",
            n = 1
        );
        span.observation().output("secret-out").metadata("k", "v");
    };
    capture.run(|| {
        content("none");
        content("input");
        content("output");
        content("all");
    });
    shows(
        &capture,
        r#"
span none
  meta:   {"app.id":7}
span arguments
  meta:   {"k":"v"}
span input
  in:     secret-in
  meta:   {"history":"secret-past","app.id":7}
span arguments
  in:     {"question":"secret-in","n":1}
  meta:   {"question":"secret-in","n":1,"k":"v"}
span output
  out:    secret-out
  meta:   {"app.id":7}
span arguments
  out:    secret-out
  meta:   {"k":"v"}
span all
  in:     secret-in
  out:    secret-out
  meta:   {"history":"secret-past","app.id":7}
span arguments
  in:     {"question":"secret-in","n":1}
  out:    secret-out
  meta:   {"question":"secret-in","n":1,"k":"v"}
"#,
    );
}

#[test]
fn json_is_known_by_the_role_of_its_field_however_it_was_recorded() {
    let json = r#"{"role":"user","n":[1,2]}"#;
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("text", input = json));
        drop(info_span!("display", input = %json));
        drop(info_span!("debug", input = ?json));
        drop(info_span!("string", input = json.to_owned()));
        drop(info_span!("value", input = ?serde_json::json!({"a": "b", "n": 1})));
        drop(info_span!("broken", input = "{\"role\":"));
        drop(info_span!("argument", text = json));
        let span = info_span!("handle");
        span.observation().input(json);
    });
    let inputs: Vec<bool> = capture
        .tree()
        .lines()
        .filter(|line| line.contains("in:"))
        .map(|line| line.contains('\\'))
        .collect();
    assert_eq!(
        inputs,
        [false, false, false, false, false, false, true, false],
        "{}",
        capture.tree()
    );
    shows(
        &capture,
        r#"
span text
  in:     {"role":"user","n":[1,2]}
span display
  in:     {"role":"user","n":[1,2]}
span debug
  in:     {"role":"user","n":[1,2]}
span string
  in:     {"role":"user","n":[1,2]}
span value
  in:     {"a":"b","n":1}
span broken
  in:     {"role":
span argument
  in:     {"text":"{\"role\":\"user\",\"n\":[1,2]}"}
  meta:   {"text":"{\"role\":\"user\",\"n\":[1,2]}"}
span handle
  in:     {"role":"user","n":[1,2]}
"#,
    );
}

/// Whether the content itself is JSON, who shows it asks; what could have been the content is JSON for all.
#[test]
fn what_could_have_been_the_content_is_json_too() {
    let json = r#"{"a":1}"#;
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("argument", output = json, width = 3));
        drop(info_span!("beside", input = "text", prompt = json));
        drop(info_span!("said twice", input = json, prompt = ?serde_json::json!({"a":1})));
    });
    shows(
        &capture,
        r#"
span argument
  in:     {"output":{"a":1},"width":3}
  meta:   {"width":3}
span beside
  in:     text
  meta:   {"prompt":{"a":1}}
span said twice
  in:     {"a":1}
"#,
    );
}

#[test]
fn digits_stay_text() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!("text", input = "42", output = "007", as_type = "tool"));
        drop(info_span!("display", input = %"42"));
        drop(info_span!("debug", input = ?"42"));
        drop(info_span!("argument", zip = "01234", also = %"01234", answer = ?"true"));
    });
    shows(
        &capture,
        r#"
tool text
  in:     42
  out:    007
span display
  in:     42
span debug
  in:     42
span argument
  in:     {"zip":"01234","also":"01234","answer":"true"}
  meta:   {"zip":"01234","also":"01234","answer":"true"}
"#,
    );
}

#[test]
fn debug_text_of_fields_is_read_but_a_result_is_opened_in_a_return_only() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Point {
        x: i32,
        label: Option<&'static str>,
    }
    #[derive(Debug)]
    #[allow(dead_code, reason = "read by Debug")]
    enum Shape {
        Circle(f64),
        Line(i32, i32),
        Empty,
    }
    let ok: Result<i32, ()> = Ok(1);
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "work",
            none = ?None::<u8>,
            some = ?Some("x"),
            point = ?Point { x: 1, label: None },
            shapes = ?[Shape::Circle(1.0), Shape::Line(1, 2), Shape::Empty],
            map = ?HashMap::from([(1, "one")]),
            pair = ?("a", 1),
            unit = ?(),
            result = ?ok,
            prose = %"Some (or none) of it, [maybe]",
        ));
    });
    shows(
        &capture,
        r#"
span work
  in:     {"some":"x","point":{"x":1,"label":null,"_type":"Point"},"shapes":[{"Circle":1.0},{"Line":[1,2]},"Empty"],"map":{"1":"one"},"pair":["a",1],"result":{"Ok":1},"prose":"Some (or none) of it, [maybe]"}
  meta:   {"some":"x","prose":"Some (or none) of it, [maybe]"}
"#,
    );
}

#[test]
fn the_handle_takes_whatever_serde_can_write() {
    struct Reply {
        text: &'static str,
        tokens: Option<u32>,
        route: Route,
    }
    impl Serialize for Reply {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut reply = serializer.serialize_struct("Reply", 3)?;
            reply.serialize_field("text", self.text)?;
            reply.serialize_field("tokens", &self.tokens)?;
            reply.serialize_field("route", &self.route)?;
            reply.end()
        }
    }
    enum Route {
        Go { to: &'static str },
    }
    impl Serialize for Route {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let Self::Go { to } = self;
            let mut route = serializer.serialize_struct_variant("Route", 0, "Go", 1)?;
            route.serialize_field("to", to)?;
            route.end()
        }
    }
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work");
        let handle = span.observation();
        handle.input(Reply {
            text: "t",
            tokens: None,
            route: Route::Go { to: "x" },
        });
        handle.output(vec![("a", 1)]);
        handle
            .metadata("bool", true)
            .metadata("i8", -1_i8)
            .metadata("u64", u64::MAX)
            .metadata("i64", i64::MIN)
            .metadata("u128", u128::MAX)
            .metadata("f64", 0.5)
            .metadata("whole", 2.0)
            .metadata("small", 1e-300)
            .metadata("nan", f64::NAN)
            .metadata("char", 'x')
            .metadata("text", "say \"x\"\n")
            .metadata("null", None::<u8>)
            .metadata("unit", ())
            .metadata("some", Some("x"))
            .metadata("bytes", [1_u8, 2])
            .metadata("map", HashMap::from([("k", 1)]))
            .metadata("refuses", Refuses)
            .parameter("temperature", 0.5)
            .parameter("stop", ["a", "b"]);
    });
    shows(
        &capture,
        r#"
span work
  params: {"temperature":0.5,"stop":["a","b"]}
  in:     {"text":"t","tokens":null,"route":{"Go":{"to":"x"}}}
  out:    [["a",1]]
  meta:   {"bool":true,"i8":-1,"u64":18446744073709551615,"i64":-9223372036854775808,"u128":340282366920938463463374607431768211455,"f64":0.5,"whole":2.0,"small":1e-300,"char":"x","text":"say \"x\"\n","some":"x","bytes":[1,2],"map":{"k":1}}
"#,
    );
}

#[test]
fn what_a_null_does_not_say_stays() {
    let capture = Capture::new();
    capture.run(|| {
        let span = info_span!("work");
        span.observation()
            .output("kept")
            .output(None::<u8>)
            .metadata("k", 1)
            .metadata("k", ());
    });
    shows(
        &capture,
        r#"
span work
  out:    kept
  meta:   {"k":1}
"#,
    );
}

#[test]
fn a_value_is_cut_at_a_mebibyte() {
    struct Endless;
    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("all work and no play ")?;
            }
        }
    }
    let capture = Capture::new();
    capture.run(|| {
        // Half of a JSON value is none: it becomes text.
        info_span!("json").observation().output(vec!["x"; 300_000]);
    });
    assert!(capture.tree().ends_with("… [truncated]\n"));
    let capture = Capture::new();
    capture.run(|| drop(info_span!("work", metadata.log = ?Endless)));
    let tree = capture.tree();
    assert!(tree.contains("… [truncated]"));
    assert!(tree.len() < 1_100_000, "{}", tree.len());
}

#[test]
fn an_exporter_or_a_test_can_ask_for_all_of_it() {
    #[instrument(fields(model = "m", temperature = 0.5, app.tenant = 7_u64), ret)]
    fn complete(prompt: &str) -> Vec<u8> {
        current().trace().tags(["beta"]).metadata("plan", "free");
        current().metadata("attempt", 2);
        vec![1, 2]
    }
    let capture = Capture::new();
    capture.run(|| complete("Is it so?"));
    let call = capture.find("complete").unwrap();
    assert_eq!(call.input().as_deref(), Some("Is it so?"));
    assert_eq!(call.output().as_deref(), Some("[1, 2]"));
    let parameters: Vec<_> = call.parameters().collect();
    assert_eq!(parameters, [("temperature", tracing_llm::Value::F64(0.5))]);
    let metadata: Vec<_> = call.metadata().collect();
    let expected = [
        ("app.tenant", tracing_llm::Value::U64(7)),
        ("attempt", tracing_llm::Value::I64(2)),
    ];
    assert_eq!(metadata, expected);
    assert_eq!(call.tags().collect::<Vec<_>>(), ["beta"]);
    assert_eq!(call.trace_metadata().count(), 1);
}
