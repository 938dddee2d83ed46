//! Futures that know whether they were finished.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

use crate::layer::current::SpanExt;

/// Runs a future inside a span that is told when the future is given up.
pub trait Observe: Future + Sized {
    /// Like [`Instrument::instrument`]; and if the future is dropped before its end (a timeout, a closed connection,
    /// the losing branch of a `select!`), the observation says so: WARNING, `cancelled`. No layer can see that
    /// otherwise.
    fn observe(self, span: Span) -> Observed<Self> {
        Observed {
            inner: self.instrument(span.clone()),
            span,
            finished: false,
        }
    }
}

impl<F: Future> Observe for F {}

pin_project! {
    /// A future inside a span, made by [`Observe::observe`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Observed<F> {
        #[pin]
        inner: Instrumented<F>,
        span: Span,
        finished: bool,
    }

    impl<F> PinnedDrop for Observed<F> {
        fn drop(this: Pin<&mut Self>) {
            if !this.finished {
                this.span.observation().cancelled();
            }
        }
    }
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.inner.poll(context));
        *this.finished = true;
        Poll::Ready(output)
    }
}
