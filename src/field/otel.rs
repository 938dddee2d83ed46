//! The fields that tracing's bridges to OpenTelemetry have always understood.

use super::{Meaning, Role, Trust, exact};

const NAMES: &[(&str, Role)] = &[
    ("otel.name", Role::Name),
    ("otel.kind", Role::SpanKind),
    ("otel.status_code", Role::StatusCode),
    ("otel.status_description", Role::StatusDescription),
    // The name of the same before tracing-opentelemetry 0.25.
    ("otel.status_message", Role::StatusDescription),
];

pub(super) fn look_up(name: &'static str) -> Option<Meaning> {
    exact(NAMES, Trust::Convention, name)
}
