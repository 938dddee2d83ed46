//! Media in values: uploaded beside the traces, and a reference in their place.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tracing::{Dispatch, dispatcher, info_span, instrument};
use tracing_llm::langfuse::{ItemPart, StoredMedia};
use tracing_llm::{Builder, Guard, Langfuse, Media, Otlp, Usage, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::alone::alone;
use crate::support::books::balance;
use crate::support::lines::Lines;
use crate::support::media::{MediaServer, SIGNATURE, body};
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::replay::{Replay, recorded};
use crate::support::rows;

/// Nothing here takes that long; what does has hung.
const HANG: Duration = Duration::from_secs(60);

fn program(builder: Builder) -> (Dispatch, Guard) {
    let (layer, llm) = builder.build().unwrap();
    (tracing_subscriber::registry().with(layer).into(), llm)
}

/// Bytes that differ with their name, and do not repeat.
fn picture(name: &str, bytes: usize) -> Vec<u8> {
    let seed = name.bytes().fold(7_u64, |seed, byte| seed * 31 + u64::from(byte));
    let words = std::iter::successors(Some(seed << 1 | 1), |word| {
        Some(word.wrapping_mul(6_364_136_223_846_793_005) + 1)
    });
    words.flat_map(u64::to_be_bytes).take(bytes).collect()
}

fn png(name: &str, bytes: usize) -> Media {
    Media::from_bytes("image/png", picture(name, bytes))
}

/// The id in the reference that a text consists of.
fn id_in(text: &Value) -> String {
    let text = text.as_str().unwrap();
    let id = text
        .strip_prefix("@@@langfuseMedia:type=image/png|id=")
        .and_then(|rest| rest.strip_suffix("|source=base64_data_uri@@@"));
    id.unwrap_or_else(|| panic!("{text:.200}")).to_owned()
}

/// A span with this input.
fn saw(span: tracing::Span, input: &impl serde::Serialize) {
    span.in_scope(|| {
        current().input(input);
    });
}

#[instrument(fields(model = "gpt-4o", temperature = 0.2), ret)]
fn look(messages: &str) -> String {
    current().usage(Usage::new(1000, 3));
    "a lamp".to_owned()
}

#[instrument]
fn agent(question: &str, scan: &Media) {
    current().input(json!({ "question": question, "scan": scan }));
    let messages = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": scan}}]}]);
    look(&messages.to_string());
}

#[test]
fn a_picture_is_stored_once_and_shown_wherever_it_stood() {
    let (langfuse, otlp) = (MediaServer::new(), Receiver::otlp());
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project())
            .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
            .capture_content(true),
    );
    let scan = png("scan", 3_000_000);
    dispatcher::with_default(&dispatch, || agent("what is it?", &scan));
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 2 sent · otlp 2 sent · langfuse media 2 sent · 0 lost"
    );
    let (outer, inner) = (langfuse.row("agent"), langfuse.row("look"));
    let input: Value = serde_json::from_str(outer.input.as_deref().unwrap()).unwrap();
    assert_eq!(input["question"], "what is it?");
    let id = id_in(&input["scan"]);
    let messages: Value = serde_json::from_str(inner.input.as_deref().unwrap()).unwrap();
    assert_eq!(id_in(&messages[0]["content"][0]["image_url"]["url"]), id);
    assert_eq!(langfuse.put(), [(id.clone(), scan.bytes().to_vec())]);
    let mut asked = langfuse.asked();
    asked.sort();
    let mut places = [inner.id, outer.id].map(|observation| (observation, "input".to_owned(), id.clone()));
    places.sort();
    assert_eq!(asked, places);
    // Everybody else is shown the same text.
    let spans = otlp.spans();
    let attributes = rows::attributes(&spans[1].attributes);
    assert_eq!(attributes["input.value"], outer.input.unwrap().as_str());
    // The address says who may put; who we are is nobody's business there.
    let put = &langfuse.storage.requests()[0];
    let headers = format!("{:?}", put.headers);
    assert!(
        !headers.contains("authorization") && !headers.contains("langfuse"),
        "{headers}"
    );
    let ledger = llm.ledger();
    assert_eq!(ledger.media()[0].name(), "langfuse media");
    assert_eq!(
        (balance(&ledger.media()[0]), ledger.unsent_media()),
        ([2, 2, 0, 0, 0], 0)
    );
}

