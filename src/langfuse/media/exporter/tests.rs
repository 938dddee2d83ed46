//! Against what a running Langfuse v4.16.0 and its storage answered.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::id::{SpanId, TraceId};
use crate::langfuse::credentials::Credentials;
use crate::langfuse::settings::LangfuseSettings;
use crate::model::Blob;
use crate::receiver::{Answer, Pace, Receiver, Request as Asked};

fn recorded(name: &str) -> Value {
    let mut lines = include_str!("../../../../tests/fixtures/langfuse/media.jsonl").lines();
    let found = lines.find_map(|line| {
        let exchange: Value = serde_json::from_str(line).unwrap();
        (exchange["name"] == name).then_some(exchange)
    });
    found.unwrap()
}

/// What was answered then; the storage is at this address.
fn answered(name: &str, storage: &str) -> Answer {
    let response = &recorded(name)["response"];
    let status = response["status"].as_u64().unwrap().try_into().unwrap();
    let body = match response.get("json") {
        Some(json) => json.to_string().replace("http://storage.example", storage),
        None => String::new(),
    };
    Answer::json(status, &body)
}

/// The bytes of the recording, and where they stood.
fn upload(shelf: &Shelf) -> Box<Upload> {
    let bytes = STANDARD
        .decode(recorded("upload")["request"]["body_base64"].as_str().unwrap())
        .unwrap();
    let blob = Blob::of("image/png", &bytes);
    let asked = &recorded("ask for an upload")["request"]["body"];
    let trace: TraceId = asked["traceId"].as_str().unwrap().parse().unwrap();
    let observation: SpanId = asked["observationId"].as_str().unwrap().parse().unwrap();
    let place = (trace, observation, Spot::Input);
    Box::new(Upload::new(blob, &bytes.into(), place, shelf))
}

/// A server with a storage on another port, and what sends to them.
struct Scene {
    server: Receiver,
    storage: Arc<Receiver>,
    shelf: Arc<Shelf>,
    exporter: LangfuseMedia,
}

impl Scene {
    fn new(
        server: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
        storage: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let storage = Arc::new(Receiver::new(storage));
        let address = storage.url();
        let posts = AtomicUsize::new(0);
        let server = Receiver::new(move |asked| {
            let usual = || match asked.method.as_str() {
                "POST" if posts.fetch_add(1, Ordering::Relaxed) == 0 => {
                    answered("ask for an upload", &address)
                }
                "POST" => answered("ask again, already there", &address),
                _ => answered("report the upload", &address),
            };
            server(asked).unwrap_or_else(usual)
        });
        let credentials = Credentials::new(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).unwrap();
        let settings = LangfuseSettings::new(&server.url(), credentials).unwrap();
        let client = Langfuse::open(&settings, settings.client().unwrap()).unwrap();
        let shelf = Arc::<Shelf>::default();
        let exporter = LangfuseMedia::new(client, Arc::clone(&shelf), 2);
        Self {
            server,
            storage,
            shelf,
            exporter,
        }
    }

    /// One that goes well.
    fn well() -> Self {
        Self::new(|_| None, |_| Answer::status(200))
    }

    /// A try after which there is another, and why.
    async fn fails(&mut self, uploads: &mut [Box<Upload>]) -> String {
        let error = self.exporter.export(uploads).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        error.to_string()
    }

    /// The last try, of one upload, and why.
    async fn is_refused(&mut self, uploads: &mut [Box<Upload>]) -> String {
        let exported = self.exporter.export(uploads).await.unwrap();
        assert_eq!(exported.rejected, 1);
        exported.message.unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let server = self.server.requests().into_iter();
        let mut asked: Vec<_> = server
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect();
        asked.extend(self.storage.requests().into_iter().map(|asked| asked.method));
        asked
    }
}

const POST: &str = "POST /api/public/media";
const PATCH: &str = "PATCH /api/public/media/Fmuwmqjxy3J57vR601MKdr";

