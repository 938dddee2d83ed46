//! The pipeline in hands that do not read the manual.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::Empty;
use tracing::{Dispatch, Level, Span, debug_span, dispatcher, info, info_span};
use tracing_llm::export::{Batch, ExportFuture, Exported, Exporter, Scope};
use tracing_llm::{Builder, Guard, Pipeline, SpanExt, current};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{registry, reload};

use crate::support::lines::Lines;

/// Takes everything; what else it does, a closure says.
struct Takes<F> {
    names: Names,
    act: F,
}

/// The names of what was taken, in that order.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl Names {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn taken(&self) -> impl Exporter + use<> {
        self.and(|| {})
    }

    fn and<F: FnMut() + Send + 'static>(&self, act: F) -> impl Exporter + use<F> {
        Takes {
            names: self.clone(),
            act,
        }
    }
}

impl<F: FnMut() + Send + 'static> Exporter for Takes<F> {
    fn name(&self) -> &str {
        "takes"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        Box::pin(async {
            (self.act)();
            let mut names = self.names.0.lock().unwrap();
            names.extend(batch.observations().map(|one| one.name().to_owned()));
            Ok(Exported::all())
        })
    }
}

fn started(builder: Builder) -> (Dispatch, Guard) {
    let (layer, llm) = builder.build().unwrap();
    (Dispatch::new(registry().with(layer)), llm)
}

/// With one exporter, and nobody who is told of trouble.
fn quietly(names: &Names) -> Builder {
    tracing_llm::builder()
        .exporter(names.taken(), Scope::Everything)
        .on_diagnostic(|_| {})
}

fn balanced(llm: &Pipeline) {
    let ledger = llm.ledger();
    for lane in ledger.lanes() {
        let settled = lane.exported() + lane.failed() + lane.dropped() + lane.queued();
        assert_eq!(lane.offered(), settled, "{ledger:?}");
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_is_told_of_trouble_may_panic_and_the_span_ends_all_the_same() {
    let names = Names::default();
    let builder = tracing_llm::builder()
        .exporter(names.taken(), Scope::Everything)
        // Without the hook's message.
        .on_diagnostic(|_| std::panic::resume_unwind(Box::new("on purpose")));
    let (subscriber, llm) = started(builder);
    dispatcher::with_default(&subscriber, || {
        drop(info_span!("odd", as_type = "no type at all"));
        drop(info_span!("usual"));
    });
    llm.flush_blocking(SECOND);
    assert_eq!(names.all(), ["odd", "usual"]);
}

#[test]
fn an_exporter_may_flush_shut_down_and_make_spans() {
    let (names, said) = (Names::default(), Names::default());
    let program: Arc<Mutex<Option<(Dispatch, Pipeline)>>> = Arc::default();
    let (theirs, reports) = (Arc::clone(&program), said.clone());
    let exporter = names.and(move || {
        let (subscriber, llm) = theirs.lock().unwrap().clone().unwrap();
        dispatcher::with_default(&subscriber, || {
            info_span!("made by the exporter").in_scope(|| info!("said by the exporter"));
        });
        let mut said = reports.0.lock().unwrap();
        said.push(llm.flush_blocking(60 * SECOND).to_string());
        if said.len() == 2 {
            llm.shutdown_blocking(60 * SECOND);
        }
    });
    let builder = tracing_llm::builder()
        .exporter(exporter, Scope::Everything)
        .on_diagnostic(|_| {});
    let (subscriber, llm) = started(builder);
    *program.lock().unwrap() = Some((subscriber.clone(), llm.clone()));
    for _ in 0..2 {
        dispatcher::with_default(&subscriber, || drop(info_span!("work")));
        llm.flush_blocking(10 * SECOND);
    }
    dispatcher::with_default(&subscriber, || drop(info_span!("too late")));
    assert_eq!(
        llm.flush_blocking(10 * SECOND).to_string(),
        "takes 2 sent, 1 dropped · 1 lost"
    );
    let own = "not waited for: called on the pipeline's own thread";
    let expected = [
        format!("{own} · takes 0 sent, 1 pending · 0 lost"),
        format!("{own} · takes 1 sent, 1 pending · 0 lost"),
    ];
    assert_eq!(said.all(), expected);
    assert_eq!(names.all(), ["work", "work"]);
    balanced(&llm);
}

#[test]
fn a_span_may_close_under_a_lock_that_the_exporter_waits_for() {
    let names = Names::default();
    let lock = Arc::new(Mutex::new(()));
    let wanted = Arc::clone(&lock);
    let exporter = names.and(move || drop(wanted.lock().unwrap()));
    let builder = tracing_llm::builder()
        .exporter(exporter, Scope::Everything)
        .immediate(true);
    let (subscriber, llm) = started(builder);
    dispatcher::with_default(&subscriber, || {
        let held = lock.lock().unwrap();
        for _ in 0..100 {
            info_span!("closes").in_scope(|| drop(info_span!("inner")));
        }
        assert_eq!(names.all(), [""; 0]);
        drop(held);
    });
    let report = llm.flush_blocking(60 * SECOND);
    assert_eq!(report.to_string(), "takes 200 sent · 0 lost");
}

#[test]
fn guards_may_go_in_any_order() {
    for order in 0..6 {
        let (one, two) = (Names::default(), Names::default());
        let start = Instant::now();
        let (first, first_llm) = started(quietly(&one));
        let (second, second_llm) = started(quietly(&two));
        let outer = dispatcher::with_default(&first, || info_span!("outer"));
        let inner = dispatcher::with_default(&second, || info_span!("inner"));
        match order {
            0 => drop((first_llm, second_llm, outer, inner, first, second)),
            1 => drop((first, second, outer, inner, first_llm, second_llm)),
            2 => drop((second_llm, inner, outer, first, first_llm, second)),
            3 => outer.in_scope(|| inner.in_scope(|| drop((second_llm, first_llm)))),
            4 => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async move {
                    tokio::task::spawn_blocking(move || drop(first_llm))
                        .await
                        .unwrap();
                    tokio::spawn(async move { drop(second_llm) }).await.unwrap();
                });
            }
            _ => {
                thread::spawn(move || drop(first_llm)).join().unwrap();
                drop(outer);
                std::mem::forget(second_llm);
                drop(inner);
            }
        }
        assert!(start.elapsed() < Guard::DROP_DEADLINE, "{order} waits");
    }
}