#[test]
fn a_large_picture_survives_whichever_way_it_comes() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "Debug reads it")]
    struct Message {
        role: &'static str,
        image: String,
    }
    #[instrument(ret)]
    fn argument(image: &str) -> Option<Message> {
        None
    }
    #[instrument(ret)]
    fn returned() -> Message {
        let image = png("returned", 3 << 20).to_data_uri();
        Message { role: "tool", image }
    }
    let langfuse = MediaServer::new();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project())
            .queue_bytes(64 << 20),
    );
    dispatcher::with_default(&dispatch, || {
        argument(&png("argument", 3 << 20).to_data_uri());
        returned();
        let text = png("recorded", 10 << 20).to_data_uri();
        let span = info_span!("recorded", output = tracing::field::Empty);
        span.record("output", format!("see {text}"));
        let span = info_span!("metadata").entered();
        current().metadata("shot", png("metadata", 3 << 20));
        drop(span);
    });
    let root = llm.trace("by hand").start();
    root.output(png("by hand", 3 << 20));
    root.end();
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 5 sent · langfuse media 5 sent · 0 lost"
    );
    let mut put: Vec<_> = langfuse.put().into_iter().map(|(_, bytes)| bytes).collect();
    let mut given = ["argument", "returned", "metadata", "by hand"]
        .map(|name| picture(name, 3 << 20))
        .to_vec();
    given.push(picture("recorded", 10 << 20));
    put.sort();
    given.sort();
    assert!(put == given, "other bytes arrived");
    let reference = |text: Option<String>| text.unwrap().replace(|char: char| char.is_ascii_digit(), "");
    assert!(
        reference(langfuse.row("argument").input)
            .starts_with(r#"{"image":"@@@langfuseMedia:type=image/png|id="#)
    );
    // It is no short word to filter by.
    assert_eq!(langfuse.row("argument").metadata.get("image"), None);
    let output: Value = serde_json::from_str(&langfuse.row("returned").output.unwrap()).unwrap();
    assert_eq!(output["role"], "tool");
    id_in(&output["image"]);
    assert!(
        langfuse
            .row("recorded")
            .output
            .unwrap()
            .starts_with("see @@@langfuseMedia:")
    );
    id_in(&langfuse.row("metadata").metadata["shot"]);
    id_in(&langfuse.row("by hand").output.unwrap().into());
    let mut fields: Vec<_> = langfuse.asked().into_iter().map(|(_, field, _)| field).collect();
    fields.sort();
    assert_eq!(fields, ["input", "metadata", "output", "output", "output"]);
}

/// The conventions' own part, and what providers are sent.
#[test]
fn a_picture_may_have_its_type_beside_it() {
    let langfuse = MediaServer::new();
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    let base64 = |name| base64::engine::general_purpose::STANDARD.encode(picture(name, 5000));
    let messages = json!([{"role": "user", "parts": [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": base64("blob")},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64("block")}},
    ]}]);
    dispatcher::with_default(&dispatch, || {
        let span = info_span!("chat", gen_ai.operation.name = "chat", gen_ai.input.messages = %messages);
        drop(span);
    });
    assert_eq!(
        llm.flush_blocking(HANG).to_string(),
        "langfuse 1 sent · langfuse media 2 sent · 0 lost"
    );
    let input: Value = serde_json::from_str(&langfuse.row("chat").input.unwrap()).unwrap();
    let parts = &input[0]["parts"];
    let ids = [id_in(&parts[0]["content"]), id_in(&parts[1]["source"]["data"])];
    assert_eq!(parts[0]["mime_type"], "image/png");
    let mut put = langfuse.put();
    put.sort_by_key(|(id, _)| *id == ids[1]);
    let [blob, block] = ["blob", "block"].map(|name| picture(name, 5000));
    let [first, second] = ids;
    assert_eq!(put, [(first, blob), (second, block)]);
}

