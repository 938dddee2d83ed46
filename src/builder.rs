//! Wires the rooms together: destinations, the pipeline, the layer.

mod choices;
mod destination;
mod init;
mod manual;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod plan;

use std::fmt;
use std::time::Duration;

pub use destination::Otlp;
#[cfg(feature = "opentelemetry")]
pub use opentelemetry::OpenTelemetry;

use crate::diag::Diagnostics;
use crate::env::Variables;
use crate::error::{Error, Kind};
use crate::export::{Exporter, Scope};
use crate::langfuse::LangfuseBuilder;
use crate::layer::{LlmLayer, Settings};
use crate::model::Value;
use crate::otlp::settings::OtlpSettings;
use crate::pipeline::{self, Guard, Pipeline};
use crate::process::{PriceTable, Prices};

/// Observes this program, by its environment: `builder().from_env().init()`.
///
/// It installs a global subscriber with two layers: log lines on stderr, which `RUST_LOG` filters (when it is not
/// set: INFO, without what functions return), and this crate's, which it does not. Destinations come from `LANGFUSE_*` and `OTEL_*`; with none of them
/// the traces are shown on stderr.
///
/// # Errors
///
/// The process has a global subscriber already. A missing or bad variable is none: it disables what it concerns and
/// says so in one line.
pub fn init() -> Result<Guard, Error> {
    builder().from_env().init()
}

/// The layer for a subscriber of one's own, by the environment: `builder().from_env().build()`.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), tracing_llm::Error> {
/// let (layer, llm) = tracing_llm::layer()?;
/// let subscriber = tracing_subscriber::registry().with(layer);
/// // … and `llm` lives until the end of `main`.
/// # drop((subscriber, llm));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The worker's thread cannot be started.
pub fn layer() -> Result<(LlmLayer, Guard), Error> {
    builder().from_env().build()
}

/// A layer and its pipeline, to be set up by hand. Without [`from_env`](Builder::from_env) no variable is read.
pub fn builder() -> Builder {
    Builder::new()
}

/// Sets a layer and its pipeline up.
#[must_use = "nothing is set up before build() or init()"]
pub struct Builder {
    langfuse: Vec<LangfuseBuilder>,
    otlp: Vec<Otlp>,
    console: bool,
    exporters: Vec<(Box<dyn Exporter>, Scope)>,
    #[cfg(feature = "opentelemetry")]
    opentelemetry: Vec<OpenTelemetry>,
    variables: Option<Variables>,
    resource: Vec<(String, Value)>,
    environment: Option<String>,
    release: Option<String>,
    level: tracing::Level,
    plain_names: bool,
    error_events: bool,
    guessed_usage: bool,
    capture_content: Option<bool>,
    capture_arguments: Option<bool>,
    sample_rate: Option<f64>,
    prices: PriceTable,
    send_shipped_prices: bool,
    queue_bytes: usize,
    flush_deadline: Duration,
    immediate: bool,
    jaeger_ui: Option<String>,
    diagnostics: Diagnostics,
}

impl Builder {
    fn new() -> Self {
        Self {
            langfuse: Vec::new(),
            otlp: Vec::new(),
            console: false,
            exporters: Vec::new(),
            #[cfg(feature = "opentelemetry")]
            opentelemetry: Vec::new(),
            variables: None,
            resource: Vec::new(),
            environment: None,
            release: None,
            level: tracing::Level::INFO,
            plain_names: true,
            error_events: true,
            guessed_usage: true,
            capture_content: None,
            capture_arguments: None,
            sample_rate: None,
            prices: PriceTable::new(),
            send_shipped_prices: false,
            queue_bytes: Pipeline::DEFAULT_QUEUE_BYTES,
            flush_deadline: Pipeline::DEFAULT_FLUSH_DEADLINE,
            immediate: false,
            jaeger_ui: None,
            diagnostics: Diagnostics::stderr(),
        }
    }

    /// Reads `LANGFUSE_*`, `OTEL_*` and `JAEGER_UI_URL`. What the program says by the builder's other methods wins, and
    /// destinations add up.
    pub fn from_env(mut self) -> Self {
        self.variables = Some(Variables::system());
        self
    }

    /// Sends to a Langfuse project. [`Pipeline::langfuse`] is the client of the same.
    pub fn langfuse(mut self, langfuse: LangfuseBuilder) -> Self {
        self.langfuse.push(langfuse);
        self
    }

    /// Sends to the OTLP collector of this machine: `http://localhost:4318/v1/traces`, the standard's default.
    pub fn otlp(self) -> Self {
        self.otlp_to(Otlp::new(OtlpSettings::DEFAULT_ENDPOINT))
    }

