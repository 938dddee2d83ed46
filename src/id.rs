//! W3C-compatible ids: 128 bits for a trace, 64 for a span, never zero.

#[cfg(feature = "opentelemetry")]
mod opentelemetry;

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oorandom::Rand64;

/// The id of a trace: 16 bytes, not all zero, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// The id of a span, which is the id of the observation made of it: 8 bytes, not all zero, written as 16
/// lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($name:ident, $bytes:literal, $number:ty) => {
        impl $name {
            /// The id with these bytes; `None` when all are zero, which W3C Trace Context forbids.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// The id that Langfuse's SDKs make from a seed: the first bytes of its SHA-256. The same seed
            /// gives the same id in every process and language.
            #[must_use]
            pub fn from_seed(seed: &str) -> Self {
                let digest = hmac_sha256::Hash::hash(seed.as_bytes());
                let mut bytes = [0; $bytes];
                bytes
                    .iter_mut()
                    .zip(digest)
                    .for_each(|(byte, of)| *byte = of);
                Self::from_bytes(bytes).unwrap_or(Self::from_number(1))
            }

            /// The bytes, in the order in which they are written.
            #[must_use]
            pub fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            fn from_number(number: $number) -> Self {
                Self(number.to_be_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "{:0width$x}",
                    <$number>::from_be_bytes(self.0),
                    width = $bytes * 2
                )
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// Reads exactly the hex digits of the id, in either case.
        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() != $bytes * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(ParseIdError(()));
                }
                let number = <$number>::from_str_radix(text, 16).map_err(|_| ParseIdError(()))?;
                Self::from_bytes(number.to_be_bytes()).ok_or(ParseIdError(()))
            }
        }
    };
}

id!(TraceId, 16, u128);
id!(SpanId, 8, u64);

/// Text that is no id: not the right number of hex digits, or all zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseIdError(());

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: a trace id has 32 hex digits, a span id 16, not all zero")
    }
}

impl std::error::Error for ParseIdError {}

/// Where new ids come from.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    /// A generator a thread, seeded by the system.
    Random,
    /// 1, 2, 3, … for tests; traces and spans count apart, clones together.
    Sequential(Arc<[AtomicU64; 2]>),
}

impl Ids {
    pub(crate) fn sequential() -> Self {
        Self::Sequential(Arc::new([AtomicU64::new(1), AtomicU64::new(1)]))
    }

    pub(crate) fn trace(&self) -> TraceId {
        match self {
            Self::Random => {
                let number = u128::from(random()) << 64 | u128::from(random());
                TraceId::from_number(number.max(1))
            }
            Self::Sequential(next) => {
                let [traces, _] = &**next;
                TraceId::from_number(traces.fetch_add(1, Ordering::Relaxed).into())
            }
        }
    }

    pub(crate) fn span(&self) -> SpanId {
        match self {
            Self::Random => SpanId::from_number(random().max(1)),
            Self::Sequential(next) => {
                let [_, spans] = &**next;
                SpanId::from_number(spans.fetch_add(1, Ordering::Relaxed))
            }
        }
    }
}

fn random() -> u64 {
    thread_local! {
        static GENERATOR: RefCell<Option<Rand64>> = const { RefCell::new(None) };
    }
    let here = GENERATOR.try_with(|cell| {
        let mut generator = cell.try_borrow_mut().ok()?;
        Some(generator.get_or_insert_with(|| Rand64::new(seed())).rand_u64())
    });
    // The thread is ending and its locals are gone, or a signal's handler came in between: a generator for this one number.
    here.ok()
        .flatten()
        .unwrap_or_else(|| Rand64::new(seed()).rand_u64())
}

fn seed() -> u128 {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_ok() {
        return u128::from_ne_bytes(bytes);
    }
    // No entropy from the system (a sandbox without the call): std's own keys, which it got earlier or elsewhere.
    use std::hash::{BuildHasher, RandomState};
    let half = || u128::from(RandomState::new().hash_one(std::time::SystemTime::now()));
    half() << 64 | half()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_what_langfuses_sdks_make_of_it() {
        let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        assert_eq!(TraceId::from_seed("hello world").to_string(), digest[..32]);
        assert_eq!(SpanId::from_seed("hello world").to_string(), digest[..16]);
    }

    #[test]
    fn text_and_back() {
        let id: TraceId = "0AF7651916CD43DD8448EB211C80319C".parse().unwrap();
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        for wrong in [
            "",
            "0",
            "+af7651916cd43dd",
            "0000000000000000",
            "0af7651916cd43ddd",
        ] {
            assert!(wrong.parse::<SpanId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn random_ids_differ_between_threads() {
        let here = Ids::Random.trace();
        let there = std::thread::spawn(|| Ids::Random.trace()).join().unwrap();
        assert_ne!(here, there);
        assert_ne!(Ids::Random.span(), Ids::Random.span());
    }
}
