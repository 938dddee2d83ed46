//! What a program names and what the variables ask for, put together.

use crate::builder::Builder;
use crate::builder::choices::Choices;
use crate::dialect::Limits;
use crate::env::{FromEnv, Reader, Variables};
use crate::error::{Error, Kind};
use crate::http::Endpoint;
use crate::langfuse::deployment::Deployment;
use crate::langfuse::settings::LangfuseSettings;
use crate::model::{Resource, Value};
use crate::otlp::settings::{Destinations, OtlpSettings};
use crate::pipeline::Batching;
use crate::sample::SampleRate;

/// A destination, and the variables that ask for it; none where the program does.
pub(super) struct Asked<T> {
    pub(super) settings: T,
    pub(super) choices: Choices,
    pub(super) variables: Option<&'static str>,
}

impl<T> Asked<T> {
    fn by_hand(choices: Choices, settings: Result<T, Error>) -> Result<Self, Error> {
        Ok(Self {
            settings: settings?,
            choices,
            variables: None,
        })
    }

    fn by_variables(settings: T, variables: &'static str) -> Self {
        Self {
            settings,
            choices: Choices::default(),
            variables: Some(variables),
        }
    }
}

/// What is to be opened, and how it is served.
pub(super) struct Wanted {
    pub(super) langfuse: Vec<Asked<LangfuseSettings>>,
    pub(super) otlp: Vec<Asked<OtlpSettings>>,
    pub(super) console: bool,
    pub(super) disabled: bool,
    pub(super) resource: Resource,
    pub(super) capture_content: bool,
    pub(super) capture_arguments: bool,
    /// The share of all traces that any destination is sent.
    pub(super) rate: SampleRate,
    pub(super) batching: Batching,
    /// Every answer of a destination is said.
    pub(super) verbose: bool,
    /// Where Jaeger shows traces; whoever says it wants links.
    pub(super) jaeger_ui: Option<Endpoint>,
}

impl Wanted {
    pub(super) fn by_hand(builder: &mut Builder) -> Result<Self, Error> {
        // Each project's own, or the one for all.
        let named = builder.langfuse.iter();
        let named = named.filter_map(|one| one.environment.as_deref().or(builder.environment.as_deref()));
        let mut lost: Vec<_> = named.filter_map(Deployment::lost).collect();
        lost.dedup();
        for lost in lost {
            builder.diagnostics.say(&format!("the environment {lost}"));
        }
        let langfuse = builder.langfuse.drain(..);
        let langfuse = langfuse.map(|one| {
            let choices = Choices {
                name: one.name.clone(),
                filter: one.filter.clone(),
            };
            Asked::by_hand(choices, one.settings())
        });
        let otlp = builder.otlp.drain(..);
        let otlp = otlp.map(|one| Asked::by_hand(one.choices.clone(), one.settings()));
        let mut resource = Resource::default();
        builder
            .resource
            .drain(..)
            .for_each(|(key, value)| resource.set(key, value));
        Ok(Self {
            langfuse: langfuse.collect::<Result<_, _>>()?,
            otlp: otlp.collect::<Result<_, _>>()?,
            console: builder.console,
            disabled: false,
            resource,
            capture_content: builder.capture_content.unwrap_or(false),
            capture_arguments: builder.capture_arguments.unwrap_or(true),
            rate: SampleRate::chosen(builder.sample_rate)?,
            batching: Batching::default(),
            verbose: false,
            jaeger_ui: jaeger_ui(builder.jaeger_ui.as_deref())?,
        })
    }

    /// Adds what the variables ask for; answers the lines about those that cannot be used.
    pub(super) fn add(&mut self, variables: &Variables, builder: &mut Builder) -> Vec<String> {
        let mut messages = Vec::new();
        let destinations = take(Destinations::from_env(variables), &mut messages);
        if destinations.disabled {
            self.disabled = true;
            return messages;
        }
        if let Some(project) = take(LangfuseSettings::from_env(variables), &mut messages) {
            // Two lanes would store every row twice.
            if self.opens(&project) {
                messages.push("LANGFUSE_* name the project that the program names: it is opened once".into());
            } else {
                self.langfuse.push(Asked::by_variables(project, "LANGFUSE_*"));
            }
        }
        if destinations.otlp {
            let otlp = take(OtlpSettings::from_env(variables), &mut messages);
            let otlp = otlp.and_then(|settings| self.unless_langfuses(settings, variables, &mut messages));
            let otlp = otlp.map(|settings| Asked::by_variables(settings, "OTEL_EXPORTER_OTLP_*"));
            self.otlp.extend(otlp);
        }
        if builder.sample_rate.is_none() {
            self.rate = take(SampleRate::from_env(variables), &mut messages);
        }
        let limits = take(Limits::from_env(variables), &mut messages);
        for otlp in &mut self.otlp {
            otlp.settings.limits = otlp.settings.limits.or(limits);
        }
        self.batching = take(Batching::from_env(variables), &mut messages);
        let deployment = take(Deployment::from_env(variables), &mut messages);
        builder.environment = builder.environment.take().or(deployment.environment);
        builder.release = builder.release.take().or(deployment.release);
        let resource = take(Resource::from_env(variables), &mut messages);
        self.describe(resource, builder);
        self.switch(take(Switches::from_env(variables), &mut messages), builder);
        let nothing_opens = !self.names_a_destination() && !builder.names_other_destinations();
        // Where something was asked for and cannot be, content does not appear in the log in its place.
        let nothing_asked = !destinations.asked && !LangfuseSettings::is_spoken_of(variables);
        self.console |= destinations.console || (nothing_opens && nothing_asked);
        messages
    }

