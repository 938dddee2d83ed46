//! Which lanes there are: what the program named, and what the variables ask for.

mod links;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use crate::builder::Builder;
use crate::builder::choices::{Choices, name_apart};
use crate::console::ConsoleExporter;
use crate::diag::Diagnostics;
use crate::dialect::GenAiDialect;
use crate::env::Variables;
use crate::error::Error;
use crate::export::{Exporter, Scope};
use crate::langfuse::client::Langfuse;
use crate::langfuse::dialect::LangfuseDialect;
use crate::langfuse::exporter::LangfuseExporter;
use crate::langfuse::media::exporter::LangfuseMedia;
use crate::langfuse::score::exporter::LangfuseScores;
use crate::langfuse::settings::LangfuseSettings;
use crate::model::{Resource, Shelf, Value};
use crate::otlp::exporter::OtlpExporter;
use crate::otlp::settings::OtlpSettings;
use crate::pipeline::{Companion, LaneSpec, MediaSpec, Settings};
use crate::sample::SampleRate;

use self::links::Links;
use self::wanted::Wanted;

/// Smaller than OpenTelemetry's: one span that Langfuse cannot convert costs its whole request.
const LANGFUSE_BATCH: usize = 256;
/// What a lane waits longer than its exporter, whose own words for a request that took too long name the host.
const GRACE: Duration = Duration::from_secs(1);
/// A tree is shown soon after its trace ended.
const CONSOLE_INTERVAL: Duration = Duration::from_millis(200);

/// OpenTelemetry's own limit for an export with all its attempts.
#[cfg(feature = "opentelemetry")]
const SDK_TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be started.
#[derive(Default)]
pub(super) struct Plan {
    /// In the order Langfuse, OTLP, the program's own, console.
    pub(super) lanes: Vec<LaneSpec>,
    /// Somebody wants the addresses of traces in Langfuse.
    pub(super) links: bool,
}

/// The plan of a builder; what the variables say of the whole pipeline goes into its settings.
pub(super) fn plan(mut builder: Builder, settings: &mut Settings) -> Result<Plan, Error> {
    let mut wanted = Wanted::by_hand(&mut builder)?;
    match builder.variables.take() {
        Some(variables) => {
            for message in wanted.add(&variables, &mut builder) {
                builder.diagnostics.say(&message);
            }
        }
        None => {
            wanted.describe(Resource::from_env(&Variables::none()).settings, &builder);
            if !wanted.names_a_destination() && !builder.names_other_destinations() {
                builder.diagnostics.say(NO_DESTINATION);
            }
        }
    }
    if wanted.disabled {
        return Ok(Plan::default());
    }
    settings.queue_count = wanted.batching.queue;
    settings.captures_arguments = wanted.capture_arguments;
    settings.verbose = wanted.verbose;
    let batching = wanted.batching;
    let mut links = Links::of(&wanted, &builder);
    let resource = Arc::new(wanted.resource);
    let mut lanes = Lanes::of(wanted.rate);
    for asked in wanted.langfuse {
        let (settings, variables) = (asked.settings, asked.variables);
        let settings = LangfuseSettings {
            environment: settings.environment.or_else(|| builder.environment.clone()),
            rate: settings.rate.min(wanted.rate),
            ..settings
        };
        let (environment, release) = (settings.environment.as_deref(), builder.release.as_deref());
        let dialect = LangfuseDialect::new(Arc::clone(&resource), environment, release);
        let dialect = dialect.guessed_usage(builder.guessed_usage);
        let dialect = dialect.with_shipped_prices(builder.send_shipped_prices);
        let dialect = dialect.linked(links.jaeger.clone());
        let (batch, batch_bytes) = (settings.flush_at, settings.batch_bytes);
        let (interval, rate) = (settings.flush_interval, settings.rate);
        let timeout = settings.timeout.saturating_add(GRACE);
        let project = langfuse(settings, dialect);
        let Some(project) = opened(project, variables, &builder.diagnostics)? else {
            continue;
        };
        let Project {
            exporter,
            client,
            media,
        } = project;
        links.add(&client);
        lanes.push(Box::new(exporter), Scope::Observations, asked.choices, |spec| {
            spec.batch = LANGFUSE_BATCH;
            spec.timeout = timeout;
            batching.apply(spec);
            spec.batch = batch.unwrap_or(spec.batch);
            spec.batch_bytes = batch_bytes.unwrap_or(spec.batch_bytes);
            spec.interval = interval.unwrap_or(spec.interval);
            spec.view.sample(rate);
            spec.scores = Some(Box::new(LangfuseScores::new(client.clone())));
            spec.media = media;
            spec.companion = Some(Companion::new(client));
        })?;
    }
    let resource = Arc::new(with_release((*resource).clone(), builder.release));
    for asked in wanted.otlp {
        let (settings, variables) = (asked.settings, asked.variables);
        let mut dialect = GenAiDialect::new(Arc::clone(&resource), wanted.capture_content);
        dialect.limits = settings.limits;
        dialect.langfuse = links.langfuse.clone();
        let (timeout, rate) = (settings.timeout.saturating_add(GRACE), settings.rate);
        let exporter = otlp(settings, dialect);
        let Some(exporter) = opened(exporter, variables, &builder.diagnostics)? else {
            continue;
        };
        lanes.push(exporter, Scope::Everything, asked.choices, |spec| {
            spec.timeout = timeout;
            batching.apply(spec);
            spec.view.sample(rate);
        })?;
    }
    #[cfg(feature = "opentelemetry")]
    for destination in builder.opentelemetry {
        let mut dialect = GenAiDialect::new(Arc::clone(&resource), wanted.capture_content);
        dialect.langfuse = links.langfuse.clone();
        let exporter = (destination.open)(dialect);
        lanes.push(exporter, Scope::Everything, destination.choices, |spec| {
            spec.timeout = SDK_TIMEOUT;
            batching.apply(spec);
        })?;
    }
    for (exporter, scope) in builder.exporters {
        lanes.push(exporter, scope, Choices::default(), |spec| batching.apply(spec))?;
    }
    if wanted.console {
        let exporter = Box::new(ConsoleExporter::stderr().linked(links.all()));
        lanes.push(exporter, Scope::Observations, Choices::default(), |spec| {
            spec.interval = CONSOLE_INTERVAL;
        })?;
    }
    name_apart(&mut lanes.list)?;
    Ok(Plan {
        lanes: lanes.list.into_iter().map(|(spec, _)| spec).collect(),
        links: links.asked,
    })
}

