//! Which model it was.

use crate::field::{Role, Trust, plain};
use crate::model::{Head, Reading, Recorded};
use crate::read::asked::Asked;
use crate::read::parts;

pub(super) fn read(recorded: &mut Recorded, reading: &mut Reading, asked: &mut Asked) {
    reading.model = named(recorded, reading).or_else(|| configured(recorded, reading, asked));
}

/// The entry that names the model: what the program says first; the model that answered before the one asked for,
/// since that one is paid for; the most trusted.
fn named(recorded: &Recorded, reading: &Reading) -> Option<usize> {
    let entries = recorded.fields.entries().iter().zip(&reading.uses).enumerate();
    let models = entries.filter(|(_, (entry, used))| {
        used.counts && matches!(entry.head.role, Role::Model | Role::ResponseModel)
    });
    models
        .max_by_key(|(index, (entry, _))| {
            let (trust, answered) = (entry.head.trust, entry.head.role == Role::ResponseModel);
            (trust >= Trust::Langfuse, answered, trust, *index)
        })
        .map(|(index, _)| index)
}

/// The model in a `model_config`, where no field names one.
fn configured(recorded: &mut Recorded, reading: &mut Reading, asked: &mut Asked) -> Option<usize> {
    let config = recorded
        .fields
        .entries()
        .iter()
        .zip(&reading.uses)
        .find(|(entry, used)| {
            used.counts
                && entry.head.role == Role::Parameters
                && recorded.names(entry).1 == plain::MODEL_CONFIG
        });
    let (config, _) = config?;
    asked.go_beyond();
    let config = recorded.fields.value(config).as_str()?;
    let config: serde_json::Map<String, serde_json::Value> = serde_json::from_str(config).ok()?;
    let model = config
        .get("model_name")
        .or_else(|| config.get("model"))?
        .as_str()?;
    let head = Head {
        key: parts::BUILT,
        role: Role::Model,
        trust: Trust::Plain,
        late: true,
        owner: 0,
    };
    recorded.fields.str(head, model);
    Some(parts::added(reading))
}
