//! The small thread of a client without a pipeline.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::error::Error;
use crate::own_thread;

/// A thread with a runtime, started at first use. It ends with this.
#[derive(Default)]
pub(super) struct OwnThread(Mutex<Option<Running>>);

struct Running {
    runtime: Handle,
    /// Its end ends the thread.
    _alive: oneshot::Sender<()>,
}

impl OwnThread {
    /// Runs a future on the thread.
    pub(super) fn spawn(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Result<AbortHandle, Error> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = match &*running {
            Some(running) => &running.runtime,
            None => &running.insert(Running::start()?).runtime,
        };
        Ok(runtime.spawn(future).abort_handle())
    }
}

impl Running {
    fn start() -> Result<Self, Error> {
        let (alive, end) = oneshot::channel();
        let main = async move { drop::<Result<(), _>>(end.await) };
        Ok(Self {
            runtime: own_thread::start("tracing-llm-api", "the client's thread", main)?,
            _alive: alive,
        })
    }
}