/// What serves a Langfuse project; all of it shares its connections.
struct Project {
    exporter: LangfuseExporter,
    client: Langfuse,
    media: Option<MediaSpec>,
}

fn langfuse(settings: LangfuseSettings, dialect: LangfuseDialect) -> Result<Project, Error> {
    let http = settings.client()?;
    let client = Langfuse::open(&settings, http.clone())?;
    let media = settings.media.then(|| {
        let (shelf, at_once) = (Arc::<Shelf>::default(), settings.media_at_once);
        let exporter = LangfuseMedia::new(client.clone(), Arc::clone(&shelf), at_once);
        MediaSpec {
            exporter: Box::new(exporter),
            shelf,
            at_once,
        }
    });
    Ok(Project {
        exporter: LangfuseExporter::new(settings, http, dialect)?,
        client,
        media,
    })
}

/// The exporter to an OTLP backend, by its protocol.
fn otlp(settings: OtlpSettings, dialect: GenAiDialect) -> Result<Box<dyn Exporter>, Error> {
    #[cfg(feature = "grpc")]
    if settings.grpc {
        use crate::opentelemetry::{exporter::SdkExporter, grpc};
        settings.tls.check()?;
        let exporter = grpc::GrpcExporter::new(
            settings.endpoint,
            settings.headers,
            settings.timeout,
            settings.tls,
        );
        return Ok(Box::new(SdkExporter::new("otlp", exporter, dialect, grpc::judge)));
    }
    Ok(Box::new(OtlpExporter::new(settings, dialect)?))
}

const NO_DESTINATION: &str = "no destination was named, so nothing is observed; from_env(), console(), langfuse(..) and \
     otlp() of the builder name one";

/// The exporter, if it could be made. What the program itself asked for must work; what variables asked for is left out
/// and said, so that a deployment's mistake does not end the program.
fn opened<T>(
    exporter: Result<T, Error>,
    variables: Option<&str>,
    diagnostics: &Diagnostics,
) -> Result<Option<T>, Error> {
    match (exporter, variables) {
        (Err(error), Some(variables)) => {
            diagnostics.say(&format!(
                "{variables} cannot be followed, no traces go there: {error}"
            ));
            Ok(None)
        }
        (exporter, _) => exporter.map(Some),
    }
}

/// OTLP's name of a release. Langfuse would take it for the version of each trace.
fn with_release(mut resource: Resource, release: Option<String>) -> Resource {
    if let Some(release) = release.filter(|_| resource.get("service.version").is_none()) {
        resource.set("service.version", Value::Text(release));
    }
    resource
}

struct Lanes {
    list: Vec<(LaneSpec, Choices)>,
    /// The share of all traces that any of them is sent.
    rate: SampleRate,
}

impl Lanes {
    fn of(rate: SampleRate) -> Self {
        Self {
            list: Vec::new(),
            rate,
        }
    }

    fn push(
        &mut self,
        exporter: Box<dyn Exporter>,
        scope: Scope,
        choices: Choices,
        adjust: impl FnOnce(&mut LaneSpec),
    ) -> Result<(), Error> {
        let mut spec = LaneSpec::new(exporter, scope);
        choices.apply(&mut spec)?;
        adjust(&mut spec);
        spec.view.sample(self.rate);
        self.list.push((spec, choices));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::error::Kind;

    #[test]
    fn what_variables_ask_for_in_vain_costs_one_line() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&said);
        let diagnostics = Diagnostics::new(move |line| lines.lock().unwrap().push(line.to_owned()));
        let failed = || Err::<(), _>(Error::new(Kind::System, "no crypto provider"));
        assert!(opened(failed(), None, &diagnostics).is_err());
        assert!(said.lock().unwrap().is_empty());
        assert!(opened(failed(), Some("LANGFUSE_*"), &diagnostics).is_ok_and(|exporter| exporter.is_none()));
        assert_eq!(
            *said.lock().unwrap(),
            ["LANGFUSE_* cannot be followed, no traces go there: no crypto provider"]
        );
    }

    /// Runs with `--no-default-features`.
    #[cfg(not(any(feature = "rustls", feature = "native-tls", feature = "rustls-no-provider")))]
    #[test]
    fn without_tls_a_variable_that_needs_it_opens_nothing() {
        let variables = [
            ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
            ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
        ];
        let mut builder = crate::builder();
        builder.variables = Some(Variables::from_pairs(variables));
        assert!(plan(builder, &mut Settings::default()).is_ok_and(|plan| plan.lanes.is_empty()));
    }
}
