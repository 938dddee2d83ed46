use serde_json::json;

use super::*;
use crate::field::Role;
use crate::model::{Callsite, EventHead, EventKind, Head, Key, Media};
use crate::process::Masker;
use crate::read::Reader;

/// The lane of a project that takes media, one of a project that takes none, and another destination's.
const TAKES: Lane = 0;
const OTHER: Lane = 1;

fn image(byte: u8, bytes: usize) -> String {
    Media::from_bytes("image/png", vec![byte; bytes]).to_data_uri()
}

/// Everything that the worker does with one, and what is to be sent.
fn worked(shown: &[Lane], write: impl FnOnce(&mut Recorded)) -> (Observation, Vec<Upload>, usize) {
    let mut recorded = Recorded::sample("sample", shown.iter().copied().collect());
    write(&mut recorded);
    let mut taker = MediaTaker::new(vec![(TAKES, Arc::default())]);
    taker.take(&mut recorded);
    let mut observation = Reader::default().read(recorded);
    Masker::default().mask(&mut observation);
    let (uploads, unsent) = taker.uploads(&observation);
    (
        observation,
        uploads.into_iter().map(|(_, upload)| upload).collect(),
        unsent,
    )
}

fn said(role: Role, json: &serde_json::Value) -> impl FnOnce(&mut Recorded) {
    let json = json.to_string();
    move |recorded| {
        recorded
            .fields
            .json(Head::handle(Key::Known("value"), role), &json);
    }
}

#[test]
fn a_reference_stands_in_the_value_and_the_bytes_are_to_be_sent() {
    let value = json!({ "question": "what is it?", "image": image(7, 1000), "icon": image(1, 100) });
    let (observation, uploads, unsent) = worked(&[TAKES, OTHER], said(Role::Input, &value));
    assert_eq!(
        observation.input().as_deref(),
        Some(
            format!(
                r#"{{"icon":"{}","image":"@@@langfuseMedia:type=image/png|id=3xMpyLbHzzdAu-L4urNNJT|source=base64_data_uri@@@","question":"what is it?"}}"#,
                image(1, 100)
            )
            .as_str()
        )
    );
    let [upload] = &uploads[..] else {
        panic!("{uploads:?}")
    };
    assert_eq!((upload.spot, upload.blob.len, unsent), (Spot::Input, 1000, 0));
    assert_eq!(upload.bytes().as_deref(), Some(&[7; 1000][..]));
    assert_eq!(
        (upload.trace, upload.observation),
        (observation.trace_id(), observation.id())
    );
}

#[test]
fn each_place_is_told_once() {
    let (_, uploads, _) = worked(&[TAKES], |recorded| {
        said(
            Role::Input,
            &json!([image(1, 1000), image(1, 1000), image(2, 1000)]),
        )(recorded);
        said(Role::Output, &json!({ "echo": image(1, 1000) }))(recorded);
        let key = recorded.fields.name("shot");
        recorded
            .fields
            .str(Head::handle(key, Role::Metadata), &image(3, 1000));
    });
    let places: Vec<_> = uploads
        .iter()
        .map(|upload| (upload.spot, upload.blob.id()))
        .collect();
    let id = |byte| {
        let sha256 = hmac_sha256::Hash::hash(&[byte; 1000]);
        Blob {
            mime: String::new(),
            len: 0,
            sha256,
        }
        .id()
    };
    assert_eq!(
        places,
        [
            (Spot::Input, id(1)),
            (Spot::Output, id(1)),
            (Spot::Input, id(2)),
            (Spot::Metadata, id(3)),
        ]
    );
}

/// Frames of a video, say. Looking through the whole text for each of them would take seconds.
#[test]
fn thousands_are_all_sent() {
    let frame = |number: u32| Media::from_bytes("image/png", number.to_be_bytes().repeat(200)).to_data_uri();
    let frames: Vec<_> = (0..3000).map(frame).collect();
    let (_, uploads, unsent) = worked(&[TAKES], |recorded| {
        said(Role::Input, &json!(frames[..2000]))(recorded);
        let key = recorded.fields.name("shots");
        let shots = json!(frames[1000..]).to_string();
        recorded.fields.json(Head::handle(key, Role::Metadata), &shots);
    });
    let of = |spot| uploads.iter().filter(|upload| upload.spot == spot).count();
    assert_eq!((of(Spot::Input), of(Spot::Metadata), unsent), (2000, 1000, 0));
}

