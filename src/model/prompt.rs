//! The link from a generation to the prompt version it used.

use serde_json::{Map, Value};

/// A version of a prompt in Langfuse. Both parts or none: the server links by both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PromptLink {
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// What an observation is told of the prompt that it uses: a [`Prompt`](crate::Prompt), by reference or
/// [with its config](crate::Prompt::with_config), or a name and a version, `("qa", 7)`.
#[derive(Clone, PartialEq, Debug)]
pub struct PromptUse {
    /// None for a program's own, which is no version in Langfuse.
    pub(crate) link: Option<PromptLink>,
    /// Its model and parameters, where they are the call's, too.
    pub(crate) config: Map<String, Value>,
}

impl PromptUse {
    pub(crate) fn new(link: Option<PromptLink>) -> Self {
        Self {
            link,
            config: Map::new(),
        }
    }
}

impl<N: AsRef<str>> From<(N, u32)> for PromptUse {
    fn from((name, version): (N, u32)) -> Self {
        let name = name.as_ref().to_owned();
        Self::new(Some(PromptLink { name, version }))
    }
}
