//! Several futures at once on one task, never more than so many.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Futures of which some run and the others wait for a place. It belongs to no executor: whoever awaits [`next`](Self::next)
/// drives all that run.
pub(super) struct Crowd<I: Iterator> {
    places: Vec<Place<I::Item>>,
    waiting: I,
    /// Who awaits.
    outer: Arc<Mutex<Waker>>,
    /// The place that is looked at first: were it always the same, what is ready at once would keep the others waiting.
    first: usize,
}

struct Place<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Tells which of the futures wants to be polled, so that not all are whenever one does.
struct Bell {
    rung: AtomicBool,
    outer: Arc<Mutex<Waker>>,
}

impl<I: Iterator<Item: Future>> Crowd<I> {
    /// At most so many run at once, and at least one.
    pub(super) fn new(futures: I, most: usize) -> Self {
        let mut crowd = Self {
            places: Vec::new(),
            waiting: futures,
            outer: Arc::new(Mutex::new(Waker::noop().clone())),
            first: 0,
        };
        while crowd.places.len() < most.max(1) {
            let Some(place) = crowd.fill() else { break };
            crowd.places.push(place);
        }
        crowd
    }

    /// What came of the next one that is done; `None` when all are. Between two of them others on this thread have their turn.
    pub(super) async fn next(&mut self) -> Option<<I::Item as Future>::Output> {
        let done = poll_fn(|context| self.poll(context)).await;
        let mut yielded = false;
        poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        done
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<<I::Item as Future>::Output>> {
        // Before the bells are looked at: one that rings from now on wakes this task again.
        self.outer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(context.waker());
        let count = self.places.len();
        for step in 0..count {
            let at = (self.first + step) % count;
            let Some(place) = self.places.get_mut(at) else {
                break;
            };
            if !place.bell.rung.swap(false, Ordering::AcqRel) {
                continue;
            }
            let Poll::Ready(done) = place.future.as_mut().poll(&mut Context::from_waker(&place.waker)) else {
                continue;
            };
            self.first = at + 1;
            match self.fill() {
                Some(next) => self.places[at] = next,
                None => drop(self.places.swap_remove(at)),
            }
            return Poll::Ready(Some(done));
        }
        match self.places.is_empty() {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    }

    fn fill(&mut self) -> Option<Place<I::Item>> {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            outer: Arc::clone(&self.outer),
        });
        Some(Place {
            future: Box::pin(self.waiting.next()?),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::AcqRel) {
            // Whoever awaits is woken already, and has not looked yet.
            return;
        }
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Another's code: with nothing locked.
        outer.wake();
    }
}
