//! Observations as a forest: children below their parents, in the order in which they began.

use std::collections::HashMap;

use crate::model::{Lane, Observation};

/// Observations of one trace or of several, arranged as one lane shows them.
///
/// Children are ordered by their start, and by their arrival where they began together. An observation whose parent
/// is not among them is a root; so is one observation of each circle, which only ids given by hand can make.
#[derive(Debug)]
pub(crate) struct Forest<'a> {
    nodes: Vec<Node<'a>>,
}

/// One observation at its place in the forest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) observation: &'a Observation,
    /// Its place among the observations as they were given.
    pub(crate) at: usize,
    /// 0 for a root.
    pub(crate) depth: usize,
    /// No sibling follows.
    pub(crate) last: bool,
    /// It has no children.
    pub(crate) leaf: bool,
}

impl<'a> Forest<'a> {
    /// Arranges the observations. Time and memory grow with their number only, however deep they are nested.
    pub(crate) fn new(observations: &[&'a Observation], lane: Lane) -> Self {
        let order = by_start(observations);
        let mut parents = parents(observations, lane);
        break_circles(&order, &mut parents);
        let links = Links::new(&order, &parents);
        Self {
            nodes: links.nodes(observations),
        }
    }

    /// Every observation once: a parent before its children, a subtree before the next sibling.
    pub(crate) fn walk(&self) -> impl Iterator<Item = Node<'a>> + '_ {
        self.nodes.iter().copied()
    }

    /// The roots in order, each with everything below it: slices of what [`walk`](Self::walk) yields.
    pub(crate) fn trees(&self) -> impl Iterator<Item = &[Node<'a>]> {
        self.nodes.chunk_by(|_, next| next.depth > 0)
    }
}

/// The places of the observations, earliest start first. The sort is stable: arrival decides between equals.
fn by_start(observations: &[&Observation]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..observations.len()).collect();
    order.sort_by_key(|at| observations.get(*at).map(|observation| observation.start_nanos()));
    order
}

/// For each observation the place of its parent, when that is among them.
fn parents(observations: &[&Observation], lane: Lane) -> Vec<Option<usize>> {
    let mut places = HashMap::with_capacity(observations.len());
    for (at, observation) in observations.iter().enumerate() {
        // Of two with one id, the first is the parent.
        places
            .entry((observation.trace_id(), observation.id()))
            .or_insert(at);
    }
    let parent = |observation: &&Observation| {
        let id = observation.parent_in(lane)?;
        places.get(&(observation.trace_id(), id)).copied()
    };
    observations.iter().map(parent).collect()
}

/// Makes one observation of each circle a root. Each place is climbed over once.
fn break_circles(order: &[usize], parents: &mut [Option<usize>]) {
    /// The climb that came by; none is 0.
    type Climb = usize;
    let mut seen: Vec<Climb> = vec![0; parents.len()];
    for (climb, from) in (1..).zip(order) {
        let mut next = Some(*from);
        while let Some(at) = next {
            let (Some(mark), Some(parent)) = (seen.get_mut(at), parents.get_mut(at)) else {
                break;
            };
            if *mark == climb {
                *parent = None;
            }
            if *mark != 0 {
                break;
            }
            *mark = climb;
            next = *parent;
        }
    }
}

/// First child and next sibling of each place, as linked lists in the order of their start.
struct Links {
    first_root: Option<usize>,
    first_child: Vec<Option<usize>>,
    next_sibling: Vec<Option<usize>>,
}

impl Links {
    fn new(order: &[usize], parents: &[Option<usize>]) -> Self {
        let mut links = Self {
            first_root: None,
            first_child: vec![None; parents.len()],
            next_sibling: vec![None; parents.len()],
        };
        // Backwards, since each is put before those that are there.
        for at in order.iter().rev() {
            let parent = parents.get(*at).copied().flatten();
            let first = parent.and_then(|parent| links.first_child.get_mut(parent));
            let first = first.unwrap_or(&mut links.first_root);
            let following = first.replace(*at);
            if let Some(next) = links.next_sibling.get_mut(*at) {
                *next = following;
            }
        }
        links
    }

