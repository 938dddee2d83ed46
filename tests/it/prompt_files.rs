//! Prompts as YAML files: read, written, pulled and pushed without the loss of a key, and the program's own text when there is no
//! server.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_llm::Langfuse;
use tracing_llm::langfuse::PromptFile;

use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

/// The form of an operations guide, with keys of its own.
const GUIDE: &str = "\
name: rag_synthesis
version: 3
label: production
template: |
  You are a helpful AI assistant.

  Context:
  {{context}}

  User Question: {{ query }}
variables:
  - context
  - query
model_config:
  max_tokens: 1024
  model: mistral-7b
  stop:
    - \"\\n\"
  temperature: 0.3
commit_message: \"first: try\"
owner: search team
tags:
  - rag
";

const CHAT: &str = "\
name: support/greeting
label: staging
template:
  - content: \"You help {{product}} customers.\"
    role: system
  - name: history
    type: placeholder
  - content: \"{{question}}\"
    name: anna
    role: user
variables:
  - product
  - question
  - history
";

#[test]
fn a_file_is_written_as_it_was_read() {
    for text in [GUIDE, CHAT] {
        let file = PromptFile::parse(text).unwrap();
        assert_eq!(file.to_yaml(), text);
        assert_eq!(PromptFile::parse(&file.to_yaml()).unwrap(), file);
    }
    let file = PromptFile::parse(GUIDE).unwrap();
    assert_eq!(
        (file.name(), file.version(), file.label()),
        ("rag_synthesis", Some(3), Some("production"))
    );
    assert_eq!(file.get("owner"), Some(&json!("search team")));
    // What the file does not say of its variables, its template does.
    let short = PromptFile::parse("name: a\ntemplate: 'Hi {{ b }}'").unwrap();
    assert_eq!(
        short.to_yaml(),
        "name: a\ntemplate: \"Hi {{ b }}\"\nvariables:\n  - b\n"
    );
}

#[test]
fn what_is_no_prompt_file_is_said() {
    for (text, said) in [
        ("- a", "a prompt file has members: name, template, …"),
        ("name: a", "the prompt file has no template"),
        ("template: a", "the prompt file has no name"),
        (
            "name: 1\ntemplate: a",
            "`name` of the prompt file is not what it must be",
        ),
        (
            "name: a\ntemplate: 7",
            "`template` of the prompt file is not what it must be",
        ),
        (
            "name: a\ntemplate: [{content: x}]",
            "`template` of the prompt file is not what it must be",
        ),
        (
            "name: a\ntemplate: b\nversion: -1",
            "`version` of the prompt file is not what it must be",
        ),
        (
            "name: a\ntemplate: b\nmodel_config: fast",
            "`model_config` of the prompt file is not what it must be",
        ),
        ("name: a: b", "the file is no YAML"),
    ] {
        let error = PromptFile::parse(text).unwrap_err();
        assert!(error.is_invalid_value());
        assert_eq!(error.to_string(), said, "{text}");
    }
}

/// A server that has the version that it was last sent.
fn server() -> (Receiver, Langfuse) {
    let newest: Arc<Mutex<Option<Value>>> = Arc::default();
    let server = Receiver::new(move |request| {
        let mut newest = newest.lock().unwrap();
        if request.method == "POST" {
            let mut row: Value = serde_json::from_slice(&request.body).unwrap();
            row["version"] = json!(
                newest
                    .as_ref()
                    .map_or(1, |row| row["version"].as_u64().unwrap() + 1)
            );
            *newest = Some(row.clone());
            return Answer::json(201, &row.to_string());
        }
        match &*newest {
            Some(row) => Answer::json(200, &row.to_string()),
            None => replay::answered("prompts", "get, unknown name"),
        }
    });
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    (server, langfuse)
}

#[test]
fn pushed_and_pulled_no_key_is_lost() {
    for text in [GUIDE, CHAT] {
        let (server, langfuse) = server();
        let file = PromptFile::parse(text).unwrap();
        assert_eq!(langfuse.push_prompt_blocking(&file).unwrap(), Some(1));
        let label = file.label().unwrap();
        let pulled = langfuse.pull_prompt_blocking(file.name(), label).unwrap();
        assert_eq!(pulled.version(), Some(1));
        // All but the number, which the server gives, and what only the file has.
        let members = |file: &PromptFile| {
            let lines = file.to_yaml();
            let lines = lines
                .lines()
                .filter(|line| !line.starts_with("version:") && !line.starts_with("owner:"));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        assert_eq!(members(&pulled), members(&file));
        // What is there already makes no version.
        assert_eq!(langfuse.push_prompt_blocking(&pulled).unwrap(), None);
        let asked: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.method.clone())
            .collect();
        assert_eq!(asked, ["GET", "POST", "GET", "GET"]);
        let changed = PromptFile::parse(&text.replace("{{", "{{ my_")).unwrap();
        assert_eq!(langfuse.push_prompt_blocking(&changed).unwrap(), Some(2));
    }
}

#[test]
fn a_label_is_the_one_that_was_asked_for() {
    let (_server, langfuse) = server();
    langfuse
        .push_prompt_blocking(&PromptFile::parse(GUIDE).unwrap())
        .unwrap();
    let label = |file: PromptFile| file.label().map(str::to_owned);
    assert_eq!(
        label(langfuse.pull_prompt_blocking("rag_synthesis", "latest").unwrap()),
        None
    );
    assert_eq!(
        label(langfuse.pull_prompt_blocking("rag_synthesis", 1).unwrap()),
        None
    );
    let prompt = langfuse.prompt("rag_synthesis").fetch_blocking().unwrap();
    assert_eq!(
        label(prompt.to_file(Some("production"))),
        Some("production".into())
    );
    assert_eq!(label(prompt.to_file(Some("blue"))), None);
}

#[test]
fn what_only_the_older_file_has_is_kept() {
    let pulled =
        "name: rag_synthesis\nversion: 4\ntemplate: Briefly.\nvariables: []\nmodel_config:\n  model: m\n";
    let pulled = PromptFile::parse(pulled).unwrap();
    let kept = pulled.clone().keeping(&PromptFile::parse(GUIDE).unwrap());
    assert_eq!(
        kept.to_yaml(),
        format!("{}owner: search team\n", pulled.to_yaml())
    );
}

#[test]
fn a_file_is_the_programs_own_text_without_a_server() {
    let nowhere = Langfuse::builder("pk-lf-1", "sk-lf-1")
        .base_url("http://127.0.0.1:1")
        .build()
        .unwrap();
    let file = PromptFile::parse(GUIDE).unwrap();
    let prompt = nowhere
        .prompt(file.name())
        .fallback(file.text().unwrap())
        .fetch_blocking()
        .unwrap();
    assert!(prompt.is_fallback());
    assert_eq!(prompt.config()["model"], "mistral-7b");
    assert_eq!(prompt.variables(), ["context", "query"]);
    assert!(file.chat().is_err());
    let file = PromptFile::parse(CHAT).unwrap();
    let chat = nowhere
        .chat_prompt(file.name())
        .fallback(file.chat().unwrap())
        .fetch_blocking()
        .unwrap();
    assert_eq!(chat.template().parts().len(), 3);
}
