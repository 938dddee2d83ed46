//! One observation, as the server shows it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use crate::langfuse::client::answer::{texts, time};
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::question::{count, given, number};
use crate::model::{Kind, Level, Usage};

/// An observation, as [`observations()`](crate::Langfuse::observations) gives it.
///
/// What its [group](super::Fields) was not asked for is absent, like what nobody said: the server does not tell the two apart.
/// Ids are text, since other clients make ids of other forms.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ObservationRow {
    /// Its id.
    pub id: String,
    /// The id of its trace.
    pub trace_id: String,
    /// The observation above it; none for the top of a trace.
    pub parent_id: Option<String>,
    /// Its type; one that this crate does not know is a span.
    pub kind: Kind,
    /// When it began, to the millisecond.
    pub start: SystemTime,
    /// When it ended.
    pub end: Option<SystemTime>,
    /// From its beginning to its end; none when it ended before it began.
    pub latency: Option<Duration>,
    /// From its beginning to the first token. Only [`Fields::Time`](super::Fields::Time) and
    /// [`Fields::Metrics`](super::Fields::Metrics) have it; none when it lies before the beginning.
    pub time_to_first_token: Option<Duration>,

    /// `Basic`: its name.
    pub name: Option<String>,
    /// `Basic`: how it went.
    pub level: Level,
    /// `Basic`: a word on that.
    pub status_message: Option<String>,
    /// `Basic`: the version of the code.
    pub version: Option<String>,
    /// `Basic`: the environment.
    pub environment: Option<String>,
    /// `Basic`: the user.
    pub user_id: Option<String>,
    /// `Basic`: the session.
    pub session_id: Option<String>,
    /// `Basic`: whether it stands on top of a trace, or of this program's part of one.
    pub is_root: bool,
    /// `Basic`: whether its trace can be seen by everybody.
    pub is_public: bool,

    /// `Time`: when the first token came.
    pub first_token: Option<SystemTime>,
    /// `Time`: when the server first stored it.
    pub created: Option<SystemTime>,
    /// `Time`: when the server last stored it.
    pub updated: Option<SystemTime>,

    /// `Io`: what went in, as the server keeps it: JSON is its text.
    pub input: Option<String>,
    /// `Io`: what came out.
    pub output: Option<String>,

    /// `Metadata`: by flat key. Text that is JSON comes as JSON (`"1"` is 1). Values are cut to 200 characters unless `Io`
    /// is asked for, too, or a key by [`expand_metadata`](super::Observations::expand_metadata).
    pub metadata: Map<String, Value>,

    /// `Model`: its name, as it was sent.
    pub model: Option<String>,
    /// `Model`: the id of the price definition that fits it.
    pub model_id: Option<String>,
    /// `Model`: what it was called with.
    pub model_parameters: Map<String, Value>,
    /// `Model`: what a unit of input costs.
    pub input_price: Option<Money>,
    /// `Model`: what a unit of output costs.
    pub output_price: Option<Money>,

    /// `Usage`: tokens by bucket.
    pub usage: Usage,
    /// `Usage`: dollars by bucket.
    pub costs: BTreeMap<String, Money>,
    /// `Usage`: all of it; none where no cost is known, which is not the same as nothing.
    pub total_cost: Option<Money>,

    /// `Prompt`: the prompt that it was made with.
    pub prompt_name: Option<String>,
    /// `Prompt`: the version of that.
    pub prompt_version: Option<u32>,

    /// `TraceContext`: the tags of its trace.
    pub tags: Vec<String>,
    /// `TraceContext`: the release.
    pub release: Option<String>,
    /// `TraceContext`: the name of its trace.
    pub trace_name: Option<String>,
}

impl ObservationRow {
    pub(super) fn read(row: &Value) -> Option<Self> {
        let costs = costs(&row["costDetails"]);
        Some(Self {
            id: row["id"].as_str()?.to_owned(),
            trace_id: row["traceId"].as_str()?.to_owned(),
            parent_id: given(row, "parentObservationId"),
            kind: kind(row),
            start: time(row, "startTime")?,
            end: time(row, "endTime"),
            latency: seconds(&row["latency"]),
            time_to_first_token: seconds(&row["timeToFirstToken"]),
            name: given(row, "name"),
            level: level(row),
            status_message: given(row, "statusMessage"),
            version: given(row, "version"),
            environment: given(row, "environment"),
            user_id: given(row, "userId"),
            session_id: given(row, "sessionId"),
            is_root: row["isRootObservation"] == true,
            is_public: row["public"] == true,
            first_token: time(row, "completionStartTime"),
            created: time(row, "createdAt"),
            updated: time(row, "updatedAt"),
            input: given(row, "input"),
            output: given(row, "output"),
            metadata: object(&row["metadata"]),
            // Its name in the documents is not the one on the wire.
            model: given(row, "model").or_else(|| given(row, "providedModelName")),
            model_id: given(row, "modelId").or_else(|| given(row, "internalModelId")),
            model_parameters: object(&row["modelParameters"]),
            input_price: Money::read(&row["inputPrice"]),
            output_price: Money::read(&row["outputPrice"]),
            usage: usage(&row["usageDetails"]),
            total_cost: total(&costs, row),
            costs,
            prompt_name: given(row, "promptName"),
            prompt_version: count(&row["promptVersion"]).and_then(|version| version.try_into().ok()),
            tags: texts(row, "tags"),
            release: given(row, "release"),
            trace_name: given(row, "traceName"),
        })
    }
}

pub(super) fn kind(row: &Value) -> Kind {
    let word = row["type"].as_str();
    word.and_then(Kind::from_word).unwrap_or_default()
}

pub(super) fn level(row: &Value) -> Level {
    let word = row["level"].as_str();
    word.and_then(Level::from_word).unwrap_or_default()
}

pub(super) fn usage(details: &Value) -> Usage {
    let mut usage = Usage::default();
    for (bucket, tokens) in details.as_object().into_iter().flatten() {
        if let Some(tokens) = count(tokens) {
            usage.set(bucket.clone().into(), tokens);
        }
    }
    usage
}

pub(super) fn costs(details: &Value) -> BTreeMap<String, Money> {
    let details = details.as_object().into_iter().flatten();
    details
        .filter_map(|(bucket, dollars)| Some((bucket.clone(), Money::read(dollars)?)))
        .collect()
}

/// The total of a row. The server says 0 also where it knows of no cost.
pub(super) fn total(costs: &BTreeMap<String, Money>, row: &Value) -> Option<Money> {
    let total = Money::read(&row["totalCost"]);
    total.filter(|total| *total != Money::ZERO || !costs.is_empty())
}

/// Seconds; what is less than nothing is no time.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(number(value)?).ok()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