    fn nodes<'a>(&self, observations: &[&'a Observation]) -> Vec<Node<'a>> {
        let following = |list: &[Option<usize>], at: usize| list.get(at).copied().flatten();
        let mut nodes = Vec::with_capacity(observations.len());
        let mut open: Vec<(usize, usize)> = self.first_root.map(|root| (root, 0)).into_iter().collect();
        while let Some((at, depth)) = open.pop() {
            let sibling = following(&self.next_sibling, at);
            let child = following(&self.first_child, at);
            open.extend(sibling.map(|sibling| (sibling, depth)));
            open.extend(child.map(|child| (child, depth + 1)));
            nodes.extend(observations.get(at).map(|observation| Node {
                observation,
                at,
                depth,
                last: sibling.is_none(),
                leaf: child.is_none(),
            }));
        }
        nodes
    }
}

/// Observations made by hand, for the tests of whatever shows them.
#[cfg(test)]
pub(crate) mod hand {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::field::Role;
    use crate::id::{SpanId, TraceId};
    use crate::model::{
        Content, Cost, Head, Key, Kind, Lanes, Level, Parents, PromptLink, Reading, Recorded, Shared,
        TraceAttributes, Usage, Use, ValueRef,
    };

    /// An observation in the making. Its id is the seed of its name, its trace's that of `trace`.
    pub(crate) struct Hand {
        recorded: Box<Recorded>,
        reading: Reading,
    }

    /// A span of this name that began at 0 and took no time.
    pub(crate) fn made(name: &'static str) -> Hand {
        let mut recorded = Recorded::sample(name, Lanes::from_iter([0]));
        recorded.trace_id = TraceId::from_seed("trace");
        Hand {
            recorded,
            reading: Reading {
                name: name.into(),
                ..Reading::default()
            },
        }
    }

    impl Hand {
        pub(crate) fn of(mut self, trace: &str) -> Self {
            self.recorded.trace_id = TraceId::from_seed(trace);
            self
        }

        pub(crate) fn id(mut self, seed: &str) -> Self {
            self.recorded.id = SpanId::from_seed(seed);
            self
        }

        pub(crate) fn below(mut self, parent: &str) -> Self {
            let lanes = Lanes::from_iter([0]);
            self.recorded.parents =
                Parents::below(SpanId::from_seed(parent), lanes, &Parents::default(), lanes);
            self
        }

        pub(crate) fn kind(mut self, kind: Kind) -> Self {
            self.recorded.kind = kind;
            self
        }

        /// When it began and how long it took.
        pub(crate) fn at(mut self, start: Duration, took: Duration) -> Self {
            let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
            self.recorded.start = nanos(start);
            self.recorded.end = nanos(start + took);
            self
        }

        pub(crate) fn first_token(mut self, after: Duration) -> Self {
            self.reading.first_token = Some(self.recorded.start + u64::try_from(after.as_nanos()).unwrap());
            self
        }

        pub(crate) fn level(mut self, level: Level, message: &str) -> Self {
            self.reading.level = level;
            self.reading.status_message = (!message.is_empty()).then(|| message.to_owned());
            self
        }

        pub(crate) fn model(mut self, model: &str) -> Self {
            self.reading.model = Some(self.field("model", Role::Model, ValueRef::Text(model), false));
            self
        }

        pub(crate) fn prompt(mut self, name: &str, version: u32) -> Self {
            let name = name.to_owned();
            self.reading.prompt = Some(PromptLink { name, version });
            self
        }

        pub(crate) fn usage(mut self, usage: Usage) -> Self {
            self.reading.usage = usage.into_disjoint();
            self
        }

        pub(crate) fn cost(mut self, dollars: f64) -> Self {
            self.reading.cost = Cost::total(dollars);
            self
        }

        pub(crate) fn input(mut self, value: ValueRef<'_>) -> Self {
            self.reading.input = Content::Field(self.field("input", Role::Input, value, false));
            self
        }

        pub(crate) fn output(mut self, value: ValueRef<'_>) -> Self {
            self.reading.output = Content::Field(self.field("output", Role::Output, value, false));
            self
        }

        /// An argument; together they are the input.
        pub(crate) fn argument(mut self, name: &'static str, value: ValueRef<'_>) -> Self {
            self.field(name, Role::None, value, true);
            self.reading.input = Content::Arguments;
            self
        }

        pub(crate) fn trace(mut self, attributes: TraceAttributes) -> Self {
            self.recorded.trace = attributes.into();
            self
        }

        pub(crate) fn shared(self) -> Shared {
            Arc::new(Observation::new(self.recorded, self.reading, None))
        }

