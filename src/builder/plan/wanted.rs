//! What a program names and what the variables ask for, put together.

use crate::builder::Builder;
use crate::builder::choices::Choices;
use crate::env::{FromEnv, Reader, Variables};
use crate::error::Error;
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
}

impl Wanted {
    pub(super) fn by_hand(builder: &mut Builder) -> Result<Self, Error> {
        let langfuse = builder.langfuse.drain(..);
        let langfuse = langfuse.map(|one| Asked::by_hand(one.choices.clone(), one.settings()));
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
            rate: builder
                .sample_rate
                .map_or(Ok(SampleRate::ALL), SampleRate::by_hand)?,
            batching: Batching::default(),
            verbose: false,
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
        let langfuse = take(LangfuseSettings::from_env(variables), &mut messages);
        let langfuse = langfuse.map(|settings| Asked::by_variables(settings, "LANGFUSE_*"));
        self.langfuse.extend(langfuse);
        if destinations.otlp {
            let otlp = take(OtlpSettings::from_env(variables), &mut messages);
            let otlp = otlp.and_then(|settings| self.unless_langfuses(settings, &mut messages));
            let otlp = otlp.map(|settings| Asked::by_variables(settings, "OTEL_EXPORTER_OTLP_*"));
            self.otlp.extend(otlp);
        }
        if builder.sample_rate.is_none() {
            self.rate = take(SampleRate::from_env(variables), &mut messages);
        }
        self.batching = take(Batching::from_env(variables), &mut messages);
        let deployment = take(Deployment::from_env(variables), &mut messages);
        builder.environment = builder.environment.take().or(deployment.environment);
        builder.release = builder.release.take().or(deployment.release);
        let resource = take(Resource::from_env(variables), &mut messages);
        self.describe(resource, builder);
        self.switch(take(Switches::from_env(variables), &mut messages), builder);
        let nothing_opens =
            self.langfuse.is_empty() && self.otlp.is_empty() && !builder.names_other_destinations();
        let asked_for_none = variables.get("OTEL_TRACES_EXPORTER").is_some();
        self.console |= destinations.console || (nothing_opens && !asked_for_none);
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
    }

    /// Langfuse takes OTLP, and its guides for other languages say how to send it. It is then served as Langfuse, since
    /// it would show little of what OTLP backends are sent, and not twice, since it would store every row twice.
    fn unless_langfuses(&mut self, otlp: OtlpSettings, messages: &mut Vec<String>) -> Option<OtlpSettings> {
        const ENDPOINT: &str = "the endpoint of OTEL_EXPORTER_OTLP_*";
        let Some(project) = LangfuseSettings::behind_otlp(&otlp.endpoint, &otlp.headers) else {
            return Some(otlp);
        };
        let is_open = |base: &Endpoint| self.langfuse.iter().any(|open| open.settings.base == *base);
        match project {
            Some(project) if !is_open(&project.base) => {
                messages.push(format!(
                    "{ENDPOINT} is Langfuse's: it is sent what Langfuse is, with the keys in the headers"
                ));
                let project = LangfuseSettings {
                    tls: otlp.tls,
                    timeout: otlp.timeout,
                    ..project
                };
                self.langfuse
                    .push(Asked::by_variables(project, "OTEL_EXPORTER_OTLP_*"));
            }
            None if self.langfuse.is_empty() => messages.push(format!(
                "{ENDPOINT} is Langfuse's, and the headers have no keys of it: no traces go there; \
                 LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY open it"
            )),
            _ => messages.push(format!(
                "{ENDPOINT} is Langfuse's, where the traces go already: they are not sent there twice"
            )),
        }
        None
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

/// The switches that no room below has for itself.
struct Switches {
    capture_content: bool,
    capture_arguments: bool,
    verbose: bool,
}

impl Switches {
    fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| Self {
            capture_content: reader.flag("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", false),
            capture_arguments: reader.flag("LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED", true),
            verbose: reader.flag("LANGFUSE_DEBUG", false),
        })
    }
}

fn take<T>(read: FromEnv<T>, messages: &mut Vec<String>) -> T {
    messages.extend(read.messages);
    read.settings
}
