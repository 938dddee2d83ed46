//! Experiments: what is recorded of them, what goes wrong in them, and what is said of them.

mod faults;
mod running;
mod thresholds;

use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, Instrument as _, info_span, instrument};
use tracing_llm::experiment::{Case, Item};
use tracing_llm::{Guard, Langfuse, Score, ScoreValue, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::{replay, rows, scores};

const DATASET: &str = "support-questions-38ba";

/// A pipeline without destinations: nothing is sent.
fn offline() -> Guard {
    tracing_llm::builder().build().unwrap().1
}

/// A Langfuse with a dataset of two items, each as it was recorded.
fn project_with_a_dataset() -> Receiver {
    let item = |name: &str| {
        let exchange = replay::recorded("datasets")
            .into_iter()
            .find(|it| it["name"] == name);
        exchange.unwrap()["response"]["json"].clone()
    };
    let mut items = item("items: list");
    let twice = items["data"][0].clone();
    items["data"]
        .as_array_mut()
        .unwrap()
        .extend([item("item: create"), twice]);
    let items = items.to_string();
    Receiver::new(
        move |request: &Request| match request.path.split('?').next().unwrap() {
            "/api/public/projects" => replay::answered("setup", "projects (auth check)"),
            "/api/public/v2/datasets/support-questions-38ba" => replay::answered("datasets", "get"),
            "/api/public/v2/datasets/nobody" => replay::answered("datasets", "get, unknown"),
            "/api/public/dataset-items" => Answer::json(200, &items),
            "/api/public/ingestion" => scores::taken(request),
            "/api/public/otel/v1/traces" => replay::answered("otlp", "protobuf accepted"),
            other => panic!("nobody asks for {other}"),
        },
    )
}

fn program(server: &Receiver) -> (Dispatch, Guard) {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let builder = tracing_llm::builder().environment("prod");
    let (layer, llm) = builder.langfuse(keys.base_url(server.url())).build().unwrap();
    (tracing_subscriber::registry().with(layer).into(), llm)
}

/// The application under test.
#[instrument(fields(as_type = "agent"), ret)]
async fn answer(question: String) -> String {
    info_span!("generate", as_type = "generation", model = "house").in_scope(|| {
        current().output("4");
    });
    current().score(Score::new("confidence", 0.5));
    if question.contains("2+2") { "4" } else { "5" }.to_owned()
}

#[instrument(fields(as_type = "generation", model = "judge"))]
async fn ask_a_judge(answer: String) -> f64 {
    if answer == "4" { 0.9 } else { 0.2 }
}

#[test]
fn each_item_is_a_trace_that_says_which_it_is_and_has_its_scores() {
    let server = project_with_a_dataset();
    let (dispatch, llm) = program(&server);
    let run = async {
        llm.experiment("run-1")
            .dataset(DATASET)
            .description("what is tried")
            .metadata(json!({"commit": "c8f1f08"}))
            .concurrency(1)
            .task(|item| async move { Ok::<_, Infallible>(answer(item.input_text().into_owned()).await) })
            .evaluator("exact_match", Case::is_expected)
            .async_evaluator("judge", |case| async move {
                (ask_a_judge(case.output().clone()).await, "by the judge")
            })
            .run_evaluator("accuracy", |rows| {
                rows.iter().filter_map(|row| row.score("exact_match")).count() as f64
            })
            .run()
            .await
    };
    // The caller's own span is none of theirs.
    let caller = dispatch_span(&dispatch);
    let report = alone(run.instrument(caller).with_subscriber(dispatch)).unwrap();

    assert_eq!(report.id(), "474a6e6447da9388");
    let page = format!(
        "{}/project/lab-project/experiments/results?baseline=474a6e6447da9388",
        server.url()
    );
    assert_eq!(report.url(), Some(page.as_str()));
    assert_eq!(report.delivery().lost(), 0);
    let ids: Vec<_> = report.rows().iter().map(|row| row.item().id()).collect();
    assert_eq!(ids, ["item-c79845f3", "80e08891-f747-4209-9a64-770641f4662b"]);

    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());
    let stored = rows::of_requests(&server.requests());
    let [sum, order] = report.rows() else {
        panic!("{report}")
    };
    let of = |trace: String| {
        stored
            .iter()
            .filter(|row| row.trace_id == trace)
            .cloned()
            .collect::<Vec<_>>()
    };
    let of_sum = of(sum.trace_id().to_string());
    assert_eq!(
        rows::tree(&of_sum),
        r#"SPAN 'experiment-item-run'  trace=experiment-item-run  env=sdk-experiment  root, no parent
    in:  2+2
    out: 4
  AGENT 'answer'
      in:  {"question":"2+2"}
      out: 4
      meta: question
    GENERATION 'generate'  model=house
        out: 4
  EVALUATOR 'exact_match'
      out: {"exact_match":true}
  EVALUATOR 'judge'
      out: {"judge":0.9}
    GENERATION 'ask_a_judge'  model=judge
        in:  {"answer":"4"}
        meta: answer
"#
    );
    assert!(of_sum.iter().all(|row| row.environment == "sdk-experiment"));
    assert_eq!(
        sum.trace_url(),
        Some(&*format!(
            "{}/project/lab-project/traces/{}",
            server.url(),
            sum.trace_id()
        ))
    );
    // The caller's span is a trace of its own.
    assert!(
        stored
            .iter()
            .any(|row| row.name == "caller" && row.environment == "prod")
    );
    assert!(
        stored
            .iter()
            .all(|row| row.name != "caller" || row.parent.is_none())
    );

    let spans = server.spans();
    let said = |name: &str, trace: String| {
        let mut found = spans.iter().filter(|span| span.name == name);
        let bytes = u128::from_str_radix(&trace, 16).unwrap().to_be_bytes();
        let span = found.find(|span| span.trace_id == bytes).unwrap();
        let mut said = rows::attributes(&span.attributes);
        said.retain(|key, _| key.starts_with("langfuse.experiment."));
        said
    };
    let of_order = said("experiment-item-run", order.trace_id().to_string());
    let expected = json!({
        "langfuse.experiment.id": "474a6e6447da9388",
        "langfuse.experiment.name": "run-1",
        "langfuse.experiment.description": "what is tried",
        "langfuse.experiment.metadata": r#"{"commit":"c8f1f08"}"#,
        "langfuse.experiment.dataset.id": "cmwu7id3v001iby7dm9zpk59y",
        "langfuse.experiment.item.id": "80e08891-f747-4209-9a64-770641f4662b",
        "langfuse.experiment.item.root_observation_id": order.root_id().to_string(),
        "langfuse.experiment.item.expected_output": r#""On its way.""#,
        "langfuse.experiment.item.metadata": r#"{"k":1}"#,
    });
    assert_eq!(json!(of_order), expected);
    for name in ["answer", "generate", "judge", "ask_a_judge"] {
        assert_eq!(said(name, order.trace_id().to_string()), of_order, "{name}");
    }

    let mut given: Vec<_> = scores::events(&server)
        .into_iter()
        .map(|mut event| event["body"].take())
        .collect();
    given
        .iter_mut()
        .for_each(|body| drop(body.as_object_mut().unwrap().remove("id")));
    let on = |row: &tracing_llm::experiment::Row<String>, name: &str, value: Value| {
        json!({"name": name, "value": value, "traceId": row.trace_id().to_string(),
            "observationId": row.root_id().to_string(), "environment": "sdk-experiment"})
    };
    let yes_or_no = |mut body: Value| {
        body["dataType"] = "BOOLEAN".into();
        body
    };
    let commented = |mut body: Value| {
        body["comment"] = "by the judge".into();
        body
    };
    let run_score = json!({"name": "accuracy", "value": 2.0, "datasetRunId": "474a6e6447da9388", "environment": "sdk-experiment"});
    given.retain(|body| body["name"] != "confidence");
    assert_eq!(
        given,
        [
            yes_or_no(on(sum, "exact_match", json!(1))),
            commented(on(sum, "judge", json!(0.9))),
            yes_or_no(on(order, "exact_match", json!(0))),
            commented(on(order, "judge", json!(0.2))),
            run_score,
        ]
    );
}

