//! A picture, a recording, a document: bytes that Langfuse shows in place of a text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// Bytes with their type, to stand anywhere in an input, an output or metadata.
///
/// It serialises as a data URI, `data:image/png;base64,…`, which is also what many a framework's messages have in them. A Langfuse
/// project that is sent the observation is sent the bytes apart, in the background, and shows them; what stands in the value is
/// a reference of some hundred bytes, at every destination. [`LangfuseBuilder::upload_media`] turns that off.
///
/// ```
/// use serde_json::json;
/// use tracing_llm::{Media, current};
///
/// let scan = Media::from_bytes("image/png", vec![0; 2048]);
/// current().input(json!({ "question": "What is on it?", "scan": scan }));
/// ```
///
/// # Limits
///
/// - Less than 1 KiB of base64 stays in its value, and so does what is of a type that Langfuse does not take.
/// - All values with media in them may have 16 MiB of text for each observation, some 12 MB of media. What does not fit has a mark
///   in its place that says so.
/// - In `#[instrument]` an argument is seen by its `Debug`, which shows no content: give it to `current().input(..)`.
/// - The trace's own metadata is not looked through.
///
/// What became of it: [`Ledger::media`](crate::Ledger::media), [`Ledger::unsent_media`](crate::Ledger::unsent_media).
///
/// [`LangfuseBuilder::upload_media`]: crate::LangfuseBuilder::upload_media
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    mime: String,
    bytes: Vec<u8>,
}

impl Media {
    /// Bytes of this type, such as `image/png`, `audio/wav` or `application/pdf`. As the server's, it is in small letters and has no
    /// parameters: of `text/CSV; charset=utf-8` it is `text/csv`.
    #[must_use]
    pub fn from_bytes(mime: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let mime: String = mime.into();
        let essence = mime.split(';').next().unwrap_or_default();
        Self {
            mime: essence.trim().to_ascii_lowercase(),
            bytes: bytes.into(),
        }
    }

    /// Its type.
    #[must_use]
    pub fn mime(&self) -> &str {
        &self.mime
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The data URI that it serialises as.
    #[must_use]
    pub fn to_data_uri(&self) -> String {
        let mut uri = format!("data:{}{}", self.mime, crate::media_text::MARK);
        STANDARD.encode_string(&self.bytes, &mut uri);
        uri
    }
}

/// As a data URI.
impl Serialize for Media {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_data_uri())
    }
}

/// Its type and its length; never its content.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("mime", &self.mime)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_data_uri_in_a_value_and_shows_no_content() {
        let media = Media::from_bytes("image/png", *b"hello");
        let value = serde_json::json!({ "image": media });
        assert_eq!(value.to_string(), r#"{"image":"data:image/png;base64,aGVsbG8="}"#);
        assert_eq!(format!("{media:?}"), r#"Media { mime: "image/png", bytes: 5 }"#);
        let parameters = Media::from_bytes(" Text/CSV; charset=utf-8", *b"hello");
        assert_eq!(parameters.to_data_uri(), "data:text/csv;base64,aGVsbG8=");
    }
}
