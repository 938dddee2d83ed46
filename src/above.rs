//! What stands above a span of `tracing` that has no recorded one above it: an observation made by hand, while code runs
//! in its scope.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::id::TraceId;
use crate::model::{Lanes, Parents, SharedAttributes};

/// An observation made by hand, as what begins below it sees it. Called with nothing locked.
pub(crate) trait ByHand: fmt::Debug + Send + Sync {
    /// The address of the sink it goes to: only spans that go to the same stand below it.
    fn sink(&self) -> *const ();

    fn trace_id(&self) -> TraceId;

    /// The lanes that show anything of its trace.
    fn lanes(&self) -> Lanes;

    /// The trace's name where nothing names it.
    fn trace_name(&self) -> Arc<str>;

    /// What turns the monotonic clock into the time of day in its trace.
    fn offset(&self) -> u64;

    /// The parents of what begins below it.
    fn parents(&self) -> Parents;

    /// What of the trace holds for what ends now.
    fn attributes(&self) -> SharedAttributes;

    /// How often that has changed; counted after the change.
    fn changes(&self) -> u64;
}

/// Runs code with this above it.
pub(crate) fn within<T>(above: Arc<dyn ByHand>, code: impl FnOnce() -> T) -> T {
    // Put back also when the code panics.
    struct Before(Option<Arc<dyn ByHand>>);
    impl Drop for Before {
        fn drop(&mut self) {
            let _ = HERE.try_with(|cell| cell.set(self.0.take()));
        }
    }
    let before = HERE.try_with(|cell| cell.replace(Some(above)));
    let _before = Before(before.ok().flatten());
    code()
}

/// What this thread's code runs below.
pub(crate) fn here() -> Option<Arc<dyn ByHand>> {
    let look = |cell: &Cell<Option<Arc<dyn ByHand>>>| {
        let above = cell.take();
        cell.set(above.clone());
        above
    };
    HERE.try_with(look).ok().flatten()
}

thread_local! {
    static HERE: Cell<Option<Arc<dyn ByHand>>> = const { Cell::new(None) };
}
