//! Media: what is stored of them, and how they get there.

pub(crate) mod exporter;
mod fetch;
pub(crate) mod storage;
mod upload;
mod wire;

use std::fmt;
use std::time::SystemTime;

use crate::error::Error;
use crate::http;
use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Langfuse, Request};
use crate::media_text::Reference;

pub use self::upload::ItemPart;

/// Media as the server stores them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMedia {
    /// Its id: 22 characters of its hash.
    pub id: String,
    /// Its type, such as `image/png`.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was uploaded.
    pub uploaded: SystemTime,
    /// Where everybody can read it who has the address: it is signed, so keep it as you keep what is there.
    pub url: String,
    /// Until when the address is good.
    pub url_expires: SystemTime,
}

impl Langfuse {
    /// What is stored under an id, or under the reference that stands in a value (`@@@langfuseMedia:type=…|id=…|source=…@@@`).
    ///
    /// # Errors
    ///
    /// There is nothing, or it is not uploaded yet ([`Error::is_not_found`]); else as [`auth_check`](Self::auth_check) tells
    /// apart.
    pub async fn media(&self, id_or_reference: &str) -> Result<StoredMedia, Error> {
        let request = Request::get("read media", &["media", id_of(id_or_reference)]);
        self.call(request).await?.read(|json| {
            Some(StoredMedia {
                id: text(&json, "mediaId")?,
                mime: text(&json, "contentType")?,
                bytes: json["contentLength"].as_u64()?,
                uploaded: time(&json, "uploadedAt")?,
                url: text(&json, "url")?,
                url_expires: time(&json, "urlExpiry")?,
            })
        })
    }

    /// [`media`](Self::media) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn media_blocking(&self, id_or_reference: &str) -> Result<StoredMedia, Error> {
        self.wait(self.media(id_or_reference))
    }
}

/// The address without what opens it.
impl fmt::Debug for StoredMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMedia")
            .field("id", &self.id)
            .field("mime", &self.mime)
            .field("bytes", &self.bytes)
            .field("uploaded", &self.uploaded)
            .field("url", &http::shown(&self.url))
            .field("url_expires", &self.url_expires)
            .finish()
    }
}

/// The id in a reference; what is none is one.
fn id_of(text: &str) -> &str {
    let reference = Reference::all(text).next();
    reference.map_or(text.trim(), |reference| reference.id)
}
