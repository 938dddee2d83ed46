//! A failing item or evaluator never stops the run.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use tracing::{Dispatch, info_span};
use tracing_llm::experiment::{Case, Failure, Item};
use tracing_llm::{Score, ScoreValue};

use super::{offline, program, project_with_a_dataset};
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{rows, scores};

/// An error with causes that only its long form names, as anyhow's.
struct Deep;

impl fmt::Display for Deep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if f.alternate() {
            "no answer: refused"
        } else {
            "no answer"
        })
    }
}

async fn task(item: Item) -> Result<String, Deep> {
    match &*item.input_text() {
        "fails" => Err(Deep),
        "panics" => panic!("in the {}", "task"),
        "panics later" => {
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                assert!(polls < 2, "later");
                context.waker().wake_by_ref();
                std::task::Poll::<()>::Pending
            })
            .await;
            unreachable!()
        }
        text => {
            info_span!("works", as_type = "tool").in_scope(|| ());
            Ok(text.to_owned())
        }
    }
}

const ITEMS: [(&str, &str); 4] = [
    ("fails", ""),
    ("panics", ""),
    ("panics later", ""),
    ("works", "works"),
];

#[test]
fn a_failed_item_says_so_on_its_trace_and_the_run_goes_on() {
    let server = project_with_a_dataset();
    let (dispatch, llm) = program(&server);
    let report = tracing::dispatcher::with_default(&dispatch, || {
        let trial = llm.experiment("x").items(ITEMS).task(task);
        alone(trial.evaluator("exact_match", Case::is_expected).run()).unwrap()
    });
    let failures: Vec<_> = report.rows().iter().map(|row| row.failure().cloned()).collect();
    assert_eq!(
        failures,
        [
            Some(Failure::Error("no answer: refused".to_owned())),
            Some(Failure::Panic("in the task".to_owned())),
            Some(Failure::Panic("later".to_owned())),
            None,
        ]
    );
    let stored = rows::of_requests(&server.requests());
    let tree = |at: usize| {
        let trace = report.rows()[at].trace_id().to_string();
        let of_trace: Vec<_> = stored
            .iter()
            .filter(|row| row.trace_id == trace)
            .cloned()
            .collect();
        rows::tree(&of_trace)
    };
    assert_eq!(
        tree(0),
        "SPAN 'experiment-item-run'  trace=experiment-item-run  env=sdk-experiment  level=ERROR  \
         status=no answer: refused  root, no parent\n    in:  fails\n"
    );
    assert!(
        tree(1).contains("level=ERROR  status=panicked: in the task"),
        "{}",
        tree(1)
    );
    assert!(
        tree(2).contains("level=ERROR  status=panicked: later"),
        "{}",
        tree(2)
    );
    assert!(tree(3).contains("TOOL 'works'"), "{}", tree(3));
    assert_eq!((report.failed(), report.failed_evaluations()), (3, 0));
    assert_eq!(scores::stored(&server).len(), 1, "what failed is not evaluated");
}

#[test]
fn a_panic_leaves_the_callers_spans_as_they_were() {
    let capture = tracing_llm::testing::Capture::new();
    let dispatch: Dispatch = capture.dispatch();
    tracing::dispatcher::with_default(&dispatch, || {
        let (outer, inner) = (info_span!("outer"), info_span!("inner"));
        let _outer = outer.enter();
        let _inner = inner.enter();
        let llm = offline();
        let trial = llm.experiment("x").items(ITEMS).task(task);
        assert_eq!(alone(trial.run()).unwrap().failed(), 3);
        info_span!("after").in_scope(|| ());
    });
    // What the task showed is of another pipeline, and is no child of the caller's.
    assert_eq!(
        capture.tree(),
        "\nspan outer\nspan inner\n  span after\ntool works\n"
    );
}

