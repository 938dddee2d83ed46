//! What keeps the code of an experiment apart: from the caller's spans, from other items, and from the run when it panics or
//! does not come to an end.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tracing::span::Id;
use tracing::{Dispatch, dispatcher};

use crate::experiment::Failure;
use crate::manual::Handle;
use crate::model::Level;
use crate::pipeline::Pipeline;

/// Runs a future below an observation: whatever spans begin in it are of that observation's trace. Its panic is its failure, and
/// so is the end of its time.
pub(super) async fn sheltered<T>(
    pipeline: &Pipeline,
    above: &Handle,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, Failure> {
    let mut watch = GivenUp(Some(above));
    let mut work = Box::pin(work);
    let mut time = limit.and_then(|limit| pipeline.after(limit));
    let outcome = poll_fn(|context| {
        match within(above, || work.as_mut().poll(context)) {
            Ok(Poll::Ready(done)) => return Poll::Ready(done.map_err(Failure::Error)),
            Err(panic) => return Poll::Ready(Err(Failure::Panic(words(&*panic)))),
            Ok(Poll::Pending) => {}
        }
        let Some(timer) = &mut time else {
            return Poll::Pending;
        };
        match Pin::new(timer).poll(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(Failure::Timeout(limit.unwrap_or_default()))),
            Poll::Ready(Err(_)) => {
                // The pipeline was shut down, and keeps no time any more.
                time = None;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    watch.0 = None;
    // What is given up ends its spans now, and may panic, too.
    drop(within(above, || drop(work)));
    outcome
}

/// Says `cancelled` of an observation, as [`Observe`](crate::Observe) does, if it is dropped before it is told not to: whoever awaited
/// the run has given it up.
struct GivenUp<'a>(Option<&'a Handle>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(observation) = self.0 {
            observation.level(Level::Warning).status_message("cancelled");
        }
    }
}

/// Runs code below an observation, outside the spans that the caller is in; answers with what it panicked, if it did.
fn within<T>(above: &Handle, code: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    let _left = Left::all();
    above.in_scope(|| catch_unwind(AssertUnwindSafe(code)))
}

/// The spans that the caller is in, left until this is dropped, as if its future had returned meanwhile. A span that begins inside
/// would else stand below them, and an item's spans in the caller's trace.
struct Left {
    dispatch: Dispatch,
    spans: Vec<Id>,
}

impl Left {
    /// More than anybody nests; a subscriber that does not let go of a span would be asked for ever.
    const MOST: usize = 128;

    fn all() -> Self {
        let dispatch = dispatcher::get_default(Dispatch::clone);
        let mut spans = Vec::new();
        while let Some(id) = dispatch.current_span().id().filter(|_| spans.len() < Self::MOST) {
            dispatch.exit(id);
            spans.push(id.clone());
        }
        Self { dispatch, spans }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.spans.iter().rev().for_each(|id| self.dispatch.enter(id));
    }
}

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}
