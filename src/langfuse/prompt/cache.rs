//! Prompts that were fetched, and how old they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, MonotonicNanos};
use crate::langfuse::prompt::selector::Selector;
use crate::langfuse::prompt::version::Version;

/// What a prompt is known by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) selector: Selector,
}

/// Prompts in memory.
#[derive(Debug)]
pub(crate) struct Cache {
    clock: Clock,
    /// How long one is fresh, unless a call says otherwise.
    pub(super) ttl: Duration,
    entries: Mutex<HashMap<Key, Entry>>,
}

#[derive(Debug)]
struct Entry {
    version: Arc<Version>,
    fetched: MonotonicNanos,
    /// The server is being asked for a newer one, or was in vain a moment ago.
    refresh: Refresh,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Refresh {
    Idle,
    Running,
    FailedAt(MonotonicNanos),
}

/// What there is.
pub(super) enum Found {
    Fresh(Arc<Version>),
    /// The caller has to refresh it when it is given the right to.
    Stale(Arc<Version>, Option<Refreshing>),
    Nothing,
}

/// The right to refresh an entry, which only one has at a time.
pub(super) struct Refreshing {
    cache: Arc<Cache>,
    pub(super) key: Key,
}

impl Cache {
    /// Langfuse's SDKs', too.
    pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(60);

    /// More prompts than programs have; names that users make up must not fill the memory.
    const MOST: usize = 1024;

    /// So long after a refresh in vain another is not tried.
    const REST: Duration = Duration::from_secs(5);

    pub(crate) fn new(clock: Clock, ttl: Duration) -> Self {
        Self {
            clock,
            ttl,
            entries: Mutex::default(),
        }
    }

    pub(super) fn find(self: &Arc<Self>, key: &Key, ttl: Duration) -> Found {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key).filter(|_| !ttl.is_zero()) else {
            return Found::Nothing;
        };
        let version = Arc::clone(&entry.version);
        if self.age(entry.fetched) < ttl {
            return Found::Fresh(version);
        }
        let may_refresh = match entry.refresh {
            Refresh::Idle => true,
            Refresh::Running => false,
            Refresh::FailedAt(time) => self.age(time) >= Self::REST,
        };
        let refreshing = may_refresh.then(|| {
            entry.refresh = Refresh::Running;
            Refreshing {
                cache: Arc::clone(self),
                key: key.clone(),
            }
        });
        Found::Stale(version, refreshing)
    }

    /// However old it is.
    pub(super) fn any(&self, key: &Key) -> Option<Arc<Version>> {
        self.lock().get(key).map(|entry| Arc::clone(&entry.version))
    }

    pub(super) fn put(&self, key: Key, version: Arc<Version>) {
        let entry = Entry {
            version,
            fetched: self.clock.monotonic(),
            refresh: Refresh::Idle,
        };
        let mut entries = self.lock();
        if entries.len() >= Self::MOST && !entries.contains_key(&key) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.fetched);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        entries.insert(key, entry);
    }

    pub(super) fn evict(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Forgets all versions of one name, and of no other.
    pub(super) fn forget(&self, name: &str) {
        self.lock().retain(|key, _| key.name != name);
    }

    fn age(&self, since: MonotonicNanos) -> Duration {
        Duration::from_nanos(self.clock.monotonic().saturating_sub(since))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If it comes to nothing, another may try, a little later; what was put in its place meanwhile is not touched.
impl Drop for Refreshing {
    fn drop(&mut self) {
        let now = self.cache.clock.monotonic();
        if let Some(entry) = self.cache.lock().get_mut(&self.key) {
            if entry.refresh == Refresh::Running {
                entry.refresh = Refresh::FailedAt(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::langfuse::prompt::template::{Text, sealed::Template as _};

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let clock = ManualClock::new();
        let cache = Arc::new(Cache::new(Clock::Manual(clock.clone()), Cache::DEFAULT_TTL));
        let key = |number: usize| Key {
            name: format!("prompt-{number}"),
            selector: Selector::PRODUCTION,
        };
        let version = Version::fallback("x", Text(String::new()).into_body(), None);
        let version = Arc::new(version);
        for number in 0..=Cache::MOST {
            cache.put(key(number), Arc::clone(&version));
            clock.advance(Duration::from_millis(1));
        }
        let is_there = |number| !matches!(cache.find(&key(number), Cache::DEFAULT_TTL), Found::Nothing);
        assert_eq!(
            (is_there(0), is_there(1), is_there(Cache::MOST)),
            (false, true, true)
        );
        assert_eq!(cache.lock().len(), Cache::MOST);
    }
}