#[test]
fn what_is_masked_or_withheld_is_not_sent() {
    let (observation, uploads, unsent) =
        worked(&[TAKES], said(Role::Input, &json!({ "secret": image(1, 1000) })));
    assert_eq!(observation.input().as_deref(), Some(r#"{"secret":"[redacted]"}"#));
    assert!(uploads.is_empty() && unsent == 0);
    let (observation, uploads, _) = worked(&[TAKES], |recorded| {
        said(Role::Input, &json!([image(1, 1000)]))(recorded);
        recorded.fields.str(
            Head::handle(Key::Known("langfuse.capture"), Role::Capture),
            "none",
        );
    });
    assert!(observation.input().is_none() && uploads.is_empty());
}

/// Langfuse is shown no events but those that are messages; who is shown the others is left what they say.
#[test]
fn what_only_an_event_says_stays_there() {
    let event = |name: &'static str| {
        move |recorded: &mut Recorded| {
            let callsite = Callsite {
                name,
                ..Callsite::default()
            };
            recorded.events.push(EventHead {
                time: 0,
                callsite: Arc::new(callsite),
                kind: EventKind::Plain,
            });
            let mut head = Head::handle(Key::Known("content"), Role::None);
            head.owner = 1;
            recorded.fields.str(head, &image(1, 1000));
        }
    };
    let said = |observation: &Observation| {
        let mut events = observation.events();
        let (_, mut fields) = events.next().unwrap();
        fields.next().unwrap().value.as_str().unwrap().to_owned()
    };
    let (observation, uploads, unsent) = worked(&[TAKES, OTHER], event("logged"));
    assert_eq!((uploads.len(), unsent), (0, 0));
    assert_eq!(said(&observation), image(1, 1000));
    let (observation, uploads, _) = worked(&[TAKES, OTHER], event("gen_ai.user.message"));
    assert_eq!(uploads.len(), 1);
    assert!(said(&observation).starts_with("@@@langfuseMedia:"));
}

#[test]
fn what_cannot_be_sent_stays_where_it_fits_and_is_counted() {
    let strange = Media::from_bytes("image/strange", vec![1; 2000]).to_data_uri();
    for uri in [strange, format!("{}-", image(1, 2000))] {
        let value = json!([uri]);
        let (observation, uploads, unsent) = worked(&[TAKES], said(Role::Input, &value));
        assert_eq!(observation.input().as_deref(), Some(value.to_string().as_str()));
        assert_eq!((uploads.len(), unsent), (0, 1));
    }
    let value = json!([
        Media::from_bytes("image/strange", vec![1; 1 << 20]).to_data_uri(),
        "and text"
    ]);
    let (observation, uploads, unsent) = worked(&[TAKES], said(Role::Input, &value));
    assert_eq!(
        observation.input().as_deref(),
        Some(r#"["[image/strange, 1048576 bytes, left out: Langfuse takes no such type]","and text"]"#)
    );
    assert_eq!((uploads.len(), unsent), (0, 1));
}

#[test]
fn where_nobody_takes_media_a_value_stays_and_a_large_one_is_marked() {
    let small = json!([image(1, 2000)]);
    let (observation, uploads, unsent) = worked(&[OTHER], said(Role::Input, &small));
    assert_eq!(observation.input().as_deref(), Some(small.to_string().as_str()));
    assert_eq!((uploads.len(), unsent), (0, 0));
    let large = json!([image(1, 3 << 20), "and text"]);
    let (observation, uploads, unsent) = worked(&[OTHER], said(Role::Input, &large));
    assert_eq!(
        observation.input().as_deref(),
        Some(r#"["[image/png, 3145728 bytes, left out: longer than a value may be]","and text"]"#)
    );
    assert_eq!((uploads.len(), unsent), (0, 0));
}

#[test]
fn text_beside_a_small_image_is_cut_as_ever() {
    let value = json!([image(1, 2000), "x".repeat(2 << 20)]);
    for lane in [TAKES, OTHER] {
        let (observation, uploads, _) = worked(&[lane], said(Role::Input, &value));
        let index = observation.fields().next().unwrap().index;
        let Some(ValueRef::Text(text)) = observation.field_value(index) else {
            panic!()
        };
        assert!(text.ends_with("… [truncated]") && text.len() < (1 << 20) + 20);
        assert_eq!(uploads.len(), usize::from(lane == TAKES));
        assert!(observation.weight() < 2 << 20, "{}", observation.weight());
    }
}

#[test]
fn the_types_are_those_that_the_server_named() {
    let lines = include_str!("../../../tests/fixtures/langfuse/media.jsonl").lines();
    let mut exchanges = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refused = exchanges
        .find(|exchange| exchange["name"] == "type not allowed")
        .unwrap();
    let named = &refused["response"]["json"]["error"][0]["errors"][0][0]["values"];
    assert_eq!(*named, json!(&types::TYPES[..]));
    assert_eq!(types::known("Image/PNG"), Some("image/png"));
}
