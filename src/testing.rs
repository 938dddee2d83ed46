//! A test kit: what a piece of code shows, offline, with ids and times that do not change.
//!
//! ```
//! use tracing_llm::testing::Capture;
//!
//! #[tracing::instrument(ret)]
//! fn answer(question: &str) -> String {
//!     question.to_uppercase()
//! }
//!
//! let capture = Capture::new();
//! capture.run(|| answer("how long?"));
//! assert_eq!(
//!     capture.tree(),
//!     r#"
//! span answer
//!   in:   {"question":"how long?"}
//!   out:  HOW LONG?
//!   meta: {"question":"how long?"}
//! "#
//! );
//! ```

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::clock::Clock;
pub use crate::clock::ManualClock;
use crate::diag::Diagnostics;
use crate::id::Ids;
use crate::layer::{LlmLayer, Settings};

use crate::model::{
    Callsite, Content, EventKind, Fields, Forest, Kind, Lane, Lanes, Level, Observation, Recorded, Shared,
    ValueRef, write_arguments,
};
use crate::read::Reader;
use crate::sink::Sink;

/// Everything that is recorded, infrastructure too: what OTLP shows.
const EVERYTHING: Lane = 0;
/// Observations only: what Langfuse shows.
const OBSERVATIONS: Lane = 1;

/// Records what the code under test does. Ids count from 1 and the clock stands until it is moved.
#[derive(Clone, Debug)]
pub struct Capture {
    memory: Arc<Memory>,
    clock: ManualClock,
    level: tracing::Level,
}

impl Capture {
    /// Records spans from INFO up.
    #[must_use]
    pub fn new() -> Self {
        Self {
            memory: Arc::default(),
            clock: ManualClock::new(),
            level: tracing::Level::INFO,
        }
    }

    /// Records spans from another level up.
    #[must_use]
    pub fn with_level(mut self, level: tracing::Level) -> Self {
        self.level = level;
        self
    }

    /// The layer alone, for a subscriber of one's own.
    #[must_use]
    pub fn layer(&self) -> LlmLayer {
        let said = Arc::clone(&self.memory);
        LlmLayer::new(Settings {
            sink: Arc::clone(&self.memory) as _,
            clock: Clock::Manual(self.clock.clone()),
            ids: Ids::sequential(),
            diagnostics: Diagnostics::new(move |line| lock(&said.said).push(line.to_owned())),
            level: self.level,
            plain_names: true,
            error_events: true,
        })
    }

    /// Runs code on this thread with the layer around it.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::registry().with(self.layer());
        tracing::dispatcher::with_default(&Dispatch::new(subscriber), code)
    }

    /// The clock, to be moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What has ended so far, in that order.
    #[must_use]
    pub fn observations(&self) -> Vec<Arc<Observation>> {
        lock(&self.memory.finished).clone()
    }

    /// The observation with this name; of several the one that ended last.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Observation>> {
        lock(&self.memory.finished)
            .iter()
            .rfind(|observation| observation.name() == name)
            .cloned()
    }

    /// The lines that the layer had to say.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.memory.said).clone()
    }

    /// What has ended, as an indented text with a line for each fact; infrastructure is left out, as Langfuse leaves
    /// it out. It begins with a line break, so that it stands well in a raw string.
    #[must_use]
    pub fn tree(&self) -> String {
        self.render(OBSERVATIONS)
    }

    /// The same with infrastructure, events and links, as OTLP shows it.
    #[must_use]
    pub fn whole_tree(&self) -> String {
        self.render(EVERYTHING)
    }

    fn render(&self, lane: Lane) -> String {
        let observations = self.observations();
        let shown: Vec<&Observation> = observations
            .iter()
            .map(AsRef::as_ref)
            .filter(|one| one.shown().contains(lane))
            .collect();
        let mut text = String::from("\n");
        let mut above: Vec<String> = Vec::new();
        for node in Forest::new(&shown, lane).walk() {
            let trace = trace(node.observation);
            above.truncate(node.depth);
            // Below the top only where it is not what the parent has.
            let news = match above.last() {
                None => trace.as_str(),
                Some(parents) if *parents == trace => "",
                Some(_) if trace.is_empty() => "(nothing)",
                Some(_) => trace.as_str(),
            };
            describe(node.observation, (node.depth, news), lane, &mut text);
            above.push(trace);
        }
        text
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes one observation: the line that names it, and a line for each thing that it holds.
fn describe(observation: &Observation, (depth, trace): (usize, &str), lane: Lane, text: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = write!(text, "{indent}{} {}", observation.kind(), observation.name());
    if let Some(model) = observation.model() {
        let _ = write!(text, "  model={model}");
    }
    if observation.level() != Level::Default {
        let _ = write!(text, "  {}", observation.level());
    }
    if let Some(message) = observation.status_message() {
        let _ = write!(text, "  status={message:?}");
    }
    if observation.duration().as_nanos() > 0 && observation.kind() != Kind::Event {
        let _ = write!(text, "  {:?}", observation.duration());
    }
    text.push('\n');
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{indent}  {:<7} {value}", format!("{label}:"));
        }
    };
    if depth == 0 {
        let named = observation
            .trace_name()
            .filter(|name| *name != observation.name())
            .map(|name| format!("name={name}"));
        line(
            "trace",
            &joined(
                named
                    .into_iter()
                    .chain([trace.to_owned()])
                    .filter(|it| !it.is_empty()),
            ),
        );
    } else {
        line("trace", trace);
    }
    line("params", &object(observation, Show::Parameters));
    line(
        "usage",
        &joined(
            observation
                .usage()
                .buckets()
                .map(|(bucket, tokens)| format!("{bucket}={tokens}")),
        ),
    );
    line(
        "cost",
        &joined(
            observation
                .cost()
                .parts()
                .map(|(part, dollars)| format!("{part}={dollars}")),
        ),
    );
    if let Some(prompt) = observation.prompt() {
        line("prompt", &format!("{}@{}", prompt.name, prompt.version));
    }
    if let Some(first) = observation.time_to_first_token() {
        line("first", &format!("{first:?}"));
    }
    line("in", &content(observation, observation.input()));
    line("out", &content(observation, observation.output()));
    line("meta", &object(observation, Show::Metadata));
    if lane == EVERYTHING {
        for (head, fields) in observation.events() {
            let label = match head.kind {
                EventKind::Plain => "event",
                EventKind::Exception => "error",
            };
            line(label, &pairs(fields.map(|field| (field.name, field.value))));
        }
        for link in observation.links() {
            line("link", &format!("{} {}", short(&link.trace_id), short(&link.id)));
        }
        line("dropped", &dropped(observation));
    }
}

