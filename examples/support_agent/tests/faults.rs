//! What may go wrong: at the server, on the way, and in what the model says.

use super::*;
use crate::QUESTIONS;

const HELLO: &str = include_str!("../fixtures/hello.sse");
const TOO_MANY: &str = include_str!("../fixtures/429.json");

/// Half of a stream.
fn half(events: &str) -> &str {
    let middle = events.len() / 2;
    &events[..middle + events[middle..].find("\n\n").unwrap() + 2]
}

/// How a connection broke is said in words of the HTTP library's own.
fn without_causes(tree: &str) -> String {
    let mut parts = tree.split("the connection failed: ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text += "the connection failed: …";
        text += &part[part.find('"').unwrap()..];
    }
    text
}

#[test]
fn a_server_that_is_asked_too_much_is_left_alone_for_as_long_as_it_says() {
    let asked = ask(
        QUESTIONS[4],
        true,
        [
            Answer::json(429, TOO_MANY).header("retry-after", "20"),
            Answer::json(429, TOO_MANY),
            stream(HELLO),
        ],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "Hello! I answer questions about tracing-llm."
    );
    // The second said nothing of when: twice as long as after a first.
    assert_eq!(asked.waits, [20, 4].map(Duration::from_secs));
    assert_eq!(
        asked.tree,
        r#"
agent answer  24.75s
  trace:  user=u-1 session=s-1
  in:     {"question":"Hello! What can you do for me?"}
  out:    Hello! I answer questions about tracing-llm.
  meta:   {"question":"Hello! What can you do for me?"}
  generation chat  model=gpt-4o  ERROR  status="the server answered 429: Rate limit reached for 10KTPM-200RPM in organization org-abc123 on tokens per min. Limit: 10000 / min. Please try again in 6ms. Contact us through our help center at help.openai.com if you continue to have issues."  250ms
    params: {"stream":true}
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
  event waits and asks again  WARNING
    meta:   {"seconds":20}
  generation chat  model=gpt-4o  ERROR  status="the server answered 429: Rate limit reached for 10KTPM-200RPM in organization org-abc123 on tokens per min. Limit: 10000 / min. Please try again in 6ms. Contact us through our help center at help.openai.com if you continue to have issues."  250ms
    params: {"stream":true}
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
  event waits and asks again  WARNING
    meta:   {"seconds":4}
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
fn a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() {
    let answers = [Answer::json(429, TOO_MANY).header("retry-after", "31")];
    let asked = ask(QUESTIONS[4], true, answers);
    assert_eq!(asked.waits, [Duration::ZERO; 0]);
    assert_eq!(
        asked.tree,
        r#"
agent answer  ERROR  status="the server answered 429: Rate limit reached for 10KTPM-200RPM in organization org-abc123 on tokens per min. Limit: 10000 / min. Please try again in 6ms. Contact us through our help center at help.openai.com if you continue to have issues."  250ms
  trace:  user=u-1 session=s-1
  in:     {"question":"Hello! What can you do for me?"}
  meta:   {"question":"Hello! What can you do for me?"}
  generation chat  model=gpt-4o  ERROR  status="the server answered 429: Rate limit reached for 10KTPM-200RPM in organization org-abc123 on tokens per min. Limit: 10000 / min. Please try again in 6ms. Contact us through our help center at help.openai.com if you continue to have issues."  250ms
    params: {"stream":true}
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
"#
    );
    let answers = [503, 502, 504].map(Answer::status);
    let asked = ask(QUESTIONS[4], true, answers);
    assert_eq!(asked.answer.unwrap_err(), "the server answered 504");
    assert_eq!(asked.waits, [2, 4].map(Duration::from_secs));
}

#[test]
fn an_answer_that_is_cut_shows_what_came_and_is_asked_for_again() {
    let asked = ask(QUESTIONS[4], true, [cut(half(HELLO)), stream(HELLO)]);
    assert_eq!(
        asked.answer.unwrap(),
        "Hello! I answer questions about tracing-llm."
    );
    assert_eq!(asked.waits, [Duration::from_secs(2)]);
    assert_eq!(
        without_causes(&asked.tree),
        r#"
agent answer  2.5s
  trace:  user=u-1 session=s-1
  in:     {"question":"Hello! What can you do for me?"}
  out:    Hello! I answer questions about tracing-llm.
  meta:   {"question":"Hello! What can you do for me?"}
  generation chat  model=gpt-4o-2024-08-06  ERROR  status="the connection failed: …"  250ms
    params: {"stream":true}
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
    out:    Hello! I answer questions
  event waits and asks again  WARNING
    meta:   {"seconds":2}
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
fn a_tool_call_that_is_cut_is_not_made() {
    let search = include_str!("../fixtures/search.sse");
    let asked = ask(
        QUESTIONS[0],
        true,
        [
            cut(half(search)),
            stream(search),
            stream(include_str!("../fixtures/search.answer.sse")),
        ],
    );
    assert_eq!(
        asked.answer.unwrap(),
        "What stands under a name that holds credentials."
    );
    assert_eq!(
        without_causes(&asked.tree),
        r#"
agent answer  2.75s
  trace:  user=u-1 session=s-1
  in:     {"question":"What is sent as [redacted]?"}
  out:    What stands under a name that holds credentials.
  meta:   {"question":"What is sent as [redacted]?"}
  generation chat  model=gpt-4o-2024-08-06  ERROR  status="the connection failed: …"  250ms
    params: {"stream":true}
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"What is sent as [redacted]?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"query\":\"sent as redacte","name":"search_documents"},"id":"call_search","type":"function"}]}
  event waits and asks again  WARNING
    meta:   {"seconds":2}
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
    // The model is told nothing of what was cut.
    assert_eq!(asked.requests[0], asked.requests[1]);
}

#[test]
fn a_connection_that_is_cut_each_time_is_an_error_in_the_end() {
    let asked = ask(
        QUESTIONS[4],
        true,
        [cut(half(HELLO)), Answer::Reset, Answer::Close],
    );
    assert!(asked.answer.unwrap_err().starts_with("the connection failed: "));
    assert_eq!(asked.requests.len(), 3);
    let failed = asked.tree.matches("generation chat").count();
    assert_eq!(
        (failed, asked.tree.matches("ERROR").count()),
        (3, 4),
        "{}",
        asked.tree
    );
}

#[test]
fn a_key_that_a_server_repeats_stands_in_no_trace_and_no_error() {
    let asked = ask(
        QUESTIONS[4],
        true,
        [Answer::json(401, include_str!("../fixtures/401.json"))],
    );
    assert_eq!(
        asked.answer.unwrap_err(),
        "the server answered 401: Incorrect API key provided: [redacted]. You can find your API key at \
        https://platform.openai.com/account/api-keys."
    );
    // In the middle of a stream, too.
    let error = format!("data: {{\"error\":{{\"message\":\"no such key: {KEY}\"}}}}\n\n");
    let asked = ask(
        QUESTIONS[4],
        true,
        [stream(&error), stream(&error), stream(&error)],
    );
    assert_eq!(
        asked.answer.unwrap_err(),
        "the connection failed: no such key: [redacted]"
    );
}

#[test]
fn a_server_that_answers_whole_whatever_it_is_asked_is_understood() {
    let asked = ask(
        QUESTIONS[4],
        true,
        [whole(include_str!("../fixtures/section.answer.json"))],
    );
    assert_eq!(asked.answer.unwrap(), "New observations are dropped and counted.");
}

#[test]
fn a_call_that_cannot_be_is_told_to_the_model_and_stands_in_the_trace() {
    let unknown = include_str!("../fixtures/section.json").replace("search_documents", "fly");
    let asked = ask(QUESTIONS[4], true, [whole(&unknown), stream(HELLO)]);
    assert_eq!(
        asked.answer.unwrap(),
        "Hello! I answer questions about tracing-llm."
    );
    assert_eq!(
        asked.tree,
        r#"
agent answer  500ms
  trace:  user=u-1 session=s-1
  in:     {"question":"Hello! What can you do for me?"}
  out:    Hello! I answer questions about tracing-llm.
  meta:   {"question":"Hello! What can you do for me?"}
  generation chat  model=gpt-4o-mini  250ms
    params: {"stream":true}
    usage:  input=82 output=17 total=99
    cost:   input=0.0000123 output=0.0000102 total=0.0000225
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"}]
    out:    {"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"query\": \"delivery\",\n\"top_k\": 3\n}","name":"fly"},"id":"call_search","type":"function"}]}
    meta:   {"finish_reason":"tool_calls"}
  event a call that cannot be  WARNING
    meta:   {"tool":"fly","error":"there is no tool \"fly\""}
  generation chat  model=gpt-4o-2024-08-06  250ms
    params: {"stream":true}
    usage:  input=9 output=2 total=11
    cost:   input=0.0000225 output=0.00002 total=0.0000425
    first:  250ms
    in:     [{"content":"…","role":"system"},{"content":"Hello! What can you do for me?","role":"user"},{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\n\"query\": \"delivery\",\n\"top_k\": 3\n}","name":"fly"},"id":"call_search","type":"function"}]},{"content":"error: there is no tool \"fly\"","role":"tool","tool_call_id":"call_search"}]
    out:    Hello! I answer questions about tracing-llm.
    meta:   {"finish_reason":"stop"}
