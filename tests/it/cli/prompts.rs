//! `prompt`: the recorded prompts, on stdout and as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{prints, with};
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{self, Replay};

const RAG: &str = "rag_synthesis-1117";
const GREETING: &str = "support/greeting & more-e8db";

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tracing-llm-cli-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_text_is_printed_as_it_is_and_messages_as_json() {
    let server = Replay::of(&["prompts"]);
    let get = |arguments: &[&str]| prints(server.receiver(), &[&["prompt", "get"], arguments].concat());
    assert_eq!(
        get(&[RAG]),
        "Use the context to answer.\n\nContext:\n{{context}}\n\nQuestion: {{ query }}\nAnswer:\n"
    );
    assert!(get(&[RAG, "--version", "2"]).ends_with("Answer: (briefly)\n"));
    assert_eq!(
        get(&[RAG, "--label", "staging"]),
        get(&[RAG, "--label", "latest"])
    );
    let messages: Value = serde_json::from_str(&get(&[GREETING])).unwrap();
    assert_eq!(
        messages,
        json!([
            {"role": "system", "content": "You help {{product}} customers."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": "{{question}}"},
        ])
    );
    let all: Value = serde_json::from_str(&get(&[RAG, "--version", "2", "--json"])).unwrap();
    assert_eq!(
        all,
        json!({
            "name": RAG,
            "version": 2,
            "type": "text",
            "prompt": "Use the context to answer.\n\nContext:\n{{context}}\n\nQuestion: {{ query }}\nAnswer: (briefly)",
            "config": {},
            "labels": ["staging", "latest"],
            "tags": ["rag"],
            "commit_message": null,
        })
    );
    // A chat is asked for once: the second look is in memory.
    let served = server.served();
    let chats = served.iter().filter(|name| name.contains("slash"));
    assert_eq!(chats.count(), 1, "{served:?}");
}

#[test]
fn what_is_not_there_is_a_failure() {
    let server = Replay::of(&["prompts"]);
    let ran = with(server.receiver(), &["prompt", "get", "nobody-01fe"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let address = server.receiver().address();
    assert_eq!(
        ran.err,
        format!(
            "tracing-llm: cannot fetch the prompt \"nobody-01fe\": {address} answered 404 Not Found: Prompt not found: \
             'nobody-01fe' with label 'production'\n"
        )
    );
}

#[test]
fn a_version_is_released() {
    let server = Replay::of(&["prompts"]);
    assert_eq!(
        prints(
            server.receiver(),
            &["prompt", "label", RAG, "2", "production", "blue"]
        ),
        format!("{RAG}  version 2  production, blue, staging, latest\n")
    );
}

#[test]
fn prompts_are_pulled_into_files_that_keep_what_is_theirs() {
    let (server, folder) = (comparing("none"), Folder::new());
    let pull = || {
        let dir = text(&folder.0);
        let printed = prints(&server, &["prompt", "pull", RAG, GREETING, "--dir", dir]);
        printed.replace(dir, "DIR")
    };
    assert_eq!(
        pull(),
        format!("DIR/{RAG}.yaml  version 1\nDIR/{GREETING}.yaml  version 1\n")
    );
    let rag = folder.file(&format!("{RAG}.yaml"));
    let expected = "\
name: rag_synthesis-1117
version: 1
label: production
template: |-
  Use the context to answer.

  Context:
  {{context}}

  Question: {{ query }}
  Answer:
variables:
  - context
  - query
model_config:
  max_tokens: 1024
  model: mistral-7b
  temperature: 0.3
commit_message: first
tags:
  - rag
";
    assert_eq!(fs::read_to_string(&rag).unwrap(), expected);
    let owned = expected.replace("tags:", "owner: search team\ntags:");
    // Comments and all.
    let ours = format!("# Reviewed.\n{owned}");
    fs::write(&rag, &ours).unwrap();
    assert_eq!(
        pull(),
        format!("DIR/{RAG}.yaml  unchanged\nDIR/{GREETING}.yaml  unchanged\n")
    );
    assert_eq!(fs::read_to_string(&rag).unwrap(), ours);
    fs::write(&rag, ours.replace("Context:", "Passages:")).unwrap();
    assert!(pull().starts_with(&format!("DIR/{RAG}.yaml  version 1\n")));
    assert_eq!(fs::read_to_string(&rag).unwrap(), owned);
}

#[test]
fn a_file_that_is_no_prompt_is_not_written_over() {
    let (server, folder) = (Replay::of(&["prompts"]), Folder::new());
    let file = folder.file(&format!("{RAG}.yaml"));
    fs::write(&file, "services: []\n").unwrap();
    let ran = with(
        server.receiver(),
        &["prompt", "pull", RAG, "--dir", text(&folder.0)],
    );
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        format!("tracing-llm: {}: the prompt file has no name\n", file.display())
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "services: []\n");
    let others = "name: another\ntemplate: Ours.\n";
    fs::write(&file, others).unwrap();
    let ran = with(
        server.receiver(),
        &["prompt", "pull", RAG, "--dir", text(&folder.0)],
    );
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert_eq!(
        ran.err,
        format!(
            "tracing-llm: {} is of another prompt, \"another\"\n",
            file.display()
        )
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), others);
    let ran = with(
        server.receiver(),
        &["prompt", "pull", "../other", "--dir", text(&folder.0)],
    );
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no name that a file can have"), "{}", ran.err);
}

#[test]
fn what_changed_in_files_is_pushed() {
    let (server, folder) = (Replay::of(&["prompts"]), Folder::new());
    let file = folder.file("rag.yaml");
    let push = || prints(server.receiver(), &["prompt", "push", text(&file)]);
    // The first recorded version, as a file.
    let first = "\
name: rag_synthesis-1117
label: production
template: \"Use the context to answer.\\n\\nContext:\\n{{context}}\\n\\nQuestion: {{ query }}\\nAnswer:\"
model_config: {model: mistral-7b, temperature: 0.3, max_tokens: 1024}
";
    fs::write(&file, first).unwrap();
    assert_eq!(push(), format!("{RAG}  unchanged\n"));
    let second = "\
name: rag_synthesis-1117
template: \"Use the context to answer.\\n\\nContext:\\n{{context}}\\n\\nQuestion: {{ query }}\\nAnswer: (briefly)\"
";
    fs::write(&file, second).unwrap();
    assert_eq!(push(), format!("{RAG}  unchanged\n"));
    // One that the server composes of others, as it is written.
    let composed = "\
name: parent-rag_synthesis-1117
label: production
template: \"@@@langfusePrompt:name=tone-rag_synthesis-1117|label=production@@@ Answer {{q}}.\"
";
    fs::write(&file, composed).unwrap();
    assert_eq!(push(), "parent-rag_synthesis-1117  unchanged\n");
    fs::write(&file, "name: [").unwrap();
    let ran = with(server.receiver(), &["prompt", "push", text(&file)]);
    assert_eq!(ran.code, Some(1));
    let said = format!("tracing-llm: {}: the file is no YAML: ", file.display());
    assert!(ran.err.starts_with(&said), "{}", ran.err);
    let ran = with(
        server.receiver(),
        &["prompt", "push", text(&folder.file("none.yaml"))],
    );
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("tracing-llm: cannot read "), "{}", ran.err);
}