        fn field(&mut self, name: &'static str, role: Role, value: ValueRef<'_>, argument: bool) -> usize {
            let head = Head::handle(Key::Known(name), role);
            let fields = &mut self.recorded.fields;
            match value {
                ValueRef::Bool(value) => fields.bool(head, value),
                ValueRef::I64(value) => fields.i64(head, value),
                ValueRef::U64(value) => fields.u64(head, value),
                ValueRef::I128(value) => fields.i128(head, value),
                ValueRef::U128(value) => fields.u128(head, value),
                ValueRef::F64(value) => fields.f64(head, value),
                ValueRef::Json(text) => fields.json(head, text),
                ValueRef::Bytes(bytes) => fields.bytes_value(head, bytes),
                ValueRef::Text(text) | ValueRef::Debug(text) | ValueRef::Error(text) => {
                    fields.str(head, text);
                }
            }
            self.reading.uses.push(Use {
                argument,
                counts: !argument,
                ..Use::default()
            });
            self.reading.uses.len() - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::hand::{Hand, made};
    use super::*;
    use crate::model::Shared;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn starting(name: &'static str, at: u64) -> Hand {
        made(name).at(ms(at), ms(1))
    }

    fn check(observations: impl IntoIterator<Item = Hand>, expected: &str) {
        let observations: Vec<Shared> = observations.into_iter().map(Hand::shared).collect();
        let observations: Vec<&Observation> = observations.iter().map(AsRef::as_ref).collect();
        let forest = Forest::new(&observations, 0);
        let line = |node: Node<'_>| {
            let (last, leaf) = (if node.last { "" } else { "+" }, if node.leaf { "" } else { ":" });
            format!(
                "{}{}{leaf}{last}",
                "  ".repeat(node.depth),
                node.observation.name()
            )
        };
        let lines: Vec<String> = forest.walk().map(line).collect();
        let expected: Vec<&str> = expected
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(lines, expected);
        let roots = forest.walk().filter(|node| node.depth == 0).count();
        assert_eq!(forest.trees().count(), roots);
        assert_eq!(forest.trees().flatten().count(), observations.len());
    }

    #[test]
    fn children_stand_below_their_parent_by_start_then_by_arrival() {
        let ended_first_to_last = [
            starting("late", 5).below("root"),
            starting("grandchild", 3).below("early"),
            starting("twin", 5).below("root"),
            starting("early", 2).below("root"),
            starting("root", 1),
        ];
        check(
            ended_first_to_last,
            "root:\n  early:+\n    grandchild\n  late+\n  twin",
        );
    }

    #[test]
    fn orphans_and_the_roots_of_other_traces_are_roots() {
        let mixed = [
            starting("orphan's child", 2).below("orphan"),
            starting("orphan", 1).below("never came"),
            starting("root", 4),
            starting("elsewhere", 3).of("other").below("root"),
        ];
        check(mixed, "orphan:+\n  orphan's child\nelsewhere+\nroot");
    }

    #[test]
    fn a_circle_opens_at_its_earliest_and_nobody_is_lost() {
        let circle = [
            starting("b", 2).below("a"),
            starting("c", 3).below("b"),
            starting("a", 1).below("c"),
            starting("self", 5).below("self"),
            starting("tail", 4).below("self"),
        ];
        check(circle, "a:+\n  b:\n    c\nself:\n  tail");
    }

    #[test]
    fn of_two_with_one_id_the_first_is_the_parent() {
        let twice = [
            starting("one", 1).id("x"),
            starting("two", 2).id("x"),
            starting("child", 3).below("x"),
        ];
        check(twice, "one:+\n  child\ntwo");
    }

    #[test]
    fn a_hundred_thousand_in_a_chain_a_star_or_a_circle_take_no_recursion_and_little_time() {
        let seeds: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
        let made = |at: usize, parent: usize| made("").id(&seeds[at]).below(&seeds[parent]).shared();
        let chain: Vec<Shared> = (0..100_000).map(|at| made(at, at.saturating_sub(1))).collect();
        let star: Vec<Shared> = (0..100_000).map(|at| made(at, 0)).collect();
        let circle: Vec<Shared> = (0..100_000).map(|at| made(at, (at + 1) % 100_000)).collect();
        for (shape, deepest) in [(chain, 99_999), (star, 1), (circle, 99_999)] {
            let observations: Vec<&Observation> = shape.iter().map(AsRef::as_ref).collect();
            let began = Instant::now();
            let forest = Forest::new(&observations, 0);
            assert_eq!(forest.walk().count(), 100_000);
            assert_eq!(forest.walk().map(|node| node.depth).max(), Some(deepest));
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        }
    }
}