#[test]
fn what_is_small_or_no_media_stays_where_it_is() {
    let langfuse = MediaServer::new();
    let lines = Lines::default();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project())
            .on_diagnostic(lines.writer()),
    );
    let value = json!({
        "icon": png("icon", 500),
        "strange": Media::from_bytes("image/strange", picture("strange", 5000)),
        "torn": format!("{}%3D", png("torn", 5000).to_data_uri()),
    });
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &value);
    });
    assert_eq!(llm.flush_blocking(HANG).to_string(), "langfuse 1 sent · 0 lost");
    assert_eq!(langfuse.row("work").input, Some(value.to_string()));
    assert!(langfuse.asked().is_empty());
    assert_eq!(
        lines.all(),
        [
            "media in \"work\" are not uploaded: they are no base64, of a type that Langfuse does not take, or more than an \
             observation may have (said once, for all such media)"
        ]
    );
    let ledger = llm.ledger();
    assert_eq!((balance(&ledger.media()[0]), ledger.unsent_media()), ([0; 5], 2));
    assert!(
        ledger.to_string().ends_with("0 open, 2 media not uploaded"),
        "{ledger}"
    );
}

#[test]
fn what_is_more_than_an_observation_may_have_is_marked_and_counted() {
    let langfuse = MediaServer::new();
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    let document = Media::from_bytes("application/pdf", picture("document", 20 << 20));
    dispatcher::with_default(&dispatch, || {
        saw(
            info_span!("work"),
            &json!([document, png("page", 5000), "read it"]),
        );
    });
    assert_eq!(
        llm.flush_blocking(HANG).to_string(),
        "langfuse 1 sent · langfuse media 1 sent · 0 lost"
    );
    let input: Value = serde_json::from_str(&langfuse.row("work").input.unwrap()).unwrap();
    assert_eq!(
        input[0],
        "[application/pdf, 20971520 bytes, left out: more than an observation may have]"
    );
    id_in(&input[1]);
    assert_eq!((&input[2], llm.ledger().unsent_media()), (&json!("read it"), 1));
}

#[test]
fn without_uploads_a_value_stays_as_it_is_and_a_large_picture_is_marked() {
    let langfuse = MediaServer::new();
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project().upload_media(false)));
    let small = json!([png("small", 5000)]);
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("small"), &small);
        saw(
            info_span!("large"),
            &json!([png("large", 3 << 20), "what is it?"]),
        );
    });
    assert_eq!(llm.flush_blocking(HANG).to_string(), "langfuse 2 sent · 0 lost");
    assert_eq!(langfuse.row("small").input, Some(small.to_string()));
    assert_eq!(
        langfuse.row("large").input.as_deref(),
        Some(r#"["[image/png, 3145728 bytes, left out: longer than a value may be]","what is it?"]"#)
    );
    assert!(langfuse.asked().is_empty());
    assert!(llm.ledger().media().is_empty() && llm.ledger().unsent_media() == 0);
    let error = tracing_llm::builder()
        .langfuse(langfuse.project().uploads_at_once(0))
        .build()
        .unwrap_err();
    assert!(error.is_invalid_value(), "{error}");
}

#[test]
fn only_a_project_that_is_shown_the_observation_is_sent_its_media() {
    let (first, second) = (MediaServer::new(), MediaServer::new());
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(first.project().filter("info,it=off"))
            .langfuse(second.project().name("all")),
    );
    dispatcher::with_default(&dispatch, || {
        saw(info_span!(target: "it", "hidden"), &png("hidden", 5000));
        saw(info_span!(target: "other", "shown"), &png("shown", 5000));
        info_span!(target: "other", "withheld", langfuse.capture = "none").in_scope(|| {
            current().input(png("withheld", 5000));
        });
        info_span!(target: "other", "secret").in_scope(|| {
            current().input(json!({ "password": png("secret", 5000) }));
        });
    });
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 3 sent · all 4 sent · langfuse media 1 sent · all media 2 sent · 0 lost"
    );
    let bytes = |server: &MediaServer| {
        let put = server.put().into_iter();
        put.map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&first), [picture("shown", 5000)]);
    let mut all = bytes(&second);
    all.sort();
    let mut given = [picture("hidden", 5000), picture("shown", 5000)];
    given.sort();
    assert_eq!(all, given);
}

