//! Who makes the spans: this thread, eight others, or the tasks of a runtime.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::allocator::{Owner, this_thread_is};
use crate::text::Texts;
use crate::workloads::{AGENT_SPANS, Api, Workload};
use crate::{Result, cpu};

/// What one burst took, in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Burst {
    /// Spans that ended.
    pub(crate) made: u64,
    /// CPU time of the threads that made them.
    pub(crate) app: u64,
    pub(crate) wall: u64,
}

/// The runtime's workers.
const WORKERS: usize = 2;
const THREADS: usize = 8;

/// How often the workers are called together, and how long the first waits for the others.
const MEETINGS: usize = 100;
const PATIENCE: Duration = Duration::from_millis(50);

pub(crate) struct Team {
    pub(crate) runtime: Runtime,
    pub(crate) texts: &'static Texts,
    threads: Vec<Sender<Job>>,
    results: Receiver<u64>,
    /// How many generations there were.
    turn: u64,
}

/// Some generations, begun together with the other threads.
struct Job {
    api: Api,
    texts: &'static Texts,
    first: u64,
    spans: u64,
    start: Arc<Barrier>,
}

impl Team {
    pub(crate) fn new() -> Result<Self> {
        this_thread_is(Owner::Application);
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .on_thread_start(|| this_thread_is(Owner::Runtime))
            .enable_all()
            .build()?;
        let (report, results) = channel();
        let threads = (0..THREADS).map(|_| {
            let (jobs, mine) = channel();
            let report = report.clone();
            thread::spawn(move || {
                this_thread_is(Owner::Application);
                for job in mine {
                    // Whoever waits for it has ended.
                    let _ = report.send(Job::run(job));
                }
            });
            jobs
        });
        Ok(Self {
            threads: threads.collect(),
            runtime,
            texts: Texts::leaked(),
            results,
            turn: 0,
        })
    }

    /// Makes about so many spans, and some parents.
    pub(crate) fn burst(&mut self, api: Api, workload: Workload, spans: u64) -> Result<Burst> {
        let first = self.turn;
        self.turn += spans;
        let texts = self.texts;
        match workload {
            Workload::Empty => Ok(here(spans + 1, || {
                (api.below_a_parent)(&mut || (api.empty)(spans));
            })),
            Workload::Generation => Ok(here(spans + 1, || {
                (api.below_a_parent)(&mut || (api.generations)(texts, first, spans));
            })),
            Workload::Agent => self.agents(api, first, spans),
            Workload::Threads(threads) => self.together(api, threads, first, spans),
        }
    }

    fn agents(&self, api: Api, first: u64, spans: u64) -> Result<Burst> {
        let texts = self.texts;
        let traces = spans.div_ceil(AGENT_SPANS);
        let before = self.workers_cpu()?;
        let start = Instant::now();
        // At once, as a server has them: workers that sleep and are woken between traces would cost more than the spans.
        let tasks: Vec<_> = (0..traces)
            .map(|trace| {
                let trace = (api.agent)(texts, first + trace * AGENT_SPANS);
                self.runtime.spawn(trace)
            })
            .collect();
        for task in tasks {
            self.runtime.block_on(task)?;
        }
        let wall = start.elapsed().as_nanos() as u64;
        Ok(Burst {
            made: traces * AGENT_SPANS,
            app: self.workers_cpu()? - before,
            wall,
        })
    }

    /// CPU time of the runtime's workers: each tells its own, in a task that holds it until all have. A runtime does not promise
    /// that tasks that block run beside each other; where they did not meet, they are sent again.
    fn workers_cpu(&self) -> Result<u64> {
        for _ in 0..MEETINGS {
            let meeting = Arc::new(Meeting::default());
            let tasks: Vec<_> = (0..WORKERS)
                .map(|_| {
                    let meeting = Arc::clone(&meeting);
                    self.runtime
                        .spawn(async move { meeting.holds(WORKERS).then(cpu::of_thread) })
                })
                .collect();
            let mut times = Vec::new();
            for task in tasks {
                times.extend(self.runtime.block_on(task)?);
            }
            if times.len() == WORKERS {
                return Ok(times.iter().sum());
            }
        }
        Err("the runtime's workers did not meet".into())
    }

    fn together(&self, api: Api, threads: usize, first: u64, spans: u64) -> Result<Burst> {
        let each = spans / threads as u64;
        let start = Arc::new(Barrier::new(threads + 1));
        for (number, thread) in self.threads.iter().take(threads).enumerate() {
            thread.send(Job {
                api,
                texts: self.texts,
                first: first + number as u64 * each,
                spans: each,
                start: Arc::clone(&start),
            })?;
        }
        start.wait();
        let from = Instant::now();
        let mut app = 0;
        for _ in 0..threads {
            app += self.results.recv()?;
        }
        Ok(Burst {
            made: (each + 1) * threads as u64,
            app,
            wall: from.elapsed().as_nanos() as u64,
        })
    }
}

impl Job {
    fn run(self) -> u64 {
        self.start.wait();
        let before = cpu::of_thread();
        (self.api.below_a_parent)(&mut || (self.api.generations)(self.texts, self.first, self.spans));
        cpu::of_thread() - before
    }
}

/// Where threads wait for each other, but not for ever.
#[derive(Default)]
struct Meeting {
    arrived: Mutex<usize>,
    more: Condvar,
}

impl Meeting {
    /// Whether so many came.
    fn holds(&self, wanted: usize) -> bool {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        *arrived += 1;
        self.more.notify_all();
        let waited = self
            .more
            .wait_timeout_while(arrived, PATIENCE, |arrived| *arrived < wanted);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// On this thread.
fn here(made: u64, run: impl FnOnce()) -> Burst {
    let (cpu, start) = (cpu::of_thread(), Instant::now());
    run();
    Burst {
        made,
        app: cpu::of_thread() - cpu,
        wall: start.elapsed().as_nanos() as u64,
    }
}
