//! Prompts: each recorded exchange with a running Langfuse made again, and what memory and fallbacks do in between.

mod together;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracing_llm::langfuse::{ChatMessage, ChatPart, NewPrompt, PromptFilter, PromptSource, Template};
use tracing_llm::testing::{Capture, ManualClock};
use tracing_llm::{ChatPrompt, Error, Langfuse, Prompt, current};

use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{self, Replay};
use crate::support::rows;

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

const RAG: &str = "rag_synthesis-1117";
const GREETING: &str = "support/greeting & more-e8db";
const TEXT: &str = "Use the context to answer.\n\nContext:\n{{context}}\n\nQuestion: {{ query }}\nAnswer:";

/// What the recordings have and this client cannot ask: each with the reason.
const CANNOT_BE_ASKED: [&str; 6] = [
    // A version and a label at once do not compile; a version is a number; a chat has messages; a prompt has a name.
    "get, version and label",
    "get, version is text",
    "create, chat given as text",
    "create, no name",
    // Refused before it is sent.
    "set the reserved label",
    // A program fills in prompts; what they are composed of is the editor's concern.
    "get, resolve=false",
];

#[test]
fn each_recorded_exchange_is_made_and_its_answer_read() {
    let server = Replay::of(&["prompts"]);
    // Nothing stays fresh, so that each call is a request.
    let langfuse = server.project().prompt_ttl(Duration::ZERO).build().unwrap();
    alone(write_and_read(&langfuse)).unwrap();
    alone(list(&langfuse)).unwrap();
    alone(refusals(&langfuse, &server));
    alone(compose(&langfuse)).unwrap();
    alone(delete(&langfuse)).unwrap();

    let served: BTreeSet<_> = server.served().into_iter().collect();
    let recorded = replay::recorded("prompts").into_iter();
    let names = recorded.map(|it| it["name"].as_str().unwrap().to_owned());
    let unmade: BTreeSet<_> = names.filter(|name| !served.contains(name)).collect();
    assert_eq!(unmade, CANNOT_BE_ASKED.map(str::to_owned).into());
}

async fn write_and_read(langfuse: &Langfuse) -> Result<(), Error> {
    let config = json!({"model": "mistral-7b", "temperature": 0.3, "max_tokens": 1024});
    let first = NewPrompt::text(RAG, TEXT)
        .labels(["production"])
        .config(&config)
        .tags(["rag"])
        .commit_message("first");
    let first = langfuse.create_prompt(first).await?;
    assert_eq!(
        (first.version(), first.labels()),
        (1, &["production".to_owned(), "latest".to_owned()][..])
    );
    let second = NewPrompt::text(RAG, format!("{TEXT} (briefly)")).labels(["staging"]);
    assert_eq!(langfuse.create_prompt(second).await?.version(), 2);
    let parts = [
        ChatPart::message("system", "You help {{product}} customers."),
        ChatPart::placeholder("history"),
        ChatPart::message("user", "{{question}}"),
    ];
    let chat = NewPrompt::chat(GREETING, parts.clone()).labels(["production"]);
    assert_eq!(langfuse.create_prompt(chat).await?.template().parts(), parts);

    let prompt = langfuse.prompt(RAG).await?;
    assert_eq!(shown(&prompt), format!("{RAG} 1 Server [production]"));
    assert_eq!((prompt.template().as_str(), prompt.config()), (TEXT, &config));
    assert_eq!(
        (prompt.tags(), prompt.commit_message()),
        (&["rag".to_owned()][..], Some("first"))
    );
    assert_eq!(prompt.variables(), ["context", "query"]);
    let staging = format!("{RAG} 2 Server [staging latest]");
    assert_eq!(shown(&langfuse.prompt(RAG).version(2).await?), staging);
    assert_eq!(shown(&langfuse.prompt(RAG).label("staging").await?), staging);
    assert_eq!(shown(&langfuse.prompt(RAG).label("latest").await?), staging);
    let chat = langfuse.chat_prompt(GREETING).await?;
    assert_eq!(shown(&chat), format!("{GREETING} 1 Server [production latest]"));
    assert_eq!(chat.variables(), ["product", "question", "history"]);

    let labels = langfuse.label_prompt(RAG, 2, ["production", "blue"]).await?;
    assert_eq!(labels, ["production", "blue", "staging", "latest"]);
    assert_eq!(langfuse.prompt(RAG).await?.version(), 2);
    Ok(())
}

