//! `tracing-llm prompt`: versions of prompts, fetched, kept as files, released, compared.

mod compare;
mod files;

use serde_json::{Value, json};
use tracing_llm::langfuse::{Chat, ChatPart, PromptRequest, Template, Text};
use tracing_llm::{Error, Langfuse};

use crate::args::{Prompt, Which};
use crate::page::{Outcome, Page, plain};

pub(crate) fn run(command: Prompt, page: &mut Page<'_>) -> Outcome {
    let langfuse = Langfuse::from_env()?;
    match command {
        Prompt::Get { name, which, json } => get(&langfuse, &name, &which, json, page),
        Prompt::Pull { names, which, dir } => files::pull(&langfuse, &names, which, &dir, page),
        Prompt::Push { files } => files::push(&langfuse, &files, page),
        Prompt::Label {
            name,
            version,
            labels,
        } => {
            let labels = langfuse.label_prompt_blocking(&name, version, labels)?;
            page.line(format_args!(
                "{}  version {version}  {}",
                plain(&name),
                plain(&labels.join(", "))
            ))
        }
        Prompt::Compare { name, a, b, days } => {
            compare::run(&langfuse, &name, [&a, &b].map(|text| Which::of(text)), days, page)
        }
    }
}

/// A version of a prompt, of either kind.
struct Version {
    version: u32,
    labels: Vec<String>,
    tags: Vec<String>,
    config: Value,
    commit_message: Option<String>,
    /// A text, or a list of messages and placeholders.
    body: Value,
}

impl Version {
    /// Asks for a text. What is none is in memory by then, for whoever asks for messages.
    fn fetch(langfuse: &Langfuse, name: &str, which: &Which) -> Result<Self, Error> {
        match ask(langfuse.prompt(name), which) {
            Err(error) if error.is_unexpected_answer() => match ask(langfuse.chat_prompt(name), which) {
                Ok(prompt) => Ok(Self::of(&prompt, messages(prompt.template()))),
                Err(_) => Err(error),
            },
            prompt => prompt.map(|prompt| Self::of(&prompt, Text::as_str(prompt.template()).into())),
        }
    }

    fn of<T: Template>(prompt: &tracing_llm::Prompt<T>, body: Value) -> Self {
        Self {
            version: prompt.version(),
            labels: prompt.labels().to_vec(),
            tags: prompt.tags().to_vec(),
            config: prompt.config().clone(),
            commit_message: prompt.commit_message().map(str::to_owned),
            body,
        }
    }
}

fn ask<T: Template>(request: PromptRequest<T>, which: &Which) -> Result<tracing_llm::Prompt<T>, Error> {
    match (which.version, &which.label) {
        (Some(version), _) => request.version(version).fetch_blocking(),
        (None, Some(label)) => request.label(label).fetch_blocking(),
        (None, None) => request.fetch_blocking(),
    }
}

fn messages(chat: &Chat) -> Value {
    let parts = chat.parts().iter().map(|part| match part {
        ChatPart::Message(message) => json!(message),
        ChatPart::Placeholder(name) => json!({"type": "placeholder", "name": name}),
        _ => Value::Null,
    });
    parts.collect()
}

fn get(langfuse: &Langfuse, name: &str, which: &Which, json: bool, page: &mut Page<'_>) -> Outcome {
    let version = Version::fetch(langfuse, name, which)?;
    if json {
        return page.json(&json!({
            "name": name,
            "version": version.version,
            "type": if version.body.is_string() { "text" } else { "chat" },
            "prompt": version.body,
            "config": version.config,
            "labels": version.labels,
            "tags": version.tags,
            "commit_message": version.commit_message,
        }));
    }
    match version.body.as_str() {
        Some(text) => page.content(text),
        None => page.json(&version.body),
    }
}
