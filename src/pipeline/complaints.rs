//! What the worker has to say of the observations that it reads: each thing once, for all that are alike.

use std::mem;

use crate::diag::Diagnostics;
use crate::ledger::Ledger;
use crate::model::Observation;
use crate::process::Findings;

/// Says each of its lines once.
pub(crate) struct Complaints {
    diagnostics: Diagnostics,
    /// A model has no price.
    unpriced: bool,
    /// A call did not name its model.
    nameless: bool,
    /// Media were sent nowhere.
    unsent_media: bool,
    /// Something could not be read.
    unreadable: bool,
}

impl Complaints {
    pub(crate) fn new(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            unpriced: false,
            nameless: false,
            unsent_media: false,
            unreadable: false,
        }
    }

    /// Which model has no price, or that nobody can price a call without a model; how many calls have no price is
    /// counted. And that media are not uploaded, which is counted, too.
    pub(crate) fn of(&mut self, observation: &Observation, findings: Findings) {
        if findings.unpriced > 0 && !mem::replace(&mut self.unpriced, true) {
            let model = short(observation.model().unwrap_or_default());
            self.diagnostics.say(&format!(
                "no price is known for model {model:?}, so its calls show no cost; give one by Builder::prices (said \
                 once, for all such models)"
            ));
        }
        if findings.unsent_media > 0 && !mem::replace(&mut self.unsent_media, true) {
            let name = short(observation.name());
            self.diagnostics.say(&format!(
                "media in {name:?} are not uploaded: they are no base64, of a type that Langfuse does not take, or more \
                 than an observation may have (said once, for all such media)"
            ));
        }
        if observation.lacks_a_model() && !mem::replace(&mut self.nameless, true) {
            let name = short(observation.name());
            self.diagnostics.say(&format!(
                "{name:?} says its tokens and not its model, so nobody can price it; give it a field `model` (said once, \
                 for all such calls)"
            ));
        }
    }

    /// What was not sent, and what never ended.
    pub(crate) fn of_the_end(&self, ledger: &Ledger) {
        let unsent = ledger
            .lanes()
            .iter()
            .chain(ledger.scores())
            .chain(ledger.media())
            .filter(|account| account.dropped_at_shutdown() > 0)
            .map(|account| format!("{} {}", account.name(), account.dropped_at_shutdown()));
        let unsent: Vec<_> = unsent.collect();
        if !unsent.is_empty() {
            let line = format!(
                "shut down before everything was sent; dropped: {}",
                unsent.join(", ")
            );
            self.diagnostics.say(&line);
        }
        if ledger.open() > 0 {
            let line = format!(
                "shut down while observations were open, which are not sent: {}",
                ledger.open()
            );
            self.diagnostics.say(&line);
        }
    }

    /// That reading panicked.
    pub(crate) fn of_unreadable(&mut self) {
        if !mem::replace(&mut self.unreadable, true) {
            self.diagnostics.say(UNREADABLE);
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(NAME).collect()
}

/// So much of a name is said.
const NAME: usize = 80;

const UNREADABLE: &str =
    "a span could not be read and is counted as failed; this is a mistake in tracing-llm";
