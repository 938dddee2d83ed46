//! Waiting for a call in code that is not async.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind};
use crate::own_thread;

/// How much longer a blocked thread waits than the call has time, for its answer to arrive.
const GRACE: Duration = Duration::from_secs(1);

/// Blocks this thread until a call is answered, which it is within its time; if the thread that makes it is gone for good, for
/// a little longer than that.
pub(crate) fn wait<T>(time: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if own_thread::is_ours() {
        return Err(Error::new(Kind::System, OWN_THREAD));
    }
    // A channel of std's: Tokio's panics when it blocks inside a runtime, and a thread's token is the host's.
    let (sender, receiver) = sync_channel(1);
    let waker = Waker::from(Arc::new(Wakes(sender)));
    let mut context = Context::from_waker(&waker);
    let end = Instant::now().checked_add(time.saturating_add(GRACE));
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
            return answer;
        }
        let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        if receiver.recv_timeout(left).is_err() {
            return Err(Error::new(Kind::Timeout, format!("no answer within {time:?}")).ambiguous());
        }
    }
}

struct Wakes(SyncSender<()>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // One wake-up that waits is enough.
        let _ = self.0.try_send(());
    }
}

const OWN_THREAD: &str = "a blocking call on the thread that would have to answer it: await it there";