#[tokio::test]
async fn bytes_go_the_recorded_way_and_no_key_goes_to_the_storage() {
    let mut scene = Scene::well();
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    let asked = scene.server.requests();
    let body = |asked: &Asked| serde_json::from_slice::<Value>(&asked.body).unwrap();
    assert_eq!(body(&asked[0]), recorded("ask for an upload")["request"]["body"]);
    let mut report = body(&asked[1]);
    assert!(humantime::parse_rfc3339(report["uploadedAt"].as_str().unwrap()).is_ok());
    assert!(report["uploadTimeMs"].is_u64());
    let was = &recorded("report the upload")["request"]["body"];
    (report["uploadedAt"], report["uploadTimeMs"]) = (was["uploadedAt"].clone(), was["uploadTimeMs"].clone());
    assert_eq!(report, *was);
    assert!(asked.iter().all(|asked| asked.header("authorization").is_some()));
    let put = scene.storage.requests().pop().unwrap();
    let presigned = recorded("ask for an upload")["response"]["json"]["uploadUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(format!("http://storage.example{}", put.path), presigned);
    assert_eq!(
        Some(STANDARD.encode(&put.body).as_str()),
        recorded("upload")["request"]["body_base64"].as_str()
    );
    let mut headers = put.headers.clone();
    headers.sort();
    let (address, agent) = (
        scene.storage.address().to_string(),
        concat!("tracing-llm/", env!("CARGO_PKG_VERSION")),
    );
    let expected = [
        ("accept", "*/*"),
        ("content-length", "74"),
        ("content-type", "image/png"),
        ("host", &address),
        ("user-agent", agent),
        (
            "x-amz-checksum-sha256",
            "Fmuwmqjxy3J57vR601MKdr71QzFLJvPk0P3+ghRzv+o=",
        ),
    ];
    assert_eq!(
        headers,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(scene.asked(), [POST, PATCH, "PUT"]);
}

#[tokio::test]
async fn the_same_bytes_are_sent_once_and_told_of_each_place() {
    let mut scene = Scene::well();
    let mut uploads = [upload(&scene.shelf), upload(&scene.shelf)];
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    assert_eq!(scene.asked(), [POST, PATCH, POST, "PUT"]);
    // Later the bytes are not even kept.
    let mut uploads = [upload(&scene.shelf)];
    assert!(uploads[0].bytes().is_none());
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    assert_eq!(scene.asked().len(), 5);
}

#[tokio::test]
async fn bytes_that_the_server_wants_again_are_kept_the_next_time() {
    let mut scene = Scene::well();
    scene.shelf.stored(&upload(&scene.shelf).blob);
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.is_refused(&mut uploads).await, NO_LONGER);
    assert!(upload(&scene.shelf).bytes().is_some());
}

#[tokio::test]
async fn a_storage_that_is_out_of_reach_is_tried_three_times() {
    let mut scene = Scene::new(
        |asked| (asked.method == "POST").then(|| answered("ask for an upload", "http://127.0.0.1:1")),
        |_| Answer::status(200),
    );
    let mut uploads = [upload(&scene.shelf)];
    let why = "the storage: cannot connect to 127.0.0.1:1: connection refused";
    assert_eq!(scene.fails(&mut uploads).await, why);
    assert_eq!(scene.fails(&mut uploads).await, why);
    assert_eq!(scene.is_refused(&mut uploads).await, why);
    assert_eq!(scene.asked(), [POST, POST, POST]);
}

#[tokio::test]
async fn the_server_is_told_what_the_storage_answered_last() {
    let storage = |_: &Asked| Answer::status(503).body("<Error><Code>SlowDown</Code></Error>");
    let mut scene = Scene::new(|_| None, storage);
    let mut uploads = [upload(&scene.shelf)];
    uploads[0].tries = LangfuseMedia::MOST_TRIES - 1;
    let host = scene.storage.address();
    let why = format!("the storage, {host}, answered 503 Service Unavailable (SlowDown)");
    assert_eq!(scene.is_refused(&mut uploads).await, why);
    let report: Value = serde_json::from_slice(&scene.server.requests().pop().unwrap().body).unwrap();
    assert_eq!(
        (&report["uploadHttpStatus"], &report["uploadHttpError"]),
        (&503.into(), &why.into())
    );
}

#[tokio::test]
async fn bytes_that_are_there_are_not_sent_again_for_a_report_that_failed() {
    let patches = AtomicUsize::new(0);
    let mut scene = Scene::new(
        move |asked| {
            let is_first = asked.method == "PATCH" && patches.fetch_add(1, Ordering::Relaxed) == 0;
            is_first.then(|| Answer::status(503))
        },
        |_| Answer::status(200),
    );
    let mut uploads = [upload(&scene.shelf)];
    scene.fails(&mut uploads).await;
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    assert_eq!(scene.asked(), [POST, PATCH, PATCH, "PUT"]);
}

/// The server takes a 200 alone for what was uploaded: it would want the bytes again for ever, and shows them to nobody.
#[tokio::test]
async fn a_storage_that_answers_201_has_stored_it() {
    let mut scene = Scene::new(|_| None, |_| Answer::status(201));
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    let report: Value = serde_json::from_slice(&scene.server.requests().pop().unwrap().body).unwrap();
    assert_eq!(report["uploadHttpStatus"], 200);
}

/// The status decides; nothing that follows is needed.
#[tokio::test]
async fn an_answer_that_breaks_off_is_one() {
    let torn = |_: &Asked| Answer::status(200).body("stored").at(Pace::ResetInBody);
    let mut scene = Scene::new(|_| None, torn);
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.exporter.export(&mut uploads).await, Ok(Exported::all()));
    assert_eq!(scene.asked(), [POST, PATCH, "PUT"]);
}

