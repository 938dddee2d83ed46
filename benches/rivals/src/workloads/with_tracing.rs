//! The workloads with `tracing`, as a program writes them.

use tracing::field::Empty;
use tracing::{Instrument, Span, info, info_span, instrument};

use super::{AGENTS, Api, CALLS, Trace};
use crate::text::Texts;

pub(crate) const API: Api = Api {
    empty,
    generations,
    agent: |texts, turn| -> Trace { Box::pin(answer(texts, turn)) },
    below_a_parent: |run| info_span!("agent", as_type = "agent").in_scope(run),
};

fn empty(spans: u64) {
    #[instrument]
    fn nothing() {}
    for _ in 0..spans {
        nothing();
    }
}

fn generations(texts: &'static Texts, first: u64, spans: u64) {
    for turn in first..first + spans {
        let span = generation(texts, turn);
        span.in_scope(sending);
        finish(&span, texts, turn);
    }
}

pub(crate) fn generation(texts: &Texts, turn: u64) -> Span {
    info_span!(
        "generation",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "mistral_ai",
        gen_ai.request.model = "mistral-7b",
        gen_ai.request.temperature = 0.7,
        gen_ai.request.max_tokens = 1024_i64,
        gen_ai.conversation.id = "session-1",
        turn,
        gen_ai.input.messages = texts.input(turn),
        gen_ai.output.messages = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.total_tokens = Empty,
    )
}

fn sending() {
    info!(attempt = 1_i64, "sending");
}

fn finish(span: &Span, texts: &Texts, turn: u64) {
    span.record("gen_ai.output.messages", texts.output(turn));
    span.record("gen_ai.usage.input_tokens", 500_i64);
    span.record("gen_ai.usage.output_tokens", 250_i64);
    span.record("gen_ai.usage.total_tokens", 750_i64);
}

#[instrument(skip_all, fields(as_type = "agent"))]
async fn answer(texts: &'static Texts, turn: u64) {
    let agents: Vec<_> = (0..AGENTS)
        .map(|number| tokio::spawn(agent(texts, turn + number * CALLS).in_current_span()))
        .collect();
    for agent in agents {
        // It fails when the agent panics, which has been said by then; the sink then misses its spans.
        let _ = agent.await;
    }
}

#[instrument(skip_all, fields(as_type = "agent"))]
async fn agent(texts: &'static Texts, first: u64) {
    for turn in first..first + CALLS {
        let span = generation(texts, turn);
        async {
            sending();
            tokio::task::yield_now().await;
            finish(&Span::current(), texts, turn);
        }
        .instrument(span)
        .await;
        tool("how long do we keep invoices", turn).await;
    }
}

#[instrument(fields(as_type = "tool"))]
async fn tool(query: &str, top_k: u64) {
    tokio::task::yield_now().await;
}
