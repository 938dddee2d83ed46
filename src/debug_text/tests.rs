use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::*;

/// Reads as a field's value: what became of it, and the text.
fn field(text: &str) -> (Reading, String) {
    reading(text, false)
}

fn reading(text: &str, is_return: bool) -> (Reading, String) {
    let mut out = b"before".to_vec();
    let reading = read(text, is_return, &mut out);
    let out = String::from_utf8(out).expect("UTF-8");
    (
        reading,
        out.strip_prefix("before").expect("only appended").to_owned(),
    )
}

#[track_caller]
fn is_text(text: &str, expected: &str) {
    assert_eq!(field(text), (Reading::Text, expected.to_owned()), "{text}");
}

#[track_caller]
fn is_json(text: &str, expected: &str) {
    assert_eq!(field(text), (Reading::Json, expected.to_owned()), "{text}");
}

#[track_caller]
fn stays(text: &str) {
    assert_eq!(field(text), (Reading::AsIs, String::new()), "{text}");
    assert_eq!(reading(text, true), (Reading::AsIs, String::new()), "{text}");
}

#[test]
fn literals() {
    is_text(r#""hello""#, "hello");
    is_text(r#""""#, "");
    is_text(r#""a\tb\n\r\"\'\\\0\u{1b}\u{1f600}""#, "a\tb\n\r\"'\\\0\u{1b}😀");
    is_text("'x'", "x");
    is_text(r"'\''", "'");
    is_text(r#"Some("x")"#, "x");
    is_text(r#"Some(Some("x"))"#, "x");
    is_text("Some(5)", "5");
    is_text("Some(1.5s)", "1.5s");
    is_text("Some(Paris)", "Paris");
    is_text("Some(\n    \"x\",\n)", "x");
}

#[test]
fn nothing() {
    for text in ["None", "()", "Some(None)", "Some(())"] {
        assert_eq!(field(text), (Reading::Absent, String::new()), "{text}");
    }
    for text in ["Ok(())", "Ok(None)", "Some(Ok(None))"] {
        assert_eq!(reading(text, true), (Reading::Absent, String::new()), "{text}");
    }
}

#[test]
fn results_are_opened_in_a_return_only() {
    let returned = |text| reading(text, true);
    assert_eq!(returned(r#"Ok("x")"#), (Reading::Text, "x".into()));
    assert_eq!(returned(r#"Ok(Some("x"))"#), (Reading::Text, "x".into()));
    assert_eq!(returned("Ok(5)"), (Reading::Text, "5".into()));
    assert_eq!(returned("Ok(as it (was))"), (Reading::Text, "as it (was)".into()));
    assert_eq!(
        returned(r#"Ok(["a", None])"#),
        (Reading::Json, r#"["a",null]"#.into())
    );
    assert_eq!(
        returned(r#"Err("no \"key\"")"#),
        (Reading::Error, "no \"key\"".into())
    );
    assert_eq!(returned(r#"Ok(Err("x"))"#), (Reading::Error, "x".into()));
    assert_eq!(
        returned("Err(Os { code: 2, kind: NotFound })").1,
        "Os { code: 2, kind: NotFound }"
    );
    assert_eq!(
        returned("Err(no reply\n\nCaused by:\n    it's 5\" short)").0,
        Reading::Error
    );
    assert_eq!(returned("Err(a) or (b)"), (Reading::AsIs, String::new()));
    assert_eq!(
        returned("[Ok(1), Err(2)]"),
        (Reading::Json, r#"[{"Ok":1},{"Err":2}]"#.into())
    );
    is_json("Ok(5)", r#"{"Ok":5}"#);
}

#[test]
fn structures() {
    is_json(
        "[1, -2.0, 1e16, true, NaN, -inf]",
        r#"[1,-2.0,1e16,true,"NaN","-inf"]"#,
    );
    is_json(
        "[340282366920938463463374607431768211455, None]",
        "[340282366920938463463374607431768211455,null]",
    );
    is_json("{'a', 'b'}", r#"["a","b"]"#);
    is_json("(1, \"a\")", r#"[1,"a"]"#);
    is_json("(Red,)", r#"["Red"]"#);
    is_json("[(), None, Some(1), Some(None)]", "[null,null,1,null]");
    is_json("{}", "{}");
    is_json(
        r#"{"a\"": 1, 2: 'x', Red: (), (1, 2): []}"#,
        r#"{"a\"":1,"2":"x","Red":null,"(1, 2)":[]}"#,
    );
    is_json(r#"{"a": 1, ..}"#, r#"{"a":1}"#);
    is_json("Circle(1.0)", r#"{"Circle":1.0}"#);
    is_json("Line(1, 2)", r#"{"Line":[1,2]}"#);
    is_json("geo::Circle(Some(1.0))", r#"{"geo::Circle":1.0}"#);
    is_json(
        r#"Doc { id: 1, r#type: "x" }"#,
        r#"{"id":1,"type":"x","_type":"Doc"}"#,
    );
    is_json("Doc { id: 1, .. }", r#"{"id":1,"_type":"Doc"}"#);
    is_json("Doc { .. }", r#"{"_type":"Doc"}"#);
    is_json("Doc {\n    id: 1,\n    ..\n}", r#"{"id":1,"_type":"Doc"}"#);
    is_json("Doc { _type: Mine }", r#"{"_type":"Mine"}"#);
    is_json("[Doc { a: [Some(Red)] }]", r#"[{"a":["Red"],"_type":"Doc"}]"#);
    is_json(
        r#"[Message { role: User, content: "hi" }]"#,
        r#"[{"role":"User","content":"hi"}]"#,
    );
}

#[test]
fn what_is_no_grammar_becomes_text_inside() {
    is_json(
        "Call { took: 1.5s, at: 2024-01-01 0:00:00.0 +00:00:00, to: [::1]:80, raw: b\"a, \\xff\", span: 0..=5 }",
        r#"{"took":"1.5s","at":"2024-01-01 0:00:00.0 +00:00:00","to":"[::1]:80","raw":"b\"a, \\xff\"","span":"0..=5","_type":"Call"}"#,
    );
    is_json(
        "[127.0.0.1:80, 2024-01-01T00:00:00Z]",
        r#"["127.0.0.1:80","2024-01-01T00:00:00Z"]"#,
    );
    is_json("{127.0.0.1:80: 1}", r#"{"127.0.0.1:80":1}"#);
    is_json(
        "Lock { data: <locked>, hex: 0x7f, n: 007 }",
        r#"{"data":"<locked>","hex":"0x7f","n":"007","_type":"Lock"}"#,
    );
    is_json(
        "Id(1, PhantomData<app::User>)",
        r#"{"Id":[1,"PhantomData<app::User>"]}"#,
    );
    is_json(r#"RawValue({"a":[1,2]})"#, r#"{"RawValue":{"a":[1,2]}}"#);
    is_json("Huge { n: 1e999 }", r#"{"n":"1e999","_type":"Huge"}"#);
    is_json("Said { it: don't stop }", r#"{"it":"don't stop","_type":"Said"}"#);
}

#[test]
fn real_debug_texts() {
    let value = serde_json::json!({"a": ["x", 1, true, null], "role": {}});
    is_json(&format!("{value:?}"), &value.to_string());
    is_json(&format!("{value:#?}"), &value.to_string());
    is_json(
        &format!("{:?}", std::slice::from_ref(&value)),
        &format!("[{value}]"),
    );
    is_json(
        &format!("{:?}", Some(vec![Duration::from_millis(1500)])),
        r#"["1.5s"]"#,
    );
    is_json(&format!("{:#?}", HashMap::from([("k", (1u8,))])), r#"{"k":[1]}"#);
    is_json(&format!("{:?}", BTreeSet::from(["a", "b"])), r#"["a","b"]"#);
    is_json(
        &format!("{:?}", "x".parse::<u8>()),
        r#"{"Err":{"kind":"InvalidDigit","_type":"ParseIntError"}}"#,
    );
    is_json(
        &format!("{:?}", std::sync::Mutex::new(1)),
        r#"{"data":1,"poisoned":false,"_type":"Mutex"}"#,
    );
}

#[test]
fn prose_stays() {
    for text in [
        "",
        " ",
        "5",
        "1.5",
        "true",
        "Paris",
        "-",
        "[see above] hello",
        "[see above]",
        "(see above)",
        "(ok)",
        "{a b}",
        "\"a\" and \"b\"",
        "\"a",
        "\"a\nb\"",
        r#""C:\dir""#,
        "print(x)",
        "Some(of us are here)",
        "Nope(",
        "[a,b]",
        "Note (see below)",
        "don't [panic]",
        "[1, 2",
        "[1 2]",
        "Doc { a }",
        "Doc { a: }",
        "[,]",
        "[\"a\"b]",
        "b\"x\"",
        "\"\\u{d800}\"",
        "{\"a\":1} trailing",
        "[1](http://x)",
        "{\"a\"}:",
        "}{",
        "1, 2",
        "[x](y)",
        "a::b",
        "{:?}",
        "((1,))",
        "Doc { ..a: 1 }",
    ] {
        stays(text);
    }
}

#[test]
fn json_is_taken_over_byte_for_byte() {
    for text in [
        r#"{"role":"user"}"#,
        r#"[{"a":1}]"#,
        r#"{ "a" : [ 1.50, "\u0041\/" ], "a": {} }"#,
        "[]",
        "[1,2]",
    ] {
        is_json(text, text);
        is_json(&format!("\n{text} "), text);
        is_json(&format!("Some({text})"), text);
        is_json(&format!("Raw({text})"), &format!("{{\"Raw\":{text}}}"));
    }
    stays(r#"{"a":1e999}"#);
    stays(r#"{"a":"\ud800"}"#);
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    is_json(&nested(MAX_DEPTH), &nested(MAX_DEPTH));
    is_json(
        &nested(MAX_DEPTH + 1),
        &nested(MAX_DEPTH + 1).replace("[1]", r#""[1]""#),
    );
    let deep = format!("{}1{}", "A(1, ".repeat(100_000), ")".repeat(100_000));
    let (found, json) = field(&deep);
    assert_eq!(found, Reading::Json);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok() && json.contains(r#""A(1, A(1, "#));
    stays(&"[".repeat(1_000_000));
    stays(&"['\\u{".repeat(100_000));
    stays(&"{a: ".repeat(100_000));
    stays(&"Some(".repeat(100_000));
}

mod properties {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "some fields are read by Debug only")]
    enum Any {
        Unit,
        Bool(bool),
        Signed(i64),
        Unsigned(u64),
        Float(f64),
        Char(char),
        Text(String),
        Nothing(()),
        Option(Option<Box<Any>>),
        List(Vec<Any>),
        Pair(Box<Any>, Box<Any>),
        Tuple((Box<Any>, Box<Any>, Box<Any>)),
        Single((Box<Any>,)),
        Map(BTreeMap<String, Any>),
        Numbered(BTreeMap<i32, Any>),
        Set(BTreeSet<String>),
        Struct { a: Box<Any>, r#type: String, unit: Unit },
        Message { role: Unit, content: Box<Any> },
        Wrapped(Newtype),
        Took(Duration),
    }

    #[derive(Clone, Debug)]
    struct Newtype(Option<String>);

    #[derive(Clone, Debug)]
    struct Unit;

    impl Any {
        /// What we expect to see of it.
        fn json(&self) -> Value {
            match self {
                Self::Unit => json!("Unit"),
                Self::Bool(x) => json!({ "Bool": x }),
                Self::Signed(x) => json!({ "Signed": x }),
                Self::Unsigned(x) => json!({ "Unsigned": x }),
                Self::Float(x) if !x.is_finite() => json!({ "Float": format!("{x:?}") }),
                Self::Float(x) => json!({ "Float": x }),
                Self::Char(x) => json!({ "Char": x }),
                Self::Text(x) => json!({ "Text": x }),
                Self::Nothing(()) => json!({ "Nothing": null }),
                Self::Option(x) => json!({ "Option": x.as_ref().map(|x| x.json()) }),
                Self::List(x) => json!({ "List": x.iter().map(Self::json).collect::<Vec<_>>() }),
                Self::Pair(a, b) => json!({ "Pair": [a.json(), b.json()] }),
                Self::Tuple((a, b, c)) => json!({ "Tuple": [a.json(), b.json(), c.json()] }),
                Self::Single((a,)) => json!({ "Single": [a.json()] }),
                Self::Map(x) => {
                    json!({ "Map": x.iter().map(|(k, v)| (k.clone(), v.json())).collect::<BTreeMap<_, _>>() })
                }
                Self::Numbered(x) => {
                    json!({ "Numbered": x.iter().map(|(k, v)| (k.to_string(), v.json())).collect::<BTreeMap<_, _>>() })
                }
                Self::Set(x) if x.is_empty() => json!({ "Set": {} }),
                Self::Set(x) => json!({ "Set": x }),
                Self::Struct { a, r#type, .. } => {
                    json!({ "a": a.json(), "type": r#type, "unit": "Unit", "_type": "Struct" })
                }
                Self::Message { content, .. } => json!({ "role": "Unit", "content": content.json() }),
                Self::Wrapped(Newtype(x)) => json!({ "Wrapped": { "Newtype": x } }),
                Self::Took(x) => json!({ "Took": format!("{x:?}") }),
            }
        }
    }

    /// Text with everything that could be taken for syntax.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            r#"[\[\]{}()"'\\,:; \n\ta-c0-2_#.<>-]{0,12}"#,
            any::<String>(),
            Just("None".to_owned()),
            Just("role: \"x\", content: 1 }".to_owned()),
        ]
    }

    fn anything() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Unit),
            Just(Any::Nothing(())),
            any::<bool>().prop_map(Any::Bool),
            any::<i64>().prop_map(Any::Signed),
            any::<u64>().prop_map(Any::Unsigned),
            any::<i32>().prop_map(|x| Any::Float(f64::from(x) / 8.0)),
            prop_oneof![
                Just(f64::NAN),
                Just(f64::NEG_INFINITY),
                Just(-0.0),
                Just(1e16),
                Just(1e-7)
            ]
            .prop_map(Any::Float),
            any::<char>().prop_map(Any::Char),
            nasty().prop_map(Any::Text),
            proptest::collection::btree_set(nasty(), 0..3).prop_map(Any::Set),
            proptest::option::of(nasty()).prop_map(|x| Any::Wrapped(Newtype(x))),
            (0..u64::MAX).prop_map(|x| Any::Took(Duration::from_nanos(x))),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            prop_oneof![
                proptest::option::of(boxed()).prop_map(Any::Option),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
                (boxed(), boxed()).prop_map(|(a, b)| Any::Pair(a, b)),
                (boxed(), boxed(), boxed()).prop_map(Any::Tuple),
                boxed().prop_map(|a| Any::Single((a,))),
                proptest::collection::btree_map(nasty(), inner.clone(), 0..4).prop_map(Any::Map),
                proptest::collection::btree_map(any::<i32>(), inner.clone(), 0..4).prop_map(Any::Numbered),
                (boxed(), nasty()).prop_map(|(a, r#type)| Any::Struct {
                    a,
                    r#type,
                    unit: Unit
                }),
                boxed().prop_map(|content| Any::Message { role: Unit, content }),
            ]
        })
    }

    /// What Debug writes is read back; in a list, so that there is always a structure.
    #[track_caller]
    fn round_trip(text: &str, expected: &Value) {
        let (reading, json) = field(text);
        assert_eq!(reading, Reading::Json, "{text}");
        let json: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(&json, expected, "{text}");
    }

    proptest! {
        #[test]
        fn derived_debug_is_read_back(value in anything()) {
            let expected = json!([value.json()]);
            round_trip(&format!("{:?}", [&value]), &expected);
            round_trip(&format!("{:#?}", [&value]), &expected);
            round_trip(&format!("{:?}", Some([&value])), &expected);
            round_trip(&format!("{:#?}", Some([&value])), &expected);
        }

        #[test]
        fn strings_are_read_back(text in nasty()) {
            prop_assert_eq!(field(&format!("{text:?}")), (Reading::Text, text.clone()));
            prop_assert_eq!(field(&format!("{:#?}", Some(&text))), (Reading::Text, text.clone()));
            prop_assert_eq!(reading(&format!("{:?}", Err::<(), _>(&text)), true), (Reading::Error, text));
        }

        #[test]
        fn json_comes_out_unchanged(value in anything()) {
            let text = json!([value.json()]).to_string();
            prop_assert_eq!(field(&text), (Reading::Json, text.clone()));
        }

        #[test]
        fn any_text_is_survived(text in nasty(), is_return: bool) {
            survives(&text, is_return);
        }

        #[test]
        fn broken_debug_is_survived(value in anything(), cut in any::<prop::sample::Index>(), with in nasty()) {
            let text = format!("{:?}", [value]);
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = *cut.get(&starts);
            survives(&text[..at], true);
            survives(&format!("{}{with}{}", &text[..at], &text[at..]), false);
        }
    }

    fn survives(text: &str, is_return: bool) {
        let (found, out) = reading(text, is_return);
        match found {
            Reading::Json => {
                assert!(serde_json::from_str::<Value>(&out).is_ok(), "{text} -> {out}");
            }
            Reading::Absent | Reading::AsIs => assert_eq!(out, ""),
            Reading::Text | Reading::Error => {}
        }
    }
}
