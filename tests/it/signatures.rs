//! What functions become under bare `#[instrument]`, in the shapes in which people write them.
#![allow(
    clippy::needless_pass_by_value,
    clippy::ptr_arg,
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    unused_variables,
    dead_code,
    reason = "the functions are what others write; only their signatures matter"
)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, info_span, instrument};
use tracing_llm::testing::Capture;
use tracing_llm::{Usage, current};

use crate::support::shows::{run, shows};

#[derive(Debug)]
struct Failure(&'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {}

#[derive(Clone, Debug)]
struct Document {
    id: u32,
    title: String,
    score: Option<f32>,
}

#[derive(Debug)]
struct Message {
    role: &'static str,
    content: String,
}

#[derive(Clone, Copy, Debug)]
enum Route {
    Search,
    Refuse(u8),
    HandOver { to: &'static str },
}

fn documents() -> Vec<Document> {
    vec![Document {
        id: 1,
        title: "Invoices".to_owned(),
        score: Some(0.5),
    }]
}

#[test]
fn text_is_text_whoever_owns_it() {
    #[instrument(ret, err)]
    fn borrowed(text: &str) -> Result<String, Failure> {
        Ok(format!("say \"{text}\""))
    }
    #[instrument(ret)]
    fn owned(text: String) -> String {
        text + "\n2nd line"
    }
    #[instrument(ret)]
    fn referenced(text: &String) -> &'static str {
        "static"
    }
    #[instrument(ret)]
    fn cow<'a>(text: Cow<'a, str>) -> Cow<'a, str> {
        text
    }
    #[instrument(ret)]
    fn boxed(text: Box<str>) -> Arc<str> {
        "shared".into()
    }
    #[instrument(ret)]
    fn digits(text: &str) -> String {
        text.to_owned()
    }
    #[instrument(ret)]
    fn letter(letter: char) -> char {
        letter
    }
    let capture = Capture::new();
    capture.run(|| {
        borrowed("hello").unwrap();
        owned("one".to_owned());
        referenced(&"two".to_owned());
        cow("three".into());
        boxed("four".into());
        digits("42");
        letter('x');
    });
    shows(
        &capture,
        r#"
span borrowed
  in:     {"text":"hello"}
  out:    say "hello"
  meta:   {"text":"hello"}
span owned
  in:     {"text":"one"}
  out:    one\n2nd line
  meta:   {"text":"one"}
span referenced
  in:     {"text":"two"}
  out:    static
  meta:   {"text":"two"}
span cow
  in:     {"text":"three"}
  out:    three
  meta:   {"text":"three"}
span boxed
  in:     {"text":"four"}
  out:    shared
  meta:   {"text":"four"}
span digits
  in:     {"text":"42"}
  out:    42
  meta:   {"text":"42"}
span letter
  in:     {"letter":"x"}
  out:    x
  meta:   {"letter":"x"}
"#,
    );
}

#[test]
fn numbers_and_switches_keep_their_type() {
    #[instrument(ret)]
    fn scale(top_k: usize, weight: f64, small: i8, fast: bool) -> f64 {
        weight * 2.0
    }
    #[instrument(ret)]
    fn count(of: u64) -> usize {
        3
    }
    #[instrument(ret)]
    fn is_allowed(action: &str) -> bool {
        true
    }
    let capture = Capture::new();
    capture.run(|| {
        scale(5, 0.5, -1, true);
        count(7);
        is_allowed("read");
    });
    shows(
        &capture,
        r#"
span scale
  in:     {"top_k":5,"weight":0.5,"small":-1,"fast":true}
  out:    1.0
  meta:   {"top_k":5,"weight":0.5,"small":-1,"fast":true}
span count
  in:     {"of":7}
  out:    3
  meta:   {"of":7}
span is_allowed
  in:     {"action":"read"}
  out:    true
  meta:   {"action":"read"}
"#,
    );
}

