//! The link from a generation to the prompt version it used.

/// A version of a prompt in Langfuse. Both parts or none: the server links by both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PromptLink {
    pub(crate) name: String,
    pub(crate) version: u32,
}