    fn switch(&mut self, switches: Switches, builder: &Builder) {
        if builder.capture_content.is_none() {
            self.capture_content = switches.capture_content;
        }
        if builder.capture_arguments.is_none() {
            self.capture_arguments = switches.capture_arguments;
        }
        self.verbose = switches.verbose;
        self.jaeger_ui = self.jaeger_ui.take().or(switches.jaeger_ui);
    }

    /// Langfuse takes OTLP, and its guides for other languages say how to send it. It is then served as Langfuse, since
    /// it would show little of what OTLP backends are sent, and not twice, since it would store every row twice.
    fn unless_langfuses(
        &mut self,
        otlp: OtlpSettings,
        variables: &Variables,
        messages: &mut Vec<String>,
    ) -> Option<OtlpSettings> {
        let Some(server) = LangfuseSettings::server_behind(&otlp.endpoint) else {
            return Some(otlp);
        };
        let is_served = self.langfuse.iter().any(|open| open.settings.base == server);
        let project = LangfuseSettings::behind_otlp(server, otlp.headers, variables);
        let outcome = match take(project, messages) {
            _ if !LangfuseSettings::is_enabled(variables) => {
                "which LANGFUSE_TRACING_ENABLED closes: no traces go there"
            }
            None if is_served => ALREADY,
            None => {
                "and the headers have no keys of it: no traces go there; LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY \
                 open it"
            }
            Some(project) if self.opens(&project) => ALREADY,
            Some(project) => {
                let project = LangfuseSettings {
                    tls: otlp.tls,
                    ..project
                };
                let project = Asked::by_variables(project, "OTEL_EXPORTER_OTLP_*");
                self.langfuse.push(project);
                "and is sent what Langfuse is, with the keys in the headers"
            }
        };
        messages.push(format!(
            "the endpoint of OTEL_EXPORTER_OTLP_* is Langfuse's, {outcome}"
        ));
        None
    }

    pub(super) fn names_a_destination(&self) -> bool {
        !self.langfuse.is_empty() || !self.otlp.is_empty() || self.console
    }

    fn opens(&self, project: &LangfuseSettings) -> bool {
        self.langfuse.iter().any(|open| open.settings.is(project))
    }

    /// The resource: what the program says over what the process is.
    pub(super) fn describe(&mut self, mut resource: Resource, builder: &Builder) {
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

const ALREADY: &str = "where the traces go already: they are not sent there twice";

/// The switches that no room below has for itself.
struct Switches {
    capture_content: bool,
    capture_arguments: bool,
    verbose: bool,
    jaeger_ui: Option<Endpoint>,
}

impl Switches {
    fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| Self {
            capture_content: reader.flag("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", false),
            capture_arguments: reader.flag("LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED", true),
            verbose: reader.flag("LANGFUSE_DEBUG", false),
            jaeger_ui: jaeger_ui_from_env(reader),
        })
    }
}

fn jaeger_ui(given: Option<&str>) -> Result<Option<Endpoint>, Error> {
    let bad = |reason| {
        Error::new(
            Kind::InvalidValue,
            format!("the address of Jaeger's pages {reason}"),
        )
    };
    given.map(Endpoint::parse).transpose().map_err(bad)
}

fn jaeger_ui_from_env(reader: &mut Reader<'_>) -> Option<Endpoint> {
    let name = "JAEGER_UI_URL";
    let read = reader.get(name).as_deref().map(Endpoint::parse).transpose();
    read.unwrap_or_else(|reason| {
        reader.say(format!("{name} {reason}: traces have no links"));
        None
    })
}

fn take<T>(read: FromEnv<T>, messages: &mut Vec<String>) -> T {
    messages.extend(read.messages);
    read.settings
}
