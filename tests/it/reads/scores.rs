//! Scores and sessions.

use serde_json::json;
use tracing_llm::Langfuse;
use tracing_llm::langfuse::{ScoreRowValue, ScoreSubject};

use super::observations::instant;
use super::rows::Server;
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{self, Replay};

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";

#[test]
fn scores_of_every_type_are_read() {
    let server = Replay::of(&["scores"]);
    let langfuse = server.client();
    let scores = alone(langfuse.scores().trace(TRACE).rows().all()).unwrap();
    let values: Vec<_> = scores
        .iter()
        .map(|it| (it.name.as_str(), it.value.clone()))
        .collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        values,
        [
            (
                "output",
                ScoreRowValue::Correction(text("It left the depot today."))
            ),
            ("remark", ScoreRowValue::Text(text("Quick and friendly"))),
            ("user_satisfaction", ScoreRowValue::Category(text("satisfied"))),
            ("helpful", ScoreRowValue::Boolean(true)),
            ("relevance", ScoreRowValue::Number(0.82)),
        ]
    );
    assert_eq!(scores[1].subject, Some(ScoreSubject::Trace(text(TRACE))));
    let Some(ScoreSubject::Observation { id, trace_id, .. }) = &scores[0].subject else {
        panic!("{:?}", scores[0].subject);
    };
    assert_eq!((id.as_str(), trace_id.as_str()), ("ce4b531586c02b46", TRACE));
    assert_eq!(scores[0].timestamp, instant("2026-11-24T04:40:43.393Z"));
    assert_eq!(scores[0].environment.as_deref(), Some("default"));

    let core = alone(langfuse.scores().trace(TRACE).core_only().rows().all()).unwrap();
    assert_eq!((core.len(), &core[0].subject), (5, &None));
    let named = langfuse
        .scores()
        .name("relevance")
        .data_type("NUMERIC")
        .core_only();
    assert_eq!(alone(named.page_size(2).rows().all()).unwrap().len(), 2);
    let nothing = langfuse
        .scores()
        .trace("a6cae7d25362d168191b63991da56e1b")
        .core_only();
    assert_eq!(alone(nothing.rows().all()).unwrap(), []);
    assert_eq!(
        server.served(),
        [
            "read by trace",
            "read by trace, default fields",
            "read by name, type, limit",
            "read, nothing"
        ]
    );
}

#[test]
fn every_condition_on_scores_is_a_parameter_that_the_server_knows() {
    let server = Receiver::new(|_| replay::answered("scores", "read, nothing"));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let question = langfuse
        .scores()
        .trace("t")
        .observation("o")
        .id("a")
        .id("b")
        .name("n")
        .environment("e")
        .source("API")
        .source("EVAL")
        .at_least(0.5)
        .at_most(1.0)
        .from(instant("2026-11-24T00:00:00Z"))
        .to(instant("2026-11-25T00:00:00Z"))
        .page_size(100)
        .after("c");
    assert_eq!(question.rows().blocking().count(), 0);
    assert_eq!(
        server.requests()[0].path,
        "/api/public/v3/scores?fields=subject%2Cdetails&traceId=t&observationId=o&id=a%2Cb&name=n&environment=e\
         &source=API%2CEVAL&valueMin=0.5&valueMax=1&dataType=NUMERIC&fromTimestamp=2026-11-24T00%3A00%3A00.000Z\
         &toTimestamp=2026-11-25T00%3A00%3A00.000Z&limit=100&cursor=c"
    );
}

#[test]
fn sessions_are_put_together_from_their_observations() {
    let row = |session: &str, trace: &str, id: &str, minute: u8, tokens: u64| {
        json!({
            "id": id, "traceId": trace, "sessionId": session, "parentObservationId": null, "type": "GENERATION",
            "startTime": format!("2026-11-24T00:{minute:02}:00.000Z"),
            "endTime": format!("2026-11-24T00:{minute:02}:30.000Z"),
            "environment": "production", "usageDetails": {"total": tokens}, "costDetails": {"total": 0.1}, "totalCost": 0.1,
        })
    };
    let rows = vec![
        row("s-1", "t-1", "1", 1, 10),
        row("s-1", "t-2", "1", 9, 20),
        row("s-2", "t-3", "2", 5, 5),
        row("", "t-4", "3", 6, 7),
    ];
    let server = Server::new(rows, 1);
    let sessions = alone(server.client().sessions().environment("production").rows().all()).unwrap();
    let shown: Vec<_> = sessions
        .iter()
        .map(|it| {
            let (cost, tokens) = (it.total_cost.unwrap(), it.usage.get("total").unwrap());
            format!("{} {} traces {tokens} tokens ${cost}", it.id, it.traces.unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        ["s-2 1 traces 5 tokens $0.1", "s-1 2 traces 30 tokens $0.2"]
    );
    assert_eq!(sessions[1].start, instant("2026-11-24T00:01:00Z"));
    assert_eq!(sessions[1].end, Some(instant("2026-11-24T00:09:30Z")));
    assert_eq!(sessions[1].environment.as_deref(), Some("production"));
}

#[test]
fn a_server_that_stores_sessions_is_asked_for_them() {
    let server = Receiver::new(|request| {
        if request.path.starts_with("/api/public/v2/") {
            return replay::answered("setup", "unknown path");
        }
        Answer::json(
            200,
            r#"{"data":[{"id":"s-1","createdAt":"2026-11-24T00:01:00.000Z","projectId":"p","environment":"default"}],
            "meta":{"page":1,"limit":50,"totalItems":1,"totalPages":1}}"#,
        )
    });
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let sessions = alone(langfuse.sessions().rows().all()).unwrap();
    assert_eq!(
        (sessions.len(), sessions[0].id.as_str(), sessions[0].traces),
        (1, "s-1", None)
    );
    let neither = Receiver::new(|_| replay::answered("legacy-reads", "GET /sessions"));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(neither.url()).build().unwrap();
    assert!(
        alone(langfuse.sessions().rows().all())
            .unwrap_err()
            .is_not_found()
    );
}
