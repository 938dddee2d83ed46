//! A service's end: the signal that asks for it, as a future for every executor.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::sync::mpsc::sync_channel;
use std::task::{Context, Poll};
use std::thread;

use tokio::sync::oneshot;

use crate::diag::Diagnostics;
use crate::own_thread;

/// Resolves when the process is asked to end: by Ctrl-C, or by SIGTERM where there is one, which is how containers and
/// service managers ask.
///
/// Without it either ends the process at once, and what has not been sent is lost. It is listened for from the call on,
/// not from the first poll, by a thread of its own, so that the future works in every executor.
///
/// ```
/// # use std::future::Future;
/// # use std::time::Duration;
/// # struct Server;
/// # impl Server {
/// #     async fn with_graceful_shutdown(self, _: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> { Ok(()) }
/// # }
/// # mod axum { pub fn serve(_: (), _: ()) -> super::Server { super::Server } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (listener, app) = ((), ());
/// # let (_layer, llm) = tracing_llm::builder().build()?;
/// axum::serve(listener, app)
///     .with_graceful_shutdown(tracing_llm::shutdown_signal())
///     .await?;
/// // Requests have been answered, so their spans have ended: they are sent before `main` returns.
/// println!("{}", llm.shutdown(Duration::from_secs(5)).await);
/// # Ok(())
/// # }
/// ```
///
/// From the first call on these signals do not end the process by themselves any more, also when the future has resolved
/// or was dropped: whoever calls it sees to the end. A container gets SIGKILL after some time (Kubernetes: 30 s, Docker:
/// 10 s), so the deadline of the shutdown should be below that.
///
/// Where signals cannot be listened for, that is said in one line on stderr, they do what they always do, and the future
/// never resolves.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let (sender, receiver) = oneshot::channel();
    if let Err(error) = listen(sender) {
        Diagnostics::stderr().say(&format!("signals cannot be listened for: {error}"));
    }
    async {
        if receiver.await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Tells the sender of the first signal from now on; gives up when nobody waits any more.
fn listen(mut sender: oneshot::Sender<()>) -> io::Result<()> {
    let (started, starts) = sync_channel(1);
    let work = move || {
        own_thread::this_thread_is_ours();
        let (runtime, mut signals) = match start() {
            Ok(both) => both,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        let asked = poll_fn(|context| match signals.poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => sender.poll_closed(context).map(|()| false),
        });
        if runtime.block_on(asked) {
            let _ = sender.send(());
        }
    };
    thread::Builder::new().name("tracing-llm".into()).spawn(work)?;
    starts
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread ended as it began")))
}

fn start() -> io::Result<(tokio::runtime::Runtime, Signals)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let within = runtime.enter();
    let signals = Signals::new()?;
    drop(within);
    Ok((runtime, signals))
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut polled = self.0.iter_mut().map(|signal| signal.poll_recv(context));
        if polled.any(|polled| polled.is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_recv(context).map(drop)
    }
}
