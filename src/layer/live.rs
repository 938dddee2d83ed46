//! An open observation in the extensions of its span, where the roll does not have it.

use std::sync::Arc;

use tracing::{Dispatch, span};
use tracing_subscriber::registry::{ExtensionsMut, LookupSpan, Registry};

use crate::layer::LlmLayer;
use crate::layer::open::OpenObservation;
use crate::layer::roll::Found;

/// The observation, until it is taken at the close; or the mark that a layer keeps its observations in its roll.
///
/// A layer can be gone by then, because `reload` put another in its place. The registry clears the extensions all the
/// same, and what nobody took ends there: it is sent, and nothing counts as open for ever.
pub(crate) struct Live(Option<OpenObservation>);

/// Acts on the observation of a span of any subscriber.
pub(crate) fn at<R>(
    dispatch: &Dispatch,
    span: &span::Id,
    act: impl FnOnce(&mut OpenObservation) -> R,
) -> Option<R> {
    let core = dispatch.downcast_ref::<LlmLayer>().and_then(LlmLayer::core);
    if let Some(Found::Here(mut open)) = core.map(|core| core.ground.roll.find(span)) {
        return open.as_mut().map(act);
    }
    let span = dispatch.downcast_ref::<Registry>()?.span(span)?;
    let mut extensions = span.extensions_mut();
    Live::of_mut(&mut extensions).map(act)
}

/// Asks the observation of a span of any subscriber. Whoever reads the span's extensions may: a formatter of log lines does, and
/// would wait for itself otherwise.
pub(crate) fn ask<R>(
    dispatch: &Dispatch,
    span: &span::Id,
    ask: impl FnOnce(&OpenObservation) -> R,
) -> Option<R> {
    let core = dispatch.downcast_ref::<LlmLayer>().and_then(LlmLayer::core);
    if let Some(Found::Here(open)) = core.map(|core| core.ground.roll.find(span)) {
        return open.as_ref().map(ask);
    }
    let span = dispatch.downcast_ref::<Registry>()?.span(span)?;
    let extensions = span.extensions();
    extensions.get::<Live>()?.0.as_ref().map(ask)
}

impl Live {
    /// An error, and all is as it was, where another layer's observation has that place.
    pub(crate) fn put(extensions: &mut ExtensionsMut<'_>, open: OpenObservation) -> Result<(), ()> {
        let Some(theirs) = extensions.replace(Self(Some(open))) else {
            return Ok(());
        };
        if let Some(mut ours) = extensions.replace(theirs) {
            // Never sent: nothing of it shall end.
            ours.0 = None;
        }
        Err(())
    }

    /// Notes that the span's observation is in its layer's roll; an error, and all is as it was, where another layer was
    /// here.
    pub(crate) fn mark(extensions: &mut ExtensionsMut<'_>) -> Result<(), ()> {
        if extensions.get_mut::<Self>().is_some() {
            return Err(());
        }
        extensions.replace(Self(None));
        Ok(())
    }

    pub(crate) fn of_mut<'a>(extensions: &'a mut ExtensionsMut<'_>) -> Option<&'a mut OpenObservation> {
        extensions.get_mut::<Self>()?.0.as_mut()
    }

    #[inline]
    pub(crate) fn take(extensions: &mut ExtensionsMut<'_>) -> Option<OpenObservation> {
        // Taken out whole: the registry clears extensions that are empty at no cost.
        extensions.remove::<Self>()?.0.take()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            end(open);
        }
    }
}

/// Ends what its layer no longer can.
pub(crate) fn end(open: OpenObservation) {
    let ground = Arc::clone(&open.trace.ground);
    let recorded = open.finish().recorded;
    if !recorded.shown.is_empty() {
        ground.sink().finish(recorded);
    } else {
        ground.sink().give_back(recorded);
    }
}
