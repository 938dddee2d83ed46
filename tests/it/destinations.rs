//! Several destinations of a kind at once, each with a filter and books of its own.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use tracing::field::Empty;
use tracing::{Dispatch, debug_span, dispatcher, info, info_span, warn_span};
use tracing_llm::{Guard, Langfuse, LangfuseBuilder, Otlp, SpanExt};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::Receiver;
use crate::support::rows;

fn project(server: &Receiver) -> LangfuseBuilder {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url())
}

fn collector(server: &Receiver) -> Otlp {
    Otlp::new(format!("{}/v1/traces", server.url()))
}

/// A request to a shop: it searches, embeds and asks, each in a module of its own, and serves HTTP around it.
fn serve() {
    let http = info_span!(target: "tower_http", "POST /ask", user_id = "u-1");
    http.in_scope(|| {
        info_span!(target: "shop", "handle", as_type = "agent").in_scope(|| {
            info_span!(target: "shop::search", "search", as_type = "retriever").in_scope(|| {
                info_span!(target: "vectors", "embed", as_type = "embedding").in_scope(|| {
                    info!(target: "vectors", "embedded");
                });
            });
            debug_span!(target: "shop", "detail").in_scope(|| {
                let ask = info_span!(target: "model", "ask", as_type = "generation", model = "m");
                ask.in_scope(|| warn_span!(target: "model", "retry").in_scope(|| {}));
            });
        });
    });
}

/// The tree of names that a collector was sent.
fn names(server: &Receiver) -> String {
    fn draw(
        spans: &[opentelemetry_proto::tonic::trace::v1::Span],
        parent: &[u8],
        depth: usize,
        out: &mut String,
    ) {
        for span in spans.iter().filter(|span| span.parent_span_id == parent) {
            out.push_str(&format!("{}{}\n", "  ".repeat(depth), span.name));
            draw(spans, &span.span_id, depth + 1, out);
        }
    }
    let mut spans = server.spans();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    let mut out = String::new();
    draw(&spans, &[], 0, &mut out);
    assert_eq!(
        out.lines().count(),
        spans.len(),
        "a span stands below one that is not here"
    );
    out
}

#[test]
fn each_destination_shows_what_its_filter_lets_pass_under_the_right_parents() {
    let (shop, other, models) = (Receiver::langfuse(), Receiver::langfuse(), Receiver::langfuse());
    let (all, some) = (Receiver::otlp(), Receiver::otlp());
    let (layer, llm) = tracing_llm::builder()
        .level(tracing::Level::DEBUG)
        .langfuse(project(&shop).filter("shop=info,vectors=info"))
        .langfuse(project(&other).filter("info,shop::search=off"))
        .langfuse(project(&models).filter("model=debug").name("models"))
        .otlp_to(collector(&all))
        .otlp_to(collector(&some).filter("shop=debug,tower_http=info,model=warn"))
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, serve);
    assert_eq!(
        llm.flush_blocking(Duration::from_secs(20)).to_string(),
        "langfuse 3 sent · langfuse-2 4 sent · models 2 sent · otlp 7 sent · otlp-2 5 sent · 0 lost"
    );
    let tree = |server: &Receiver| format!("\n{}", rows::tree(&rows::of_requests(&server.requests())));
    assert_eq!(
        tree(&shop),
        r#"
AGENT 'handle'  trace=handle  user=u-1  root, no parent
  RETRIEVER 'search'
    EMBEDDING 'embed'
"#
    );
    assert_eq!(
        tree(&other),
        r#"
AGENT 'handle'  trace=handle  user=u-1  root, no parent
  EMBEDDING 'embed'
  GENERATION 'ask'  model=m
    SPAN 'retry'
"#
    );
    assert_eq!(
        tree(&models),
        r#"
GENERATION 'ask'  trace=handle  user=u-1  model=m  root, no parent
  SPAN 'retry'
"#
    );
    assert_eq!(
        names(&all),
        "POST /ask
  handle
    search
      embed
    detail
      ask
        retry
"
    );
    assert_eq!(
        names(&some),
        "POST /ask
  handle
    search
    detail
      retry
"
    );
    let ledger = llm.ledger();
    let books: Vec<_> = ledger
        .lanes()
        .iter()
        .map(|lane| (lane.name(), lane.offered(), lane.exported()))
        .collect();
    assert_eq!(
        books,
        [
            ("langfuse", 3, 3),
            ("langfuse-2", 4, 4),
            ("models", 2, 2),
            ("otlp", 7, 7),
            ("otlp-2", 5, 5)
        ]
    );
    assert_eq!(ledger.open(), 0);
}

