//! The layer: `tracing`'s callbacks, a few lines each.

mod current;
mod event;
mod ground;
mod kind;
mod live;
mod open;
mod roles;
mod roll;
mod scope;
mod shared;
mod stream;
mod table;
mod trace;
mod visit;

use std::any::TypeId;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};

pub use current::{ObservationHandle, SpanExt, TraceHandle, current};
pub use stream::{Observe, Observed};

use crate::describe::with_scratch;
use crate::diag::Diagnostics;
use crate::field::Roles;
use crate::layer::open::OpenObservation;
use crate::layer::shared::Core;
use crate::layer::visit::Visitor;
use crate::model::Link;
use crate::own_thread::is_ours;
use crate::sink::Source;

/// What the layer needs to observe.
pub(crate) struct Settings {
    pub(crate) source: Source,
    pub(crate) diagnostics: Diagnostics,
    /// The least grave spans and events that are recorded.
    pub(crate) level: tracing::Level,
    /// Whether obvious words such as `model` and `user_id` mean anything.
    pub(crate) plain_names: bool,
    /// Whether an ERROR event makes its span one that failed.
    pub(crate) error_events: bool,
}

/// A [`tracing_subscriber::Layer`] that records spans as observations.
///
/// Made by [`layer()`](crate::layer()) or [`builder()`](crate::builder()), always together with the
/// [`Guard`](crate::Guard) that ends its pipeline. Add it plain, never under `with_filter`: a per-layer filter can make
/// spans vanish ([tokio-rs/tracing#2519](https://github.com/tokio-rs/tracing/issues/2519)); what it records is decided
/// inside. It never turns anything off for the layers beside it. An unfiltered layer, such as `fmt` without a filter,
/// belongs *before* it (`registry().with(fmt).with(ours)`), so that this layer's level is not taken for the other's. In a
/// chain (`fmt.and_then(ours)`) the levels of only one of the two would count
/// ([tokio-rs/tracing#2352](https://github.com/tokio-rs/tracing/issues/2352)): add each by `with`.
///
/// # Infrastructure
///
/// Spans with one of these targets, or with fields `http.*`, `url.*`, `rpc.*` or `messaging.*`, go where everything goes
/// (OTLP) and not where observations go (Langfuse, the terminal), unless they declare a type, a model, content, usage
/// or a prompt. What they say of the trace holds for the spans below them all the same.
///
/// `actix_http`, `actix_server`, `actix_web`, `aws_config`, `aws_smithy_runtime`, `axum`,
/// `axum_tracing_opentelemetry`, `deadpool`, `h2`, `hyper`, `hyper_rustls`, `hyper_util`, `lapin`, `mio`,
/// `mongodb`, `opentelemetry`, `opentelemetry_otlp`, `opentelemetry_sdk`, `poem`, `quinn`, `rdkafka`,
/// `redis`, `reqwest`, `reqwest_middleware`, `reqwest_tracing`, `rocket`, `rustls`, `sea_orm`, `sqlx`,
/// `tokio`, `tokio_postgres`, `tonic`, `tower`, `tower_http`, `tracing_actix_web`, `warp`.
pub struct LlmLayer {
    /// None when nothing is to be observed: every callback returns at once.
    core: Option<Arc<Core>>,
    level: LevelFilter,
    /// A layer beneath wants everything: a hint of ours would silence it.
    unfiltered_beneath: bool,
}

impl LlmLayer {
    pub(crate) fn new(settings: Settings) -> Self {
        let level = settings.level.into();
        Self {
            core: Some(Arc::new(Core::new(settings))),
            level,
            unfiltered_beneath: false,
        }
    }

    /// A layer that observes nothing and answers its neighbours as if it did.
    pub(crate) fn disabled(level: tracing::Level) -> Self {
        Self {
            core: None,
            level: level.into(),
            unfiltered_beneath: false,
        }
    }

    fn core(&self) -> Option<&Arc<Core>> {
        self.core.as_ref()
    }

    /// For what begins: nothing does on a thread of the pipeline's own, or when another layer of ours was here first.
    /// What began elsewhere, or before that was seen, may go on and end.
    fn beginning(&self) -> Option<&Arc<Core>> {
        let core = self.core()?;
        (!is_ours() && !core.retired.load(Ordering::Relaxed)).then_some(core)
    }
}

