//! What was captured, and the questions that a test asks of it.

use std::collections::BTreeMap;
use std::fmt;

use super::missing::{NoCost, NotFound};
use super::{EVERYTHING, OBSERVATIONS, tree};
use crate::model::{Cost, Kind, Level, Observation, Shared, Usage};

/// The observations that had ended when it was taken, in the order in which they began.
///
/// Its text is a tree with a line for each fact: put it into the message of an assertion, or compare it with a snapshot.
/// It begins with a line break, so that it stands well in a raw string. Infrastructure is left out everywhere but in
/// [`whole_tree`](Self::whole_tree), as Langfuse leaves it out.
#[derive(Clone)]
pub struct Captured {
    /// Infrastructure, too.
    everything: Vec<Shared>,
    /// So many had begun and not ended.
    open: usize,
}

impl Captured {
    pub(super) fn new(mut everything: Vec<Shared>, open: usize) -> Self {
        // The clock of a test stands mostly: the ids, which count, tell what began first.
        everything.sort_by_key(|one| (one.start_nanos(), one.id()));
        Self { everything, open }
    }

    /// All of them.
    #[must_use]
    pub fn observations(&self) -> Vec<&Observation> {
        self.shown().collect()
    }

    /// The calls of language models.
    #[must_use]
    pub fn generations(&self) -> Vec<&Observation> {
        self.of_kind(Kind::Generation)
    }

    /// Those of a type.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<&Observation> {
        self.shown().filter(|one| one.kind() == kind).collect()
    }

    /// The observation with this name; of several the one that began first.
    ///
    /// # Errors
    ///
    /// None has it. The error shows what there is, so that `unwrap()` is a good assertion.
    pub fn find(&self, name: &str) -> Result<&Observation, NotFound> {
        let mut named = self.shown().filter(|one| one.name() == name);
        named.next().ok_or_else(|| NotFound::new(name, self, self.open))
    }

    /// All observations with this name.
    #[must_use]
    pub fn find_all(&self, name: &str) -> Vec<&Observation> {
        self.shown().filter(|one| one.name() == name).collect()
    }

    /// Those without a parent among them: one for each trace, mostly.
    #[must_use]
    pub fn roots(&self) -> Vec<&Observation> {
        self.shown().filter(|one| self.parent_of(one).is_none()).collect()
    }

    /// What stands directly below an observation.
    #[must_use]
    pub fn children_of(&self, parent: &Observation) -> Vec<&Observation> {
        self.shown()
            .filter(|one| one.trace_id() == parent.trace_id())
            .filter(|one| one.parent_in(OBSERVATIONS) == Some(parent.id()))
            .collect()
    }

    /// What an observation stands directly below.
    #[must_use]
    pub fn parent_of(&self, child: &Observation) -> Option<&Observation> {
        let id = child.parent_in(OBSERVATIONS)?;
        self.shown()
            .find(|one| one.trace_id() == child.trace_id() && one.id() == id)
    }

    /// Each trace by itself, in the order in which they began.
    #[must_use]
    pub fn traces(&self) -> Vec<Self> {
        let mut traces: Vec<Self> = Vec::new();
        for one in &self.everything {
            let has = |trace: &&mut Self| {
                let first = trace.everything.first();
                first.is_some_and(|first| first.trace_id() == one.trace_id())
            };
            if let Some(trace) = traces.iter_mut().find(has) {
                trace.everything.push(one.clone());
            } else {
                traces.push(Self {
                    everything: vec![one.clone()],
                    open: self.open,
                });
            }
        }
        // Of nothing but infrastructure there is no trace to look at.
        traces.retain(|trace| trace.shown().next().is_some());
        traces
    }

    /// The tokens of all of them together, bucket by bucket, as Langfuse adds them up: disjoint, with a total.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (bucket, tokens) in self.shown().flat_map(|one| one.usage().buckets()) {
            let sum = sums.entry(bucket).or_default();
            *sum = sum.saturating_add(tokens);
        }
        sums.into_iter()
            .fold(Usage::default(), |usage, (bucket, tokens)| {
                usage.bucket(bucket.to_owned(), tokens)
            })
    }

    /// What all of them cost together, in US dollars, rounded to 12 decimals.
    ///
    /// # Errors
    ///
    /// A call of a model has no cost, so the sum would say too little: it reports neither cost nor tokens, or the
    /// capture has no [price](super::Capture::with_prices) for its model. The error names it. A call that failed before
    /// it took tokens may have none.
    pub fn cost(&self) -> Result<f64, NoCost> {
        if let Some(call) = self.shown().find(|one| lacks_a_cost(one)) {
            return Err(NoCost::new(call));
        }
        let costs = self.shown().filter_map(|one| one.cost().get("total"));
        Ok(Cost::sum(costs))
    }

    /// The same text with siblings in the order of their texts and not of their beginning: for code whose parts run at
    /// the same time.
    #[must_use]
    pub fn sorted_tree(&self) -> String {
        tree::render_sorted(&self.observations(), OBSERVATIONS)
    }

    /// The text with infrastructure, events and links, as OTLP shows them.
    #[must_use]
    pub fn whole_tree(&self) -> String {
        let everything = self.everything.iter().map(AsRef::as_ref);
        let shown: Vec<_> = everything
            .filter(|one| one.shown().contains(EVERYTHING))
            .collect();
        tree::render(&shown, EVERYTHING, true)
    }

    fn shown(&self) -> impl Iterator<Item = &Observation> {
        let everything = self.everything.iter().map(AsRef::as_ref);
        everything.filter(|one| one.shown().contains(OBSERVATIONS))
    }
}

/// Whether it is a call of a model that must have cost something, nobody knows what.
fn lacks_a_cost(one: &Observation) -> bool {
    let went_through = one.kind().calls_a_model() && one.level() != Level::Error;
    one.cost().is_empty() && (went_through || one.unpriced_model().is_some())
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tree::render(&self.observations(), OBSERVATIONS, false))
    }
}

/// The tree, too: it is what one wants to see of it.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
