//! fastrace with its reporter for OpenTelemetry, over HTTP.

use std::borrow::Cow;

use fastrace::collector::Config;
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;

use super::{Delivery, sdk};
use crate::Result;

/// It is the process's own.
pub(super) struct Fastrace;

impl Delivery for Fastrace {
    fn flush(&self) -> Result<()> {
        fastrace::flush();
        Ok(())
    }
}

pub(super) fn open(port: u16) -> Result<Fastrace> {
    let scope = InstrumentationScope::builder("rivals").build();
    let reporter = OpenTelemetryReporter::new(sdk::otlp(port, false)?, Cow::Owned(sdk::resource()), scope);
    fastrace::set_reporter(reporter, Config::default());
    Ok(Fastrace)
}
