//! What the media of a project are sent through: the server is asked where to, the storage is sent the bytes, and the server is
//! told so.
//!
//! Source: Langfuse v4.16, `web/src/pages/api/public/media`; recorded in `tests/fixtures/langfuse/media.jsonl`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::storage::Refusal;
use super::wire;
use crate::export::{ExportError, ExportFuture, Exported, MediaExporter};
use crate::langfuse::client::{Langfuse, Request};
use crate::model::{Shelf, Spot, Stage, Upload};
use crate::otlp::answer::Reader;

/// Sends media to a project: one call is one try of each, since the lane tries again, in its own time.
#[derive(Debug)]
pub(crate) struct LangfuseMedia {
    client: Langfuse,
    shelf: Arc<Shelf>,
    at_once: usize,
    reader: Reader,
}

/// A try that came to nothing.
enum Trouble {
    /// The server is away, as for traces: for as long as that is.
    Away(ExportError),
    /// The server or the storage fails: a few times more.
    Fails(ExportError),
    /// For ever, and why.
    Refused(String),
}

impl LangfuseMedia {
    /// So many tries has an upload that the server or the storage fails: three, as in Langfuse's own SDKs. A storage that cannot be
    /// reached from here, or a server that has none, would else keep what follows from being sent, and every flush waiting.
    const MOST_TRIES: u32 = 3;

    /// For the project of a client that keeps what it has on this shelf; so many uploads run at once.
    pub(crate) fn new(client: Langfuse, shelf: Arc<Shelf>, at_once: usize) -> Self {
        let reader = Reader {
            retries_500: true,
            secrets: client.secrets().clone(),
        };
        Self {
            client,
            shelf,
            at_once,
            reader,
        }
    }

    async fn send(&self, uploads: &mut [Box<Upload>]) -> Result<Exported, ExportError> {
        let error = Mutex::new(None);
        let groups = alike(uploads);
        let senders = self.at_once.min(groups.len());
        let groups = Mutex::new(groups.into_iter());
        let next = || groups.lock().unwrap_or_else(PoisonError::into_inner).next();
        let sender = || async {
            while let Some(group) = next() {
                for upload in group {
                    if let Err(failed) = self.bring(upload).await {
                        error
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(failed);
                        // The next would fare no better.
                        return;
                    }
                }
            }
        };
        all((0..senders).map(|_| sender())).await;
        if let Some(error) = error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let failed = uploads.iter().filter_map(|upload| match &upload.stage {
            Stage::Failed(why) => Some(why),
            _ => None,
        });
        let count = failed.clone().count();
        let first = failed.clone().next().cloned();
        Ok(first.map_or_else(Exported::all, |why| Exported::partly(count, why)))
    }

    /// One try of one upload; an error when there may be another.
    async fn bring(&self, upload: &mut Upload) -> Result<(), ExportError> {
        if matches!(upload.stage, Stage::Done | Stage::Failed(_)) {
            return Ok(());
        }
        match self.steps(upload).await {
            Ok(()) => {
                self.shelf.stored(&upload.blob);
                upload.settle(Stage::Done);
            }
            Err(Trouble::Away(error)) => return Err(error),
            Err(Trouble::Fails(error)) if upload.tries + 1 < Self::MOST_TRIES => {
                upload.tries += 1;
                return Err(error);
            }
            Err(Trouble::Fails(error)) => upload.settle(Stage::Failed(error.to_string())),
            Err(Trouble::Refused(why)) => upload.settle(Stage::Failed(why)),
        }
        Ok(())
    }

    async fn steps(&self, upload: &mut Upload) -> Result<(), Trouble> {
        if upload.stage == Stage::New {
            let answer = self
                .ask(
                    Method::POST,
                    &["media"],
                    wire::wanted(&upload.blob, place(upload)),
                )
                .await?;
            match answer["mediaId"].as_str() {
                Some(id) if id == upload.blob.id() => {}
                Some(_) => return Err(Trouble::Refused(OTHER_ID.to_owned())),
                None => return Err(Trouble::Refused(NO_LANGFUSE.to_owned())),
            }
            let Some(url) = answer["uploadUrl"].as_str() else {
                return Ok(());
            };
            self.put(upload, url).await?;
        }
        let Stage::Sent(report) = &upload.stage else {
            return Ok(());
        };
        let path = ["media", &upload.blob.id()];
        self.ask(Method::PATCH, &path, report.clone()).await.map(drop)
    }