#[test]
fn what_is_not_there_is_absent_and_some_is_its_value() {
    #[instrument(ret, err)]
    fn find(
        id: Option<&str>,
        limit: Option<usize>,
        after: Option<Document>,
    ) -> Result<Option<String>, Failure> {
        Ok(id.map(str::to_owned))
    }
    let capture = Capture::new();
    capture.run(|| {
        find(Some("a"), Some(3), documents().pop()).unwrap();
        find(None, None, None).unwrap();
    });
    shows(
        &capture,
        r#"
span find
  in:     {"id":"a","limit":3,"after":{"id":1,"title":"Invoices","score":0.5,"_type":"Document"}}
  out:    a
  meta:   {"id":"a","limit":3}
span find
"#,
    );
}

#[test]
fn lists_and_maps_and_structures_are_json() {
    #[instrument(ret, err)]
    fn search(queries: Vec<String>, filter: &[&str]) -> Result<Vec<Document>, Failure> {
        Ok(documents())
    }
    #[instrument(ret)]
    fn count(pairs: &[(String, u32)], by: BTreeMap<&str, u64>, ids: BTreeSet<u8>) -> BTreeMap<String, f64> {
        BTreeMap::from([("a".to_owned(), 0.5)])
    }
    #[instrument(ret)]
    fn rank(document: &Document) -> Document {
        document.clone()
    }
    #[instrument(ret)]
    fn chat(turn: &Message) -> Message {
        Message {
            role: "assistant",
            content: "yes".to_owned(),
        }
    }
    let capture = Capture::new();
    capture.run(|| {
        search(vec!["a".to_owned()], &["b", "c"]).unwrap();
        count(
            &[("x".to_owned(), 1)],
            BTreeMap::from([("k", 1)]),
            BTreeSet::from([1, 2]),
        );
        rank(&documents()[0]);
        chat(&Message {
            role: "user",
            content: "Is it so?".to_owned(),
        });
    });
    shows(
        &capture,
        r#"
span search
  in:     {"queries":["a"],"filter":["b", "c"]}
  out:    [{"id":1,"title":"Invoices","score":0.5,"_type":"Document"}]
span count
  in:     {"pairs":[["x",1]],"by":{"k": 1},"ids":[1,2]}
  out:    {"a": 0.5}
span rank
  in:     {"document":{"id":1,"title":"Invoices","score":0.5,"_type":"Document"}}
  out:    {"id":1,"title":"Invoices","score":0.5,"_type":"Document"}
span chat
  in:     {"turn":{"role":"user","content":"Is it so?"}}
  out:    {"role":"assistant","content":"yes"}
"#,
    );
}

#[test]
fn an_enum_result_keeps_its_variant() {
    #[instrument(ret)]
    fn unit() -> Route {
        Route::Search
    }
    #[instrument(ret)]
    fn tuple() -> Route {
        Route::Refuse(3)
    }
    #[instrument(ret, err)]
    fn structure(before: Route) -> Result<Route, Failure> {
        Ok(Route::HandOver { to: "athena" })
    }
    let capture = Capture::new();
    capture.run(|| {
        unit();
        tuple();
        structure(Route::Search).unwrap();
    });
    shows(
        &capture,
        r#"
span unit
  out:    Search
span tuple
  out:    {"Refuse":3}
span structure
  in:     {"before":"Search"}
  out:    {"to":"athena","_type":"HandOver"}
  meta:   {"before":"Search"}
"#,
    );
}

