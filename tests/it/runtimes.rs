//! Flushing and shutting down in every runtime and in none: whatever has closed arrives, and nothing hangs. The program's
//! runtimes are its own; the pipeline needs none of them.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, block_in_place, spawn_blocking};
use tracing::instrument::WithSubscriber;
use tracing::{Dispatch, Instrument, dispatcher, info_span};
use tracing_llm::{FlushReport, Guard, Otlp, Pipeline};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::alone::alone;
use crate::support::receiver::Receiver;

/// Nothing here takes that long; a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(60);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn program(otlp: &Receiver) -> (Dispatch, Guard) {
    let (layer, llm) = tracing_llm::builder()
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .build()
        .unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(layer)), llm)
}

/// Does its last step: flushes, or shuts down.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    Flush,
    ShutDown,
}

impl Step {
    async fn take(self, llm: Pipeline) -> FlushReport {
        match self {
            Self::Flush => llm.flush().await,
            Self::ShutDown => llm.shutdown(LONG).await,
        }
    }

    fn take_blocking(self, llm: Pipeline) -> FlushReport {
        match self {
            Self::Flush => llm.flush_blocking(LONG),
            Self::ShutDown => llm.shutdown_blocking(LONG),
        }
    }
}

type Flavour = (&'static str, fn(Step, Pipeline) -> FlushReport);

/// Each ends two observations, and takes the step where they have ended.
const FLAVOURS: [Flavour; 13] = [
    ("no runtime", |step, llm| {
        alone(async {
            work().await;
            step.take(llm).await
        })
    }),
    ("no runtime, blocking", |step, llm| {
        alone(work());
        step.take_blocking(llm)
    }),
    ("current thread", |step, llm| {
        current_thread().block_on(async {
            work().await;
            step.take(llm).await
        })
    }),
    ("current thread, without a driver", |step, llm| {
        let bare = Builder::new_current_thread().build().unwrap();
        bare.block_on(async {
            work().await;
            step.take(llm).await
        })
    }),
    ("current thread, blocking inside", |step, llm| {
        current_thread().block_on(async {
            work().await;
            step.take_blocking(llm)
        })
    }),
    ("current thread, in a local task", |step, llm| {
        let local = LocalSet::new();
        let task = async move {
            work().await;
            step.take(llm).await
        };
        local.block_on(&current_thread(), async {
            tokio::task::spawn_local(task.with_current_subscriber())
                .await
                .unwrap()
        })
    }),
    ("multi-thread", |step, llm| {
        multi_thread().block_on(async {
            work().await;
            step.take(llm).await
        })
    }),
    ("multi-thread, in a task", |step, llm| {
        let task = async move {
            work().await;
            step.take(llm).await
        };
        let runtime = multi_thread();
        let task = runtime.spawn(task.with_current_subscriber());
        runtime.block_on(task).unwrap()
    }),
    ("multi-thread, blocking in a task", |step, llm| {
        let task = async move {
            work().await;
            block_in_place(|| step.take_blocking(llm))
        };
        let runtime = multi_thread();
        let task = runtime.spawn(task.with_current_subscriber());
        runtime.block_on(task).unwrap()
    }),
    ("a thread for blocking", |step, llm| {
        multi_thread().block_on(async {
            work().await;
            spawn_blocking(move || step.take_blocking(llm)).await.unwrap()
        })
    }),
    ("two at once", |step, llm| {
        let (one, two) = (current_thread(), multi_thread());
        let dispatch = dispatcher::get_default(Dispatch::clone);
        let both = Barrier::new(2);
        let half = async || {
            drop(info_span!("half"));
            both.wait();
        };
        thread::scope(|scope| {
            let other = async {
                half().await;
                llm.flush().await
            };
            scope.spawn(|| one.block_on(other.with_subscriber(dispatch)));
            two.block_on(async {
                half().await;
                step.take(llm.clone()).await
            })
        })
    }),
    ("a runtime that has gone", |step, llm| {
        let runtime = multi_thread();
        let kept = async {
            let _kept = info_span!("in a task that never ends");
            drop(info_span!("in a task"));
            std::future::pending::<()>().await;
        };
        let (dispatch, task) = (dispatcher::get_default(Dispatch::clone), kept);
        let started = runtime.spawn(task.with_subscriber(dispatch));
        // Its task is dropped with it, wherever it is by then.
        runtime.block_on(async {
            while llm.ledger().open() == 0 && !started.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
        step.take_blocking(llm)
    }),
    ("a plain thread", |step, llm| {
        let dispatch = dispatcher::get_default(Dispatch::clone);
        let last = move || {
            dispatcher::with_default(&dispatch, || alone(work()));
            step.take_blocking(llm)
        };
        thread::spawn(last).join().unwrap()
    }),
];

/// Ends two observations.
async fn work() {
    let inner = async { drop(info_span!("inner")) };
    inner.instrument(info_span!("outer")).await;
}

#[test]
fn whatever_the_runtime_a_flush_and_a_shutdown_lose_nothing_that_has_closed() {
    for (name, run) in FLAVOURS {
        let otlp = Receiver::otlp();
        let (subscriber, llm) = program(&otlp);
        for (step, sent) in [(Step::Flush, 2), (Step::ShutDown, 4)] {
            let report = dispatcher::with_default(&subscriber, || run(step, (*llm).clone()));
            assert_eq!(
                report.to_string(),
                format!("otlp {sent} sent · 0 lost"),
                "{name}, {step:?}"
            );
            assert_eq!(otlp.spans().len(), sent, "{name}, {step:?}");
        }
        assert_eq!(llm.ledger().open(), 0, "{name}");
    }
}

/// What `#[tokio::test]` makes a hundred times in one process: a runtime a test, on threads of the test runner. The
/// pipeline outlives the runtime that was there first.
#[test]
fn a_hundred_tests_with_a_runtime_each_may_share_a_pipeline() {
    let otlp = Receiver::otlp();
    let (subscriber, llm) = program(&otlp);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let test = async {
                        work().await;
                        llm.flush().await
                    };
                    let report = current_thread().block_on(test.with_subscriber(subscriber.clone()));
                    assert!(report.is_complete(), "{report}");
                }
            });
        }
    });
    let report = llm.shutdown_blocking(LONG);
    assert_eq!(report.to_string(), "otlp 200 sent · 0 lost");
    assert_eq!(otlp.spans().len(), 200);
}

#[test]
fn a_hundred_tests_may_have_a_pipeline_each() {
    let otlp = Receiver::otlp();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let (subscriber, llm) = program(&otlp);
                    current_thread().block_on(work().with_subscriber(subscriber));
                    // The guard goes with the test, and sends.
                    drop(llm);
                }
            });
        }
    });
    assert_eq!(otlp.spans().len(), 200);
}
