//! A share of all traces: whole or not at all, the same ones everywhere, and counted.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tracing::field::{Empty, debug};
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Builder, Guard, Langfuse, LangfuseBuilder, Otlp, TraceId, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::receiver::Receiver;

const TRACES: usize = 400;

fn langfuse(receiver: &Receiver) -> LangfuseBuilder {
    Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(receiver.url())
}

fn otlp(receiver: &Receiver) -> Otlp {
    Otlp::new(format!("{}/v1/traces", receiver.url()))
}

fn work(builder: Builder, code: impl FnOnce()) -> Guard {
    let (layer, llm) = builder.build().unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, code);
    llm.flush_blocking(Duration::from_secs(20));
    llm
}

/// The traces that a receiver has, each with both of its spans.
fn traces(receiver: &Receiver) -> BTreeSet<Vec<u8>> {
    let spans = receiver.spans();
    let ids: BTreeSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(spans.len(), 2 * ids.len(), "a trace is sent whole or not at all");
    ids
}

#[test]
fn each_destination_is_sent_its_share_and_the_smaller_is_a_part_of_the_larger() {
    let (a, b) = (Receiver::langfuse(), Receiver::otlp());
    let builder = tracing_llm::builder()
        .langfuse(langfuse(&a).sample_rate(0.25))
        .otlp_to(otlp(&b))
        .sample_rate(0.5);
    let llm = work(builder, || {
        for _ in 0..TRACES {
            info_span!("outer").in_scope(|| info_span!("inner").in_scope(|| {}));
        }
    });
    let (few, many) = (traces(&a), traces(&b));
    assert!((50..150).contains(&few.len()), "{}", few.len());
    assert!((130..270).contains(&many.len()), "{}", many.len());
    assert!(few.is_subset(&many));
    let ledger = llm.ledger();
    assert_eq!(ledger.lane("langfuse").unwrap().offered(), 2 * few.len() as u64);
    assert_eq!(ledger.lane("otlp").unwrap().offered(), 2 * many.len() as u64);
    assert_eq!(ledger.sampled_out(), (TRACES - few.len()) as u64);
    assert_eq!(ledger.open(), 0);
}

#[test]
fn traces_made_by_hand_are_sampled_by_their_ids_and_take_what_is_below_with_them() {
    let receiver = Receiver::otlp();
    let builder = tracing_llm::builder().otlp_to(otlp(&receiver)).sample_rate(0.5);
    let ids: Vec<_> = (0..TRACES).map(|number| format!("request {number}")).collect();
    let (layer, llm) = builder.build().unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, || {
        for id in &ids {
            let root = llm.trace("request").id(id).start();
            root.in_scope(|| info_span!("below").in_scope(|| {}));
        }
    });
    llm.flush_blocking(Duration::from_secs(20));
    // Below half of the last eight bytes: the same arithmetic as the official SDKs'.
    let kept = ids.iter().map(|id| TraceId::from_seed(id).to_bytes());
    let kept: BTreeSet<_> = kept.filter(|id| id[8] < 0x80).map(Vec::from).collect();
    assert_eq!(traces(&receiver), kept);
    assert_eq!(llm.ledger().sampled_out(), (TRACES - kept.len()) as u64);
}

/// Counts how often anybody asks for its text.
#[derive(Default)]
struct Asked(AtomicUsize);

impl Serialize for Asked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("text")
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("text")
    }
}

#[test]
fn what_is_said_in_a_trace_that_nobody_is_sent_is_not_even_written_down() {
    let said = |share: f64| {
        let receiver = Receiver::otlp();
        let builder = tracing_llm::builder().otlp_to(otlp(&receiver)).sample_rate(share);
        let asked = Asked::default();
        let llm = work(builder, || {
            let span = info_span!("work", seen = ?asked, later = Empty);
            span.record("later", debug(&asked));
            span.in_scope(|| {
                current().output(&asked).metadata("key", &asked);
                current().trace().metadata("key", &asked);
                tracing::info!(?asked, "an event");
                // Its id is known all the same, so that a log line can name it.
                assert!(current().trace_id().is_some());
            });
        });
        let by_hand = llm.trace("by hand").start();
        by_hand.output(&asked).trace().metadata("key", &asked);
        by_hand.end();
        llm.flush_blocking(Duration::from_secs(20));
        let asked = asked.0.load(Ordering::Relaxed);
        (asked, receiver.requests().len(), llm.ledger().to_string())
    };
    let (asked, requests, ledger) = said(0.0);
    assert_eq!((asked, requests), (0, 0));
    assert_eq!(
        ledger,
        "otlp: 0 offered = 0 exported + 0 failed + 0 dropped + 0 queued\n0 open, 2 of the traces sampled out"
    );
    let (asked, requests, _) = said(1.0);
    assert_eq!((asked, requests), (8, 2));
}
