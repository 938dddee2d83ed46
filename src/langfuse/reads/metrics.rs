//! Sums over observations and scores, computed by the server.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind};
use crate::langfuse::client::{Budget, Langfuse, Request};
use crate::langfuse::reads::filter::{Filter, instant};
use crate::langfuse::reads::money::Money;
use crate::langfuse::reads::question::{count, number};
use crate::langfuse::reads::window::Window;
use crate::langfuse::reads::words::{Aggregation, Dimension, Granularity, Measure, View};

/// A question for sums, made by [`Langfuse::metrics`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before ask()"]
pub struct Metrics {
    client: Langfuse,
    view: View,
    window: Window,
    measures: Vec<(Measure, Aggregation)>,
    dimensions: Vec<Dimension>,
    granularity: Option<Granularity>,
    order: Option<(String, &'static str)>,
    limit: Option<u16>,
}

/// The sums, in the server's order.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricRows {
    rows: Vec<MetricRow>,
    is_cut: bool,
}

/// One row of sums.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricRow(Map<String, Value>);

impl Langfuse {
    /// Sums that the server computes over a window of time, such as cost by model or latency by name.
    ///
    /// ```no_run
    /// use tracing_llm::langfuse::{Aggregation, Dimension, Measure, View, Window};
    ///
    /// # async fn slowest(langfuse: &tracing_llm::Langfuse) -> Result<(), tracing_llm::Error> {
    /// let question = langfuse
    ///     .metrics(View::Observations, &Window::last_days(1))
    ///     .measure(Measure::LATENCY, Aggregation::P95)
    ///     .by(Dimension::NAME);
    /// for row in question.ask().await?.rows() {
    ///     println!("{:?} {:?} ms", row.text(&Dimension::NAME), row.number(&Measure::LATENCY, Aggregation::P95));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The questions that are asked most have verbs of their own: [`cost_by_day`](Self::cost_by_day),
    /// [`cost_by_user`](Self::cost_by_user), [`tokens_by_model`](Self::tokens_by_model),
    /// [`latency_by_name`](Self::latency_by_name), [`error_rate`](Self::error_rate), [`trace_cost`](Self::trace_cost).
    ///
    /// The server adds up every row: one that was sent twice counts twice, and an agent's copy of the cost of its calls
    /// counts beside them. This crate sends neither; [`traces`](Self::traces) corrects both. It needs Langfuse v4.
    pub fn metrics(&self, view: View, window: &Window) -> Metrics {
        Metrics {
            client: self.clone(),
            view,
            window: window.clone(),
            measures: Vec::new(),
            dimensions: Vec::new(),
            granularity: None,
            order: None,
            limit: None,
        }
    }
}

impl Metrics {
    /// How many rows the server gives when it is not told.
    const USUAL_LIMIT: usize = 100;

    /// What is computed; at least one is needed.
    pub fn measure(mut self, measure: Measure, aggregation: Aggregation) -> Self {
        self.measures.push((measure, aggregation));
        self
    }

    /// A row for each value of this, and of all others that are named.
    pub fn by(mut self, dimension: Dimension) -> Self {
        self.dimensions.push(dimension);
        self
    }

