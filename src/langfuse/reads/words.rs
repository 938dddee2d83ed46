//! The words of a question for sums.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is added up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum View {
    /// Observations.
    #[default]
    Observations,
    /// Scores that are numbers.
    NumericScores,
    /// Scores that are true or false.
    BooleanScores,
    /// Scores that are words.
    CategoricalScores,
}

/// How the values of a measure become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Aggregation {
    /// All together.
    Sum,
    /// The mean.
    Avg,
    /// How many.
    Count,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Half are below.
    P50,
    /// Three quarters are below.
    P75,
    /// 90 of 100 are below.
    P90,
    /// 95 of 100 are below.
    P95,
    /// 99 of 100 are below.
    P99,
    /// How many different ones.
    Uniq,
}

/// Stretches of time, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Granularity {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

impl View {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::NumericScores => "scores-numeric",
            Self::BooleanScores => "scores-boolean",
            Self::CategoricalScores => "scores-categorical",
        }
    }
}

impl Aggregation {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Max => "max",
            Self::Min => "min",
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Uniq => "uniq",
        }
    }
}

impl Granularity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The beginning of the stretch that a time is in.
    pub(super) fn begin(self, time: SystemTime) -> Option<SystemTime> {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let begin = match self {
            Self::Minute => seconds - seconds % 60,
            Self::Hour => seconds - seconds % (60 * 60),
            Self::Day => seconds - seconds % DAY,
            // The first day was a Thursday.
            Self::Week => (seconds + 3 * DAY).checked_sub((seconds + 3 * DAY) % (7 * DAY) + 3 * DAY)?,
            Self::Month => return month(time),
        };
        Some(UNIX_EPOCH + Duration::from_secs(begin))
    }

    /// The beginning of the next one.
    pub(super) fn next(self, time: SystemTime) -> Option<SystemTime> {
        // A little more than one of them is within the next, whichever it is.
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let longest = match self {
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(60 * 60),
            Self::Day => days(1),
            Self::Week => days(7),
            Self::Month => days(31),
        };
        self.begin(self.begin(time)? + longest)
    }
}

/// The first of the month.
fn month(time: SystemTime) -> Option<SystemTime> {
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let text = (time <= last).then(|| humantime::format_rfc3339_seconds(time).to_string())?;
    humantime::parse_rfc3339(&format!("{}-01T00:00:00Z", text.get(..7)?)).ok()
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            $($(#[$word_doc])* pub const $word: Self = Self(Cow::Borrowed($text));)+

            /// One by the server's name, for what has no constant here.
            #[must_use]
            pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
                Self(name.into())
            }

            /// The server's name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

words! {
    /// What is computed. The server has the last word: it answers an unknown one with the list of those that it knows.
    Measure {
        /// How many rows, with [`Aggregation::Count`].
        COUNT = "count";
        /// Milliseconds from beginning to end.
        LATENCY = "latency";
        /// Milliseconds from the first token to the end.
        STREAMING_LATENCY = "streamingLatency";
        /// Milliseconds from the beginning to the first token.
        TIME_TO_FIRST_TOKEN = "timeToFirstToken";
        /// Tokens in.
        INPUT_TOKENS = "inputTokens";
        /// Tokens out.
        OUTPUT_TOKENS = "outputTokens";
        /// Tokens in and out.
        TOTAL_TOKENS = "totalTokens";
        /// Dollars for the input.
        INPUT_COST = "inputCost";
        /// Dollars for the output.
        OUTPUT_COST = "outputCost";
        /// Dollars for all of it.
        TOTAL_COST = "totalCost";
        /// Tokens by bucket, with [`Dimension::USAGE_TYPE`].
        USAGE_BY_TYPE = "usageByType";
        /// Dollars by bucket, with [`Dimension::COST_TYPE`].
        COST_BY_TYPE = "costByType";
        /// How many scores.
        SCORES = "countScores";
        /// Calls of tools.
        TOOL_CALLS = "toolCalls";
        /// How many traces, with [`Aggregation::Uniq`].
        TRACES = "traceId";
        /// How many users, with [`Aggregation::Uniq`].
        USERS = "uniqueUserIds";
        /// How many sessions, with [`Aggregation::Uniq`].
        SESSIONS = "uniqueSessionIds";
        /// The value of a score that is a number, or true or false.
        VALUE = "value";
    }
}

words! {
    /// What rows are told apart by. Those with very many values (`traceId`, `userId`, `sessionId`, …) need a
    /// [limit](super::Metrics::limit) and the [largest first](super::Metrics::largest_first), and no stretches of time.
    Dimension {
        /// The model, as it was sent.
        MODEL = "providedModelName";
        /// The name of the observation, or of the score.
        NAME = "name";
        /// The type, in upper case.
        TYPE = "type";
        /// The level.
        LEVEL = "level";
        /// The environment.
        ENVIRONMENT = "environment";
        /// The release.
        RELEASE = "release";
        /// The version of the code.
        VERSION = "version";
        /// The name of the trace.
        TRACE_NAME = "traceName";
        /// The tags of the trace.
        TAGS = "tags";
        /// The prompt.
        PROMPT = "promptName";
        /// The version of the prompt.
        PROMPT_VERSION = "promptVersion";
        /// The bucket of tokens, with [`Measure::USAGE_BY_TYPE`].
        USAGE_TYPE = "usageType";
        /// The bucket of dollars, with [`Measure::COST_BY_TYPE`].
        COST_TYPE = "costType";
        /// The user: very many.
        USER = "userId";
        /// The session: very many.
        SESSION = "sessionId";
        /// The trace: very many.
        TRACE = "traceId";
        /// The experiment: very many.
        EXPERIMENT = "experimentId";
        /// The word of a score that is one.
        WORD = "stringValue";
        /// The version of the prompt of the observation that a score is given to.
        SCORED_PROMPT_VERSION = "observationPromptVersion";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_of_time_begin_where_the_calendar_says() {
        let time = |text: &str| humantime::parse_rfc3339(text).unwrap();
        let at = time("2026-11-24T13:14:15.678Z"); // a Tuesday
        for (granularity, begin, next) in [
            (
                Granularity::Minute,
                "2026-11-24T13:14:00Z",
                "2026-11-24T13:15:00Z",
            ),
            (Granularity::Hour, "2026-11-24T13:00:00Z", "2026-11-24T14:00:00Z"),
            (Granularity::Day, "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
            (Granularity::Week, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Granularity::Month, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(granularity.begin(at), Some(time(begin)));
            assert_eq!(granularity.next(at), Some(time(next)));
            assert_eq!(granularity.begin(time(begin)), Some(time(begin)));
        }
        let december = time("2026-12-31T23:59:59Z");
        assert_eq!(
            Granularity::Month.next(december),
            Some(time("2027-01-01T00:00:00Z"))
        );
        assert_eq!(
            Granularity::Month.next(time("2028-02-29T00:00:00Z")),
            Some(time("2028-03-01T00:00:00Z"))
        );
    }
}
