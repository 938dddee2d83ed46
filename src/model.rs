//! The thing itself: what an observation is. Values only; no I/O and no `tracing`.

mod callsite;
mod fields;
mod kind;
mod lanes;
mod media;
mod notes;
mod observation;
mod prompt;
mod recorded;
mod resource;
mod score;
mod trace;
mod tree;
mod upload;
mod usage;
mod value;

pub(crate) use callsite::{Callsite, CallsiteField, Severity};
#[cfg(test)]
pub(crate) use fields::GARBAGE_LIMIT;
pub(crate) use fields::{Entry, Fields, Head, Key, TextForm, cut, cut_value, is_large, left_out};
pub use kind::{Kind, Level};
pub(crate) use lanes::{Lane, Lanes, Parents};
pub use media::Media;
pub(crate) use notes::{Noted, Notes};
pub use observation::Observation;
pub(crate) use observation::{Content, Field, Masked, Reading, Shared, SpanKind, Use, write_arguments};
pub(crate) use prompt::PromptLink;
pub use prompt::PromptUse;
pub(crate) use recorded::{EventHead, EventKind, Link, Recorded};
pub(crate) use resource::Resource;
pub(crate) use score::{Ready, Subject};
pub use score::{Score, ScoreConfig, ScoreKind, ScoreValue};
pub(crate) use trace::{SharedAttributes, TEXT_LIMIT, TraceAttributes};
#[cfg(test)]
pub(crate) use tree::hand;
pub(crate) use tree::{Forest, Node};
pub(crate) use upload::{Blob, Shelf, Spot, Stage, Upload};
pub(crate) use usage::CostOrigin;
pub use usage::{Cost, Usage};
pub use value::Value;
pub(crate) use value::{ValueRef, write_members, write_name, write_object};
