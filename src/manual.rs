//! Observations made by hand: for a request queue, a batch import, or code without `tracing`.
//!
//! They go the way of all others: the same ids, queue, mask, destinations and counters. No runtime is needed, and
//! nothing here blocks.
//!
//! ```
//! use tracing_llm::{Error, Pipeline, Usage};
//!
//! fn process_request(llm: &Pipeline, request_id: &str, user_id: &str, input: &str) -> String {
//!     let root = llm.trace("process_request").id(request_id).start();
//!     root.trace().user(user_id);
//!     root.input(input);
//!
//!     let call = root.generation("llm_call").start();
//!     call.model("mistral-7b").input(input);
//!     let answer = "Seven years.".to_owned(); // … the model's
//!     call.output(&answer).usage(Usage::new(100, 50));
//!     call.end();
//!
//!     root.output(&answer); // the trace's output, too
//!     root.end();
//!     answer
//! }
//!
//! # fn main() -> Result<(), Error> {
//! let (_layer, llm) = tracing_llm::builder().build()?;
//! process_request(&llm, "req-1", "u-1", "How long do we keep invoices?");
//! # Ok(())
//! # }
//! ```
//!
//! **Each observation is sent once, when it ends**, whole, with the user, session, tags and metadata that its trace has at that
//! moment. What is said of it later changes nothing and is counted ([`Ledger::late`](crate::Ledger::late)); what is set on the
//! trace later holds for what ends later. So say what concerns the whole trace first.
//!
//! **The input and the output of a trace are those of its root**, the observation that [`Pipeline::trace`] starts:
//! Langfuse v4 discards any others. Describe the root, and end it last.
//!
//! [`end`](OpenObservation::end) takes the observation, so that none ends twice. One that is dropped ends there and then, as
//! it would with `?`; while its thread panics, with level ERROR and `panicked`. One that is never dropped is never sent,
//! and [`Ledger::open`](crate::Ledger::open) counts it.
//!
//! [`Pipeline::trace`]: crate::Pipeline::trace

mod draft;
mod experiment;
mod handle;
mod start;
mod trace;

use std::ops::Deref;
use std::time::SystemTime;

use crate::clock::unix_nanos;

pub use self::experiment::{Experiment, ExperimentItem};
pub use self::handle::Handle;
pub use self::start::{Start, StartTrace};
pub use self::trace::TraceHandle;

/// An observation that has not ended, and its owner: dropped, it ends.
///
/// All that describes it is on [`Handle`], to which it derefs and which can be cloned.
#[derive(Debug)]
#[must_use = "dropped, it ends at once"]
pub struct OpenObservation(Handle);

impl OpenObservation {
    /// It ends now.
    pub fn end(self) {
        // What ends an observation is the drop of its owner.
    }

    /// It ended at a time given; not before it began.
    pub fn end_at(self, time: SystemTime) {
        self.0.0.end(Some(unix_nanos(time)));
    }

    /// For other threads and places: it describes, and does not end.
    pub fn handle(&self) -> Handle {
        self.0.clone()
    }
}

impl Deref for OpenObservation {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}

impl Drop for OpenObservation {
    fn drop(&mut self) {
        self.0.0.end(None);
    }
}