#[test]
fn a_filtered_collector_gets_events_in_their_spans_and_no_observation_made_of_one() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (layer, llm) = tracing_llm::builder()
        .langfuse(project(&langfuse))
        .otlp_to(collector(&otlp).filter("shop=info"))
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        info_span!(target: "shop", "handle").in_scope(|| info!(target: "shop", as_type = "event", "sold"));
    });
    assert_eq!(
        llm.flush_blocking(Duration::from_secs(20)).to_string(),
        "langfuse 2 sent · otlp 1 sent · 0 lost"
    );
    assert_eq!(otlp.spans()[0].events[0].name, "sold");
}

/// A pipeline to one project, which is shown the spans of the shop.
fn shop_only(langfuse: &Receiver) -> (Dispatch, Guard) {
    let (layer, llm) = tracing_llm::builder()
        .langfuse(project(langfuse).filter("shop=info"))
        .build()
        .unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), llm)
}

#[test]
fn what_no_project_is_shown_names_no_trace_and_hides_no_user() {
    let langfuse = Receiver::langfuse();
    let (subscriber, llm) = shop_only(&langfuse);
    dispatcher::with_default(&subscriber, || {
        info_span!(target: "framework", "job", session_id = "s-1").in_scope(|| {
            info_span!(target: "shop", "handle", tags = "a,b").in_scope(|| {});
        });
    });
    assert_eq!(
        llm.flush_blocking(Duration::from_secs(20)).to_string(),
        "langfuse 1 sent · 0 lost"
    );
    assert_eq!(
        format!("\n{}", rows::tree(&rows::of_requests(&langfuse.requests()))),
        r#"
SPAN 'handle'  trace=handle  session=s-1  tags=["a","b"]  root, no parent
"#
    );
}

#[test]
fn what_is_not_shown_says_of_its_trace_what_it_said_first_and_later_whoever_asks_when() {
    let langfuse = Receiver::langfuse();
    let (subscriber, llm) = shop_only(&langfuse);
    dispatcher::with_default(&subscriber, || {
        let job = |name| {
            info_span!(
                target: "framework",
                "job",
                langfuse.trace.name = name,
                langfuse.trace.tags = "first",
                user_id = "u-1",
                session.id = Empty,
            )
        };
        let shown = || drop(info_span!(target: "shop", "handle"));
        // Nothing asks before a later value takes the place of the first.
        let recorded = job("recorded");
        recorded.record("langfuse.trace.tags", "second");
        recorded.in_scope(shown);
        let told = job("told");
        told.observation().trace().tags(["second"]).session("s-1");
        told.in_scope(shown);
        // A child asks first, and hears of what comes.
        let asked = job("asked");
        let child = asked.in_scope(|| info_span!(target: "shop", "handle"));
        asked.record("session.id", "s-2");
        asked.record("user_id", "u-2");
        drop(child);
        // Below one that says the user, a plain word is an argument.
        let inner = asked.in_scope(|| job("inner"));
        inner.in_scope(shown);
    });
    llm.flush_blocking(Duration::from_secs(20));
    assert_eq!(
        format!("\n{}", rows::tree(&rows::of_requests(&langfuse.requests()))),
        r#"
SPAN 'handle'  trace=recorded  user=u-1  tags=["first","second"]  root, no parent
SPAN 'handle'  trace=told  user=u-1  session=s-1  tags=["first","second"]  root, no parent
SPAN 'handle'  trace=asked  user=u-2  session=s-2  tags=["first"]  root, no parent
SPAN 'handle'  trace=inner  user=u-2  session=s-2  tags=["first"]  root, no parent
"#
    );
}

#[test]
fn what_an_event_says_of_itself_is_not_said_by_the_span_around_it_that_is_not_shown() {
    let langfuse = Receiver::langfuse();
    let (layer, llm) = tracing_llm::builder()
        .langfuse(project(&langfuse))
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        let root = info_span!("root");
        drop(info_span!(parent: &root, "both", user.id = "u", session.id = "s"));
        let request = info_span!(parent: &root, "request", http.route = "/", user.id = "u");
        request.in_scope(|| {
            info!(session.id = "s", "it is known");
            drop(info_span!("below"));
        });
    });
    llm.flush_blocking(Duration::from_secs(20));
    let rows = rows::of_requests(&langfuse.requests());
    let below = rows.iter().find(|row| row.name == "below").unwrap();
    assert_eq!(
        (below.user.as_deref(), below.session.as_deref()),
        (Some("u"), None)
    );
}

