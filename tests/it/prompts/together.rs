//! Several callers that want one prompt which is not in memory: the server is asked once.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tracing_llm::langfuse::PromptSource;
use tracing_llm::testing::ManualClock;
use tracing_llm::{Error, Langfuse, Prompt};

use super::{HANG, row};
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

/// A server that answers nothing before it is told to.
struct Held {
    server: Receiver,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Held {
    fn new(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (theirs, asked) = (Arc::clone(&gate), AtomicUsize::new(0));
        let server = Receiver::new(move |_| {
            let time = asked.fetch_add(1, Ordering::SeqCst);
            let (open, changed) = &*theirs;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            answer(time)
        });
        Self { server, gate }
    }

    fn open(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    fn client(&self) -> Langfuse {
        client(&self.server)
    }
}

fn client(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

fn version(number: u64) -> Answer {
    Answer::json(200, &row("", number).to_string())
}

type Fetch = Pin<Box<dyn Future<Output = Result<Prompt, Error>> + Send>>;

/// A call that has begun, and is not polled again before it is awaited.
fn begun(call: impl IntoFuture<Output = Result<Prompt, Error>, IntoFuture = Fetch>) -> Fetch {
    let mut call = call.into_future();
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
    call
}

#[test]
fn many_that_find_nothing_ask_the_server_once() {
    let held = Held::new(|_| version(1));
    let langfuse = held.client();
    thread::scope(|scope| {
        let call = || langfuse.prompt("qa").fetch_blocking().unwrap().version();
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        held.server.wait_for_requests(1, HANG);
        held.open();
        for call in calls {
            assert_eq!(call.join().unwrap(), 1);
        }
    });
    assert_eq!(held.server.requests().len(), 1);
    let prompt = langfuse.prompt("qa").fetch_blocking().unwrap();
    assert_eq!(prompt.source(), PromptSource::Cache);
}

#[test]
fn all_are_told_of_one_failure() {
    let held = Held::new(|_| replay::answered("prompts", "get, unknown name"));
    let langfuse = held.client();
    let calls: Vec<_> = (0..3).map(|_| begun(langfuse.prompt("qa"))).collect();
    held.open();
    for call in calls {
        let error = alone(call).unwrap_err();
        assert!(
            error.is_not_found() && error.status() == Some(404) && error.to_string().contains("\"qa\""),
            "{error}"
        );
    }
    assert_eq!(held.server.requests().len(), 1);
    // It is not remembered.
    assert!(langfuse.prompt("qa").fetch_blocking().is_err());
    assert_eq!(held.server.requests().len(), 2);
}

#[test]
fn who_goes_away_or_stands_still_holds_up_nobody() {
    let held = Held::new(|_| version(1));
    let langfuse = held.client();
    let first = begun(langfuse.prompt("qa"));
    let still = begun(langfuse.prompt("qa"));
    drop(first);
    held.server.wait_for_requests(1, HANG);
    held.open();
    assert_eq!(langfuse.prompt("qa").fetch_blocking().unwrap().version(), 1);
    assert_eq!(alone(still).unwrap().source(), PromptSource::Server);
    assert_eq!(held.server.requests().len(), 1);
}

#[test]
fn a_question_for_which_nobody_waits_is_given_up() {
    let server = Receiver::new(|request| match request.path.contains("label") {
        true => version(2),
        false => Answer::Hang,
    });
    let langfuse = client(&server);
    drop(begun(langfuse.prompt("qa")));
    let short = Duration::from_millis(100);
    let error = langfuse.prompt("qa").timeout(short).fetch_blocking().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    // Another version is another question.
    let other = langfuse.prompt("qa").label("blue").fetch_blocking().unwrap();
    assert_eq!(other.version(), 2);
}

/// A server that never answers the first question.
fn hangs_once() -> Receiver {
    let asked = AtomicUsize::new(0);
    Receiver::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Hang,
        _ => version(1),
    })
}

#[test]
fn each_waits_as_long_as_it_wants_to() {
    let server = hangs_once();
    let langfuse = client(&server);
    let (short, long) = (Duration::from_millis(100), HANG);
    // The one with less time does not wait for the other's end …
    let patient = begun(langfuse.prompt("qa").timeout(long));
    let error = alone(langfuse.prompt("qa").timeout(short).into_future()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot fetch the prompt \"qa\": no answer from {} within 100ms",
            server.address()
        )
    );
    assert!(error.is_timeout() && !error.is_ambiguous(), "{error}");
    drop(patient);

    // … and the one with more asks again.
    let server = hangs_once();
    let langfuse = client(&server);
    let hasty = begun(langfuse.prompt("qa").timeout(short));
    let prompt = langfuse.prompt("qa").timeout(long).fetch_blocking().unwrap();
    assert_eq!(prompt.version(), 1);
    drop(hasty);
}

#[test]
fn what_was_asked_before_a_change_is_not_kept_after_it() {
    let held = Held::new(|time| version(1 + time as u64));
    let langfuse = held.client();
    let before = begun(langfuse.prompt("qa"));
    held.server.wait_for_requests(1, HANG);
    langfuse.forget_prompt("qa");
    let after = begun(langfuse.prompt("qa"));
    held.server.wait_for_requests(2, HANG);
    held.open();
    assert_eq!(alone(after).unwrap().version(), 2);
    // Its answer may come last.
    assert_eq!(alone(before).unwrap().version(), 1);
    let prompt = langfuse.prompt("qa").fetch_blocking().unwrap();
    assert_eq!((prompt.version(), prompt.source()), (2, PromptSource::Cache));
}

