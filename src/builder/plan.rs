//! Which lanes there are: what the program named, and what the variables ask for.

use std::sync::Arc;
use std::time::Duration;

use crate::builder::Builder;
use crate::console::ConsoleExporter;
use crate::diag::Diagnostics;
use crate::env::{FromEnv, Variables};
use crate::error::Error;
use crate::export::{Exporter, Scope};
use crate::langfuse::dialect::LangfuseDialect;
use crate::langfuse::exporter::LangfuseExporter;
use crate::langfuse::settings::{Deployment, LangfuseSettings};
use crate::model::{Resource, Value};
use crate::otlp::dialect::GenAiDialect;
use crate::otlp::exporter::OtlpExporter;
use crate::otlp::settings::{Destinations, OtlpSettings};
use crate::pipeline::LaneSpec;

/// Smaller than OpenTelemetry's: one span that Langfuse cannot convert costs its whole request.
const LANGFUSE_BATCH: usize = 256;
/// What a lane waits longer than its exporter, whose own words for a request that took too long name the host.
const GRACE: Duration = Duration::from_secs(1);
/// A tree is shown soon after its trace ended.
const CONSOLE_INTERVAL: Duration = Duration::from_millis(200);

const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/// The lanes of a builder, in the order Langfuse, OTLP, the program's own, console.
pub(super) fn lanes(mut builder: Builder) -> Result<Vec<LaneSpec>, Error> {
    let mut wanted = Wanted::by_hand(&mut builder)?;
    match builder.variables.take() {
        Some(variables) => {
            for message in wanted.add(&variables, &mut builder) {
                builder.diagnostics.say(&message);
            }
        }
        None => wanted.describe(Resource::from_env(&Variables::none()).settings, &builder),
    }
    if wanted.disabled {
        return Ok(Vec::new());
    }
    let resource = Arc::new(wanted.resource);
    let mut lanes = Lanes::default();
    for Asked { settings, variables } in wanted.langfuse {
        let (environment, release) = (builder.environment.as_deref(), builder.release.as_deref());
        let dialect = LangfuseDialect::new(Arc::clone(&resource), environment, release);
        let dialect = dialect.guessed_usage(builder.guessed_usage);
        let dialect = Box::new(dialect.with_shipped_prices(builder.send_shipped_prices));
        let (batch, interval) = (settings.flush_at, settings.flush_interval);
        let timeout = settings.timeout.saturating_add(GRACE);
        let exporter = LangfuseExporter::new(settings, dialect);
        let Some(exporter) = opened(exporter, variables, &builder.diagnostics)? else {
            continue;
        };
        lanes.push(Box::new(exporter), Scope::Observations, |spec| {
            spec.batch = batch.unwrap_or(LANGFUSE_BATCH);
            spec.interval = interval.unwrap_or(LaneSpec::DEFAULT_INTERVAL);
            spec.timeout = timeout;
        });
    }
    let resource = Arc::new(with_release((*resource).clone(), builder.release));
    for Asked { settings, variables } in wanted.otlp {
        let dialect = Box::new(GenAiDialect::new(Arc::clone(&resource), wanted.capture_content));
        let timeout = settings.timeout.saturating_add(GRACE);
        let exporter = OtlpExporter::new(settings, dialect);
        let Some(exporter) = opened(exporter, variables, &builder.diagnostics)? else {
            continue;
        };
        lanes.push(Box::new(exporter), Scope::Everything, |spec| {
            spec.timeout = timeout;
        });
    }
    for (exporter, scope) in builder.exporters {
        lanes.push(exporter, scope, |_| {});
    }
    if wanted.console {
        lanes.push(Box::new(ConsoleExporter::stderr()), Scope::Observations, |spec| {
            spec.interval = CONSOLE_INTERVAL;
        });
    }
    Ok(lanes.0)
}

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

#[derive(Default)]
struct Lanes(Vec<LaneSpec>);

impl Lanes {
    fn push(&mut self, exporter: Box<dyn Exporter>, scope: Scope, adjust: impl FnOnce(&mut LaneSpec)) {
        let name = self.name(exporter.name());
        let mut spec = LaneSpec {
            name,
            ..LaneSpec::new(exporter, scope)
        };
        adjust(&mut spec);
        self.0.push(spec);
    }

