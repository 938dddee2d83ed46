//! Which destinations an observation is shown to, and under which parent in each.

use smallvec::{SmallVec, smallvec};

use crate::id::SpanId;

/// The number of a lane: its place in the order in which the builder opened them, below 32.
pub(crate) type Lane = u8;

/// A set of lanes, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Lanes(u32);

impl Lanes {
    /// How many lanes there can be.
    pub(crate) const MAX: usize = 32;

    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn insert(&mut self, lane: Lane) {
        self.0 |= 1_u32.checked_shl(lane.into()).unwrap_or(0);
    }

    pub(crate) fn contains(self, lane: Lane) -> bool {
        self.0 & 1_u32.checked_shl(lane.into()).unwrap_or(0) != 0
    }

    pub(crate) fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromIterator<Lane> for Lanes {
    fn from_iter<I: IntoIterator<Item = Lane>>(lanes: I) -> Self {
        let mut set = Self::NONE;
        lanes.into_iter().for_each(|lane| set.insert(lane));
        set
    }
}

/// The ancestors that some lane shows, nearest first, each with the lanes that take it as the parent. Nearly always
/// one entry, which all lanes take.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Parents(SmallVec<[(SpanId, Lanes); 1]>);

impl Parents {
    /// The parents of a child of `parent`, which is shown in `shown` of `all` lanes and has `above` it.
    #[inline]
    pub(crate) fn below(parent: SpanId, shown: Lanes, above: &Self, all: Lanes) -> Self {
        if shown.contains_all(all) {
            return Self(smallvec![(parent, all)]);
        }
        let mut list = SmallVec::new();
        if !shown.is_empty() {
            list.push((parent, shown));
        }
        let open = above.0.iter().map(|(id, lanes)| (*id, lanes.without(shown)));
        list.extend(open.filter(|(_, lanes)| !lanes.is_empty()));
        Self(list)
    }

    /// The parent as this lane shows it.
    pub(crate) fn of(&self, lane: Lane) -> Option<SpanId> {
        self.0
            .iter()
            .find(|(_, lanes)| lanes.contains(lane))
            .map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_takes_the_nearest_ancestor_it_shows() {
        let all: Lanes = [0, 1].into_iter().collect();
        let first: Lanes = [0].into_iter().collect();
        let (root, http, tool) = (
            SpanId::from_seed("root"),
            SpanId::from_seed("http"),
            SpanId::from_seed("tool"),
        );
        let below_root = Parents::below(root, all, &Parents::default(), all);
        let below_http = Parents::below(http, first, &below_root, all);
        assert_eq!((below_http.of(0), below_http.of(1)), (Some(http), Some(root)));
        let below_tool = Parents::below(tool, all, &below_http, all);
        assert_eq!((below_tool.of(0), below_tool.of(1)), (Some(tool), Some(tool)));
        let hidden_root = Parents::below(http, first, &Parents::default(), all);
        assert_eq!((hidden_root.of(0), hidden_root.of(1)), (Some(http), None));
    }
}