/// The recorded prompts; and sums, which nobody recorded by prompt. A recorded trace has the calls: a generation of each version.
fn comparing(sums: &'static str) -> Receiver {
    Receiver::new(move |request| {
        let path = &request.path;
        let rows = |rows: Value| Answer::json(200, &json!({"data": rows, "meta": {}}).to_string());
        if sums == "none" && !path.contains("/prompts/") {
            return rows(json!([]));
        }
        if path.starts_with("/api/public/v2/observations") {
            return linked(if sums == "many" { 501 } else { 1 });
        }
        if path.starts_with("/api/public/v3/scores") {
            assert!(path.contains("ee55ac3466f446569b08dfa83f492f0a"), "{path}");
            return replay::answered("scores", "read by trace");
        }
        if path.starts_with("/api/public/v2/metrics") {
            return rows(match path {
                _ if path.contains("scores-numeric") => json!([
                    {"name": "relevance", "observationPromptVersion": 1, "count_count": "40", "avg_value": 0.8125},
                    {"name": "relevance", "observationPromptVersion": 2, "count_count": "4", "avg_value": 0.9},
                    {"name": "relevance", "observationPromptVersion": 7, "count_count": "9", "avg_value": 0.1},
                ]),
                _ if path.contains("scores-boolean") => json!([
                    {"name": "brief", "observationPromptVersion": "2", "count_count": 3, "avg_value": 1},
                ]),
                _ => json!([
                    {"promptVersion": 1, "count_count": "120", "sum_totalCost": 0.0123, "avg_latency": 1200, "p95_latency": 2000.5,
                        "sum_inputTokens": "48000", "sum_outputTokens": 12000},
                    {"promptVersion": 2, "count_count": "98", "sum_totalCost": null, "avg_latency": 1100, "p95_latency": 1900,
                        "sum_inputTokens": 39000, "sum_outputTokens": 9000},
                ]),
            });
        }
        let name = match path.split_once('?') {
            Some((_, "version=2" | "label=staging")) => "get, version 2",
            Some((_, "version=99")) => "get, unknown version",
            _ if path.contains("greeting") => "get, name with slash, blank and ampersand",
            _ => "get, production by default",
        };
        replay::answered("prompts", name)
    })
}

