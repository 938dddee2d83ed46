//! One trace, drawn as the crate's own terminal draws those of this process: it is made once more by hand, of the rows that the
//! server has, for a pipeline whose one destination is the page.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing_llm::console::ConsoleExporter;
use tracing_llm::export::Scope;
use tracing_llm::langfuse::{Fields, Money, ObservationRow};
use tracing_llm::manual::{Handle, OpenObservation};
use tracing_llm::{Error, Langfuse, Pipeline, SpanId, TraceId};

use crate::args::Form;
use crate::page::{Failure, Outcome, Page, plain};

/// Rows with their contents have some KiB each, and up to MiB: where an answer would be too large, or late, a page has fewer.
const PAGES: [u16; 3] = [1000, 100, 10];

/// One trace is held as a whole, and shown as a whole.
const MOST_BYTES: usize = 512 * 1024 * 1024;

const TOO_LARGE: &str = "the trace is too large to be drawn; `--json` has all of it";

/// Drawing takes far less.
const DRAWN_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(langfuse: &Langfuse, id: &str, form: &Form, page: &mut Page<'_>) -> Outcome {
    let rows = read(langfuse, id).map_err(|error| Failure::before_v4(error, "a single trace needs"))?;
    let rows = once_each(rows);
    if rows.is_empty() {
        let message = format!("Langfuse shows no trace {id:?}; one shows some seconds after it was sent");
        return Err(Failure::Said(message));
    }
    if form.json {
        return page.json(&rows.iter().map(to_json).collect());
    }
    page.text(draw(&rows, page.color())?.trim_start_matches('\n'))
}

fn read(langfuse: &Langfuse, id: &str) -> Result<Vec<ObservationRow>, Error> {
    let whole = langfuse.observations().trace(id).fields(Fields::ALL);
    let mut rows = Ok(Vec::new());
    for page in PAGES {
        rows = whole.clone().page_size(page).rows().blocking().collect();
        match &rows {
            Err(error) if error.is_unexpected_answer() || error.is_timeout() => {}
            _ => break,
        }
    }
    rows
}

/// Each observation once, in the order of their beginnings: the server shows what it was sent twice twice, and the last version is
/// the one that stays.
fn once_each(rows: Vec<ObservationRow>) -> Vec<ObservationRow> {
    let mut last: BTreeMap<String, ObservationRow> = BTreeMap::new();
    for row in rows {
        let is_later = last.get(&row.id).is_none_or(|known| known.updated <= row.updated);
        if is_later {
            last.insert(row.id.clone(), row);
        }
    }
    let mut rows: Vec<_> = last.into_values().collect();
    rows.sort_by(|one, other| (one.start, &one.id).cmp(&(other.start, &other.id)));
    rows
}

fn draw(rows: &[ObservationRow], color: bool) -> Outcome<String> {
    let picture = Picture::default();
    let exporter = ConsoleExporter::new(picture.clone()).color(color);
    let exporter = exporter.waiting_bytes(MOST_BYTES);
    let builder = tracing_llm::builder().exporter(exporter, Scope::Everything);
    // What it would say is advice for the program that sent them.
    let builder = builder.on_diagnostic(|_| ());
    let (_layer, llm) = builder.queue_bytes(MOST_BYTES).build()?;
    make(&llm, rows);
    // What has no top is drawn at the end.
    let drawn = llm.shutdown_blocking(DRAWN_WITHIN);
    if !drawn.is_complete() {
        return Err(Failure::Said(TOO_LARGE.to_owned()));
    }
    Ok(with_its_id(picture.text(), rows))
}

/// A trace that another client sent may have another kind of id: a UUID, which is drawn as an id derived from it.
fn with_its_id(drawn: String, rows: &[ObservationRow]) -> String {
    match rows.first().map(|row| &row.trace_id) {
        Some(id) if id.parse::<TraceId>().is_err() => {
            drawn.replacen(&TraceId::from_seed(id).to_string(), &plain(id), 1)
        }
        _ => drawn,
    }
}

