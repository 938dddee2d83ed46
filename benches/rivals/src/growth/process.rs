//! The process whose spans are around each other.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use tracing::subscriber::set_global_default;
use tracing::{Span, info_span};
use tracing_llm::{Builder, Guard, Otlp};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use super::What;
use crate::child::measured;
use crate::rows::ours;
use crate::sink::OTLP_PATH;
use crate::text::{self, Texts};
use crate::workloads::with_tracing::API;
use crate::{Result, cpu};

/// Spans of a chunk, which is flushed before the next.
const CHUNK: u64 = 1_000;
/// Bytes of values of a chunk: less than a lane holds.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;

/// How many spans are measured at once.
pub(super) fn spans(what: What, size: u64) -> u64 {
    match what {
        What::Depth => size * (CHUNK / size),
        What::Trace => size,
        What::Value => (CHUNK_BYTES / size).min(CHUNK),
        What::Open | What::Lanes => 512,
        What::Threads => 2_048,
    }
}

/// With our layer, or without: says CPU nanoseconds on the threads that make the spans and in the process, so many times; then how many spans ended, and to
/// how many destinations each goes.
pub(crate) fn main(what: What, size: u64, port: Option<u16>, times: u64) -> Result<()> {
    let mut run = Run::new(what, size, port)?;
    // Everything is warm, and all buffers have been used.
    run.once();
    run.counts = true;
    for _ in 0..times {
        let (app, process) = run.once();
        println!("{app} {process}");
    }
    println!("{} {}", run.ended, run.lanes);
    Ok(())
}

struct Run {
    what: What,
    size: u64,
    llm: Option<Guard>,
    lanes: u64,
    texts: &'static Texts,
    value: String,
    ended: u64,
    /// Whether callgrind is to see it.
    counts: bool,
}

impl Run {
    fn new(what: What, size: u64, port: Option<u16>) -> Result<Self> {
        let lanes = if what == What::Lanes { size } else { 2 };
        let llm = match port {
            Some(port) => {
                let (layer, llm) = builder(what, lanes, port).build()?;
                set_global_default(registry().with(layer))?;
                Some(llm)
            }
            None => {
                set_global_default(registry())?;
                None
            }
        };
        Ok(Self {
            what,
            size,
            llm,
            lanes,
            texts: Texts::leaked(),
            value: if what == What::Value {
                text::of_bytes(size as usize)
            } else {
                String::new()
            },
            ended: 0,
            counts: false,
        })
    }

    fn flush(&self) {
        if let Some(llm) = &self.llm {
            llm.flush_blocking(Duration::from_secs(60));
        }
    }

    /// CPU of the threads that make the spans, and of the process with the flush.
    fn once(&mut self) -> (u64, u64) {
        let root = info_span!(
            "root",
            as_type = "agent",
            user.id = "user-1",
            session.id = "session-1"
        );
        let entered = root.enter();
        let around: Vec<Span> = match self.what {
            What::Open => (0..self.size).map(|number| info_span!("open", number)).collect(),
            _ => Vec::new(),
        };
        let (mut left, before, mut app) = (spans(self.what, self.size), cpu::of_process(), 0);
        self.ended += left + around.len() as u64 + 1;
        while left > 0 {
            let chunk = if self.what == What::Threads {
                left
            } else {
                left.min(CHUNK)
            };
            app += self.chunk(chunk);
            self.flush();
            left -= chunk;
        }
        let process = cpu::of_process() - before;
        drop(around);
        drop(entered);
        drop(root);
        self.flush();
        (app, process)
    }

    fn chunk(&mut self, spans: u64) -> u64 {
        let here = |run: &mut dyn FnMut()| {
            let before = cpu::of_thread();
            if self.counts {
                measured(run);
            } else {
                run();
            }
            cpu::of_thread() - before
        };
        match self.what {
            What::Open | What::Lanes => here(&mut || (API.generations)(self.texts, 0, spans)),
            What::Trace => here(&mut || (API.empty)(spans)),
            What::Depth => here(&mut || (0..spans / self.size).for_each(|_| chain(self.size))),
            What::Value => here(&mut || {
                for _ in 0..spans {
                    info_span!("value", input = self.value).in_scope(|| {});
                }
            }),
            What::Threads => self.threads(spans),
        }
    }

    fn threads(&mut self, spans: u64) -> u64 {
        self.ended += self.size;
        let start = Arc::new(Barrier::new(self.size as usize));
        let (root, texts, each) = (Span::current(), self.texts, spans / self.size);
        thread::scope(|scope| {
            let threads = (0..self.size).map(|number| {
                let (start, root) = (Arc::clone(&start), root.clone());
                scope.spawn(move || {
                    let _entered = root.enter();
                    // What a thread does once is not what a span costs.
                    (API.generations)(texts, 0, 1);
                    start.wait();
                    let before = cpu::of_thread();
                    (API.generations)(texts, number * each, each);
                    cpu::of_thread() - before
                })
            });
            let threads: Vec<_> = threads.collect();
            // One that panicked has said so, and its spans are missed at the sink.
            threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
        })
    }
}

fn builder(what: What, lanes: u64, port: u16) -> Builder {
    let builder = tracing_llm::builder().capture_content(true);
    if what == What::Lanes {
        let otlp = Otlp::new(format!("http://127.0.0.1:{port}{OTLP_PATH}"));
        return (0..lanes).fold(builder, |builder, _| builder.otlp_to(otlp.clone()));
    }
    let (langfuse, otlp) = ours::destinations(port);
    builder.langfuse(langfuse).otlp_to(otlp)
}

/// So many spans below each other.
fn chain(deep: u64) {
    if deep > 0 {
        info_span!("link").in_scope(|| chain(deep - 1));
    }
}
