//! A score that can be sent.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{Identity, Score, ScoreValue, Subject};
use crate::error::Error;
use crate::id::{Ids, TraceId};

/// A score that was checked and has an id and a time: whenever it is sent, it is the same one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ready {
    pub(crate) score: Score,
    /// What it is of.
    pub(crate) subject: Subject,
    /// The score's own.
    pub(crate) id: String,
    /// That of its saying, which is the same at each attempt.
    pub(crate) event: String,
    /// When it was given.
    pub(crate) time: SystemTime,
}

impl Score {
    /// Checks it, and gives it what it lacks.
    pub(crate) fn ready(self, now: SystemTime) -> Result<Ready, Error> {
        let (None, Some(subject)) = (self.fault(), self.subject.clone()) else {
            return Err(self.invalid(&self.fault().unwrap_or_default()));
        };
        let id = match &self.identity {
            Some(Identity::Id(id)) => id.clone(),
            Some(Identity::Key(key)) => uuid(of_key(&subject, &self.name, key), 8),
            None => uuid(Ids::Random.trace(), 4),
        };
        let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Ok(Ready {
            // The server puts what is said of one score at one time in the order of these.
            event: format!("{millis:012x}-{}", Ids::Random.span()),
            time: self.time.unwrap_or(now),
            subject,
            id,
            score: self,
        })
    }
}

impl Ready {
    /// About how many bytes it keeps, and has on the wire.
    pub(crate) fn weight(&self) -> usize {
        const FRAME: usize = 512;
        let score = &self.score;
        let value = match &score.value {
            ScoreValue::Categorical(text) | ScoreValue::Text(text) | ScoreValue::Correction(text) => {
                text.len()
            }
            ScoreValue::Numeric(_) | ScoreValue::Boolean(_) => 0,
        };
        let comment = score.comment.as_ref().map_or(0, String::len);
        let metadata: usize = score
            .metadata
            .iter()
            .map(|(key, value)| key.len() + weight(value))
            .sum();
        FRAME + score.name.len() + value + comment + metadata
    }
}

fn weight(value: &serde_json::Value) -> usize {
    const NODE: usize = 32;
    NODE + match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(list) => list.iter().map(weight).sum(),
        serde_json::Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        _ => 0,
    }
}

/// The same for the same three, and for no others: JSON keeps them apart.
fn of_key(subject: &Subject, name: &str, key: &str) -> TraceId {
    let subject = match subject {
        Subject::Trace(trace) => json!(["trace", trace.to_string()]),
        Subject::Observation(trace, observation) => {
            json!(["observation", trace.to_string(), observation.to_string()])
        }
        Subject::Session(id) => json!(["session", id]),
        Subject::DatasetRun(id) => json!(["dataset run", id]),
    };
    TraceId::from_seed(&json!([subject, name, key]).to_string())
}

/// 16 bytes as a UUID of a version: 4 is chance, 8 is whatever one likes.
fn uuid(bytes: TraceId, version: u8) -> String {
    let mut bytes = bytes.to_bytes();
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
