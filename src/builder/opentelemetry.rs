//! An exporter of OpenTelemetry's SDK as a program names it.

use std::fmt;

use opentelemetry_sdk::trace::SpanExporter;

use crate::builder::choices::Choices;
use crate::dialect::GenAiDialect;
use crate::export::Exporter;
use crate::opentelemetry::exporter::{SdkExporter, judge};

/// A destination that an exporter of OpenTelemetry's own SDK sends to: feature `opentelemetry`.
///
/// ```
/// use opentelemetry_sdk::error::OTelSdkResult;
/// use opentelemetry_sdk::trace::{SpanData, SpanExporter};
/// use tracing_llm::OpenTelemetry;
///
/// /// In its place, any exporter: Zipkin's, Datadog's, `opentelemetry_otlp::SpanExporter` for `http/json`.
/// #[derive(Debug)]
/// struct Names;
///
/// impl SpanExporter for Names {
///     async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
///         spans.iter().for_each(|span| println!("{}", span.name));
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), tracing_llm::Error> {
/// let (layer, llm) = tracing_llm::builder()
///     .opentelemetry(OpenTelemetry::new(Names).name("names"))
///     .build()?;
/// # drop((layer, llm));
/// # Ok(())
/// # }
/// ```
///
/// It is shown every span, with the attributes that OTLP over HTTP sends; but an attribute of the SDK has no bytes, which
/// are base64 text here. Queue, batches and counters are the lane's, as everywhere.
///
/// The exporter may block, or want a Tokio runtime around it (timers and sockets on): it finds both. An export that takes
/// longer than 30 s is given up, waited for, and made again if it failed. The SDK's errors do not say whether it is of use
/// to try again, so one is tried five times in all before the batch is counted as failed. What an error says is said once, cut to 200
/// characters: it should hold no secret. When the pipeline ends, `shutdown`
/// is called; `force_flush` is not, since an export that has returned is over.
#[must_use = "it is given to Builder::opentelemetry"]
pub struct OpenTelemetry {
    pub(super) open: Box<Open>,
    pub(super) choices: Choices,
}

type Open = dyn FnOnce(GenAiDialect) -> Box<dyn Exporter> + Send;

impl OpenTelemetry {
    /// A destination called `opentelemetry`.
    pub fn new(exporter: impl SpanExporter + 'static) -> Self {
        Self {
            open: Box::new(|dialect| Box::new(SdkExporter::new("opentelemetry", exporter, dialect, judge))),
            choices: Choices::default(),
        }
    }

    /// Its name in reports and in the ledger.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.choices.name = Some(name.into());
        self
    }

    /// Shows it fewer spans: see [`LangfuseBuilder::filter`](crate::LangfuseBuilder::filter).
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.choices.filter = Some(directives.into());
        self
    }
}

impl fmt::Debug for OpenTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetry")
            .field("name", &self.choices.name)
            .finish_non_exhaustive()
    }
}
