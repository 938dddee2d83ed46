//! A table that only grows, read without a lock: every span and every event looks its callsite up, on all threads at
//! once, and a lock that they all take, even to read, is one counter that they all write.

use std::fmt;
use std::iter;
use std::ptr;
use std::sync::OnceLock;

/// A value for ever for each of some things that stand where they are for ever: a thing is known by its address.
pub(crate) struct Table<K: 'static, V> {
    slots: Box<[OnceLock<(&'static K, V)>]>,
    /// Twice as large, for what finds no place here.
    next: OnceLock<Box<Self>>,
}

/// Slots of the first table: more callsites than most programs have.
const SLOTS: usize = 256;

/// So many slots behind the one that its hash names can hold a key.
const REACH: usize = 8;

impl<K, V: Clone> Table<K, V> {
    fn of(slots: usize) -> Self {
        Self {
            slots: iter::repeat_with(OnceLock::new).take(slots).collect(),
            next: OnceLock::new(),
        }
    }

    /// The value of a key.
    #[inline]
    pub(crate) fn get(&self, key: &'static K) -> Option<&V> {
        let hash = hash(key);
        let mut table = self;
        loop {
            for slot in table.reach(hash) {
                // Slots are filled in this order, and never emptied.
                let (known, value) = slot.get()?;
                if ptr::eq(*known, key) {
                    return Some(value);
                }
            }
            table = table.next.get()?;
        }
    }

    /// The value of a key, this one if there is none.
    pub(crate) fn insert(&self, key: &'static K, value: &V) -> &V {
        let hash = hash(key);
        let mut table = self;
        loop {
            for slot in table.reach(hash) {
                let (known, value) = slot.get_or_init(|| (key, value.clone()));
                if ptr::eq(*known, key) {
                    return value;
                }
            }
            let twice = || Box::new(Self::of(table.slots.len() * 2));
            table = table.next.get_or_init(twice);
        }
    }

    fn reach(&self, hash: usize) -> impl Iterator<Item = &OnceLock<(&'static K, V)>> {
        // The number of slots is a power of two.
        let last = self.slots.len() - 1;
        (0..REACH).filter_map(move |step| self.slots.get(hash.wrapping_add(step) & last))
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl<K, V: Clone> Default for Table<K, V> {
    fn default() -> Self {
        Self::of(SLOTS)
    }
}

/// Hashes an address. Nobody outside chooses those, so nothing is to be guarded against. Fibonacci hashing: the golden ratio
/// spreads addresses that differ in few bits over the upper half.
fn hash<K>(key: &K) -> usize {
    let address = ptr::from_ref(key).addr() as u64;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    static KEYS: [u64; 1_000] = [0; 1_000];

    #[test]
    fn every_key_keeps_its_first_value_however_many_there_are() {
        let table = Table::of(4);
        for (number, key) in KEYS.iter().enumerate() {
            assert_eq!(table.get(key), None);
            assert_eq!(*table.insert(key, &(number * 2)), number * 2);
        }
        for (number, key) in KEYS.iter().enumerate() {
            assert_eq!(*table.insert(key, &0), number * 2);
            assert_eq!(table.get(key), Some(&(number * 2)));
        }
    }

    #[test]
    fn threads_that_come_together_agree_on_one_value() {
        let (table, together) = (Table::of(4), Barrier::new(4));
        let seen: Vec<Vec<u64>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4_u64)
                .map(|thread| {
                    let (table, together) = (&table, &together);
                    scope.spawn(move || {
                        together.wait();
                        KEYS.iter().map(|key| *table.insert(key, &thread)).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|of_one| *of_one == seen[0]));
    }
}
