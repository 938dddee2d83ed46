//! Making versions of a prompt, releasing and deleting them.

use std::sync::Arc;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::describe;
use crate::error::Error;
use crate::langfuse::client::answer::texts;
use crate::langfuse::client::{Budget, Langfuse, Request};
use crate::langfuse::prompt::chat::{Chat, ChatPart};
use crate::langfuse::prompt::template::{Template, Text, invalid};
use crate::langfuse::prompt::version::Version;
use crate::langfuse::prompt::{Prompt, PromptSource};

/// A version of a prompt that is to be made: the first of its name, or the next.
#[derive(Clone, Debug)]
#[must_use = "it is given to create_prompt()"]
pub struct NewPrompt<T: Template = Text> {
    name: String,
    template: T,
    labels: Vec<String>,
    tags: Option<Vec<String>>,
    /// None where it could not be serialised.
    config: Option<Option<Value>>,
    commit_message: Option<String>,
}

impl NewPrompt<Text> {
    /// A version of a text.
    pub fn text(name: impl Into<String>, template: impl Into<String>) -> Self {
        Self::new(name.into(), Text(template.into()))
    }
}

impl NewPrompt<Chat> {
    /// A version of a chat. Of a message the server keeps the role and the content, which must be a text, and drops all else:
    /// what [`create_prompt`](Langfuse::create_prompt) answers is what it has kept.
    pub fn chat(name: impl Into<String>, parts: impl IntoIterator<Item = ChatPart>) -> Self {
        Self::new(name.into(), Chat(parts.into_iter().collect()))
    }
}

impl<T: Template> NewPrompt<T> {
    pub(super) fn new(name: String, template: T) -> Self {
        Self {
            name,
            template,
            labels: Vec::new(),
            tags: None,
            config: None,
            commit_message: None,
        }
    }

    /// Labels that it takes from older versions: lower-case letters, digits, `_`, `-` and `.`, at most 36.
    /// `production` releases it. The server gives `latest` itself.
    pub fn labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// The tags of all versions; those that they have stay when it is not set.
    pub fn tags<L: Into<String>>(mut self, tags: impl IntoIterator<Item = L>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// What belongs to it: a model and its parameters, anything [`Serialize`].
    pub fn config(mut self, config: impl Serialize) -> Self {
        let config = describe::calmly(|| serde_json::to_value(config));
        self.config = Some(config.and_then(Result::ok));
        self
    }

    /// What is to be said of the change, at most 500 characters.
    pub fn commit_message(mut self, message: impl Into<String>) -> Self {
        self.commit_message = Some(message.into());
        self
    }

    fn to_json(&self) -> Value {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        set("name", self.name.clone().into());
        set("type", T::WORD.into());
        set("prompt", self.template.to_json());
        set("labels", self.labels.clone().into());
        if let Some(tags) = &self.tags {
            set("tags", tags.clone().into());
        }
        if let Some(Some(config)) = &self.config {
            set("config", config.clone());
        }
        if let Some(message) = &self.commit_message {
            set("commitMessage", message.clone().into());
        }
        Value::Object(body)
    }
}

impl Langfuse {
    /// Makes a version of a prompt; answers it, with its number.
    ///
    /// It is sent once: a second attempt might make a second version.
    ///
    /// # Errors
    ///
    /// The server does not take it ([`Error::is_refused`]): a name that cannot be, a text under the name of a chat, a variable
    /// and a placeholder of one name, …; the text says which. `latest` is not a label to be given, and what
    /// cannot be serialised is no config ([`Error::is_invalid_value`]). When no answer came it may have been made ([`Error::is_ambiguous`]).
    pub async fn create_prompt<T: Template>(&self, prompt: NewPrompt<T>) -> Result<Prompt<T>, Error> {
        self.create(prompt, Budget::new(self.timeout())).await
    }

