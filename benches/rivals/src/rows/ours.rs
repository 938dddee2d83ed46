//! tracing-llm, by its public builder.

use std::time::Duration;

use tracing::Level;
use tracing_llm::{Builder, Guard, Langfuse, LangfuseBuilder, Otlp};

use super::{Delivery, Row};
use crate::Result;
use crate::sink::{OTLP_PATH, PUBLIC_KEY, SECRET_KEY};

/// OTLP and Langfuse at this port, everything else as it comes; content goes to OTLP, since the rivals send it, too.
pub(super) fn builder(row: Row, port: u16) -> Builder {
    let (mut langfuse, mut otlp) = destinations(port);
    let mut builder = tracing_llm::builder().capture_content(true);
    match row {
        Row::OursGzip => {
            langfuse = langfuse.gzip(true);
            otlp = otlp.gzip(true);
        }
        Row::HiddenByLevel => builder = builder.level(Level::WARN),
        Row::HiddenByFilter => {
            langfuse = langfuse.filter("rivals=off");
            otlp = otlp.filter("rivals=off");
        }
        Row::SampledOut => builder = builder.sample_rate(0.0),
        _ => {}
    }
    builder.langfuse(langfuse).otlp_to(otlp)
}

/// Both at this port of this machine.
pub(crate) fn destinations(port: u16) -> (LangfuseBuilder, Otlp) {
    let host = format!("http://127.0.0.1:{port}");
    let otlp = Otlp::new(format!("{host}{OTLP_PATH}"));
    (Langfuse::builder(PUBLIC_KEY, SECRET_KEY).base_url(host), otlp)
}

/// Longer than any flush here takes.
const PATIENCE: Duration = Duration::from_secs(120);

impl Delivery for Guard {
    fn flush(&self) -> Result<()> {
        // What did not arrive is in the books.
        self.flush_blocking(PATIENCE);
        Ok(())
    }

    fn books(&self) -> Option<[[u64; 5]; 2]> {
        let ledger = self.ledger();
        let of = |name| {
            let account = ledger.lane(name)?;
            let (offered, exported, failed) = (account.offered(), account.exported(), account.failed());
            Some([offered, exported, failed, account.dropped(), account.queued()])
        };
        Some([of("otlp")?, of("langfuse")?])
    }
}
