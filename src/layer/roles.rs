//! What a callsite declares, worked out once: field index → role.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;

use crate::field::{Speaker, implied_type, is_of_the_span, look_up_beside};
use crate::layer::scope;
use crate::model::{Callsite, CallsiteField, Kind, Lanes, Severity};
use crate::sink::Sink;

/// Every callsite that this layer has met.
#[derive(Debug, Default)]
pub(crate) struct Callsites(RwLock<HashMap<Identifier, Arc<Callsite>, BuildHasherDefault<Address>>>);

impl Callsites {
    pub(crate) fn get(
        &self,
        metadata: &'static Metadata<'static>,
        plain: bool,
        sink: &dyn Sink,
    ) -> Arc<Callsite> {
        let identifier = metadata.callsite();
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&identifier)
            .cloned();
        if let Some(known) = known {
            return known;
        }
        let callsite = Arc::new(describe(metadata, plain, sink));
        let mut callsites = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(callsites.entry(identifier).or_insert(callsite))
    }

    /// A callsite was registered, perhaps again, because filters changed: whether its `return` events still come has
    /// to be seen anew.
    pub(crate) fn registered(&self, metadata: &'static Metadata<'static>) {
        let callsites = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(callsite) = callsites.get(&metadata.callsite()) {
            callsite.returns.store(false, Ordering::Relaxed);
        }
    }
}

/// Hashes the address that a callsite's identifier is. Nobody outside chooses those, so nothing is to be guarded
/// against, and a look-up happens for every span and event: std's own hasher costs five times as much.
#[derive(Clone, Copy, Default)]
struct Address(u64);

impl Hasher for Address {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: the golden ratio spreads addresses that differ in few bits over all of them.
        self.0 = (self.0.rotate_left(26) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
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
        shown: Lanes::NONE,
        returns: AtomicBool::new(false),
    };
    callsite.shown = sink.shown(&callsite);
    // What filters keep from every lane of observations is none, whatever its shape: it names no trace.
    let observations = sink.observations();
    callsite.hidden |= !observations.is_empty() && callsite.shown.intersection(observations).is_empty();
    callsite
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
