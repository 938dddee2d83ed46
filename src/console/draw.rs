//! The picture of one trace.

use std::borrow::Cow;
use std::time::Duration;

use crate::console::line::{first_line, word};
use crate::dialect::Pages;
use crate::model::{Content, Kind, Level, Node, Observation, ValueRef, write_arguments};

/// How wide a line may grow before its content is cut.
const WIDTH: usize = 100;

/// What content gets at least, however deep it stands.
const CONTENT: usize = 40;

/// What names and ids get at most.
const NAME: usize = 60;

/// How many levels are indented; below that the depth stands as a number.
const DEPTH: usize = 16;

/// How a picture looks.
#[derive(Debug)]
pub(super) struct Style {
    pub(super) color: bool,
    /// Where else a trace is shown, with their names.
    pub(super) pages: Vec<(&'static str, Pages)>,
}

/// An SGR parameter: what the text is shown in.
#[derive(Clone, Copy)]
struct Paint(&'static str);

impl Paint {
    const BOLD: Self = Self("1");
    const DIM: Self = Self("2");
    const RED: Self = Self("1;31");
    const YELLOW: Self = Self("33");
}

impl Style {
    /// Without colour and pages.
    pub(super) const PLAIN: Self = Self {
        color: false,
        pages: Vec::new(),
    };

    /// Draws one trace: a line about the whole, then its trees. `nodes` are in the order of the walk.
    pub(super) fn trace(&self, nodes: &[Node<'_>], finished: bool, out: &mut String) {
        let Some(top) = nodes.first() else { return };
        self.head(top.observation, nodes, finished, out);
        // For each level above the current node, whether a sibling is to come there.
        let mut rails: Vec<bool> = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            rails.truncate(node.depth.saturating_sub(1));
            self.node(node, &rails, out);
            if at == 0 {
                self.links(node, out);
            }
            if node.depth > 0 {
                rails.push(!node.last);
            }
        }
    }

    /// `trace answer · user u-1 · session s-1 · tags a, b · environment e · 160 tokens · $0.0003 · <trace id>`
    fn head(&self, top: &Observation, nodes: &[Node<'_>], finished: bool, out: &mut String) {
        let trace = top.trace();
        let mut facts = Vec::new();
        let mut fact = |label: &str, value: Option<&str>| {
            facts.extend(value.map(|value| format!("{label}{}", word(value, NAME))));
        };
        fact("user ", top.user());
        fact("session ", top.session());
        let tags = trace.tags.join(", ");
        fact("tags ", Some(tags.as_str()).filter(|tags| !tags.is_empty()));
        fact("environment ", trace.environment.as_deref());
        fact("release ", trace.release.as_deref());
        facts.extend(totals(nodes));
        facts.push(top.trace_id().to_string());

        out.push('\n');
        self.paint(Paint::DIM, "trace ", out);
        self.paint(
            Paint::BOLD,
            &word(top.trace_name().unwrap_or(top.name()), NAME),
            out,
        );
        if !finished {
            self.paint(Paint::YELLOW, " (unfinished)", out);
        }
        for fact in facts {
            self.paint(Paint::DIM, &format!(" · {fact}"), out);
        }
        out.push('\n');
    }

    fn node(&self, node: &Node<'_>, rails: &[bool], out: &mut String) {
        let observation = node.observation;
        let above: String = rails
            .iter()
            .take(DEPTH)
            .map(|more| if *more { "│  " } else { "   " })
            .collect();
        let (branch, beside) = match (node.depth, node.last) {
            (0, _) => (Cow::Borrowed(""), ""),
            (depth, _) if depth > DEPTH => (format!("└┄ {depth} ┄ ").into(), "   "),
            (_, true) => ("└─ ".into(), "   "),
            (_, false) => ("├─ ".into(), "│  "),
        };
        self.paint(Paint::DIM, &format!("{above}{branch}"), out);
        let kind = observation.kind();
        self.paint(color(kind), &kind.as_str().to_ascii_uppercase(), out);
        out.push(' ');
        self.paint(Paint::BOLD, &word(observation.name(), NAME), out);
        for fact in facts(observation) {
            out.push_str("  ");
            out.push_str(&fact);
        }
        self.status(observation, out);
        out.push('\n');

        let below = if node.leaf { "   " } else { "│  " };
        let margin = format!("{above}{beside}{below}");
        self.content("in   ", observation, observation.input_place(), &margin, out);
        self.content("out  ", observation, observation.output_place(), &margin, out);
    }

    /// `│  jaeger  http://…`, below the root.
    fn links(&self, root: &Node<'_>, out: &mut String) {
        let margin = if root.leaf { "   " } else { "│  " };
        for (name, pages) in &self.pages {
            if let Some(url) = pages.of(root.observation.trace_id()) {
                self.paint(Paint::DIM, &format!("{margin}{name}  {url}"), out);
                out.push('\n');
            }
        }
    }

    fn status(&self, observation: &Observation, out: &mut String) {
        let level = observation.level();
        let paint = match level {
            Level::Error => Paint::RED,
            Level::Warning => Paint::YELLOW,
            Level::Debug | Level::Default => Paint::DIM,
        };
        let label = (level != Level::Default).then(|| level.as_str().to_owned());
        let message = observation
            .status_message()
            .map(|message| first_line(ValueRef::Text(message), WIDTH));
        let words: Vec<String> = label.into_iter().chain(message).collect();
        if !words.is_empty() {
            out.push_str("  ");
            self.paint(paint, &words.join(" "), out);
        }
    }

    fn content(
        &self,
        label: &str,
        observation: &Observation,
        content: Content,
        margin: &str,
        out: &mut String,
    ) {
        let width = WIDTH
            .saturating_sub(margin.chars().count() + label.len())
            .max(CONTENT);
        let line = match content {
            Content::None => return,
            Content::Field(index) => match observation.content_value(index) {
                Some(value) => first_line(value, width),
                None => return,
            },
            Content::Arguments => {
                let mut json = Vec::new();
                write_arguments(observation, &mut json);
                first_line(ValueRef::Json(&String::from_utf8_lossy(&json)), width)
            }
        };
        self.paint(Paint::DIM, &format!("{margin}{label}"), out);
        out.push_str(&line);
        out.push('\n');
    }

    fn paint(&self, paint: Paint, text: &str, out: &mut String) {
        if self.color && !text.is_empty() {
            out.extend(["\u{1b}[", paint.0, "m", text, "\u{1b}[0m"]);
        } else {
            out.push_str(text);
        }
    }
}

fn color(kind: Kind) -> Paint {
    match kind {
        Kind::Generation | Kind::Embedding => Paint("35"),
        Kind::Agent | Kind::Chain => Paint("36"),
        Kind::Tool => Paint("33"),
        Kind::Retriever => Paint("34"),
        Kind::Evaluator | Kind::Guardrail => Paint("32"),
        Kind::Span | Kind::Event => Paint::DIM,
    }
}

/// Model, prompt, tokens, cost and duration: what is known of them, in this order.
fn facts(observation: &Observation) -> impl Iterator<Item = String> {
    let model = observation.model().map(|model| word(model, NAME));
    let prompt = observation.prompt();
    let prompt = prompt.map(|prompt| format!("prompt {}@{}", word(&prompt.name, NAME), prompt.version));
    let cost = observation.cost().get("total").map(dollars);
    [model, prompt, tokens(observation), cost, took(observation)]
        .into_iter()
        .flatten()
}

/// `1.10 s (first token 400 ms)`. An event takes no time.
fn took(observation: &Observation) -> Option<String> {
    let took = (observation.kind() != Kind::Event).then(|| duration(observation.duration()))?;
    Some(match observation.time_to_first_token() {
        Some(first) => format!("{took} (first token {})", duration(first)),
        None => took,
    })
}

/// `120 → 40 tokens (30 cached)`: what the provider billed as input and as output.
fn tokens(observation: &Observation) -> Option<String> {
    let usage = observation.usage();
    // The buckets are disjoint: a side is its rest and its details.
    let side = |side: &str| {
        let of = |name: &str| {
            name.strip_prefix(side)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let parts = usage.buckets().filter(|(name, _)| of(name));
        parts.map(|(_, tokens)| tokens).reduce(u64::saturating_add)
    };
    let mut text = match (side("input"), side("output")) {
        (Some(input), Some(output)) => format!("{input} → {output} tokens"),
        (Some(input), None) => format!("{input} tokens"),
        (None, Some(output)) => format!("→ {output} tokens"),
        (None, None) => format!("{} tokens", usage.get("total")?),
    };
    if let Some(cached) = usage.get("input_cached_tokens").filter(|cached| *cached > 0) {
        text += &format!(" ({cached} cached)");
    }
    Some(text)
}

/// Tokens and cost of a whole trace, where there are any.
fn totals(nodes: &[Node<'_>]) -> impl Iterator<Item = String> {
    let observations = || nodes.iter().map(|node| node.observation);
    let tokens = observations().filter_map(|observation| observation.usage().get("total"));
    let cost = observations().filter_map(|observation| observation.cost().get("total"));
    let tokens = tokens
        .reduce(u64::saturating_add)
        .map(|tokens| format!("{tokens} tokens"));
    let cost = cost.reduce(|sum, cost| sum + cost).map(dollars);
    [tokens, cost].into_iter().flatten()
}

/// Dollars to a millionth, without zeros that say nothing.
pub(crate) fn dollars(amount: f64) -> String {
    if amount >= 1.0 || amount == 0.0 {
        return format!("${amount:.2}");
    }
    if amount < 0.000_001 {
        return "<$0.000001".to_owned();
    }
    let text = format!("${amount:.6}");
    let cents = "$0.00".len();
    let end = text.trim_end_matches('0').len().max(cents);
    text.get(..end).unwrap_or(&text).to_owned()
}

/// Two or three digits and a unit. Digits that are left out are cut off, not rounded: 999.9 ms is not a second.
pub(crate) fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (micros, millis, seconds) = (time.as_micros(), time.as_millis(), time.as_secs());
    if micros == 0 {
        format!("{nanos} ns")
    } else if millis == 0 {
        format!("{micros} µs")
    } else if millis < 10 {
        format!("{millis}.{} ms", micros / 100 % 10)
    } else if seconds == 0 {
        format!("{millis} ms")
    } else if seconds < 10 {
        format!("{seconds}.{:02} s", millis / 10 % 100)
    } else if seconds < 60 {
        format!("{seconds}.{} s", millis / 100 % 10)
    } else if seconds < 3600 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hand::{Hand, made};
    use crate::model::{Forest, Shared, TraceAttributes, Usage, Value};

    const COLORED: Style = Style {
        color: true,
        pages: Vec::new(),
    };

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn draw(style: &Style, finished: bool, observations: impl IntoIterator<Item = Hand>) -> String {
        let observations: Vec<Shared> = observations.into_iter().map(Hand::shared).collect();
        let observations: Vec<&Observation> = observations.iter().map(AsRef::as_ref).collect();
        let nodes: Vec<Node<'_>> = Forest::new(&observations, 0).walk().collect();
        let mut text = String::new();
        style.trace(&nodes, finished, &mut text);
        // A trace stands apart from what was printed before it.
        text.strip_prefix('\n').unwrap().to_owned()
    }

    fn check(observations: impl IntoIterator<Item = Hand>, expected: &str) {
        let drawn = draw(&Style::PLAIN, true, observations);
        assert_eq!(drawn, expected.trim_start_matches('\n'), "\n{drawn}");
    }

    fn request() -> [Hand; 8] {
        const QUESTION: &str = "How long do we keep invoices, and where?!";
        const ANSWER: &str = "Invoices are kept for seven years in the finance archive.";
        let text = ValueRef::Text;
        let trace = TraceAttributes {
            user: Some("gd-user-1".into()),
            session: Some("gd-session-rust".into()),
            environment: Some("gd-prod".into()),
            tags: vec!["rag".into(), "guide".into()],
            metadata: vec![("ignored".into(), Value::Bool(true))],
            ..TraceAttributes::default()
        };
        let found = r#"["Invoices are kept for seven years.","Finance stores them in the archive."]"#;
        let prompt = r#"[{"role":"system","content":"Invoices are kept for seven years.\nFinance stores them in the archive."},{"role":"user","content":"How long do we keep invoices, and where?!"}]"#;
        let reply =
            r#"{"role":"assistant","content":"Invoices are kept for seven years in the finance archive."}"#;
        [
            made("route_decision")
                .below("orchestration")
                .at(ms(1), ms(30))
                .kind(Kind::Generation)
                .model("mistral-7b")
                .usage(Usage::new(50, 10))
                .cost(0.000_007)
                .input(ValueRef::Json(
                    r#"[{"role":"user","content":"User wants to search knowledge base"}]"#,
                ))
                .output(ValueRef::Json(
                    r#"{"role":"assistant","content":"Route to Athena"}"#,
                )),
            made("semantic_search")
                .below("athena")
                .at(ms(31), ms(20))
                .kind(Kind::Retriever)
                .argument("query", text(QUESTION))
                .argument("top_k", ValueRef::U64(5))
                .output(ValueRef::Json(found)),
            made("lookup_ticket")
                .below("athena")
                .at(ms(51), Duration::from_micros(5_120))
                .kind(Kind::Tool)
                .argument("ticket", text("T-1"))
                .level(Level::Error, "no ticket T-1"),
            made("step-1")
                .below("athena")
                .at(ms(56), Duration::from_micros(420)),
            made("response_synthesis")
                .below("athena")
                .at(ms(57), ms(1_100))
                .kind(Kind::Generation)
                .model("mistral-7b")
                .prompt("rag_synthesis", 1)
                .usage(Usage::new(2000, 500).cached(1500))
                .cost(0.0003)
                .first_token(ms(400))
                .input(ValueRef::Json(prompt))
                .output(ValueRef::Json(reply)),
            made("athena")
                .below("orchestration")
                .at(ms(31), ms(1_126))
                .argument("question", text(QUESTION))
                .output(text(ANSWER)),
            made("orchestration")
                .below("user_request")
                .at(ms(1), ms(1_156))
                .argument("agent", text("zeus")),
            made("user_request")
                .at(ms(0), ms(1_158))
                .kind(Kind::Agent)
                .trace(trace)
                .argument("question", text(QUESTION))
                .argument("tenant_id", text("tenant-7"))
                .output(text(ANSWER)),
        ]
    }

    #[test]
    fn a_whole_request() {
        check(
            request(),
            r#"
trace user_request · user gd-user-1 · session gd-session-rust · tags rag, guide · environment gd-prod · 2560 tokens · $0.000307 · eafe895eb8119e6e5d06463590b2ef81
AGENT user_request  1.15 s
│  in   {"question":"How long do we keep invoices, and where?!","tenant_id":"tenant-7"}
│  out  Invoices are kept for seven years in the finance archive.
└─ SPAN orchestration  1.15 s
   │  in   {"agent":"zeus"}
   ├─ GENERATION route_decision  mistral-7b  50 → 10 tokens  $0.000007  30 ms
   │     in   [{"role":"user","content":"User wants to search knowledge base"}]
   │     out  {"role":"assistant","content":"Route to Athena"}
   └─ SPAN athena  1.12 s
      │  in   {"question":"How long do we keep invoices, and where?!"}
      │  out  Invoices are kept for seven years in the finance archive.
      ├─ RETRIEVER semantic_search  20 ms
      │     in   {"query":"How long do we keep invoices, and where?!","top_k":5}
      │     out  ["Invoices are kept for seven years.","Finance stores them in the archive."]
      ├─ TOOL lookup_ticket  5.1 ms  ERROR no ticket T-1
      │     in   {"ticket":"T-1"}
      ├─ SPAN step-1  420 µs
      └─ GENERATION response_synthesis  mistral-7b  prompt rag_synthesis@1  2000 → 500 tokens (1500 cached)  $0.0003  1.10 s (first token 400 ms)
            in   […,{"role":"user","content":"How long do we keep invoices, and where?!"}]
            out  {"role":"assistant","content":"Invoices are kept for seven years in the finance arc…
"#,
        );
    }

    #[test]
    fn every_type_and_every_level() {
        let typed = |(at, kind): (usize, Kind)| {
            let start = ms(u64::try_from(at).unwrap());
            made(kind.as_str()).kind(kind).below("levels").at(start, ms(2))
        };
        let levels = [
            made("d").below("levels").level(Level::Debug, "by hand"),
            made("n").below("levels").level(Level::Default, "by hand"),
            made("w").below("levels").level(Level::Warning, "cancelled"),
            made("e")
                .below("levels")
                .level(Level::Error, "line one\nline two"),
            made("levels"),
        ];
        let typed = Kind::ALL
            .into_iter()
            .enumerate()
            .map(typed)
            .map(|made| made.of("trace"));
        check(
            levels.into_iter().chain(typed),
            "
trace levels · eafe895eb8119e6e5d06463590b2ef81
SPAN levels  0 ns
├─ SPAN d  0 ns  DEBUG by hand
├─ SPAN n  0 ns  by hand
├─ SPAN w  0 ns  WARNING cancelled
├─ SPAN e  0 ns  ERROR line one …
├─ SPAN span  2.0 ms
├─ GENERATION generation  2.0 ms
├─ EVENT event
├─ AGENT agent  2.0 ms
├─ TOOL tool  2.0 ms
├─ CHAIN chain  2.0 ms
├─ RETRIEVER retriever  2.0 ms
├─ EVALUATOR evaluator  2.0 ms
├─ EMBEDDING embedding  2.0 ms
└─ GUARDRAIL guardrail  2.0 ms
",
        );
    }

    #[test]
    fn an_unfinished_trace_says_so_and_shows_each_piece() {
        let pieces = [
            made("b").below("a").at(ms(2), ms(1)),
            made("c").below("b").at(ms(2), ms(1)),
            made("d").below("a").at(ms(3), ms(1)),
        ];
        let drawn = draw(&Style::PLAIN, false, pieces);
        let expected = "trace b (unfinished) · eafe895eb8119e6e5d06463590b2ef81\nSPAN b  1.0 ms\n└─ SPAN c  1.0 ms\nSPAN d  1.0 ms\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn below_sixteen_levels_the_depth_is_a_number() {
        let names: Vec<&'static str> = (0..20).map(|depth| &*format!("n{depth}").leak()).collect();
        let chain = names
            .iter()
            .enumerate()
            .map(|(at, name)| match at.checked_sub(1) {
                Some(parent) => made(name).below(names[parent]).output(ValueRef::U64(7)),
                None => made(name),
            });
        let drawn = draw(&Style::PLAIN, true, chain);
        let end: Vec<String> = drawn
            .lines()
            .rev()
            .take(6)
            .map(|line| line.trim_start().to_owned())
            .collect();
        assert_eq!(
            end,
            [
                "out  7",
                "└┄ 19 ┄ SPAN n19  0 ns",
                "│  out  7",
                "└┄ 18 ┄ SPAN n18  0 ns",
                "│  out  7",
                "└┄ 17 ┄ SPAN n17  0 ns"
            ]
        );
        assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH), "{drawn}");
    }

    #[test]
    fn nothing_that_a_program_says_reaches_the_terminal_as_an_order() {
        let evil = "\u{1b}[2Jx\u{9b}1m\ry";
        let attributes = TraceAttributes {
            user: Some(evil.into()),
            session: Some(evil.into()),
            name: Some(evil.into()),
            environment: Some(evil.into()),
            release: Some(evil.into()),
            tags: vec![evil.into()],
            ..TraceAttributes::default()
        };
        let top = made("\u{1b}[2Jx\u{9b}1m\ry")
            .trace(attributes)
            .model(evil)
            .prompt(evil, 1)
            .level(Level::Error, evil)
            .input(ValueRef::Text(evil))
            .output(ValueRef::Json("[\"\u{9b}1m\"]"));
        let child = made("child")
            .below("\u{1b}[2Jx\u{9b}1m\ry")
            .argument("a", ValueRef::Text(evil));
        let drawn = draw(&Style::PLAIN, true, [top, child]);
        assert!(
            !drawn.contains(|char: char| char.is_control() && char != '\n'),
            "{drawn}"
        );
        assert_eq!(drawn.lines().count(), 6, "{drawn}");
    }

    #[test]
    fn pages_stand_below_the_root_once_where_they_are_known() {
        let style = Style {
            color: false,
            pages: vec![
                ("langfuse", Pages::new(|_| None)),
                ("jaeger", Pages::new(|_| Some("http://j/1".to_owned()))),
            ],
        };
        let id = "eafe895eb8119e6e5d06463590b2ef81";
        assert_eq!(
            draw(&style, true, [made("a").output(ValueRef::U64(7))]),
            format!("trace a · {id}\nSPAN a  0 ns\n   out  7\n   jaeger  http://j/1\n")
        );
        let pieces = [made("b").below("lost"), made("c").below("lost")];
        assert_eq!(
            draw(&style, false, pieces),
            format!("trace b (unfinished) · {id}\nSPAN b  0 ns\n   jaeger  http://j/1\nSPAN c  0 ns\n")
        );
    }

    #[test]
    fn color_changes_nothing_but_the_color() {
        let colored = draw(&COLORED, true, request());
        assert!(
            colored.contains("\u{1b}[1;31mERROR no ticket T-1\u{1b}[0m"),
            "{colored}"
        );
        let plain: String = colored
            .split("\u{1b}[")
            .enumerate()
            .map(|(at, piece)| {
                if at == 0 {
                    piece
                } else {
                    piece.split_once('m').unwrap().1
                }
            })
            .collect();
        assert_eq!(plain, draw(&Style::PLAIN, true, request()));
    }

    #[test]
    fn amounts_in_words() {
        let cases = [
            (640, "640 ns"),
            (999_999, "999 µs"),
            (1_000_000, "1.0 ms"),
            (9_999_999, "9.9 ms"),
            (12_300_000, "12 ms"),
            (999_999_999, "999 ms"),
            (1_000_000_000, "1.00 s"),
            (12_345_000_000, "12.3 s"),
            (60_000_000_000, "1 min 00 s"),
            (3_725_000_000_000, "1 h 02 min"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(duration(Duration::from_nanos(nanos)), expected);
        }
        let cases = [
            (0.0, "$0.00"),
            (12.0, "$12.00"),
            (0.5, "$0.50"),
            (0.000_3, "$0.0003"),
            (0.000_000_2, "<$0.000001"),
            (0.999_999_9, "$1.00"),
        ];
        for (amount, expected) in cases {
            assert_eq!(dollars(amount), expected);
        }
        let cases = [
            (Usage::default(), None),
            (Usage::new(7, -1), Some("7 tokens")),
            (Usage::new(-1, 7), Some("→ 7 tokens")),
            (Usage::default().bucket("total", 9), Some("9 tokens")),
            (Usage::default().bucket("audio", 3), Some("3 tokens")),
            (
                Usage::new(120, 40).cached(30).reasoning(10),
                Some("120 → 40 tokens (30 cached)"),
            ),
        ];
        for (usage, expected) in cases {
            let shared = made("usage").usage(usage).shared();
            assert_eq!(tokens(&shared).as_deref(), expected);
        }
    }
}
