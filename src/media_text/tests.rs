use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// Base64 of 1,000 bytes, with one `=` at its end; and the bytes.
fn content() -> (String, Vec<u8>) {
    let bytes: Vec<u8> = (0..1001_u32)
        .map(|number| (number * number % 251) as u8)
        .collect();
    (STANDARD.encode(&bytes), bytes)
}

/// What is found in a text with the content in place of `@`: types, and whether the content is what was put in.
fn found(text: &str) -> Vec<(String, bool)> {
    let (base64, bytes) = content();
    let mut found = Vec::new();
    replace(&text.replace('@', &base64), |inline| {
        let content = inline.decode();
        assert!(content.is_none() || content.as_ref() == Some(&bytes), "{text}");
        found.push((inline.mime.clone(), content.is_some()));
        None
    });
    found
}

#[test]
fn data_uris_are_found_wherever_they_stand() {
    for text in [
        "data:image/png;base64,@",
        "see data:image/png;base64,@ there",
        r#"{"url":"data:image/png;base64,@"}"#,
        r#"{"url":"data:image/png;base64,@\n"}"#,
        r#"{"url":"data:image/png;base64,@\u00e9"}"#,
        r#""{\"url\":\"data:image/png;base64,@\"}""#,
        r#"Image { url: "data:image/png;base64,@" }"#,
        "![a](data:image/png;name=a.png;base64,@)",
        "url(data:image/png;base64,@)",
        "é data:image/png;base64,@é",
    ] {
        assert_eq!(found(text), [("image/png".to_owned(), true)], "{text}");
    }
}

#[test]
fn blocks_have_their_type_beside_them() {
    for text in [
        r#"{"type":"blob","modality":"image","mime_type":"image/png","content":"@"}"#,
        r#"{"type":"base64","media_type":"image/png","data":"@"}"#,
        r#"{"data": "@", "media_type": "image/png"}"#,
        r#"{"inlineData":{"mimeType":"image/png","data":"@"}}"#,
        r#""[{\"inline_data\":{\"mime_type\":\"image/png\",\"data\":\"@\"}}]""#,
        r#"Source { media_type: "image/png", data: "@" }"#,
    ] {
        assert_eq!(found(text), [("image/png".to_owned(), true)], "{text}");
    }
    let audio = r#"{"type":"input_audio","input_audio":{"data":"@","format":"wav"}}"#;
    assert_eq!(found(audio), [("audio/wav".to_owned(), true)]);
}

#[test]
fn what_is_no_media_is_none() {
    for text in [
        "",
        "@",
        "data:image/png,@",
        ";base64,@",
        "data:;base64,@",
        "data:text;base64,@",
        "metadata:image/png;base64,@",
        "data: image/png;base64,@",
        r#"{"data":"@"}"#,
        r#"{"media_type":"image/png"},{"data":"@"}"#,
        r#"{"media_type":"image/png","signature":"@"}"#,
        r#"{"media_type":"image/png","data":"see @"}"#,
        r#"{"data":"@","format":"other"}"#,
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn what_is_not_whole_is_not_decoded() {
    let (base64, _) = content();
    let bare = base64.trim_end_matches('=');
    for content in [
        format!("{bare}-{bare}"),
        format!("{bare}_"),
        format!("{bare}%3D"),
        format!(r"{bare}\/{bare}"),
        format!(r"{bare}\u002B"),
        format!("{bare}… [truncated]"),
        format!("{bare}..."),
        bare[..1025].to_owned(),
        format!("{base64}="),
    ] {
        let text = format!("data:image/png;base64,{content}");
        assert_eq!(found(&text), [("image/png".to_owned(), false)], "{text}");
    }
    // Without padding it is whole.
    assert_eq!(
        found(&format!("data:image/png;base64,{bare}")),
        [("image/png".to_owned(), true)]
    );
}

#[test]
fn less_than_the_floor_is_left() {
    let text = |bytes: usize| format!("data:image/png;base64,{}", STANDARD.encode(vec![7; bytes]));
    assert!(may_be_in(&text(767)) && replace(&text(767), |_| Some(String::new())).is_some());
    assert!(!may_be_in(&text(765)) && replace(&text(765), |_| Some(String::new())).is_none());
}

#[test]
fn each_is_replaced_or_left() {
    let (base64, _) = content();
    let text = format!(
        r#"["data:image/png;base64,{base64}",{{"mime_type":"audio/wav","content":"{base64}"}},"data:text/csv;base64,{base64}"]"#
    );
    let replaced = replace(&text, |inline| {
        (inline.mime != "text/csv").then(|| inline.content_len().to_string())
    });
    assert_eq!(
        replaced.unwrap(),
        format!(r#"["1001",{{"mime_type":"audio/wav","content":"1001"}},"data:text/csv;base64,{base64}"]"#)
    );
    assert_eq!(replace(&text, |_| None), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wherever_one_stands_it_is_found_and_nothing_around_it_is_touched(
        before in "([a-z\" :;,é]|data:|;base64,|image/png){0,6}",
        fill in 0_usize..2000,
        content in proptest::collection::vec(any::<u8>(), 800..3000),
        after in "[ \")é].{0,20}"
    ) {
        let before = format!("{}{before}", " ".repeat(fill));
        let text = format!("{before} data:image/png;base64,{}{after}", STANDARD.encode(&content));
        let mut decoded = Vec::new();
        let replaced = replace(&text, |inline| {
            decoded.push(inline.decode());
            Some("@".to_owned())
        });
        prop_assert_eq!(decoded, [Some(content)], "{}", text);
        prop_assert_eq!(replaced, Some(format!("{before} @{after}")));
    }

    #[test]
    fn no_text_is_too_strange(text in "([a-z]|data:|;base64,|image/png|=|\\\\|é|\"|[A-Za-z0-9+/]{900,1100}|\"data\":\"|\"mime_type\":\"a/b\"){0,20}") {
        let parts: usize = text.len();
        let replaced = replace(&text, |inline| Some(inline.content_len().to_string()));
        prop_assert!(replaced.is_none_or(|replaced| replaced.len() <= parts));
    }
}
