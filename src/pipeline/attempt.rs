//! One attempt to send one batch: bounded in time, unobserved, and not the end of the worker when it panics.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::export::{ExportError, ExportFuture, Exported};
use crate::pipeline::caught;

/// What an attempt ended with.
pub(crate) type Answer = Result<Exported, Failure>;

/// Why an attempt did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// The exporter says so.
    Answered(ExportError),
    /// The exporter panicked. It is used again for the next batch, but this one is not tried on it a second time.
    Panicked,
}

/// Sends a batch, once, within `limit`. An attempt over time is given up and may have been heard all the same.
///
/// What it does runs without a subscriber, poll by poll: set for the thread's life, one would swallow the end of every
/// span that happens to end here.
pub(crate) async fn attempt<'a>(export: impl FnOnce() -> ExportFuture<'a>, limit: Duration) -> Answer {
    let exporting = async {
        let Some(mut future) = caught(export) else {
            return Err(Failure::Panicked);
        };
        let polls = poll_fn(|context| match caught(|| future.as_mut().poll(context)) {
            Some(poll) => poll.map_err(Failure::Answered),
            None => Poll::Ready(Err(Failure::Panicked)),
        });
        let answer = match tokio::time::timeout(limit, polls).await {
            Ok(answer) => answer,
            Err(_) => {
                let error = ExportError::retry(format!("no answer within {limit:?}"));
                Err(Failure::Answered(error.ambiguous()))
            }
        };
        // Letting go of it may panic as well, which changes nothing about the answer.
        caught(|| drop(future));
        answer
    };
    exporting.with_subscriber(NoSubscriber::default()).await
}
