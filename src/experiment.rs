//! Experiments: a task is run on questions whose answers are known, and what it answers is evaluated.
//!
//! ```
//! use tracing_llm::experiment::Case;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tracing_llm::Error> {
//! let (_layer, llm) = tracing_llm::builder().build()?; // no destination: nothing is sent, and the report is the same
//! let report = llm
//!     .experiment("shout v2")
//!     .items([("how long?", "HOW LONG?"), ("where?", "WHERE?"), ("wie groß?", "WIE GROß?")]) // or .dataset("questions")
//!     .task(|item| async move { Ok::<_, std::convert::Infallible>(item.input_text().to_uppercase()) })
//!     .evaluator("exact_match", Case::is_expected)
//!     .evaluator("length", |case| case.output().len())
//!     .run()
//!     .await?;
//!
//! println!("{report}"); // a table
//! assert!(report.mean("exact_match").unwrap() < 0.7, "ß has no upper case");
//! report.assert_min("exact_match", 0.6); // panics with the table: for tests
//! # Ok(())
//! # }
//! ```
//!
//! # What is recorded
//!
//! Each item is a trace of its own, `experiment-item-run`, in the environment `sdk-experiment`, as Langfuse's SDKs make it. Its root
//! has the input, the output, and how it went; the spans of `tracing` that begin in the task are below it, whatever spans the caller
//! is in, and so is an observation for each evaluator, with what it called. Each of them says of which item of which experiment it
//! is, by which Langfuse v4 puts the runs of a dataset side by side; it needs no other call. The root ends with the task, so that its
//! length is the task's. Scores are given to the root, those of the whole run to the experiment.
//!
//! What a task hands to other threads stays below the item if it is given a span: `tokio::spawn(work.instrument(info_span!("work")))`.
//!
//! # How it runs
//!
//! The future of [`run`](Trial::run) belongs to no executor. At most [`concurrency`](Plan::concurrency) items run at once, **on the
//! task that awaits it**: they wait together, and do not compute together. What needs a processor for long is to be handed to a
//! thread (`spawn_blocking`), else it holds up the others, and no time bound ends it.
//!
//! Nothing that goes wrong with one item stops the run: a task that fails, panics or takes too long is a failed item, with level
//! ERROR on its root, and is not evaluated; an evaluator that does is counted, and the others go on. (Where the build says
//! `panic = "abort"`, a panic ends the process all the same.)

mod crowd;
mod evaluation;
mod item;
mod plan;
mod progress;
mod report;
mod shelter;
mod show;
mod threshold;
mod trial;

use crate::pipeline::Pipeline;

pub use self::evaluation::{Case, Evaluation};
pub use self::item::Item;
pub use self::plan::Plan;
pub use self::progress::{Progress, to_stderr};
pub use self::report::{Failure, Report, Row};
pub use self::threshold::Unmet;
pub use self::trial::Trial;

impl Pipeline {
    /// An experiment with this name, about to be planned: see [`experiment`](crate::experiment). Over a dataset the name is the
    /// run's: with one that was used before, the items add to that run. So name what is tried, and a commit or a date.
    pub fn experiment(&self, name: impl Into<String>) -> Plan {
        Plan::new(self.clone(), name.into())
    }
}
