//! Langfuse: observations as rows of its v4 data model, sent over OTLP with explicit `langfuse.*` attributes; and the client
//! of its API, [`Langfuse`], which lists its verbs, with what it answers.

mod builder;
mod check;
pub(crate) mod client;
pub(crate) mod credentials;
mod datasets;
pub(crate) mod deployment;
pub(crate) mod dialect;
mod environment;
pub(crate) mod exporter;
#[cfg(feature = "axum")]
mod feedback;
mod json;
pub(crate) mod media;
mod models;
pub(crate) mod parameters;
mod placed;
mod prompt;
mod reads;
pub(crate) mod score;
pub(crate) mod settings;

pub use builder::LangfuseBuilder;
pub use check::{Health, Project, ServerVersion};
pub use client::Langfuse;
pub use datasets::{Dataset, DatasetItem, DatasetItems, NewDataset, NewDatasetItem};
#[cfg(feature = "axum")]
pub use feedback::{Feedback, TraceHeader};
pub use media::{ItemPart, StoredMedia};
pub use models::{ModelPrice, NewModelPrice};
#[cfg(feature = "yaml")]
pub use prompt::PromptFile;
pub use prompt::{
    Chat, ChatMessage, ChatPart, ChatPrompt, Fallback, MeanScore, NewPrompt, Prompt, PromptComparison,
    PromptFigures, PromptFilter, PromptPage, PromptRequest, PromptSource, PromptSummary, PromptUse, Selected,
    Selector, Template, Text, Unselected,
};
pub(crate) use reads::instant;
pub use reads::{
    Aggregation, BlockingRows, Column, DailyCost, Dimension, ErrorRate, ExperimentItemRow, ExperimentRow,
    Experiments, Fields, Filter, Granularity, Listing, Measure, MetricRow, MetricRows, Metrics, ModelTokens,
    Money, NameLatency, ObservationRow, Observations, Operand, Rows, ScoreRow, ScoreRowValue, ScoreSubject,
    Scores, SessionRow, Sessions, TraceOrder, TraceRow, Traces, UserCost, View, Window,
};
pub use score::{NewScoreConfig, Scored};
