//! The exporter to any OTLP backend.

use std::fmt;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::error::Error;
use crate::export::{Batch, ExportFuture, Exporter};
use crate::otlp::encode::encode;
use crate::otlp::poster::Poster;
use crate::otlp::settings::OtlpSettings;

/// From this weight on a batch that is packed is written beside the worker, in bytes of its observations: less than some
/// milliseconds are not worth the way, and a program that sends little needs no thread more. Writing alone is cheaper where
/// the observations are at hand.
const LARGE: usize = 256 * 1024;

/// Sends batches by OTLP over HTTP, as protobuf.
pub(crate) struct OtlpExporter<D> {
    name: String,
    dialect: Arc<D>,
    poster: Poster,
}

impl<D: Dialect> OtlpExporter<D> {
    /// An exporter called `otlp` that writes in this dialect.
    pub(crate) fn new(settings: OtlpSettings, dialect: D) -> Result<Self, Error> {
        Ok(Self::from_poster("otlp", settings.poster()?, dialect))
    }

    /// An exporter to a destination that speaks OTLP with headers, and perhaps a dialect, of its own.
    pub(crate) fn from_poster(name: impl Into<String>, poster: Poster, dialect: D) -> Self {
        Self {
            name: name.into(),
            dialect: Arc::new(dialect),
            poster,
        }
    }
}

impl<D: Dialect> Exporter for OtlpExporter<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        let Self { dialect, poster, .. } = self;
        let (count, dialect) = (batch.len(), &*dialect);
        if !poster.packs() || batch.weight() < LARGE {
            return Box::pin(poster.post(count, move |out| encode(batch, &**dialect, out)));
        }
        let (batch, dialect) = (batch.clone(), Arc::clone(dialect));
        Box::pin(poster.post_large(count, move |out| encode(&batch, &*dialect, out)))
    }
}

impl<D> fmt::Debug for OtlpExporter<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("name", &self.name)
            .field("poster", &self.poster)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;
    use crate::dialect::{self, GenAiDialect};
    use crate::export::Exported;
    use crate::model::{Lane, Observation};
    use crate::otlp::poster::Compression;
    use crate::receiver::Receiver;
    use crate::testing::Capture;

    #[tokio::test]
    async fn batches_arrive_one_after_the_other() {
        for compression in [Compression::None, Compression::Gzip] {
            let receiver = Receiver::otlp();
            let mut settings = OtlpSettings::new(&format!("{}/v1/traces", receiver.url())).unwrap();
            settings.compression = compression;
            let dialect = GenAiDialect::new(Default::default(), false);
            let mut exporter = OtlpExporter::new(settings, dialect).unwrap();
            assert_eq!(exporter.name(), "otlp");
            let capture = Capture::new();
            for name in ["one", "two"] {
                capture.run(|| drop(tracing::info_span!("step", otel.name = name)));
                let last = capture.observations().pop().unwrap();
                assert_eq!(
                    exporter.export(&Batch::new(0, vec![last])).await,
                    Ok(Exported::all())
                );
            }
            let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
            assert_eq!(names, ["one", "two"]);
        }
    }

    /// Says on which thread it is asked, and panics when it should.
    struct Where {
        threads: mpsc::Sender<ThreadId>,
        panics: bool,
    }

    impl Dialect for Where {
        fn scope(&self) -> (&'static str, &'static str) {
            ("where", "1")
        }

        fn resource(&self, _: &mut impl dialect::Attributes) {
            self.threads.send(thread::current().id()).unwrap();
            assert!(!self.panics, "the dialect fails");
        }

        fn span(&self, _: &Observation, _: Lane, _: &mut impl dialect::Span) {}
    }

    fn exporter(receiver: &Receiver, panics: bool) -> (OtlpExporter<Where>, mpsc::Receiver<ThreadId>) {
        let (threads, asked) = mpsc::channel();
        let mut settings = OtlpSettings::new(&format!("{}/v1/traces", receiver.url())).unwrap();
        settings.compression = Compression::Gzip;
        (
            OtlpExporter::new(settings, Where { threads, panics }).unwrap(),
            asked,
        )
    }

    fn batch(text: &str) -> Batch {
        let capture = Capture::new();
        capture.run(|| drop(tracing::info_span!("step", input = text)));
        Batch::new(0, capture.observations())
    }

    #[tokio::test]
    async fn a_large_batch_is_written_on_another_thread_and_a_small_one_here() {
        let receiver = Receiver::otlp();
        let (mut exporter, asked) = exporter(&receiver, false);
        for (text, is_here) in [("small", true), (&"x".repeat(LARGE), false), ("small", true)] {
            assert_eq!(exporter.export(&batch(text)).await, Ok(Exported::all()));
            assert_eq!(asked.recv().unwrap() == thread::current().id(), is_here);
        }
        assert_eq!(receiver.spans().len(), 3);
    }

    /// Where the worker catches it, as one over a small batch.
    #[tokio::test]
    #[should_panic(expected = "the dialect fails")]
    async fn a_panic_over_a_large_batch_is_the_exports() {
        let (mut exporter, _asked) = exporter(&Receiver::otlp(), true);
        let _ = exporter.export(&batch(&"x".repeat(LARGE))).await;
    }
}
