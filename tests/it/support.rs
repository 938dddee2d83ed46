//! What several tests use.

pub(crate) mod alone;
pub(crate) mod child;
pub(crate) mod facts;
pub(crate) mod jaeger;
pub(crate) mod lines;
pub(crate) mod receiver;
pub(crate) mod rows;
pub(crate) mod shows;