fn dispatch_span(dispatch: &Dispatch) -> tracing::Span {
    tracing::dispatcher::with_default(dispatch, || info_span!("caller"))
}

#[test]
fn a_dataset_that_cannot_be_had_is_an_error_before_anything_runs() {
    let task = |_: Item| async { Ok::<_, Infallible>(panic_never()) };
    let error = |plan: tracing_llm::experiment::Plan| alone(plan.task(task).run()).unwrap_err();
    let llm = offline();
    let none = error(llm.experiment("x"));
    assert!(none.is_invalid_value(), "{none}");
    let no_langfuse = error(llm.experiment("x").dataset(DATASET));
    assert!(
        no_langfuse.is_invalid_value() && no_langfuse.to_string().contains("needs a Langfuse"),
        "{no_langfuse}"
    );
    let _ = llm.shutdown_blocking(Duration::from_secs(5));
    let over = error(llm.experiment("x").items([(1, 1)]));
    assert!(
        over.is_system() && over.to_string().contains("shut down"),
        "{over}"
    );
    let server = project_with_a_dataset();
    let (_, llm) = program(&server);
    let unknown = error(llm.experiment("x").dataset("nobody"));
    assert!(unknown.is_not_found(), "{unknown}");
    assert!(server.spans().is_empty());
}

fn panic_never() -> u8 {
    panic!("no item, no task")
}

#[test]
fn a_dataset_is_taken_as_it_was() {
    let server = project_with_a_dataset();
    let (_, llm) = program(&server);
    let time = std::time::UNIX_EPOCH + Duration::from_millis(1_795_521_600_123);
    let plan = llm.experiment("x").dataset_at(DATASET, time).limit(1);
    let report = alone(plan.task(|_| async { Ok::<_, Infallible>(1) }).run()).unwrap();
    assert_eq!(report.rows().len(), 1);
    let asked = server
        .requests()
        .into_iter()
        .find(|it| it.path.contains("dataset-items"));
    assert_eq!(
        asked.unwrap().path,
        "/api/public/dataset-items?datasetName=support-questions-38ba&limit=100&version=2026-11-24T12%3A00%3A00.123Z"
    );
    let said = rows::attributes(&server.spans()[0].attributes);
    assert_eq!(
        said["langfuse.experiment.item.version"],
        "2026-11-24T12:00:00.123Z"
    );
}

