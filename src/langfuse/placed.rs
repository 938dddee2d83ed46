//! Where the fields of an observation go in its row: decided by their names and what they mean, and so the same for all
//! observations of a shape.

use std::borrow::Cow;

use super::parameters::Parameters;
use crate::dialect::Name;
use crate::field::Role;
use crate::model::{Observation, write_name};

/// The fields of a row that are no content, usage or the like.
#[derive(Debug)]
pub(super) struct Placed {
    /// The parameters, each with its name as the key of a JSON object; none where they may stand in objects, which are
    /// read of each observation.
    pub(super) parameters: Option<Vec<(usize, Vec<u8>)>>,
    pub(super) metadata: Vec<Metadata>,
}

/// A field that is metadata.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) index: usize,
    /// None where its members are the metadata.
    pub(super) name: Option<Name>,
}

impl Placed {
    pub(super) fn of(observation: &Observation) -> Self {
        let parameters = Parameters::of(observation);
        let parameters = parameters.single_ones().map(|single| {
            let keys = single.map(|(name, index)| {
                let mut key = Vec::new();
                write_name(name, &mut key);
                (index, key)
            });
            keys.collect()
        });
        let metadata = observation.fields_that(|head, used| {
            used.metadata || used.counts && matches!(head.role, Role::Metadata | Role::MetadataObject)
        });
        let metadata = metadata.map(|field| {
            let name = match field.role {
                Role::MetadataObject if field.used.counts => None,
                Role::Metadata => Some(field.short),
                _ => Some(field.name),
            };
            Metadata {
                index: field.index,
                name: name.map(metadata_name),
            }
        });
        Self {
            parameters,
            metadata: metadata.collect(),
        }
    }
}

/// What is before the keys of an observation's metadata.
pub(super) const METADATA: &str = "langfuse.observation.metadata.";

/// The name of an attribute that is metadata; empty where it has no key.
fn metadata_name(key: &str) -> Name {
    if key.is_empty() {
        return Name::new("");
    }
    Name::new([METADATA, &metadata_key(key)].concat())
}

/// A metadata key that spares the objects which the server keeps among the metadata of every row.
pub(super) fn metadata_key(key: &str) -> Cow<'_, str> {
    let (first, rest) = key.split_at(key.find('.').unwrap_or(key.len()));
    match first {
        "scope" | "attributes" | "resourceAttributes" => Cow::Owned(format!("{first}_{rest}")),
        _ => Cow::Borrowed(key),
    }
}
