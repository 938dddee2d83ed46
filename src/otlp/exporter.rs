//! The exporter to any OTLP backend.

use std::fmt;

use crate::error::Error;
use crate::export::{Batch, ExportFuture, Exporter};
use crate::otlp::encode::{Dialect, encode};
use crate::otlp::poster::Poster;
use crate::otlp::settings::OtlpSettings;

/// Sends batches by OTLP over HTTP, as protobuf.
pub(crate) struct OtlpExporter {
    name: String,
    dialect: Box<dyn Dialect + Send>,
    poster: Poster,
}

impl OtlpExporter {
    /// An exporter called `otlp` that writes in this dialect.
    pub(crate) fn new(settings: OtlpSettings, dialect: Box<dyn Dialect + Send>) -> Result<Self, Error> {
        Ok(Self::from_poster("otlp", settings.poster()?, dialect))
    }

    /// The same under another name; several destinations need several.
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// An exporter to a destination that speaks OTLP with headers, and perhaps a dialect, of its own.
    pub(crate) fn from_poster(
        name: impl Into<String>,
        poster: Poster,
        dialect: Box<dyn Dialect + Send>,
    ) -> Self {
        Self {
            name: name.into(),
            dialect,
            poster,
        }
    }
}

impl Exporter for OtlpExporter {
    fn name(&self) -> &str {
        &self.name
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        let Self { dialect, poster, .. } = self;
        Box::pin(poster.post(batch.len(), move |out| encode(batch, &**dialect, out)))
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("name", &self.name)
            .field("poster", &self.poster)
            .finish_non_exhaustive()
    }
}
