//! Prompts as files, beside the code that uses them.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::langfuse::client::{Budget, Langfuse};
use crate::langfuse::prompt::cache::Key;
use crate::langfuse::prompt::chat::Chat;
use crate::langfuse::prompt::fetch::{self, Fallback};
use crate::langfuse::prompt::selector::{Kind, Selector};
use crate::langfuse::prompt::template::{Template, Text, invalid};
use crate::langfuse::prompt::version::{Body, Version};
use crate::langfuse::prompt::write::NewPrompt;
use crate::langfuse::prompt::{Prompt, yaml};

/// A prompt as a YAML file: `name`, `version`, `label`, `template` (a text, or a list of messages and placeholders),
/// `variables`, `model_config`, `tags`, `commit_message`. Whatever else stands in it stays there.
///
/// A file that [`Langfuse::pull_prompt`] wrote is the program's own text for the time without a server:
///
/// ```
/// use tracing_llm::langfuse::PromptFile;
///
/// # const RAG: &str = "name: rag\ntemplate: 'Answer {{ query }}.'\nmodel_config: {model: mistral-7b}";
/// # async fn fetch(langfuse: &tracing_llm::Langfuse) -> Result<(), tracing_llm::Error> {
/// // const RAG: &str = include_str!("../prompts/rag.yaml");
/// let file = PromptFile::parse(RAG)?;
/// let prompt = langfuse.prompt(file.name()).fallback(file.text()?).await?;
/// # Ok(())
/// # }
/// # assert_eq!(PromptFile::parse(RAG).unwrap().name(), "rag");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct PromptFile {
    name: String,
    body: Body,
    version: Option<u32>,
    label: Option<String>,
    config: Option<Value>,
    /// What it has beside these, `variables` among it.
    rest: Map<String, Value>,
}

