//! An open observation at its place: the extensions of its span.

use std::sync::Arc;

use tracing_subscriber::registry::{Extensions, ExtensionsMut};

use crate::layer::open::OpenObservation;

/// The observation, until it is taken at the close.
///
/// A layer can be gone by then, because `reload` put another in its place. The registry clears the extensions all the
/// same, and what nobody took ends there: it is sent, and nothing counts as open for ever.
pub(crate) struct Live(Option<OpenObservation>);

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

    pub(crate) fn of<'a>(extensions: &'a Extensions<'_>) -> Option<&'a OpenObservation> {
        extensions.get::<Self>()?.0.as_ref()
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
        let Some(open) = self.0.take() else { return };
        let ground = Arc::clone(&open.trace.ground);
        let recorded = open.finish().recorded;
        if !recorded.shown.is_empty() {
            ground.sink().finish(recorded);
        } else {
            ground.sink().give_back(recorded);
        }
    }
}