async fn list(langfuse: &Langfuse) -> Result<(), Error> {
    let page = langfuse.list_prompts(PromptFilter::new().limit(3)).await?;
    assert_eq!((page.total(), page.next_page()), (8, Some(2)));
    let names: Vec<_> = page
        .prompts()
        .iter()
        .map(|it| (it.name(), it.is_chat()))
        .collect();
    assert_eq!(
        names,
        [("ct-f/x y", false), ("ct-qa", false), ("lab-prompt", true)]
    );
    assert_eq!(page.prompts()[2].versions(), [1, 2, 3, 4, 5]);
    assert_eq!(page.prompts()[2].last_config(), &json!({"model": "gpt-4o-mini"}));

    let page = langfuse.list_prompts(PromptFilter::new().name(RAG)).await?;
    assert_eq!(
        page.prompts()[0].labels(),
        ["blue", "latest", "production", "staging"]
    );
    let of_tag = PromptFilter::new().tag("rag").label("production").limit(2);
    let page = langfuse.list_prompts(of_tag).await?;
    assert_eq!((page.prompts().len(), page.next_page()), (2, None));
    assert_eq!(
        (page.prompts()[0].versions(), page.prompts()[0].tags()),
        (&[2][..], &["rag".to_owned()][..])
    );
    Ok(())
}

async fn refusals(langfuse: &Langfuse, server: &Replay) {
    let host = server.receiver().address();
    let error = langfuse.prompt(RAG).version(99).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        format!(
            "cannot fetch the prompt \"{RAG}\": {host} answered 404 Not Found: Prompt not found: '{RAG}' with version 99"
        )
    );
    assert!(
        langfuse
            .prompt(RAG)
            .label("nope")
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert!(langfuse.prompt("nobody-01fe").await.unwrap_err().is_not_found());
    let error = langfuse
        .create_prompt(NewPrompt::text(GREETING, "x"))
        .await
        .unwrap_err();
    assert!(error.is_refused() && !error.is_ambiguous(), "{error}");
    assert!(error.to_string().ends_with(
        "400 Bad Request: Previous versions have different prompt type. Create a new prompt with a different name."
    ));
    let error = langfuse.label_prompt(RAG, 1, ["latest"]).await.unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
    let error = langfuse
        .create_prompt(NewPrompt::text("x", "x").labels(["latest"]))
        .await
        .unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
    let stranger = server
        .project_of(Receiver::PUBLIC_KEY, "sk-lf-another")
        .build()
        .unwrap();
    assert!(stranger.prompt(RAG).await.unwrap_err().is_auth());
}

async fn compose(langfuse: &Langfuse) -> Result<(), Error> {
    let tag = "@@@langfusePrompt:name=tone-rag_synthesis-1117|label=production@@@ Answer {{q}}.";
    let child = NewPrompt::text("tone-rag_synthesis-1117", "Be kind.").labels(["production"]);
    langfuse.create_prompt(child).await?;
    let parent = NewPrompt::text("parent-rag_synthesis-1117", tag).labels(["production"]);
    assert_eq!(langfuse.create_prompt(parent).await?.template().as_str(), tag);
    let resolved = langfuse.prompt("parent-rag_synthesis-1117").await?;
    assert_eq!(resolved.compile(json!({"q": "it"}))?, "Be kind. Answer it.");
    Ok(())
}

async fn delete(langfuse: &Langfuse) -> Result<(), Error> {
    langfuse.delete_prompt_version(RAG, 1).await?;
    langfuse.delete_prompt(GREETING).await?;
    assert!(langfuse.delete_prompt(GREETING).await.unwrap_err().is_not_found());
    Ok(())
}

fn shown<T: Template>(prompt: &Prompt<T>) -> String {
    let (name, version, source) = (prompt.name(), prompt.version(), prompt.source());
    format!("{name} {version} {source:?} [{}]", prompt.labels().join(" "))
}

/// A server whose prompt can be changed, and a client that ages by hand.
struct Scene {
    server: Receiver,
    clock: ManualClock,
    langfuse: Langfuse,
    /// The version it has; 0 is none, and more than a thousand is an outage.
    version: Arc<AtomicU64>,
}

