//! `tracing-llm score`: what somebody thinks of a trace.

use tracing_llm::langfuse::Scored;
use tracing_llm::{Langfuse, ScoreValue};

use crate::args::{DataType, Score};
use crate::page::{Failure, Outcome, Page};

pub(crate) fn run(args: Score, page: &mut Page<'_>) -> Outcome {
    let value = value(args.value, args.data_type).map_err(Failure::Said)?;
    let mut score = tracing_llm::Score::new(args.name, value);
    score = match (args.trace, args.observation, args.session) {
        (Some(trace), Some(observation), _) => score.on_observation(trace, observation),
        (Some(trace), None, _) => score.on_trace(trace),
        (None, _, session) => score.on_session(session.unwrap_or_default()),
    };
    if let Some(comment) = args.comment {
        score = score.comment(comment);
    }
    let scored = Langfuse::from_env()?.score_blocking(score)?;
    if scored.is_sampled_out() {
        return Err(Failure::Said(SAMPLED_OUT.to_owned()));
    }
    page.line(Scored::id(&scored))
}

const SAMPLED_OUT: &str =
    "not sent: LANGFUSE_SAMPLE_RATE keeps the trace from Langfuse, and its scores with it";

/// The value as it is said to be, or as it looks.
fn value(text: String, data_type: Option<DataType>) -> Result<ScoreValue, String> {
    let boolean = match text.as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let number = text.parse::<f64>().ok();
    let read = match data_type {
        None => boolean.map(Into::into).or(number.map(Into::into)),
        Some(DataType::Numeric) => Some(number.ok_or("a numeric score is a number")?.into()),
        Some(DataType::Boolean) => Some(boolean.ok_or("a boolean score is true or false")?.into()),
        Some(DataType::Categorical) => None,
        Some(DataType::Text) => Some(ScoreValue::Text(text.clone())),
    };
    Ok(read.unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_it_looks_like_or_what_it_is_said_to_be() {
        let read = |text: &str, data_type| value(text.to_owned(), data_type);
        let word = |text: &str| ScoreValue::Categorical(text.to_owned());
        assert_eq!(read("0.8", None), Ok(ScoreValue::Numeric(0.8)));
        assert_eq!(read("-1", None), Ok(ScoreValue::Numeric(-1.0)));
        assert_eq!(read("true", None), Ok(ScoreValue::Boolean(true)));
        assert_eq!(read("satisfied", None), Ok(word("satisfied")));
        assert_eq!(read("5", Some(DataType::Categorical)), Ok(word("5")));
        assert_eq!(
            read("good", Some(DataType::Text)),
            Ok(ScoreValue::Text("good".into()))
        );
        assert_eq!(read("1", Some(DataType::Numeric)), Ok(ScoreValue::Numeric(1.0)));
        assert!(read("1", Some(DataType::Boolean)).is_err());
        assert!(read("good", Some(DataType::Numeric)).is_err());
    }
}
