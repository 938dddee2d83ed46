//! An exporter of OpenTelemetry's SDK as a destination, in good and in bad days.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{OpenTelemetry, Otlp, SpanExt};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::Receiver;

const LONG: Duration = Duration::from_secs(20);
/// Time enough for the other destination on a busy machine.
const SHORT: Duration = Duration::from_secs(2);

/// What an exporter was given.
#[derive(Clone, Default, Debug)]
struct Given {
    spans: Arc<Mutex<Vec<SpanData>>>,
    resource: Arc<Mutex<Option<Resource>>>,
    shut_down: Arc<Mutex<u32>>,
}

/// Keeps what it is given, after whatever a test wants it to do first.
struct Keeper<F> {
    given: Given,
    first: F,
}

impl<F> std::fmt::Debug for Keeper<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl<F: Fn(&[SpanData]) -> OTelSdkResult + Send + Sync> SpanExporter for Keeper<F> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        (self.first)(&batch)?;
        self.given.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        *self.given.shut_down.lock().unwrap() += 1;
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        *self.given.resource.lock().unwrap() = Some(resource.clone());
    }
}

/// Runs `work` with OTLP and this exporter, and answers what both were given.
fn program(
    first: impl Fn(&[SpanData]) -> OTelSdkResult + Send + Sync + 'static,
) -> (Dispatch, tracing_llm::Guard, Receiver, Given, Lines) {
    let (otlp, given, lines) = (Receiver::otlp(), Given::default(), Lines::default());
    let keeper = Keeper {
        given: given.clone(),
        first,
    };
    let (layer, llm) = tracing_llm::builder()
        .otlp_to(Otlp::new(format!("{}/v1/traces", otlp.url())))
        .opentelemetry(OpenTelemetry::new(keeper).filter("info,secret=off"))
        .service_name("support")
        .on_diagnostic(lines.writer())
        .build()
        .unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    (subscriber, llm, otlp, given, lines)
}

#[test]
fn it_gets_the_same_spans_under_the_same_ids_and_is_shut_down() {
    let (subscriber, llm, otlp, given, _) = program(|_| Ok(()));
    let trace_id = dispatcher::with_default(&subscriber, || {
        let outer = info_span!("outer", as_type = "agent", user_id = "u-1");
        outer.in_scope(|| {
            info_span!(target: "secret", "hidden")
                .in_scope(|| info_span!("inner", n = 7_u64).in_scope(|| {}));
        });
        outer.observation().trace_id().unwrap()
    });
    let report = llm.flush_blocking(LONG);
    assert_eq!(report.to_string(), "otlp 3 sent · opentelemetry 2 sent · 0 lost");
    let spans = given.spans.lock().unwrap().clone();
    let [inner, outer] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(
        tracing_llm::TraceId::try_from(inner.span_context.trace_id()),
        Ok(trace_id)
    );
    assert_eq!(inner.parent_span_id, outer.span_context.span_id());
    let sent = otlp.spans();
    assert_eq!(sent[2].span_id, outer.span_context.span_id().to_bytes());
    let attributes: Vec<_> = outer
        .attributes
        .iter()
        .map(|one| (one.key.as_str(), one.value.to_string()))
        .collect();
    let wire: Vec<_> = sent[2].attributes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(attributes.iter().map(|(key, _)| *key).collect::<Vec<_>>(), wire);
    assert!(attributes.contains(&("gen_ai.operation.name", "invoke_agent".to_owned())));
    let resource = given.resource.lock().unwrap().clone().unwrap();
    assert_eq!(resource.get(&"service.name".into()).unwrap().as_str(), "support");
    assert_eq!(*given.shut_down.lock().unwrap(), 0);
    drop(llm);
    assert_eq!(*given.shut_down.lock().unwrap(), 1);
}

#[test]
fn one_that_blocks_holds_up_neither_the_others_nor_the_flush() {
    let (go, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let (subscriber, llm, otlp, given, _) = program(move |_| {
        wait.lock().unwrap().recv().unwrap();
        Ok(())
    });
    dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
    let report = llm.flush_blocking(SHORT);
    assert_eq!(
        report.to_string(),
        "otlp 1 sent · opentelemetry 0 sent, 1 pending · 0 lost"
    );
    assert_eq!(otlp.spans().len(), 1);
    go.send(()).unwrap();
    let report = llm.flush_blocking(LONG);
    assert_eq!(report.to_string(), "otlp 1 sent · opentelemetry 1 sent · 0 lost");
    assert_eq!(given.spans.lock().unwrap().len(), 1);
}

#[test]
fn one_that_still_blocks_at_the_end_does_not_hold_that_up_and_is_counted() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let (subscriber, llm, _otlp, _, lines) = program(move |_| {
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
    let report = llm.shutdown_blocking(SHORT);
    assert_eq!(
        report.to_string(),
        "otlp 1 sent · opentelemetry 0 sent, 1 dropped · 1 lost"
    );
    assert_eq!(lines.count("dropped: opentelemetry 1"), 1, "{:?}", lines.all());
    drop(go);
}

#[test]
fn one_that_panics_loses_its_batch_and_no_more() {
    let (subscriber, llm, otlp, given, lines) = program(|batch| {
        assert_ne!(batch[0].name, "poison", "planted");
        Ok(())
    });
    for name in ["poison", "work"] {
        dispatcher::with_default(&subscriber, || info_span!("x", otel.name = name).in_scope(|| {}));
        llm.flush_blocking(LONG);
    }
    let report = llm.flush_blocking(LONG);
    assert_eq!(
        report.to_string(),
        "otlp 2 sent · opentelemetry 1 sent, 1 failed · 1 lost"
    );
    assert_eq!(given.spans.lock().unwrap()[0].name, "work");
    assert_eq!(otlp.spans().len(), 2);
    assert_eq!(
        lines.count("opentelemetry: the exporter panicked"),
        1,
        "{:?}",
        lines.all()
    );
}

#[test]
fn a_failure_is_said_and_tried_again() {
    let failed = Mutex::new(false);
    let (subscriber, llm, _otlp, given, lines) =
        program(
            move |_| match std::mem::replace(&mut *failed.lock().unwrap(), true) {
                false => Err(OTelSdkError::InternalFailure("no route".to_owned())),
                true => Ok(()),
            },
        );
    dispatcher::with_default(&subscriber, || info_span!("work").in_scope(|| {}));
    let report = llm.flush_blocking(LONG);
    assert_eq!(report.to_string(), "otlp 1 sent · opentelemetry 1 sent · 0 lost");
    assert_eq!(given.spans.lock().unwrap().len(), 1);
    let line = "opentelemetry: sending fails and is tried again: Operation failed: no route";
    assert_eq!(lines.count(line), 1, "{:?}", lines.all());
}
