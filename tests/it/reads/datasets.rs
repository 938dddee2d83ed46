//! Datasets, their items, experiments, and price definitions: each recorded change is made in the same words.

use std::collections::BTreeMap;

use serde_json::json;
use tracing_llm::langfuse::{ModelPrice, Money, NewDataset, NewDatasetItem, NewModelPrice, NewPrompt};
use tracing_llm::{Langfuse, TraceId};

use super::observations::instant;
use crate::support::alone::alone;
use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{self, Replay};

const DATASET: &str = "support-questions-38ba";
const ITEM: &str = "80e08891-f747-4209-9a64-770641f4662b";

fn client(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

fn dollars(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn a_price_definition_is_made_found_and_deleted() {
    let server = Replay::of(&["models"]);
    let langfuse = server.client();
    let price = NewModelPrice::new("house-model-b9b6", "(?i)^house-model$")
        .price("input", dollars("0.0000001"))
        .price("output", dollars("0.0000002"));
    let made = alone(langfuse.create_model_price(&price)).unwrap();
    assert_eq!(
        format!("{made:?}"),
        r#"ModelPrice { id: "cmwu7id15001dby7dqwrazbcz", name: "house-model-b9b6", match_pattern: "(?i)^house-model$", "#.to_owned()
            + r#"unit: Some("TOKENS"), start: None, is_built_in: false, "#
            + r#"prices: {"input": $0.0000001, "output": $0.0000002}, other_tiers: 0 }"#
    );
    assert_eq!(alone(langfuse.model_price(&made.id)).unwrap(), made);
    let two: Vec<ModelPrice> = alone(langfuse.model_prices().page_size(2).limit(2).rows().all()).unwrap();
    let shown: Vec<_> = two
        .iter()
        .map(|it| (it.name.as_str(), it.is_built_in, it.prices["input"]))
        .collect();
    assert_eq!(
        shown,
        [
            ("babbage-002", true, dollars("0.0000004")),
            ("chat-bison", true, dollars("0.00000025"))
        ]
    );
    let error = langfuse
        .create_model_price_blocking(&NewModelPrice::new("x", "("))
        .unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(
        error.to_string().contains("Must provide either flat prices"),
        "{error}"
    );
    langfuse.delete_model_price_blocking(&made.id).unwrap();
    assert_eq!(
        server.served(),
        ["create", "get", "list", "bad pattern", "delete"]
    );
}

#[test]
fn prices_of_other_buckets_make_a_tier() {
    let server = Receiver::new(|_| replay::answered("models", "create"));
    let price = NewModelPrice::new("house-model", "^house$")
        .price("input", dollars("0.000001"))
        .price("input_cached_tokens", dollars("0.0000001"))
        .unit("CHARACTERS")
        .from(instant("2026-11-24T00:00:00Z"));
    client(&server).create_model_price_blocking(&price).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
    assert_eq!(
        body,
        json!({
            "modelName": "house-model", "matchPattern": "^house$", "unit": "CHARACTERS", "startDate": "2026-11-24T00:00:00.000Z",
            "pricingTiers": [{
                "name": "Standard", "isDefault": true, "priority": 0, "conditions": [],
                "prices": {"input": 0.000001, "input_cached_tokens": 0.0000001},
            }],
        })
    );
}

#[test]
fn datasets_and_items_are_made_changed_and_read() {
    let server = Replay::of(&["datasets"]);
    let langfuse = server.client();
    let dataset = NewDataset::new(DATASET)
        .description("questions")
        .metadata(json!({"from": "tickets"}));
    let made = alone(langfuse.put_dataset(&dataset)).unwrap();
    assert_eq!(
        (made.name.as_str(), &made.metadata["from"]),
        (DATASET, &json!("tickets"))
    );
    let changed = langfuse
        .put_dataset_blocking(&NewDataset::new(DATASET).description("changed"))
        .unwrap();
    assert_eq!(
        (&changed.id, changed.description.as_deref()),
        (&made.id, Some("changed"))
    );
    assert_eq!(alone(langfuse.dataset(DATASET)).unwrap(), changed);
    assert!(
        langfuse
            .dataset_blocking("nobody-3661")
            .unwrap_err()
            .is_not_found()
    );
    let newest = alone(langfuse.datasets().page_size(2).limit(1).rows().all()).unwrap();
    assert_eq!(newest, [changed]);

    let item = NewDatasetItem::new(DATASET)
        .input(json!({"q": "Where is my order?"}))
        .expected_output("On its way.")
        .metadata(json!({"k": 1}));
    let made = alone(langfuse.put_dataset_item(&item)).unwrap();
    assert_eq!((made.id.as_str(), made.is_archived), (ITEM, false));
    assert_eq!(
        (&made.expected_output, &made.metadata["k"]),
        (&json!("On its way."), &json!(1))
    );
    let item = NewDatasetItem::new(DATASET)
        .id("item-c79845f3")
        .input("2+2")
        .expected_output("4");
    // The server reads text that is JSON.
    assert_eq!(
        langfuse.put_dataset_item_blocking(&item).unwrap().expected_output,
        4
    );
    let item = NewDatasetItem::new(DATASET)
        .id(ITEM)
        .input(json!({"q": "changed"}))
        .archived(true);
    let changed = langfuse.put_dataset_item_blocking(&item).unwrap();
    assert_eq!(
        (changed.is_archived, &changed.expected_output),
        (true, &json!("On its way."))
    );
    let unknown = NewDatasetItem::new("nobody").input(1);
    let error = langfuse.put_dataset_item_blocking(&unknown).unwrap_err();
    assert!(error.is_not_found() && !error.is_ambiguous(), "{error}");
    let items = alone(langfuse.dataset_items(DATASET).page_size(2).rows().all()).unwrap();
    assert_eq!(
        items.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
        ["item-c79845f3"]
    );
    assert_eq!(langfuse.dataset_item_blocking(ITEM).unwrap(), changed);
    assert_eq!(
        server.served(),
        [
            "create",
            "create again",
            "get",
            "get, unknown",
            "list",
            "item: create",
            "item: create with id",
            "item: update by id",
            "item: unknown dataset",
            "items: list",
            "item: get",
        ]
    );
}

#[test]
fn an_item_is_asked_for_again_only_with_an_id_of_ours() {
    for (item, attempts) in [
        (NewDatasetItem::new("d").input(1).id("mine"), 3),
        (NewDatasetItem::new("d").input(1), 1),
    ] {
        let server = Receiver::new(|_| Answer::status(500));
        let error = client(&server).put_dataset_item_blocking(&item).unwrap_err();
        assert!(error.is_server_failure() && error.is_ambiguous(), "{error}");
        assert_eq!(server.requests().len(), attempts);
    }
}

#[test]
fn credentials_do_not_go_into_a_dataset() {
    let server = Receiver::new(|request| {
        let name = if request.path.ends_with("datasets") {
            "create"
        } else {
            "item: create"
        };
        replay::answered("datasets", name)
    });
    let planted = json!({"api_key": "sk-planted", "q": "Where is my order?"});
    let item = NewDatasetItem::new("d")
        .id("password: is-an-id")
        .input(&planted)
        .expected_output(r#"curl -H "Authorization: Bearer planted""#)
        .metadata(json!({"request": {"headers": {"cookie": "planted"}}, "k": 1}));
    let langfuse = client(&server);
    langfuse.put_dataset_item_blocking(&item).unwrap();
    langfuse
        .put_dataset_blocking(&NewDataset::new("d").metadata(&planted))
        .unwrap();
    let bodies = server.requests();
    let bodies: Vec<serde_json::Value> = bodies
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let masked = json!({"api_key": "[redacted]", "q": "Where is my order?"});
    assert_eq!(
        bodies,
        [
            json!({
                "datasetName": "d",
                "id": "password: is-an-id",
                "input": masked,
                "expectedOutput": r#"curl -H "Authorization: [redacted]""#,
                "metadata": {"request": {"headers": {"cookie": "[redacted]"}}, "k": 1},
            }),
            json!({"name": "d", "metadata": masked}),
        ]
    );
}

#[test]
fn a_trace_becomes_an_item_in_one_call_and_twice_is_once() {
    let server = Receiver::new(|request| {
        if request.path.starts_with("/api/public/v2/observations") {
            let rows = json!([
                {"id": "b", "parentObservationId": "elsewhere", "input": "of another service"},
                {"id": "a", "parentObservationId": null, "input": r#"{"q":"Where?"}"#, "output": "On its way."},
            ]);
            return Answer::json(200, &json!({"data": rows, "meta": {}}).to_string());
        }
        replay::answered("datasets", "item: create")
    });
    let trace: TraceId = "ee55ac3466f446569b08dfa83f492f0a".parse().unwrap();
    let langfuse = client(&server);
    alone(langfuse.add_trace_to_dataset("d", trace)).unwrap();
    langfuse.add_trace_to_dataset_blocking("d", trace).unwrap();
    let requests = server.requests();
    assert_eq!(
        requests[0].path,
        "/api/public/v2/observations?traceId=ee55ac3466f446569b08dfa83f492f0a&isRootObservation=true&fields=core%2Cio&limit=20"
    );
    let body = |index: usize| -> serde_json::Value { serde_json::from_slice(&requests[index].body).unwrap() };
    let mut first = body(1);
    assert_eq!(first, body(3));
    assert_eq!(first["id"].as_str().unwrap().len(), 32);
    first["id"] = "…".into();
    assert_eq!(
        first,
        json!({
            "id": "…", "datasetName": "d", "input": {"q": "Where?"}, "expectedOutput": "On its way.",
            "sourceTraceId": "ee55ac3466f446569b08dfa83f492f0a",
        })
    );
    let nothing = Receiver::new(|_| replay::answered("observations", "nothing found"));
    let error = client(&nothing)
        .add_trace_to_dataset_blocking("d", trace)
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[test]
fn experiments_and_their_items_are_read() {
    let server = Replay::of(&["experiments"]);
    let langfuse = server.client();
    let (from, to) = (
        instant("2026-11-24T03:40:44.380Z"),
        instant("2026-11-24T04:41:44.380Z"),
    );
    let experiments = alone(langfuse.experiments(from).to(to).rows().all()).unwrap();
    let [run] = &experiments[..] else {
        panic!("{experiments:?}")
    };
    assert_eq!(
        (run.id.as_str(), run.name.as_str(), run.items),
        ("exp-2da53d94", "run 1", 1)
    );
    assert_eq!(
        (&run.description, run.dataset_id.as_deref()),
        (&None, Some("cmwu7id3v001iby7dm9zpk59y"))
    );
    let items = alone(langfuse.experiment_items(&run.id, from).to(to).rows().all()).unwrap();
    let [item] = &items[..] else { panic!("{items:?}") };
    assert_eq!(item.item_id, ITEM);
    assert_eq!(
        (item.observation_id.as_str(), item.trace_id.as_str()),
        ("47482a9df1921c30", "38dced9c2342e5284371eae345a2ceee")
    );
    assert_eq!(
        (item.start, item.end),
        (
            instant("2026-11-24T04:40:42.869Z"),
            Some(instant("2026-11-24T04:40:44.369Z"))
        )
    );
    assert_eq!(server.served(), ["list", "items"]);
}

#[test]
fn what_cannot_be_serialised_is_said_and_not_left_out() {
    let server = Receiver::new(|request| panic!("nothing is sent: {}", request.path));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let no_json = BTreeMap::from([((1, 2), "a key is a text")]);
    let item = NewDatasetItem::new("qa").id("1").expected_output(&no_json);
    let error = langfuse.put_dataset_item_blocking(&item).unwrap_err();
    assert!(error.is_invalid_value());
    assert_eq!(
        error.to_string(),
        "cannot make a dataset item: its expectedOutput cannot be serialised as JSON"
    );
    let dataset = NewDataset::new("qa").metadata(&no_json);
    let error = langfuse.put_dataset_blocking(&dataset).unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
    let prompt = NewPrompt::text("qa", "x").config(&no_json);
    let error = langfuse.create_prompt_blocking(prompt).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot create the prompt \"qa\": its config cannot be serialised as JSON"
    );
}
