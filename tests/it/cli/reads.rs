//! `cost` and `traces`: the tables of the recorded project, for people and for programs.

use serde_json::{Value, json};

use super::{prints, with};
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay;

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";

/// Answers each question with what was recorded of one of its kind; users have traces, which the recorded question does not ask for.
pub(super) fn recorded() -> Receiver {
    Receiver::new(|request| {
        let path = &request.path;
        if path.starts_with("/api/public/v2/observations") {
            // Found by its rows, and then read whole: both are answered by all rows of the one trace.
            return replay::answered("observations", "by trace, all field groups");
        }
        assert!(path.starts_with("/api/public/v2/metrics"), "{path}");
        if !path.contains("userId") {
            return replay::answered("metrics", "daily cost and tokens by model");
        }
        let recorded = replay::recorded("metrics");
        let recorded = recorded
            .iter()
            .find(|it| it["name"] == "cost by user, largest first");
        let mut answer = recorded.unwrap()["response"]["json"].clone();
        for (number, row) in answer["data"].as_array_mut().unwrap().iter_mut().enumerate() {
            row["uniq_traceId"] = json!((12 - number).to_string());
        }
        Answer::json(200, &answer.to_string())
    })
}

#[test]
fn the_two_dashboards_are_tables() {
    let server = recorded();
    let printed = prints(&server, &["cost"]);
    let expected = "\
Cost by day and model, 30 days
day         model             cost  input tokens  output tokens  observations
2026-11-24  gpt-4o-mini  $0.001200          4000           1000             2
2026-11-24  mistral-7b   $0.000014           100             20             2

Cost by user, 7 days
user              cost  traces
user-3956e0  $0.000607      12
user-e61e86  $0.000607      11
";
    assert_eq!(printed, expected);
}

#[test]
fn one_dashboard_and_other_days() {
    let server = recorded();
    let printed = prints(
        &server,
        &[
            "cost",
            "--by",
            "user",
            "--days",
            "90",
            "--limit",
            "1",
            "--environment",
            "production",
        ],
    );
    let expected = "\
Cost by user, 90 days
user              cost  traces
user-3956e0  $0.000607      12
";
    assert_eq!(printed, expected);
    assert!(server.requests()[0].path.contains("production"));
}

#[test]
fn programs_are_given_exact_amounts() {
    let server = recorded();
    let printed = prints(&server, &["cost", "--csv"]);
    let expected = "\
day,model,cost,input_tokens,output_tokens,observations
2026-11-24,gpt-4o-mini,0.0012,4000,1000,2
2026-11-24,mistral-7b,0.000014,100,20,2

user,cost,traces
user-3956e0,0.000607,12
user-e61e86,0.000607,11
";
    assert_eq!(printed, expected);
    let printed: Value = serde_json::from_str(&prints(&server, &["cost", "--json"])).unwrap();
    assert_eq!(
        printed,
        json!({
            "by_model": [
                {"day": "2026-11-24", "model": "gpt-4o-mini", "cost": 0.0012, "input_tokens": 4000, "output_tokens": 1000,
                    "observations": 2},
                {"day": "2026-11-24", "model": "mistral-7b", "cost": 0.000014, "input_tokens": 100, "output_tokens": 20,
                    "observations": 2},
            ],
            "by_user": [
                {"user": "user-3956e0", "cost": 0.000607, "traces": 12},
                {"user": "user-e61e86", "cost": 0.000607, "traces": 11},
            ],
        })
    );
}

