//! What a project is to be sent of an observation beside it: the bytes of its media.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::id::{SpanId, TraceId};
use crate::media_text::Reference;

/// Bytes as the server knows them: by their type and their SHA-256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Blob {
    pub(crate) mime: String,
    pub(crate) len: usize,
    pub(crate) sha256: [u8; 32],
}

/// Where in an observation it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Spot {
    Input,
    Output,
    Metadata,
}

/// One on its way: bytes, unless the project is known to have them, and where they stand, which the project has to be told of
/// each observation.
pub(crate) struct Upload {
    pub(crate) blob: Blob,
    pub(crate) trace: TraceId,
    pub(crate) observation: SpanId,
    pub(crate) spot: Spot,
    body: Option<Arc<Body>>,
    /// It brought them: they count in its weight, and are there no longer than it is.
    bears: bool,
    /// How far it is.
    pub(crate) stage: Stage,
    /// How often a try has come to nothing.
    pub(crate) tries: u32,
}

/// How far an upload is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Stage {
    /// The project knows nothing of it.
    New,
    /// The storage was sent it; the project is to be told so, with this.
    Sent(serde_json::Value),
    /// It is there.
    Done,
    /// It never will be, and why.
    Failed(String),
}

/// Bytes that several uploads share; none when the one that brought them is done with.
#[derive(Default)]
struct Body(Mutex<Option<Bytes>>);

/// What a project has, and what waits to be sent to it: no bytes are kept twice, nor once they are there.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By their hashes, each with its type: the server wants bytes again that come under another.
    blobs: HashMap<[u8; 32], (String, Place)>,
    /// The oldest first.
    order: VecDeque<[u8; 32]>,
}

enum Place {
    Stored,
    Waiting(Weak<Body>),
}

/// Of so many blobs it is known where they are: 4096, some 500 KiB. The oldest is forgotten, and its bytes are offered to the
/// server anew.
const MOST_KNOWN: usize = 4096;

/// What an upload takes beside its bytes.
const FRAME: usize = 512;

impl Blob {
    /// These bytes.
    pub(crate) fn of(mime: &str, bytes: &[u8]) -> Self {
        Self {
            mime: mime.to_owned(),
            len: bytes.len(),
            sha256: hmac_sha256::Hash::hash(bytes),
        }
    }

    /// What stands in a value in their place, as Langfuse's server and SDKs write it.
    pub(crate) fn reference(&self) -> String {
        let (mime, id) = (&*self.mime, &*self.id());
        Reference { mime, id }.write()
    }

    /// Its id at the server, which makes it in the same way: the first 22 characters of the hash.
    pub(crate) fn id(&self) -> String {
        let mut id = URL_SAFE_NO_PAD.encode(self.sha256);
        id.truncate(22);
        id
    }
}

impl Upload {
    /// The blob as a part of an observation, for the project with this shelf.
    pub(crate) fn new(
        blob: Blob,
        bytes: &Bytes,
        (trace, observation, spot): (TraceId, SpanId, Spot),
        shelf: &Shelf,
    ) -> Self {
        let (body, bears) = shelf.take(&blob, bytes);
        Self {
            blob,
            trace,
            observation,
            spot,
            body,
            bears,
            stage: Stage::New,
            tries: 0,
        }
    }

