//! The five committed questions.

use serde_json::json;

use super::*;
use crate::QUESTIONS;

#[test]
fn one_search_and_an_answer() {
    let asked = ask(
        QUESTIONS[0],
        true,
        [
            stream(include_str!("../fixtures/search.sse")),
            stream(include_str!("../fixtures/search.answer.sse")),
        ],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "What stands under a name that holds credentials."
    );
    assert_eq!(
        asked.tree,
        r#"
agent answer  500ms
  trace:  user=u-1 session=s-1
  in:     {"question":"What is sent as [redacted]?"}
  out:    What stands under a name that holds credentials.
  meta:   {"question":"What is sent as [redacted]?"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=44 output=16 total=60
    cost:   input=0.00011 output=0.00016 total=0.00027
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What is sent as [redacted]?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"query\":\"sent as redacted\",\"top_k\":3}","name":"search_documents"},"id":"call_search","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  retriever search_documents
    in:     {"query":"sent as redacted","top_k":3}
    out:    [{"document":"handbook.md","heading":"Handbook › Masking","text":"What stands under a name that holds credentials is sent as `[redacted]`.","score":2.55,"_type":"Passage"},{"document":"handbook.md","heading":"Handbook › Price","text":"Langfuse is sent the cost that the program gives, and no other cost.","score":0.95,"_type":"Passage"}]
    meta:   {"query":"sent as redacted","top_k":3}
  generation chat  model=gpt-4o-mini  250ms
    params: {"stream":true}
    usage:  input=93 output=46 input_cached_tokens=1024 total=1163
    cost:   input=0.00001395 output=0.0000276 input_cached_tokens=0.0000768 total=0.00011835
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What is sent as [redacted]?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"query\":\"sent as redacted\",\"top_k\":3}","name":"search_documents"},"id":"call_search","type":"function"}]},{"content":"[handbook.md › Handbook › Masking]\nWhat stands under a name that holds credentials is sent as `[redacted]`.\n\n[handbook.md › Handbook › Price]\nLangfuse is sent the cost that the program gives, and no other cost.","role":"tool","tool_call_id":"call_search"}]
    out:    What stands under a name that holds credentials.
    meta:   {"finish_reason":"stop"}
"#
    );
}

#[test]
fn a_tool_that_fails_is_told_to_the_model_which_recovers() {
    let asked = ask(
        QUESTIONS[1],
        true,
        [
            stream(include_str!("../fixtures/variable.sse")),
            stream(include_str!("../fixtures/variable.again.sse")),
            stream(include_str!("../fixtures/variable.answer.sse")),
        ],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "There is no LANGFUSE_URL; LANGFUSE_BASE_URL names the server."
    );
    assert_eq!(
        asked.tree,
        r#"
agent answer  750ms
  trace:  user=u-1 session=s-1
  in:     {"question":"What does LANGFUSE_URL do?"}
  out:    There is no LANGFUSE_URL; LANGFUSE_BASE_URL names the server.
  meta:   {"question":"What does LANGFUSE_URL do?"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=48 output=19 total=67
    cost:   input=0.00012 output=0.00019 total=0.00031
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What does LANGFUSE_URL do?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"name\":\"LANGFUSE_URL\"}","name":"look_up_variable"},"id":"call_variable","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  tool look_up_variable  ERROR  status="there is no variable LANGFUSE_URL; like it are LANGFUSE_BASE_URL, LANGFUSE_HOST, LANGFUSE_TIMEOUT"
    in:     {"name":"LANGFUSE_URL"}
    meta:   {"name":"LANGFUSE_URL"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=76 output=24 total=100
    cost:   input=0.00019 output=0.00024 total=0.00043
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What does LANGFUSE_URL do?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"name\":\"LANGFUSE_URL\"}","name":"look_up_variable"},"id":"call_variable","type":"function"}]},{"content":"error: there is no variable LANGFUSE_URL; like it are LANGFUSE_BASE_URL, LANGFUSE_HOST, LANGFUSE_TIMEOUT","role":"tool","tool_call_id":"call_variable"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"name\":\"LANGFUSE_BASE_URL\"}","name":"look_up_variable"},"id":"call_again","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  tool look_up_variable
    in:     {"name":"LANGFUSE_BASE_URL"}
    out:    `LANGFUSE_BASE_URL`, `LANGFUSE_HOST`; what it does: the server; when it is not set: `https://cloud.langfuse.com`
    meta:   {"name":"LANGFUSE_BASE_URL"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=14 output=30 total=44
    cost:   input=0.000035 output=0.0003 total=0.000335
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What does LANGFUSE_URL do?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"name\":\"LANGFUSE_URL\"}","name":"look_up_variable"},"id":"call_variable","type":"function"}]},{"content":"error: there is no variable LANGFUSE_URL; like it are LANGFUSE_BASE_URL, LANGFUSE_HOST, LANGFUSE_TIMEOUT","role":"tool","tool_call_id":"call_variable"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"name\":\"LANGFUSE_BASE_URL\"}","name":"look_up_variable"},"id":"call_again","type":"function"}]},{"content":"`LANGFUSE_BASE_URL`, `LANGFUSE_HOST`; what it does: the server; when it is not set: `https://cloud.langfuse.com`","role":"tool","tool_call_id":"call_again"}]
    out:    There is no LANGFUSE_URL; LANGFUSE_BASE_URL names the server.
    meta:   {"finish_reason":"stop"}