/// Flushes as it goes.
struct FlushesLast {
    llm: Guard,
    span: Span,
    said: Names,
}

impl Drop for FlushesLast {
    fn drop(&mut self) {
        self.span.in_scope(|| {
            drop(info_span!("in a drop"));
            let report = self.llm.flush_blocking(10 * SECOND);
            self.said.0.lock().unwrap().push(report.to_string());
        });
    }
}

#[test]
fn a_flush_may_stand_inside_a_span_inside_a_drop_inside_a_panic() {
    let (names, said, lines) = (Names::default(), Names::default(), Lines::default());
    let builder = tracing_llm::builder()
        .exporter(names.taken(), Scope::Everything)
        .on_diagnostic(lines.writer());
    let (subscriber, llm) = started(builder);
    let panicked = dispatcher::with_default(&subscriber, || {
        let last = FlushesLast {
            llm,
            span: info_span!("held"),
            said: said.clone(),
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _last = last;
            std::panic::resume_unwind(Box::new("on purpose"));
        }))
    });
    assert!(panicked.is_err());
    assert_eq!(said.all(), ["takes 1 sent · 0 lost"]);
    assert_eq!(names.all(), ["in a drop"]);
    assert_eq!(
        lines.all(),
        ["shut down while observations were open, which are not sent: 1"]
    );
}

#[test]
fn everybody_flushes_and_shuts_down_while_spans_end() {
    let names = Names::default();
    let (subscriber, llm) = started(quietly(&names));
    thread::scope(|scope| {
        for number in 0..16 {
            let (subscriber, llm) = (subscriber.clone(), llm.clone());
            scope.spawn(move || {
                dispatcher::with_default(&subscriber, || {
                    for step in 0..200 {
                        info_span!("step", step).in_scope(|| drop(info_span!("inner")));
                        if step % 50 == 0 {
                            llm.flush_blocking(SECOND);
                            balanced(&llm);
                        }
                        if number == 7 && step == 150 {
                            llm.shutdown_blocking(SECOND);
                        }
                    }
                    if number % 2 == 0 {
                        llm.shutdown_blocking(SECOND);
                    }
                });
            });
        }
    });
    balanced(&llm);
    let ledger = llm.ledger();
    assert_eq!(ledger.open(), 0);
    let lane = ledger.lane("takes").unwrap();
    assert_eq!((lane.offered(), lane.queued()), (16 * 400, 0));
    assert_eq!(lane.exported(), names.all().len() as u64);
    assert_eq!(lane.dropped(), lane.dropped_at_shutdown());
}

