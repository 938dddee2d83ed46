//! The exporter to any OTLP backend.

use std::fmt;

use crate::dialect::Dialect;
use crate::error::Error;
use crate::export::{Batch, ExportFuture, Exporter};
use crate::otlp::encode::encode;
use crate::otlp::poster::Poster;
use crate::otlp::settings::OtlpSettings;

/// Sends batches by OTLP over HTTP, as protobuf.
pub(crate) struct OtlpExporter<D> {
    name: String,
    dialect: D,
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
            dialect,
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
        Box::pin(poster.post(batch.len(), move |out| encode(batch, dialect, out)))
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
    use super::*;
    use crate::dialect::GenAiDialect;
    use crate::export::Exported;
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
}
