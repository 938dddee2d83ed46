//! The clean dialect: OpenTelemetry's own names where it has them, the program's own names elsewhere.
//!
//! Content (what went into a model, a tool, a function, and what came out) is sent only when the switch is on, and so
//! is every long value, since nobody can tell that it is none.
//!
//! Source: OpenTelemetry semantic conventions, GenAI (development), exceptions; OpenInference for `input.value` and
//! `output.value`.

mod named;
mod placed;

use std::sync::Arc;

use smallvec::SmallVec;

use self::placed::{Own, Placed, is_langfuses, keeps_its_name};
use super::{Attributes, Dialect, Limits, Pages, Span};
use crate::field::gen_ai;
use crate::model::{
    Content, CostOrigin, EventHead, EventKind, Field, Kind, Lane, Level, Noted, Observation, Resource,
    ValueRef, write_arguments,
};

/// The length from which a value is content, in bytes.
const CONTENT_BYTES: usize = 200;

/// OTLP as OpenTelemetry's conventions have it.
#[derive(Debug)]
pub(crate) struct GenAiDialect {
    resource: Arc<Resource>,
    capture_content: bool,
    /// How much of a span is written.
    pub(crate) limits: Limits,
    /// Where Langfuse shows the same traces.
    pub(crate) langfuse: Pages,
}

impl GenAiDialect {
    /// The dialect of a process, with the content switch.
    pub(crate) fn new(resource: Arc<Resource>, capture_content: bool) -> Self {
        Self {
            resource,
            capture_content,
            limits: Limits::default(),
            langfuse: Pages::default(),
        }
    }
}

impl Dialect for GenAiDialect {
    fn scope(&self) -> (&'static str, &'static str) {
        ("tracing-llm", env!("CARGO_PKG_VERSION"))
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn resource(&self, attributes: &mut impl Attributes) {
        attributes.text("telemetry.sdk.name", "tracing-llm");
        attributes.text("telemetry.sdk.language", "rust");
        attributes.text("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        for (key, value) in self.resource.iter() {
            attributes.put(key, value.as_ref());
        }
    }

    fn span(&self, observation: &Observation, lane: Lane, span: &mut impl Span) {
        let attributes = span.attributes();
        for (key, text) in [
            ("user.id", observation.user()),
            ("session.id", observation.session()),
        ] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                attributes.text(key, text);
            }
        }
        if let Some(wait) = observation.time_to_first_token() {
            let seconds = ValueRef::F64(wait.as_secs_f64());
            attributes.put("gen_ai.response.time_to_first_chunk", seconds);
        }
        if self.capture_content {
            let (input, output) = content_names(observation.kind());
            content(input, observation, observation.said_input(), attributes);
            content(output, observation, observation.said_output(), attributes);
        }
        let placed = self.placed(observation, lane);
        // A destination that takes few attributes shall have those that say most.
        self.own(&placed.usage, observation, attributes);
        placed.named.write(observation, attributes);
        placed.write_implied(observation, attributes);
        self.own(&placed.own, observation, attributes);
        // A field of the program's own with that name stays what it is.
        priced(observation, attributes);
        self.warning(observation, attributes);
        if observation.parent_in(lane).is_none() {
            self.trace(observation, attributes);
        }
        for ((event, _), fields) in observation.events().zip(&placed.events) {
            let fields = fields.iter().filter_map(|index| observation.field_at(*index));
            self.event(observation, event, fields, span);
        }
        span.dropped(observation);
        observation.links().iter().for_each(|link| span.link(link));
    }
}