#[test]
fn a_flush_waits_for_uploads_and_says_what_is_on_its_way() {
    let (release, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let langfuse = MediaServer::with_storage(move |_| {
        gate.lock().unwrap().recv_timeout(HANG).unwrap();
        Answer::status(200)
    });
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &png("scan", 5000));
    });
    llm.flush_blocking(Duration::from_millis(300));
    langfuse.storage.wait_for_requests(1, HANG);
    let report = llm.flush_blocking(Duration::from_millis(300));
    assert_eq!(report.lane("langfuse media").unwrap().pending(), 1, "{report}");
    release.send(()).unwrap();
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 1 sent · langfuse media 1 sent · 0 lost"
    );
    let last = langfuse.server.requests().pop().unwrap();
    assert_eq!(body(&last)["uploadHttpStatus"], 200);
}

#[test]
fn a_storage_that_refuses_costs_the_media_and_not_the_trace() {
    let langfuse =
        MediaServer::with_storage(|_| Answer::status(403).body("<Error><Code>AccessDenied</Code></Error>"));
    let lines = Lines::default();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project())
            .on_diagnostic(lines.writer()),
    );
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &png("scan", 5000));
    });
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 1 sent · langfuse media 0 sent, 1 failed · 1 lost"
    );
    id_in(&langfuse.row("work").input.unwrap().into());
    let host = langfuse.storage.address();
    let why = format!("the storage, {host}, answered 403 Forbidden (AccessDenied)");
    assert_eq!(
        lines.all(),
        [format!("langfuse media: 1 uploads were refused: {why}")]
    );
    let told = body(&langfuse.server.requests().pop().unwrap());
    assert_eq!(
        (&told["uploadHttpStatus"], &told["uploadHttpError"]),
        (&json!(403), &json!(why))
    );
    assert!(!told.to_string().contains(SIGNATURE));
}

#[test]
fn a_storage_that_comes_back_in_time_loses_nothing() {
    let answers = Mutex::new(vec![Answer::status(200), Answer::status(503), Answer::Reset]);
    let langfuse = MediaServer::with_storage(move |_| answers.lock().unwrap().pop().unwrap());
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &png("scan", 5000));
    });
    let report = llm.flush_blocking(HANG);
    assert_eq!(
        report.to_string(),
        "langfuse 1 sent · langfuse media 1 sent · 0 lost"
    );
    assert_eq!(llm.ledger().media()[0].resent(), 2);
}

#[test]
fn what_waits_is_bounded_by_bytes_and_the_rest_is_counted() {
    let (arrived, arrivals) = channel();
    let arrived = Mutex::new(arrived);
    let langfuse = MediaServer::with_storage(move |_| {
        let _ = arrived.lock().unwrap().send(());
        Answer::Hang
    });
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project().uploads_at_once(1))
            .queue_bytes(5 << 20)
            .immediate(true),
    );
    dispatcher::with_default(&dispatch, || {
        for number in 0..8_u64 {
            saw(info_span!("work"), &png(&format!("scan {number}"), 1 << 20));
            // The front queue is as small: each is to be sent before the next comes.
            let (begin, sent) = (Instant::now(), |llm: &Guard| llm.ledger().lanes()[0].exported());
            while sent(&llm) <= number {
                assert!(begin.elapsed() < HANG, "{}", llm.ledger());
                thread::yield_now();
            }
        }
    });
    arrivals.recv_timeout(HANG).unwrap();
    let report = llm.shutdown_blocking(Duration::from_millis(100));
    assert_eq!(report.lane("langfuse").unwrap().sent(), 8);
    let ledger = llm.ledger();
    let media = &ledger.media()[0];
    assert_eq!(
        (media.offered(), media.dropped_full(), media.dropped_at_shutdown()),
        (8, 4, 4)
    );
}

