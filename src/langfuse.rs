//! Langfuse: observations as rows of its v4 data model, sent over OTLP with explicit `langfuse.*` attributes; and the client
//! of its API, [`Langfuse`], with what it answers.

mod builder;
mod check;
pub(crate) mod client;
pub(crate) mod credentials;
pub(crate) mod deployment;
pub(crate) mod dialect;
mod environment;
pub(crate) mod exporter;
#[cfg(feature = "axum")]
mod feedback;
mod json;
pub(crate) mod parameters;
mod prompt;
pub(crate) mod score;
pub(crate) mod settings;

pub use builder::LangfuseBuilder;
pub use check::{Health, Project, ServerVersion};
pub use client::Langfuse;
#[cfg(feature = "axum")]
pub use feedback::{Feedback, TraceHeader};
#[cfg(feature = "yaml")]
pub use prompt::PromptFile;
pub use prompt::{
    Chat, ChatMessage, ChatPart, ChatPrompt, Fallback, NewPrompt, Prompt, PromptFilter, PromptPage,
    PromptRequest, PromptSource, PromptSummary, PromptUse, Selected, Selector, Template, Text, Unselected,
};
pub use score::{NewScoreConfig, Scored};