    /// Sends to an OTLP endpoint over HTTP.
    pub fn otlp_to(mut self, otlp: Otlp) -> Self {
        self.otlp.push(otlp);
        self
    }

    /// Shows every finished trace on stderr, as a tree.
    pub fn console(mut self) -> Self {
        self.console = true;
        self
    }

    /// Sends to a destination of one's own, which is shown what `scope` says: at most 512 observations or 4 MiB at once,
    /// after 5 s at the latest. An attempt that takes longer than 10 s is given up and made again.
    pub fn exporter(mut self, exporter: impl Exporter, scope: Scope) -> Self {
        self.exporters.push((Box::new(exporter), scope));
        self
    }

    /// Sends through an exporter of OpenTelemetry's own SDK.
    #[cfg(feature = "opentelemetry")]
    pub fn opentelemetry(mut self, destination: OpenTelemetry) -> Self {
        self.opentelemetry.push(destination);
        self
    }

    /// The name of the service; it wins over `OTEL_SERVICE_NAME`.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        self.resource("service.name", name.into())
    }

    /// An attribute of the process, such as `("service.version", "1.2")`, shown by OTLP backends and as metadata by
    /// Langfuse; it wins over `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// The environment of every trace that has none of its own; it wins over `LANGFUSE_TRACING_ENVIRONMENT`. Langfuse
    /// knows letters, which it makes lower case, digits, `-` and `_`, at most 40 of them, not beginning with `langfuse`:
    /// what it makes of another name is said. OTLP takes any.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The release of the program; it wins over `LANGFUSE_RELEASE`.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// Records spans and events from this level up; INFO when it is not set. Whatever `RUST_LOG` says.
    pub fn level(mut self, level: tracing::Level) -> Self {
        self.level = level;
        self
    }

    /// Whether obvious field names (`model`, `prompt`, `user_id`, …) mean what they say. They do; without them
    /// only the names of a vocabulary do: `gen_ai.*`, `langfuse.*`, `otel.*`, `user.id`, OpenInference's, ….
    pub fn plain_names(mut self, understood: bool) -> Self {
        self.plain_names = understood;
        self
    }

    /// Whether an event at ERROR makes the span around it one that failed. It does.
    pub fn error_events(mut self, count: bool) -> Self {
        self.error_events = count;
        self
    }

    /// Whether Langfuse's server may count and price, by its own tokeniser, a generation that reports no usage. It may;
    /// a generation that failed is never counted.
    pub fn guessed_usage(mut self, allowed: bool) -> Self {
        self.guessed_usage = allowed;
        self
    }

    /// Whether OTLP backends are sent content: inputs, outputs, arguments, and any value over 200 bytes. They are not,
    /// unless this says so or `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is `true`. Langfuse is, since that
    /// is what it is for.
    pub fn capture_content(mut self, capture: bool) -> Self {
        self.capture_content = Some(capture);
        self
    }

    /// Whether the arguments of a function become its input, and what it returned its output. They do, unless this says no
    /// or `LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED` is `false`. What is named is kept all the same: fields such as
    /// `input`, `prompt` and `output`, messages, and what a handle says. For one span there is the field
    /// `langfuse.capture`, which concerns everything: `"none"`, `"input"` or `"output"`.
    pub fn capture_arguments(mut self, capture: bool) -> Self {
        self.capture_arguments = Some(capture);
        self
    }

    /// The share of all traces that is sent, from 0 to 1; it wins over `OTEL_TRACES_SAMPLER`. A trace is sent whole or not
    /// at all, and which ones is decided by their ids, as OpenTelemetry's SDKs decide it: services that share a trace keep
    /// the same ones. What is said in the others is not kept, and [`Ledger::sampled_out`](crate::Ledger::sampled_out)
    /// counts them.
    ///
    /// A destination may have a smaller share: [`LangfuseBuilder::sample_rate`], [`Otlp::sample_rate`].
    pub fn sample_rate(mut self, share: f64) -> Self {
        self.sample_rate = Some(share);
        self
    }

    /// What the program pays for its models, for calls that say their tokens and not their cost. It goes before the list
    /// prices that this crate ships; several tables add up, and of two equal rows the later one counts.
    ///
    /// OTLP, the console and exporters of your own are shown a cost by either table. Langfuse is sent one by yours.
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices.extend(prices);
        self
    }

    /// Whether Langfuse is sent a cost by this crate's list prices, too. It is not: a server that is sent a cost
    /// computes none, and its own price table is newer and yours to edit. One that has no prices may be told ours.
    pub fn send_shipped_prices(mut self, send: bool) -> Self {
        self.send_shipped_prices = send;
        self
    }

    /// How many bytes of finished observations wait for the worker, and for each destination, at most, and how many of the media
    /// that go there: [`Pipeline::DEFAULT_QUEUE_BYTES`] when it is not set; 0 is an error. What comes then is dropped and counted.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// How long [`Pipeline::flush`] waits at most: [`Pipeline::DEFAULT_FLUSH_DEADLINE`] when it is not set.
    pub fn flush_deadline(mut self, deadline: Duration) -> Self {
        self.flush_deadline = deadline;
        self
    }

    /// Whether each observation is sent as soon as it ends, instead of gathering others for some seconds. It is not: a
    /// request for each is dear. It is for a process that may be frozen or killed at any moment, and for watching
    /// traces while they happen.
    ///
    /// One goes alone when nothing else waits; what ends while a request is on its way goes out together in the next.
    /// Where a moment is known at which the process rests, such as the end of a serverless invocation,
    /// [`Pipeline::flush`] there is cheaper and sure: it sends one request to each destination, none when nothing waits,
    /// and answers when they have arrived.
    pub fn immediate(mut self, immediate: bool) -> Self {
        self.immediate = immediate;
        self
    }

    /// Links the pages of a trace with each other, where both Langfuse and Jaeger are sent it: its root has the address of its
    /// page in Jaeger as metadata `jaeger_url` in Langfuse, and that of its page in Langfuse as attribute `langfuse.trace.url`
    /// over OTLP; the tree of [`console`](Self::console) shows both below the root (an exporter given to
    /// [`exporter`](Self::exporter) is told none). The address is the one at which people open Jaeger, such as
    /// `http://localhost:16686`; it wins over `JAEGER_UI_URL`. Credentials and a query in it are left out. Of several projects
    /// the first is linked to.
    ///
    /// Langfuse's addresses have the project's id in them, for which the server is asked in the background, at the start and
    /// until it answers: until then a root goes without. Who wants the link on the first trace, too, awaits
    /// [`Langfuse::auth_check`](crate::Langfuse::auth_check) of [`Pipeline::langfuse`] before.
    pub fn jaeger_ui(mut self, url: impl Into<String>) -> Self {
        self.jaeger_ui = Some(url.into());
        self
    }

    /// Who is told, in one line, of what goes wrong; stderr when it is not set. It is called on the pipeline's thread, and
    /// on yours inside a span callback, with nothing locked: it may use `tracing`, and its panic is caught. It should not
    /// block.
    pub fn on_diagnostic(mut self, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.diagnostics = Diagnostics::new(say);
        self
    }

    /// Whether the program names destinations that no variable can.
    fn names_other_destinations(&self) -> bool {
        #[cfg(feature = "opentelemetry")]
        if !self.opentelemetry.is_empty() {
            return true;
        }
        !self.exporters.is_empty()
    }

    /// Builds the layer and starts the pipeline.
    ///
    /// # Errors
    ///
    /// A value given to the builder cannot be used, or the worker's thread cannot be started.
    pub fn build(self) -> Result<(LlmLayer, Guard), Error> {
        let mut settings = pipeline::Settings {
            queue_bytes: self.queue_bytes,
            flush_deadline: self.flush_deadline,
            prices: Prices::new(&self.prices)?,
            immediate: self.immediate,
            ..pipeline::Settings::default()
        };
        if settings.queue_bytes == 0 {
            return Err(Error::new(
                Kind::InvalidValue,
                "a queue of 0 bytes would drop everything",
            ));
        }
        let (diagnostics, level) = (self.diagnostics.clone(), self.level);
        let (plain_names, error_events) = (self.plain_names, self.error_events);
        let plan = plan::plan(self, &mut settings)?;
        let observes = !plan.lanes.is_empty();
        let guard = pipeline::start(&settings, plan.lanes, diagnostics.clone())?;
        if let Some(langfuse) = guard.langfuse().filter(|_| plan.links) {
            let diagnostics = diagnostics.clone();
            guard.spawn(async move { langfuse.learn_project(|line| diagnostics.say(line)).await });
        }
        if !observes {
            return Ok((LlmLayer::disabled(level), guard));
        }
        let layer = LlmLayer::new(Settings {
            source: guard.source().clone(),
            diagnostics,
            level,
            plain_names,
            error_events,
        });
        Ok((layer, guard))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("langfuse", &self.langfuse)
            .field("otlp", &self.otlp)
            .field("console", &self.console)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}
