//! What a callsite declares, worked out once: field index → role.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Metadata;

use crate::field::{Meaning, Role, Roles, Speaker, Trust, implied_type, is_of_the_span, look_up_beside};
use crate::layer::scope;
use crate::layer::table::Table;
use crate::model::{Callsite, CallsiteField, Kind, Lanes, Severity};
use crate::sink::Sink;

/// Every callsite that this layer has met.
#[derive(Debug, Default)]
pub(crate) struct Callsites(Table<Metadata<'static>, Arc<Callsite>>);

impl Callsites {
    #[inline]
    pub(crate) fn get(
        &self,
        metadata: &'static Metadata<'static>,
        plain: bool,
        sink: &dyn Sink,
    ) -> &Arc<Callsite> {
        self.0.get(metadata).unwrap_or_else(|| {
            let callsite = Arc::new(describe(metadata, plain, sink));
            self.0.insert(metadata, &callsite)
        })
    }

    /// A callsite was registered, perhaps again, because filters changed: whether its `return` events still come has
    /// to be seen anew.
    pub(crate) fn registered(&self, metadata: &'static Metadata<'static>) {
        if let Some(callsite) = self.0.get(metadata) {
            callsite.returns.store(false, Ordering::Relaxed);
        }
    }
}

fn describe(metadata: &'static Metadata<'static>, plain: bool, sink: &dyn Sink) -> Callsite {
    let names: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
    let speaker = Speaker::of(names.iter().copied());
    let fields: Box<[_]> = names
        .iter()
        .map(|name| CallsiteField {
            name,
            meaning: look_up_beside(name, speaker, plain),
        })
        .collect();
    let implied = implied_type(metadata.target(), metadata.name(), &names);
    let mut callsite = Callsite {
        name: metadata.name(),
        target: metadata.target(),
        severity: severity(*metadata.level()),
        file: metadata.file(),
        line: metadata.line(),
        tells_the_span: names.iter().any(|name| is_of_the_span(name)),
        implied: implied.and_then(Kind::from_word),
        hidden: scope::is_infrastructure(metadata.target(), &fields),
        fields,
        kept: Box::default(),
        shown: Lanes::NONE,
        recorded: true,
        begun: AtomicBool::new(false),
        returns: AtomicBool::new(false),
    };
    callsite.shown = sink.shown(&callsite);
    // Plumbing, a request, is hidden and holds its trace together; and whatever is said of a trace is handed down. What
    // the filters of all lanes turn off besides is not there, like what is below the level.
    let says_of_the_trace = callsite.fields.iter().any(|field| field.meaning.role.is_trace());
    callsite.recorded = !callsite.shown.is_empty() || callsite.hidden || says_of_the_trace;
    // What filters keep from every lane of observations is none, whatever its shape: it names no trace.
    let observations = sink.observations();
    callsite.hidden |= !observations.is_empty() && callsite.shown.intersection(observations).is_empty();
    // Nobody is shown the spans: of what they say, only what holds for others is kept, or even formatted.
    let wanted = if metadata.is_span() && callsite.shown.is_empty() {
        Roles::HANDED_DOWN.with(Role::Name)
    } else {
        Roles::ALL
    };
    callsite.kept = callsite.fields.iter().map(|field| kept(field, wanted)).collect();
    callsite
}

/// What `tracing-log` adds to each event.
const OF_THE_LOG_BRIDGE: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

/// What a field's value is taken for, if that is wanted. A method's receiver is no input, and what the `log` bridge
/// adds is no field.
fn kept(field: &CallsiteField, wanted: Roles) -> Option<(Role, Trust)> {
    if field.name == "self" || OF_THE_LOG_BRIDGE.contains(&field.name) {
        return None;
    }
    let Meaning { role, trust, .. } = field.meaning;
    wanted.contain(role).then_some((role, trust))
}

pub(crate) fn severity(level: tracing::Level) -> Severity {
    match level {
        tracing::Level::TRACE => Severity::Trace,
        tracing::Level::DEBUG => Severity::Debug,
        tracing::Level::INFO => Severity::Info,
        tracing::Level::WARN => Severity::Warn,
        tracing::Level::ERROR => Severity::Error,
    }
}
