//! What the rooms above keep beside a lane, and run beside the lanes.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::pipeline::Pipeline;

/// What a room above keeps beside a lane, of a type that only it knows: its client of the same server.
#[derive(Clone)]
pub(crate) struct Companion(Arc<dyn Any + Send + Sync>);

impl Companion {
    pub(crate) fn new(companion: impl Any + Send + Sync) -> Self {
        Self(Arc::new(companion))
    }
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Companion")
    }
}

/// What a pipeline has beside its queue.
pub(super) struct Beside {
    /// The worker's runtime.
    pub(super) runtime: Handle,
    /// In the order of the lanes, under their names.
    pub(super) companions: Vec<(String, Companion)>,
}

impl Pipeline {
    /// What stands beside the lanes and is of this type, with the names of the lanes.
    pub(crate) fn companions<T: Any>(&self) -> impl Iterator<Item = (&str, &T)> {
        let companions = self.beside.companions.iter();
        companions.filter_map(|(name, Companion(it))| Some((name.as_str(), it.downcast_ref()?)))
    }

    /// Runs a future beside the lanes, on the worker's thread: it must not block. `None` when the pipeline is shut down or
    /// about to be; what is not done when it is over is dropped.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        self.is_open()
            .then(|| self.beside.runtime.spawn(future).abort_handle())
    }

    /// What is ready after this time, in whatever executor, since the worker's thread keeps it; dropped, it is forgotten. It fails
    /// when the pipeline ends before. `None` as for [`spawn`](Self::spawn).
    pub(crate) fn after(&self, time: Duration) -> Option<oneshot::Receiver<()>> {
        let (mut sender, receiver) = oneshot::channel();
        self.spawn(async move {
            if tokio::time::timeout(time, sender.closed()).await.is_err() {
                let _ = sender.send(());
            }
        })?;
        Some(receiver)
    }

    /// Whether it is not shut down, nor about to be.
    pub(crate) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }
}