/// An id without its leading zeros: ids of this kit count from 1.
fn short(id: &impl ToString) -> String {
    id.to_string().trim_start_matches('0').to_owned()
}

fn dropped(observation: &Observation) -> String {
    let counts = [
        ("events", observation.dropped_events()),
        ("fields", observation.dropped_fields()),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    joined(counts.map(|(what, count)| format!("{what}={count}")))
}

fn trace(observation: &Observation) -> String {
    let trace = observation.trace();
    let mut facts: Vec<String> = [
        ("user", trace.user.as_deref()),
        ("session", trace.session.as_deref()),
        ("environment", trace.environment.as_deref()),
        ("release", trace.release.as_deref()),
        ("version", trace.version.as_deref()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some(format!("{key}={}", value?)))
    .collect();
    if !trace.tags.is_empty() {
        facts.push(format!("tags=[{}]", trace.tags.join(",")));
    }
    if let Some(public) = trace.public {
        facts.push(format!("public={public}"));
    }
    facts.extend(
        trace
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={}", json(value.as_ref()))),
    );
    facts.join(" ")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Parameters,
    Metadata,
}

fn object(observation: &Observation, show: Show) -> String {
    use crate::field::Role;
    let fields = observation.fields().filter(|field| match show {
        Show::Parameters => field.used.counts && matches!(field.role, Role::Parameter | Role::Parameters),
        Show::Metadata => field.used.metadata,
    });
    pairs(fields.map(|field| {
        let key = if field.used.counts {
            field.short
        } else {
            field.name
        };
        (key, field.value)
    }))
}

fn pairs<'a>(facts: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    let facts: Vec<String> = facts
        .map(|(key, value)| format!("{}:{}", json(ValueRef::Text(key)), json(value)))
        .collect();
    if facts.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", facts.join(","))
    }
}

fn joined(facts: impl Iterator<Item = String>) -> String {
    facts.collect::<Vec<_>>().join(" ")
}

fn content(observation: &Observation, content: Content) -> String {
    match content {
        Content::None => String::new(),
        Content::Field(index) => match observation.field_value(index) {
            Some(ValueRef::Text(text) | ValueRef::Json(text) | ValueRef::Error(text)) => {
                text.replace('\n', "\\n")
            }
            Some(value) => json(value),
            None => String::new(),
        },
        Content::Arguments => {
            let mut out = Vec::new();
            write_arguments(observation, &mut out);
            String::from_utf8(out).unwrap_or_default()
        }
    }
}

fn json(value: ValueRef<'_>) -> String {
    let mut out = Vec::new();
    value.write_json(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A sink that reads at once and keeps everything.
#[derive(Debug, Default)]
struct Memory {
    finished: Mutex<Vec<Shared>>,
    said: Mutex<Vec<String>>,
}

impl Sink for Memory {
    fn lanes(&self) -> Lanes {
        [EVERYTHING, OBSERVATIONS].into_iter().collect()
    }

    fn shown(&self, callsite: &Callsite) -> Lanes {
        if callsite.hidden {
            [EVERYTHING].into_iter().collect()
        } else {
            self.lanes()
        }
    }

    fn open(&self) {}

    fn finish(&self, recorded: Recorded) {
        let observation = Reader::default().read(recorded);
        lock(&self.finished).push(Arc::new(observation));
    }

    fn buffer(&self) -> Fields {
        Fields::default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
