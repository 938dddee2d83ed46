//! Media that come back: bytes in place of a reference.

use std::collections::HashMap;
use std::sync::Arc;

use super::upload::tried;
use crate::error::{Error, Kind};
use crate::langfuse::client::wait::wait;
use crate::langfuse::client::{Budget, Langfuse};
use crate::media_text::Reference;
use crate::model::{Blob, Media};

const VERB: &str = "fetch media";

impl Langfuse {
    /// The bytes of media, by their id or by the reference that stands in a value. They are those that the id was made of, or an
    /// error.
    ///
    /// # Errors
    ///
    /// There is nothing, or it is not uploaded yet ([`Error::is_not_found`]); the storage, which may be another host, does not give
    /// it ([`Error::is_refused`]) or cannot be reached from here ([`Error::is_unreachable`]); it has more than 64 MiB, or is not what
    /// the id says; else as [`auth_check`](Self::auth_check) tells apart.
    pub async fn fetch_media(&self, id_or_reference: &str) -> Result<Media, Error> {
        let stored = self.media(id_or_reference).await?;
        let len = usize::try_from(stored.bytes).unwrap_or(usize::MAX);
        let budget = Budget::new(self.storage().time_for(len));
        let (storage, url) = (Arc::clone(self.storage()), stored.url);
        let get = async move { tried(budget, |left| storage.get(&url, left)).await };
        let bytes = self.on_our_thread(VERB, get).await?;
        let bytes = bytes.map_err(|refusal| refusal.error(VERB))?;
        if Blob::of(&stored.mime, &bytes).id() != stored.id {
            let what = format!("cannot {VERB}: what the storage gave is not {}", stored.id);
            return Err(Error::new(Kind::Unexpected, what));
        }
        Ok(Media::from_bytes(stored.mime, bytes))
    }

    /// [`fetch_media`](Self::fetch_media) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn fetch_media_blocking(&self, id_or_reference: &str) -> Result<Media, Error> {
        wait(
            self.storage().time_for(MOST_BYTES),
            self.fetch_media(id_or_reference),
        )
    }

    /// A text with the media themselves, as data URIs, in place of the references in it: an input that was read back, to be sent
    /// to a model again. JSON stays JSON. What is referred to several times is fetched once.
    ///
    /// ```no_run
    /// # async fn again(langfuse: &tracing_llm::Langfuse, id: &str) -> Result<(), tracing_llm::Error> {
    /// let mut rows = langfuse.observations().trace(id).rows();
    /// while let Some(row) = rows.next().await {
    ///     let input = langfuse.resolve_media(&row?.input.unwrap_or_default()).await?;
    /// #   drop(input);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`fetch_media`](Self::fetch_media), of the first that cannot be had.
    pub async fn resolve_media(&self, text: &str) -> Result<String, Error> {
        let mut known: HashMap<&str, String> = HashMap::new();
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, reference, behind)) = Reference::first(rest) {
            if !known.contains_key(reference.id) {
                known.insert(reference.id, self.fetch_media(reference.id).await?.to_data_uri());
            }
            resolved.push_str(before);
            resolved.extend(known.get(reference.id).map(String::as_str));
            rest = behind;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    /// [`resolve_media`](Self::resolve_media) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn resolve_media_blocking(&self, text: &str) -> Result<String, Error> {
        let count = u32::try_from(Reference::all(text).count()).unwrap_or(u32::MAX);
        let time = self.storage().time_for(MOST_BYTES).saturating_mul(count.max(1));
        wait(time, self.resolve_media(text))
    }
}

/// The most that an answer may have.
const MOST_BYTES: usize = 64 * 1024 * 1024;
