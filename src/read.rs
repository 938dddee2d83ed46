//! Reading a finished span: from values as they came to what they mean. Runs on the worker.

use crate::model::{Observation, Reading, Recorded, Use};

/// Reads one recorded span after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What a text becomes is written here first.
    scratch: Vec<u8>,
}

impl Reader {
    pub(crate) fn read(&mut self, recorded: Recorded) -> Observation {
        let reading = Reading {
            name: recorded.callsite.name.into(),
            uses: vec![Use::default(); recorded.fields.entries().len()],
            ..Reading::default()
        };
        Observation::new(recorded, reading)
    }
}
