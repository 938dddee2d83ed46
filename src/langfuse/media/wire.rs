//! What the server is told of media.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::model::Blob;

/// An upload that is wanted, for what stands at this place.
pub(super) fn wanted(blob: &Blob, mut place: Value) -> Value {
    place["contentType"] = json!(blob.mime);
    place["contentLength"] = json!(blob.len);
    place["sha256Hash"] = json!(STANDARD.encode(blob.sha256));
    place
}

/// What is said of an upload that went well, whichever 2xx the storage has for it: Azure answers 201, and the server takes nothing
/// but this for stored.
///
/// Source: `web/src/pages/api/public/media/index.ts`, which asks for the bytes again unless it was told so.
pub(super) const STORED: u16 = 200;

/// One that was made.
pub(super) fn report(status: u16, time: Duration) -> Value {
    json!({
        "uploadedAt": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "uploadHttpStatus": status,
        "uploadTimeMs": u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    })
}