    pub(super) async fn create<T: Template>(
        &self,
        prompt: NewPrompt<T>,
        budget: Budget,
    ) -> Result<Prompt<T>, Error> {
        check(&prompt.labels)?;
        let verb = format!("create the prompt {:?}", prompt.name);
        if prompt.config == Some(None) {
            return Err(invalid(format!(
                "cannot {verb}: its config cannot be serialised as JSON"
            )));
        }
        let request = Request::change(Method::POST, verb, &["v2", "prompts"])
            .body(prompt.to_json())
            .within(budget);
        let version = self.call(request).await?.read(Version::read)?;
        self.forget_prompt(&prompt.name);
        Prompt::new(Arc::new(version), PromptSource::Server, None)
    }

    /// [`create_prompt`](Self::create_prompt) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn create_prompt_blocking<T: Template>(&self, prompt: NewPrompt<T>) -> Result<Prompt<T>, Error> {
        self.wait(self.create_prompt(prompt))
    }

    /// Gives a version labels, which are taken from the others: `production` releases it, and rolls back to it. Answers all the
    /// labels that it has then; a label that is not given again stays.
    ///
    /// # Errors
    ///
    /// There is no such version ([`Error::is_not_found`]), or a label that cannot be ([`Error::is_refused`]); `latest` is the
    /// server's own ([`Error::is_invalid_value`]).
    pub async fn label_prompt<L: Into<String>>(
        &self,
        name: &str,
        version: u32,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Vec<String>, Error> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        check(&labels)?;
        let verb = format!("label the prompt {name:?}");
        let version = version.to_string();
        let path = ["v2", "prompts", name, "versions", &version];
        let body = Value::Object(Map::from_iter([("newLabels".to_owned(), labels.into())]));
        let request = Request::change(Method::PATCH, verb, &path).body(body);
        let labels = self
            .call(request)
            .await?
            .read(|json| json.is_object().then(|| texts(&json, "labels")))?;
        self.forget_prompt(name);
        Ok(labels)
    }

    /// [`label_prompt`](Self::label_prompt) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn label_prompt_blocking<L: Into<String>>(
        &self,
        name: &str,
        version: u32,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Vec<String>, Error> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        self.wait(self.label_prompt::<String>(name, version, labels))
    }

    /// Deletes one version of a prompt; `latest` goes to the newest that is left.
    ///
    /// # Errors
    ///
    /// There is no such version ([`Error::is_not_found`]), or another prompt is made of it ([`Error::is_refused`]).
    pub async fn delete_prompt_version(&self, name: &str, version: u32) -> Result<(), Error> {
        self.delete(name, Some(version)).await
    }

    /// [`delete_prompt_version`](Self::delete_prompt_version) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete_prompt_version_blocking(&self, name: &str, version: u32) -> Result<(), Error> {
        self.wait(self.delete_prompt_version(name, version))
    }

    /// Deletes a prompt with all its versions.
    ///
    /// # Errors
    ///
    /// There is none ([`Error::is_not_found`]), or another prompt is made of it ([`Error::is_refused`]).
    pub async fn delete_prompt(&self, name: &str) -> Result<(), Error> {
        self.delete(name, None).await
    }

    /// [`delete_prompt`](Self::delete_prompt) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete_prompt_blocking(&self, name: &str) -> Result<(), Error> {
        self.wait(self.delete_prompt(name))
    }

    async fn delete(&self, name: &str, version: Option<u32>) -> Result<(), Error> {
        let verb = format!("delete the prompt {name:?}");
        let request = Request::change(Method::DELETE, verb, &["v2", "prompts", name]);
        self.call(request.query("version", version)).await?;
        self.forget_prompt(name);
        Ok(())
    }
}

fn check(labels: &[String]) -> Result<(), Error> {
    if labels.iter().any(|label| label == "latest") {
        return Err(invalid(
            "the label `latest` is the server's own: it is always on the newest version",
        ));
    }
    Ok(())
}
