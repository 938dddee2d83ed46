//! What the server gives in pages, row by row.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::langfuse::client::Langfuse;

/// Rows, as they are asked for: the next page is fetched when the last one is used up. At most one page is in memory.
///
/// [`next`](Self::next) needs nothing else; `futures_core::Stream` is there for the combinators of others. Without async,
/// [`blocking`](Self::blocking) is an iterator.
///
/// A page that cannot be had is an error, after which there are no more rows. What was given stays right, and a stream with a
/// [`cursor`](Self::cursor) can be begun again there.
#[must_use = "nothing is asked before next()"]
pub struct Rows<T> {
    client: Langfuse,
    ready: VecDeque<T>,
    step: Option<Step<T>>,
    cursor: Option<String>,
    /// How many more are wanted.
    left: usize,
}

/// One request, made when it is polled, and the next.
pub(super) type Step<T> = Pin<Box<dyn Future<Output = Result<Page<T>, Error>> + Send>>;

/// What came of one request: not always rows, though there are more.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// The server's word for where the next page begins.
    pub(super) cursor: Option<String>,
    pub(super) next: Option<Step<T>>,
}

impl<T> Rows<T> {
    pub(super) fn new(client: Langfuse, step: Step<T>, limit: Option<usize>) -> Self {
        Self {
            client,
            ready: VecDeque::new(),
            step: Some(step),
            cursor: None,
            left: limit.unwrap_or(usize::MAX),
        }
    }

    /// The next row; `None` after the last. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// Those of a call, as [`auth_check`](Langfuse::auth_check) tells apart; and what the server does not take
    /// ([`Error::is_refused`]).
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| self.poll_row(context)).await
    }

    /// All rows that are left, in memory.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next); the rows before it are lost.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }

    /// The rows for code that is not async. Each page has the time of a call.
    pub fn blocking(self) -> BlockingRows<T> {
        BlockingRows(self)
    }

    /// Where the server goes on behind the rows that were given: for `after(..)` of the same question, today or tomorrow. It is
    /// known when the last row of a page was given and there are more; `None` else.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|_| self.ready.is_empty())
    }

    fn poll_row(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            match self.row() {
                Some(given) => return Poll::Ready(given),
                None => match self.poll_page(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// A row that is here, or `Some(None)` when there will be none.
    fn row(&mut self) -> Option<Option<Result<T, Error>>> {
        if self.left == 0 {
            return Some(None);
        }
        if let Some(row) = self.ready.pop_front() {
            self.left -= 1;
            return Some(Some(Ok(row)));
        }
        self.step.is_none().then_some(None)
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(step) = &mut self.step else {
            return Poll::Ready(Ok(()));
        };
        let Poll::Ready(page) = step.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.step = None;
        let page = page?;
        self.ready.extend(page.rows);
        self.cursor = page.cursor;
        self.step = page.next;
        Poll::Ready(Ok(()))
    }
}

impl<T: Unpin> futures_core::Stream for Rows<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_row(context)
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// [`Rows`] for code that is not async.
#[derive(Debug)]
#[must_use = "nothing is asked before next()"]
pub struct BlockingRows<T>(Rows<T>);

impl<T> BlockingRows<T> {
    /// [`Rows::cursor`].
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.0.cursor()
    }
}

impl<T> Iterator for BlockingRows<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(given) = self.0.row() {
                return given;
            }
            // Each page has a deadline of its own: a trace of many pages may take many times one.
            let client = self.0.client.clone();
            let page = client.wait(poll_fn(|context| self.0.poll_page(context)));
            if let Err(error) = page {
                self.0.step = None;
                return Some(Err(error));
            }
        }
    }
}
