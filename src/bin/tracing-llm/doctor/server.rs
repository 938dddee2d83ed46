//! What the server says: whether it is there, what it is, whose keys these are, what time it is.

use std::time::{Duration, Instant, SystemTime};

use tracing_llm::langfuse::Health;
use tracing_llm::{Error, Langfuse};

use crate::doctor::report::Report;
use crate::doctor::variables::Variables;
use crate::page::{Outcome, plain};

/// How traces are read back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// By their observations, as v4 stores them.
    Observations,
    /// As v3 stores them.
    Traces,
}

/// How far the clocks may be apart until it is said: the server's tells whole seconds.
const AGREES: Duration = Duration::from_secs(2);

/// Until it is a failure: traces then stand where nobody looks for them.
const APART: Duration = Duration::from_secs(60);

const PATH: &str = "LANGFUSE_OTEL_TRACES_EXPORT_PATH";

/// How it reads, if it takes traces of these keys.
pub(super) fn ask(
    langfuse: &Langfuse,
    variables: &Variables,
    report: &mut Report<'_, '_>,
) -> Outcome<Option<Reads>> {
    let asked = (SystemTime::now(), Instant::now());
    let health = match langfuse.health_blocking() {
        Ok(health) => health,
        Err(error) => {
            fail(&error, report)?;
            return Ok(None);
        }
    };
    let took = asked.1.elapsed();
    report.ok(format_args!(
        "Langfuse {} answers in {} ms",
        health.version(),
        took.as_millis()
    ))?;
    match langfuse.auth_check_blocking() {
        Ok(project) => report.ok(format_args!(
            "the keys are those of project {} ({})",
            plain(project.name()),
            plain(project.id())
        ))?,
        Err(error) => {
            fail(&error, report)?;
            return Ok(None);
        }
    }
    clock(&health, asked.0 + took / 2, report)?;
    let traces = match variables.get(PATH) {
        Some(_) => format!("the path of {PATH}"),
        None => "/api/public/otel/v1/traces".to_owned(),
    };
    report.ok(format_args!(
        "traces go to {traces}; scores to /api/public/ingestion, and to /api/public/scores when awaited"
    ))?;
    reads(langfuse, report)
}

fn clock(health: &Health, here: SystemTime, report: &mut Report<'_, '_>) -> Outcome {
    let Some(there) = health.server_time() else {
        return report.ok("the server does not say what time it is");
    };
    // Half of the second that it does not tell.
    let there = there + Duration::from_millis(500);
    let (apart, how) = match here.duration_since(there) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let what = format!("this clock is {} s {how} the server's", apart.as_secs());
    if apart <= AGREES {
        return report.ok("this clock and the server's agree");
    }
    if apart <= APART {
        report.warning(what)?;
    } else {
        report.failure(what)?;
    }
    report.advise("observations are stored under the times that they are sent with: let NTP set this clock")
}

fn reads(langfuse: &Langfuse, report: &mut Report<'_, '_>) -> Outcome<Option<Reads>> {
    let last = SystemTime::now().checked_sub(Duration::from_secs(60));
    let question = langfuse
        .observations()
        .from(last.unwrap_or(SystemTime::UNIX_EPOCH));
    let asked = question.page_size(1).limit(1).rows().blocking().next();
    match asked {
        None | Some(Ok(_)) => {
            report.ok("it is read by /api/public/v2/observations, as v4 is")?;
            Ok(Some(Reads::Observations))
        }
        Some(Err(error)) if error.status() == Some(404) => {
            report.warning("it is read by /api/public/traces, as v3 is")?;
            report.advise("observations, sums and experiments are read from v4 on")?;
            Ok(Some(Reads::Traces))
        }
        Some(Err(error)) => {
            fail(&error, report)?;
            Ok(None)
        }
    }
}

fn fail(error: &Error, report: &mut Report<'_, '_>) -> Outcome {
    report.failure(format_args!("{error:?}"))?;
    match advice(error) {
        Some(advice) => report.advise(advice),
        None => Ok(()),
    }
}

fn advice(error: &Error) -> Option<&'static str> {
    Some(if error.is_auth() && error.status() == Some(403) {
        "the keys are of another kind: a project's settings have those of the project"
    } else if error.is_auth() {
        "is LANGFUSE_SECRET_KEY a key of this server and region (LANGFUSE_BASE_URL), and not deleted? A key that was tried before \
         it was made stays unknown for five minutes"
    } else if error.is_unreachable() || error.is_timeout() {
        "is LANGFUSE_BASE_URL right, the server up, and the way free (firewall, HTTPS_PROXY, NO_PROXY)?"
    } else if error.is_unsupported_server() {
        "update the server: 3.22 takes traces over OTLP, 4 has everything that is read here"
    } else if error.is_unexpected_answer() {
        "does LANGFUSE_BASE_URL name Langfuse itself, and not a page, a proxy or another program before it?"
    } else if error.is_server_failure() {
        "the server's own log says why"
    } else {
        return None;
    })
}