"#
    );
}

#[test]
fn two_tools_at_once() {
    let asked = ask(
        QUESTIONS[2],
        true,
        [
            stream(include_str!("../fixtures/two_tools.sse")),
            stream(include_str!("../fixtures/two_tools.answer.sse")),
        ],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "0.038 US dollars. Langfuse is sent only the cost that the program gives."
    );
    assert_eq!(
        asked.tree,
        r#"
agent answer  500ms
  trace:  user=u-1 session=s-1
  in:     {"question":"What would a call of gpt-4o with 12000 tokens in and 800 out cost? Which cost is Langfuse sent?"}
  out:    0.038 US dollars. Langfuse is sent only the cost that the program gives.
  meta:   {"question":"What would a call of gpt-4o with 12000 tokens in and 800 out cost? Which cost is Langfuse sent?"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=149 output=60 total=209
    cost:   input=0.0003725 output=0.0006 total=0.0009725
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What would a call of gpt-4o with 12000 tokens in and 800 out cost? Which cost is Langfuse sent?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"model\": \"gpt-4o\", \"input_tokens\": 12000, \"output_tokens\": 800}","name":"estimate_cost"},"id":"call_cost","type":"function"},{"function":{"arguments":"{\"query\": \"cost sent to Langfuse\", \"top_k\": 3}","name":"search_documents"},"id":"call_search","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  tool estimate_cost
    in:     {"model":"gpt-4o","input_tokens":12000,"output_tokens":800}
    out:    In US dollars, by list prices: input 0.03, output 0.008, total 0.038.
    meta:   {"model":"gpt-4o","input_tokens":12000,"output_tokens":800}
  retriever search_documents
    in:     {"query":"cost sent to Langfuse","top_k":3}
    out:    [{"document":"handbook.md","heading":"Handbook › Price","text":"Langfuse is sent the cost that the program gives, and no other cost.","score":3.92,"_type":"Passage"},{"document":"handbook.md","heading":"Handbook › Variables","text":"| variable | what it does | when it is not set |\n| --- | --- | --- |\n| `LANGFUSE_BASE_URL`, `LANGFUSE_HOST` | the server | `https://cloud.langfuse.com` |\n| `LANGFUSE_TIMEOUT` | seconds a request may take | 10 |\n| `RUST_LOG` | log lines | `info` |","score":1.23,"_type":"Passage"},{"document":"handbook.md","heading":"Handbook › Masking","text":"What stands under a name that holds credentials is sent as `[redacted]`.","score":0.99,"_type":"Passage"}]
    meta:   {"query":"cost sent to Langfuse","top_k":3}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=79 output=14 total=93
    cost:   input=0.0001975 output=0.00014 total=0.0003375
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What would a call of gpt-4o with 12000 tokens in and 800 out cost? Which cost is Langfuse sent?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"model\": \"gpt-4o\", \"input_tokens\": 12000, \"output_tokens\": 800}","name":"estimate_cost"},"id":"call_cost","type":"function"},{"function":{"arguments":"{\"query\": \"cost sent to Langfuse\", \"top_k\": 3}","name":"search_documents"},"id":"call_search","type":"function"}]},{"content":"In US dollars, by list prices: input 0.03, output 0.008, total 0.038.","role":"tool","tool_call_id":"call_cost"},{"content":"[handbook.md › Handbook › Price]\nLangfuse is sent the cost that the program gives, and no other cost.\n\n[handbook.md › Handbook › Variables]\n| variable | what it does | when it is not set |\n| --- | --- | --- |\n| `LANGFUSE_BASE_URL`, `LANGFUSE_HOST` | the server | `https://cloud.langfuse.com` |\n| `LANGFUSE_TIMEOUT` | seconds a request may take | 10 |\n| `RUST_LOG` | log lines | `info` |\n\n[handbook.md › Handbook › Masking]\nWhat stands under a name that holds credentials is sent as `[redacted]`.","role":"tool","tool_call_id":"call_search"}]
    out:    0.038 US dollars. Langfuse is sent only the cost that the program gives.
    meta:   {"finish_reason":"stop"}
