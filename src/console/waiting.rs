//! Observations whose trace has not ended yet: children end before their parents.

use std::collections::HashMap;

use crate::clock::UnixNanos;
use crate::console::draw::Style;
use crate::export::Batch;
use crate::id::TraceId;
use crate::model::{Forest, Lane, Node, Observation, Shared};

/// When a trace for which nothing came is given up: its top may never end, or be in another process. By the time of
/// the observations, so that no clock is needed.
const PATIENCE: UnixNanos = 5 * 60 * 1_000_000_000;

/// What waits, by trace.
#[derive(Debug)]
pub(super) struct Waiting {
    traces: HashMap<TraceId, Trace>,
    bytes: usize,
    /// How much may wait. An observation weighs what its values do, up to 1 MiB each, so a count would bound nothing.
    most: usize,
    lane: Lane,
}

#[derive(Debug, Default)]
struct Trace {
    observations: Vec<Shared>,
    /// When the last of them ended.
    latest: UnixNanos,
}

impl Waiting {
    pub(super) fn new(most: usize) -> Self {
        Self {
            traces: HashMap::new(),
            bytes: 0,
            most,
            lane: Lane::default(),
        }
    }

    /// Takes a batch and draws what can be shown now.
    pub(super) fn add(&mut self, batch: &Batch, style: &Style) -> String {
        self.lane = batch.lane();
        let (mut tops, mut now) = (Vec::new(), 0);
        for observation in batch.clone().into_observations() {
            let id = observation.trace_id();
            now = observation.end_nanos().max(now);
            if observation.parent_in(self.lane).is_none() && !tops.contains(&id) {
                tops.push(id);
            }
            self.bytes += observation.weight();
            let trace = self.traces.entry(id).or_default();
            trace.latest = trace.latest.max(observation.end_nanos());
            trace.observations.push(observation);
        }
        let finished = tops.into_iter().map(|id| self.finished(id, style));
        let mut text: String = finished.collect();
        // All of them: which one is to blame is not known, and a search at each overflow would cost more.
        let overflow = self.bytes > self.most;
        text += &self.unfinished(style, |trace| {
            overflow || trace.latest.saturating_add(PATIENCE) < now
        });
        text
    }

    /// Draws all that waits.
    pub(super) fn rest(&mut self, style: &Style) -> String {
        self.unfinished(style, |_| true)
    }

    /// Draws the trees of a trace whose top has come. What hangs elsewhere waits on: under a hidden span a trace can
    /// have several tops.
    fn finished(&mut self, id: TraceId, style: &Style) -> String {
        let Some(trace) = self.traces.get_mut(&id) else {
            return String::new();
        };
        let mut text = String::new();
        let mut drawn = vec![false; trace.observations.len()];
        let observations: Vec<&Observation> = trace.observations.iter().map(AsRef::as_ref).collect();
        let forest = Forest::new(&observations, self.lane);
        let is_top = |tree: &&[Node<'_>]| {
            tree.first()
                .is_some_and(|node| node.observation.parent_in(self.lane).is_none())
        };
        for tree in forest.trees().filter(is_top) {
            style.trace(tree, true, &mut text);
            for node in tree {
                drawn.get_mut(node.at).into_iter().for_each(|drawn| *drawn = true);
            }
        }
        let mut drawn = drawn.into_iter();
        trace.observations.retain(|observation| {
            let drawn = drawn.next().unwrap_or(false);
            if drawn {
                self.bytes = self.bytes.saturating_sub(observation.weight());
            }
            !drawn
        });
        if trace.observations.is_empty() {
            self.traces.remove(&id);
        }
        text
    }