#[test]
fn the_end_of_the_pipeline_does_not_end_the_question() {
    let server = hangs_once();
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let (_layer, llm) = tracing_llm::builder()
        .langfuse(keys.base_url(server.url()))
        .build()
        .unwrap();
    let langfuse = llm.langfuse().unwrap();
    let call = begun(langfuse.prompt("qa"));
    server.wait_for_requests(1, HANG);
    llm.shutdown_blocking(HANG);
    assert_eq!(alone(call).unwrap().version(), 1);
}

#[test]
fn prompts_are_prefetched_beside_each_other_in_the_time_of_one_call() {
    // Each is answered when all eight are there.
    let (arrived, all) = (Mutex::new(0), Condvar::new());
    let server = Receiver::new(move |_| {
        let mut arrived = arrived.lock().unwrap();
        *arrived += 1;
        all.notify_all();
        drop(all.wait_while(arrived, |arrived| *arrived < 8).unwrap());
        version(1)
    });
    let langfuse = client(&server);
    let names = (0..8).map(|number| format!("qa-{number}"));
    langfuse.prefetch_prompts_blocking(names).unwrap();
    let prompt = langfuse.prompt("qa-7").fetch_blocking().unwrap();
    assert_eq!(prompt.source(), PromptSource::Cache);

    let server = Receiver::new(|_| Answer::Hang);
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
    let langfuse = keys.timeout(Duration::from_millis(200)).build().unwrap();
    let began = Instant::now();
    let names = (0..100).map(|number| format!("qa-{number}"));
    let error = langfuse.prefetch_prompts_blocking(names).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(began.elapsed() < HANG / 10);
}

#[test]
fn what_a_prefetch_had_no_time_to_ask_for_has_not_failed() {
    let asked = AtomicUsize::new(0);
    let server = Receiver::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0..8 => Answer::Hang,
        _ => version(1),
    });
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
    let langfuse = keys.timeout(Duration::from_millis(500)).build().unwrap();
    let names = (0..9).map(|number| format!("qa-{number}"));
    let error = langfuse.prefetch_prompts_blocking(names).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let last = langfuse
        .prompt("qa-8")
        .timeout(HANG)
        .fallback("Hi")
        .fetch_blocking();
    assert_eq!(last.unwrap().source(), PromptSource::Server);
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_once_where_there_is_a_fallback() {
    let held = Held::new(|_| version(1));
    let clock = ManualClock::new();
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let keys = keys
        .base_url(held.server.url())
        .timeout(HANG)
        .clock(clock.clone());
    let langfuse = keys.build().unwrap();
    let call = || langfuse.prompt("qa").fallback("Hi");
    let first = call()
        .timeout(Duration::from_millis(100))
        .fetch_blocking()
        .unwrap();
    assert!(first.fallback_reason().is_some_and(Error::is_timeout));
    // Nobody waits for what they would get in a minute; one question is on its way.
    for _ in 0..100 {
        assert_eq!(call().fetch_blocking().unwrap().source(), PromptSource::Fallback);
        clock.advance(Duration::from_millis(100));
    }
    held.server.wait_for_requests(2, HANG);
    assert_eq!(held.server.requests().len(), 2);
    held.open();
    let end = Instant::now() + HANG;
    while call().fetch_blocking().unwrap().is_fallback() {
        assert!(Instant::now() < end);
        thread::yield_now();
    }
    assert_eq!(call().fetch_blocking().unwrap().source(), PromptSource::Cache);
}

#[test]
fn a_server_that_answers_again_fails_no_more_whatever_was_forgotten_meanwhile() {
    let held = Held::new(|_| version(1));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(held.server.url());
    let langfuse = keys.timeout(HANG).clock(ManualClock::new()).build().unwrap();
    let call = || langfuse.prompt("qa").fallback("Hi");
    let short = Duration::from_millis(100);
    assert!(call().timeout(short).fetch_blocking().unwrap().is_fallback());
    assert!(call().fetch_blocking().unwrap().is_fallback());
    held.server.wait_for_requests(2, HANG);
    langfuse.forget_prompt("another");
    held.open();
    let end = Instant::now() + Duration::from_secs(10);
    while call().fetch_blocking().unwrap().is_fallback() {
        assert!(Instant::now() < end);
        thread::yield_now();
    }
}

#[test]
fn a_server_that_fails_has_rest_and_is_asked_again_after_it() {
    // A call does not try again: the wait would be longer than it has.
    let server = Receiver::new(|_| Answer::status(503).header("retry-after", "3600"));
    let asked = || server.requests().len();
    let clock = ManualClock::new();
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
    let langfuse = keys.clock(clock.clone()).build().unwrap();
    let reason = || {
        let prompt = langfuse.prompt("qa").fallback("Hi").fetch_blocking().unwrap();
        assert!(prompt.fallback_reason().is_some_and(Error::is_server_failure));
    };
    reason();
    assert_eq!(asked(), 1);
    (0..50).for_each(|_| reason());
    server.wait_for_requests(2, HANG);
    (0..50).for_each(|_| reason());
    assert_eq!(asked(), 2);
    // The second may not be over yet, and the next joins it then.
    let end = Instant::now() + HANG;
    while asked() < 3 {
        clock.advance(Duration::from_secs(5));
        reason();
        assert!(Instant::now() < end);
        thread::yield_now();
    }
    // Who has none is told what the server says now.
    assert!(langfuse.prompt("qa").fetch_blocking().is_err());
    let so_far = asked();
    // After a minute without a call nothing is known of it.
    clock.advance(Duration::from_secs(60));
    reason();
    assert_eq!(asked(), so_far + 1);
}