impl Scene {
    fn new() -> Self {
        let version = Arc::new(AtomicU64::new(1));
        let has = Arc::clone(&version);
        let server = Receiver::new(move |request| match has.load(Ordering::SeqCst) {
            0 => replay::answered("prompts", "get, unknown name"),
            version @ 1..1000 => Answer::json(200, &row(request.path.as_str(), version).to_string()),
            _ => Answer::status(400),
        });
        let clock = ManualClock::new();
        let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
            .base_url(server.url())
            .clock(clock.clone());
        Self {
            langfuse: langfuse.build().unwrap(),
            server,
            clock,
            version,
        }
    }

    fn has(&self, version: u64) {
        self.version.store(version, Ordering::SeqCst);
    }

    fn get(&self) -> (u32, PromptSource) {
        let prompt = self.langfuse.prompt("qa").fetch_blocking().unwrap();
        (prompt.version(), prompt.source())
    }

    fn requests(&self) -> usize {
        self.server.requests().len()
    }

    /// The refresh is on a thread of its own: asks again until it has come to that.
    fn until(&self, expected: (u32, PromptSource)) {
        let end = Instant::now() + HANG;
        while self.get() != expected {
            assert!(Instant::now() < end, "{:?} is not {expected:?}", self.get());
            thread::yield_now();
        }
    }
}

fn row(path: &str, version: u64) -> Value {
    let is_chat = path.contains("chat");
    let prompt = if is_chat {
        json!([{"role": "user", "content": "Hello"}])
    } else {
        json!("Hello {{name}}")
    };
    let kind = if is_chat { "chat" } else { "text" };
    json!({"name": "qa", "version": version, "type": kind, "prompt": prompt, "config": {}, "labels": ["production"], "tags": []})
}

#[test]
fn a_fetched_prompt_is_fresh_for_a_minute_then_stale_and_refreshed_once() {
    let scene = Scene::new();
    assert_eq!(scene.get(), (1, PromptSource::Server));
    scene.has(2);
    scene.clock.advance(Duration::from_secs(59));
    assert_eq!(scene.get(), (1, PromptSource::Cache));
    assert_eq!(scene.requests(), 1);
    scene.clock.advance(Duration::from_secs(1));
    // The first that finds it old has it as it is, and starts the one refresh.
    assert_eq!(scene.get(), (1, PromptSource::Stale));
    scene.until((2, PromptSource::Cache));
    assert_eq!(scene.requests(), 2);
}

#[test]
fn many_that_find_it_stale_ask_the_server_once() {
    let held = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let (hold, asked) = (Arc::clone(&held), AtomicUsize::new(0));
    let server = Receiver::new(move |request| {
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            let (released, changed) = &*hold;
            drop(
                changed
                    .wait_while(released.lock().unwrap(), |released| !*released)
                    .unwrap(),
            );
        }
        Answer::json(200, &row(&request.path, 1).to_string())
    });
    let clock = ManualClock::new();
    let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
        .base_url(server.url())
        .clock(clock.clone())
        .build()
        .unwrap();
    langfuse.prompt("qa").fetch_blocking().unwrap();
    clock.advance(Duration::from_secs(61));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let prompt = langfuse.prompt("qa").fetch_blocking().unwrap();
                    assert_eq!(prompt.source(), PromptSource::Stale);
                }
            });
        }
    });
    // The refresh is on its way or there.
    server.wait_for_requests(2, HANG);
    assert_eq!(server.requests().len(), 2);
    *held.0.lock().unwrap() = true;
    held.1.notify_all();
}

#[test]
fn what_is_gone_from_the_server_is_forgotten_and_an_outage_is_not() {
    let scene = Scene::new();
    scene.get();
    scene.has(1000);
    scene.clock.advance(Duration::from_secs(61));
    assert_eq!(scene.get(), (1, PromptSource::Stale));
    scene.server.wait_for_requests(2, HANG);
    // After a refresh in vain the stale one stays, and the server has five seconds of rest.
    for _ in 0..100 {
        assert_eq!(scene.get(), (1, PromptSource::Stale));
    }
    assert_eq!(scene.requests(), 2);
    scene.has(0);
    let end = Instant::now() + HANG;
    let gone = loop {
        scene.clock.advance(Duration::from_secs(5));
        match scene.langfuse.prompt("qa").fetch_blocking() {
            Ok(prompt) => assert_eq!(prompt.source(), PromptSource::Stale),
            Err(error) => break error,
        }
        assert!(Instant::now() < end);
        thread::yield_now();
    };
    assert!(gone.is_not_found(), "{gone}");
    scene.has(3);
    assert_eq!(scene.get(), (3, PromptSource::Server));
}

