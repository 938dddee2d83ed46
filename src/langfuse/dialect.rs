//! What a Langfuse server is told of an observation: everything explicitly, so that none of its guesses applies.
//!
//! A row is stored once, whole, and no server merges anything into it later: each carries the attributes of its
//! trace. Raw fields, span events and links are not sent; the server would store none of them, and some names among
//! them lose a whole request after its 200.
//!
//! Source: Langfuse v4.16, `packages/shared/src/server/otel/OtelIngestionProcessor.ts`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::environment::normalise;
use super::json;
use super::parameters::Parameters;
use super::placed::{METADATA, Metadata, Placed, metadata_key};
use crate::dialect::{Attributes, Dialect, Key, Pages, Span};
use crate::model::{
    Content, CostOrigin, Kind, Lane, Level, Observation, Resource, ValueRef, write_arguments, write_members,
    write_object,
};

/// OTLP as Langfuse reads it.
#[derive(Debug)]
pub(crate) struct LangfuseDialect {
    resource: Arc<Resource>,
    environment: Option<String>,
    release: Option<String>,
    /// Whether the server may count the tokens of a generation that reports none.
    guessed_usage: bool,
    shipped_prices: bool,
    /// Where Jaeger shows the same traces.
    jaeger: Pages,
}

impl LangfuseDialect {
    /// The dialect of a process, with the environment and the release of every trace that has none of its own.
    pub(crate) fn new(resource: Arc<Resource>, environment: Option<&str>, release: Option<&str>) -> Self {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            resource,
            environment: given(environment).map(|name| normalise(&name).into_owned()),
            release: given(release),
            guessed_usage: true,
            shipped_prices: false,
            jaeger: Pages::default(),
        }
    }

    /// Whether the server may count and price the tokens of a generation that reports none.
    pub(crate) fn guessed_usage(mut self, allowed: bool) -> Self {
        self.guessed_usage = allowed;
        self
    }

    /// Whether a cost by the shipped table of prices is sent. It is not: a cost that is sent keeps the server from
    /// computing one, and its own table is newer and the project's.
    pub(crate) fn with_shipped_prices(mut self, sent: bool) -> Self {
        self.shipped_prices = sent;
        self
    }

    /// The metadata of each trace says where Jaeger shows it.
    pub(crate) fn linked(mut self, jaeger: Pages) -> Self {
        self.jaeger = jaeger;
        self
    }
}

/// The server hides raw attributes of a scope whose name begins with `langfuse-sdk`.
pub(crate) const SCOPE: &str = "langfuse-sdk-rust";

impl Dialect for LangfuseDialect {
    fn scope(&self) -> (&'static str, &'static str) {
        (SCOPE, env!("CARGO_PKG_VERSION"))
    }

    fn resource(&self, attributes: &mut impl Attributes) {
        let mut attributes = Row(attributes);
        attributes.text("telemetry.sdk.name", Some("tracing-llm"));
        attributes.text("telemetry.sdk.language", Some("rust"));
        attributes.text("telemetry.sdk.version", Some(env!("CARGO_PKG_VERSION")));
        attributes.text("langfuse.environment", self.environment.as_deref());
        attributes.text("langfuse.release", self.release.as_deref());
        for (key, value) in self.resource.iter() {
            match value.as_ref().as_str() {
                Some(name) if key == "langfuse.environment" => attributes.text(key, Some(&normalise(name))),
                _ => attributes.value(("", key), value.as_ref()),
            }
        }
    }

    fn span(&self, observation: &Observation, lane: Lane, span: &mut impl Span) {
        let mut row = Row(span.attributes());
        row.text("langfuse.observation.type", Some(observation.kind().as_str()));
        // Always, so that the status code decides nothing.
        row.text("langfuse.observation.level", Some(observation.level().as_str()));
        row.text(
            "langfuse.observation.status_message",
            observation.status_message(),
        );
        const INPUT: &str = "langfuse.observation.input";
        match observation.input_place() {
            // An input, be it empty, keeps the server from looking for one under twenty other names, and from failing
            // on what it finds there. An empty one is stored as none.
            Content::None => row.0.text(INPUT, ""),
            input => row.content(INPUT, observation, input),
        }
        row.content(
            "langfuse.observation.output",
            observation,
            observation.output_place(),
        );
        let placed = observation.noted(lane, Placed::of);
        row.generation(observation, &placed, self);
        row.trace(observation, self);
        if observation.parent_in(lane).is_none() {
            row.0.put("langfuse.internal.is_app_root", ValueRef::Bool(true));
            // The server reads a trace's metadata from this row.
            let page = self.jaeger.of(observation.trace_id());
            row.text("langfuse.trace.metadata.jaeger_url", page.as_deref());
        }
        placed
            .metadata
            .iter()
            .for_each(|one| row.metadata(one, observation));
    }
}