/// The observations, below each other as they were. The top ends last: with it the trace is drawn.
fn make(llm: &Pipeline, rows: &[ObservationRow]) {
    let Some(top) = rows.iter().find(|row| row.parent_id.is_none()).or(rows.first()) else {
        return;
    };
    let start = llm
        .trace(named(top))
        .id(&top.trace_id)
        .kind(top.kind)
        .root_id(span(&top.id))
        .start_at(top.start);
    let root = match &top.parent_id {
        Some(parent) => start.parent(span(parent)).start(),
        None => start.start(),
    };
    tell_trace(&root, top);
    for row in rows.iter().filter(|row| row.id != top.id) {
        // Another top stands beside the first, below something that is not there.
        let parent = row.parent_id.clone().unwrap_or_else(|| "none".to_owned());
        let start = root.observation(row.kind, named(row)).id(span(&row.id));
        let open = start.parent(span(&parent)).start_at(row.start).start();
        tell(&open, row);
        end(open, row);
    }
    tell(&root, top);
    end(root, top);
}

fn end(open: OpenObservation, row: &ObservationRow) {
    open.end_at(row.end.unwrap_or(row.start));
}

/// Ids of other clients may have another form.
fn span(id: &str) -> SpanId {
    id.parse().unwrap_or_else(|_| SpanId::from_seed(id))
}

/// The name, and the model of a call that the server has no price for: said as a model it would be priced here.
fn named(row: &ObservationRow) -> String {
    let name = row.name.clone().unwrap_or_else(|| "(no name)".to_owned());
    match &row.model {
        Some(model) if row.total_cost.is_none() => format!("{name}  {model}"),
        _ => name,
    }
}

fn tell_trace(root: &Handle, top: &ObservationRow) {
    let trace = root.trace();
    if let Some(name) = &top.trace_name {
        trace.name(name);
    }
    if let Some(user) = &top.user_id {
        trace.user(user);
    }
    if let Some(session) = &top.session_id {
        trace.session(session);
    }
    if let Some(environment) = &top.environment {
        trace.environment(environment);
    }
    trace.tags(&top.tags);
}

fn tell(open: &Handle, row: &ObservationRow) {
    // JSON with its keys in their order; any other text as text.
    let json = |text: &String| RawValue::from_string(text.clone()).ok();
    match row.input.as_ref().map(json) {
        Some(Some(json)) => open.input(json),
        _ => open.input(&row.input),
    };
    match row.output.as_ref().map(json) {
        Some(Some(json)) => open.output(json),
        _ => open.output(&row.output),
    };
    if let (Some(model), Some(cost)) = (&row.model, row.total_cost) {
        open.model(model).cost(cost.to_dollars());
    }
    if !row.usage.is_empty() {
        open.usage(row.usage.clone());
    }
    if let (Some(name), Some(version)) = (&row.prompt_name, row.prompt_version) {
        open.prompt((name.as_str(), version));
    }
    if let Some(first) = row.time_to_first_token {
        open.first_token_at(row.start + first);
    }
    if let Some(message) = &row.status_message {
        open.status_message(message);
    }
    open.level(row.level);
}

fn to_json(row: &ObservationRow) -> Value {
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let exact = |money: Money| money.to_string().parse::<f64>().ok();
    json!({
        "id": row.id,
        "trace_id": row.trace_id,
        "parent_id": row.parent_id,
        "type": row.kind.as_str(),
        "name": row.name,
        "start": time(row.start),
        "end": row.end.map(time),
        "latency": row.latency.map(|time| time.as_secs_f64()),
        "time_to_first_token": row.time_to_first_token.map(|time| time.as_secs_f64()),
        "level": row.level.as_str(),
        "status_message": row.status_message,
        "model": row.model,
        "model_parameters": row.model_parameters,
        "usage": row.usage.buckets().collect::<BTreeMap<_, _>>(),
        "cost": row.total_cost.and_then(exact),
        "prompt_name": row.prompt_name,
        "prompt_version": row.prompt_version,
        "user": row.user_id,
        "session": row.session_id,
        "environment": row.environment,
        "tags": row.tags,
        "metadata": row.metadata,
        "input": row.input,
        "output": row.output,
    })
}

/// What was drawn.
#[derive(Clone, Default)]
struct Picture(Arc<Mutex<Vec<u8>>>);

impl Picture {
    fn text(&self) -> String {
        let drawn = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&drawn).into_owned()
    }
}

impl Write for Picture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