"#
    );
}

#[test]
fn a_model_that_only_asks_for_tools_is_stopped() {
    let search = || stream(include_str!("../fixtures/search.sse"));
    let asked = ask(QUESTIONS[0], true, std::iter::repeat_with(search).take(5));
    assert_eq!(
        asked.answer.unwrap_err(),
        "the model asked for tools 5 times and did not answer"
    );
    assert_eq!(asked.requests.len(), 5);
}

#[test]
fn a_model_that_says_nothing_is_an_error() {
    let nothing = include_str!("../fixtures/section.answer.json")
        .replace("\"New observations are dropped and counted.\"", "null");
    let asked = ask(QUESTIONS[4], true, [whole(&nothing)]);
    assert_eq!(
        asked.answer.unwrap_err(),
        "the answer cannot be read: the model said nothing"
    );
    // It was paid for.
    assert!(
        asked.tree.contains("usage:  input=19 output=10"),
        "{}",
        asked.tree
    );
}

#[test]
fn a_base_url_that_is_none_is_said_at_once_and_not_tried_again() {
    let agent = Agent {
        model: Model::At {
            endpoint: Endpoint::new("localhost:11434/v1", "a-model", None),
            stream: true,
            pause: Box::new(|_| unreachable!("waits for what will never be")),
        },
        desk: desk(),
    };
    let error = run(&Capture::new(), &agent, QUESTIONS[4]).unwrap_err();
    assert!(error.starts_with("OPENAI_BASE_URL cannot be used: "), "{error}");
}
