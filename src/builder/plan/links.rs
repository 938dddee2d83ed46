//! Cross links: each destination is told where the others show a trace.

use crate::builder::Builder;
use crate::builder::plan::wanted::Wanted;
use crate::dialect::Pages;
use crate::langfuse::client::Langfuse;
use crate::sample::SampleRate;

/// The pages that are known of; none unless somebody asked for links.
#[derive(Default)]
pub(super) struct Links {
    pub(super) asked: bool,
    pub(super) jaeger: Pages,
    /// Of the first project that traces go to, which is that of `Pipeline::langfuse`.
    pub(super) langfuse: Pages,
    has_langfuse: bool,
}

impl Links {
    /// Asked for by the address of Jaeger's pages.
    pub(super) fn of(wanted: &Wanted, builder: &Builder) -> Self {
        let Some(ui) = wanted.jaeger_ui.clone() else {
            return Self::default();
        };
        let pages = ui.bare().join("trace").to_string();
        let rate = rate_of_otlp(wanted, builder).unwrap_or_else(|| {
            builder.diagnostics.say(NOTHING_IN_JAEGER);
            SampleRate::NONE
        });
        Self {
            asked: true,
            jaeger: Pages::new(move |trace| rate.keeps(trace).then(|| format!("{pages}/{trace}"))),
            ..Self::default()
        }
    }

    /// A project that traces go to.
    pub(super) fn add(&mut self, langfuse: &Langfuse) {
        if self.asked && !std::mem::replace(&mut self.has_langfuse, true) {
            let langfuse = langfuse.clone();
            self.langfuse = Pages::new(move |trace| langfuse.known_trace_url(trace));
        }
    }

    /// All of them, by the names that people know.
    pub(super) fn all(&self) -> Vec<(&'static str, Pages)> {
        vec![
            ("langfuse", self.langfuse.clone()),
            ("jaeger", self.jaeger.clone()),
        ]
    }
}

/// The share of all traces that may be in Jaeger; `None` when nothing goes where one could be.
fn rate_of_otlp(wanted: &Wanted, builder: &Builder) -> Option<SampleRate> {
    let otlp = wanted.otlp.iter().map(|otlp| otlp.settings.rate);
    // What the program has of its own may end up there, too.
    let others = builder.names_other_destinations().then_some(SampleRate::ALL);
    let rate = otlp.chain(others).max()?;
    Some(rate.min(wanted.rate))
}

const NOTHING_IN_JAEGER: &str =
    "the address of Jaeger's pages is given, but nothing is sent over OTLP: no trace has a page there";
