//! Where another destination shows a trace.

use std::fmt;
use std::sync::Arc;

use crate::id::TraceId;

/// The pages of a destination, one for each trace: the others are told their addresses. By default there are none.
#[derive(Clone, Default)]
pub(crate) struct Pages(Option<Arc<Address>>);

type Address = dyn Fn(TraceId) -> Option<String> + Send + Sync;

impl Pages {
    /// `address` has none for a trace that the destination is not sent, or whose address is not known yet.
    pub(crate) fn new(address: impl Fn(TraceId) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(address)))
    }

    /// The address of a trace's page.
    pub(crate) fn of(&self, trace: TraceId) -> Option<String> {
        self.0.as_ref()?(trace)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}