#[test]
fn of_what_nobody_is_shown_only_what_it_says_of_the_trace_is_formatted() {
    struct Counted<'a>(&'a str, &'a Cell<u32>);
    impl fmt::Debug for Counted<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.1.set(self.1.get() + 1);
            f.write_str(self.0)
        }
    }
    let langfuse = Receiver::langfuse();
    let (subscriber, llm) = shop_only(&langfuse);
    let (said, unsaid) = (Cell::new(0), Cell::new(0));
    dispatcher::with_default(&subscriber, || {
        let ask = info_span!(target: "shop", "ask", model = "m", prompt = "p");
        let _ask = ask.entered();
        let call = info_span!(
            target: "framework",
            "call",
            gen_ai.request.model = ?Counted("m", &unsaid),
            gen_ai.usage.input_tokens = 5,
            session.id = ?Counted("s-1", &said),
            answer = Empty,
        );
        let _call = call.clone().entered();
        call.record("answer", format_args!("{:?}", Counted("42", &unsaid)));
        info!(target: "framework", detail = ?Counted("sent", &unsaid));
        drop(info_span!(target: "shop", "tool", as_type = "tool"));
    });
    llm.flush_blocking(Duration::from_secs(20));
    // As if the call were not there, but for its session: it does not take the model's call from the span above it.
    let rows = rows::of_requests(&langfuse.requests());
    let seen = |row: &rows::Row| (row.name.clone(), row.kind.clone(), row.session.clone());
    let mut seen: Vec<_> = rows.iter().map(seen).collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            ("ask".to_owned(), "GENERATION".to_owned(), None),
            ("tool".to_owned(), "TOOL".to_owned(), Some("s-1".to_owned())),
        ]
    );
    assert_eq!((said.get(), unsaid.get()), (1, 0));
}

#[test]
fn observations_made_by_hand_have_a_target_too() {
    let (with, without) = (Receiver::otlp(), Receiver::otlp());
    let (_layer, llm) = tracing_llm::builder()
        .otlp_to(collector(&with).filter("tracing_llm=info").name("with"))
        .otlp_to(collector(&without).filter("shop=info").name("without"))
        .build()
        .unwrap();
    drop(llm.trace("import").start().generation("call").start());
    assert_eq!(
        llm.flush_blocking(Duration::from_secs(20)).to_string(),
        "with 2 sent · without 0 sent · 0 lost"
    );
}

#[test]
fn a_filter_or_a_name_that_cannot_be_is_an_error_that_names_it() {
    let server = Receiver::langfuse();
    let builder = tracing_llm::builder;
    let cases = [
        (
            builder().langfuse(project(&server).filter("shop=loud")),
            r#"the filter "shop=loud" cannot be read"#,
        ),
        (
            builder().otlp_to(collector(&server).filter("a=b=c")),
            r#"the filter "a=b=c" cannot be read"#,
        ),
        (
            builder().langfuse(project(&server).name(" ")),
            r#"" " is no name"#,
        ),
        (
            builder().langfuse(project(&server).name("a\nb")),
            r#""a\nb" is no name"#,
        ),
        (
            builder()
                .langfuse(project(&server).name("one"))
                .otlp_to(collector(&server).name("one")),
            r#"two destinations are called "one""#,
        ),
    ];
    for (builder, words) in cases {
        let error = builder.build().unwrap_err();
        assert!(
            error.is_invalid_value() && error.to_string().contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_given_name_is_left_to_whom_it_was_given() {
    let server = Receiver::langfuse();
    let (_layer, llm) = tracing_llm::builder()
        .langfuse(project(&server))
        .langfuse(project(&server))
        .otlp_to(collector(&server).name("langfuse-2"))
        .build()
        .unwrap();
    let ledger = llm.ledger();
    let names: Vec<_> = ledger.lanes().iter().map(tracing_llm::Account::name).collect();
    assert_eq!(names, ["langfuse", "langfuse-3", "langfuse-2"]);
}
