//! What the worker is told, by the application's threads and by its own tasks.

use std::time::Instant;

use crate::pipeline::attempt::Answer;
use crate::pipeline::parcel::{Parcel, Sender};
use crate::pipeline::report::FlushReport;

/// What the worker is told.
pub(crate) enum Message {
    /// The queue is no longer empty.
    Work,
    /// The queue fills up.
    Hurry,
    /// Send everything that has ended.
    Flush(Flush),
    /// An attempt is over.
    Returned(Returned),
}

/// A wish to have everything sent.
pub(crate) struct Flush {
    /// It is answered by then, with what is known. None is never.
    pub(crate) deadline: Option<Instant>,
    /// The worker ends with it. The queue is closed already.
    pub(crate) stop: bool,
    /// Called once, on the worker.
    pub(crate) reply: Reply,
}

/// Where the answer to a flush goes.
pub(crate) type Reply = Box<dyn FnOnce(FlushReport) + Send>;

/// An attempt that is over, on its way back to its lane.
pub(crate) struct Returned {
    pub(crate) lane: usize,
    pub(crate) sender: Sender,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) answer: Answer,
}
