//! Prompts that were fetched, and how old they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::clock::{Clock, MonotonicNanos};
use crate::error::Error;
use crate::langfuse::prompt::asking::Asking;
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
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Key, Entry>,
    /// What the server is being asked for, and nobody has yet.
    asked: HashMap<Key, Weak<Asking>>,
    /// What nobody could say lately.
    failures: HashMap<Key, Failure>,
    age: Age,
}

#[derive(Debug)]
struct Failure {
    why: Arc<Error>,
    at: MonotonicNanos,
    /// When the server was last asked again for those who do not wait for it.
    tried: Option<MonotonicNanos>,
}

/// How often something was forgotten: what was asked for before may be what was forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Age(u64);

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

/// What becomes of a question.
pub(super) enum Asked {
    Answered(Arc<Version>),
    Asking(Arc<Asking>),
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
            known: Mutex::default(),
        }
    }

    /// One that is younger than `most`, and fresh if it is younger than `ttl`.
    pub(super) fn find(self: &Arc<Self>, key: &Key, ttl: Duration, most: Duration) -> Found {
        let mut known = self.lock();
        let entry = known.entries.get_mut(key).filter(|_| !ttl.is_zero());
        let Some(entry) = entry.filter(|entry| self.since(entry.fetched) < most) else {
            return Found::Nothing;
        };
        let version = Arc::clone(&entry.version);
        if self.since(entry.fetched) < ttl {
            return Found::Fresh(version);
        }
        let may_refresh = match entry.refresh {
            Refresh::Idle => true,
            Refresh::Running => false,
            Refresh::FailedAt(time) => self.since(time) >= Self::REST,
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
        let known = self.lock();
        known.entries.get(key).map(|entry| Arc::clone(&entry.version))
    }

    /// The question that the server is being asked, so that another caller waits for its answer, too; else one that is begun here,
    /// unless the answer to another has come meanwhile.
    pub(super) fn ask(
        &self,
        key: &Key,
        ttl: Duration,
        begin: impl FnOnce() -> Option<Asking>,
    ) -> Option<Asked> {
        let mut known = self.lock();
        let entry = known.entries.get(key);
        if let Some(entry) = entry.filter(|entry| self.since(entry.fetched) < ttl) {
            return Some(Asked::Answered(Arc::clone(&entry.version)));
        }
        let on_its_way = known.asked.get(key).and_then(Weak::upgrade);
        if let Some(asking) = on_its_way.filter(|it| !it.is_over()) {
            return Some(Asked::Asking(asking));
        }
        let asking = Arc::new(begin()?);
        known.asked.retain(|_, it| it.strong_count() > 0);
        known.asked.insert(key.clone(), Arc::downgrade(&asking));
        Some(Asked::Asking(asking))
    }

    /// Remembers that nobody answered.
    pub(super) fn fail(&self, key: &Key, why: Error) {
        let mut known = self.lock();
        if known.failures.len() >= Self::MOST {
            known.failures.clear();
        }
        let tried = known.failures.get(key).and_then(|failure| failure.tried);
        let (why, at) = (Arc::new(why), self.clock.monotonic());
        known.failures.insert(key.clone(), Failure { why, at, tried });
    }

    /// Why nobody answered less than `ttl` ago, and whether the caller is to ask again.
    pub(super) fn failure(&self, key: &Key, ttl: Duration) -> Option<(Arc<Error>, bool)> {
        let mut known = self.lock();
        let failure = known.failures.get_mut(key);
        let failure = failure.filter(|failure| self.since(failure.at) < ttl)?;
        let may_try = failure.tried.is_none_or(|time| self.since(time) >= Self::REST);
        if may_try {
            failure.tried = Some(self.clock.monotonic());
        }
        Some((Arc::clone(&failure.why), may_try))
    }

    /// What a question that begins now is to say when it is answered.
    pub(super) fn age(&self) -> Age {
        self.lock().age
    }

    /// Keeps what was asked for at this age, unless something was forgotten meanwhile: it may be that.
    pub(super) fn put(&self, key: Key, version: Arc<Version>, asked: Age) {
        let entry = Entry {
            version,
            fetched: self.clock.monotonic(),
            refresh: Refresh::Idle,
        };
        let mut known = self.lock();
        // The server answers again, whether or not the answer is kept.
        known.failures.remove(&key);
        if known.age != asked {
            return;
        }
        let entries = &mut known.entries;
        if entries.len() >= Self::MOST && !entries.contains_key(&key) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.fetched);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        entries.insert(key, entry);
    }

    /// Forgets one that is gone, as was learnt by a question of this age.
    pub(super) fn evict(&self, key: &Key, asked: Age) {
        let mut known = self.lock();
        known.failures.remove(key);
        if known.age == asked {
            known.entries.remove(key);
        }
    }

    /// Forgets all versions of one name, and of no other, also those that the server is being asked for.
    pub(super) fn forget(&self, name: &str) {
        let mut known = self.lock();
        known.age.0 += 1;
        known.entries.retain(|key, _| key.name != name);
        known.failures.retain(|key, _| key.name != name);
        known.asked.retain(|key, _| key.name != name);
    }

    fn since(&self, since: MonotonicNanos) -> Duration {
        Duration::from_nanos(self.clock.monotonic().saturating_sub(since))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If it comes to nothing, another may try, a little later; what was put in its place meanwhile is not touched.
impl Drop for Refreshing {
    fn drop(&mut self) {
        let now = self.cache.clock.monotonic();
        if let Some(entry) = self.cache.lock().entries.get_mut(&self.key) {
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
            cache.put(key(number), Arc::clone(&version), cache.age());
            clock.advance(Duration::from_millis(1));
        }
        let is_there = |number| {
            !matches!(
                cache.find(&key(number), Cache::DEFAULT_TTL, Duration::MAX),
                Found::Nothing
            )
        };
        assert_eq!(
            (is_there(0), is_there(1), is_there(Cache::MOST)),
            (false, true, true)
        );
        assert_eq!(cache.lock().entries.len(), Cache::MOST);
    }
}
