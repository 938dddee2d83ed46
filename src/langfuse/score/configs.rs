//! Score configs: what a project allows as the value of a score.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::error::{Error, Kind};
use crate::langfuse::client::{Budget, Langfuse, Request, text};
use crate::model::{ScoreConfig, ScoreKind};

/// A score config to be created.
#[derive(Clone, PartialEq, Debug)]
#[must_use = "it does nothing until it is created"]
pub struct NewScoreConfig {
    name: String,
    kind: ScoreKind,
    description: Option<String>,
}

impl NewScoreConfig {
    /// A config of this name, which is that of its scores: 1 to 35 letters, digits, spaces and any of `_.()-`.
    pub fn new(name: impl Into<String>, kind: ScoreKind) -> Self {
        Self {
            name: name.into(),
            kind,
            description: None,
        }
    }

    /// What it is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    fn fault(&self) -> Option<&'static str> {
        let fits = |c: char| c.is_ascii_alphanumeric() || " _.()-".contains(c);
        if !(1..=35).contains(&self.name.len()) || !self.name.chars().all(fits) {
            return Some("its name is not 1 to 35 letters, digits, spaces and _.()-");
        }
        match &self.kind {
            ScoreKind::Numeric { min, max } => {
                let is_finite = |end: &Option<f64>| end.is_none_or(f64::is_finite);
                if !is_finite(min) || !is_finite(max) {
                    return Some("an end of its range is no number");
                }
                let is_empty = min.zip(*max).is_some_and(|(min, max)| max <= min);
                is_empty.then_some("its maximum is not above its minimum")
            }
            ScoreKind::Categorical(labels) => {
                let names: HashSet<_> = labels.iter().map(|(label, _)| label).collect();
                let values: HashSet<_> = labels.iter().map(|(_, value)| value.to_bits()).collect();
                if labels.is_empty() {
                    return Some("it has no categories");
                }
                if labels
                    .iter()
                    .any(|(label, value)| label.is_empty() || !value.is_finite())
                {
                    return Some("a category has no label or no number");
                }
                let is_unique = names.len() == labels.len() && values.len() == labels.len();
                (!is_unique).then_some("two of its categories have one label or one number")
            }
            ScoreKind::Boolean | ScoreKind::Text => None,
        }
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            body.extend(value.map(|value| (name.to_owned(), value)));
        };
        say("name", Some(json!(self.name)));
        say("dataType", Some(json!(self.kind.data_type())));
        say("description", self.description.as_ref().map(|text| json!(text)));
        match &self.kind {
            ScoreKind::Numeric { min, max } => {
                say("minValue", min.map(|min| json!(min)));
                say("maxValue", max.map(|max| json!(max)));
            }
            ScoreKind::Categorical(labels) => {
                let labels = labels
                    .iter()
                    .map(|(label, value)| json!({"label": label, "value": value}));
                say("categories", Some(labels.collect()));
            }
            ScoreKind::Boolean | ScoreKind::Text => {}
        }
        Value::Object(body)
    }
}

impl Langfuse {
    /// The score configs of the project, the newest first, archived ones among them. All pages are asked for, in the time of one
    /// call.
    ///
    /// # Errors
    ///
    /// Those of every call.
    pub async fn score_configs(&self) -> Result<Vec<ScoreConfig>, Error> {
        const PAGE: usize = 100;
        let budget = Budget::new(self.timeout());
        let mut configs = Vec::new();
        for page in 1.. {
            let request = Request::get("list the score configs", &["score-configs"]);
            let request = request.query("page", Some(page)).query("limit", Some(PAGE));
            let answer = self.call(request.within(budget)).await?;
            let (found, pages) = answer.read(|json| {
                let found: Option<Vec<_>> = json["data"].as_array()?.iter().map(config).collect();
                Some((found?, json["meta"]["totalPages"].as_u64()?))
            })?;
            let is_last = found.is_empty() || page >= pages;
            configs.extend(found);
            if is_last {
                break;
            }
        }
        Ok(configs)
    }

    /// [`score_configs`](Self::score_configs) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn score_configs_blocking(&self) -> Result<Vec<ScoreConfig>, Error> {
        self.wait(self.score_configs())
    }

    /// The score config with this id.
    ///
    /// # Errors
    ///
    /// There is none ([`Error::is_not_found`]), and those of every call.
    pub async fn score_config(&self, id: &str) -> Result<ScoreConfig, Error> {
        let request = Request::get("read the score config", &["score-configs", id]);
        self.call(request).await?.read(|json| config(&json))
    }

    /// [`score_config`](Self::score_config) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn score_config_blocking(&self, id: &str) -> Result<ScoreConfig, Error> {
        self.wait(self.score_config(id))
    }

    /// Creates a score config. It has no id of ours, so it is not tried again once it was sent, and a second one of the same name
    /// is another.
    ///
    /// # Errors
    ///
    /// It cannot be one ([`Error::is_invalid_value`]; nothing was sent), and those of every call.
    pub async fn create_score_config(&self, new: NewScoreConfig) -> Result<ScoreConfig, Error> {
        if let Some(fault) = new.fault() {
            let message = format!("the score config {:?} cannot be created: {fault}", new.name);
            return Err(Error::new(Kind::InvalidValue, message));
        }
        let request = Request::change(Method::POST, "create the score config", &["score-configs"]);
        let answer = self.call(request.body(new.body())).await?;
        answer.read(|json| config(&json))
    }

    /// [`create_score_config`](Self::create_score_config) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn create_score_config_blocking(&self, new: NewScoreConfig) -> Result<ScoreConfig, Error> {
        self.wait(self.create_score_config(new))
    }
}

fn config(json: &Value) -> Option<ScoreConfig> {
    let kind = match json["dataType"].as_str()? {
        "NUMERIC" => ScoreKind::Numeric {
            min: json["minValue"].as_f64(),
            max: json["maxValue"].as_f64(),
        },
        "BOOLEAN" => ScoreKind::Boolean,
        "TEXT" => ScoreKind::Text,
        "CATEGORICAL" => {
            let labels = json["categories"].as_array()?.iter();
            let labels = labels.map(|it| Some((text(it, "label")?, it["value"].as_f64()?)));
            ScoreKind::Categorical(labels.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(ScoreConfig {
        id: text(json, "id")?,
        name: text(json, "name")?,
        description: text(json, "description"),
        is_archived: json["isArchived"].as_bool()?,
        kind,
    })
}