"#
    );
    // What the model is told in the end: the question, what it asked for, and what was found, each under its id.
    let last = &asked.requests[1];
    assert_eq!(
        (&last["model"], &last["stream"], &last["stream_options"]),
        (&json!("gpt-4o"), &json!(true), &json!({"include_usage": true}))
    );
    assert_eq!(last["tools"].as_array().unwrap().len(), 4);
    let messages = last["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "system");
    assert_eq!(
        json!(messages[1..]),
        json!([
            {"role": "user", "content": QUESTIONS[2]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_cost", "type": "function", "function": {
                    "name": "estimate_cost",
                    "arguments": "{\"model\": \"gpt-4o\", \"input_tokens\": 12000, \"output_tokens\": 800}",
                }},
                {"id": "call_search", "type": "function", "function": {
                    "name": "search_documents",
                    "arguments": "{\"query\": \"cost sent to Langfuse\", \"top_k\": 3}",
                }},
            ]},
            {"role": "tool", "tool_call_id": "call_cost",
                "content": "In US dollars, by list prices: input 0.03, output 0.008, total 0.038."},
            {"role": "tool", "tool_call_id": "call_search", "content": "[handbook.md › Handbook › Price]\n\
                Langfuse is sent the cost that the program gives, and no other cost.\n\n\
                [handbook.md › Handbook › Variables]\n\
                | variable | what it does | when it is not set |\n\
                | --- | --- | --- |\n\
                | `LANGFUSE_BASE_URL`, `LANGFUSE_HOST` | the server | `https://cloud.langfuse.com` |\n\
                | `LANGFUSE_TIMEOUT` | seconds a request may take | 10 |\n\
                | `RUST_LOG` | log lines | `info` |\n\n\
                [handbook.md › Handbook › Masking]\n\
                What stands under a name that holds credentials is sent as `[redacted]`."},
        ])
    );
}

#[test]
fn two_rounds_with_answers_that_come_whole() {
    let asked = ask(
        QUESTIONS[3],
        false,
        [
            whole(include_str!("../fixtures/section.json")),
            whole(include_str!("../fixtures/section.read.json")),
            whole(include_str!("../fixtures/section.answer.json")),
        ],
    );
    assert_eq!(asked.answer.unwrap(), "New observations are dropped and counted.");
    assert_eq!(
        asked.tree,
        r#"
agent answer  750ms
  trace:  user=u-1 session=s-1
  in:     {"question":"Read the section on delivery: what becomes of observations when the memory is full?"}
  out:    New observations are dropped and counted.
  meta:   {"question":"Read the section on delivery: what becomes of observations when the memory is full?"}
  generation chat  model=gpt-4o-mini  250ms
    params: {"stream":false}
    usage:  input=82 output=17 total=99
    cost:   input=0.0000123 output=0.0000102 total=0.0000225
    in:     [{"content":"…","role":"system"},{"content":"Read the section on delivery: what becomes of observations when the memory is full?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"query\": \"delivery\",\n\"top_k\": 3\n}","name":"search_documents"},"id":"call_search","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  retriever search_documents
    in:     {"query":"delivery","top_k":3}
    out:    [{"document":"handbook.md","heading":"Handbook › Delivery","text":"An own thread sends.","score":1.16,"_type":"Passage"},{"document":"handbook.md","heading":"Handbook › Delivery","text":"Memory is bounded by bytes. When the memory is full, new observations are dropped and counted.","score":0.92,"_type":"Passage"}]
    meta:   {"query":"delivery","top_k":3}
  generation chat  model=gpt-4o-mini  250ms
    params: {"stream":false}
    usage:  input=82 output=17 total=99
    cost:   input=0.0000123 output=0.0000102 total=0.0000225
    in:     [{"content":"…","role":"system"},{"content":"Read the section on delivery: what becomes of observations when the memory is full?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"query\": \"delivery\",\n\"top_k\": 3\n}","name":"search_documents"},"id":"call_search","type":"function"}]},{"content":"[handbook.md › Handbook › Delivery]\nAn own thread sends.\n\n[handbook.md › Handbook › Delivery]\nMemory is bounded by bytes. When the memory is full, new observations are dropped and counted.","role":"tool","tool_call_id":"call_search"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"document\": \"handbook.md\",\n\"heading\": \"Delivery\"\n}","name":"read_section"},"id":"call_read","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  tool read_section
    in:     {"document":"handbook.md","heading":"Delivery"}
    out:    An own thread sends.\n\nMemory is bounded by bytes. When the memory is full, new observations are dropped and counted.
    meta:   {"document":"handbook.md","heading":"Delivery"}
  generation chat  model=gpt-4o-mini  250ms
    params: {"stream":false}
    usage:  input=19 output=10 total=29
    cost:   input=0.00000285 output=0.000006 total=0.00000885
    in:     [{"content":"…","role":"system"},{"content":"Read the section on delivery: what becomes of observations when the memory is full?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"query\": \"delivery\",\n\"top_k\": 3\n}","name":"search_documents"},"id":"call_search","type":"function"}]},{"content":"[handbook.md › Handbook › Delivery]\nAn own thread sends.\n\n[handbook.md › Handbook › Delivery]\nMemory is bounded by bytes. When the memory is full, new observations are dropped and counted.","role":"tool","tool_call_id":"call_search"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"document\": \"handbook.md\",\n\"heading\": \"Delivery\"\n}","name":"read_section"},"id":"call_read","type":"function"}]},{"content":"An own thread sends.\n\nMemory is bounded by bytes. When the memory is full, new observations are dropped and counted.","role":"tool","tool_call_id":"call_read"}]
    out:    New observations are dropped and counted.
    meta:   {"finish_reason":"stop"}
