//! What several tests use.

pub(crate) mod jaeger;
pub(crate) mod shows;
