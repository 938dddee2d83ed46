//! Prompts: versions of a template that a server keeps.

mod asking;
mod cache;
mod chat;
mod compare;
mod fetch;
#[cfg(feature = "yaml")]
mod file;
mod list;
mod selector;
mod template;
mod version;
mod write;
#[cfg(feature = "yaml")]
mod yaml;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::model::PromptLink;
pub use crate::model::PromptUse;

pub(crate) use self::cache::Cache;
pub use self::chat::{Chat, ChatMessage, ChatPart};
pub use self::compare::{MeanScore, PromptComparison, PromptFigures};
pub use self::fetch::{Fallback, PromptRequest, Selected, Unselected};
#[cfg(feature = "yaml")]
pub use self::file::PromptFile;
pub use self::list::{PromptFilter, PromptPage, PromptSummary};
pub use self::selector::Selector;
pub use self::template::{Template, Text};
pub(crate) use self::version::Version;
pub use self::write::NewPrompt;

/// A version of a prompt: a text, or the messages of a chat ([`ChatPrompt`]). Clones are handles to the same.
///
/// ```no_run
/// use serde_json::json;
/// use tracing_llm::current;
///
/// # async fn answer(langfuse: &tracing_llm::Langfuse) -> Result<(), tracing_llm::Error> {
/// let prompt = langfuse.prompt("rag_synthesis").fallback("Answer {{ query }}.").await?;
/// let text = prompt.compile(json!({ "query": "How long do we keep invoices?" }))?;
/// current().prompt(&prompt).input(&text);
/// # Ok(())
/// # }
/// ```
pub struct Prompt<T: Template = Text> {
    version: Arc<Version>,
    template: Arc<T>,
    source: PromptSource,
    why: Option<Arc<Error>>,
}

/// A prompt of messages.
pub type ChatPrompt = Prompt<Chat>;

/// Where a prompt came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PromptSource {
    /// From the server, just now.
    Server,
    /// From memory, younger than its time to live.
    Cache,
    /// From memory and older than that; the server is being asked meanwhile.
    Stale,
    /// From the program itself, since the server did not answer with one.
    Fallback,
}

impl<T: Template> Prompt<T> {
    /// Its name, with the folders it stands in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.version.name
    }

    /// Which version it is; 0 is the program's own fallback.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version.version
    }

    /// What is filled in.
    #[must_use]
    pub fn template(&self) -> &T {
        &self.template
    }

    /// What belongs to it: a model, its parameters, whatever else its authors put there. An empty object is nothing.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.version.config
    }

    /// Its labels; `latest` is the server's own, of the newest version.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.version.labels
    }

    /// The tags of all versions of its name.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.version.tags
    }

    /// What its author said of the change.
    #[must_use]
    pub fn commit_message(&self) -> Option<&str> {
        self.version.commit_message.as_deref()
    }

    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> PromptSource {
        self.source
    }

    /// Whether it is the program's own. It has no version in Langfuse, and no generation is linked to it.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.source == PromptSource::Fallback
    }

    /// Why it is the program's own: what the server answered.
    #[must_use]
    pub fn fallback_reason(&self) -> Option<&Error> {
        self.why.as_deref()
    }

    /// It, with its config for the call's: a text `model` becomes the model of the generation, and what else is no object becomes a
    /// parameter (`temperature`, `max_tokens`, a list of stop words).
    ///
    /// ```no_run
    /// # fn call(prompt: &tracing_llm::Prompt) {
    /// tracing_llm::current().prompt(prompt.with_config());
    /// # }
    /// ```
    pub fn with_config(&self) -> PromptUse {
        let members = self.config().as_object().into_iter().flatten();
        let members = members.filter(|(_, value)| !value.is_object());
        PromptUse {
            config: members
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            ..self.into()
        }
    }

    /// The names that it wants values for: variables, then placeholders, each once, in their order.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        self.template.names()
    }

    /// Fills in the members of an object: anything [`Serialize`], such as `json!({"query": query})`, a map or a struct.
    ///
    /// `{{ name }}` is filled in with or without blanks. Text stands as it is, null is nothing, and other values are JSON.
    /// A name without a value stays as it is written, nothing is escaped, and a value that looks like a variable is not
    /// filled in. Of `{{{x}}}` the outer braces stay. These are the rules of Langfuse's SDK for Python.
    ///
    /// A placeholder of a chat takes the list of messages under its name; its messages keep all that they have, and variables in
    /// them are filled in, too. One without a list stays where it is ([`ChatMessage::placeholder`]).
    ///
    /// # Errors
    ///
    /// The values are no object, or cannot be serialised, or a placeholder is given something else than messages
    /// ([`Error::is_invalid_value`]).
    pub fn compile(&self, values: impl Serialize) -> Result<T::Compiled, Error> {
        template::compile(&*self.template, values)
    }

    /// The same, but every name must have a value, and every value a name.
    ///
    /// # Errors
    ///
    /// Those of [`compile`](Self::compile); and the text names what is missing and what is not used.
    pub fn compile_strict(&self, values: impl Serialize) -> Result<T::Compiled, Error> {
        template::compile_strict(&*self.template, values, self.name())
    }

    fn new(version: Arc<Version>, source: PromptSource, why: Option<Error>) -> Result<Self, Error> {
        let template = version.template()?;
        Ok(Self {
            version,
            template,
            source,
            why: why.map(Arc::new),
        })
    }
}

impl<T: Template> Clone for Prompt<T> {
    fn clone(&self) -> Self {
        Self {
            version: Arc::clone(&self.version),
            template: Arc::clone(&self.template),
            source: self.source,
            why: self.why.clone(),
        }
    }
}

/// A link to its version, unless it is the program's own.
impl<T: Template> From<&Prompt<T>> for PromptUse {
    fn from(prompt: &Prompt<T>) -> Self {
        let link = PromptLink {
            name: prompt.name().to_owned(),
            version: prompt.version(),
        };
        Self::new(Some(link).filter(|_| !prompt.is_fallback()))
    }
}

/// Without its text, which may be long, and may be whoever's.
impl<T: Template> fmt::Debug for Prompt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