#[test]
fn results_show_their_value_or_their_error() {
    #[instrument(ret, err)]
    fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }
    #[instrument(ret, err)]
    fn nothing() -> Result<(), Failure> {
        Ok(())
    }
    #[instrument(ret, err(Debug))]
    fn as_debug() -> Result<String, Failure> {
        Err(Failure("broken"))
    }
    #[instrument(ret, err(level = "warn"))]
    fn as_warning() -> Result<String, Failure> {
        Err(Failure("not so bad"))
    }
    #[instrument(ret, err(level = "info"))]
    fn as_remark() -> Result<String, Failure> {
        Err(Failure("as usual"))
    }
    #[instrument(ret)]
    fn seen_by_its_return_only(fine: bool) -> Result<String, Failure> {
        if fine {
            Ok("fine".to_owned())
        } else {
            Err(Failure("returned"))
        }
    }
    #[instrument(err)]
    fn only_its_error(fine: bool) -> Result<String, Box<dyn Error + Send + Sync>> {
        if fine {
            Ok("not shown".to_owned())
        } else {
            Err("boxed".into())
        }
    }
    #[instrument(ret, err)]
    fn by_question_mark() -> Result<u32, Box<dyn Error>> {
        let number: u32 = "x".parse()?;
        Ok(number)
    }
    #[instrument(ret(Display), err)]
    fn shown_by_display() -> Result<Duration2, Failure> {
        Ok(Duration2)
    }
    let capture = Capture::new();
    capture.run(|| {
        parse("7").unwrap();
        parse("seven").unwrap_err();
        nothing().unwrap();
        as_debug().unwrap_err();
        as_warning().unwrap_err();
        as_remark().unwrap_err();
        seen_by_its_return_only(true).unwrap();
        seen_by_its_return_only(false).unwrap_err();
        only_its_error(true).unwrap();
        only_its_error(false).unwrap_err();
        by_question_mark().unwrap_err();
        shown_by_display().unwrap();
    });
    shows(
        &capture,
        r#"
span parse
  in:     {"text":"7"}
  out:    7
  meta:   {"text":"7"}
span parse  ERROR  status="invalid digit found in string"
  in:     {"text":"seven"}
  meta:   {"text":"seven"}
span nothing
span as_debug  ERROR  status="Failure(\"broken\")"
span as_warning  WARNING  status="not so bad"
span as_remark  status="as usual"
span seen_by_its_return_only
  in:     {"fine":true}
  out:    fine
  meta:   {"fine":true}
span seen_by_its_return_only  ERROR  status="Failure(\"returned\")"
  in:     {"fine":false}
  meta:   {"fine":false}
span only_its_error
  in:     {"fine":true}
  meta:   {"fine":true}
span only_its_error  ERROR  status="boxed"
  in:     {"fine":false}
  meta:   {"fine":false}
span by_question_mark  ERROR  status="invalid digit found in string"
span shown_by_display
  out:    two days
"#,
    );
}

struct Duration2;

impl fmt::Display for Duration2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two days")
    }
}

#[test]
fn what_is_skipped_is_not_there() {
    #[instrument(skip(client), ret)]
    fn skips_one(client: &Failure, question: &str) -> u8 {
        1
    }
    #[instrument(skip(client, key))]
    fn skips_two(client: &Failure, key: &str, question: &str) {}
    #[instrument(skip_all, ret)]
    fn skips_all(client: &Failure, question: &str) -> String {
        "done".to_owned()
    }
    #[instrument(skip_all, fields(question))]
    fn declares_without_a_value(client: &Failure, question: &str) {}
    #[instrument(skip_all, fields(question = %question, length = question.len()))]
    fn says_its_own(client: &Failure, question: &str) {}
    #[instrument(fields(client = "a client", question = question.to_uppercase()))]
    fn replaces(client: &Failure, question: &str) {}
    #[instrument(skip(client), fields(client.name = client.0))]
    fn takes_a_part(client: &Failure) {}
    let capture = Capture::new();
    let client = Failure("openai");
    capture.run(|| {
        skips_one(&client, "q");
        skips_two(&client, "key", "q");
        skips_all(&client, "q");
        declares_without_a_value(&client, "q");
        says_its_own(&client, "q");
        replaces(&client, "q");
        takes_a_part(&client);
    });
    shows(
        &capture,
        r#"
span skips_one
  in:     {"question":"q"}
  out:    1
  meta:   {"question":"q"}
span skips_two
  in:     {"question":"q"}
  meta:   {"question":"q"}
span skips_all
  out:    done
span declares_without_a_value
span says_its_own
  in:     {"question":"q","length":1}
  meta:   {"question":"q","length":1}
span replaces
  in:     {"client":"a client","question":"Q"}
  meta:   {"client":"a client","question":"Q"}
span takes_a_part
  meta:   {"client.name":"openai"}
"#,
    );
}