#[test]
fn the_time_to_live_is_a_calls_own_and_zero_asks_in_any_case() {
    let scene = Scene::new();
    let get = |ttl| {
        let prompt = scene
            .langfuse
            .prompt("qa")
            .ttl(Duration::from_secs(ttl))
            .fetch_blocking();
        prompt.unwrap().source()
    };
    assert_eq!(get(0), PromptSource::Server);
    assert_eq!(get(0), PromptSource::Server);
    scene.clock.advance(Duration::from_secs(100));
    assert_eq!(get(101), PromptSource::Cache);
    assert_eq!(scene.requests(), 2);
    scene.langfuse.forget_prompt("q");
    assert_eq!(get(101), PromptSource::Cache);
    scene.langfuse.forget_prompt("qa");
    assert_eq!(get(101), PromptSource::Server);
    // A version and a label of one name are two.
    let label = scene.langfuse.prompt("qa").label("1").fetch_blocking().unwrap();
    let version = scene.langfuse.prompt("qa").version(1).fetch_blocking().unwrap();
    assert_eq!(
        (label.source(), version.source()),
        (PromptSource::Server, PromptSource::Server)
    );
    // Without an answer what is in memory is used all the same; without the prompt it is not.
    scene.has(1000);
    assert_eq!(get(0), PromptSource::Stale);
    scene.has(0);
    let gone = scene.langfuse.prompt("qa").ttl(Duration::ZERO).fetch_blocking();
    assert!(gone.is_err_and(|error| error.is_not_found()));
    scene.has(1);
    // Clones share what they have.
    let clone = scene
        .langfuse
        .clone()
        .prompt("qa")
        .version(1)
        .fetch_blocking()
        .unwrap();
    assert_eq!(clone.source(), PromptSource::Cache);
}

#[test]
fn what_is_staler_than_a_call_wants_waits_for_the_server() {
    let scene = Scene::new();
    let get = || {
        let request = scene.langfuse.prompt("qa").max_stale(Duration::from_secs(600));
        let prompt = request.fallback("Hi").fetch_blocking().unwrap();
        (prompt.version(), prompt.source())
    };
    assert_eq!(get(), (1, PromptSource::Server));
    // An outage, so that no refresh comes between.
    scene.has(1000);
    scene.clock.advance(Duration::from_secs(659));
    assert_eq!(get(), (1, PromptSource::Stale));
    scene.server.wait_for_requests(2, HANG);
    scene.clock.advance(Duration::from_secs(1));
    // It is waited for, and what is in memory goes before the fallback.
    assert_eq!(get(), (1, PromptSource::Stale));
    assert_eq!(scene.requests(), 3);
    scene.has(2);
    assert_eq!(get(), (2, PromptSource::Server));
}

#[test]
fn prefetched_prompts_of_either_kind_are_there_and_a_missing_one_is_said() {
    let scene = Scene::new();
    scene.langfuse.prefetch_prompts_blocking(["qa", "chat"]).unwrap();
    assert_eq!(scene.get(), (1, PromptSource::Cache));
    let chat = scene.langfuse.chat_prompt("chat").fetch_blocking().unwrap();
    assert_eq!(chat.source(), PromptSource::Cache);
    scene.has(0);
    let error = alone(scene.langfuse.prefetch_prompts(["one", "two"])).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("one"),
        "{error}"
    );
    assert_eq!(scene.requests(), 4);
}