#[test]
fn a_picture_that_no_queue_takes_costs_itself_and_not_the_observation() {
    let langfuse = MediaServer::new();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(langfuse.project())
            .queue_bytes(2 << 20),
    );
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &json!([png("scan", 3 << 20), "what is it?"]));
    });
    assert_eq!(llm.flush_blocking(HANG).to_string(), "langfuse 1 sent · 0 lost");
    assert_eq!(
        langfuse.row("work").input.as_deref(),
        Some(r#"["[image/png, 3145728 bytes, left out: more than the queue takes]","what is it?"]"#)
    );
    assert_eq!(llm.ledger().unsent_media(), 1);
}

/// A storage that gives back what it was given.
fn keeping() -> impl Fn(&Request) -> Answer + Send + Sync {
    let kept = Mutex::new(HashMap::new());
    move |request| {
        let mut kept = kept.lock().unwrap();
        if request.method == "PUT" {
            kept.insert(request.path.clone(), request.wire_body.clone());
            return Answer::status(200);
        }
        Answer::status(200).body(kept[&request.path].clone())
    }
}

#[test]
fn what_was_uploaded_comes_back_in_place_of_its_references() {
    let langfuse = MediaServer::with_storage(keeping());
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    let input = json!([
        png("one", 2000),
        "and",
        png("two", 3000),
        "again",
        png("one", 2000)
    ]);
    dispatcher::with_default(&dispatch, || saw(info_span!("work"), &input));
    llm.flush_blocking(HANG);
    let stored = langfuse.row("work").input.unwrap();
    assert_eq!(stored.matches("@@@langfuseMedia:").count(), 3);
    let client = llm.langfuse().unwrap();
    assert_eq!(client.resolve_media_blocking(&stored).unwrap(), input.to_string());
    let gets = langfuse.storage.requests().into_iter();
    let gets: Vec<_> = gets.filter(|request| request.method == "GET").collect();
    assert_eq!(gets.len(), 2);
    assert!(gets.iter().all(|get| get.header("authorization").is_none()));
}

#[test]
fn what_the_storage_gives_must_be_what_the_id_says() {
    let langfuse = MediaServer::with_storage(|request| match request.method.as_str() {
        "PUT" => Answer::status(200),
        _ => Answer::status(200).body("planted"),
    });
    let (dispatch, llm) = program(tracing_llm::builder().langfuse(langfuse.project()));
    dispatcher::with_default(&dispatch, || saw(info_span!("work"), &png("one", 2000)));
    llm.flush_blocking(HANG);
    let stored = langfuse.row("work").input.unwrap();
    let error = llm.langfuse().unwrap().fetch_media_blocking(&stored).unwrap_err();
    let id = id_in(&json!(stored));
    assert_eq!(
        error.to_string(),
        format!("cannot fetch media: what the storage gave is not {id}")
    );
}

#[test]
fn what_is_stored_is_found_by_its_id_and_by_its_reference() {
    let server = Replay::of(&["media"]);
    let langfuse = server.client();
    let id = "Fmuwmqjxy3J57vR601MKdr";
    let stored: StoredMedia = alone(langfuse.media(id)).unwrap();
    let get = recorded("media")
        .into_iter()
        .find(|it| it["name"] == "get")
        .unwrap();
    assert_eq!(stored.url, get["response"]["json"]["url"].as_str().unwrap());
    assert_eq!(
        format!("{stored:?}"),
        "StoredMedia { id: \"Fmuwmqjxy3J57vR601MKdr\", mime: \"image/png\", bytes: 74, \
         uploaded: SystemTime { tv_sec: 1795495244, tv_nsec: 213000000 }, \
         url: Some(http://storage.example/langfuse/media/lab-project/Fmuwmqjxy3J57vR601MKdr.png), \
         url_expires: SystemTime { tv_sec: 1795498844, tv_nsec: 225000000 } }"
    );
    let reference = format!("@@@langfuseMedia:type=image/png|id={id}|source=base64_data_uri@@@");
    assert_eq!(langfuse.media_blocking(&reference).unwrap(), stored);
    let error = langfuse.media_blocking("nobody").unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("404 Not Found: Media asset not found"),
        "{error}"
    );
}