#[test]
fn the_last_traces_are_whole_ones() {
    let server = recorded();
    let questions = [
        "--user",
        "user-e61e86",
        "--session",
        "session-537bee",
        "--name",
        "support request",
        "--environment",
        "recorded",
    ];
    let printed = prints(
        &server,
        &[
            &["traces", "--since", "2026-11-24", "--limit", "5"],
            &questions[..],
        ]
        .concat(),
    );
    let expected = "\
start                 id                                name             user         session         latency  tokens       cost  level
2026-11-24T04:40:38Z  ee55ac3466f446569b08dfa83f492f0a  support request  user-e61e86  session-537bee   3.00 s    2560  $0.000607  ERROR
";
    assert_eq!(printed, expected);
    let asked = &server.requests()[0].path;
    for word in [
        "user-e61e86",
        "session-537bee",
        "recorded",
        "traceName",
        "2026-11-24T00",
    ] {
        assert!(asked.contains(word), "{asked}");
    }
    let printed: Value =
        serde_json::from_str(&prints(&server, &["traces", "--since", "2026-11-24", "--json"])).unwrap();
    assert_eq!(
        printed,
        json!([{"start": "2026-11-24T04:40:38.355Z", "id": TRACE, "name": "support request", "user": "user-e61e86",
            "session": "session-537bee", "latency": 3.0, "tokens": 2560, "cost": 0.000607, "level": "ERROR"}])
    );
}

