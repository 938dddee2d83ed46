//! The crate's own threads: each has a runtime for its tasks, and nothing on it is observed.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread;

use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, Kind};

/// Runs a future on a thread of its own, in the runtime that it answers; both end with it.
///
/// The runtime is built there: one that is dropped inside the host's runtime, as it were if the thread could not be
/// had, panics. `what` is called so in errors.
pub(crate) fn start(
    name: &'static str,
    what: &str,
    main: impl Future<Output = ()> + Send + 'static,
) -> Result<Handle, Error> {
    let (sender, receiver) = sync_channel(1);
    let work = move || {
        this_thread_is_ours();
        let runtime = match runtime(name) {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        let _ = sender.send(Ok(runtime.handle().clone()));
        runtime.block_on(main);
        // Attempts that hang are given up, and so are look-ups on the blocking threads.
        runtime.shutdown_background();
    };
    let failed = |error| Error::new(Kind::System, format!("{what} cannot be started")).because(error);
    thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(failed)?;
    match receiver.recv() {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(Error::new(Kind::System, format!("{what} ended as it began"))),
    }
}

fn runtime(name: &'static str) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name(name)
        .on_thread_start(this_thread_is_ours)
        .build()
}

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one of the crate's own: nothing on it is observed.
pub(crate) fn this_thread_is_ours() {
    OURS.set(true);
}

/// Whether this thread is one of the crate's own.
pub(crate) fn is_ours() -> bool {
    // A thread whose locals are gone is ending; it is not the worker, which ends with its locals alive.
    OURS.try_with(Cell::get).unwrap_or(false)
}
