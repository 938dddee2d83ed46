//! Our ids as those of the `opentelemetry` crate, and back: feature `opentelemetry`.

use opentelemetry::trace as otel;

use super::{ParseIdError, SpanId, TraceId};

macro_rules! conversions {
    ($($name:ident)*) => {
        $(
            impl From<$name> for otel::$name {
                fn from(id: $name) -> Self {
                    Self::from_bytes(id.to_bytes())
                }
            }

            /// Fails for OpenTelemetry's invalid id, which is all zero: there is none of ours.
            impl TryFrom<otel::$name> for $name {
                type Error = ParseIdError;

                fn try_from(id: otel::$name) -> Result<Self, ParseIdError> {
                    Self::from_bytes(id.to_bytes()).ok_or(ParseIdError(()))
                }
            }
        )*
    };
}

conversions!(TraceId SpanId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went_and_an_invalid_one_is_none() {
        let (trace, span) = (TraceId::from_seed("a"), SpanId::from_seed("b"));
        assert_eq!(otel::TraceId::from(trace).to_string(), trace.to_string());
        assert_eq!(TraceId::try_from(otel::TraceId::from(trace)), Ok(trace));
        assert_eq!(SpanId::try_from(otel::SpanId::from(span)), Ok(span));
        assert!(TraceId::try_from(otel::TraceId::INVALID).is_err());
        assert!(SpanId::try_from(otel::SpanId::INVALID).is_err());
    }
}