impl PromptFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It is no YAML, has no name or template, or something in it is not what it must be ([`Error::is_invalid_value`]).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Value::Object(mut members) = yaml::parse(text)? else {
            return Err(invalid("a prompt file has members: name, template, …"));
        };
        let name =
            taken(&mut members, NAME, as_text)?.ok_or_else(|| invalid("the prompt file has no name"))?;
        let body = taken(&mut members, TEMPLATE, |value| Body::of(&value))?;
        Ok(Self {
            name,
            body: body.ok_or_else(|| invalid("the prompt file has no template"))?,
            version: taken(&mut members, VERSION, |value| value.as_u64()?.try_into().ok())?,
            label: taken(&mut members, LABEL, as_text)?,
            config: taken(&mut members, CONFIG, |value| value.is_object().then_some(value))?,
            rest: members,
        })
    }

    /// The file as YAML. Comments of a file that was read are not in it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut members = vec![(NAME, self.name.clone().into())];
        let mut add = |name, value: Option<Value>| members.extend(value.map(|value| (name, value)));
        add(VERSION, self.version.map(Value::from));
        add(LABEL, self.label.clone().map(Value::from));
        add(TEMPLATE, Some(self.body.to_json()));
        let variables = self.rest.get(VARIABLES).cloned();
        add(
            VARIABLES,
            Some(variables.unwrap_or_else(|| self.body.names().into())),
        );
        add(CONFIG, self.config.clone());
        let others = self.rest.iter().filter(|(name, _)| *name != VARIABLES);
        members.extend(others.map(|(name, value)| (name.as_str(), value.clone())));
        yaml::write(members)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that was pulled.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// The label that was pulled, or that is to be pushed.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The model and its parameters.
    #[must_use]
    pub fn config(&self) -> Option<&Value> {
        self.config.as_ref()
    }

    /// Any other member of the file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.rest.get(name)
    }

    /// It, with the members of another file that it lacks: what somebody wrote into the older file of a prompt, and the server
    /// does not keep.
    #[must_use]
    pub fn keeping(mut self, older: &Self) -> Self {
        let own = |name: &str| [VARIABLES, TAGS, MESSAGE].contains(&name);
        for (name, value) in older.rest.iter().filter(|(name, _)| !own(name)) {
            self.rest.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// Its text and config, as the fallback of a text.
    ///
    /// # Errors
    ///
    /// It has messages ([`Error::is_invalid_value`]).
    pub fn text(&self) -> Result<Fallback<Text>, Error> {
        self.fallback()
    }

    /// Its messages and config, as the fallback of a chat.
    ///
    /// # Errors
    ///
    /// It is a text ([`Error::is_invalid_value`]).
    pub fn chat(&self) -> Result<Fallback<Chat>, Error> {
        self.fallback()
    }

    fn fallback<T: Template + Clone>(&self) -> Result<Fallback<T>, Error> {
        Ok(Fallback::new(self.template()?, self.config.clone()))
    }

    fn template<T: Template + Clone>(&self) -> Result<T, Error> {
        let template = T::of(&self.body).map(Arc::unwrap_or_clone);
        template.ok_or_else(|| invalid(format!("the prompt file of {:?} has no {}", self.name, T::WORD)))
    }

    fn of(version: &Version, label: Option<String>) -> Self {
        let mut rest = Map::new();
        if !version.tags.is_empty() {
            rest.insert(TAGS.to_owned(), version.tags.clone().into());
        }
        if let Some(message) = &version.commit_message {
            rest.insert(MESSAGE.to_owned(), message.clone().into());
        }
        Self {
            name: version.name.clone(),
            body: version.body.clone(),
            version: Some(version.version),
            label,
            config: Some(version.config.clone()).filter(says_something),
            rest,
        }
    }

    /// Whether it names other prompts, which the server puts in their places.
    fn is_composed(&self) -> bool {
        self.body.to_json().to_string().contains("@@@langfusePrompt:")
    }

    /// Whether a push of the other would make the same version.
    fn is_pushed_as(&self, other: &Self) -> bool {
        let config = |file: &'_ Self| file.config.clone().filter(says_something);
        self.body == other.body && config(self) == config(other)
    }

    /// The version that it makes.
    fn pushed<T: Template>(&self, template: T) -> NewPrompt<T> {
        let mut new = NewPrompt::new(self.name.clone(), template).labels(self.label.clone());
        let tags = self.rest.get(TAGS).and_then(Value::as_array);
        if let Some(tags) = tags {
            new = new.tags(tags.iter().filter_map(Value::as_str));
        }
        if let Some(config) = &self.config {
            new = new.config(config);
        }
        match self.rest.get(MESSAGE).and_then(Value::as_str) {
            Some(message) => new.commit_message(message),
            None => new,
        }
    }
}

impl<T: Template> Prompt<T> {
    /// It as a file, under the label that it was fetched by, if that is one of its own.
    #[must_use]
    pub fn to_file(&self, label: Option<&str>) -> PromptFile {
        let label = label.filter(|label| self.labels().iter().any(|own| own == label));
        PromptFile::of(&self.version, label.map(str::to_owned))
    }
}

impl Langfuse {
    /// Fetches a version of a prompt, a text or messages, as a file: by a label (`"production"`) or a number. Memory is not
    /// asked.
    ///
    /// One that the server composes of others comes composed, as a fallback must be. A push of that makes a version that is composed of
    /// none: the file of such a prompt is better written by hand, with its `@@@langfusePrompt:…@@@`.
    ///
    /// # Errors
    ///
    /// Those of [`prompt`](Self::prompt), but for its kind.
    pub async fn pull_prompt(&self, name: &str, which: impl Into<Selector>) -> Result<PromptFile, Error> {
        self.pull(name, which.into(), Budget::new(self.timeout())).await
    }

    async fn pull(&self, name: &str, selector: Selector, budget: Budget) -> Result<PromptFile, Error> {
        let name = name.to_owned();
        let key = Key { name, selector };
        let version = self.fetch(&key, budget).await?;
        let label = match key.selector.0 {
            Kind::Production => Some("production".to_owned()),
            // It is the server's own, and cannot be pushed.
            Kind::Label(label) => Some(label).filter(|label| label != "latest"),
            Kind::Version(_) => None,
        };
        Ok(PromptFile::of(&version, label))
    }

    /// A version with the names of the prompts that it is composed of; no program is to be given that, so it is not kept in memory.
    async fn as_written(&self, name: &str, selector: Selector, budget: Budget) -> Result<PromptFile, Error> {
        let name = name.to_owned();
        let request = fetch::which(&Key { name, selector }, budget).query("resolve", Some("false"));
        let version = self.call(request).await?.read(Version::read)?;
        Ok(PromptFile::of(&version, None))
    }

    /// [`pull_prompt`](Self::pull_prompt) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn pull_prompt_blocking(&self, name: &str, which: impl Into<Selector>) -> Result<PromptFile, Error> {
        self.wait(self.pull_prompt(name, which))
    }

    /// Makes a version of what stands in a file, with its label; answers its number. The `version` in the file says where it
    /// came from, and decides nothing. If the newest version, or the one with that label, has the same template and config
    /// already, none is made and the answer is `None`.
    ///
    /// # Errors
    ///
    /// Those of [`create_prompt`](Self::create_prompt).
    pub async fn push_prompt(&self, file: &PromptFile) -> Result<Option<u32>, Error> {
        let budget = Budget::new(self.timeout());
        let which = file.label().unwrap_or("latest").into();
        let there = match file.is_composed() {
            true => self.as_written(&file.name, which, budget).await,
            false => self.pull(&file.name, which, budget).await,
        };
        match there {
            Ok(there) if there.is_pushed_as(file) => return Ok(None),
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        let version = match &file.body {
            Body::Text(text) => self
                .create(file.pushed(Text::clone(text)), budget)
                .await?
                .version(),
            Body::Chat(chat) => self
                .create(file.pushed(Chat::clone(chat)), budget)
                .await?
                .version(),
        };
        Ok(Some(version))
    }

    /// [`push_prompt`](Self::push_prompt) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn push_prompt_blocking(&self, file: &PromptFile) -> Result<Option<u32>, Error> {
        self.wait(self.push_prompt(file))
    }
}

const NAME: &str = "name";
const VERSION: &str = "version";
const LABEL: &str = "label";
const TEMPLATE: &str = "template";
const VARIABLES: &str = "variables";
const CONFIG: &str = "model_config";
const TAGS: &str = "tags";
const MESSAGE: &str = "commit_message";

/// A member, taken out; an error if it is there and cannot be read.
fn taken<T>(
    members: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = members.remove(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let read = read(value).map(Some);
    read.ok_or_else(|| invalid(format!("`{name}` of the prompt file is not what it must be")))
}

/// The server has an empty object where nothing was said.
fn says_something(config: &Value) -> bool {
    !config.is_null() && config.as_object().is_none_or(|members| !members.is_empty())
}

fn as_text(value: Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
