//! Which destinations the variables open, by opening them.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing_llm::{Guard, Langfuse, LlmLayer};

use crate::doctor::report::Report;
use crate::doctor::variables::{
    CONTENT, DISABLED, ENABLED, ENDPOINTS, EXPORTER, PUBLIC_KEY, SECRET_KEY, Variables, host_and_port,
};
use crate::page::Outcome;

/// What a program with these variables would have.
pub(super) struct Destinations {
    pub(super) layer: LlmLayer,
    pub(super) llm: Guard,
    pub(super) diagnostics: Lines,
    said: Vec<String>,
}

/// What the crate says, a line each; none holds a value of a variable.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
    }

    /// Those that were said since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The standard's own.
const USUAL_OTLP: &str = "http://localhost:4318";

impl Destinations {
    pub(super) fn open() -> Outcome<Self> {
        let diagnostics = Lines::default();
        let lines = diagnostics.clone();
        let builder = tracing_llm::builder()
            .from_env()
            .on_diagnostic(move |line| lines.push(line));
        let (layer, llm) = builder.build()?;
        Ok(Self {
            layer,
            llm,
            said: diagnostics.take(),
            diagnostics,
        })
    }

    /// What the crate said of the variables.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }

    pub(super) fn langfuse(&self) -> Option<Langfuse> {
        self.llm.langfuse()
    }

    pub(super) fn opens_otlp(&self) -> bool {
        self.names().iter().any(|name| name == "otlp")
    }

    /// The client of the project, also where no traces go to it.
    pub(super) fn client(&self, variables: &Variables) -> Option<Langfuse> {
        let from_env = || {
            variables
                .ask_for_langfuse()
                .then(|| Langfuse::from_env().ok())
                .flatten()
        };
        self.langfuse().or_else(from_env)
    }

    fn names(&self) -> Vec<String> {
        let ledger = self.llm.ledger();
        ledger.lanes().iter().map(|lane| lane.name().to_owned()).collect()
    }

    pub(super) fn report(&self, variables: &Variables, report: &mut Report<'_, '_>) -> Outcome {
        match self.names().join(", ").as_str() {
            "" => report.failure("a program with these variables opens none: nothing is observed")?,
            names => report.ok(format_args!("a program with these variables opens {names}"))?,
        }
        if self.langfuse().is_none() {
            self.report_no_langfuse(variables, report)?;
        }
        if variables.first(&ENDPOINTS).is_some() && !self.opens_otlp() && self.said.is_empty() {
            report.warning("otlp has an endpoint and is not opened")?;
            report.advise(format_args!("{EXPORTER} does not have `otlp`"))?;
        }
        if self.opens_otlp() && !variables.is_on(CONTENT) {
            report.warning("otlp is sent no inputs and outputs: its generations look empty")?;
            report.advise(format_args!(
                "{CONTENT}=true, or capture_content(true), sends them"
            ))?;
        }
        Ok(())
    }

    fn report_no_langfuse(&self, variables: &Variables, report: &mut Report<'_, '_>) -> Outcome {
        let keys = format!("{PUBLIC_KEY} and {SECRET_KEY} open langfuse");
        if variables.is_off(ENABLED) || variables.is_on(DISABLED) {
            report.warning("langfuse is closed by a variable")
        } else if variables.ask_for_langfuse() {
            report.failure("langfuse is asked for and cannot be opened")?;
            report.advise("a warning above says why")
        } else if self.opens_otlp() {
            report.warning("langfuse is not asked for")?;
            report.advise(keys)
        } else {
            report.failure("neither langfuse nor otlp is asked for")?;
            report.advise(format_args!("{keys}, {} opens otlp", ENDPOINTS[1]))
        }
    }

    /// Whether somebody listens where OTLP goes, for when nothing is to be sent there.
    pub(super) fn reach_otlp(&self, variables: &Variables, report: &mut Report<'_, '_>) -> Outcome {
        if !self.opens_otlp() {
            return Ok(());
        }
        report.section("otlp")?;
        let endpoint = variables.first(&ENDPOINTS).unwrap_or(USUAL_OTLP);
        let Some((host, port)) = host_and_port(endpoint) else {
            return report.failure("the endpoint has no host");
        };
        match connect(&host, port) {
            Ok(()) => report.ok(format_args!("{host}:{port} takes connections")),
            Err(why) => {
                report.failure(format_args!("{host}:{port} cannot be reached: {why}"))?;
                report.advise("is the collector running, and its OTLP port open? A proxy was not asked")
            }
        }
    }
}

fn connect(host: &str, port: u16) -> Result<(), String> {
    // A URL has brackets around an IPv6 address.
    let host = host.trim_matches(['[', ']']);
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|_| "no such host".to_owned())?;
    let mut last = "no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.kind().to_string(),
        }
    }
    Err(last)
}