#[test]
fn the_report_of_a_run_without_a_server_is_the_same() {
    let llm = offline();
    let items = [("2+2", "4"), ("2*3", "6")];
    let plan = llm.experiment("arithmetic").items(items);
    let trial = plan.task(|item| async move { Ok::<_, Infallible>(answer(item.input_text().into()).await) });
    let report = trial
        .evaluator("exact_match", Case::is_expected)
        .run_blocking()
        .unwrap();
    assert_eq!((report.url(), report.mean("exact_match")), (None, Some(0.5)));
    assert_eq!(report.delivery().to_string(), "no destination");
    let outputs: Vec<_> = report
        .rows()
        .iter()
        .map(|row| row.output().unwrap().as_str())
        .collect();
    assert_eq!(outputs, ["4", "5"]);
    // Items of one's own are the same in every run.
    let again = alone(
        llm.experiment("x")
            .items(items)
            .task(|_| async { Ok::<_, Infallible>(0) })
            .run(),
    )
    .unwrap();
    let ids = |at: usize| {
        (
            report.rows()[at].item().id().to_owned(),
            again.rows()[at].item().id().to_owned(),
        )
    };
    assert_eq!(ids(0).0, ids(0).1);
    assert_ne!(ids(0), ids(1));
    assert_ne!(report.id(), again.id());
}

#[test]
fn an_evaluator_sees_what_those_before_it_said() {
    let llm = offline();
    let trial =
        llm.experiment("composite")
            .items([("2+2?", "4"), ("2+3?", "5")])
            .task(|item: Item| async move {
                Ok::<_, Infallible>(if item.input_text() == "2+2?" { "4" } else { "6" })
            })
            .evaluator("exact", Case::is_expected)
            .evaluator("brevity", |case| 1.0 / case.output().len() as f64)
            .evaluator("none", |_| None::<f64>)
            .evaluator("overall", |case| {
                let names: Vec<_> = case.scores().iter().map(Score::name).collect();
                assert_eq!(names, ["exact", "brevity"]);
                assert_eq!(case.score("none"), None);
                match (case.score("exact"), case.score("brevity")) {
                    (Some(ScoreValue::Boolean(exact)), Some(ScoreValue::Numeric(brevity))) => {
                        f64::from(*exact) * brevity
                    }
                    _ => f64::NAN,
                }
            });
    let report = alone(trial.run()).unwrap();
    assert_eq!(report.failed_evaluations(), 0);
    assert_eq!(report.mean("overall"), Some(0.5));
}

#[test]
fn credentials_are_sent_nowhere() {
    let server = project_with_a_dataset();
    let (dispatch, llm) = program(&server);
    let secret = json!({"api_key": "planted"});
    let item = Item::new(&secret)
        .with_expected_output(&secret)
        .with_metadata(&secret);
    let run = tracing::dispatcher::with_default(&dispatch, || {
        let plan = llm
            .experiment("x")
            .items([item.clone(), Item::new("fails")])
            .metadata(&secret);
        let trial = plan.task(|item| async move {
            match &*item.input_text() {
                "fails" => Err("password: planted"),
                _ => Ok(item.input().clone()),
            }
        });
        let trial = trial.evaluator("expected", |case| (case.is_expected(), r#"{"token": "planted"}"#));
        trial
            .run_evaluator("whole", |_| Score::text("remark", "cookie: planted"))
            .run_blocking()
    });
    assert_eq!(run.unwrap().mean("expected"), Some(1.0));
    let ledger = llm.ledger();
    assert_eq!((ledger.late(), ledger.open()), (0, 0));
    let requests = server.requests();
    assert_eq!(
        requests.iter().filter(|it| it.path.ends_with("traces")).count(),
        1
    );
    for request in requests {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains("planted"), "{} {body}", request.path);
    }
}

#[test]
fn nothing_is_expected_where_nothing_is_said() {
    let llm = offline();
    let trial = llm
        .experiment("x")
        .items([Item::new("a"), Item::new("b").with_expected_output("")]);
    let trial = trial.task(|_| async { Ok::<_, Infallible>("") });
    let report = trial
        .evaluator("expected", Case::is_expected)
        .run_blocking()
        .unwrap();
    let given: Vec<_> = report
        .rows()
        .iter()
        .map(|row| row.score("expected").unwrap().clone())
        .collect();
    assert_eq!(given, [false.into(), true.into()]);
}

#[test]
fn an_item_of_a_dataset_is_read_as_a_type() {
    let item = Item::new(json!([2, 3])).with_expected_output(6);
    let numbers: [u8; 2] = item.input_as().unwrap();
    let expected: u8 = item.expected_as().unwrap();
    assert_eq!(
        (numbers, expected, item.input_text().as_ref()),
        ([2, 3], 6, "[2,3]")
    );
    let error = item.input_as::<String>().unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
}
