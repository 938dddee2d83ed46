//! How items run beside each other, in any executor.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tokio::sync::Barrier;
use tracing_llm::experiment::Item;

use super::{offline, program, project_with_a_dataset};
use crate::support::alone::alone;
use crate::support::rows;

#[test]
fn as_many_run_at_once_as_may_and_no_more() {
    for (items, concurrency, most) in [(12, 4, 4), (3, 8, 3), (5, 1, 1), (2, 0, 1)] {
        let meeting = Barrier::new(most);
        let running = AtomicUsize::new(0);
        let most_running = AtomicUsize::new(0);
        let llm = offline();
        let plan = llm.experiment("x").items((0..items).map(Item::new));
        let trial = plan.concurrency(concurrency).task(|item| {
            let (meeting, running, most_running) = (&meeting, &running, &most_running);
            async move {
                most_running.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                // The first ones wait for each other, or the test hangs.
                if item.input_as::<usize>().unwrap() < most {
                    meeting.wait().await;
                }
                running.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, Infallible>(item.input_as::<usize>().unwrap())
            }
        });
        let report = alone(trial.run()).unwrap();
        assert_eq!(most_running.into_inner(), most);
        let outputs: Vec<_> = report.rows().iter().map(|row| *row.output().unwrap()).collect();
        assert_eq!(
            outputs,
            (0..items).collect::<Vec<_>>(),
            "in the order of the items"
        );
    }
}

#[test]
fn what_is_ready_at_once_keeps_nobody_waiting() {
    let done = Mutex::new(Vec::new());
    let llm = offline();
    let plan = llm.experiment("x").items((0..100_u8).map(Item::new));
    let trial = plan.concurrency(2).task(|item| {
        let done = &done;
        async move {
            let number = item.input_as::<u8>().unwrap();
            if number == 0 {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            done.lock().unwrap().push(number);
            Ok::<_, Infallible>(())
        }
    });
    assert_eq!(alone(trial.run()).unwrap().failed(), 0);
    let place = done
        .lock()
        .unwrap()
        .iter()
        .position(|number| *number == 0)
        .unwrap();
    assert!(place < 10, "the first item was done after {place} others");
}

#[test]
fn what_another_thread_wakes_goes_on() {
    let llm = offline();
    let plan = llm.experiment("x").items((0..50).map(Item::new));
    let trial = plan.concurrency(7).task(|item| async move {
        let done = Arc::new(AtomicBool::new(false));
        let mut started = false;
        poll_fn(|context| {
            if done.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            if !started {
                started = true;
                let (done, waker) = (Arc::clone(&done), context.waker().clone());
                thread::spawn(move || {
                    done.store(true, Ordering::Release);
                    waker.wake();
                });
            }
            Poll::Pending
        })
        .await;
        Ok::<_, Infallible>(item.input_as::<u8>().unwrap())
    });
    assert_eq!(alone(trial.run()).unwrap().rows().len(), 50);
}

#[test]
fn a_run_can_be_handed_to_another_thread_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let llm = offline();
    let run = async move {
        let plan = llm.experiment("x").items([("a", "A"), ("b", "B")]);
        let trial = plan.task(|item| async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(item.input_text().to_uppercase())
        });
        let trial = trial.async_evaluator("later", |case| async move {
            tokio::task::yield_now().await;
            case.is_expected()
        });
        trial.run().await.unwrap()
    };
    let report = runtime.block_on(async { tokio::spawn(run).await.unwrap() });
    report.assert_min("later", 1.0);
}

#[test]
fn progress_is_told_at_the_beginning_and_with_each_item() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let llm = offline();
    let plan = llm
        .experiment("x")
        .items([("a", 1), ("b", 2), ("c", 3)])
        .progress(move |progress| {
            listener
                .lock()
                .unwrap()
                .push((progress.done, progress.failed, progress.items));
            assert!(progress.done < 2, "a listener that panics takes nothing down");
        });
    let task = |item: Item| async move {
        if item.input_text() == "b" {
            Err("no")
        } else {
            Ok(())
        }
    };
    let report = alone(plan.concurrency(1).task(task).run());
    assert_eq!(report.unwrap().failed(), 1);
    assert_eq!(
        *told.lock().unwrap(),
        [(0, 0, 3), (1, 0, 3), (2, 1, 3), (3, 1, 3)]
    );
}

#[test]
fn what_does_not_end_is_given_up_and_the_others_are_not() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let llm = offline();
    let plan = llm
        .experiment("x")
        .items([("a", 1), ("b", 2)])
        .timeout(Duration::from_millis(20));
    let trial = plan.task(|item| {
        let dropped = Arc::clone(&dropped);
        async move {
            if item.input_text() == "a" {
                let _kept = Dropped(dropped);
                pending::<()>().await;
            }
            Ok::<_, Infallible>(())
        }
    });
    let trial = trial.async_evaluator("never", |_| pending::<bool>());
    let report = alone(trial.run()).unwrap();
    let [a, b] = report.rows() else { panic!("{report}") };
    assert_eq!(a.failure().unwrap().to_string(), "not done within 20ms");
    assert!(a.latency() >= Duration::from_millis(20));
    assert!(dropped.load(Ordering::Acquire));
    assert!(b.failure().is_none());
    let failures: Vec<_> = b.failures().map(|(name, why)| format!("{name} {why}")).collect();
    assert_eq!(failures, ["never not done within 20ms"]);
}

#[test]
fn a_run_that_is_given_up_says_so_of_what_was_running() {
    let server = project_with_a_dataset();
    let (_, llm) = program(&server);
    let plan = llm
        .experiment("x")
        .items([("done", 1), ("runs", 2), ("is judged", 3), ("waits", 4)]);
    let trial = plan.concurrency(2).task(|item| async move {
        if item.input_text() == "runs" {
            pending::<()>().await;
        }
        Ok::<_, Infallible>(())
    });
    let trial = trial.async_evaluator("judge", |case| async move {
        if case.item().input_text() == "is judged" {
            pending::<()>().await;
        }
        true
    });
    let mut run = Box::pin(trial.run());
    let mut context = Context::from_waker(Waker::noop());
    // As often as there are items and pauses between them: then nothing goes on.
    for _ in 0..10 {
        assert!(run.as_mut().poll(&mut context).is_pending());
    }
    drop(run);
    assert!(llm.flush_blocking(Duration::from_secs(20)).is_complete());
    let mut shown: Vec<_> = rows::of_requests(&server.requests())
        .into_iter()
        .map(|row| {
            let said = row.status_message.unwrap_or_default();
            format!(
                "{} {} {} {said}",
                row.name,
                row.input.unwrap_or_default(),
                row.level
            )
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "experiment-item-run done DEFAULT ",
            "experiment-item-run is judged DEFAULT ",
            "experiment-item-run runs WARNING cancelled",
            "judge  DEFAULT ",
            "judge  WARNING cancelled",
        ]
    );
}