#[test]
fn an_item_of_a_dataset_is_given_media() {
    let datasets = Replay::of(&["datasets"]);
    let item = datasets
        .client()
        .dataset_item_blocking("80e08891-f747-4209-9a64-770641f4662b")
        .unwrap();
    let server = MediaServer::new();
    let langfuse = server.project().build().unwrap();
    // The server takes types in small letters only, and without parameters.
    let scan = Media::from_bytes("image/PNG; q=1", png("scan", 5000).bytes());
    let reference = alone(langfuse.upload_media(&scan, &item, ItemPart::ExpectedOutput)).unwrap();
    let id = id_in(&reference.clone().into());
    assert_eq!(server.put(), [(id, scan.bytes().to_vec())]);
    assert_eq!(
        body(&server.server.requests()[0]),
        json!({
            "contentType": "image/png",
            "contentLength": 5000,
            "sha256Hash": server.storage.requests()[0].header("x-amz-checksum-sha256").unwrap(),
            "datasetId": item.dataset_id,
            "datasetItemId": item.id,
            "field": "expectedOutput",
        })
    );
    assert_eq!(body(&server.server.requests()[1])["uploadHttpStatus"], 200);
    // What is there is not sent again.
    let again = langfuse
        .upload_media_blocking(&scan, &item, ItemPart::Input)
        .unwrap();
    assert_eq!((again, server.put().len()), (reference, 1));

    let refusing = MediaServer::with_storage(|_| Answer::status(403));
    let langfuse = refusing.project().build().unwrap();
    let error = langfuse
        .upload_media_blocking(&scan, &item, ItemPart::Input)
        .unwrap_err();
    assert!(error.is_refused() && error.status() == Some(403), "{error}");
    let host = refusing.storage.address();
    assert_eq!(
        error.to_string(),
        format!("cannot upload media: the storage, {host}, answered 403 Forbidden")
    );
    let gone = MediaServer::with_storage(|_| Answer::Reset);
    let langfuse = gone.project().build().unwrap();
    let error = langfuse
        .upload_media_blocking(&scan, &item, ItemPart::Input)
        .unwrap_err();
    assert!(
        error.is_unreachable() && !error.to_string().contains(SIGNATURE),
        "{error}"
    );
    assert_eq!(gone.storage.requests().len(), 3);

    let strange = Receiver::new(|_| Answer::json(201, r#"{"mediaId":"other","uploadUrl":null}"#));
    let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(strange.url());
    let error = langfuse
        .build()
        .unwrap()
        .upload_media_blocking(&scan, &item, ItemPart::Input)
        .unwrap_err();
    assert!(error.is_unexpected_answer(), "{error}");
}

/// Nobody takes media where there is no Langfuse; a value of megabytes would only harm.
#[test]
fn without_langfuse_a_large_picture_is_marked() {
    let otlp = Receiver::otlp();
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
            .capture_content(true),
    );
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &json!([png("scan", 3 << 20), "what is it?"]));
    });
    llm.flush_blocking(HANG);
    let attributes = rows::attributes(&otlp.spans()[0].attributes);
    assert_eq!(
        attributes["input.value"],
        r#"["[image/png, 3145728 bytes, left out: longer than a value may be]","what is it?"]"#
    );
}

#[test]
fn the_switch_is_a_projects_own() {
    let (takes, takes_none) = (MediaServer::new(), MediaServer::new());
    let (dispatch, llm) = program(
        tracing_llm::builder()
            .langfuse(takes.project())
            .langfuse(takes_none.project().upload_media(false)),
    );
    dispatcher::with_default(&dispatch, || {
        saw(info_span!("work"), &png("scan", 5000));
    });
    llm.flush_blocking(HANG);
    assert_eq!((takes.put().len(), takes_none.put().len()), (1, 0));
    assert_eq!(takes.row("work").input, takes_none.row("work").input);
}