#[tokio::test]
async fn an_id_that_the_reference_does_not_have_is_a_failure() {
    let mut scene = always(Answer::json(201, r#"{"mediaId":"other","uploadUrl":null}"#));
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.is_refused(&mut uploads).await, OTHER_ID);
    let mut scene = always(Answer::json(201, r#"{"mediaId":7,"uploadUrl":[]}"#));
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(scene.is_refused(&mut uploads).await, NO_LANGFUSE);
}

#[tokio::test]
async fn an_address_of_the_storage_that_is_none_is_not_repeated() {
    for url in [
        "file:///planted",
        "planted",
        "https://",
        "//planted",
        "http://[planted",
    ] {
        let body = json!({"mediaId": "Fmuwmqjxy3J57vR601MKdr", "uploadUrl": url}).to_string();
        let mut scene = always(Answer::json(201, &body));
        let mut uploads = [upload(&scene.shelf)];
        let why = scene.is_refused(&mut uploads).await;
        assert!(
            why.starts_with("the address of the storage ") && !why.contains("planted"),
            "{why}"
        );
        assert_eq!(scene.asked(), [POST]);
    }
}

/// What is signed for one host is no other host's affair.
#[tokio::test]
async fn a_redirect_of_the_storage_is_not_followed() {
    let elsewhere = Receiver::new(|_| Answer::status(200));
    let to = elsewhere.url();
    let mut scene = Scene::new(|_| None, move |_| Answer::status(307).header("location", &to));
    let mut uploads = [upload(&scene.shelf)];
    let host = scene.storage.address();
    assert_eq!(
        scene.is_refused(&mut uploads).await,
        format!("the storage, {host}, answered 307 Temporary Redirect")
    );
    assert!(elsewhere.requests().is_empty());
}

/// A server that answers every request so.
fn always(answer: Answer) -> Scene {
    Scene::new(move |_| Some(answer.clone()), |_| Answer::status(200))
}

#[tokio::test]
async fn what_the_server_refuses_is_refused() {
    let mut scene = always(answered("too long", ""));
    let mut uploads = [upload(&scene.shelf)];
    assert_eq!(
        scene.is_refused(&mut uploads).await,
        "400 Bad Request: File size must be less than 1000000000 bytes"
    );
}

#[tokio::test]
async fn an_outage_is_waited_for_and_a_server_without_a_storage_is_not() {
    let mut scene = always(Answer::status(503));
    let mut uploads = [upload(&scene.shelf)];
    for _ in 0..10 {
        scene.fails(&mut uploads).await;
    }
    assert_eq!((uploads[0].tries, uploads[0].bytes().is_some()), (0, true));
    let mut scene = always(Answer::status(500));
    let mut uploads = [upload(&scene.shelf)];
    for _ in 1..LangfuseMedia::MOST_TRIES {
        scene.fails(&mut uploads).await;
    }
    assert_eq!(scene.is_refused(&mut uploads).await, "500 Internal Server Error");
}
