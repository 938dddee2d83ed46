//! The words of the command line. What stands here is what `--help` says.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use tracing_llm::langfuse::Selector;
use tracing_llm::{SpanId, TraceId};

/// A Langfuse project on the command line.
///
/// The project is the one of LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL.
#[derive(Parser)]
#[command(name = "tracing-llm", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Says why traces do not arrive, or arrive empty
    ///
    /// Looks at the variables, asks the server, sends a trace of two observations and reads it back. The trace is tagged
    /// `tracing-llm-doctor`; it says that it called gpt-4o-mini with 12 tokens and got 3, which the server prices.
    Doctor(Doctor),
    /// Prompts: get, pull, push, label, compare
    #[command(subcommand)]
    Prompt(Prompt),
    /// Scores a trace, an observation or a session, and prints the id of the score
    Score(Score),
    /// What the project cost: by day and model, and by user
    Cost(Cost),
    /// The last traces, or one as a tree
    Traces(Traces),
}

#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Send no trace
    #[arg(long)]
    pub(crate) no_trace: bool,
    /// How long the trace may take until it can be read back
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,
}

#[derive(Subcommand)]
pub(crate) enum Prompt {
    /// Prints a prompt: its text, or its messages as JSON
    Get {
        /// Its name, with the folders it stands in
        name: String,
        #[command(flatten)]
        which: Which,
        /// It with its version, labels, tags and config, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes prompts to files: `support/greeting` to `DIR/support/greeting.yaml`
    ///
    /// What a file has that the server does not keep stays in it, but for comments. A prompt that is composed of others comes
    /// composed.
    Pull {
        /// Their names, with the folders they stand in
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        which: Which,
        /// Where the files are
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
    /// Makes versions of what changed in files
    Push {
        /// YAML files, as `pull` writes them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Gives a version labels, which are taken from the others; `production` releases it
    Label {
        /// Its name, with the folders it stands in
        name: String,
        /// The number of the version
        version: u32,
        /// Labels, such as `production`
        #[arg(required = true, value_name = "LABEL")]
        labels: Vec<String>,
    },
    /// What two versions differ in, and how they did
    Compare {
        /// Its name, with the folders it stands in
        name: String,
        /// A version, or a label
        a: String,
        /// Another
        b: String,
        /// How many days back to look at how they did
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        days: u32,
    },
}

/// Without either it is the label `production`.
#[derive(clap::Args)]
#[group(multiple = false)]
pub(crate) struct Which {
    /// By its number
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
    /// By a label, such as `staging` or `latest`
    #[arg(long)]
    pub(crate) label: Option<String>,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("of").required(true).args(["trace", "session"])))]
pub(crate) struct Score {
    /// What is scored, such as `relevance`
    pub(crate) name: String,
    /// A number, true or false; any other word is a category
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// The trace, by its 32 hex digits
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<TraceId>,
    /// One observation of that trace, by its 16 hex digits
    #[arg(long, value_name = "ID", requires = "trace")]
    pub(crate) observation: Option<SpanId>,
    /// A session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Why
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) comment: Option<String>,
    /// What the value is, when it is not what it looks like
    #[arg(long, value_name = "TYPE")]
    pub(crate) data_type: Option<DataType>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DataType {
    Numeric,
    Boolean,
    Categorical,
    Text,
}

#[derive(clap::Args)]
pub(crate) struct Cost {
    /// One of the two
    #[arg(long)]
    pub(crate) by: Option<By>,
    /// How many days back; 30 by model and 7 by user when it is not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) days: Option<u32>,
    /// How many users, up to 999
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=999))]
    pub(crate) limit: u16,
    /// Of one environment
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Each day and model, the newest day first
    Model,
    /// The users that cost most
    User,
}

#[derive(clap::Args)]
#[group(multiple = false)]
pub(crate) struct Form {
    /// As JSON, with exact amounts
    #[arg(long)]
    pub(crate) json: bool,
    /// As CSV, with exact amounts; a blank line stands between two tables
    #[arg(long)]
    pub(crate) csv: bool,
}

#[derive(clap::Args)]
pub(crate) struct Traces {
    /// One trace, as a tree
    #[arg(
        value_name = "ID",
        value_parser = NonEmptyStringValueParser::new(),
        conflicts_with_all = ["user", "session", "name", "environment", "since", "limit", "csv"]
    )]
    pub(crate) id: Option<String>,
    /// Of this user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// With this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Of this environment
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// That began then or later: `24h`, `30d`, `2026-11-24`, `2026-11-24T12:00:00Z`
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
    pub(crate) since: SystemTime,
    /// How many, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) form: Form,
}

impl Which {
    /// A number, or else a label.
    pub(crate) fn of(text: &str) -> Self {
        let version = text.parse().ok();
        let label = version.is_none().then(|| text.to_owned());
        Self { version, label }
    }
}

impl From<Which> for Selector {
    fn from(which: Which) -> Self {
        match (which.version, which.label) {
            (Some(version), _) => version.into(),
            (None, Some(label)) => label.into(),
            (None, None) => "production".into(),
        }
    }
}

/// A time ago, a day in UTC, or a time. Before 1970, which has no text, nothing was observed.
fn since(text: &str) -> Result<SystemTime, String> {
    const FIRST: SystemTime = SystemTime::UNIX_EPOCH;
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(SystemTime::now().checked_sub(ago).unwrap_or(FIRST).max(FIRST));
    }
    let day = || humantime::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let time = humantime::parse_rfc3339(text).or_else(|_| day());
    time.map_err(|_| "neither a time ago (24h, 30d) nor a day or time (2026-11-24)".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_words_make_a_command_line() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_time_is_said_in_three_ways() {
        let day = humantime::parse_rfc3339("2026-11-24T00:00:00Z").unwrap();
        assert_eq!(since("2026-11-24"), Ok(day));
        assert_eq!(since("2026-11-24T00:00:00Z"), Ok(day));
        let week = SystemTime::now().duration_since(since("7d").unwrap()).unwrap();
        assert!((week.as_secs_f64() - 7.0 * 86_400.0).abs() < 60.0);
        for long_ago in ["100y", "300000000000y"] {
            assert_eq!(since(long_ago), Ok(SystemTime::UNIX_EPOCH));
        }
        assert!(since("yesterday").is_err());
    }
}
