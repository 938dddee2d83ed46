//! The global subscriber: our layer beside log lines.

use std::io::IsTerminal as _;

use tracing::{Dispatch, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Filter, SubscriberExt};

use super::Builder;
use crate::error::{Error, Kind};
use crate::pipeline::Guard;

impl Builder {
    /// Builds the layer, starts the pipeline and installs both as the global subscriber, beside log lines on stderr
    /// that `RUST_LOG` filters. When it is not set, or without feature `env-filter`, they are shown from INFO up, but
    /// for what functions return: the traces show that.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); or the process has a global subscriber already.
    pub fn init(self) -> Result<Guard, Error> {
        use tracing_subscriber::Layer as _;

        let (layer, guard) = self.build()?;
        let plain = std::env::var_os("NO_COLOR").is_some_and(|no| !no.is_empty());
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(!plain && std::io::stderr().is_terminal())
            .with_filter(log_filter());
        let subscriber = tracing_subscriber::registry().with(lines).with(layer);
        tracing::dispatcher::set_global_default(Dispatch::new(subscriber)).map_err(|source| {
            let message =
                "a global subscriber is already set: add tracing_llm::layer() to it instead of init()";
            Error::new(Kind::AlreadyInitialized, message).because(source)
        })?;
        Ok(guard)
    }
}

/// Which log lines `init()` shows: what `RUST_LOG` says; without it, those from INFO up but for what functions return,
/// which the traces show.
fn log_filter<S: 'static>() -> Box<dyn Filter<S> + Send + Sync> {
    #[cfg(feature = "env-filter")]
    if std::env::var_os("RUST_LOG").is_some_and(|directives| !directives.is_empty()) {
        return Box::new(tracing_subscriber::EnvFilter::from_default_env());
    }
    let is_return = |metadata: &Metadata<'_>| {
        let mut fields = metadata.fields().iter();
        metadata.is_event()
            && fields.next().is_some_and(|field| field.name() == "return")
            && fields.next().is_none()
    };
    let shown =
        move |metadata: &Metadata<'_>| *metadata.level() <= tracing::Level::INFO && !is_return(metadata);
    Box::new(filter_fn(shown).with_max_level_hint(tracing::Level::INFO))
}
