//! Media that a program uploads itself, and waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use serde_json::json;

use super::storage::Refusal;
use super::wire;
use crate::error::Error;
use crate::langfuse::client::wait::wait;
use crate::langfuse::client::{Attempts, Budget, Langfuse, Request};
use crate::langfuse::datasets::DatasetItem;
use crate::model::{Blob, Media};

/// Where in an item of a dataset something stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ItemPart {
    /// What goes in.
    Input,
    /// What should come out.
    ExpectedOutput,
    /// What else is to be known.
    Metadata,
}

const VERB: &str = "upload media";

impl Langfuse {
    /// Uploads media for an item of a dataset, and answers the reference that is to stand there: put it into the item's
    /// input, or wherever it belongs. What the server has already is not sent again. (Media of traces are uploaded by themselves:
    /// see [`Media`].)
    ///
    /// ```no_run
    /// use serde_json::json;
    /// use tracing_llm::langfuse::{ItemPart, NewDatasetItem};
    /// use tracing_llm::{Error, Langfuse, Media};
    ///
    /// async fn add(langfuse: &Langfuse, scan: Media) -> Result<(), Error> {
    ///     let item = langfuse.put_dataset_item(&NewDatasetItem::new("scans").id("scan-1")).await?;
    ///     let scan = langfuse.upload_media(&scan, &item, ItemPart::Input).await?;
    ///     let item = NewDatasetItem::new("scans").id("scan-1").input(json!({ "scan": scan }));
    ///     langfuse.put_dataset_item(&item).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The server takes no such type, or not so many bytes, or its storage takes none ([`Error::is_refused`]); the storage, which may
    /// be another host, cannot be reached from here ([`Error::is_unreachable`]); else as [`auth_check`](Self::auth_check) tells
    /// apart.
    pub async fn upload_media(
        &self,
        media: &Media,
        item: &DatasetItem,
        part: ItemPart,
    ) -> Result<String, Error> {
        let field = match part {
            ItemPart::Input => "input",
            ItemPart::ExpectedOutput => "expectedOutput",
            ItemPart::Metadata => "metadata",
        };
        let place = json!({ "datasetId": item.dataset_id, "datasetItemId": item.id, "field": field });
        let blob = Blob::of(media.mime(), media.bytes());
        let budget = Budget::new(self.storage().time_for(blob.len));
        // The id is the hash, so that twice is once.
        let wanted = Request::change(Method::POST, VERB, &["media"]).body(wire::wanted(&blob, place));
        let answer = self.call(wanted.repeatable().within(budget)).await?;
        let id = blob.id();
        let url = answer.read(|json| {
            // The reference names it so.
            json["mediaId"].as_str().filter(|known| *known == id)?;
            Some(json.get("uploadUrl")?.as_str().map(str::to_owned))
        })?;
        let reference = blob.reference();
        let Some(url) = url else {
            return Ok(reference);
        };
        let (storage, bytes) = (Arc::clone(self.storage()), Bytes::copy_from_slice(media.bytes()));
        let began = Instant::now();
        let put = async move { tried(budget, |left| storage.put(&url, &blob, bytes.clone(), left)).await };
        let stored = self.on_our_thread(VERB, put).await?;
        stored.map_err(|refusal| refusal.error(VERB))?;
        let report = wire::report(wire::STORED, began.elapsed());
        let report = Request::change(Method::PATCH, VERB, &["media", &id]).body(report);
        self.call(report.repeatable().within(budget)).await?;
        Ok(reference)
    }

    /// [`upload_media`](Self::upload_media) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn upload_media_blocking(
        &self,
        media: &Media,
        item: &DatasetItem,
        part: ItemPart,
    ) -> Result<String, Error> {
        let time = self.storage().time_for(media.bytes().len());
        wait(time, self.upload_media(media, item, part))
    }
}

/// Asks the storage, in as many tries as a call has.
pub(super) async fn tried<T, F: Future<Output = Result<T, Refusal>>>(
    budget: Budget,
    once: impl Fn(Duration) -> F,
) -> Result<T, Refusal> {
    let mut attempts = Attempts::new();
    loop {
        let refusal = match once(budget.left()).await {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        let wait = attempts
            .next(&budget, refusal.after)
            .filter(|_| refusal.is_for_now);
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(refusal),
        }
    }
}
