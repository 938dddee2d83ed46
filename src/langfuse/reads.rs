//! What the server knows: observations, traces, sessions, scores, and sums over them.
//!
//! A verb such as [`Langfuse::observations`](crate::Langfuse::observations) makes a question, which is refined and then
//! asked; many rows come as [`Rows`], page by page.

mod experiments;
mod filter;
mod list;
mod metrics;
mod money;
mod observation;
mod observations;
mod question;
mod questions;
mod rows;
mod scores;
mod sessions;
mod sums;
mod traces;
mod wholes;
mod window;
mod words;

pub use self::experiments::{ExperimentItemRow, ExperimentRow, Experiments};
pub(crate) use self::filter::instant;
pub use self::filter::{Column, Filter, Operand};
pub use self::list::Listing;
pub use self::metrics::{MetricRow, MetricRows, Metrics};
pub use self::money::Money;
pub use self::observation::ObservationRow;
pub use self::observations::{Fields, Observations};
pub use self::questions::{DailyCost, ErrorRate, ModelTokens, NameLatency, UserCost};
pub use self::rows::{BlockingRows, Rows};
pub use self::scores::{ScoreRow, ScoreRowValue, ScoreSubject, Scores};
pub use self::sessions::{SessionRow, Sessions};
pub use self::traces::{TraceOrder, TraceRow, Traces};
pub use self::window::Window;
pub use self::words::{Aggregation, Dimension, Granularity, Measure, View};
