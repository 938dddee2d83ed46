//! How lanes are served, by OpenTelemetry's variables of its batch processor.

use std::time::Duration;

use crate::env::{FromEnv, Reader, Variables};
use crate::pipeline::LaneSpec;

/// What the variables say; the rest is each lane's own.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Batching {
    /// A batch that is not full is sent after this long.
    interval: Option<Duration>,
    /// An attempt takes this long at most.
    timeout: Option<Duration>,
    /// So many observations are a full batch.
    batch: Option<usize>,
    /// So many observations wait for the worker, and in each lane.
    pub(crate) queue: Option<usize>,
}

impl Batching {
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| Self {
            interval: reader.millis(&["OTEL_BSP_SCHEDULE_DELAY"], 0, "the default"),
            timeout: reader.millis(&["OTEL_BSP_EXPORT_TIMEOUT"], 1, "the default"),
            batch: reader.number(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], 1, "the default"),
            queue: reader.number(&["OTEL_BSP_MAX_QUEUE_SIZE"], 1, "no limit but the bytes"),
        })
    }

    /// Serves a lane so. A timeout of its own that is shorter stays.
    pub(crate) fn apply(&self, spec: &mut LaneSpec) {
        spec.interval = self.interval.unwrap_or(spec.interval);
        spec.batch = self.batch.unwrap_or(spec.batch);
        spec.timeout = self.timeout.map_or(spec.timeout, |most| most.min(spec.timeout));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::ConsoleExporter;
    use crate::export::Scope;

    #[test]
    fn what_is_said_is_done_and_the_rest_stays() {
        let served = |pairs: &[(&str, &str)]| {
            let read = Batching::from_env(&Variables::from_pairs(pairs.iter().copied()));
            let mut spec = LaneSpec::new(Box::new(ConsoleExporter::stderr()), Scope::Everything);
            read.settings.apply(&mut spec);
            let shown = format!(
                "{} after {:?}, attempts of {:?}, queue of {:?}",
                spec.batch, spec.interval, spec.timeout, read.settings.queue
            );
            (shown, read.messages)
        };
        assert_eq!(
            served(&[]),
            ("512 after 5s, attempts of 10s, queue of None".into(), vec![])
        );
        assert_eq!(
            served(&[
                ("OTEL_BSP_SCHEDULE_DELAY", "0"),
                ("OTEL_BSP_EXPORT_TIMEOUT", "3000"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64"),
                ("OTEL_BSP_MAX_QUEUE_SIZE", "2048"),
            ]),
            ("64 after 0ns, attempts of 3s, queue of Some(2048)".into(), vec![])
        );
        // An attempt may not take longer than its request.
        assert_eq!(
            served(&[("OTEL_BSP_EXPORT_TIMEOUT", "30000")]).0,
            "512 after 5s, attempts of 10s, queue of None"
        );
        assert_eq!(
            served(&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")]).1,
            ["OTEL_BSP_MAX_QUEUE_SIZE is not a whole number above 0: no limit but the bytes is used"]
        );
    }
}
