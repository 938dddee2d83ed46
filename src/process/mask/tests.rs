use super::*;

#[track_caller]
fn becomes(text: &str, expected: &str) {
    let mut out = b"before".to_vec();
    let count = redact(text, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        format!("before{expected}"),
        "{text}"
    );
    assert_eq!(
        count.map(NonZeroUsize::get),
        NonZeroUsize::new(expected.matches(REDACTED).count()).map(NonZeroUsize::get)
    );
}

#[track_caller]
fn stays(text: &str) {
    let mut out = b"before".to_vec();
    assert_eq!(
        redact(text, &mut out),
        None,
        "{text} -> {}",
        String::from_utf8_lossy(&out)
    );
    assert_eq!(out, b"before");
}

#[test]
fn credential_names() {
    for name in [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "password",
        "PASSWORD",
        "pass_word",
        "db.password",
        "user_password",
        "userPassword",
        "DBPassword",
        "passwd",
        "secret",
        "clientSecret",
        "client-secret",
        "clientsecret",
        "aws_secret",
        "api_key",
        "apikey",
        "apiKey",
        "API-KEY",
        "x-api-key",
        "openai_api_key",
        "OPENAI_API_KEY",
        "openaiApiKey",
        "private.key",
        "aws_secret_access_key",
        "cookie",
        "set-cookie",
        "credentials",
        "token",
        "Token",
        "_token",
        "access_token",
        "accessToken",
        "authtoken",
        "x-auth-token",
        "bearer.token",
        "refresh_token",
        "id_token",
        "idToken",
        "user_id_token",
        "session-token",
        "csrftoken",
        "X-CSRF-Token",
        "api_token",
        "http.request.header.authorization",
        "password_",
    ] {
        assert!(is_credential(name), "{name}");
    }
    for name in [
        "",
        "_",
        "next_token",
        "nextToken",
        "page_token",
        "max_tokens",
        "token_count",
        "llm.token_count.prompt",
        "tokens",
        "usage.input_tokens",
        "invalid_token",
        "paid_token",
        "void-token",
        "github_token",
        "password_hint",
        "api_key_id",
        "passwordless",
        "secretary",
        "key",
        "apikeys",
        "author",
        "auth",
        "cookies_enabled",
        "model",
        "nosecret",
        "ключ",
    ] {
        assert!(!is_credential(name), "{name}");
    }
}

