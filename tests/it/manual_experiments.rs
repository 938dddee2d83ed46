//! Traces made by hand that are items of an experiment.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_llm::manual::Experiment;
use tracing_llm::{Guard, Langfuse, LlmLayer, Otlp};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use crate::support::receiver::Receiver;
use crate::support::replay;

fn pipeline(langfuse: &Receiver, otlp: &Receiver) -> (LlmLayer, Guard) {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    tracing_llm::builder()
        .langfuse(keys.base_url(langfuse.url()))
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .capture_content(true)
        .build()
        .unwrap()
}

/// What a span says of an experiment.
fn said(span: &Span) -> BTreeMap<String, String> {
    let attributes = span
        .attributes
        .iter()
        .filter(|it| it.key.starts_with("langfuse.experiment."));
    let text = |value: &any_value::Value| match value {
        any_value::Value::StringValue(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    attributes
        .map(|it| {
            (
                it.key.clone(),
                text(it.value.as_ref().unwrap().value.as_ref().unwrap()),
            )
        })
        .collect()
}

#[test]
fn an_item_of_an_experiment_says_so_on_every_observation_as_it_was_recorded() {
    let recorded = replay::recorded("experiments").remove(0);
    let recorded = &recorded["request"]["body"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let run = Experiment::new("run 1").with_id("exp-2da53d94");
    let dataset =
        Experiment::over_dataset("run 1", "lab-project", "cmwu7id3v001iby7dm9zpk59y").with_id("exp-2da53d94");
    let item = dataset
        .item("80e08891-f747-4209-9a64-770641f4662b")
        .expected_output("On its way.");
    let (langfuse, otlp) = (Receiver::langfuse(), Receiver::otlp());
    let (layer, llm) = pipeline(&langfuse, &otlp);
    let root = llm
        .trace("task")
        .root_id("47482a9df1921c30".parse().unwrap())
        .experiment(&item)
        .start();
    with_default(registry().with(layer), || {
        root.in_scope(|| info_span!("step", input = "x").in_scope(|| ()));
    });
    root.end();
    // What should come out may have a secret in it.
    let secret = json!({"api_key": "sk-planted-planted-planted"});
    llm.trace("other")
        .experiment(&run.item("1").expected_output(secret))
        .start()
        .end();
    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());

    let expected: BTreeMap<_, _> = recorded["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["key"].as_str().unwrap().starts_with("langfuse.experiment."))
        .map(|it| {
            (
                it["key"].as_str().unwrap().to_owned(),
                it["value"]["stringValue"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(expected.len(), 6);
    let spans = langfuse.spans();
    for name in ["task", "step"] {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(said(span), expected, "{name}");
    }
    let other = spans.iter().find(|span| span.name == "other").unwrap();
    let said = said(other);
    assert_eq!(said["langfuse.experiment.item.id"], "1");
    assert!(said["langfuse.experiment.item.root_observation_id"].len() == 16);
    assert!(
        !said["langfuse.experiment.item.expected_output"].contains("planted"),
        "{said:?}"
    );
    // OTLP has no word for it.
    assert!(
        otlp.spans()
            .iter()
            .all(|span| span.attributes.iter().all(|it| !it.key.contains("experiment")))
    );
}

/// The id that Langfuse's SDK for Python 5.0.4 makes: SHA-256 of `["langfuse-experiment-v1","lab-project","cmw…","run-1"]`.
#[test]
fn a_run_over_a_dataset_has_the_id_that_other_sdks_give_it() {
    let run = Experiment::over_dataset("run-1", "lab-project", "cmwu7id3v001iby7dm9zpk59y");
    assert_eq!(run.id(), "474a6e6447da9388");
    assert_ne!(Experiment::new("run-1").id(), Experiment::new("run-1").id());
}
