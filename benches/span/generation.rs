//! The span of a call of a model, as it is in a service.

use tracing::field::Empty;
use tracing::{info, info_span};

/// What is said in a generation.
pub(crate) struct Texts {
    input: String,
    output: String,
}

impl Texts {
    pub(crate) fn new() -> Self {
        let prose =
            "Invoices are kept for seven years in the finance archive, and then destroyed. ".repeat(30);
        let cut = |len: usize| prose.get(..len).unwrap_or(&prose).to_owned();
        Self {
            input: format!(r#"[{{"role":"user","content":"{}"}}]"#, cut(2_000)),
            output: format!(r#"{{"role":"assistant","content":"{}"}}"#, cut(1_000)),
        }
    }
}

/// Makes `spans` generations: 12 fields (8 at the start, one of them 2 KB of messages; 4 recorded late, one of them 1 KB of
/// output) and one event with a field.
pub(crate) fn generation(texts: &Texts, spans: u64) {
    for turn in 0..spans {
        let span = info_span!(
            "generation",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "mistral_ai",
            gen_ai.request.model = "mistral-7b",
            gen_ai.request.temperature = 0.7,
            gen_ai.request.max_tokens = 1024_i64,
            gen_ai.conversation.id = "session-1",
            turn,
            gen_ai.input.messages = texts.input,
            gen_ai.output.messages = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.total_tokens = Empty,
        );
        span.in_scope(|| info!(attempt = 1_i64, "sending"));
        span.record("gen_ai.output.messages", texts.output.as_str());
        span.record("gen_ai.usage.input_tokens", 500_i64);
        span.record("gen_ai.usage.output_tokens", 250_i64);
        span.record("gen_ai.usage.total_tokens", 750_i64);
    }
}