    async fn put(&self, upload: &mut Upload, url: &str) -> Result<(), Trouble> {
        let Some(bytes) = upload.bytes() else {
            // It had them, and nobody keeps what it has.
            self.shelf.forget(upload.blob.sha256);
            return Err(Trouble::Refused(NO_LONGER.to_owned()));
        };
        let began = Instant::now();
        let storage = self.client.storage();
        let limit = storage.time_for(bytes.len());
        let sent = storage.put(url, &upload.blob, bytes, limit).await;
        let report = |status: u16| wire::report(status, began.elapsed());
        let refusal = match sent {
            Ok(()) => {
                upload.stage = Stage::Sent(report(wire::STORED));
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        let Refusal {
            status, why, after, ..
        } = refusal;
        if refusal.is_for_now && upload.tries + 1 < Self::MOST_TRIES {
            let error = ExportError::retry(why);
            return Err(Trouble::Fails(match after {
                Some(wait) => error.after(wait),
                None => error,
            }));
        }
        if let Some(status) = status {
            let mut report = report(status);
            report["uploadHttpError"] = json!(why);
            // The server's page says so, if it hears of it.
            let path = ["media", &upload.blob.id()];
            drop(self.ask(Method::PATCH, &path, report).await);
        }
        Err(Trouble::Refused(why))
    }

    /// Asks the server, once; its answer as JSON.
    async fn ask(&self, method: Method, path: &[&str], body: Value) -> Result<Value, Trouble> {
        let request = Request::change(method, "upload media", path).body(body);
        let asked = self.client.once(request).await;
        let (endpoint, outcome) = asked.map_err(|error| Trouble::Refused(error.to_string()))?;
        let fails = matches!(&outcome, Ok(response) if response.status == StatusCode::INTERNAL_SERVER_ERROR);
        match outcome {
            Ok(response) if response.status.is_success() => {
                serde_json::from_slice(&response.body).map_err(|_| Trouble::Refused(NO_LANGFUSE.to_owned()))
            }
            outcome => Err(match self.reader.read(outcome, &endpoint, 1) {
                Err(error) if error.is_retryable() && fails => Trouble::Fails(error),
                Err(error) if error.is_retryable() => Trouble::Away(error),
                Err(error) => Trouble::Refused(error.to_string()),
                Ok(_) => Trouble::Refused(NO_LANGFUSE.to_owned()),
            }),
        }
    }
}

impl MediaExporter for LangfuseMedia {
    fn export<'a>(&'a mut self, uploads: &'a mut [Box<Upload>]) -> ExportFuture<'a> {
        Box::pin(self.send(uploads))
    }
}

/// Where it stands, as the server is told.
fn place(upload: &Upload) -> Value {
    let field = match upload.spot {
        Spot::Input => "input",
        Spot::Output => "output",
        Spot::Metadata => "metadata",
    };
    json!({
        "traceId": upload.trace.to_string(),
        "observationId": upload.observation.to_string(),
        "field": field,
    })
}

/// Those of one blob together: the first brings the bytes, and the server then needs them from no other.
fn alike(uploads: &mut [Box<Upload>]) -> Vec<Vec<&mut Upload>> {
    let mut groups: Vec<Vec<&mut Upload>> = Vec::new();
    for upload in uploads {
        match groups
            .iter_mut()
            .find(|group| group[0].blob.sha256 == upload.blob.sha256)
        {
            Some(group) => group.push(upload),
            None => groups.push(vec![upload]),
        }
    }
    groups
}

/// Runs futures beside each other until all are done.
async fn all(futures: impl Iterator<Item = impl Future<Output = ()> + Send>) {
    let mut running: Vec<Pin<Box<_>>> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

const NO_LANGFUSE: &str = "what answers is no Langfuse";
const OTHER_ID: &str =
    "the server has these bytes under an id that is not made of their hash, as the reference is";
const NO_LONGER: &str = "its bytes are here no longer: they were there already, or failed before";

#[cfg(test)]
mod tests;
