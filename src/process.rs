//! What happens to a finished observation between the queue and the lanes, on the worker: its price is worked out, its
//! secrets are masked, then the user's own steps run. Masking comes before the fan-out, so no destination sees more than
//! another was allowed to.

pub(crate) mod mask;