    /// Its bytes, if the project was not known to have them and they are still here.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        self.body.as_ref().and_then(|body| body.lock().clone())
    }

    /// Lets go of its bytes: what becomes of it is known.
    pub(crate) fn settle(&mut self, stage: Stage) {
        self.let_go();
        self.stage = stage;
    }

    /// How many bytes it keeps; always the same, so that books balance.
    pub(crate) fn weight(&self) -> usize {
        FRAME + if self.bears { self.blob.len } else { 0 }
    }

    /// What nothing accounts for is not kept.
    fn let_go(&mut self) {
        if let Some(body) = self.body.take().filter(|_| self.bears) {
            *body.lock() = None;
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("blob", &self.blob)
            .field("spot", &self.spot)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl Body {
    fn lock(&self) -> MutexGuard<'_, Option<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// What an upload of this blob has to hold, and whether it is the one that brings it.
    fn take(&self, blob: &Blob, bytes: &Bytes) -> (Option<Arc<Body>>, bool) {
        let mut known = self.lock();
        let waiting = match known.blobs.get(&blob.sha256) {
            Some((mime, Place::Stored)) if *mime == blob.mime => return (None, false),
            Some((mime, Place::Waiting(body))) if *mime == blob.mime => body.upgrade(),
            _ => None,
        };
        if let Some(body) = waiting.filter(|body| body.lock().is_some()) {
            return (Some(body), false);
        }
        let body = Arc::new(Body(Mutex::new(Some(bytes.clone()))));
        known.put(blob, Place::Waiting(Arc::downgrade(&body)));
        (Some(body), true)
    }

    /// The project has it.
    pub(crate) fn stored(&self, blob: &Blob) {
        self.lock().put(blob, Place::Stored);
    }

    /// The project does not have it, whatever was known.
    pub(crate) fn forget(&self, sha256: [u8; 32]) {
        let mut known = self.lock();
        known.blobs.remove(&sha256);
        known.order.retain(|other| *other != sha256);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

impl Known {
    fn put(&mut self, blob: &Blob, place: Place) {
        let kept = (blob.mime.clone(), place);
        if self.blobs.insert(blob.sha256, kept).is_some() {
            return;
        }
        self.order.push_back(blob.sha256);
        if self.order.len() > MOST_KNOWN {
            if let Some(oldest) = self.order.pop_front() {
                self.blobs.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: [u8; 32] = [1; 32];

    fn blob(mime: &str, sha256: [u8; 32]) -> Blob {
        Blob {
            mime: mime.to_owned(),
            len: 1000,
            sha256,
        }
    }

    fn upload(shelf: &Shelf) -> Upload {
        of_type("image/png", shelf)
    }

    fn of_type(mime: &str, shelf: &Shelf) -> Upload {
        let blob = blob(mime, SHA);
        let place = (TraceId::from_seed("x"), SpanId::from_seed("x"), Spot::Input);
        Upload::new(blob, &Bytes::from(vec![0; 1000]), place, shelf)
    }

    #[test]
    fn bytes_are_kept_once_and_not_when_they_are_there() {
        let shelf = Shelf::default();
        let kept = |upload: &Upload| (upload.bytes().is_some(), upload.weight() - FRAME);
        let first = upload(&shelf);
        let second = upload(&shelf);
        assert_eq!((kept(&first), kept(&second)), ((true, 1000), (true, 0)));
        // Who brought them is gone, dropped or failed: nothing would account for them.
        drop(first);
        assert_eq!(kept(&second), (false, 0));
        let again = upload(&shelf);
        assert_eq!(kept(&again), (true, 1000));
        assert_eq!(kept(&upload(&shelf)), (true, 0));
        shelf.stored(&again.blob);
        assert_eq!(kept(&upload(&shelf)), (false, 0));
        shelf.forget(SHA);
        assert_eq!(kept(&upload(&shelf)), (true, 1000));
    }

    #[test]
    fn bytes_are_kept_when_they_come_under_another_type() {
        let shelf = Shelf::default();
        let has = |mime| of_type(mime, &shelf).bytes().is_some();
        shelf.stored(&blob("image/jpg", SHA));
        assert!(has("image/jpeg"));
        shelf.stored(&blob("image/jpeg", SHA));
        assert!(!has("image/jpeg") && has("image/jpg"));
    }

    #[test]
    fn what_is_known_is_bounded() {
        let shelf = Shelf::default();
        for number in 0..MOST_KNOWN as u32 + 10 {
            let mut sha256 = [0; 32];
            sha256[..4].copy_from_slice(&number.to_be_bytes());
            shelf.stored(&blob("image/png", sha256));
        }
        let known = shelf.lock();
        assert_eq!((known.blobs.len(), known.order.len()), (MOST_KNOWN, MOST_KNOWN));
        assert!(!known.blobs.contains_key(&[0; 32]));
    }
}