impl<S> Layer<S> for LlmLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_layer(&mut self, subscriber: &mut S) {
        // The bare registry gives no hint either, but wants nothing for itself.
        let bare = TypeId::of::<S>() == TypeId::of::<Registry>();
        self.unfiltered_beneath = !bare && subscriber.max_level_hint().is_none();
    }

    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let Some(core) = &self.core else { return };
        // Handles have no more than the dispatch. Where they find another layer, or none (within `reload`; and before 0.3.21
        // `Layered` did not even tell of the dispatch), the spans themselves lead to their observations.
        let found = dispatch.downcast_ref::<Self>();
        if found.is_some_and(|found| ptr::eq(found, self)) {
            core.ground.roll.hold();
        }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if let Some(core) = &self.core {
            core.callsites.registered(metadata);
        }
        // Never the answer for others: what is not ours is left alone in the callbacks.
        Interest::always()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        (!self.unfiltered_beneath).then_some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(core) = self.beginning() else { return };
        let Some(callsite) = core.callsite(attributes.metadata()) else {
            return;
        };
        if !callsite.recorded {
            return;
        }
        let birth = core.birth(
            attributes,
            || context.current_span().id().cloned(),
            || context.span(id),
        );
        let mut recorded = birth.blank(callsite);
        if !birth.trace.lanes.is_empty() {
            // The user's formatting runs here, while nothing is locked.
            attributes.record(&mut Visitor {
                fields: &mut recorded.fields,
                callsite,
                late: false,
                owner: 0,
            });
        }
        let open = OpenObservation::new(birth, recorded, Some(id.clone()));
        let is_shown = !open.lanes().is_empty();
        if core.keep(id, || context.span(id), callsite, open).is_err() {
            core.retired.store(true, Ordering::Relaxed);
            core.diagnostics
                .say("a second tracing-llm layer in one subscriber observes nothing; add lanes to the first");
            return;
        }
        if is_shown {
            core.ground.sink().open();
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(core) = self.core() else { return };
        if core.at(id, || context.span(id), |open| open.record_at_once(values)) != Some(false) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let Some(callsite) = core.callsite(span.metadata()) else {
            return;
        };
        with_scratch(|scratch| {
            // The user's formatting runs here, while nothing is locked.
            values.record(&mut Visitor {
                fields: scratch,
                callsite,
                late: true,
                owner: 0,
            });
            if scratch.roles().meet(Roles::TRACE) {
                // Whether a plain user counts depends on what is above by now.
                core.refresh(&span);
            }
            core.on(&span, |open| open.record(scratch));
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let Some(core) = self.core() else { return };
        let (Some(span), Some(follows)) = (context.span(id), context.span(follows)) else {
            return;
        };
        let link = core.on(&follows, |open| Link {
            trace_id: open.trace.id,
            id: open.id(),
        });
        if let Some(link) = link {
            core.on(&span, |open| open.link(link));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(core) = self.beginning() else { return };
        let Some(callsite) = core.callsite(event.metadata()) else {
            return;
        };
        let Some(span) = context.event_span(event) else {
            return;
        };
        if core.is_sampled_out(&span) || core.is_turned_off(callsite, &span) {
            return;
        }
        with_scratch(|scratch| {
            event.record(&mut Visitor {
                fields: scratch,
                callsite,
                late: true,
                owner: 0,
            });
            core.event(&span, callsite, scratch);
        });
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(core) = self.core() else { return };
        if !std::thread::panicking() {
            return;
        }
        core.at(id, || context.span(id), OpenObservation::entered_in_panic);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(core) = self.core() else { return };
        // Most spans are left once, with nothing to note but that.
        if !std::thread::panicking() && core.ground.roll.exit(id) {
            return;
        }
        core.at(id, || context.span(id), OpenObservation::exited);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(core) = self.core() else { return };
        if let Some(open) = core.take(&id, || context.span(&id)) {
            core.finished(open.finish());
        }
    }
}

/// No span is open any more but those that were forgotten, since each holds the subscriber.
impl Drop for LlmLayer {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            core.ground.roll.drain().for_each(live::end);
        }
    }
}

impl fmt::Debug for LlmLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmLayer")
            .field("level", &self.level)
            .field("observes", &self.core.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use tracing::{dispatcher, error, info, info_span};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;
    use crate::own_thread::this_thread_is_ours;
    use crate::testing::Capture;

    #[test]
    fn a_disabled_layer_answers_its_neighbours_as_if_it_observed() {
        let disabled = || LlmLayer::disabled(tracing::Level::INFO);
        let verbose = tracing_subscriber::fmt::layer();
        assert_eq!(
            registry().with(disabled()).max_level_hint(),
            Some(LevelFilter::INFO)
        );
        assert_eq!(registry().with(verbose).with(disabled()).max_level_hint(), None);
        dispatcher::with_default(&Dispatch::new(registry().with(disabled())), || {
            info_span!("work", late = tracing::field::Empty).in_scope(|| {
                current().output("x");
                info!("said");
            });
        });
    }

    #[test]
    fn nothing_begins_on_a_thread_of_the_pipeline_and_what_began_elsewhere_ends_there() {
        let capture = Capture::new();
        let dispatch = Dispatch::new(registry().with(capture.layer()));
        let span = dispatcher::with_default(&dispatch, || info_span!("theirs"));
        std::thread::spawn(move || {
            this_thread_is_ours();
            dispatcher::with_default(&dispatch, || {
                info_span!("ours").in_scope(|| error!("ours"));
                drop(span);
            });
        })
        .join()
        .unwrap();
        assert_eq!(capture.tree(), "\nspan theirs\n");
    }

    #[test]
    fn a_span_that_nobody_closes_is_sent_when_its_subscriber_goes() {
        let capture = Capture::new();
        let dispatch = Dispatch::new(registry().with(capture.layer()));
        dispatcher::with_default(&dispatch, || {
            let span = info_span!("forgotten", model = "m");
            span.in_scope(|| current().output("x").id());
            // One count more than handles, and not one that holds the subscriber.
            span.with_subscriber(|(id, dispatch)| dispatch.clone_span(id));
        });
        assert_eq!(capture.tree(), "\n");
        drop(dispatch);
        assert_eq!(capture.tree(), "\ngeneration forgotten  model=m\n  out:    x\n");
    }

    #[test]
    fn obvious_words_and_error_events_have_their_switches() {
        let capture = Capture::new().with_switches(false, false);
        capture.run(|| {
            info_span!(
                "work",
                model = "m",
                prompt = "p",
                user_id = "u",
                as_type = "agent"
            )
            .in_scope(|| {
                error!("going on");
            });
            drop(info_span!("call", gen_ai.request.model = "m", user.id = "u"));
        });
        let expected = r#"
span work
  in:     {"model":"m","prompt":"p","user_id":"u","as_type":"agent"}
  meta:   {"model":"m","prompt":"p","user_id":"u","as_type":"agent"}
generation call  model=m
  trace:  user=u
"#;
        assert_eq!(capture.tree(), expected);
    }
}