#[test]
fn self_is_absent_in_every_method() {
    #[derive(Debug)]
    struct Agent {
        name: &'static str,
    }
    trait Answers {
        fn answer(&self, question: &str) -> String;
    }
    impl Agent {
        #[instrument(ret)]
        fn by_reference(&self, question: &str) -> String {
            question.to_owned()
        }
        #[instrument]
        fn by_mutable_reference(&mut self, n: u8) {}
        #[instrument(ret)]
        fn by_value(self) -> &'static str {
            self.name
        }
        #[instrument(ret)]
        fn by_arc(self: Arc<Self>, n: u8) -> u8 {
            n
        }
        #[instrument(skip(self), ret)]
        fn skipped(&self, n: u8) -> u8 {
            n
        }
        #[instrument(fields(agent = self.name))]
        fn its_name(&self) {}
        #[instrument(ret, err)]
        async fn asynchronous(&self, question: &str) -> Result<String, Failure> {
            Err(Failure("no answer"))
        }
    }
    impl Answers for Agent {
        #[instrument(ret)]
        fn answer(&self, question: &str) -> String {
            "42".to_owned()
        }
    }
    let capture = Capture::new();
    run(&capture, async {
        let mut agent = Agent { name: "zeus" };
        agent.by_reference("q");
        agent.by_mutable_reference(1);
        agent.skipped(2);
        agent.its_name();
        agent.answer("q");
        agent.asynchronous("q").await.unwrap_err();
        agent.by_value();
        Arc::new(Agent { name: "hera" }).by_arc(3);
    });
    shows(
        &capture,
        r#"
span by_reference
  in:     {"question":"q"}
  out:    q
  meta:   {"question":"q"}
span by_mutable_reference
  in:     {"n":1}
  meta:   {"n":1}
span skipped
  in:     {"n":2}
  out:    2
  meta:   {"n":2}
span its_name
  in:     {"agent":"zeus"}
  meta:   {"agent":"zeus"}
span answer
  in:     {"question":"q"}
  out:    42
  meta:   {"question":"q"}
span asynchronous  ERROR  status="no answer"
  in:     {"question":"q"}
  meta:   {"question":"q"}
span by_value
  out:    zeus
span by_arc
  in:     {"n":3}
  out:    3
  meta:   {"n":3}
"#,
    );
}

#[test]
fn generics_and_closures_and_patterns() {
    #[instrument(ret)]
    fn generic<T: fmt::Debug + Clone>(value: T, count: usize) -> Vec<T> {
        vec![value; count]
    }
    #[instrument]
    fn anything_shown(value: impl fmt::Debug) {}
    #[instrument(skip_all, fields(text = text.as_ref()))]
    fn anything_like_text(text: impl AsRef<str>) {}
    #[instrument(skip(act), ret)]
    fn calls<F: Fn(u8) -> u8>(act: F, with: u8) -> u8 {
        act(with)
    }
    #[instrument(ret)]
    fn constant<const N: usize>(list: [u8; N]) -> usize {
        N
    }
    #[instrument]
    fn takes_apart((left, right): (u8, &str), Document { id, title, .. }: Document) {}
    #[instrument]
    fn ignores(_: u8, _named: u8, mut kept: u8) {
        kept += 1;
        assert_eq!(kept, 4);
    }
    #[instrument(name = "renamed", target = "elsewhere", level = "warn")]
    fn with_another_name(path: PathBuf, after: Duration) {}
    #[instrument(ret)]
    fn many() -> impl Iterator<Item = u8> + fmt::Debug {
        vec![1_u8, 2].into_iter()
    }
    let capture = Capture::new();
    capture.run(|| {
        generic("x", 2);
        anything_shown(Some(Route::Search));
        anything_like_text("text");
        calls(|n| n + 1, 1);
        constant([1, 2, 3]);
        takes_apart((1, "one"), documents().remove(0));
        ignores(1, 2, 3);
        with_another_name("docs/a.md".into(), Duration::from_millis(1500));
        assert_eq!(many().count(), 2);
    });
    shows(
        &capture,
        r#"
span generic
  in:     {"value":"x","count":2}
  out:    ["x", "x"]
  meta:   {"value":"x","count":2}
span anything_shown
  in:     {"value":"Search"}
  meta:   {"value":"Search"}
span anything_like_text
  in:     {"text":"text"}
  meta:   {"text":"text"}
span calls
  in:     {"with":1}
  out:    2
  meta:   {"with":1}
span constant
  in:     {"list":[1, 2, 3]}
  out:    3
span takes_apart
  in:     {"left":"1","right":"one","id":"1","title":"Invoices"}
  meta:   {"left":"1","right":"one","id":"1","title":"Invoices"}
span ignores
  in:     {"_named":2,"kept":3}
  meta:   {"_named":2,"kept":3}
span renamed
  in:     {"path":"docs/a.md","after":"1.5s"}
  meta:   {"path":"docs/a.md","after":"1.5s"}
span many
  out:    {"IntoIter":[1,2]}
"#,
    );
}