/// Usage that keeps the server from counting tokens by itself.
const NO_USAGE: &str = r#"{"input":0,"output":0,"total":0}"#;

/// The attributes of one row.
struct Row<'a, A>(&'a mut A);

impl<A: Attributes> Row<'_, A> {
    /// Text, where there is any: the server treats an empty one as none.
    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.0.text(key, text);
        }
    }

    fn content(&mut self, key: &str, observation: &Observation, content: Content) {
        match content {
            Content::None => {}
            Content::Arguments => self.0.text_with(key, |out| write_arguments(observation, out)),
            Content::Field(index) => {
                let Some(value) = observation.field_value(index) else {
                    return;
                };
                match (plain(value), value.as_str()) {
                    (Some(text), _) => self.0.text(key, &text),
                    (None, Some(text)) => self.0.text(key, text),
                    (None, None) => self.0.text_with(key, |out| value.write_json(out)),
                }
            }
        }
    }

    /// Model, parameters, usage, cost, first token and prompt.
    fn generation(&mut self, observation: &Observation, placed: &Placed, process: &LangfuseDialect) {
        self.text("langfuse.observation.model.name", observation.model());
        self.parameters(observation, placed);
        if !observation.usage().is_empty() {
            let buckets = observation.usage().buckets();
            let buckets = buckets.map(|(name, tokens)| (name, ValueRef::U64(tokens)));
            self.0.text_with("langfuse.observation.usage_details", |out| {
                write_object(buckets, out);
            });
        } else if observation.model().is_some()
            && observation.cost().is_empty()
            && (observation.level() == Level::Error
                || !observation.kind().calls_a_model()
                || !process.guessed_usage)
        {
            // Without it the server counts and prices the tokens of a call that failed, and those of an agent that
            // names the model of the calls below it.
            self.0.text("langfuse.observation.usage_details", NO_USAGE);
        }
        let is_sent = process.shipped_prices || observation.cost_origin() != CostOrigin::Shipped;
        if is_sent && !observation.cost().is_empty() {
            let parts = observation.cost().parts();
            let parts = parts.map(|(name, dollars)| (name, ValueRef::F64(dollars)));
            self.0.text_with("langfuse.observation.cost_details", |out| {
                write_object(parts, out);
            });
        }
        if let Some(nanos) = observation.first_token_nanos() {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos.max(observation.start_nanos()));
            let time = humantime::format_rfc3339_millis(time);
            self.0
                .text_with("langfuse.observation.completion_start_time", |out| {
                    // Writing to a vector does not fail.
                    drop(write!(out, "{time}"));
                });
        }
        self.prompt(observation);
    }

    fn parameters(&mut self, observation: &Observation, placed: &Placed) {
        const PARAMETERS: &str = "langfuse.observation.model.parameters";
        let Some(single) = &placed.parameters else {
            let parameters = Parameters::of(observation);
            if !parameters.is_empty() {
                self.0.text_with(PARAMETERS, |out| parameters.write(out));
            }
            return;
        };
        if single.is_empty() {
            return;
        }
        let values = single
            .iter()
            .filter_map(|(index, key)| Some((key, observation.field_value(*index)?)));
        self.0.text_with(PARAMETERS, |out| {
            write_members(values, |key, out| out.extend_from_slice(key), out);
        });
    }

    /// The link to a prompt's version: only generations are linked, and a version out of the server's range would
    /// cost older servers the observation.
    fn prompt(&mut self, observation: &Observation) {
        let Some(prompt) = observation.prompt() else {
            return;
        };
        if observation.kind() == Kind::Generation
            && !prompt.name.is_empty()
            && (1..=u32::from(u16::MAX)).contains(&prompt.version)
        {
            self.0.text("langfuse.observation.prompt.name", &prompt.name);
            self.0.put(
                "langfuse.observation.prompt.version",
                ValueRef::U64(prompt.version.into()),
            );
        }
    }

    fn trace(&mut self, observation: &Observation, process: &LangfuseDialect) {
        let trace = observation.trace();
        self.text("user.id", observation.user());
        self.text("session.id", observation.session());
        self.text("langfuse.trace.name", observation.trace_name());
        let tags = trace.tags.iter().map(AsRef::as_ref);
        self.0
            .texts("langfuse.trace.tags", tags.filter(|tag: &&str| !tag.is_empty()));
        for (key, value) in &trace.metadata {
            self.value(("langfuse.trace.metadata.", &metadata_key(key)), value.as_ref());
        }
        match trace.environment.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => self.text("langfuse.environment", Some(&normalise(name))),
            None => self.text("langfuse.environment", process.environment.as_deref()),
        }
        self.text(
            "langfuse.release",
            trace.release.as_deref().or(process.release.as_deref()),
        );
        self.text("langfuse.version", trace.version.as_deref());
        for (key, text) in &trace.experiment {
            self.text(key, Some(text));
        }
        if let Some(public) = trace.public {
            self.0.put("langfuse.trace.public", ValueRef::Bool(public));
        }
    }

    fn metadata(&mut self, placed: &Metadata, observation: &Observation) {
        let Some(value) = observation.field_value(placed.index) else {
            return;
        };
        let Some(name) = &placed.name else {
            return match value.as_str().and_then(json::members) {
                Some(members) => members.iter().for_each(|(key, value)| {
                    self.value((METADATA, &metadata_key(key)), value.as_ref());
                }),
                // The server would drop what is no object.
                None => self.value((METADATA, "metadata"), value),
            };
        };
        self.plain_or(name, value);
    }

    /// A value with its type, where the server keeps it. What follows the prefix must be a name.
    fn value(&mut self, key: (&str, &str), value: ValueRef<'_>) {
        if !key.1.is_empty() {
            self.plain_or(key, value);
        }
    }

    /// A value with its type, or as plain text.
    fn plain_or<'k>(&mut self, key: impl Into<Key<'k>>, value: ValueRef<'_>) {
        match plain(value) {
            Some(text) => self.0.text(key, &text),
            None => self.0.put(key, value),
        }
    }
}

