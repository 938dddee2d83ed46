//! Wholes out of rows: traces and sessions, of which a v4 server has only the observations.
//!
//! The rows of one trace stand on several pages, some lie outside the window that was asked for, and some come twice. So what a
//! window holds is found first, by its newest rows, and each find is then read whole, many in one request. A whole belongs
//! to the window that it began in. It is given when nothing that began later can still be found, so the order is exact.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::mem;
use std::time::SystemTime;

use reqwest::StatusCode;
use serde_json::Value;

use crate::error::Error;
use crate::langfuse::client::Langfuse;
use crate::langfuse::client::answer::time;
use crate::langfuse::reads::filter::Filter;
use crate::langfuse::reads::observations;
use crate::langfuse::reads::question::{Question, given};
use crate::langfuse::reads::rows::{Page, Step};

/// What is put together from rows.
pub(super) trait Whole: Default + Send + 'static {
    type Row: Send + 'static;

    /// The member that says to which one a row belongs, which is also the column to find its rows by.
    const COLUMN: &'static str;

    /// The groups of fields with that member.
    const FOUND_BY: &'static str;

    /// The groups of fields that it is made of.
    const MADE_OF: &'static str;

    /// Counts a row, in any order, however often it comes.
    fn add(&mut self, row: &Value) -> Option<()>;

    /// Reads contents from a row without a parent, or with one that nobody shows.
    fn add_contents(&mut self, row: &Value) -> Option<()>;

    /// When the first of its rows began; none without rows.
    fn start(&self) -> Option<SystemTime>;

    fn finish(self, id: String) -> Option<Self::Row>;
}

/// The largest page that the server gives.
const PAGE: u16 = 1000;

/// How many are read in one request: the ids of so many fit into an address everywhere (2 KiB).
const BATCH: usize = 50;

/// Finds and completes.
pub(super) struct Scan<W: Whole> {
    client: Langfuse,
    /// Finds the newest rows of the window; none when there are no more.
    search: Option<Question>,
    from: Option<SystemTime>,
    to: Option<SystemTime>,
    with_contents: bool,
    /// Whatever was found; of 10⁵ traces some 10 MiB.
    seen: HashSet<String>,
    /// Found and not yet read, with the time of the row it was found by.
    waiting: VecDeque<(String, SystemTime)>,
    batch: Option<Batch<W>>,
    /// Read whole; given when nothing that began later can come.
    whole: BTreeMap<(SystemTime, String), W::Row>,
    /// How far the search has come.
    frontier: Option<SystemTime>,
    /// What is done where the server has no such rows: before v4, wholes are what it stores.
    before_v4: Option<Step<W::Row>>,
}

/// Some that are being read.
struct Batch<W> {
    question: Question,
    wholes: HashMap<String, W>,
    /// Nothing in it began later.
    newest: Option<SystemTime>,
    contents: Contents,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contents {
    NotWanted,
    ToCome,
    Now,
}

impl<W: Whole> Scan<W> {
    /// A search for all that has a row which fits the question.
    pub(super) fn new(client: Langfuse, mut search: Question, before_v4: Step<W::Row>) -> Self {
        search.set("fields", W::FOUND_BY);
        search.set("limit", PAGE);
        Self {
            client,
            search: Some(search),
            from: None,
            to: None,
            with_contents: false,
            seen: HashSet::new(),
            waiting: VecDeque::new(),
            batch: None,
            whole: BTreeMap::new(),
            frontier: None,
            before_v4: Some(before_v4),
        }
    }

    pub(super) fn window(mut self, from: Option<SystemTime>, to: Option<SystemTime>) -> Self {
        let search = self.search.as_mut();
        if let Some(search) = search {
            from.into_iter()
                .for_each(|from| search.set_time("fromStartTime", from));
            to.into_iter().for_each(|to| search.set_time("toStartTime", to));
        }
        (self.from, self.to) = (from, to);
        self
    }

    pub(super) fn with_contents(mut self, wanted: bool) -> Self {
        self.with_contents = wanted;
        self
    }

