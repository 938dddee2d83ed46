//! What belongs to the whole trace and is handed down to every observation of it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::field::Role;
use crate::model::{PromptLink, Value, cut};

/// How many tags, and how many keys of metadata, a trace has for one observation: every row of the trace carries them
/// all, and so many are more than anybody reads.
const LIMIT: usize = 128;

/// How long a text of the trace may be, in bytes: every row of the trace carries it. The rest is cut off.
pub(crate) const TEXT_LIMIT: usize = 16 * 1024;

/// User, session, tags and the like, as one observation sees them.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct TraceAttributes {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) environment: Option<Arc<str>>,
    pub(crate) release: Option<Arc<str>>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) public: Option<bool>,
    /// The prompt of the generations here.
    pub(crate) prompt: Option<Arc<PromptLink>>,
    /// The item of an experiment that the trace is: Langfuse's names, with what they say.
    pub(crate) experiment: Vec<(&'static str, Arc<str>)>,
    /// In order of first sight, each once, the first 128.
    pub(crate) tags: Vec<Arc<str>>,
    /// In order of first sight, each key once, the first 128.
    pub(crate) metadata: Vec<(Arc<str>, Value)>,
}

/// The attributes as several observations hold them. Most traces have none, and then nothing is shared: a counter that
/// all threads count on is dear.
#[derive(Clone, Default, Debug)]
pub(crate) struct SharedAttributes(Option<Arc<Weighed>>);

#[derive(Clone, Default, Debug)]
struct Weighed {
    attributes: TraceAttributes,
    /// What they weigh: asked of each observation that carries them, more than once.
    weight: OnceLock<usize>,
}

impl SharedAttributes {
    /// To be changed: a copy, where others hold them too.
    pub(crate) fn make_mut(&mut self) -> &mut TraceAttributes {
        let mine = Arc::make_mut(self.0.get_or_insert_default());
        mine.weight.take();
        &mut mine.attributes
    }

    /// Whether both are one, or none.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// What they keep of memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let weight = |it: &Arc<Weighed>| *it.weight.get_or_init(|| it.attributes.weight());
        self.0.as_ref().map_or(0, weight)
    }
}

impl From<TraceAttributes> for SharedAttributes {
    fn from(attributes: TraceAttributes) -> Self {
        Self(Some(Arc::new(Weighed {
            attributes,
            weight: OnceLock::new(),
        })))
    }
}

impl Deref for SharedAttributes {
    type Target = TraceAttributes;

    fn deref(&self) -> &TraceAttributes {
        static NONE: TraceAttributes = TraceAttributes::NONE;
        self.0.as_ref().map_or(&NONE, |weighed| &weighed.attributes)
    }
}

impl TraceAttributes {
    const NONE: Self = Self {
        user: None,
        session: None,
        name: None,
        environment: None,
        release: None,
        version: None,
        public: None,
        prompt: None,
        experiment: Vec::new(),
        tags: Vec::new(),
        metadata: Vec::new(),
    };

    /// Takes over what an observation nearer to the reader says: single values replace, tags and metadata unite.
    pub(crate) fn overlay(&mut self, nearer: &Self) {
        fn take<T: Clone>(mine: &mut Option<T>, nearer: &Option<T>) {
            if nearer.is_some() {
                mine.clone_from(nearer);
            }
        }
        take(&mut self.user, &nearer.user);
        take(&mut self.session, &nearer.session);
        take(&mut self.name, &nearer.name);
        take(&mut self.environment, &nearer.environment);
        take(&mut self.release, &nearer.release);
        take(&mut self.version, &nearer.version);
        take(&mut self.public, &nearer.public);
        take(&mut self.prompt, &nearer.prompt);
        if !nearer.experiment.is_empty() {
            self.experiment.clone_from(&nearer.experiment);
        }
        nearer.tags.iter().for_each(|tag| self.tag(tag));
        for (key, value) in &nearer.metadata {
            self.set_metadata(key, value.clone());
        }
    }

    /// The text of a role that has one alone.
    pub(crate) fn word(&self, role: Role) -> Option<&str> {
        let word = match role {
            Role::User => &self.user,
            Role::Session => &self.session,
            Role::TraceName => &self.name,
            Role::Environment => &self.environment,
            Role::Release => &self.release,
            Role::Version => &self.version,
            _ => return None,
        };
        word.as_deref()
    }

    /// Whether nothing else is said than such texts.
    pub(crate) fn has_only_words(&self) -> bool {
        self.public.is_none()
            && self.prompt.is_none()
            && self.experiment.is_empty()
            && self.tags.is_empty()
            && self.metadata.is_empty()
    }

    /// Every text with a place of its own.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Arc<str>> {
        let single = [
            &self.user,
            &self.session,
            &self.name,
            &self.environment,
            &self.release,
            &self.version,
        ];
        let experiment = self.experiment.iter().map(|(_, text)| text);
        single.into_iter().flatten().chain(experiment).chain(&self.tags)
    }

    /// The same, in the same order.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = &mut Arc<str>> {
        let single = [
            &mut self.user,
            &mut self.session,
            &mut self.name,
            &mut self.environment,
            &mut self.release,
            &mut self.version,
        ];
        let experiment = self.experiment.iter_mut().map(|(_, text)| text);
        single
            .into_iter()
            .flatten()
            .chain(experiment)
            .chain(&mut self.tags)
    }

    /// What it keeps of memory, in bytes, most of it the texts that each row of the trace carries.
    fn weight(&self) -> usize {
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().len());
        let prompt = self.prompt.iter().map(|prompt| prompt.name.len());
        let texts: usize = self
            .words()
            .map(|text| text.len())
            .chain(metadata)
            .chain(prompt)
            .sum();
        let experiment = self.experiment.len() * size_of::<(&str, Arc<str>)>();
        size_of::<Self>() + experiment + self.metadata.len() * size_of::<(Arc<str>, Value)>() + texts
    }

    pub(crate) fn tag(&mut self, tag: &str) {
        let tag = cut(tag, TEXT_LIMIT);
        if !tag.is_empty() && self.tags.len() < LIMIT && !self.tags.iter().any(|known| **known == *tag) {
            self.tags.push(tag.as_ref().into());
        }
    }

    pub(crate) fn set_metadata(&mut self, key: &str, value: Value) {
        let value = match value.as_ref().as_str() {
            // Half of a JSON value is none.
            Some(text) if text.len() > TEXT_LIMIT => Value::Text(cut(text, TEXT_LIMIT).into_owned()),
            _ => value,
        };
        let known = self.metadata.iter_mut().find(|(known, _)| **known == *key);
        if let Some((_, known)) = known {
            *known = value;
        } else if self.metadata.len() < LIMIT {
            self.metadata.push((key.into(), value));
        }
    }
}
