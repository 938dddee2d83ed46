//! Media are taken out of an observation before it is read: in their place stands Langfuse's reference, and the projects that
//! are sent the observation are sent the bytes beside it.
//!
//! Before reading and before masking, because neither has any business with megabytes of base64; what is to be sent is known
//! after both, since only what is still shown is.

mod types;

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::field::gen_ai;
use crate::media_text::{self, Inline, Reference};
use crate::model::{
    Blob, Field, Lane, Lanes, Observation, Recorded, Shelf, Spot, Upload, ValueRef, cut_value, is_large,
    left_out,
};

/// Takes media out of observations.
pub(crate) struct MediaTaker {
    /// The projects that take media: the lane of their observations, and what they have.
    projects: Vec<(Lane, Arc<Shelf>)>,
    lanes: Lanes,
    /// What was taken out of the observation that is being read.
    found: Vec<Found>,
    unsent: usize,
}

/// One that was taken out.
#[derive(Clone)]
struct Found {
    blob: Blob,
    bytes: Bytes,
    id: String,
    /// The entry that it stood in.
    index: usize,
}

impl Found {
    fn reference(&self) -> Reference<'_> {
        Reference {
            mime: &self.blob.mime,
            id: &self.id,
        }
    }
}

/// What stands in a field in place of media, with the number of the field.
fn references(field: Field<'_>) -> impl Iterator<Item = (usize, Reference<'_>)> {
    let text = field.value.as_str().unwrap_or_default();
    Reference::all(text).map(move |reference| (field.index, reference))
}

/// Whether no project is shown it: what an event says, unless that is a message of a conversation.
fn is_only_an_events(recorded: &Recorded, index: usize) -> bool {
    let entries = recorded.fields.entries();
    let owner = entries.get(index).map_or(0, |entry| entry.head.owner);
    let Some(event) = owner
        .checked_sub(1)
        .and_then(|event| recorded.events.get(usize::from(event)))
    else {
        return false;
    };
    let named = |name: &str| {
        let mut fields = entries.iter().filter(|entry| entry.head.owner == owner);
        let field = fields.find(|entry| recorded.names(entry).0 == name)?;
        recorded.fields.value(field).as_str()
    };
    !gen_ai::is_message(event.callsite.name, named)
}

/// Why one is not sent; completes "left out: ".
type Reason = &'static str;

impl MediaTaker {
    pub(crate) fn new(projects: Vec<(Lane, Arc<Shelf>)>) -> Self {
        Self {
            lanes: projects.iter().map(|(lane, _)| *lane).collect(),
            projects,
            found: Vec::new(),
            unsent: 0,
        }
    }

    /// Puts references in place of media, where a project takes them that is shown the observation, and cuts what is longer
    /// than a value may be.
    pub(crate) fn take(&mut self, recorded: &mut Recorded) {
        self.found.clear();
        let is_sent = !recorded.shown.intersection(self.lanes).is_empty();
        self.unsent = if is_sent {
            recorded.fields.lost_media() as usize
        } else {
            0
        };
        if !is_sent && !recorded.fields.has_large() {
            return;
        }
        // Nearly every observation ends here.
        if !media_text::may_be_in(recorded.fields.texts()) {
            return;
        }
        let mut is_changed = false;
        for index in 0..recorded.fields.entries().len() {
            let text = recorded.fields.value_at(index).and_then(ValueRef::as_str);
            let Some(text) = text.filter(|text| text.len() >= media_text::FLOOR) else {
                continue;
            };
            let is_sent = is_sent && !is_only_an_events(recorded, index);
            let is_large = is_large(text);
            let replaced =
                media_text::replace(text, |inline| self.replacement(inline, index, is_sent, is_large));
            let replaced = replaced.or_else(|| is_large.then(|| cut_value(text).into_owned()));
            if let Some(replaced) = replaced {
                recorded.fields.replace_text(index, &replaced);
                is_changed = true;
            }
        }
        if is_changed {
            recorded.fields.shrink();
        }
    }

    /// What is to be sent of what was taken out, for each of the projects by its number among them; and how many are not sent
    /// although a project would take media.
    pub(crate) fn uploads(&mut self, observation: &Observation) -> (Vec<(usize, Upload)>, usize) {
        if self.found.is_empty() {
            return (Vec::new(), mem::take(&mut self.unsent));
        }
        let places = self.places(observation);
        let projects = self.projects.iter().enumerate();
        let shown = projects.filter(|(_, (lane, _))| observation.shown().contains(*lane));
        let uploads = shown.flat_map(|(project, (_, shelf))| {
            places.iter().map(move |(found, spot)| {
                let place = (observation.trace_id(), observation.id(), *spot);
                (
                    project,
                    Upload::new(found.blob.clone(), &found.bytes, place, shelf),
                )
            })
        });
        (uploads.collect(), mem::take(&mut self.unsent))
    }

    /// Where what was taken out is shown, each once.
    fn places(&mut self, observation: &Observation) -> Vec<(Found, Spot)> {
        let found = mem::take(&mut self.found);
        // Each text is looked through once, however many media were in it.
        let (input, output) = (observation.input(), observation.output());
        let contents = [(Spot::Input, &input), (Spot::Output, &output)].map(|(spot, text)| {
            let all: HashSet<_> = Reference::all(text.as_deref().unwrap_or_default()).collect();
            (spot, all)
        });
        // What the mask took, or a switch withholds, goes nowhere; nor does what only an event says, of which nothing was taken out.
        let beside: HashSet<_> = observation.fields().flat_map(references).collect();
        let mut told = HashSet::new();
        let mut places = Vec::new();
        for one in &found {
            let reference = one.reference();
            let shown = contents.iter().filter(|(_, all)| all.contains(&reference));
            let mut spots: Vec<_> = shown.map(|(spot, _)| *spot).collect();
            if spots.is_empty() && beside.contains(&(one.index, reference)) {
                spots.push(Spot::Metadata);
            }
            spots.retain(|spot| told.insert((*spot, reference)));
            places.extend(spots.into_iter().map(|spot| (one.clone(), spot)));
        }
        places
    }

    fn replacement(
        &mut self,
        inline: Inline<'_>,
        index: usize,
        is_sent: bool,
        is_large: bool,
    ) -> Option<String> {
        let why = if is_sent {
            match self.found(&inline, index) {
                Ok(reference) => return Some(reference),
                Err(why) => {
                    self.unsent += 1;
                    why
                }
            }
        } else {
            TOO_LONG
        };
        is_large.then(|| left_out(&inline.mime, inline.content_len(), why))
    }

    /// Notes what is to be sent; answers what stands in its place.
    fn found(&mut self, inline: &Inline<'_>, index: usize) -> Result<String, Reason> {
        let mime = types::known(&inline.mime).ok_or(NO_TYPE)?;
        let bytes = inline.decode().ok_or(NO_BASE64)?;
        let blob = Blob::of(mime, &bytes);
        let id = blob.id();
        let reference = Reference { mime, id: &id }.write();
        self.found.push(Found {
            blob,
            bytes: bytes.into(),
            id,
            index,
        });
        Ok(reference)
    }
}

impl Default for MediaTaker {
    /// Nothing is sent anywhere.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

const NO_TYPE: Reason = "Langfuse takes no such type";
const NO_BASE64: Reason = "it is no base64";
const TOO_LONG: Reason = "longer than a value may be";

#[cfg(test)]
mod tests;