/// A recorded trace, the generations of which are linked to versions 1 and 2, so many times.
fn linked(times: usize) -> Answer {
    let recorded = replay::recorded("observations");
    let name = "by trace, all field groups";
    let recorded = recorded.iter().find(|it| it["name"] == name).unwrap();
    let mut answer = recorded["response"]["json"].clone();
    let rows = answer["data"].as_array_mut().unwrap();
    rows.retain(|row| row["type"] == "GENERATION");
    for (row, version) in rows.iter_mut().zip(1..) {
        row["promptName"] = RAG.into();
        row["promptVersion"] = json!(version);
    }
    *rows = vec![rows.clone(); times].concat();
    Answer::json(200, &answer.to_string())
}

#[test]
fn two_versions_are_compared() {
    let server = comparing("some");
    let printed = prints(&server, &["prompt", "compare", RAG, "1", "staging"]);
    let expected = "\
--- version 1 (production)
+++ version 2 (staging, latest)
@@ -4,4 +4,4 @@
 {{context}}
 
 Question: {{ query }}
-Answer:
+Answer: (briefly)

--- version 1 (production), config
+++ version 2 (staging, latest), config
@@ -1,5 +1 @@
-{
-  \"max_tokens\": 1024,
-  \"model\": \"mistral-7b\",
-  \"temperature\": 0.3
-}
+{}

Generations with it, 30 days
                                       version 1   version 2
generations                                  120          98
cost                                   $0.012300           -
cost of one                            $0.000103           -
latency, mean                             1.20 s      1.10 s
latency, 95 of 100 below                  2.00 s      1.90 s
tokens in                                  48000       39000
tokens out                                 12000        9000
brief, mean of scores                          -  1.000 of 3
relevance, mean of scores            0.812 of 40  0.900 of 4
helpful, mean of its traces' scores   1.000 of 1  1.000 of 1
";
    assert_eq!(printed, expected);
    let asked = server.requests();
    let of = |what: &str| {
        asked
            .iter()
            .filter(|it| it.path.contains(what))
            .collect::<Vec<_>>()
    };
    let sums = of("metrics");
    assert!(sums.len() == 3 && sums.iter().all(|it| it.path.contains(RAG)));
    // The scores of the traces are looked at, and are those of both versions.
    assert_eq!((of("v2/observations").len(), of("v3/scores").len()), (2, 1));
}

#[test]
fn what_is_of_a_part_of_the_calls_is_said_so() {
    let printed = prints(&comparing("many"), &["prompt", "compare", RAG, "1", "2"]);
    let last: Vec<_> = printed.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "Scores of traces are those of the newest 1000 calls",
            "helpful, mean of its traces' scores   1.000 of 1  1.000 of 1"
        ]
    );
}

#[test]
fn a_version_is_compared_with_itself_and_with_nothing() {
    let server = comparing("none");
    assert_eq!(
        prints(&server, &["prompt", "compare", RAG, "2", "staging"]),
        "both are version 2 (staging, latest)\n"
    );
    let ran = with(&server, &["prompt", "compare", RAG, "1", "99"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let printed = prints(&server, &["prompt", "compare", GREETING, "1", "2"]);
    let expected = "\
--- version 1 (production, latest)
+++ version 2 (staging, latest)
@@ -1,5 +1,7 @@
-[system]
-You help {{product}} customers.
-{\"name\":\"history\",\"type\":\"placeholder\"}
-[user]
-{{question}}
+Use the context to answer.
+
+Context:
+{{context}}
+
+Question: {{ query }}
+Answer: (briefly)

Generations with it, 30 days
                          version 1  version 2
generations                       0          0
cost                              -          -
cost of one                       -          -
latency, mean                     -          -
latency, 95 of 100 below          -          -
tokens in                         0          0
tokens out                        0          0
";
    assert_eq!(printed, expected);
    let v3 = Receiver::new(|request| match &*request.path {
        path if path.ends_with("version=2") => replay::answered("prompts", "get, version 2"),
        path if path.contains("/prompts/") => replay::answered("prompts", "get, production by default"),
        _ => Answer::status(404).body("<!DOCTYPE html>"),
    });
    let ran = with(&v3, &["prompt", "compare", RAG, "1", "2"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("--- version 1 (production"), "{}", ran.out);
    let said = "; how they did is known to Langfuse v4\n";
    assert!(ran.err.ends_with(said), "{}", ran.err);
}