#[test]
fn an_evaluator_that_fails_is_counted_and_the_others_go_on() {
    let server = project_with_a_dataset();
    let (_, llm) = program(&server);
    let trial = llm.experiment("x").items([("a", "a")]).task(task);
    let trial = trial
        .evaluator("fails", |_| Err::<bool, _>(Deep))
        .evaluator("panics", |case| -> f64 { panic!("over {}", case.output()) })
        .evaluator("is no number", |_| f64::NAN)
        .evaluator("does not apply", |_| None::<bool>)
        .evaluator("several", |case| {
            vec![
                Score::new("length", case.output().len() as f64),
                Score::new("tone", "kind"),
            ]
        })
        .evaluator("one", |_| Score::text("remark", "short"))
        .evaluator("maybe", |_| Ok::<_, Deep>(Some(("good", "why"))));
    let trial = trial.run_evaluator("whole", |_| Err::<f64, _>("too few"));
    let trial = trial.run_evaluator("broken", |rows| -> f64 { panic!("{} rows", rows.len()) });
    let report = alone(trial.run()).unwrap();
    let [row] = report.rows() else { panic!("{report}") };
    let failures: Vec<_> = row
        .failures()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert_eq!(
        failures,
        [
            "fails: no answer: refused",
            "panics: panicked: over a",
            "is no number: the score \"is no number\" cannot be sent: NaN is no value",
        ]
    );
    let given: Vec<_> = row
        .scores()
        .map(|score| (score.name(), score.value().clone()))
        .collect();
    assert_eq!(
        given,
        [
            ("length", ScoreValue::Numeric(1.0)),
            ("tone", ScoreValue::Categorical("kind".to_owned())),
            ("remark", ScoreValue::Text("short".to_owned())),
            ("maybe", ScoreValue::Categorical("good".to_owned())),
        ]
    );
    let of_run: Vec<_> = report
        .failures()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert_eq!(of_run, ["whole: too few", "broken: panicked: 1 rows"]);
    assert_eq!((report.failed(), report.failed_evaluations()), (0, 5));
    assert_eq!(report.counts("tone"), [("kind", 1)].into());
    let sent = scores::stored(&server);
    assert_eq!(sent.len(), 4);
    assert_eq!(
        (&sent[3]["name"], &sent[3]["comment"]),
        (&"maybe".into(), &"why".into())
    );
    let stored = rows::of_requests(&server.requests());
    let of = |name: &str| stored.iter().find(|row| row.name == name).unwrap();
    assert_eq!(
        (of("fails").kind.as_str(), of("fails").level.as_str()),
        ("EVALUATOR", "ERROR")
    );
    assert_eq!(
        of("several").output.as_deref(),
        Some(r#"{"length":1.0,"tone":"kind"}"#)
    );
}

/// An answer whose serialisation is a user's code.
struct Rude;

impl serde::Serialize for Rude {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in serialize")
    }
}

#[test]
fn an_output_that_cannot_be_written_is_left_out() {
    let server = project_with_a_dataset();
    let (_, llm) = program(&server);
    let trial = llm.experiment("x").items([("a", "a"), ("b", "b")]);
    let trial = trial.task(|_| async { Ok::<_, Deep>(Rude) });
    let report = alone(trial.evaluator("exact_match", Case::is_expected).run()).unwrap();
    assert_eq!((report.rows().len(), report.failed()), (2, 0));
    // Who compares what is no JSON fails.
    assert_eq!(report.failed_evaluations(), 2);
    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());
}

#[test]
fn items_with_one_id_are_runs_of_their_own_and_none_are_none() {
    let llm = offline();
    let shout = |item: Item| async move { Ok::<_, Deep>(item.input_text().to_uppercase()) };
    let twice = llm.experiment("x").items([("a", "A"), ("a", "B")]).task(shout);
    let report = alone(twice.evaluator("exact_match", Case::is_expected).run()).unwrap();
    let ids: Vec<_> = report.rows().iter().map(|row| row.item().id()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(report.rows()[0].trace_id(), report.rows()[1].trace_id());
    assert_eq!(report.check_min("exact_match", 0.5), Ok(0.5));

    let none = llm.experiment("x").items([("", ""); 0]).task(shout);
    let report = alone(none.evaluator("exact_match", Case::is_expected).run()).unwrap();
    assert_eq!(report.rows().len(), 0);
    let unmet = report.check_min("exact_match", 0.0).unwrap_err();
    assert!(unmet.to_string().contains("there is none"), "{unmet}");
}

#[test]
fn what_did_not_arrive_is_said_below_the_table() {
    let server = Receiver::new(|_| Answer::json(400, "{}"));
    let (_, llm) = program(&server);
    let trial = llm.experiment("x").items([("a", "a")]).task(task);
    let report = alone(trial.run()).unwrap();
    assert_eq!(report.failed(), 0);
    assert!(
        report
            .to_string()
            .ends_with("\nnot all was sent since the program began: langfuse 0 sent, 1 failed · 1 lost\n"),
        "{report}"
    );
}
