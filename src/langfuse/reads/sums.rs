//! What the observations of a trace come to together.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::langfuse::client::answer::time;
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::observation::{costs, kind, level, total, usage};
use crate::langfuse::reads::question::given;
use crate::model::{Level, Usage};

/// Rows of one trace, each observation once: of an id that comes twice the later version counts.
#[derive(Default)]
pub(super) struct Sums(HashMap<String, Fact>);

/// Which of two rows with one id is the later: that stored later, else that begun later.
pub(super) type Version = (Option<SystemTime>, SystemTime);

struct Fact {
    version: Version,
    parent: Option<String>,
    calls_a_model: bool,
    level: Level,
    start: SystemTime,
    end: Option<SystemTime>,
    usage: Usage,
    cost: Option<Money>,
}

impl Sums {
    /// Counts a row; answers its version. It needs the groups `basic`, `time` and `usage`.
    pub(super) fn add(&mut self, row: &Value) -> Option<Version> {
        let start = time(row, "startTime")?;
        let version = (time(row, "updatedAt"), start);
        let id = row["id"].as_str()?;
        if self.0.get(id).is_some_and(|known| known.version > version) {
            return Some(version);
        }
        let fact = Fact {
            version,
            parent: given(row, "parentObservationId"),
            calls_a_model: kind(row).calls_a_model(),
            level: level(row),
            start,
            end: time(row, "endTime"),
            usage: usage(&row["usageDetails"]),
            cost: total(&costs(&row["costDetails"]), row),
        };
        self.0.insert(id.to_owned(), fact);
        Some(version)
    }

    pub(super) fn observations(&self) -> usize {
        self.0.len()
    }

    pub(super) fn start(&self) -> Option<SystemTime> {
        self.0.values().map(|fact| fact.start).min()
    }

    /// When the last of them ended, or began.
    pub(super) fn end(&self) -> Option<SystemTime> {
        let ends = self
            .0
            .values()
            .map(|fact| fact.end.unwrap_or(fact.start).max(fact.start));
        ends.max()
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.end()?.duration_since(self.start()?).ok()
    }

    /// The worst.
    pub(super) fn level(&self) -> Option<Level> {
        self.0.values().map(|fact| fact.level).max()
    }

    pub(super) fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for fact in self.own(|fact| !fact.usage.is_empty()) {
            for (bucket, tokens) in fact.usage.buckets() {
                sum.count(bucket.to_owned().into(), tokens);
            }
        }
        sum
    }

    /// None when no cost is known.
    pub(super) fn cost(&self) -> Option<Money> {
        let costs = self.own(|fact| fact.cost.is_some());
        costs.filter_map(|fact| fact.cost).reduce(|sum, cost| sum + cost)
    }

    /// Those that report something of their own: calls of models, and of the others those below which nothing reports.
    /// Frameworks copy the sum of a run to its agent, and it must not count again.
    fn own(&self, reports: impl Fn(&Fact) -> bool) -> impl Iterator<Item = &Fact> {
        let mut above: HashSet<&str> = HashSet::new();
        // In order of ids, so that a circle of parents is broken at the same place each time.
        let reporting: BTreeSet<_> = self
            .0
            .iter()
            .filter(|(_, fact)| reports(fact))
            .map(|(id, _)| id)
            .collect();
        for id in &reporting {
            let mut next = self.0.get(*id).and_then(|fact| fact.parent.as_deref());
            while let Some(parent) = next.filter(|parent| parent != id && above.insert(parent)) {
                next = self.0.get(parent).and_then(|fact| fact.parent.as_deref());
            }
        }
        let facts = reporting.into_iter().filter_map(|id| self.0.get_key_value(id));
        let own = facts.filter(move |(id, fact)| fact.calls_a_model || !above.contains(id.as_str()));
        own.map(|(_, fact)| fact)
    }
}
