//! A table that only grows, read without a lock: every span and every event looks its callsite up, on all threads at
//! once, and a lock that they all take, even to read, is one counter that they all write.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::iter;
use std::sync::OnceLock;

/// Keys that are addresses, each with a value for ever.
pub(crate) struct Table<K, V> {
    slots: Box<[OnceLock<(K, V)>]>,
    /// Twice as large, for what finds no place here.
    next: OnceLock<Box<Self>>,
}

/// Slots of the first table: more callsites than most programs have.
const SLOTS: usize = 256;

/// So many slots behind the one that its hash names can hold a key.
const REACH: usize = 8;

impl<K: Hash + Eq + Clone, V: Clone> Table<K, V> {
    fn of(slots: usize) -> Self {
        Self {
            slots: iter::repeat_with(OnceLock::new).take(slots).collect(),
            next: OnceLock::new(),
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let hash = hash(key);
        let mut table = self;
        loop {
            for slot in table.reach(hash) {
                // Slots are filled in this order, and never emptied.
                let (known, value) = slot.get()?;
                if known == key {
                    return Some(value);
                }
            }
            table = table.next.get()?;
        }
    }

    /// The value of a key, this one if there is none.
    pub(crate) fn insert(&self, key: &K, value: &V) -> &V {
        let hash = hash(key);
        let mut table = self;
        loop {
            for slot in table.reach(hash) {
                let (known, value) = slot.get_or_init(|| (key.clone(), value.clone()));
                if known == key {
                    return value;
                }
            }
            let twice = || Box::new(Self::of(table.slots.len() * 2));
            table = table.next.get_or_init(twice);
        }
    }

    fn reach(&self, hash: u64) -> impl Iterator<Item = &OnceLock<(K, V)>> {
        // The number of slots is a power of two.
        let last = self.slots.len() - 1;
        (hash as usize..)
            .take(REACH)
            .filter_map(move |at| self.slots.get(at & last))
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Default for Table<K, V> {
    fn default() -> Self {
        Self::of(SLOTS)
    }
}

fn hash<K: Hash>(key: &K) -> u64 {
    BuildHasherDefault::<Address>::default().hash_one(key)
}

/// Hashes the address that a key is. Nobody outside chooses those, so nothing is to be guarded against: std's own hasher
/// costs five times as much.
#[derive(Clone, Copy, Default)]
struct Address(u64);

impl Hasher for Address {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: the golden ratio spreads addresses that differ in few bits over the upper half, from
        // where the lower one is filled.
        let spread = (self.0.rotate_left(26) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn every_key_keeps_its_first_value_however_many_there_are() {
        let table = Table::of(4);
        for key in 0..1_000_u64 {
            assert_eq!(table.get(&key), None);
            assert_eq!(*table.insert(&key, &(key * 2)), key * 2);
        }
        for key in 0..1_000 {
            assert_eq!(*table.insert(&key, &0), key * 2);
            assert_eq!(table.get(&key), Some(&(key * 2)));
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
                        (0..500_u64).map(|key| *table.insert(&key, &thread)).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|of_one| *of_one == seen[0]));
    }
}
