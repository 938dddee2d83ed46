//! Which traces are shown: decided by the trace's id alone, so that every process, every language and every destination
//! keeps the same ones.

use crate::env::{FromEnv, Reader, Variables};
use crate::error::{Error, Kind};
use crate::id::TraceId;

/// A share of all traces. The smaller of two keeps a part of what the larger keeps.
///
/// Source: OpenTelemetry's `TraceIdRatioBased` as its SDKs for Rust and Python have it, which is what Langfuse's SDK uses: of
/// the last eight bytes of the id, as a number, those below the share of the whole range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SampleRate(u64);

impl SampleRate {
    /// Every trace.
    pub(crate) const ALL: Self = Self(1 << 63);
    /// No trace.
    pub(crate) const NONE: Self = Self(0);

    /// A share from 0 to 1; `None` for any other number.
    pub(crate) fn new(share: f64) -> Option<Self> {
        // NaN is in no range.
        (0.0..=1.0)
            .contains(&share)
            .then_some(Self((share * Self::ALL.0 as f64) as u64))
    }

    /// The share that the program gave, if it gave one.
    pub(crate) fn chosen(share: Option<f64>) -> Result<Self, Error> {
        let Some(share) = share else {
            return Ok(Self::ALL);
        };
        let outside = || {
            Error::new(
                Kind::InvalidValue,
                format!("a sample rate of {share} is not between 0 and 1"),
            )
        };
        Self::new(share).ok_or_else(outside)
    }

    /// The share that a variable says; what is none is said, and every trace is kept: a mistyped rate must not lose
    /// what somebody looks for.
    pub(crate) fn read(reader: &mut Reader<'_>, name: &str) -> Option<Self> {
        let value = reader.get(name)?;
        let rate = value.parse().ok().and_then(Self::new);
        if rate.is_none() {
            reader.say(format!("{name} is not a number from 0 to 1: every trace is kept"));
        }
        rate
    }

    /// The share that OpenTelemetry's variables say, for every destination.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| {
            let Some(sampler) = reader.get(SAMPLER) else {
                return Self::ALL;
            };
            match sampler.to_ascii_lowercase().trim_start_matches("parentbased_") {
                "always_on" => Self::ALL,
                "always_off" => Self::NONE,
                "traceidratio" => Self::read(reader, ARGUMENT).unwrap_or(Self::ALL),
                _ => {
                    reader.say(format!(
                        "{SAMPLER} is none of always_on, always_off and traceidratio, with or without parentbased_ in \
                         front: every trace is kept"
                    ));
                    Self::ALL
                }
            }
        })
    }

    /// Whether it keeps this trace.
    pub(crate) fn keeps(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.0
    }
}

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_traces_are_kept_as_by_opentelemetrys_sdks() {
        // Ids and shares at which `TraceIdRatioBased` of the SDK for Python was asked.
        let table = [
            ("ffffffffffffffff0000000000000000", 0.000_001, true),
            ("00000000000000007fffffffffffffff", 0.5, true),
            ("00000000000000008000000000000000", 0.5, false),
            ("0000000000000000199999999999998f", 0.1, true),
            ("0000000000000000199999999999a000", 0.1, false),
            ("0000000000000000ffffffffffffffff", 0.999_999, false),
            ("0000000000000000ffffffffffffffff", 1.0, true),
            ("00000000000000010000000000000000", 0.0, false),
        ];
        for (id, share, kept) in table {
            let rate = SampleRate::new(share).unwrap();
            assert_eq!(rate.keeps(id.parse().unwrap()), kept, "{id} at {share}");
        }
    }

    #[test]
    fn a_share_is_kept_and_a_smaller_one_is_a_part_of_it() {
        let (tenth, half) = (SampleRate::new(0.1).unwrap(), SampleRate::new(0.5).unwrap());
        let ids = || (0..10_000).map(|seed| TraceId::from_seed(&format!("trace {seed}")));
        let kept = ids().filter(|id| tenth.keeps(*id)).count();
        assert!((900..1100).contains(&kept), "{kept}");
        assert!(ids().all(|id| half.keeps(id) || !tenth.keeps(id)));
    }

    #[test]
    fn shares_outside_of_0_to_1_are_none() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(SampleRate::new(share), None);
            assert!(SampleRate::chosen(Some(share)).unwrap_err().is_invalid_value());
        }
    }

    #[test]
    fn samplers_become_a_share_or_one_line() {
        let unknown = "OTEL_TRACES_SAMPLER is none of always_on, always_off and traceidratio, with or without parentbased_ in \
                       front: every trace is kept";
        let bad = "OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1: every trace is kept";
        let table = [
            (None, None, 1.0, None),
            (Some("always_off"), None, 0.0, None),
            (Some("PARENTBASED_ALWAYS_ON"), Some("0.1"), 1.0, None),
            (Some("traceidratio"), Some("0.25"), 0.25, None),
            (Some("parentbased_traceidratio"), None, 1.0, None),
            (Some("traceidratio"), Some("25%"), 1.0, Some(bad)),
            (Some("traceidratio"), Some("-1"), 1.0, Some(bad)),
            (Some("jaeger_remote"), None, 1.0, Some(unknown)),
        ];
        for (sampler, argument, share, line) in table {
            let pairs = [(SAMPLER, sampler), (ARGUMENT, argument)];
            let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let read = SampleRate::from_env(&Variables::from_pairs(pairs));
            assert_eq!(Some(read.settings), SampleRate::new(share), "{sampler:?}");
            assert_eq!(read.messages, Vec::from_iter(line), "{sampler:?}");
        }
    }
}
