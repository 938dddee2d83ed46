//! What a project allows as the value of a score.

use crate::model::score::ScoreValue;

/// A score config of a project: which values the scores of a name may have.
///
/// The server answers a score that its config does not allow with success and drops it; [`Score::config`](super::Score::config)
/// says so before.
#[derive(Clone, PartialEq, Debug)]
pub struct ScoreConfig {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) is_archived: bool,
    pub(crate) kind: ScoreKind,
}

/// The type of the values, with their bounds.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ScoreKind {
    /// Numbers, both ends among them.
    Numeric {
        /// The least.
        min: Option<f64>,
        /// The most.
        max: Option<f64>,
    },
    /// Yes or no.
    Boolean,
    /// One of these labels, each with the number that stands for it.
    Categorical(Vec<(String, f64)>),
    /// Free text.
    Text,
}

impl ScoreConfig {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name, which is that of its scores.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether it was put away: it takes no scores any more.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.is_archived
    }

    /// What it allows.
    #[must_use]
    pub fn kind(&self) -> &ScoreKind {
        &self.kind
    }

    /// What is wrong with a value.
    pub(super) fn fault(&self, value: &ScoreValue) -> Option<String> {
        if self.is_archived {
            return Some("its config is archived".to_owned());
        }
        match (&self.kind, value) {
            (ScoreKind::Numeric { min, max }, ScoreValue::Numeric(number)) => {
                let low = min
                    .filter(|min| number < min)
                    .map(|min| format!("{number} is below {min}"));
                let high = max
                    .filter(|max| number > max)
                    .map(|max| format!("{number} is above {max}"));
                low.or(high)
            }
            (ScoreKind::Categorical(labels), ScoreValue::Categorical(word)) => {
                let known = labels.iter().any(|(label, _)| label == word);
                (!known).then(|| format!("{word:?} is none of the labels of its config"))
            }
            (ScoreKind::Boolean, ScoreValue::Boolean(_)) | (ScoreKind::Text, ScoreValue::Text(_)) => None,
            (kind, value) => Some(format!(
                "its config is {}, its value {}",
                kind.data_type(),
                value.data_type()
            )),
        }
    }
}

impl ScoreKind {
    /// The server's word.
    pub(crate) fn data_type(&self) -> &'static str {
        match self {
            Self::Numeric { .. } => "NUMERIC",
            Self::Boolean => "BOOLEAN",
            Self::Categorical(_) => "CATEGORICAL",
            Self::Text => "TEXT",
        }
    }
}