#[test]
fn a_trace_is_a_tree() {
    let server = recorded();
    let printed = prints(&server, &["traces", TRACE]);
    let expected = "\
trace support request · user user-e61e86 · session session-537bee · tags beta, rust · environment recorded · 2560 tokens · $0.000607 · ee55ac3466f446569b08dfa83f492f0a
AGENT support request  3.00 s
│  in   {\"question\":\"Where is my order?\"}
│  out  {\"answer\":\"On its way.\"}
├─ GENERATION route decision  mistral-7b  50 → 10 tokens  $0.000007  400 ms (first token 200 ms)
│     in   [{\"role\":\"user\",\"content\":\"Where is my order?\"}]
│     out  {\"role\":\"assistant\",\"content\":\"On its way.\"}
├─ TOOL search  100 ms  ERROR index unavailable
│     in   {\"query\":\"order\"}
└─ GENERATION answer  gpt-4o-mini  2000 → 500 tokens  $0.0006  1.80 s (first token 200 ms)
      in   [{\"role\":\"user\",\"content\":\"Where is my order?\"}]
      out  {\"role\":\"assistant\",\"content\":\"On its way.\"}
";
    assert_eq!(printed, expected);
    let rows: Value = serde_json::from_str(&prints(&server, &["traces", TRACE, "--json"])).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert_eq!(
        (
            &rows[0]["name"],
            &rows[3]["model"],
            &rows[3]["cost"],
            &rows[3]["usage"]["total"]
        ),
        (
            &json!("support request"),
            &json!("gpt-4o-mini"),
            &json!(0.0006),
            &json!(2500)
        )
    );
}

/// What the server shows twice counts once; what it has no cost for is not priced here; and what has no top is shown all the same.
#[test]
fn a_tree_is_what_the_server_has() {
    let server = Receiver::new(|_| {
        let recorded = replay::recorded("observations");
        let mut answer = recorded[0]["response"]["json"].clone();
        let rows = answer["data"].as_array_mut().unwrap();
        rows.retain(|row| row["type"] == "GENERATION");
        rows[0]["costDetails"] = json!({});
        rows[0]["totalCost"] = json!(0);
        rows[1]["output"] = json!("\u{1b}[2Jcleared");
        rows.push(rows[0].clone());
        Answer::json(200, &answer.to_string())
    });
    let printed = prints(&server, &["traces", TRACE]);
    let expected = "\
trace support request (unfinished) · user user-e61e86 · session session-537bee · tags beta, rust · environment recorded · 2560 tokens · $0.000007 · ee55ac3466f446569b08dfa83f492f0a
GENERATION route decision  mistral-7b  50 → 10 tokens  $0.000007  400 ms (first token 200 ms)
   in   [{\"role\":\"user\",\"content\":\"Where is my order?\"}]
   out  \\u{1b}[2Jcleared
GENERATION answer  gpt-4o-mini  2000 → 500 tokens  1.80 s (first token 200 ms)
   in   [{\"role\":\"user\",\"content\":\"Where is my order?\"}]
   out  {\"role\":\"assistant\",\"content\":\"On its way.\"}
";
    assert_eq!(printed, expected);
}

#[test]
fn a_trace_of_another_client_keeps_its_id() {
    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";
    let server = Receiver::new(|_| {
        let mut answer = replay::recorded("observations")[0]["response"]["json"].clone();
        for row in answer["data"].as_array_mut().unwrap() {
            row["traceId"] = json!(UUID);
        }
        Answer::json(200, &answer.to_string())
    });
    let printed = prints(&server, &["traces", UUID]);
    let head = printed.lines().next().unwrap();
    assert!(head.ends_with(&format!(" · {UUID}")), "{head}");
}

/// More than a terminal lets wait of a program's traces.
#[test]
fn a_trace_with_long_contents_is_one_tree() {
    let server = Receiver::new(|_| {
        let mut answer = replay::recorded("observations")[0]["response"]["json"].clone();
        let rows = answer["data"].as_array_mut().unwrap();
        rows.retain(|row| row["name"] == "answer" || row["name"] == "support request");
        let mut call = rows.iter().find(|row| row["name"] == "answer").unwrap().clone();
        call["output"] = json!("long ".repeat(250_000));
        for number in 0..40_u32 {
            call["id"] = json!(format!("{number:016x}"));
            rows.push(call.clone());
        }
        Answer::json(200, &answer.to_string())
    });
    let printed = prints(&server, &["traces", TRACE]);
    let heads: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("trace "))
        .collect();
    assert!(heads.len() == 1 && !heads[0].contains("unfinished"), "{heads:#?}");
    assert_eq!(printed.matches("─ GENERATION answer").count(), 41);
}

/// An answer may have 64 MiB.
#[test]
fn a_trace_that_is_too_large_for_one_answer_is_read_in_smaller_pages() {
    let server = Receiver::new(|request| {
        let mut answer = replay::recorded("observations")[0]["response"]["json"].clone();
        if request.path.contains("limit=1000&") || request.path.ends_with("limit=1000") {
            answer["data"][0]["output"] = json!("long ".repeat(14 << 20));
        }
        Answer::json(200, &answer.to_string())
    });
    let printed = prints(&server, &["traces", TRACE]);
    assert!(
        printed.starts_with(
            "\
trace support request · user user-e61e86"
        ),
        "{printed}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_trace_that_is_not_there() {
    let nothing = Receiver::new(|_| replay::answered("observations", "nothing found"));
    assert_eq!(with(&nothing, &["traces", TRACE, "--json"]).code, Some(1));
    let ran = with(&nothing, &["traces", TRACE]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert_eq!(
        ran.err,
        format!(
            "tracing-llm: Langfuse shows no trace \"{TRACE}\"; one shows some seconds after it was sent\n"
        )
    );
    let v3 = Receiver::new(|_| replay::answered("legacy-reads", "GET /observations"));
    let ran = with(&v3, &["traces", TRACE]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.ends_with("; a single trace needs Langfuse v4\n"),
        "{}",
        ran.err
    );
}

#[test]
fn sums_are_asked_of_v4() {
    // Which knows no such address: a page.
    let v3 = Receiver::new(|_| Answer::status(404).body("<!DOCTYPE html>"));
    let ran = with(&v3, &["cost"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.ends_with("; sums need Langfuse v4\n"), "{}", ran.err);
}

#[test]
fn no_traces() {
    let server = Receiver::new(|_| replay::answered("observations", "nothing found"));
    let list = |form: &[&str]| prints(&server, &[&["traces", "--since", "2026-11-24"], form].concat());
    assert_eq!(list(&[]), "none since 2026-11-24T00:00:00Z\n");
    assert_eq!(
        prints(&server, &["traces", "--since", "100y"]),
        "none since 1970-01-01T00:00:00Z\n"
    );
    assert_eq!(list(&["--json"]), "[]\n");
    assert_eq!(
        list(&["--csv"]),
        "start,id,name,user,session,latency,tokens,cost,level\n"
    );
}
