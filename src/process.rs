//! What happens to a finished observation between its reading and the lanes, on the worker: its secrets are masked, and
//! what it cost is computed. That comes before the fan-out, so no destination sees more than another.

mod mask;
mod media;
mod price;

use std::mem;
use std::num::NonZeroUsize;

pub(crate) use media::MediaTaker;
pub(crate) use price::Prices;
pub use price::{Price, PriceTable};
use serde_json::Value;

use crate::model::{Masked, Observation, Score, ScoreValue, SharedAttributes};

/// What the processing of observations found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Findings {
    /// So many texts were taken out.
    pub(crate) redacted: usize,
    /// So many calls have tokens and no price.
    pub(crate) unpriced: usize,
    /// So many media are not sent, although some project takes them.
    pub(crate) unsent_media: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.redacted += other.redacted;
        self.unpriced += other.unpriced;
        self.unsent_media += other.unsent_media;
    }
}

/// Takes credentials out of observations and scores, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Masker {
    scratch: Vec<u8>,
    /// What was last seen of a trace and had nothing in it: most of its observations carry the same.
    clean: SharedAttributes,
}

impl Masker {
    /// Masks one observation; answers how many texts were taken out.
    pub(crate) fn mask(&mut self, observation: &mut Observation) -> usize {
        let mut count = 0;
        let mut mask = |name: Option<&str>, text: &str| {
            if name.is_some_and(mask::is_credential) && !text.is_empty() {
                count += 1;
                return Masked::Whole(mask::REDACTED);
            }
            self.scratch.clear();
            match mask::redact(text, &mut self.scratch).map(NonZeroUsize::get) {
                None => Masked::Untouched,
                Some(taken) => {
                    count += taken;
                    // What went in was text, and marks are: should it not be, nothing of it is shown.
                    Masked::Inside(String::from_utf8(self.scratch.clone()).unwrap_or_default())
                }
            }
        };
        observation.mask(mask::may_be_in, mask::is_credential, &mut mask);
        if !observation.shared_attributes().is(&self.clean) && !observation.mask_trace(mask) {
            self.clean = observation.shared_attributes().clone();
        }
        count
    }

    /// Masks what is free text in a score; answers how many texts were taken out.
    pub(crate) fn mask_score(&mut self, score: &mut Score) -> usize {
        let comment = score
            .comment
            .as_mut()
            .map_or(0, |comment| self.mask_text(comment));
        let value = match &mut score.value {
            ScoreValue::Text(text) | ScoreValue::Correction(text) => self.mask_text(text),
            _ => 0,
        };
        if score.metadata.is_empty() {
            return comment + value;
        }
        let mut metadata = Value::Object(mem::take(&mut score.metadata));
        let metadata_count = self.mask_json(&mut metadata);
        if let Value::Object(masked) = metadata {
            score.metadata = masked;
        }
        comment + value + metadata_count
    }

    /// Masks JSON that is sent as it is; answers how many texts were taken out.
    pub(crate) fn mask_json(&mut self, json: &mut Value) -> usize {
        let mut text = json.to_string();
        let count = self.mask_text(&mut text);
        if count > 0 {
            // JSON stays JSON: should it not, nothing of it is shown.
            *json = serde_json::from_str(&text).unwrap_or_default();
        }
        count
    }

    fn mask_text(&mut self, text: &mut String) -> usize {
        self.scratch.clear();
        let Some(taken) = mask::redact(text, &mut self.scratch) else {
            return 0;
        };
        *text = String::from_utf8(self.scratch.clone()).unwrap_or_default();
        taken.get()
    }
}