    /// The second of a kind is called `otlp-2`.
    fn name(&self, kind: &str) -> String {
        let of_a_kind = |spec: &&LaneSpec| spec.exporter.name() == kind;
        match self.0.iter().filter(of_a_kind).count() {
            0 => kind.to_owned(),
            others => format!("{kind}-{}", others + 1),
        }
    }
}

/// A destination, and the variables that ask for it; none where the program does.
struct Asked<T> {
    settings: T,
    variables: Option<&'static str>,
}

impl<T> Asked<T> {
    fn by_hand(settings: Result<T, Error>) -> Result<Self, Error> {
        Ok(Self {
            settings: settings?,
            variables: None,
        })
    }

    fn by_variables(settings: T, variables: &'static str) -> Self {
        Self {
            settings,
            variables: Some(variables),
        }
    }
}

/// What is to be opened.
struct Wanted {
    langfuse: Vec<Asked<LangfuseSettings>>,
    otlp: Vec<Asked<OtlpSettings>>,
    console: bool,
    disabled: bool,
    resource: Resource,
    capture_content: bool,
}

impl Wanted {
    fn by_hand(builder: &mut Builder) -> Result<Self, Error> {
        let langfuse = builder.langfuse.drain(..).map(crate::builder::Langfuse::settings);
        let otlp = builder.otlp.drain(..).map(crate::builder::Otlp::settings);
        let mut resource = Resource::default();
        builder
            .resource
            .drain(..)
            .for_each(|(key, value)| resource.set(key, value));
        Ok(Self {
            langfuse: langfuse.map(Asked::by_hand).collect::<Result<_, _>>()?,
            otlp: otlp.map(Asked::by_hand).collect::<Result<_, _>>()?,
            console: builder.console,
            disabled: false,
            resource,
            capture_content: builder.capture_content.unwrap_or(false),
        })
    }

    /// Adds what the variables ask for; answers the lines about those that cannot be used.
    fn add(&mut self, variables: &Variables, builder: &mut Builder) -> Vec<String> {
        let mut messages = Vec::new();
        let destinations = take(Destinations::from_env(variables), &mut messages);
        if destinations.disabled {
            self.disabled = true;
            return messages;
        }
        let langfuse = take(LangfuseSettings::from_env(variables), &mut messages);
        let langfuse = langfuse.map(|settings| Asked::by_variables(settings, "LANGFUSE_*"));
        self.langfuse.extend(langfuse);
        if destinations.otlp {
            let otlp = take(OtlpSettings::from_env(variables), &mut messages);
            let otlp = otlp.map(|settings| Asked::by_variables(settings, "OTEL_EXPORTER_OTLP_*"));
            self.otlp.extend(otlp);
        }
        let deployment = take(Deployment::from_env(variables), &mut messages);
        builder.environment = builder.environment.take().or(deployment.environment);
        builder.release = builder.release.take().or(deployment.release);
        let resource = take(Resource::from_env(variables), &mut messages);
        self.describe(resource, builder);
        if builder.capture_content.is_none() {
            self.capture_content = variables
                .get(CAPTURE)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        }
        let nothing_opens = self.langfuse.is_empty() && self.otlp.is_empty() && builder.exporters.is_empty();
        let asked_for_none = variables.get("OTEL_TRACES_EXPORTER").is_some();
        self.console |= destinations.console || (nothing_opens && !asked_for_none);
        messages
    }

    /// The resource: what the program says over what the process is.
    fn describe(&mut self, mut resource: Resource, builder: &Builder) {
        self.resource
            .iter()
            .for_each(|(key, value)| resource.set(key, value.clone()));
        if let Some(environment) = builder.environment.clone() {
            if resource.get("deployment.environment.name").is_none() {
                resource.set("deployment.environment.name", Value::Text(environment));
            }
        }
        self.resource = resource;
    }
}

fn take<T>(read: FromEnv<T>, messages: &mut Vec<String>) -> T {
    messages.extend(read.messages);
    read.settings
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
        assert!(lanes(builder).is_ok_and(|lanes| lanes.is_empty()));
    }
}