#[test]
fn a_fallback_stands_in_for_whatever_is_wrong_and_is_flagged() {
    let scene = Scene::new();
    scene.has(0);
    let prompt = scene
        .langfuse
        .prompt("qa")
        .fallback("Hi {{name}}")
        .fetch_blocking()
        .unwrap();
    assert_eq!(
        (prompt.version(), prompt.source(), prompt.is_fallback()),
        (0, PromptSource::Fallback, true)
    );
    assert_eq!((prompt.name(), prompt.config()), ("qa", &json!({})));
    assert!(prompt.fallback_reason().is_some_and(Error::is_not_found));
    assert_eq!(prompt.compile(json!({"name": "Anna"})).unwrap(), "Hi Anna");
    // It is not kept: the next call asks again.
    scene.has(1);
    assert_eq!(scene.get(), (1, PromptSource::Server));

    // One of the other kind is none.
    let wrong = scene.langfuse.prompt("chat").fetch_blocking().unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the prompt \"qa\" is a chat: fetch it by chat_prompt(..)"
    );
    let messages = vec![ChatMessage::new("user", "{{name}}?")];
    let chat: ChatPrompt = scene
        .langfuse
        .chat_prompt("qa")
        .fallback(messages)
        .fetch_blocking()
        .unwrap();
    assert!(chat.is_fallback());
    assert_eq!(
        chat.compile(json!({"name": "Anna"})).unwrap()[0].content(),
        Some("Anna?")
    );

    let nowhere = Langfuse::builder("pk-lf-1", "sk-lf-1")
        .base_url("http://127.0.0.1:1")
        .build()
        .unwrap();
    let prompt = nowhere.prompt("qa").fallback("Hi").fetch_blocking().unwrap();
    assert!(prompt.fallback_reason().is_some_and(Error::is_unreachable));
    // A stale one goes before it.
    scene.has(1000);
    scene.clock.advance(Duration::from_secs(600));
    let prompt = scene
        .langfuse
        .prompt("qa")
        .fallback("Hi")
        .fetch_blocking()
        .unwrap();
    assert_eq!(prompt.source(), PromptSource::Stale);
}

#[test]
fn a_fetch_has_a_time_of_its_own() {
    let server = Receiver::new(|_| Answer::Hang);
    let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1")
        .base_url(server.url())
        .build()
        .unwrap();
    let request = || langfuse.prompt("qa").timeout(Duration::from_millis(100));
    assert!(request().fetch_blocking().unwrap_err().is_timeout());
    let prompt = alone(async { request().fallback("Hi").await }).unwrap();
    assert!(prompt.fallback_reason().is_some_and(Error::is_timeout));
}

#[test]
fn a_version_is_made_once_whatever_comes_back() {
    for answer in [
        Answer::status(500),
        Answer::status(429).header("retry-after", "0"),
        Answer::Reset,
    ] {
        let server = Receiver::new(move |_| answer.clone());
        let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1")
            .base_url(server.url())
            .build()
            .unwrap();
        let error = langfuse
            .create_prompt_blocking(NewPrompt::text("qa", "x"))
            .unwrap_err();
        assert_eq!(server.requests().len(), 1, "{error}");
        assert_eq!(error.is_ambiguous(), !error.is_rate_limited(), "{error}");
    }
}

#[test]
fn what_was_changed_is_fetched_anew() {
    let scene = Scene::new();
    scene.get();
    scene
        .langfuse
        .label_prompt_blocking("qa", 1, ["production"])
        .unwrap();
    assert_eq!(scene.get(), (1, PromptSource::Server));
    scene
        .langfuse
        .create_prompt_blocking(NewPrompt::text("qa", "x"))
        .unwrap();
    assert_eq!(scene.get(), (1, PromptSource::Server));
    scene.langfuse.delete_prompt_version_blocking("qa", 1).unwrap();
    assert_eq!(scene.get(), (1, PromptSource::Server));
}

#[test]
fn users_are_split_between_two_labels_and_each_stays_on_its_side() {
    let scene = Scene::new();
    for (share, query) in [(0.0, "label=blue"), (1.0, "version=7")] {
        for user in ["anna", "ben"] {
            let request = scene.langfuse.prompt("qa").split(user, share, "blue", 7);
            request.ttl(Duration::ZERO).fetch_blocking().unwrap();
            let path = scene.server.requests().pop().unwrap().path;
            assert_eq!(path.split_once('?').unwrap().1, query);
        }
    }
}

/// What the generations of a program are linked to.
fn links(program: impl FnOnce()) -> String {
    let capture = Capture::new();
    capture.run(program);
    capture.tree()
}

