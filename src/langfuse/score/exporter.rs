//! Queued scores: what their lane sends through.

use crate::export::{ExportError, ExportFuture, Exported, ScoreExporter};
use crate::http::Response;
use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::score::Way;
use crate::langfuse::score::verdicts::{self, Verdict};
use crate::model::Ready;
use crate::otlp::answer::Reader;

/// Sends scores to a project: one call is one attempt, since the lane tries again, in its own time.
#[derive(Debug)]
pub(crate) struct LangfuseScores {
    client: Langfuse,
    reader: Reader,
}

impl LangfuseScores {
    pub(crate) fn new(client: Langfuse) -> Self {
        let reader = Reader {
            retries_500: true,
            secrets: client.secrets().clone(),
        };
        Self { client, reader }
    }

    async fn send(&self, scores: &[Box<Ready>]) -> Result<Exported, ExportError> {
        let ways = self.client.score_ways();
        if ways.has(Way::Batch) {
            match self.send_together(scores).await? {
                Some(exported) => return Ok(exported),
                None => ways.forget(Way::Batch),
            }
        }
        self.send_each(scores).await
    }

    /// All of them in one request; `None` where there is no such way.
    async fn send_together(&self, scores: &[Box<Ready>]) -> Result<Option<Exported>, ExportError> {
        let request = self.client.batch_of(scores.iter().map(AsRef::as_ref));
        let answer = self.once(request, scores.len()).await;
        let answer = match answer {
            Err(Failed::Gone) => return Ok(None),
            Err(Failed::Because(error)) => return Err(error),
            Ok(answer) => answer,
        };
        let events = scores.iter().map(|ready| ready.event.as_str());
        let verdicts = serde_json::from_slice(&answer.body).ok();
        let Some(verdicts) = verdicts.and_then(|answer| verdicts::read(&answer, events)) else {
            return Err(ExportError::reject(NO_LANGFUSE));
        };
        let (mut refused, mut first) = (0, None);
        for verdict in verdicts {
            match verdict {
                Verdict::Taken => {}
                Verdict::NoWay(_) => return Ok(None),
                // All of them again: those that were taken are the same scores then.
                Verdict::NotNow(why) => return Err(ExportError::retry(self.said(&why))),
                Verdict::Refused(why) => {
                    refused += 1;
                    first.get_or_insert(why);
                }
            }
        }
        Ok(Some(first.map_or_else(Exported::all, |why| {
            Exported::partly(refused, self.said(&why))
        })))
    }

    /// A request for each, where there are no batches.
    async fn send_each(&self, scores: &[Box<Ready>]) -> Result<Exported, ExportError> {
        let (mut refused, mut first) = (0, None);
        for ready in scores {
            let why = match self.once(self.client.request_of(ready), 1).await {
                Ok(_) => continue,
                Err(Failed::Because(error)) if error.is_retryable() => return Err(error),
                Err(Failed::Because(error)) => error.to_string(),
                Err(Failed::Gone) => "the server has no way for scores".to_owned(),
            };
            refused += 1;
            first.get_or_insert(why);
        }
        Ok(first.map_or_else(Exported::all, |why| Exported::partly(refused, why)))
    }

    async fn once(&self, request: Request, count: usize) -> Result<Response, Failed> {
        let attempt = self.client.once(request).await;
        let (endpoint, outcome) = attempt.map_err(|error| ExportError::reject(error.to_string()))?;
        match outcome {
            Ok(response) if response.status.is_success() => Ok(response),
            Ok(response) if is_gone(&response) => Err(Failed::Gone),
            outcome => match self.reader.read(outcome, &endpoint, count) {
                Err(error) => Err(error.into()),
                Ok(_) => Err(ExportError::reject(NO_LANGFUSE).into()),
            },
        }
    }

    fn said(&self, why: &str) -> String {
        self.client.excerpt(why).unwrap_or_default()
    }
}

impl ScoreExporter for LangfuseScores {
    fn export<'a>(&'a mut self, scores: &'a [Box<Ready>]) -> ExportFuture<'a> {
        Box::pin(self.send(scores))
    }
}

/// Why an attempt came to nothing.
enum Failed {
    /// The server is a Langfuse that does not have this way.
    Gone,
    Because(ExportError),
}

impl From<ExportError> for Failed {
    fn from(error: ExportError) -> Self {
        Self::Because(error)
    }
}

/// As [`is_gone`](super::is_gone) says of a call of the client: a page is no word of a Langfuse.
fn is_gone(response: &Response) -> bool {
    let is_json = || serde_json::from_slice::<serde_json::Value>(&response.body).is_ok();
    match response.status.as_u16() {
        404 => is_json(),
        status => matches!(status, 405 | 410),
    }
}

const NO_LANGFUSE: &str = "what answers is no Langfuse";