#[test]
fn futures_in_every_form() {
    type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    trait Model {
        fn complete<'a>(&'a self, prompt: &'a str) -> Boxed<'a, Result<String, Failure>>;
    }
    #[derive(Debug)]
    struct Local;
    impl Model for Local {
        // What `async_trait` makes of an `async fn` under `#[instrument]`.
        #[instrument(ret, err)]
        fn complete<'a>(&'a self, prompt: &'a str) -> Boxed<'a, Result<String, Failure>> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                if prompt.is_empty() {
                    return Err(Failure("empty"));
                }
                Ok(prompt.to_uppercase())
            })
        }
    }
    #[instrument(ret, err)]
    async fn plain(question: &str) -> Result<Vec<String>, Failure> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(vec![question.to_owned()])
    }
    #[instrument(ret)]
    fn written_out(question: &str) -> impl Future<Output = String> + Send + use<> {
        let question = question.to_owned();
        async move { question }
    }
    #[instrument(ret)]
    async fn moves(question: String) -> usize {
        tokio::spawn(async move { question.len() }).await.unwrap()
    }
    let capture = Capture::new();
    run(&capture, async {
        Local.complete("hello").await.unwrap();
        Local.complete("").await.unwrap_err();
        plain("q").await.unwrap();
        written_out("q").await;
        moves("q".to_owned()).await;
    });
    shows(
        &capture,
        r#"
span complete
  in:     hello
  out:    HELLO
span complete  ERROR  status="empty"
span plain
  in:     {"question":"q"}
  out:    ["q"]
  meta:   {"question":"q"}
span written_out
  in:     {"question":"q"}
  out:    q
  meta:   {"question":"q"}
span moves
  in:     {"question":"q"}
  out:    1
  meta:   {"question":"q"}
"#,
    );
}

#[test]
fn a_completion_is_a_generation() {
    #[instrument(ret, err)]
    fn complete(model: &str, prompt: &str) -> Result<String, Failure> {
        Ok("yes".to_owned())
    }
    let capture = Capture::new();
    capture.run(|| complete("mistral-7b", "Is it so?").unwrap());
    shows(
        &capture,
        r#"
generation complete  model=mistral-7b
  in:     Is it so?
  out:    yes
"#,
    );
}

#[test]
fn parameters_that_may_be_missing_are_numbers_when_they_are_there() {
    #[instrument(ret)]
    fn complete(model: &str, prompt: &str, temperature: Option<f64>, max_tokens: Option<u32>) -> String {
        "yes".to_owned()
    }
    #[instrument(ret)]
    fn describe(model: &str, temperature: Option<f64>) -> String {
        "a small one".to_owned()
    }
    let capture = Capture::new();
    capture.run(|| {
        complete("mistral-7b", "Is it so?", Some(0.5), None);
        describe("mistral-7b", None);
    });
    shows(
        &capture,
        r#"
generation complete  model=mistral-7b
  params: {"temperature":0.5}
  in:     Is it so?
  out:    yes
span describe
  in:     {"model":"mistral-7b"}
  out:    a small one
  meta:   {"model":"mistral-7b"}
"#,
    );
}

#[test]
fn a_completion_is_a_span_when_the_client_below_it_makes_the_generation() {
    #[instrument(ret)]
    fn complete(model: &str, prompt: &str) -> String {
        let chat = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = model,
            gen_ai.usage.input_tokens = 5,
            gen_ai.usage.output_tokens = 1
        );
        chat.in_scope(|| "yes".to_owned())
    }
    let capture = Capture::new();
    capture.run(|| complete("mistral-7b", "Is it so?"));
    shows(
        &capture,
        r#"
span complete
  in:     Is it so?
  out:    yes
  meta:   {"model":"mistral-7b"}
  generation chat  model=mistral-7b
    usage:  input=5 output=1 total=6
"#,
    );
}

