//! The two ways in which the server gives pages: by a cursor, and by number.

use std::fmt;

use serde_json::Value;

use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::question::{Question, count, given};
use crate::langfuse::reads::rows::{Page, Rows, Step};

/// Pages of which each says where the next begins.
pub(super) fn by_cursor<T: Send + 'static>(
    client: Langfuse,
    request: fn() -> Request,
    mut question: Question,
    read: fn(&Value) -> Option<T>,
) -> Step<T> {
    Box::pin(async move {
        let answer = client.call(question.ask(request())).await?;
        let (rows, cursor) = answer.read(|json| {
            let rows = json["data"].as_array()?.iter().map(read);
            Some((rows.collect::<Option<Vec<_>>>()?, given(&json["meta"], "cursor")))
        })?;
        let goes_on = question.advance(cursor.clone());
        let next = goes_on.then(|| by_cursor(client, request, question, read));
        Ok(Page { rows, cursor, next })
    })
}

/// A list of the project's in numbered pages, about to be asked for.
#[must_use = "nothing is asked before rows()"]
pub struct Listing<T> {
    client: Langfuse,
    list: List<T>,
    limit: Option<usize>,
}

impl<T: Send + 'static> Listing<T> {
    pub(crate) fn new(
        client: &Langfuse,
        verb: &'static str,
        path: &'static [&'static str],
        read: fn(&Value) -> Option<T>,
    ) -> Self {
        let question = Question::default();
        Self {
            client: client.clone(),
            list: List {
                verb,
                path,
                question,
                read,
            },
            limit: None,
        }
    }

    /// How many a page has, 1 to 100; the server gives 50 when it is not told.
    pub fn page_size(mut self, rows: u8) -> Self {
        self.list.question.set("limit", rows);
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The list. Nothing is asked before the first of it is. What is added meanwhile moves the rest from page to page, so that
    /// one may come twice.
    pub fn rows(self) -> Rows<T> {
        let step = self.list.step(self.client.clone());
        Rows::new(self.client, step, self.limit)
    }

    /// What is asked besides.
    pub(crate) fn question(&mut self) -> &mut Question {
        &mut self.list.question
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// A list in numbered pages, and how one of it is read.
pub(super) struct List<T> {
    /// Completes a sentence that begins with "cannot".
    pub(super) verb: &'static str,
    pub(super) path: &'static [&'static str],
    pub(super) question: Question,
    pub(super) read: fn(&Value) -> Option<T>,
}

impl<T: Send + 'static> List<T> {
    /// Its first page, and the others behind it. What is added meanwhile moves rows from page to page: one may come twice.
    pub(super) fn step(self, client: Langfuse) -> Step<T> {
        self.page(client, 1)
    }

    fn page(mut self, client: Langfuse, page: u64) -> Step<T> {
        Box::pin(async move {
            if page > 1 {
                self.question.set("page", page);
            }
            let request = self.question.ask(Request::get(self.verb, self.path));
            let answer = client.call(request).await?;
            let (rows, pages) = answer.read(|json| {
                let rows = json["data"].as_array()?.iter().map(self.read);
                let pages = count(&json["meta"]["totalPages"])?;
                Some((rows.collect::<Option<Vec<_>>>()?, pages))
            })?;
            // An empty page is the last, whatever their number.
            let goes_on = page < pages && !rows.is_empty();
            Ok(Page {
                rows,
                cursor: None,
                next: goes_on.then(|| self.page(client, page + 1)),
            })
        })
    }
}
