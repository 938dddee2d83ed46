//! The ten observation types and the four levels of Langfuse.

use std::fmt;

/// The type of an observation.
///
/// Source: Langfuse v4.16, the types that its server stores.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Any unit of work; what a span is when nothing else is known.
    #[default]
    Span,
    /// A call of a language model.
    Generation,
    /// A moment without a duration.
    Event,
    /// A program that decides what to do next, with a model's help.
    Agent,
    /// A call of a tool.
    Tool,
    /// A step that passes data from one part to the next.
    Chain,
    /// A search for documents.
    Retriever,
    /// A judgement of another's output.
    Evaluator,
    /// A call of an embedding model.
    Embedding,
    /// A check of input or output against a rule.
    Guardrail,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::Span,
        Self::Generation,
        Self::Event,
        Self::Agent,
        Self::Tool,
        Self::Chain,
        Self::Retriever,
        Self::Evaluator,
        Self::Embedding,
        Self::Guardrail,
    ];

    /// The word on the wire: lower case, since Langfuse's server knows no other.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Generation => "generation",
            Self::Event => "event",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Chain => "chain",
            Self::Retriever => "retriever",
            Self::Evaluator => "evaluator",
            Self::Embedding => "embedding",
            Self::Guardrail => "guardrail",
        }
    }

    /// Reads the word, in any case and with blanks around it.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let word = word.trim();
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }

    /// The type that a GenAI operation implies.
    ///
    /// Source: OpenTelemetry GenAI conventions, `gen_ai.operation.name`, with the older names that frameworks emit.
    pub(crate) fn from_operation(operation: &str) -> Option<Self> {
        Some(match operation {
            "chat"
            | "completion"
            | "text_completion"
            | "generate_content"
            | "generate"
            | "chat_streaming"
            | "interactions"
            | "interactions_streaming"
            | "transcription"
            | "image_generation"
            | "audio_generation"
            | "realtime_inference" => Self::Generation,
            "embeddings" => Self::Embedding,
            "execute_tool" => Self::Tool,
            "invoke_agent" | "create_agent" | "agent_step" => Self::Agent,
            // What a reranker answers is documents.
            "retrieval" | "search_memory" | "rerank" => Self::Retriever,
            "invoke_workflow" | "plan" => Self::Chain,
            // They name a model at times, and ask none.
            "fetch_response"
            | "create_memory_store"
            | "delete_memory_store"
            | "create_memory"
            | "update_memory"
            | "upsert_memory"
            | "delete_memory" => Self::Span,
            _ => return None,
        })
    }

    /// The type that a word of another vocabulary stands for, in any case.
    ///
    /// Source: OpenInference's `openinference.span.kind`, OpenLLMetry's `traceloop.span.kind` and `llm.request.type`,
    /// the Vercel AI SDK's `ai.operationId`.
    pub(crate) fn from_foreign(word: &str) -> Option<Self> {
        let word = word.trim();
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&["llm", "chat", "completion"]) {
            Some(Self::Generation)
        } else if is(&["workflow"]) {
            Some(Self::Chain)
        } else if is(&["reranker", "rerank"]) {
            Some(Self::Retriever)
        } else if is(&["prompt", "task"]) {
            Some(Self::Span)
        } else if let Some(call) = word.strip_prefix("ai.") {
            let (function, step) = call.split_once('.').unwrap_or((call, ""));
            match (function, step) {
                ("toolCall", _) => Some(Self::Tool),
                (_, "doEmbed") => Some(Self::Embedding),
                (_, "doGenerate" | "doStream") => Some(Self::Generation),
                // The call of the model is one below.
                _ => Some(Self::Span),
            }
        } else {
            Self::from_word(word)
        }
    }

    /// The GenAI operation that a type stands for, where the conventions have one.
    pub(crate) fn operation(self) -> Option<&'static str> {
        Some(match self {
            Self::Generation => "chat",
            Self::Embedding => "embeddings",
            Self::Tool => "execute_tool",
            Self::Agent => "invoke_agent",
            Self::Retriever => "retrieval",
            Self::Chain => "invoke_workflow",
            Self::Span | Self::Event | Self::Evaluator | Self::Guardrail => return None,
        })
    }

    /// Whether plain token counts, costs and parameters are this observation's own: it is one call of a model.
    pub(crate) fn calls_a_model(self) -> bool {
        matches!(self, Self::Generation | Self::Embedding)
    }

    /// Whether a model and tokens on it can be those of one call, and not a sum over the calls below.
    pub(crate) fn may_be_one_call(self) -> bool {
        !matches!(self, Self::Span | Self::Agent | Self::Chain | Self::Event)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an observation went. Ordered by gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Level {
    /// Of interest to a developer only.
    Debug,
    /// As it should.
    #[default]
    Default,
    /// It ended, but not as it should: a cancelled call, a warning.
    Warning,
    /// It failed.
    Error,
}

impl Level {
    /// The word on the wire: exactly these, since older servers drop an observation with any other.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Default => "DEFAULT",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }

    /// Reads the word, in any case, with the synonyms that Langfuse v4 knows.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word.trim()));
        if is(&["DEBUG", "TRACE", "VERBOSE"]) {
            Some(Self::Debug)
        } else if is(&["DEFAULT", "INFO", "LOG", "NOTICE", "OK", "SUCCESS"]) {
            Some(Self::Default)
        } else if is(&["WARNING", "WARN"]) {
            Some(Self::Warning)
        } else if is(&["ERROR", "FATAL", "CRITICAL"]) {
            Some(Self::Error)
        } else {
            None
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