    /// Over rows for which this holds, and all others that are named.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.window = self.window.filter(filter);
        self
    }

    /// A row for each stretch of time, in UTC; also for those in which nothing was, in which the dimensions are empty.
    pub fn every(mut self, granularity: Granularity) -> Self {
        self.granularity = Some(granularity);
        self
    }

    /// The largest of a measure first.
    pub fn largest_first(self, measure: &Measure, aggregation: Aggregation) -> Self {
        self.ordered(key(measure, aggregation), "desc")
    }

    /// The smallest of a measure first.
    pub fn smallest_first(self, measure: &Measure, aggregation: Aggregation) -> Self {
        self.ordered(key(measure, aggregation), "asc")
    }

    /// At most so many rows, 1 to 1000; 100 when it is not said. With [`every`](Self::every) it is only how many an answer has, and
    /// a window that has more is asked for in parts.
    pub fn limit(mut self, rows: u16) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Asks. The parts of a window have the time of one call together.
    ///
    /// # Errors
    ///
    /// Those of a call, as [`auth_check`](Langfuse::auth_check) tells apart; a measure or a dimension that this server does not
    /// know, which it answers with those that it does, or a question too heavy for it ([`Error::is_refused`]); more rows in one
    /// stretch of time than an answer can have ([`Error::is_invalid_value`]).
    pub async fn ask(&self) -> Result<MetricRows, Error> {
        let limit = self.limit.map_or(Self::USUAL_LIMIT, usize::from);
        let mut rows = Vec::new();
        // Parts of the window that are still to be asked for; the earliest is the last.
        let budget = Budget::new(self.client.timeout());
        let mut parts = vec![(self.window.from, self.window.to)];
        while let Some(part) = parts.pop() {
            let found = self.ask_part(part, budget).await?;
            let is_full = found.len() >= limit;
            match self.granularity {
                None => {
                    return Ok(MetricRows {
                        is_cut: is_full,
                        rows: found,
                    });
                }
                Some(granularity) if is_full => {
                    let [first, second] = halves(part, granularity).ok_or_else(|| self.too_many(limit))?;
                    parts.extend([second, first]);
                }
                Some(_) => rows.extend(found),
            }
        }
        self.sort(&mut rows);
        Ok(MetricRows { rows, is_cut: false })
    }

    /// [`ask`](Self::ask) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn ask_blocking(&self) -> Result<MetricRows, Error> {
        self.client.wait(self.ask())
    }

    fn ordered(mut self, field: String, direction: &'static str) -> Self {
        self.order = Some((field, direction));
        self
    }

    async fn ask_part(&self, part: Part, budget: Budget) -> Result<Vec<MetricRow>, Error> {
        let request = Request::get("read metrics", &["v2", "metrics"]);
        let request = request.query("query", Some(self.query(part))).within(budget);
        let answer = self.client.call(request).await?;
        answer.read(|json| {
            let rows = json["data"].as_array()?.iter();
            rows.map(|row| row.as_object().cloned().map(MetricRow)).collect()
        })
    }

    fn query(&self, (from, to): Part) -> Value {
        let measures = self.measures.iter().map(|(measure, aggregation)| {
            json!({"measure": measure.as_str(), "aggregation": aggregation.as_str()})
        });
        let dimensions = self.dimensions.iter().map(|it| json!({"field": it.as_str()}));
        let mut query = json!({
            "view": self.view.as_str(),
            "metrics": measures.collect::<Value>(),
            "dimensions": dimensions.collect::<Value>(),
            "filters": self.window.filters.iter().map(|it| it.0.clone()).collect::<Value>(),
            "fromTimestamp": instant(from),
            "toTimestamp": instant(to),
        });
        if let Some(granularity) = self.granularity {
            query["timeDimension"] = json!({"granularity": granularity.as_str()});
        }
        if let Some((field, direction)) = &self.order {
            query["orderBy"] = json!([{"field": field, "direction": direction}]);
        }
        if let Some(limit) = self.limit {
            query["config"] = json!({"row_limit": limit});
        }
        query
    }

    /// Parts come in the order of time. In another order they are merged.
    fn sort(&self, rows: &mut [MetricRow]) {
        let Some((field, direction)) = &self.order else {
            return;
        };
        let value = |row: &MetricRow| number(&row.0[field]).unwrap_or(f64::NEG_INFINITY);
        rows.sort_by(|one, other| match *direction {
            "asc" => value(one).total_cmp(&value(other)),
            _ => value(other).total_cmp(&value(one)),
        });
    }

    fn too_many(&self, limit: usize) -> Error {
        let stretch = self.granularity.map_or("", Granularity::as_str);
        let message = format!(
            "cannot read metrics: one {stretch} has {limit} rows or more; a higher limit or fewer dimensions would do"
        );
        Error::new(Kind::InvalidValue, message)
    }
}

/// A part of a window: from, to.
type Part = (SystemTime, SystemTime);

/// A part cut where a stretch of time begins, so that none is counted in parts; `None` when it is within one.
fn halves((from, to): Part, granularity: Granularity) -> Option<[Part; 2]> {
    let middle = from + to.duration_since(from).ok()? / 2;
    let cut = granularity.begin(middle).filter(|cut| *cut > from);
    let cut = cut
        .or_else(|| granularity.next(middle))
        .filter(|cut| *cut > from && *cut < to)?;
    Some([(from, cut), (cut, to)])
}

impl MetricRows {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[MetricRow] {
        &self.rows
    }

    /// Whether there are as many as were asked for at most: there may be more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl IntoIterator for MetricRows {
    type Item = MetricRow;
    type IntoIter = std::vec::IntoIter<MetricRow>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl MetricRow {
    /// The value of a dimension; none where it is empty.
    #[must_use]
    pub fn text(&self, dimension: &Dimension) -> Option<&str> {
        let text = self.0.get(dimension.as_str())?.as_str();
        text.filter(|text| !text.is_empty())
    }

    /// The value of a dimension that is a whole number, such as the version of a prompt; none where it is empty.
    #[must_use]
    pub fn whole(&self, dimension: &Dimension) -> Option<u64> {
        count(self.0.get(dimension.as_str())?)
    }

    /// When the stretch of time began.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        let text = self.0.get("time_dimension")?.as_str()?;
        match text.len() {
            10 => humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).ok(),
            _ => humantime::parse_rfc3339_weak(text).ok(),
        }
    }

    /// The day of that, as `2026-11-24`.
    #[must_use]
    pub fn day(&self) -> Option<&str> {
        self.0.get("time_dimension")?.as_str()?.get(..10)
    }

    /// A measure as a number; none where there is nothing to compute it from.
    #[must_use]
    pub fn number(&self, measure: &Measure, aggregation: Aggregation) -> Option<f64> {
        number(self.get(measure, aggregation)?)
    }

    /// A count; none where it is none.
    #[must_use]
    pub fn count(&self, measure: &Measure, aggregation: Aggregation) -> Option<u64> {
        count(self.get(measure, aggregation)?)
    }

    /// A cost, exactly.
    #[must_use]
    pub fn money(&self, measure: &Measure, aggregation: Aggregation) -> Option<Money> {
        Money::read(self.get(measure, aggregation)?)
    }

    /// A latency, which the server tells in milliseconds; none where it is less than nothing.
    #[must_use]
    pub fn duration(&self, measure: &Measure, aggregation: Aggregation) -> Option<Duration> {
        let milliseconds = self.number(measure, aggregation)?;
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
    }

    /// The row as the server gave it.
    #[must_use]
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    fn get(&self, measure: &Measure, aggregation: Aggregation) -> Option<&Value> {
        self.0.get(&key(measure, aggregation))
    }
}

/// The name of a measure in a row.
fn key(measure: &Measure, aggregation: Aggregation) -> String {
    format!("{}_{}", aggregation.as_str(), measure.as_str())
}