/// The text of a value whose type the server would not keep: bytes, what is no finite number, and an integer that
/// JavaScript cannot count to.
fn plain(value: ValueRef<'_>) -> Option<String> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    match value {
        ValueRef::Bytes(_) => value.to_value().as_ref().as_str().map(str::to_owned),
        ValueRef::F64(number) if !number.is_finite() => Some(number.to_string()),
        ValueRef::I64(number) if number.unsigned_abs() > EXACT => Some(number.to_string()),
        ValueRef::U64(number) if number > EXACT => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    //! The numbers are those of the statements in the server's contract, section 9.

    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};

    use super::*;
    use crate::dialect::GenAiDialect;
    use crate::field::{Role, Trust, look_up};
    use crate::id::SpanId;
    use crate::model::{Cost, EventKind, Link, PromptLink, Usage, Value};
    use crate::otlp::fixture::{Draft, START, assert_lines, body, get, lines, request, span};

    fn dialect() -> LangfuseDialect {
        LangfuseDialect::new(Arc::default(), None, None)
    }

    fn row(draft: Draft) -> Vec<KeyValue> {
        span(&dialect(), draft).attributes
    }

    /// The appendix's worked example.
    fn example() -> (LangfuseDialect, Draft, Draft) {
        let mut resource = Resource::default();
        resource.set("service.name", Value::Text("checkout".to_owned()));
        resource.set("service.version", Value::Text("2.3.0".to_owned()));
        let dialect = LangfuseDialect::new(Arc::new(resource), Some("production"), Some("2.3.0"));
        let of_the_trace = |draft: &mut Draft| {
            draft.recorded.trace_id = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
            draft.trace.name = Some("answer_question".into());
            draft.trace.user = Some("u-1".into());
            draft.trace.session = Some("s-1".into());
            draft.trace.tag("beta");
            draft.trace.set_metadata("tenant", Value::Text("acme".to_owned()));
        };
        let root: SpanId = "00f067aa0ba902b7".parse().unwrap();
        let agent = Draft::new("answer_question")
            .kind(Kind::Agent)
            .argument("question", ValueRef::Text("2+2?"))
            .returned(ValueRef::Json("\"4\""))
            .set(of_the_trace)
            .set(|draft| {
                draft.recorded.id = root;
                draft.recorded.end = START + 2_000_000_000;
                draft.reading.uses[0].metadata = false;
            });
        let generation = Draft::new("llm_call")
            .kind(Kind::Generation)
            .below(root)
            .field("model", ValueRef::Text("gpt-4o"))
            .model()
            .field(
                "messages",
                ValueRef::Json(r#"[{"role":"user","content":"2+2?"}]"#),
            )
            .input()
            .field("temperature", ValueRef::F64(0.2))
            .field("stream", ValueRef::Bool(true))
            .returned(ValueRef::Json(r#"{"role":"assistant","content":"4"}"#))
            .field("attempt", ValueRef::U64(1))
            .set(of_the_trace)
            .set(|draft| {
                draft.recorded.id = "b7ad6b7169203331".parse().unwrap();
                draft.recorded.start = START + 500_000_000;
                draft.recorded.end = START + 1_900_000_000;
                draft.reading.usage = Usage::new(150, 8).cached(30).into_disjoint();
                draft.reading.first_token = Some(START + 900_000_000);
                draft.reading.prompt = Some(PromptLink {
                    name: "qa".to_owned(),
                    version: 7,
                });
            });
        (dialect, agent, generation)
    }

    #[test]
    fn the_worked_example() {
        let (dialect, agent, generation) = example();
        let request = request(&dialect, vec![generation.build(), agent.build()]);
        let spans = &request.resource_spans[0];
        let version = env!("CARGO_PKG_VERSION");
        // 31, 51 to 53: name, environment, version and release of every row.
        assert_lines(
            &lines(&spans.resource.as_ref().unwrap().attributes),
            &format!(
                r#"
                langfuse.environment = "production"
                langfuse.release = "2.3.0"
                service.name = "checkout"
                service.version = "2.3.0"
                telemetry.sdk.language = "rust"
                telemetry.sdk.name = "tracing-llm"
                telemetry.sdk.version = "{version}"
                "#
            ),
        );
        // 30: raw attributes of this scope are hidden.
        let scope = spans.scope_spans[0].scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("langfuse-sdk-rust", version)
        );
        let [generation, agent] = &spans.scope_spans[0].spans[..] else {
            panic!()
        };
        // 9 to 11, 14: ids and times.
        assert_eq!(agent.parent_span_id, [0; 0]);
        assert_eq!(agent.span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
        assert_eq!(generation.parent_span_id, agent.span_id);
        assert_eq!(generation.span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        assert_eq!(
            generation.trace_id,
            0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes()
        );
        assert_eq!(generation.start_time_unix_nano, 1_747_872_000_500_000_000);
        assert_eq!(generation.end_time_unix_nano, 1_747_872_001_900_000_000);
        // 15, 29, 48, 50: what belongs to the trace, on every row.
        assert_lines(
            &lines(&agent.attributes),
            r#"
            langfuse.environment = "production"
            langfuse.internal.is_app_root = true
            langfuse.observation.input = "{\"question\":\"2+2?\"}"
            langfuse.observation.level = "DEFAULT"
            langfuse.observation.output = "\"4\""
            langfuse.observation.type = "agent"
            langfuse.release = "2.3.0"
            langfuse.trace.metadata.tenant = "acme"
            langfuse.trace.name = "answer_question"
            langfuse.trace.tags = ["beta"]
            session.id = "s-1"
            user.id = "u-1"
            "#,
        );
        // 23, 27, 33 to 35, 41, 42.
        assert_lines(
            &lines(&generation.attributes),
            r#"
            langfuse.environment = "production"
            langfuse.observation.completion_start_time = "2025-05-22T00:00:00.900Z"
            langfuse.observation.input = "[{\"role\":\"user\",\"content\":\"2+2?\"}]"
            langfuse.observation.level = "DEFAULT"
            langfuse.observation.metadata.attempt = 1
            langfuse.observation.model.name = "gpt-4o"
            langfuse.observation.model.parameters = "{\"temperature\":0.2,\"stream\":true}"
            langfuse.observation.output = "{\"role\":\"assistant\",\"content\":\"4\"}"
            langfuse.observation.prompt.name = "qa"
            langfuse.observation.prompt.version = 7
            langfuse.observation.type = "generation"
            langfuse.observation.usage_details = "{\"input\":120,\"output\":8,\"input_cached_tokens\":30,\"total\":158}"
            langfuse.release = "2.3.0"
            langfuse.trace.metadata.tenant = "acme"
            langfuse.trace.name = "answer_question"
            langfuse.trace.tags = ["beta"]
            session.id = "s-1"
            user.id = "u-1"
            "#,
        );
    }

    #[test]
    fn s13_a_span_alone_says_what_it_is_and_that_it_has_no_input() {
        assert_lines(
            &lines(&row(Draft::new("x"))),
            r#"
            langfuse.internal.is_app_root = true
            langfuse.observation.input = ""
            langfuse.observation.level = "DEFAULT"
            langfuse.observation.type = "span"
            "#,
        );
    }

    #[test]
    fn s12_the_top_of_what_is_shown_is_the_root_and_a_child_is_not() {
        let child = row(Draft::new("x").below(SpanId::from_seed("parent")));
        assert_eq!(get(&child, "langfuse.internal.is_app_root"), None);
    }

    #[test]
    fn s16_s17_the_type_is_a_lower_case_word() {
        for kind in Kind::ALL {
            let sent = get(&row(Draft::new("x").kind(kind)), "langfuse.observation.type").unwrap();
            assert_eq!(sent, format!("{:?}", kind.as_str()));
            assert_eq!(sent, sent.to_lowercase());
        }
    }

    #[test]
    fn s18_a_span_keeps_its_model() {
        let row = row(Draft::new("x").field("model", ValueRef::Text("gpt-4o")).model());
        assert_eq!(
            get(&row, "langfuse.observation.model.name").unwrap(),
            "\"gpt-4o\""
        );
        assert_eq!(get(&row, "langfuse.observation.type").unwrap(), "\"span\"");
    }

    #[test]
    fn s19_to_s21_s43_no_attribute_lets_the_server_guess_or_forget() {
        let row = row(Draft::new("x")
            .kind(Kind::Agent)
            .field("gen_ai.operation.name", ValueRef::Text("invoke_agent"))
            .field("gen_ai.tool.name", ValueRef::Text("renamed"))
            .field("model", ValueRef::Text("gpt-4o"))
            .model());
        assert!(row.iter().all(|attribute| attribute.key.starts_with("langfuse.")));
    }

    #[test]
    fn s22_s47_span_events_and_links_are_not_sent() {
        let link = Link {
            trace_id: crate::id::TraceId::from_seed("other"),
            id: SpanId::from_seed("before"),
        };
        let draft = Draft::new("x")
            .kind(Kind::Event)
            .event(
                EventKind::Exception,
                "event",
                &[("error", ValueRef::Text("boom"))],
            )
            .set(|draft| draft.recorded.links.push(link));
        let span = span(&dialect(), draft);
        assert_eq!((span.events.len(), span.links.len()), (0, 0));
        assert_eq!(
            get(&span.attributes, "langfuse.observation.type").unwrap(),
            "\"event\""
        );
    }

    #[test]
    fn s23_s24_s26_input_and_output_are_text_as_it_stands_or_json() {
        let sent = |value| {
            let row = row(Draft::new("x")
                .field("prompt", value)
                .input()
                .field("output", value)
                .output());
            let input = get(&row, "langfuse.observation.input").unwrap();
            assert_eq!(
                get(&row, "langfuse.observation.output").as_deref(),
                Some(input.as_str())
            );
            input
        };
        assert_eq!(sent(ValueRef::Json(r#"{"q":1}"#)), r#""{\"q\":1}""#);
        assert_eq!(sent(ValueRef::Text("plain")), "\"plain\"");
        assert_eq!(sent(ValueRef::Error("boom")), "\"boom\"");
        assert_eq!(sent(ValueRef::I64(-42)), "\"-42\"");
        assert_eq!(sent(ValueRef::U128(u128::MAX)), format!("\"{}\"", u128::MAX));
        assert_eq!(sent(ValueRef::Bool(true)), "\"true\"");
        assert_eq!(sent(ValueRef::F64(0.5)), "\"0.5\"");
        assert_eq!(sent(ValueRef::F64(f64::NAN)), "\"NaN\"");
        assert_eq!(sent(ValueRef::Bytes(b"\x00\xff")), "\"AP8=\"");
    }

    #[test]
    fn s25_long_output_is_whole() {
        let long = "x".repeat(100 * 1024);
        let row = row(Draft::new("x").returned(ValueRef::Text(&long)));
        assert_eq!(
            get(&row, "langfuse.observation.output"),
            Some(format!("{long:?}"))
        );
    }

    #[test]
    fn arguments_are_one_object_of_json_values() {
        let row = row(Draft::new("x")
            .argument("q", ValueRef::Text("a \"b\""))
            .argument("n", ValueRef::U64(3))
            .argument("raw", ValueRef::Bytes(b"\x00"))
            .argument("docs", ValueRef::Json("[1,2]"))
            .argument("score", ValueRef::F64(f64::INFINITY)));
        assert_eq!(
            get(&row, "langfuse.observation.input").unwrap(),
            format!(
                "{:?}",
                r#"{"q":"a \"b\"","n":3,"raw":"AA==","docs":[1,2],"score":"inf"}"#
            )
        );
    }

    #[test]
    fn s27_s28_s32_metadata_keeps_types_that_the_server_keeps() {
        let draft = Draft::new("x")
            .field("attempt", ValueRef::I64(1))
            .field("cfg", ValueRef::Json(r#"{"a":{"b":1}}"#))
            .field("ratio", ValueRef::F64(0.5))
            .field("nan", ValueRef::F64(f64::NAN))
            .field("yes", ValueRef::Bool(true))
            .field("exact", ValueRef::U64(1 << 53))
            .field("beyond", ValueRef::U64((1 << 53) + 1))
            .field("below", ValueRef::I64(i64::MIN))
            .field("huge", ValueRef::I128(i128::MAX))
            .field("raw", ValueRef::Bytes(b"\x00\xff"))
            .field("failure", ValueRef::Error("boom"))
            .field("app.tenant", ValueRef::Text("acme"))
            .field("metadata.tenant", ValueRef::Text("acme"))
            .field("langfuse.observation.metadata.team", ValueRef::Text("a"))
            .handle("via", Role::Metadata, ValueRef::Text("handle"))
            .field(
                "langfuse.observation.metadata",
                ValueRef::Json(r#"{"one":"text","two":2,"three":{"x":[]}}"#),
            );
        let metadata: Vec<_> = lines(&row(draft))
            .lines()
            .filter_map(|line| line.strip_prefix("langfuse.observation.metadata."))
            .map(str::to_owned)
            .collect();
        assert_lines(
            &metadata.join("\n"),
            r#"
            app.tenant = "acme"
            attempt = 1
            below = "-9223372036854775808"
            beyond = "9007199254740993"
            cfg = "{\"a\":{\"b\":1}}"
            exact = 9007199254740992
            failure = "boom"
            huge = "170141183460469231731687303715884105727"
            nan = "NaN"
            one = "text"
            ratio = 0.5
            raw = "AP8="
            team = "a"
            tenant = "acme"
            three = "{\"x\":[]}"
            two = 2
            via = "handle"
            yes = true
            "#,
        );
    }

    /// 8.3: these would replace what the server keeps there.
    #[test]
    fn metadata_spares_the_servers_own_keys() {
        let draft = Draft::new("x")
            .field("scope", ValueRef::Text("all"))
            .field("attributes", ValueRef::Text("a"))
            .field("attributes.color", ValueRef::Text("red"))
            .field("scoped", ValueRef::Text("s"))
            .set(|draft| {
                draft.trace.set_metadata("resourceAttributes", Value::Bool(true));
                draft.trace.set_metadata("", Value::Bool(true));
            });
        let lines = lines(&row(draft));
        let metadata: Vec<_> = lines.lines().filter(|line| line.contains(".metadata")).collect();
        assert_eq!(
            metadata,
            [
                "langfuse.observation.metadata.attributes_ = \"a\"",
                "langfuse.observation.metadata.attributes_.color = \"red\"",
                "langfuse.observation.metadata.scope_ = \"all\"",
                "langfuse.observation.metadata.scoped = \"s\"",
                "langfuse.trace.metadata.resourceAttributes_ = true",
            ]
        );
    }

    #[test]
    fn s34_parameters_come_from_wherever_they_were_said() {
        let row = row(Draft::new("x")
            .kind(Kind::Generation)
            .field("gen_ai.request.temperature", ValueRef::F64(0.2))
            .field("temperature", ValueRef::F64(0.9))
            .field("stop", ValueRef::Json(r#"["a"]"#))
            .field("seed", ValueRef::Text("7"))
            .field(
                "model_parameters",
                ValueRef::Json(r#"{"temperature":1.5,"tier":"fast","logprobs":true}"#),
            )
            .handle("top_k", Role::Parameter, ValueRef::U64(5)));
        assert_eq!(
            get(&row, "langfuse.observation.model.parameters").unwrap(),
            format!(
                "{:?}",
                r#"{"temperature":0.2,"stop":["a"],"seed":"7","top_k":5,"logprobs":true,"tier":"fast"}"#
            )
        );
    }

    #[test]
    fn parameters_that_do_not_count_are_none() {
        let row = row(Draft::new("x")
            .argument("temperature", ValueRef::F64(0.2))
            .field("model_parameters", ValueRef::Text("none")));
        assert_eq!(get(&row, "langfuse.observation.model.parameters"), None);
        assert_eq!(
            get(&row, "langfuse.observation.metadata.temperature").unwrap(),
            "0.2"
        );
    }

    #[test]
    fn s35_s40_usage_and_cost_are_json_numbers_with_their_totals() {
        let row = row(Draft::new("x").kind(Kind::Generation).set(|draft| {
            draft.reading.usage = Usage::new(120, 8).cached(30).into_disjoint();
            draft.reading.cost = Cost::new(0.1, 0.2).part("input_cached_tokens", 0.1).with_total();
        }));
        assert_eq!(
            get(&row, "langfuse.observation.usage_details").unwrap(),
            r#""{\"input\":90,\"output\":8,\"input_cached_tokens\":30,\"total\":128}""#
        );
        let cost = get(&row, "langfuse.observation.cost_details").unwrap();
        assert_eq!(
            cost,
            r#""{\"input\":0.1,\"output\":0.2,\"input_cached_tokens\":0.1,\"total\":0.4}""#
        );
    }

    #[test]
    fn s41_the_first_token_is_never_before_the_start() {
        let row = row(Draft::new("x").set(|draft| draft.reading.first_token = Some(1)));
        assert_eq!(
            get(&row, "langfuse.observation.completion_start_time").unwrap(),
            "\"2025-05-22T00:00:00.000Z\""
        );
    }

    #[test]
    fn s42_only_generations_link_prompts_and_only_by_versions_that_can_be() {
        let linked = |kind, version| {
            let row = row(Draft::new("x").kind(kind).set(|draft| {
                draft.reading.prompt = Some(PromptLink {
                    name: "qa".to_owned(),
                    version,
                });
            }));
            let name = get(&row, "langfuse.observation.prompt.name");
            let version = get(&row, "langfuse.observation.prompt.version");
            assert_eq!(name.is_some(), version.is_some());
            version
        };
        assert_eq!(linked(Kind::Generation, 7).as_deref(), Some("7"));
        assert_eq!(linked(Kind::Generation, 0), None);
        assert_eq!(linked(Kind::Generation, 65_536), None);
        assert_eq!(linked(Kind::Span, 7), None);
        assert_eq!(linked(Kind::Embedding, 7), None);
    }

    #[test]
    fn s44_to_s46_the_level_is_one_of_four_words_and_errors_are_the_status_too() {
        for (level, word) in [
            (Level::Debug, "DEBUG"),
            (Level::Default, "DEFAULT"),
            (Level::Warning, "WARNING"),
            (Level::Error, "ERROR"),
        ] {
            let span = span(
                &dialect(),
                Draft::new("x")
                    .failed("boom")
                    .set(|draft| draft.reading.level = level),
            );
            let row = &span.attributes;
            assert_eq!(
                get(row, "langfuse.observation.level").unwrap(),
                format!("{word:?}")
            );
            assert_eq!(
                get(row, "langfuse.observation.status_message").unwrap(),
                "\"boom\""
            );
            let status = span.status.map(|status| (status.code, status.message));
            assert_eq!(status, (level == Level::Error).then(|| (2, "boom".to_owned())));
        }
    }

    #[test]
    fn s48_to_s51_s55_each_row_has_what_belongs_to_the_trace() {
        let process = LangfuseDialect::new(Arc::default(), Some("Prod"), Some("r-1"));
        let row = |draft| span(&process, draft).attributes;
        let of_the_process = row(Draft::new("x"));
        assert_eq!(get(&of_the_process, "langfuse.environment").unwrap(), "\"prod\"");
        assert_eq!(get(&of_the_process, "langfuse.release").unwrap(), "\"r-1\"");
        assert_eq!(get(&of_the_process, "langfuse.trace.tags"), None);
        let of_the_trace = row(Draft::new("x").below(SpanId::from_seed("top")).set(|draft| {
            draft.trace.environment = Some("a b".into());
            draft.trace.release = Some("r-2".into());
            draft.trace.version = Some("v-2".into());
            draft.trace.public = Some(true);
            draft.trace.user = Some("".into());
            draft.trace.tags = vec!["a".into(), "b".into()];
        }));
        assert_lines(
            &lines(&of_the_trace),
            r#"
            langfuse.environment = "default"
            langfuse.observation.input = ""
            langfuse.observation.level = "DEFAULT"
            langfuse.observation.type = "span"
            langfuse.release = "r-2"
            langfuse.trace.public = true
            langfuse.trace.tags = ["a", "b"]
            langfuse.version = "v-2"
            "#,
        );
    }

    #[test]
    fn s51_an_environment_of_the_resource_is_normalised_too() {
        let mut resource = Resource::default();
        resource.set("langfuse.environment", Value::Text("Prod".to_owned()));
        let request = request(
            &LangfuseDialect::new(Arc::new(resource), None, None),
            vec![Draft::new("x").build()],
        );
        let resource = request.resource_spans[0].resource.as_ref().unwrap();
        assert_eq!(
            get(&resource.attributes, "langfuse.environment").unwrap(),
            "\"prod\""
        );
    }

    /// 8.1: names that lose a whole request after its 200, and 54: what the server would throw away.
    #[test]
    fn no_poison_and_nothing_in_vain() {
        let poison = [
            "events",
            "operation.name",
            "ai.operationId",
            "gen_ai.prompt.a",
            "gen_ai.prompt.a.b",
            "gen_ai.completion.0",
            "llm.input_messages.0.message",
            "llm.input_messages.0.message.content",
            "langfuse.trace.input",
            "langfuse.internal.as_root",
        ];
        let draft = poison.into_iter().fold(Draft::new("x"), |draft, name| {
            draft.field(name, ValueRef::Text("5"))
        });
        for attribute in row(draft) {
            assert!(!poison.contains(&attribute.key.as_str()), "{}", attribute.key);
            assert!(attribute.value.unwrap().value.is_some());
        }
    }

    /// Two lists that must agree: what we send is what we would read, but for the server's own marks.
    #[test]
    fn every_attribute_sent_is_a_word_of_the_vocabulary() {
        let (dialect, agent, generation) = example();
        for span in [span(&dialect, agent), span(&dialect, generation)] {
            for attribute in span.attributes {
                assert!(!matches!(
                    attribute.value.unwrap().value.unwrap(),
                    any_value::Value::KvlistValue(_) | any_value::Value::BytesValue(_)
                ));
                if attribute.key == "langfuse.internal.is_app_root" {
                    continue;
                }
                let meaning = look_up(attribute.key.clone().leak(), false);
                assert_ne!(meaning.role, Role::None, "{}", attribute.key);
                assert!(meaning.trust >= Trust::Convention);
            }
        }
    }

    #[test]
    fn s63_both_destinations_show_the_same_spans() {
        fn shape(dialect: &impl Dialect) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
            let (_, agent, generation) = example();
            let mut request = request(dialect, vec![generation.build(), agent.build()]);
            let mut spans = request.resource_spans.remove(0).scope_spans.remove(0).spans;
            spans.iter_mut().for_each(|span| span.attributes.clear());
            spans
        }
        assert_eq!(
            shape(&example().0),
            shape(&GenAiDialect::new(Arc::default(), true))
        );
    }

    #[test]
    fn a_body_is_appended_to_what_is_there() {
        let (dialect, agent, _) = example();
        let alone = body(&dialect, vec![agent.build()]);
        let batch = crate::export::Batch::new(0, vec![Arc::new(example().1.build())]);
        let mut out = b"before".to_vec();
        crate::otlp::encode::encode(&batch, &dialect, &mut out);
        assert_eq!(out.strip_prefix(b"before"), Some(alone.as_slice()));
    }
}