impl GenAiDialect {
    /// What was said of the whole trace through a handle: on its topmost span, under the names of the handle's methods. And
    /// where it is seen in Langfuse.
    fn trace(&self, observation: &Observation, attributes: &mut impl Attributes) {
        let trace = observation.trace();
        for (key, text) in [
            ("trace_name", &trace.name),
            ("environment", &trace.environment),
            ("release", &trace.release),
            ("version", &trace.version),
        ] {
            if let Some(text) = text {
                attributes.text(key, text);
            }
        }
        attributes.texts("tags", trace.tags.iter().map(AsRef::as_ref));
        for (key, value) in &trace.metadata {
            if self.capture_content || value.as_ref().len() <= CONTENT_BYTES {
                attributes.put(key.as_ref(), value.as_ref());
            }
        }
        if let Some(url) = self.langfuse.of(observation.trace_id()) {
            attributes.text("langfuse.trace.url", &url);
        }
    }

    /// Where the fields go. A name of the conventions whose value is withheld is as if nobody had said it.
    fn placed<'o>(&self, observation: &'o Observation, lane: Lane) -> Noted<'o, Placed> {
        let placed = observation.noted(lane, |observation| Placed::of(observation, |_| false));
        let is_withheld = |index| {
            observation
                .field_value(index)
                .is_some_and(|value| self.is_too_long(value))
        };
        if !self.capture_content && placed.named.offered().iter().copied().any(is_withheld) {
            return Noted::Now(Placed::of(observation, is_withheld));
        }
        placed
    }

    /// What the status of OTLP cannot say: it knows failures only, and a call that was cancelled is none.
    fn warning(&self, observation: &Observation, attributes: &mut impl Attributes) {
        if observation.level() == Level::Error {
            return;
        }
        if observation.level() == Level::Warning {
            attributes.text("level", Level::Warning.as_str());
        }
        let message = observation.status_message();
        if let Some(message) =
            message.filter(|message| self.capture_content || message.len() <= CONTENT_BYTES)
        {
            attributes.text("status_message", message);
        }
    }

    fn event<'a>(
        &self,
        observation: &Observation,
        event: &EventHead,
        fields: impl Iterator<Item = Field<'a>>,
        span: &mut impl Span,
    ) {
        // Few events have more, and most have none but the message.
        let fields: SmallVec<[Field<'a>; 4]> = fields.collect();
        let text = |name: &str| {
            let field = fields.iter().find(|field| field.name == name)?;
            field.value.as_str().filter(|text| !text.is_empty())
        };
        match event.kind {
            // A message of a conversation is content, however short.
            EventKind::Plain if !self.capture_content && gen_ai::is_message(event.callsite.name, text) => {
                span.event(event.time, event.callsite.name, |_| {});
            }
            EventKind::Plain => {
                let message =
                    text("message").filter(|message| self.capture_content || message.len() <= CONTENT_BYTES);
                span.event(event.time, message.unwrap_or(event.callsite.name), |attributes| {
                    self.event_fields(&fields, "message", attributes);
                });
            }
            EventKind::Exception => {
                let (name, message) = match text("error") {
                    Some(error) => ("error", Some(error)),
                    None => ("message", text("message").or(observation.status_message())),
                };
                span.event(event.time, "exception", |attributes| {
                    // The status says the same text, long or short.
                    if let Some(message) = message {
                        attributes.text("exception.message", message);
                    }
                    self.event_fields(&fields, name, attributes);
                });
            }
        }
    }

    /// The fields of an event but the one that is said already.
    fn event_fields(&self, fields: &[Field<'_>], said: &str, attributes: &mut impl Attributes) {
        for field in fields {
            let kept = field.name != said && !is_langfuses(field.name);
            if kept && !self.is_withheld(field) {
                attributes.put(field.name, field.value);
            }
        }
    }

    /// Fields under their own names.
    fn own(&self, fields: &[Own], observation: &Observation, attributes: &mut impl Attributes) {
        for own in fields {
            let value = observation.field_value(own.index);
            let told =
                value.filter(|value| !own.is_content && !self.is_too_long(*value) || self.capture_content);
            if let Some(value) = told {
                attributes.put(&own.name, value);
            }
        }
    }

    /// Whether a field is content, or long enough to be, while the switch is off.
    fn is_withheld(&self, field: &Field<'_>) -> bool {
        !self.capture_content && (field.role.is_input() || field.role.is_output())
            || self.is_too_long(field.value)
    }

    /// Whether a value is long enough to be content, while the switch is off.
    fn is_too_long(&self, value: ValueRef<'_>) -> bool {
        !self.capture_content && value.len() > CONTENT_BYTES
    }
}

/// A cost that a table of prices gave, under the name that the handle gives one: the conventions have none. A field of the
/// program with this name stays.
fn priced(observation: &Observation, attributes: &mut impl Attributes) {
    if observation.cost_origin() == CostOrigin::Given {
        return;
    }
    if let Some(dollars) = observation.cost().get("total") {
        attributes.put("cost", ValueRef::F64(dollars));
    }
}

/// The names of input and output.
fn content_names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Generation => ("gen_ai.input.messages", "gen_ai.output.messages"),
        Kind::Tool => ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
        _ => ("input.value", "output.value"),
    }
}

