//! A busy program: tasks that move from thread to thread, under one global subscriber, with two destinations.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "it/support/receiver.rs"]
mod receiver;

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use receiver::Receiver;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};
use tracing_llm::{Langfuse, Otlp, SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;

const TASKS: usize = 64;
const ROUNDS: usize = 50;

/// What a span of the program is: id → parent, trace, user.
type Made = HashMap<Vec<u8>, (Vec<u8>, Vec<u8>, String)>;

fn note(made: &mut Made, span: &Span, parent: Option<&Span>, user: &str) {
    let id = |span: &Span| span.observation().id().unwrap().to_bytes().to_vec();
    let trace = span.observation().trace_id().unwrap().to_bytes().to_vec();
    let parent = parent.map(id).unwrap_or_default();
    let again = made.insert(id(span), (parent, trace, user.to_owned()));
    assert!(again.is_none(), "an id was given twice");
}

/// One request: four spans that end in another order and on other threads than they began, and a user that is known
/// when all of them are open.
async fn request(user: String) -> Made {
    let mut made = Made::new();
    let root = info_span!("request", late = Empty);
    let outer = info_span!(parent: &root, "outer", late = Empty);
    let inner = outer.in_scope(|| info_span!("inner"));
    let call = info_span!(parent: &inner, "call", model = "m", prompt = "p");
    note(&mut made, &root, None, &user);
    note(&mut made, &outer, Some(&root), &user);
    note(&mut made, &inner, Some(&outer), &user);
    note(&mut made, &call, Some(&inner), &user);
    async {
        tokio::task::yield_now().await;
        current().output("answer").trace().user(&user);
        tokio::task::yield_now().await;
    }
    .instrument(call.clone())
    .await;
    root.record("late", 1);
    let elsewhere = tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop((root, call));
    });
    outer.record("late", 2);
    drop(inner);
    elsewhere.await.unwrap();
    drop(outer);
    made
}

fn user(span: &ProtoSpan) -> String {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == "user.id");
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(user)) => user,
        other => panic!("{}: {other:?}", span.name),
    }
}

#[test]
fn every_span_arrives_once_below_its_parent_at_both_destinations() {
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (layer, llm) = tracing_llm::builder()
        .langfuse(Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .queue_bytes(1 << 30)
        .build()
        .unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let made = runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                tokio::spawn(async move {
                    let mut made = Made::new();
                    for round in 0..ROUNDS {
                        made.extend(request(format!("u-{task}-{round}")).await);
                    }
                    made
                })
            })
            .collect();
        let mut made = Made::new();
        for task in tasks {
            made.extend(task.await.unwrap());
        }
        made
    });
    let count = 4 * TASKS * ROUNDS;
    assert_eq!(made.len(), count, "ids differ");
    let report = llm.flush_blocking(Duration::from_secs(60));
    assert_eq!(
        report.to_string(),
        format!("langfuse {count} sent · otlp {count} sent · 0 lost")
    );
    let ledger = llm.ledger();
    assert_eq!(ledger.open(), 0);
    for lane in ledger.lanes() {
        assert_eq!((lane.offered(), lane.exported()), (count as u64, count as u64));
    }
    for receiver in [langfuse, otlp] {
        let spans = receiver.spans();
        assert_eq!(spans.len(), count);
        let arrived: Made = spans
            .into_iter()
            .map(|span| {
                (
                    span.span_id.clone(),
                    (span.parent_span_id.clone(), span.trace_id.clone(), user(&span)),
                )
            })
            .collect();
        assert!(
            arrived == made,
            "ids, parents, traces and users are those of the program"
        );
    }
}
