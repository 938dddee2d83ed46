//! When somebody first rated a trace: the server replaces a score only within one day.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::id::TraceId;

/// The first click of each user on each trace, for the last ones.
#[derive(Default)]
pub(super) struct Clicks(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    times: HashMap<TraceId, SystemTime>,
    oldest_first: VecDeque<TraceId>,
}

impl Clicks {
    /// So many are kept, some hundred bytes each.
    const MOST: usize = 10_000;

    /// When this user first rated this trace: now, if it is not known.
    pub(super) fn first(&self, trace: TraceId, user: &str, now: SystemTime) -> SystemTime {
        let click = TraceId::from_seed(&format!("{trace} {user}"));
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = memory.times.get(&click) {
            return *time;
        }
        if memory.oldest_first.len() == Self::MOST {
            if let Some(oldest) = memory.oldest_first.pop_front() {
                memory.times.remove(&oldest);
            }
        }
        memory.oldest_first.push_back(click);
        memory.times.insert(click, now);
        now
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_first_click_is_remembered_beyond_midnight_and_not_for_ever() {
        let clicks = Clicks::default();
        let day = |days: u64| UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60);
        let trace = |seed: usize| TraceId::from_seed(&seed.to_string());
        assert_eq!(clicks.first(trace(0), "u-1", day(1)), day(1));
        assert_eq!(clicks.first(trace(0), "u-1", day(2)), day(1));
        assert_eq!(clicks.first(trace(0), "u-2", day(2)), day(2));
        for seed in 1..Clicks::MOST {
            clicks.first(trace(seed), "u-1", day(3));
        }
        assert_eq!(clicks.first(trace(0), "u-1", day(4)), day(4), "it was the oldest");
        let memory = clicks.0.lock().unwrap();
        assert_eq!(
            (memory.times.len(), memory.oldest_first.len()),
            (Clicks::MOST, Clicks::MOST)
        );
    }
}