#[test]
fn json() {
    becomes(r#"{"api_key":"sk-1","n":1}"#, r#"{"api_key":"[redacted]","n":1}"#);
    becomes(
        r#"{"a":[{"Api-Key" : "s\"k\\"}]}"#,
        r#"{"a":[{"Api-Key" : "[redacted]"}]}"#,
    );
    becomes(
        "{\n  \"password\":\n    \"x\"\n}",
        "{\n  \"password\":\n    \"[redacted]\"\n}",
    );
    becomes(
        r#"{"credentials":{"user":"u","n":5,"ok":true,"l":["a","b",null]},"b":"c"}"#,
        r#"{"credentials":{"user":"[redacted]","n":5,"ok":true,"l":["[redacted]","[redacted]",null]},"b":"c"}"#,
    );
    stays(r#"{"token":5,"password":null,"secret":true,"cookie":[],"api_key":""}"#);
    stays(r#"{"api_key":"[redacted]","next_token":"x","usage":{"max_tokens":"1"}}"#);
}

#[test]
fn json_in_json() {
    becomes(
        r#"{"input":"{\"api_key\":\"sk\"}","b":"c"}"#,
        r#"{"input":"{\"api_key\":\"[redacted]\"}","b":"c"}"#,
    );
    becomes(
        r#"{"input":"{\"api_key\":\"s\\\"k","b":"c"}"#,
        r#"{"input":"{\"api_key\":\"[redacted]","b":"c"}"#,
    );
    becomes(
        r#"["{\"a\":\"{\\\"secret\\\":\\\"x\\\"}\",\"b\":1}"]"#,
        r#"["{\"a\":\"{\\\"secret\\\":\\\"[redacted]\\\"}\",\"b\":1}"]"#,
    );
    becomes(
        r#"{"args":"{\n\t\"credentials\": {\n\t\t\"u\": \"p\"\n}}"}"#,
        r#"{"args":"{\n\t\"credentials\": {\n\t\t\"u\": \"[redacted]\"\n}}"}"#,
    );
    becomes(
        r#"{"prompt":"Hi\nAuthorization: Bearer sk\nBye"}"#,
        r#"{"prompt":"Hi\nAuthorization: [redacted]\nBye"}"#,
    );
    becomes(
        r#"{"p":"Hi\npassword: x","q":"\\token: y"}"#,
        r#"{"p":"Hi\npassword: [redacted]","q":"\\token: [redacted]"}"#,
    );
    becomes(
        r#"{"p":"password:\thunter2\tx\\","q":"r"}"#,
        r#"{"p":"password:\t[redacted]","q":"r"}"#,
    );
    becomes(
        r#"{"p":"set credentials: {foo","q":"r, s"}"#,
        r#"{"p":"set credentials: {[redacted]","q":"r, s"}"#,
    );
    becomes(
        r#"{"p":"{\u0022api_key\u0022:\u0022sk\u0022}"}"#,
        r#"{"p":"{\u0022api_key\u0022:[redacted]}"}"#,
    );
    becomes(
        r#"{"p":"token: 5","q":"token: x"}"#,
        r#"{"p":"token: 5","q":"token: [redacted]"}"#,
    );
}

#[test]
fn debug_text() {
    becomes(
        r#"Doc { api_key: "sk", n: 1 }"#,
        r#"Doc { api_key: "[redacted]", n: 1 }"#,
    );
    becomes(
        r#"Doc { api_key: Some("sk"), n: "x" }"#,
        r#"Doc { api_key: Some("[redacted]"), n: "x" }"#,
    );
    becomes(
        r#"Doc { key: 1, token: a::Key(Key("sk")) }"#,
        r#"Doc { key: 1, token: a::Key(Key("[redacted]")) }"#,
    );
    becomes(
        "Doc { password: hunter2, n: 1 }",
        "Doc { password: [redacted], n: 1 }",
    );
    becomes("Doc { password: hunter,2 }", "Doc { password: [redacted] }");
    becomes(
        r#"Doc { secret: b"a, \"b", n: 'c' }"#,
        "Doc { secret: [redacted], n: 'c' }",
    );
    becomes(
        r#"{"x-api-key": "sk", "b": "c"}"#,
        r#"{"x-api-key": "[redacted]", "b": "c"}"#,
    );
    becomes(
        "Doc {\n    credentials: Login {\n        user: \"u\",\n        id: 5,\n        kind: Basic,\n    },\n    n: \"x\",\n}",
        "Doc {\n    credentials: Login {\n        user: \"[redacted]\",\n        id: 5,\n        kind: [redacted],\n    },\n    n: \"x\",\n}",
    );
    becomes(
        r#"Doc { sep: '"', secret: "x" }"#,
        r#"Doc { sep: '"', secret: "[redacted]" }"#,
    );
    becomes(
        r#"Doc { sep: '\'', secret: ["a", b], c: "d" }"#,
        r#"Doc { sep: '\'', secret: ["[redacted]", [redacted]], c: "d" }"#,
    );
    becomes(
        "Doc { password: SecretBox<str>(x) }",
        "Doc { password: [redacted] }",
    );
    stays("Doc { password: None, token: Some(5), secret: (), cookie: -1.5, api_key: [] }");
    stays("token::Kind { path: a::secret::B }");
}

#[test]
fn cut_off() {
    becomes(r#"Doc { api_key: "sk, }"#, r#"Doc { api_key: "[redacted]"#);
    becomes(r#"Doc { api_key: Some("sk"#, r#"Doc { api_key: Some("[redacted]"#);
    becomes(r#"{"credentials":{"ali"#, r#"{"credentials":{"[redacted]"#);
    becomes("Doc { password: hun", "Doc { password: [redacted]");
    stays("Doc { password: ");
    stays("Doc { password");
}

#[test]
fn prose() {
    becomes(
        "Authorization: Bearer sk-a\nHost: x",
        "Authorization: [redacted]\nHost: x",
    );
    becomes("Cookie: a=b; c=d", "Cookie: [redacted]");
    becomes("my API key: sk, thanks", "my API key: [redacted], thanks");
    becomes("token: abc", "token: [redacted]");
    becomes(
        "https://x.y/?access_token=abc&n=1 ok",
        "https://x.y/?access_token=[redacted]&n=1 ok",
    );
    becomes(
        "login user=u password=hunter2 ok",
        "login user=u password=[redacted] ok",
    );
    becomes("password = \"a b\" # c", "password = \"[redacted]\" # c");
    becomes(
        "{'password': 'a, b', 'c': 'd'}",
        "{'password': [redacted], 'c': 'd'}",
    );
    becomes("a 5\" screen, password: x", "a 5\" screen, password: [redacted]");
    becomes("Пароль, password: пароль", "Пароль, password: [redacted]");
    for text in [
        "",
        ":",
        "=",
        "the next token: hello",
        "no password here",
        "at 12:30",
        "token == x",
        "let token = next();",
        "secret => 1",
        "password:",
        "password: \n next",
        "token:: x",
        "max_tokens=5",
        "token=5",
        "{\"a\":\"b\"}",
    ] {
        stays(text);
    }
}

#[test]
fn stray_quotes() {
    for stray in ["5\" wide: ", "it's ", "\\\" ", "say \"\"\" "] {
        for (text, expected) in [
            (
                r#"Doc { api_key: "a, b", c: "d" }"#,
                r#"Doc { api_key: "[redacted]", c: "d" }"#,
            ),
            (
                r#"{"api_key": "a, b", "c": "d"}"#,
                r#"{"api_key": "[redacted]", "c": "d"}"#,
            ),
            (
                r#"{"credentials":["a","b"],"c":"d"}"#,
                r#"{"credentials":["[redacted]","[redacted]"],"c":"d"}"#,
            ),
            (
                r#"Doc { secret: Key("a, b") }"#,
                r#"Doc { secret: Key("[redacted]") }"#,
            ),
        ] {
            becomes(&format!("{stray}{text}"), &format!("{stray}{expected}"));
        }
    }
}

#[test]
fn twice_is_once() {
    for text in [
        "{\"api_key\":\"sk\"}",
        "a(password: x, token=b&)",
        "credentials: [a, \"b\"]",
        "secret: [x",
    ] {
        let mut once = Vec::new();
        assert!(redact(text, &mut once).is_some());
        let once = String::from_utf8(once).expect("UTF-8");
        let mut twice = Vec::new();
        redact(&once, &mut twice);
        assert!(
            twice.is_empty() || twice == once.as_bytes(),
            "{once} -> {}",
            String::from_utf8_lossy(&twice)
        );
    }
}

mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::debug_text::read;

    /// Begins no name, no escape, and nothing else that the texts hold.
    const PLANTED: &str = "§±§sk";

    /// The shortest part of the secret that counts as a leak.
    const LEAK: &str = "§";

    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    enum Any {
        Unit,
        Number(f64),
        Char(char),
        Text(String),
        Option(Option<Box<Any>>),
        List(Vec<Any>),
        Pair(Box<Any>, Box<Any>),
        Map(BTreeMap<String, Any>),
        Struct {
            before: String,
            inner: Box<Any>,
            after: Vec<String>,
        },
        Login {
            user: String,
            api_key: Secret,
            n: u8,
            after: Box<Any>,
        },
        Headers(BTreeMap<Header, Secret>),
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Header {
        Cookie,
        Token,
    }

    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    enum Secret {
        Plain(String),
        Option(Option<Option<String>>),
        Key(Key),
        List(Vec<String>),
        Map(BTreeMap<u8, Secret>),
        Struct {
            value: String,
            n: Option<u8>,
            more: (String, Vec<Secret>),
        },
    }

    #[derive(Clone, Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    struct Key(String);

    /// Text with everything that could be taken for syntax; at times with a credential's name of its own.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => r#"[\[\]{}()"'\\,:;= \n\ta-c0-2_#.&<>-]{0,12}"#,
            2 => "[^§±]{0,8}",
            1 => r#"[ \n"]{0,2}(password|api_key|token)["\\]{0,2}[:=] ?["\\(\[{A-C]{0,3}"#,
        ]
    }

    fn planted() -> impl Strategy<Value = String> {
        (nasty(), nasty()).prop_map(|(before, after)| format!("{before}{PLANTED}{after}"))
    }

    fn secret() -> impl Strategy<Value = Secret> {
        let leaf = prop_oneof![
            planted().prop_map(Secret::Plain),
            planted().prop_map(|x| Secret::Option(Some(Some(x)))),
            planted().prop_map(|x| Secret::Key(Key(x))),
            proptest::collection::vec(planted(), 0..3).prop_map(Secret::List),
        ];
        leaf.prop_recursive(2, 6, 3, |inner| {
            prop_oneof![
                proptest::collection::btree_map(any::<u8>(), inner.clone(), 0..3).prop_map(Secret::Map),
                (
                    planted(),
                    any::<Option<u8>>(),
                    planted(),
                    proptest::collection::vec(inner, 0..3)
                )
                    .prop_map(|(value, n, a, b)| Secret::Struct {
                        value,
                        n,
                        more: (a, b)
                    }),
            ]
        })
    }

    fn anything() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Unit),
            any::<i32>().prop_map(|x| Any::Number(x.into())),
            prop_oneof![Just('"'), Just('\''), Just('\\'), Just('{')].prop_map(Any::Char),
            nasty().prop_map(Any::Text),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            let headers = proptest::collection::btree_map(
                prop_oneof![Just(Header::Cookie), Just(Header::Token)],
                secret(),
                0..3,
            );
            prop_oneof![
                proptest::option::of(boxed()).prop_map(Any::Option),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
                (boxed(), boxed()).prop_map(|(a, b)| Any::Pair(a, b)),
                proptest::collection::btree_map(nasty(), inner.clone(), 0..4).prop_map(Any::Map),
                (nasty(), boxed(), proptest::collection::vec(nasty(), 0..3))
                    .prop_map(|(before, inner, after)| Any::Struct { before, inner, after }),
                (nasty(), secret(), any::<u8>(), boxed()).prop_map(|(user, api_key, n, after)| Any::Login {
                    user,
                    api_key,
                    n,
                    after
                }),
                headers.prop_map(Any::Headers),
            ]
        })
    }

    fn redacted(text: &str) -> String {
        let mut out = Vec::new();
        match redact(text, &mut out) {
            Some(_) => String::from_utf8(out).expect("UTF-8"),
            None => text.to_owned(),
        }
    }

    #[track_caller]
    fn keeps_its_secret(text: &str) {
        let kept = redacted(text);
        assert!(!kept.contains(LEAK), "{text}\n -> {kept}");
    }

    /// The value as JSON.
    fn json_of(value: &Any) -> Value {
        let mut json = Vec::new();
        read(&format!("{:?}", [value]), false, &mut json);
        serde_json::from_slice(&json).expect("Debug text is read")
    }

    /// Every text that a value may arrive as.
    fn texts(value: &Any) -> Vec<String> {
        let plain = json_of(value).to_string();
        let debug = format!("{value:?}");
        let pretty = format!("{value:#?}");
        vec![
            json!({ "a": plain, "b": [pretty, debug], "c": json_of(value) }).to_string(),
            json!([json!([plain]).to_string(), "x"]).to_string(),
            format!("{:?}", (json_of(value), &plain, Some(&debug), '"')),
            format!("{:?}", [format!("{:?}", [&plain])]),
            plain,
            debug,
            pretty,
        ]
    }

    proptest! {
        #[test]
        fn no_secret_survives(value in anything()) {
            for text in texts(&value) {
                keeps_its_secret(&text);
            }
        }

        /// Whatever stands before and behind a text, and wherever it was cut.
        #[test]
        fn a_look_at_many_texts_misses_none(
            value in anything(), before in nasty(), behind in nasty(), cut in any::<prop::sample::Index>()
        ) {
            for text in texts(&value) {
                let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let (head, tail) = text.split_at(*cut.get(&starts));
                for part in [&text, head, tail] {
                    let is_found = redact(part, &mut Vec::new()).is_some();
                    prop_assert!(!is_found || may_be_in(&format!("{before}{part}{behind}")), "{part}");
                }
            }
        }

        #[test]
        fn no_secret_survives_a_cut(value in anything(), cut in any::<prop::sample::Index>()) {
            for text in texts(&value) {
                let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                keeps_its_secret(&text[..*cut.get(&starts)]);
                // Cut, and then made a string of something whole.
                let quoted = json!({ "a": &text[..*cut.get(&starts)], "b": "c" }).to_string();
                let kept: Value = serde_json::from_str(&redacted(&quoted)).expect("JSON stays JSON");
                assert_eq!(&kept["b"], "c");
                assert!(!kept.to_string().contains(LEAK), "{quoted} -> {kept}");
            }
        }

        #[test]
        fn json_stays_json(value in anything()) {
            let text = json!({ "a": json_of(&value), "b": [format!("{value:?}")], "c": "d" }).to_string();
            let kept: Value = serde_json::from_str(&redacted(&text)).expect("JSON stays JSON");
            assert_eq!(&kept["c"], "d");
        }

        #[test]
        fn twice_is_once(value in anything()) {
            for text in texts(&value) {
                let once = redacted(&text);
                prop_assert_eq!(&redacted(&once), &once);
            }
        }

        #[test]
        fn any_text_is_survived(text in any::<String>(), nasty in proptest::collection::vec(nasty(), 0..8)) {
            redacted(&text);
            redacted(&nasty.concat());
        }

        #[test]
        fn other_text_comes_back(text in r#"[\[\]{}()"'\\,:;= \na-c0-2_-]{0,40}"#) {
            stays(&text);
        }
    }
}
