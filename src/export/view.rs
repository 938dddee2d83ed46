//! Which spans one destination is shown.

use tracing::Level;
use tracing_subscriber::filter::Targets;

use super::Scope;
use crate::id::TraceId;
use crate::model::{Callsite, Severity};
use crate::sample::SampleRate;

/// A scope, and perhaps a filter that narrows it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    scope: Scope,
    filter: Option<Targets>,
    /// Of so many of all traces.
    rate: SampleRate,
}

impl View {
    /// The same, less what the filter turns off.
    pub(crate) fn narrowed(self, filter: Targets) -> Self {
        Self {
            filter: Some(filter),
            ..self
        }
    }

    /// Shows no more than this share of all traces.
    pub(crate) fn sample(&mut self, rate: SampleRate) {
        self.rate = self.rate.min(rate);
    }

    /// Whether it shows anything of a trace.
    pub(crate) fn keeps(&self, trace: TraceId) -> bool {
        self.rate.keeps(trace)
    }

    /// Whether it shows something of every trace.
    pub(crate) fn keeps_all(&self) -> bool {
        self.rate == SampleRate::ALL
    }

    /// Whether it shows observations only.
    pub(crate) fn is_of_observations(&self) -> bool {
        self.scope == Scope::Observations
    }

    /// Whether it shows the spans of a callsite.
    pub(crate) fn shows(&self, callsite: &Callsite) -> bool {
        let level = match callsite.severity {
            Severity::Trace => Level::TRACE,
            Severity::Debug => Level::DEBUG,
            Severity::Info => Level::INFO,
            Severity::Warn => Level::WARN,
            Severity::Error => Level::ERROR,
        };
        let passes = |filter: &Targets| filter.would_enable(callsite.target, &level);
        (self.scope == Scope::Everything || !callsite.hidden) && self.filter.as_ref().is_none_or(passes)
    }
}

impl From<Scope> for View {
    fn from(scope: Scope) -> Self {
        Self {
            scope,
            filter: None,
            rate: SampleRate::ALL,
        }
    }
}
