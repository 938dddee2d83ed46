//! The workloads with fastrace. Its values are strings, and only a span that is opened and closed on one thread is cheap: so a
//! program that moved to it would write these.

use fastrace::future::FutureExt as _;
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};

use super::{AGENTS, Api, CALLS, Trace};
use crate::text::Texts;

pub(crate) const API: Api = Api {
    empty,
    generations,
    agent: |texts, turn| -> Trace {
        let root = Span::root("answer", SpanContext::random()).with_property(|| ("as_type", "agent"));
        Box::pin(answer(texts, turn).in_span(root))
    },
    below_a_parent: |run| {
        let parent = Span::root("agent", SpanContext::random()).with_property(|| ("as_type", "agent"));
        let _entered = parent.set_local_parent();
        run();
    },
};

fn empty(spans: u64) {
    #[fastrace::trace(short_name = true)]
    fn nothing() {}
    for _ in 0..spans {
        nothing();
    }
}

fn generations(texts: &'static Texts, first: u64, spans: u64) {
    for turn in first..first + spans {
        let _span =
            LocalSpan::enter_with_local_parent("generation").with_properties(|| beginning(texts, turn));
        LocalSpan::add_event(sending());
        for property in end(texts, turn) {
            LocalSpan::add_property(|| property);
        }
    }
}

type Property = (&'static str, String);

fn beginning(texts: &Texts, turn: u64) -> [Property; 8] {
    [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.provider.name", "mistral_ai".to_owned()),
        ("gen_ai.request.model", "mistral-7b".to_owned()),
        ("gen_ai.request.temperature", 0.7.to_string()),
        ("gen_ai.request.max_tokens", 1024_i64.to_string()),
        ("gen_ai.conversation.id", "session-1".to_owned()),
        ("turn", turn.to_string()),
        ("gen_ai.input.messages", texts.input(turn).to_owned()),
    ]
}

fn sending() -> Event {
    Event::new("sending").with_property(|| ("attempt", 1_i64.to_string()))
}

fn end(texts: &Texts, turn: u64) -> [Property; 4] {
    [
        ("gen_ai.output.messages", texts.output(turn).to_owned()),
        ("gen_ai.usage.input_tokens", 500_i64.to_string()),
        ("gen_ai.usage.output_tokens", 250_i64.to_string()),
        ("gen_ai.usage.total_tokens", 750_i64.to_string()),
    ]
}

async fn answer(texts: &'static Texts, turn: u64) {
    let agents: Vec<_> = (0..AGENTS)
        .map(|number| {
            let span = Span::enter_with_local_parent("agent").with_property(|| ("as_type", "agent"));
            tokio::spawn(agent(texts, turn + number * CALLS).in_span(span))
        })
        .collect();
    for agent in agents {
        // It fails when the agent panics, which has been said by then; the sink then misses its spans.
        let _ = agent.await;
    }
}

async fn agent(texts: &'static Texts, first: u64) {
    for turn in first..first + CALLS {
        let span = Span::enter_with_local_parent("generation").with_properties(|| beginning(texts, turn));
        async {
            LocalSpan::add_event(sending());
            tokio::task::yield_now().await;
            for property in end(texts, turn) {
                LocalSpan::add_property(|| property);
            }
        }
        .in_span(span)
        .await;
        tool("how long do we keep invoices", turn).await;
    }
}

async fn tool(query: &'static str, top_k: u64) {
    let span = Span::enter_with_local_parent("tool").with_properties(|| {
        [
            ("as_type", "tool".to_owned()),
            ("query", query.to_owned()),
            ("top_k", top_k.to_string()),
        ]
    });
    tokio::task::yield_now().in_span(span).await;
}