#[test]
fn an_observation_larger_than_the_queue_is_dropped_and_that_is_said_in_its_own_words() {
    let (names, lines) = (Names::default(), Lines::default());
    let builder = tracing_llm::builder()
        .exporter(names.taken(), Scope::Everything)
        .queue_bytes(10_000)
        .on_diagnostic(lines.writer());
    let (subscriber, llm) = started(builder);
    dispatcher::with_default(&subscriber, || {
        let text = "x".repeat(20_000);
        drop(info_span!("large", input = text.as_str()));
        assert_eq!(
            lines.count("span \"large\" holds 2"),
            1,
            "at once: {:?}",
            lines.all()
        );
        drop(info_span!("large", input = text.as_str()));
        drop(info_span!("small"));
    });
    let report = llm.flush_blocking(10 * SECOND);
    assert_eq!(report.to_string(), "takes 1 sent, 2 dropped · 2 lost");
    assert_eq!(names.all(), ["small"]);
    assert_eq!(lines.all().len(), 1, "{:?}", lines.all());
    balanced(&llm);
}

#[test]
fn one_trace_may_be_changed_from_everywhere_at_once() {
    let names = Names::default();
    let (subscriber, llm) = started(quietly(&names));
    let root = dispatcher::with_default(&subscriber, || info_span!("root", late = Empty));
    thread::scope(|scope| {
        for number in 0..8 {
            let (subscriber, root) = (&subscriber, &root);
            scope.spawn(move || dispatcher::with_default(subscriber, || steps(root, number)));
        }
    });
    drop(root);
    assert_eq!(
        llm.flush_blocking(10 * SECOND).to_string(),
        "takes 4001 sent · 0 lost"
    );
    let mut names = names.all();
    assert_eq!(names.last().map(String::as_str), Some("root"));
    names.sort_unstable();
    let (leaves, steps) = (vec!["leaf"; 2000], vec!["step"; 2000]);
    assert_eq!(names, [leaves, vec!["root"], steps].concat());
    assert_eq!(llm.ledger().open(), 0);
    balanced(&llm);
}

fn steps(root: &Span, number: usize) {
    for step in 0..250 {
        let span = info_span!(parent: root, "step", late = Empty);
        span.in_scope(|| {
            current()
                .trace()
                .user(format!("u{number}"))
                .metadata(format!("k{number}"), step);
            span.record("late", step);
            root.record("late", step);
            root.observation().output(step).metadata("x", step);
            drop(info_span!("leaf", session_id = "s"));
            root.follows_from(span.id());
        });
    }
}

#[test]
fn a_second_layer_at_another_level_leaves_nothing_open() {
    let (one, two) = (Names::default(), Names::default());
    let (first, first_llm) = quietly(&one).build().unwrap();
    let (second, second_llm) = quietly(&two).level(Level::DEBUG).build().unwrap();
    let subscriber = registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        // Only the second records this one, and does not know yet that it is the second.
        debug_span!("below the first's level").in_scope(|| drop(info_span!("of both")));
        drop(debug_span!("later"));
    });
    for llm in [&first_llm, &second_llm] {
        llm.flush_blocking(10 * SECOND);
        balanced(llm);
        assert_eq!(llm.ledger().open(), 0);
    }
    assert_eq!(
        (one.all(), two.all()),
        (
            vec!["of both".to_owned()],
            vec!["below the first's level".to_owned()]
        )
    );
}

#[test]
fn spans_that_are_open_while_their_layer_is_reloaded_away_are_sent_when_they_close() {
    for to_nothing in [true, false] {
        let (one, two) = (Names::default(), Names::default());
        let (first, first_llm) = quietly(&one).build().unwrap();
        let (second, second_llm) = quietly(&two).build().unwrap();
        let (layer, handle) = reload::Layer::new(Some(first));
        tracing::subscriber::with_default(registry().with(layer), || {
            info_span!("root").in_scope(|| {
                drop(info_span!("before"));
                let open = info_span!("across", late = Empty);
                handle.reload((!to_nothing).then_some(second)).unwrap();
                open.record("late", 1);
                current().output("nobody's");
                drop(open);
                drop(info_span!("after"));
            });
        });
        for llm in [&first_llm, &second_llm] {
            llm.flush_blocking(10 * SECOND);
            balanced(llm);
            assert_eq!(llm.ledger().open(), 0, "{to_nothing}");
        }
        assert_eq!(one.all(), ["before", "across", "root"]);
        let after = if to_nothing { &[][..] } else { &["after"] };
        assert_eq!(two.all(), after);
    }
}
