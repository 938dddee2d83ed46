//! Observations: each recorded question is asked in the same words, and each recorded answer read whole.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use tracing_llm::langfuse::{Fields, Filter, Money, ObservationRow};
use tracing_llm::{Kind, Langfuse, Level};

use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::Replay;

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";

pub(super) fn instant(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

fn names(rows: &[ObservationRow]) -> Vec<&str> {
    rows.iter()
        .map(|row| row.name.as_deref().unwrap_or("-"))
        .collect()
}

#[test]
fn every_field_of_a_row_is_read() {
    let server = Replay::of(&["observations"]);
    let langfuse = server.client();
    let question = langfuse.observations().trace(TRACE).fields(Fields::ALL);
    let rows = alone(question.rows().all()).unwrap();
    assert_eq!(server.served(), ["by trace, all field groups"]);
    assert_eq!(
        names(&rows),
        ["answer", "search", "route decision", "support request"]
    );
    let [answer, search, _, root] = &rows[..] else {
        panic!("four rows");
    };
    let expected = r#"ObservationRow {
    id: "ce4b531586c02b46",
    trace_id: "ee55ac3466f446569b08dfa83f492f0a",
    parent_id: Some(
        "f73f950650b0fe31",
    ),
    kind: Generation,
"#;
    assert!(format!("{answer:#?}").starts_with(expected), "{answer:#?}");
    assert_eq!(answer.start, instant("2026-11-24T04:40:39.355Z"));
    assert_eq!(answer.end, Some(instant("2026-11-24T04:40:41.155Z")));
    assert_eq!(answer.first_token, Some(instant("2026-11-24T04:40:39.555Z")));
    assert_eq!(answer.created, Some(instant("2026-11-24T04:40:41.406Z")));
    assert_eq!(answer.updated, answer.created);
    assert_eq!(answer.latency, Some(Duration::from_millis(1800)));
    assert_eq!(answer.time_to_first_token, Some(Duration::from_millis(200)));
    assert_eq!(answer.level, Level::Default);
    assert_eq!(answer.status_message, None);
    let texts = [
        &answer.version,
        &answer.environment,
        &answer.user_id,
        &answer.session_id,
        &answer.release,
        &answer.trace_name,
        &answer.model,
    ];
    assert_eq!(
        texts.map(|text| text.as_deref().unwrap()),
        [
            "7",
            "recorded",
            "user-e61e86",
            "session-537bee",
            "1.4.2",
            "support request",
            "gpt-4o-mini"
        ]
    );
    assert_eq!(answer.tags, ["beta", "rust"]);
    assert_eq!(
        answer.output.as_deref(),
        Some(r#"{"role":"assistant","content":"On its way."}"#)
    );
    assert_eq!(answer.metadata["tenant_id"], "t-42");
    assert_eq!(answer.model_id.as_deref(), Some("clyrjp56f0000t0mzapoocd7u"));
    assert_eq!(answer.model_parameters["max_tokens"], 1024);
    let dollars = |text: &str| text.parse::<Money>().unwrap();
    assert_eq!(answer.input_price, Some(dollars("0.00000015")));
    assert_eq!(answer.output_price, Some(dollars("0.0000006")));
    let buckets: BTreeMap<_, _> = answer.usage.buckets().collect();
    assert_eq!(
        buckets,
        BTreeMap::from([("input", 2000), ("output", 500), ("total", 2500)])
    );
    assert_eq!(
        answer
            .costs
            .iter()
            .map(|(name, cost)| format!("{name} {cost}"))
            .collect::<Vec<_>>(),
        ["input 0.000359999999", "output 0.000239999999", "total 0.0006"]
    );
    assert_eq!(answer.total_cost, Some(dollars("0.0006")));
    assert_eq!((answer.is_root, root.is_root), (false, true));
    assert_eq!((&root.parent_id, root.kind), (&None, Kind::Agent));
    // What is empty is absent, and no cost is not a cost of nothing.
    assert_eq!(search.level, Level::Error);
    assert_eq!(search.status_message.as_deref(), Some("index unavailable"));
    assert_eq!((&search.model, &search.output), (&None, &None));
    assert_eq!((&search.prompt_name, search.prompt_version), (&None, None));
    assert_eq!((search.total_cost, search.usage.is_empty()), (None, true));
}

#[test]
fn each_question_is_asked_in_the_recorded_words() {
    let server = Replay::of(&["observations"]);
    let langfuse = server.client();
    let of_trace = || langfuse.observations().trace(TRACE);
    let all = |question: tracing_llm::langfuse::Observations| {
        let rows: Result<Vec<_>, _> = question.rows().blocking().collect();
        rows.unwrap()
    };
    assert_eq!(all(of_trace()).len(), 4);
    let errors = all(of_trace().level(Level::Error).fields([Fields::Basic]));
    assert_eq!(names(&errors), ["search"]);
    let filtered = of_trace().filter(Filter::column("name").contains("route"));
    assert_eq!(names(&all(filtered.fields([Fields::Basic]))), ["route decision"]);
    let window = langfuse
        .observations()
        .name("answer")
        .from(instant("2026-11-24T04:30:42.134Z"))
        .to(instant("2026-11-24T04:41:42.134Z"))
        .environment("recorded");
    let fields = [Fields::Basic, Fields::Model, Fields::Usage, Fields::Metrics];
    let rows = all(window.fields(fields).page_size(5));
    assert_eq!(names(&rows), ["answer", "answer"]);
    // A first token before the beginning is no time.
    assert_eq!(
        rows.iter().map(|row| row.time_to_first_token).collect::<Vec<_>>(),
        [Some(Duration::from_millis(200)), None]
    );
    assert_eq!(
        all(langfuse.observations().trace("d4d9d040cec8b0f090d6aa92f2d351b8")),
        []
    );
    assert_eq!(
        server.served(),
        [
            "by trace, default fields",
            "level ERROR",
            "filter as JSON",
            "name, time window, environment",
            "nothing found"
        ]
    );
}

#[test]
fn pages_follow_each_other_by_their_cursor_and_a_stream_can_be_taken_up_again() {
    let server = Replay::of(&["observations"]);
    let langfuse = server.client();
    let question = || langfuse.observations().trace(TRACE).page_size(3);
    let mut rows = question().rows();
    let mut found = Vec::new();
    let mut cursors = Vec::new();
    while let Some(row) = alone(rows.next()) {
        found.push(row.unwrap());
        cursors.push(rows.cursor().map(str::to_owned));
    }
    assert_eq!(
        names(&found),
        ["answer", "search", "route decision", "support request"]
    );
    assert_eq!(server.served(), ["first page of 3", "second page"]);
    let [None, None, Some(cursor), None] = &cursors[..] else {
        panic!("{cursors:?}");
    };
    let rest = alone(question().after(cursor).rows().all()).unwrap();
    assert_eq!(names(&rest), ["support request"]);
    assert_eq!(server.served().last().unwrap(), "second page");

    // What is not wanted is not asked for.
    let two = alone(question().limit(3).rows().all()).unwrap();
    assert_eq!(two.len(), 3);
    assert_eq!(server.served().len(), 4);
    let of_user = langfuse.observations().user("user-e61e86").kind(Kind::Generation);
    let mut rows = of_user
        .fields([Fields::Basic, Fields::Usage])
        .page_size(1)
        .limit(1)
        .rows();
    assert_eq!(
        alone(rows.next()).unwrap().unwrap().name.as_deref(),
        Some("answer")
    );
    assert!(alone(rows.next()).is_none());
}

#[test]
fn rows_are_a_stream_for_the_combinators_of_others() {
    let server = Replay::of(&["observations"]);
    let mut rows = server.client().observations().trace(TRACE).page_size(3).rows();
    let mut count = 0;
    while let Some(row) = alone(std::future::poll_fn(|cx| Pin::new(&mut rows).poll_next(cx))) {
        row.unwrap();
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn what_the_server_refuses_ends_the_rows_with_its_reason() {
    let server = Replay::of(&["observations"]);
    let langfuse = server.client();
    let host = server.receiver().address();
    let mut rows = langfuse.observations().after("nonsense").rows();
    let error = alone(rows.next()).unwrap().unwrap_err();
    assert!(error.is_refused() && error.status() == Some(400), "{error}");
    assert_eq!(
        error.to_string(),
        format!("cannot read observations: {host} answered 400 Bad Request: Invalid cursor format")
    );
    assert!(alone(rows.next()).is_none());
    assert_eq!(server.served(), ["bad cursor"]);
}

#[test]
fn a_page_that_is_lost_is_asked_for_again_and_one_that_is_no_page_is_an_error() {
    let asked = AtomicUsize::new(0);
    let flaky = Receiver::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::status(503),
        1 => Answer::Reset,
        _ => crate::support::replay::answered("observations", "nothing found"),
    });
    let client = |server: &Receiver| {
        let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
        keys.base_url(server.url()).build().unwrap()
    };
    assert_eq!(alone(client(&flaky).observations().rows().all()).unwrap(), []);
    assert_eq!(flaky.requests().len(), 3);
    for body in ["{}", r#"{"data":[{"id":"a"}],"meta":{}}"#, r#"{"data":{}}"#] {
        let server = Receiver::new(move |_| Answer::json(200, body));
        let mut rows = client(&server).observations().rows().blocking();
        let error = rows.next().unwrap().unwrap_err();
        assert!(error.is_unexpected_answer(), "{body}: {error}");
        assert!(rows.next().is_none());
    }
}