#[test]
fn generations_are_linked_to_the_prompt_they_use_or_stand_under() {
    let scene = Scene::new();
    let prompt = scene.langfuse.prompt("qa").fetch_blocking().unwrap();
    scene.has(0);
    let own = scene
        .langfuse
        .prompt("none")
        .fallback("Hi")
        .fetch_blocking()
        .unwrap();
    let generation =
        |name: &'static str| tracing::info_span!("call", otel.name = name, as_type = "generation");
    let tree = links(|| {
        tracing::info_span!("agent", as_type = "agent").in_scope(|| {
            generation("before").in_scope(|| {});
            current().prompt(&prompt);
            generation("below").in_scope(|| {});
            tracing::info_span!("step").in_scope(|| generation("deeper").in_scope(|| {}));
            generation("nearer").in_scope(|| {
                current().prompt(("other", 3));
            });
            generation("beside").in_scope(|| {});
            tracing::info_span!("tool", as_type = "tool").in_scope(|| {});
        });
        generation("elsewhere").in_scope(|| {});
        generation("own").in_scope(|| {
            current().prompt(&own);
        });
    });
    assert_eq!(
        tree,
        "
agent agent
  generation before
  generation below
    prompt: qa@1
  span step
    generation deeper
      prompt: qa@1
  generation nearer
    prompt: other@3
  generation beside
    prompt: qa@1
  tool tool
generation elsewhere
generation own
"
    );
}

#[test]
fn fields_and_observations_made_by_hand_are_scopes_too() {
    let generation =
        |name: &'static str| tracing::info_span!("call", otel.name = name, as_type = "generation");
    let tree = links(|| {
        tracing::info_span!(
            "fields",
            langfuse.observation.prompt.name = "qa",
            langfuse.observation.prompt.version = 7
        )
        .in_scope(|| {
            generation("below").in_scope(|| {});
            current().prompt(("other", 3));
            generation("later").in_scope(|| {});
            tracing::info_span!("half", prompt.name = "half")
                .in_scope(|| generation("under half").in_scope(|| {}));
        });
    });
    assert_eq!(
        tree,
        "
span fields
  meta:   {\"langfuse.observation.prompt.name\":\"qa\",\"langfuse.observation.prompt.version\":7}
  generation below
    prompt: qa@7
  generation later
    prompt: other@3
  span half
    meta:   {\"prompt.name\":\"half\"}
    generation under half
      prompt: other@3
"
    );
    let langfuse = Receiver::langfuse();
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url());
    let (_layer, llm) = tracing_llm::builder().langfuse(keys).build().unwrap();
    let root = llm.trace("root").start();
    let before = root.generation("before").start();
    root.prompt(("qa", 7));
    let step = root.span("step").start();
    step.generation("below").start().end();
    step.generation("nearer").start().prompt(("other", 3));
    before.end();
    step.end();
    root.end();
    llm.flush_blocking(HANG);
    let rows = rows::of_requests(&langfuse.requests());
    let link = |link: &(String, i64)| format!("@{} {}", link.0, link.1);
    let links = rows.iter().map(|row| {
        format!(
            "{}{}",
            row.name,
            row.prompt.as_ref().map_or_else(String::new, link)
        )
    });
    assert_eq!(
        links.collect::<Vec<_>>(),
        ["below@qa 7", "nearer@other 3", "before", "step", "root"]
    );
}

#[test]
fn a_prompts_config_becomes_model_and_parameters_in_the_same_call() {
    let config = json!({
        "model": "mistral-7b", "temperature": 0.3, "max_tokens": 1024, "stop": ["\n"], "json_mode": true, "none": null,
        "response_format": {"type": "json_object"},
    });
    let mut row = row("qa", 4);
    row["config"] = config;
    let server = Receiver::new(move |_| Answer::json(200, &row.to_string()));
    let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1")
        .base_url(server.url())
        .build()
        .unwrap();
    let prompt = langfuse.prompt("qa").fetch_blocking().unwrap();
    let tree = links(|| {
        tracing::info_span!("call", as_type = "generation").in_scope(|| {
            current()
                .prompt(prompt.with_config())
                .parameter("temperature", 0.9);
        });
    });
    // What is said later of one parameter wins.
    assert_eq!(
        tree,
        r#"
generation call  model=mistral-7b
  params: {"json_mode":true,"max_tokens":1024,"stop":["\n"],"temperature":0.9}
  prompt: qa@4
"#
    );
}