    /// Gives traces up and draws what there is of them, in the order in which they last moved.
    fn unfinished(&mut self, style: &Style, give_up: impl Fn(&Trace) -> bool) -> String {
        let mut given_up: Vec<(TraceId, Trace)> = Vec::new();
        self.traces.retain(|id, trace| {
            let keep = !give_up(trace);
            if !keep {
                given_up.push((*id, std::mem::take(trace)));
            }
            keep
        });
        given_up.sort_by_key(|(id, trace)| (trace.latest, *id));
        let mut text = String::new();
        for (_, trace) in given_up {
            let observations: Vec<&Observation> = trace.observations.iter().map(AsRef::as_ref).collect();
            let nodes: Vec<Node<'_>> = Forest::new(&observations, self.lane).walk().collect();
            style.trace(&nodes, false, &mut text);
            let weight: usize = trace
                .observations
                .iter()
                .map(|observation| observation.weight())
                .sum();
            self.bytes = self.bytes.saturating_sub(weight);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::ValueRef;
    use crate::model::hand::{Hand, made};

    fn add(waiting: &mut Waiting, observations: impl IntoIterator<Item = Hand>) -> Vec<String> {
        let batch = Batch::new(0, observations.into_iter().map(Hand::shared).collect());
        let text = waiting.add(&batch, &Style::PLAIN);
        lines(&text)
    }

    /// Each line without its facts.
    fn lines(text: &str) -> Vec<String> {
        let line = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
        let line_of_trace = |text: &str| text.split(" · ").next().unwrap_or_default().to_owned();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(|text| {
                if text.starts_with("trace") {
                    line_of_trace(text)
                } else {
                    line(text)
                }
            })
            .collect()
    }

    #[test]
    fn each_top_of_a_trace_is_drawn_with_what_is_below_it_only() {
        let mut waiting = Waiting::new(32 * 1024 * 1024);
        let first = add(
            &mut waiting,
            [made("a1").below("a"), made("b1").below("b"), made("a")],
        );
        assert_eq!(first, ["trace a", "SPAN a", "└─ SPAN a1"]);
        assert_eq!(
            add(&mut waiting, [made("b")]),
            ["trace b", "SPAN b", "└─ SPAN b1"]
        );
        assert_eq!((waiting.traces.len(), waiting.bytes), (0, 0));
    }

    #[test]
    fn traces_in_one_batch_are_drawn_in_the_order_of_their_tops() {
        let mut waiting = Waiting::new(32 * 1024 * 1024);
        let both = [
            made("x1").of("x").below("x"),
            made("y").of("y"),
            made("x").of("x"),
        ];
        assert_eq!(
            add(&mut waiting, both),
            ["trace y", "SPAN y", "trace x", "SPAN x", "└─ SPAN x1"]
        );
    }

    #[test]
    fn a_trace_for_which_nothing_comes_is_given_up_after_five_minutes() {
        let minutes = |number: u64| Duration::from_secs(60 * number);
        let at = |name, end| made(name).of(name).at(minutes(0), minutes(end));
        let mut waiting = Waiting::new(32 * 1024 * 1024);
        assert_eq!(add(&mut waiting, [at("left", 1).below("gone")]), [""; 0]);
        assert_eq!(add(&mut waiting, [at("other", 6)]), ["trace other", "SPAN other"]);
        let given_up = add(&mut waiting, [at("another", 7)]);
        assert_eq!(
            given_up,
            [
                "trace another",
                "SPAN another",
                "trace left (unfinished)",
                "SPAN left"
            ]
        );
        assert_eq!((waiting.traces.len(), waiting.bytes), (0, 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let text = "x".repeat(1024 * 1024);
        let mut waiting = Waiting::new(32 * 1024 * 1024);
        for _ in 0..31 {
            let child = made("child").below("endless").input(ValueRef::Text(&text));
            assert_eq!(add(&mut waiting, [child]), [""; 0]);
        }
        let child = made("child").below("endless").input(ValueRef::Text(&text));
        let given_up = add(&mut waiting, [child]);
        assert_eq!(
            given_up.first().map(String::as_str),
            Some("trace child (unfinished)")
        );
        assert_eq!(waiting.bytes, 0);
    }

    #[test]
    fn the_rest_is_drawn_at_the_end_and_once() {
        let mut waiting = Waiting::new(32 * 1024 * 1024);
        add(
            &mut waiting,
            [
                made("one").below("?"),
                made("two").below("?"),
                made("below").below("two"),
            ],
        );
        let rest = ["trace one (unfinished)", "SPAN one", "SPAN two", "└─ SPAN below"];
        assert_eq!(lines(&waiting.rest(&Style::PLAIN)), rest);
        assert_eq!(waiting.rest(&Style::PLAIN), "");
    }
}
