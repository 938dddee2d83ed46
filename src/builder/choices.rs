//! What a program may say of any of its destinations.

use std::collections::BTreeSet;

use tracing_subscriber::filter::Targets;

use crate::error::{Error, Kind};
use crate::pipeline::LaneSpec;

/// A name of its own, and a filter.
#[derive(Clone, Default, Debug)]
pub(super) struct Choices {
    pub(super) name: Option<String>,
    pub(super) filter: Option<String>,
}

impl Choices {
    /// Does to a lane what was said of its destination.
    pub(super) fn apply(&self, lane: &mut LaneSpec) -> Result<(), Error> {
        if let Some(name) = &self.name {
            if name.trim().is_empty() || name.contains(char::is_control) {
                return Err(invalid(format!("{name:?} is no name of a destination")));
            }
            lane.name.clone_from(name);
        }
        if let Some(directives) = &self.filter {
            let targets: Targets = directives.parse().map_err(|error| {
                invalid(format!("the filter {directives:?} cannot be read: {error}")).because(error)
            })?;
            lane.view = lane.view.clone().narrowed(targets);
        }
        Ok(())
    }
}

/// Gives every lane a name that no other has. The second of a kind without a name of its own is called `otlp-2`.
pub(super) fn name_apart(lanes: &mut [(LaneSpec, Choices)]) -> Result<(), Error> {
    let mut taken = BTreeSet::new();
    for (lane, _) in lanes.iter().filter(|(_, choices)| choices.name.is_some()) {
        if !taken.insert(lane.name.clone()) {
            return Err(invalid(format!("two destinations are called {:?}", lane.name)));
        }
    }
    for (lane, _) in lanes.iter_mut().filter(|(_, choices)| choices.name.is_none()) {
        let kind = lane.name.clone();
        let mut number = 1;
        while !taken.insert(lane.name.clone()) {
            number += 1;
            lane.name = format!("{kind}-{number}");
        }
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(Kind::InvalidValue, message)
}
