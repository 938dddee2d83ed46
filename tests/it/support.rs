//! What several tests use.

pub(crate) mod alone;
pub(crate) mod books;
pub(crate) mod child;
pub(crate) mod demands;
pub(crate) mod facts;
#[cfg(feature = "grpc")]
pub(crate) mod grpc;
pub(crate) mod jaeger;
pub(crate) mod lines;
pub(crate) mod media;
pub(crate) mod receiver;
pub(crate) mod replay;
pub(crate) mod rows;
pub(crate) mod scores;
pub(crate) mod shows;