"#
    );
    let first = &asked.requests[0];
    assert_eq!((first.get("stream"), first.get("stream_options")), (None, None));
}

#[test]
fn no_tool_at_all() {
    let asked = ask(
        QUESTIONS[4],
        true,
        [stream(include_str!("../fixtures/hello.sse"))],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "Hello! I answer questions about tracing-llm."
    );
    assert_eq!(
        asked.tree,
        r#"
agent answer  250ms
  trace:  user=u-1 session=s-1
  in:     {"question":"Hello! What can you do for me?"}
  out:    Hello! I answer questions about tracing-llm.
  meta:   {"question":"Hello! What can you do for me?"}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=9 output=2 total=11
    cost:   input=0.0000225 output=0.00002 total=0.0000425
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
    out:    Hello! I answer questions about tracing-llm.
    meta:   {"finish_reason":"stop"}
"#
    );
}

#[test]
fn fixed_rules_take_the_same_ways_without_a_model() {
    let mut drawn = String::new();
    for question in QUESTIONS {
        let capture = Capture::new();
        let agent = Agent {
            model: Model::Extractive,
            desk: desk(),
        };
        let answer = run(&capture, &agent, question).unwrap();
        for observation in capture.observations() {
            assert!(observation.usage().is_empty() && observation.cost().is_empty());
        }
        let calls = |line: &&str| !line.contains(":  ");
        let shape: Vec<String> = capture.tree().lines().filter(calls).map(str::to_owned).collect();
        drawn += &format!("{}\n{answer}\n", shape.join("\n"));
    }
    assert_eq!(
        drawn,
        r#"
agent answer
  generation chat  model=extractive
  retriever search_documents
  generation chat  model=extractive
What stands under a name that holds credentials is sent as `[redacted]`.

agent answer
  generation chat  model=extractive
  tool look_up_variable  ERROR  status="there is no variable LANGFUSE_URL; like it are LANGFUSE_BASE_URL, LANGFUSE_HOST, LANGFUSE_TIMEOUT"
  generation chat  model=extractive
  tool look_up_variable
  generation chat  model=extractive
`LANGFUSE_BASE_URL`, `LANGFUSE_HOST`; what it does: the server; when it is not set: `https://cloud.langfuse.com`

agent answer
  generation chat  model=extractive
  tool estimate_cost
  retriever search_documents
  generation chat  model=extractive
In US dollars, by list prices: input 0.03, output 0.008, total 0.038. Langfuse is sent the cost that the program gives, and no other cost.

agent answer
  generation chat  model=extractive
  retriever search_documents
  generation chat  model=extractive
  tool read_section
  generation chat  model=extractive
When the memory is full, new observations are dropped and counted.

agent answer
  generation chat  model=extractive
I am no model: fixed rules choose a tool by the words of a question, and I quote what it finds in this repository's documents.
"#
    );
}

#[test]
fn fixed_rules_answer_the_questions_from_this_repositorys_documents() {
    let library = Library::of_this_repository();
    // A packaged crate has only some of them.
    if !library
        .passages()
        .iter()
        .any(|passage| passage.document == "ARCHITECTURE.md")
    {
        return;
    }
    let agent = Agent {
        model: Model::Extractive,
        desk: Desk {
            library,
            prices: PriceTable::shipped(),
        },
    };
    for (question, word) in
        QUESTIONS
            .into_iter()
            .zip(["credentials", "LANGFUSE_BASE_URL", "0.038", "dropped", "no model"])
    {
        let answer = run(&Capture::new(), &agent, question).unwrap();
        assert!(answer.contains(word), "{question}: {answer}");
    }
}