#[test]
fn what_only_talks_of_a_model_is_no_generation_and_adds_no_tokens() {
    #[instrument(ret)]
    fn calculate_cost(model: &str, input_tokens: u64, output_tokens: u64) -> f64 {
        0.25
    }
    #[instrument(ret)]
    fn count_tokens(model: &str, input: &str) -> usize {
        7
    }
    #[instrument(ret)]
    fn load_model(model: &str, seed: u64, stream: bool, n: u32, stop: Vec<String>, top_k: usize) -> bool {
        true
    }
    let capture = Capture::new();
    capture.run(|| {
        calculate_cost("mistral-7b", 100, 20);
        count_tokens("mistral-7b", "how many?");
        load_model("mistral-7b", 1, true, 1, vec![], 3);
    });
    shows(
        &capture,
        r#"
span calculate_cost
  in:     {"model":"mistral-7b","input_tokens":100,"output_tokens":20}
  out:    0.25
  meta:   {"model":"mistral-7b","input_tokens":100,"output_tokens":20}
span count_tokens
  in:     how many?
  out:    7
  meta:   {"model":"mistral-7b"}
span load_model
  in:     {"model":"mistral-7b","seed":1,"stream":true,"n":1,"stop":[],"top_k":3}
  out:    true
  meta:   {"model":"mistral-7b","seed":1,"stream":true,"n":1,"top_k":3}
"#,
    );
}

#[test]
fn a_prompt_by_name_and_version_sets_no_version() {
    #[instrument(ret)]
    fn get_prompt(name: &str, version: u32) -> String {
        "Answer {{question}}".to_owned()
    }
    #[instrument(ret)]
    fn answer(question: &str) -> String {
        get_prompt("rag", 3)
    }
    let capture = Capture::new();
    capture.run(|| answer("q"));
    shows(
        &capture,
        r#"
span answer
  in:     {"question":"q"}
  out:    Answer {{question}}
  meta:   {"question":"q"}
  span get_prompt
    in:     {"name":"rag","version":3}
    out:    Answer {{question}}
    meta:   {"name":"rag","version":3}
"#,
    );
}

#[test]
fn a_look_up_of_another_user_changes_no_user() {
    #[instrument(ret)]
    fn lookup_customer(user_id: &str, session_id: &str) -> Option<String> {
        None
    }
    #[instrument(ret)]
    fn answer(question: &str, user_id: &str, session_id: &str) -> String {
        lookup_customer("another", "other session");
        "yes".to_owned()
    }
    let capture = Capture::new();
    capture.run(|| answer("q", "u-1", "s-1"));
    let looked_up = capture.find("lookup_customer").unwrap();
    assert_eq!(
        (looked_up.user(), looked_up.session()),
        (Some("u-1"), Some("s-1"))
    );
    shows(
        &capture,
        r#"
span answer
  trace:  user=u-1 session=s-1
  in:     {"question":"q"}
  out:    yes
  meta:   {"question":"q"}
  span lookup_customer
    in:     {"user_id":"another","session_id":"other session"}
    meta:   {"user_id":"another","session_id":"other session"}
"#,
    );
}

#[test]
fn a_prompt_with_its_history_loses_no_history() {
    #[instrument(ret)]
    fn ask(prompt: &str, history: Vec<Message>) -> String {
        "yes".to_owned()
    }
    let capture = Capture::new();
    capture.run(|| {
        let turn = |content: &str| Message {
            role: "user",
            content: content.to_owned(),
        };
        ask("And now?", vec![turn("First."), turn("Then.")]);
    });
    shows(
        &capture,
        r#"
span ask
  in:     And now?
  out:    yes
  meta:   {"history":[{"role":"user","content":"First."},{"role":"user","content":"Then."}]}
"#,
    );
}

#[test]
fn a_judge_has_three_arguments() {
    #[instrument(ret)]
    fn judge(question: &str, output: &str, expected: &str) -> f64 {
        0.5
    }
    #[instrument(fields(as_type = "evaluator"), ret)]
    fn evaluator(question: &str, expected: &str) -> f64 {
        0.5
    }
    let capture = Capture::new();
    capture.run(|| {
        judge("q", "it is", "it is not");
        evaluator("q", "it is not");
    });
    shows(
        &capture,
        r#"
span judge
  in:     {"question":"q","output":"it is","expected":"it is not"}
  out:    0.5
  meta:   {"question":"q","output":"it is","expected":"it is not"}
evaluator evaluator
  in:     {"question":"q","expected":"it is not"}
  out:    0.5
  meta:   {"question":"q","expected":"it is not"}
"#,
    );
}

