//! What a builder's switches change on the wire.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Builder, Langfuse, Otlp, Usage, current};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::Receiver;
use crate::support::rows;

fn run(builder: Builder, code: impl FnOnce()) {
    let (layer, llm) = builder.build().unwrap();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&subscriber, code);
    llm.flush_blocking(Duration::from_secs(20));
}

fn otlp(receiver: &Receiver) -> Otlp {
    Otlp::new(format!("{}/v1/traces", receiver.url()))
}

#[tracing::instrument(ret)]
fn answer(question: &str) -> String {
    current().metadata("kept", "by name");
    format!("{question} Seven years.")
}

#[tracing::instrument(ret)]
fn described(question: &str) -> String {
    current().input("an input").output("an output");
    question.to_owned()
}

#[test]
fn arguments_and_what_is_returned_may_be_left_out_and_what_is_named_stays() {
    let receiver = Receiver::langfuse();
    let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(receiver.url());
    let builder = tracing_llm::builder().langfuse(langfuse).capture_arguments(false);
    run(builder, || {
        answer("How long?");
        described("How long?");
        info_span!("said", input = "an input", tenant = 7).in_scope(|| {});
    });
    let spans = receiver.spans();
    let contents = spans.iter().map(|span| {
        let shown = shown(&span.attributes).into_iter();
        let names = ["input", "output", "metadata.kept", "metadata.tenant"];
        let mut contents = shown.filter_map(|one| {
            let one = one.strip_prefix("langfuse.observation.")?.to_owned();
            names
                .iter()
                .any(|name| one.starts_with(&format!("{name}=")))
                .then_some(one)
        });
        contents.by_ref().collect::<Vec<_>>().join(", ")
    });
    assert_eq!(
        contents.collect::<Vec<_>>(),
        [
            // Empty, so that the server does not look for an input under other names.
            "input=\"\", metadata.kept=\"by name\"",
            "input=\"an input\", output=\"an output\"",
            "input=\"an input\"",
        ]
    );
}

/// Attributes as `key=value`, by key.
fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let attributes = rows::attributes(attributes).into_iter();
    attributes.map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn otlp_is_sent_no_more_and_no_longer_attributes_than_it_takes() {
    let receiver = Receiver::otlp();
    let endpoint = otlp(&receiver)
        .attribute_count_limit(3)
        .attribute_value_length_limit(5);
    run(tracing_llm::builder().otlp_to(endpoint), || {
        let span = info_span!(
            "work",
            app.a = "größer als fünf",
            app.b = 1,
            app.c = true,
            app.d = 2,
            app.e = 3
        );
        let _inside = span.enter();
        tracing::info!(detail = "also longer", "an event");
    });
    let spans = receiver.spans();
    assert_eq!(
        shown(&spans[0].attributes),
        ["app.a=\"größe\"", "app.b=1", "app.c=true"]
    );
    assert_eq!(spans[0].dropped_attributes_count, 2);
    let event = &spans[0].events[0];
    assert_eq!(shown(&event.attributes), ["detail=\"also \""]);
}

#[test]
fn usage_without_a_model_is_said_once() {
    let (receiver, lines) = (Receiver::otlp(), Lines::default());
    let builder = tracing_llm::builder()
        .otlp_to(otlp(&receiver))
        .on_diagnostic(lines.writer());
    run(builder, || {
        for _ in 0..3 {
            info_span!("generate", as_type = "generation").in_scope(|| {
                current().usage(Usage::new(120, 30));
            });
        }
        // A cost needs no price, and a tool calls no model.
        info_span!("paid", as_type = "generation").in_scope(|| {
            current().usage(Usage::new(1, 1)).cost(0.1);
        });
        info_span!("tool", as_type = "tool").in_scope(|| {
            current().usage(Usage::new(1, 1));
        });
    });
    assert_eq!(
        lines.all(),
        [
            "\"generate\" says its tokens and not its model, so nobody can price it; give it a field `model` (said once, for \
             all such calls)"
        ]
    );
}