    /// One request, and what can be given after it.
    pub(super) fn step(mut self) -> Step<W::Row> {
        Box::pin(async move {
            if self.batch.is_none() {
                self.batch = self.next_batch();
            }
            match self.batch.take() {
                Some(batch) => self.read(batch).await?,
                None => match self.search().await {
                    Err(error) if error.status() == Some(StatusCode::NOT_FOUND.as_u16()) => {
                        return match self.before_v4.take() {
                            Some(before_v4) => before_v4.await,
                            None => Err(error),
                        };
                    }
                    found => found?,
                },
            }
            self.before_v4 = None;
            let rows = self.take_final();
            let goes_on = self.search.is_some() || self.batch.is_some() || !self.waiting.is_empty();
            Ok(Page {
                rows,
                cursor: None,
                next: goes_on.then(|| self.step()),
            })
        })
    }

    async fn search(&mut self) -> Result<(), Error> {
        let Some(mut question) = self.search.take() else {
            return Ok(());
        };
        let answer = self.client.call(question.ask(observations::request())).await?;
        let cursor = answer.read(|json| {
            for row in json["data"].as_array()? {
                let start = time(row, "startTime")?;
                self.frontier = Some(start);
                let Some(id) = given(row, W::COLUMN) else {
                    continue;
                };
                if self.seen.insert(id.clone()) {
                    self.waiting.push_back((id, start));
                }
            }
            Some(given(&json["meta"], "cursor"))
        })?;
        if question.advance(cursor) {
            self.search = Some(question);
        }
        Ok(())
    }

    fn next_batch(&mut self) -> Option<Batch<W>> {
        let size = self.waiting.len().min(BATCH);
        let found: Vec<_> = self.waiting.drain(..size).collect();
        let newest = found.iter().map(|(_, start)| *start).max()?;
        let mut question = Question::default();
        question.set("fields", W::MADE_OF);
        question.set("limit", PAGE);
        let ids = found.iter().map(|(id, _)| id.as_str());
        question.filter(Filter::column(W::COLUMN).any_of(ids));
        Some(Batch {
            question,
            wholes: found.into_iter().map(|(id, _)| (id, W::default())).collect(),
            newest: Some(newest),
            contents: if self.with_contents {
                Contents::ToCome
            } else {
                Contents::NotWanted
            },
        })
    }

    async fn read(&mut self, mut batch: Batch<W>) -> Result<(), Error> {
        let request = batch.question.ask(observations::request());
        let answer = self.client.call(request).await?;
        let cursor = answer.read(|json| {
            for row in json["data"].as_array()? {
                // A server that gives more than it was asked for is no reason to fail.
                let id = given(row, W::COLUMN);
                let Some(whole) = id.and_then(|id| batch.wholes.get_mut(&id)) else {
                    continue;
                };
                match batch.contents {
                    Contents::Now => whole.add_contents(row)?,
                    Contents::NotWanted | Contents::ToCome => whole.add(row)?,
                }
            }
            Some(given(&json["meta"], "cursor"))
        })?;
        if batch.question.advance(cursor) {
            self.batch = Some(batch);
        } else if batch.contents == Contents::ToCome {
            batch.contents = Contents::Now;
            batch.question.unset("cursor");
            batch.question.set("fields", "core,time,io,metadata");
            batch.question.set("isRootObservation", true);
            self.batch = Some(batch);
        } else {
            self.keep(batch.wholes);
        }
        Ok(())
    }

    /// What began in the window, and no other.
    fn keep(&mut self, wholes: HashMap<String, W>) {
        for (id, whole) in wholes {
            let Some(start) = whole.start() else { continue };
            let is_inside = self.from.is_none_or(|from| start >= from) && self.to.is_none_or(|to| start < to);
            let row = whole.finish(id.clone()).filter(|_| is_inside);
            self.whole.extend(row.map(|row| ((start, id), row)));
        }
    }

    /// What nothing can come before, newest first.
    fn take_final(&mut self) -> Vec<W::Row> {
        let in_batch = self.batch.as_ref().and_then(|batch| batch.newest);
        let waiting = self.waiting.iter().map(|(_, start)| *start).max();
        let to_be_found = self.frontier.filter(|_| self.search.is_some());
        let mut given = match in_batch.max(waiting).max(to_be_found) {
            // Whatever comes began then or before.
            Some(bound) => self.whole.split_off(&(bound, String::new())),
            None if self.search.is_some() => BTreeMap::new(),
            None => mem::take(&mut self.whole),
        };
        let mut rows = Vec::new();
        while let Some((_, row)) = given.pop_last() {
            rows.push(row);
        }
        rows
    }
}