#[test]
fn declared_fields_are_filled_later() {
    #[instrument(
        skip_all,
        fields(model = "mistral-7b", input, output, usage.input, usage.output, cost)
    )]
    fn generate(prompt: &str) {
        let span = tracing::Span::current();
        span.record("input", prompt);
        span.record("output", "yes");
        span.record("usage.input", 5);
        span.record("usage.output", 1);
        span.record("cost", 0.5);
    }
    #[instrument(fields(model = "mistral-7b", temperature = 0.2))]
    fn by_handle(prompt: &str) {
        current().output("yes").usage(Usage::new(5, 1));
    }
    let capture = Capture::new();
    capture.run(|| {
        generate("Is it so?");
        by_handle("Is it so?");
    });
    shows(
        &capture,
        r#"
generation generate  model=mistral-7b
  usage:  input=5 output=1 total=6
  cost:   total=0.5
  in:     Is it so?
  out:    yes
generation by_handle  model=mistral-7b
  params: {"temperature":0.2}
  usage:  input=5 output=1 total=6
  in:     Is it so?
  out:    yes
"#,
    );
}

#[test]
fn a_key_inside_a_debug_text_reaches_nobody() {
    #[derive(Clone, Debug)]
    struct Config {
        api_key: String,
        host: &'static str,
    }
    #[instrument(ret, err)]
    fn connect(config: &Config, api_key: &str) -> Result<Config, Failure> {
        Ok(config.clone())
    }
    let capture = Capture::new();
    let config = Config {
        api_key: "sk-secret".to_owned(),
        host: "api.example.com",
    };
    capture.run(|| connect(&config, "sk-secret").unwrap());
    shows(
        &capture,
        r#"
span connect
  in:     {"config":{"api_key":"[redacted]","host":"api.example.com","_type":"Config"},"api_key":"[redacted]"}
  out:    {"api_key":"[redacted]","host":"api.example.com","_type":"Config"}
  meta:   {"api_key":"[redacted]"}
"#,
    );
    let whole = capture.whole_tree();
    assert!(!whole.contains("sk-secret"), "{whole}");
}

#[test]
fn a_key_reaches_nobody_by_an_error_an_event_or_the_handle() {
    #[derive(Clone, Debug)]
    struct Config {
        api_key: &'static str,
    }
    impl fmt::Display for Config {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "no connection with {self:?}")
        }
    }
    impl Error for Config {}
    const CONFIG: Config = Config { api_key: "sk-secret" };
    #[instrument(err)]
    fn shown() -> Result<(), Config> {
        Err(CONFIG)
    }
    #[instrument(err(Debug))]
    fn debugged() -> Result<(), Config> {
        Err(CONFIG)
    }
    #[instrument(ret)]
    fn returned() -> Result<(), Config> {
        Err(CONFIG)
    }
    #[instrument(fields(user_id = ?CONFIG, otel.name = ?CONFIG, tags = ?CONFIG))]
    fn says_so() {
        info!(config = ?CONFIG, "connecting with {CONFIG:?}");
        error!("no connection with {CONFIG:?}");
        let json = serde_json::json!({"api_key": CONFIG.api_key, "n": [{"password": CONFIG.api_key}]});
        let handle = current();
        handle
            .input(&json)
            .output(json.to_string())
            .metadata("config", &json)
            .metadata("api_key", CONFIG.api_key)
            .parameter("extra", &json)
            .status_message(format!("{CONFIG:?}"));
        handle
            .trace()
            .metadata("config", &json)
            .metadata("api_key", CONFIG.api_key);
    }
    let capture = Capture::new();
    capture.run(|| {
        shown().unwrap_err();
        debugged().unwrap_err();
        returned().unwrap_err();
        says_so();
    });
    let whole = capture.whole_tree();
    assert!(!whole.contains("sk-secret"), "{whole}");
}