fn content(name: &str, observation: &Observation, content: Content, attributes: &mut impl Attributes) {
    match content {
        Content::None => {}
        Content::Arguments => attributes.text_with(name, |out| write_arguments(observation, out)),
        Content::Field(index) => {
            if let Some(field) = observation.field_at(index).filter(|field| !keeps_its_name(field)) {
                attributes.put(name, field.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;

    use super::*;
    use crate::field::Role;
    use crate::id::SpanId;
    use crate::model::{Link, PromptLink, Usage, Value};
    use crate::otlp::fixture::{Draft, START, assert_lines, get, lines, request, span};

    fn quiet() -> GenAiDialect {
        GenAiDialect::new(Arc::default(), false)
    }

    fn open() -> GenAiDialect {
        GenAiDialect::new(Arc::default(), true)
    }

    fn generation() -> Draft {
        Draft::new("llm_call")
            .kind(Kind::Generation)
            .field("model", ValueRef::Text("gpt-4o"))
            .model()
            .field("temperature", ValueRef::F64(0.2))
            .field("max_completion_tokens", ValueRef::U64(64))
            .field(
                "messages",
                ValueRef::Json(r#"[{"role":"user","content":"2+2?"}]"#),
            )
            .input()
            .field("usage.input", ValueRef::U64(120))
            .field("usage.output", ValueRef::Text("8"))
            .field("usage.total", ValueRef::U64(128))
            .field("cost", ValueRef::F64(0.0004))
            .returned(ValueRef::Text("4"))
            .field("attempt", ValueRef::I64(1))
            .set(|draft| {
                draft.trace.user = Some("u-1".into());
                draft.trace.session = Some("s-1".into());
                draft.trace.tags = vec!["beta".into()];
                draft.reading.first_token = Some(START + 400_000_000);
            })
    }

    #[test]
    fn metadata_said_through_the_handle_has_its_key_for_itself() {
        let draft = Draft::new("work")
            .field("attempt", ValueRef::U64(1))
            .field("other", ValueRef::U64(3))
            .handle("attempt", Role::Metadata, ValueRef::U64(2));
        let attributes = span(&quiet(), draft).attributes;
        assert_lines(&lines(&attributes), "attempt = 2\n other = 3");
    }

    #[test]
    fn a_generation_in_the_conventions_words_without_content() {
        assert_lines(
            &lines(&span(&quiet(), generation()).attributes),
            r#"
            attempt = 1
            cost = 0.0004
            gen_ai.operation.name = "chat"
            gen_ai.request.model = "gpt-4o"
            gen_ai.request.temperature = 0.2
            gen_ai.response.time_to_first_chunk = 0.4
            gen_ai.usage.input_tokens = 120
            gen_ai.usage.output_tokens = 8
            max_completion_tokens = 64
            session.id = "s-1"
            tags = ["beta"]
            usage.total = 128
            user.id = "u-1"
            "#,
        );
    }

    #[test]
    fn the_switch_adds_the_content_and_nothing_else() {
        let quiet = lines(&span(&quiet(), generation()).attributes);
        let open = lines(&span(&open(), generation()).attributes);
        let added: Vec<_> = open
            .lines()
            .filter(|line| !quiet.lines().any(|known| known == *line))
            .collect();
        assert_eq!(
            added,
            [
                r#"gen_ai.input.messages = "[{\"role\":\"user\",\"content\":\"2+2?\"}]""#,
                r#"gen_ai.output.messages = "4""#,
            ]
        );
        assert_eq!(open.lines().count(), quiet.lines().count() + 2);
    }

    #[test]
    fn the_argument_object_and_long_arguments_are_content() {
        let long = "x".repeat(CONTENT_BYTES + 1);
        let draft = || {
            Draft::new("lookup")
                .kind(Kind::Tool)
                .argument("query", ValueRef::Text("invoices"))
                .argument("context", ValueRef::Text(&long))
                .returned(ValueRef::I64(42))
        };
        assert_lines(
            &lines(&span(&quiet(), draft()).attributes),
            r#"
            gen_ai.operation.name = "execute_tool"
            query = "invoices"
            "#,
        );
        let open = span(&open(), draft()).attributes;
        let arguments = format!(r#"{{"query":"invoices","context":"{long}"}}"#);
        assert_eq!(
            get(&open, "gen_ai.tool.call.arguments"),
            Some(format!("{arguments:?}"))
        );
        assert_eq!(get(&open, "gen_ai.tool.call.result").as_deref(), Some("42"));
        assert_eq!(get(&open, "context"), Some(format!("{long:?}")));
        assert_eq!(open.len(), 5);
    }

    #[test]
    fn other_types_have_general_names_for_their_content() {
        let draft = Draft::new("search")
            .kind(Kind::Retriever)
            .field("input", ValueRef::Text("q"))
            .input()
            .field("prompt", ValueRef::Text("another"))
            .returned(ValueRef::Json("[1]"));
        assert_lines(
            &lines(&span(&open(), draft).attributes),
            r#"
            gen_ai.operation.name = "retrieval"
            input.value = "q"
            output.value = "[1]"
            prompt = "another"
            "#,
        );
    }

    #[test]
    fn inputs_and_outputs_are_content_also_where_they_do_not_count() {
        let draft = Draft::new("judge")
            .argument("question", ValueRef::Text("q"))
            .argument("output", ValueRef::Text("o"))
            .field("prompt", ValueRef::Text("p"));
        assert_lines(&lines(&span(&quiet(), draft).attributes), r#"question = "q""#);
    }

    #[test]
    fn values_keep_their_types() {
        let draft = Draft::new("types")
            .field("bool", ValueRef::Bool(false))
            .field("i64", ValueRef::I64(i64::MIN))
            .field("u64", ValueRef::U64(i64::MAX as u64))
            .field("big_u64", ValueRef::U64(u64::MAX))
            .field("i128", ValueRef::I128(-7))
            .field("big_i128", ValueRef::I128(i128::MIN))
            .field("u128", ValueRef::U128(7))
            .field("big_u128", ValueRef::U128(u128::MAX))
            .field("f64", ValueRef::F64(1.0))
            .field("nan", ValueRef::F64(f64::NAN))
            .field("infinity", ValueRef::F64(f64::INFINITY))
            .field("text", ValueRef::Text(""))
            .field("debug", ValueRef::Debug("Some(1)"))
            .field("json", ValueRef::Json("[1]"))
            .field("error", ValueRef::Error("boom"))
            .field("bytes", ValueRef::Bytes(b"\x00\xff"));
        assert_lines(
            &lines(&span(&quiet(), draft).attributes),
            r#"
            big_i128 = "-170141183460469231731687303715884105728"
            big_u128 = "340282366920938463463374607431768211455"
            big_u64 = "18446744073709551615"
            bool = false
            bytes = bytes [0, 255]
            debug = "Some(1)"
            error = "boom"
            f64 = 1.0
            i128 = -7
            i64 = -9223372036854775808
            infinity = inf
            json = "[1]"
            nan = NaN
            text = ""
            u128 = 7
            u64 = 9223372036854775807
            "#,
        );
    }

    #[test]
    fn of_two_fields_with_one_semantic_name_the_most_trusted_is_sent_once() {
        let draft = Draft::new("call")
            .kind(Kind::Generation)
            .field("langfuse.observation.model.name", ValueRef::Text("trusted"))
            .field("model", ValueRef::Text("plain"))
            .field("gen_ai.request.model", ValueRef::Text("convention"))
            .field("gen_ai.usage.input_tokens", ValueRef::I64(1))
            .field("gen_ai.usage.prompt_tokens", ValueRef::I64(2))
            .handle("output", Role::Usage, ValueRef::U64(3))
            .field("completion_tokens", ValueRef::I64(4))
            .handle("total", Role::Usage, ValueRef::U64(5))
            .field("gen_ai.operation.name", ValueRef::Text("text_completion"));
        assert_lines(
            &lines(&span(&quiet(), draft).attributes),
            r#"
            gen_ai.operation.name = "text_completion"
            gen_ai.request.model = "trusted"
            gen_ai.usage.input_tokens = 1
            gen_ai.usage.output_tokens = 3
            usage.total = 5
            "#,
        );
    }

    #[test]
    fn a_plain_name_that_does_not_count_stays_what_the_program_called_it() {
        let draft = Draft::new("calculate_cost")
            .argument("model", ValueRef::Text("gpt-4o"))
            .argument("input_tokens", ValueRef::U64(1))
            .argument("user_id", ValueRef::Text("other"))
            .set(|draft| draft.trace.user = Some("u-1".into()));
        assert_lines(
            &lines(&span(&quiet(), draft).attributes),
            r#"
            input_tokens = 1
            model = "gpt-4o"
            user.id = "u-1"
            user_id = "other"
            "#,
        );
    }

    #[test]
    fn langfuses_words_and_the_bridges_instructions_stay_out() {
        let draft = Draft::new("call")
            .field("langfuse.observation.type", ValueRef::Text("tool"))
            .field("langfuse.observation.metadata.x", ValueRef::Text("x"))
            .field("langfuse.trace.tags", ValueRef::Text("a,b"))
            .field("langfuse.own", ValueRef::Text("x"))
            .field("otel.name", ValueRef::Text("call"))
            .field("otel.kind", ValueRef::Text("client"))
            .field("otel.status_code", ValueRef::Text("OK"))
            .field("otel.status_message", ValueRef::Text("fine"))
            .field("langfuse.user.id", ValueRef::Text("u"))
            .field("gen_ai.conversation.id", ValueRef::Text("c"))
            .field("as_type", ValueRef::Text("tool"))
            .field("tags", ValueRef::Text("a,b"))
            .set(|draft| draft.trace.session = Some("c".into()));
        assert_lines(
            &lines(&span(&quiet(), draft).attributes),
            r#"
            as_type = "tool"
            gen_ai.conversation.id = "c"
            session.id = "c"
            tags = "a,b"
            user.id = "u"
            "#,
        );
    }

    #[test]
    fn what_is_known_without_a_field_has_its_semantic_name_too() {
        let draft = Draft::new("call").kind(Kind::Agent).set(|draft| {
            let usage = Usage::new(120, 8).cached(30).reasoning(2);
            draft.reading.usage = usage.into_disjoint();
            draft.reading.prompt = Some(PromptLink {
                name: "qa".to_owned(),
                version: 7,
            });
        });
        assert_lines(
            &lines(&span(&quiet(), draft).attributes),
            r#"
            gen_ai.operation.name = "invoke_agent"
            gen_ai.prompt.name = "qa"
            gen_ai.prompt.version = 7
            gen_ai.usage.input_tokens = 120
            gen_ai.usage.output_tokens = 8
            "#,
        );
    }

    fn events(span: &ProtoSpan) -> Vec<String> {
        let shown = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| {
            format!("{}: {}", event.name, lines(&event.attributes).replace('\n', ", "))
        };
        span.events.iter().map(shown).collect()
    }

    #[test]
    fn events_are_span_events_under_their_message() {
        let long = "x".repeat(CONTENT_BYTES + 1);
        let draft = || {
            Draft::new("call")
                .event(
                    EventKind::Plain,
                    "event src/lib.rs:1",
                    &[
                        ("message", ValueRef::Debug("3 found")),
                        ("count", ValueRef::U64(3)),
                        ("prompt", ValueRef::Text("p")),
                        ("long", ValueRef::Text(&long)),
                        ("langfuse.x", ValueRef::Text("t")),
                    ],
                )
                .event(EventKind::Plain, "event src/lib.rs:2", &[])
                .event(
                    EventKind::Plain,
                    "event src/lib.rs:3",
                    &[("message", ValueRef::Text(&long))],
                )
                .set(|draft| draft.recorded.dropped_events = 5)
        };
        let quiet = span(&quiet(), draft());
        assert_eq!(
            events(&quiet),
            [
                "3 found: count = 3",
                "event src/lib.rs:2: ",
                "event src/lib.rs:3: "
            ]
        );
        assert_eq!(quiet.events[0].time_unix_nano, START + 1);
        assert_eq!(quiet.dropped_events_count, 5);
        let open = span(&open(), draft());
        assert_eq!(
            events(&open),
            [
                format!("3 found: count = 3, long = {long:?}, prompt = \"p\""),
                "event src/lib.rs:2: ".to_owned(),
                format!("{long}: "),
            ]
        );
    }

    #[test]
    fn an_error_is_the_status_and_one_exception_event() {
        let draft = Draft::new("call").failed("boom").event(
            EventKind::Exception,
            "event src/lib.rs:1",
            &[("error", ValueRef::Debug("boom")), ("attempt", ValueRef::U64(2))],
        );
        let span = span(&quiet(), draft);
        assert_eq!(
            events(&span),
            [r#"exception: attempt = 2, exception.message = "boom""#]
        );
        let status = span.status.unwrap();
        assert_eq!((status.code, status.message.as_str()), (2, "boom"));
    }

    #[test]
    fn links_are_links() {
        let link = Link {
            trace_id: crate::id::TraceId::from_seed("other"),
            id: SpanId::from_seed("before"),
        };
        let span = span(
            &quiet(),
            Draft::new("call").set(|draft| draft.recorded.links.push(link)),
        );
        assert_eq!(span.links[0].trace_id, link.trace_id.to_bytes());
        assert_eq!(span.links[0].span_id, link.id.to_bytes());
    }

    #[test]
    fn the_resource_is_the_processes_own_with_the_sdk() {
        let mut resource = Resource::default();
        resource.set("service.name", Value::Text("checkout".to_owned()));
        resource.set("telemetry.sdk.language", Value::Text("cobol".to_owned()));
        resource.set("", Value::Text("no name".to_owned()));
        let dialect = GenAiDialect::new(Arc::new(resource), false);
        let request = request(&dialect, vec![Draft::new("call").build()]);
        let spans = &request.resource_spans[0];
        let version = env!("CARGO_PKG_VERSION");
        assert_lines(
            &lines(&spans.resource.as_ref().unwrap().attributes),
            &format!(
                r#"
                service.name = "checkout"
                telemetry.sdk.language = "rust"
                telemetry.sdk.name = "tracing-llm"
                telemetry.sdk.version = "{version}"
                "#
            ),
        );
        let scope = spans.scope_spans[0].scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("tracing-llm", version)
        );
    }
}
