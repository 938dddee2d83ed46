//! How it went, what it is called, and when its first token came.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::UnixNanos;
use crate::field::{Role, Roles};
use crate::model::{Level, Reading, Recorded, Severity, SpanKind};
use crate::read::{best, text};

/// All that says something here.
const SAID: Roles = Roles::of(&[
    Role::StatusCode,
    Role::ErrorType,
    Role::Outcome,
    Role::Level,
    Role::Name,
    Role::SpanKind,
    Role::StatusDescription,
    Role::StatusMessage,
    Role::FirstToken,
    Role::FirstTokenAfter,
]);

/// `failed`: the function returned an `Err` that only its `return` event shows.
pub(super) fn read(recorded: &Recorded, reading: &mut Reading, failed: bool) {
    // Most spans say nothing of all this.
    let is_any = recorded.fields.roles().meet(SAID);
    let word = |role| {
        let index = is_any.then(|| best(recorded, reading, &[role])).flatten()?;
        text(recorded.fields.value_at(index)?)
    };
    let status = word(Role::StatusCode);
    let is_status = |code: &str| {
        status
            .as_deref()
            .is_some_and(|status| status.eq_ignore_ascii_case(code))
    };
    let class = word(Role::ErrorType).filter(|class| !class.is_empty());
    let outcome = word(Role::Outcome).and_then(|word| Level::from_word(&word));
    let failed = failed || is_status("ERROR") || class.is_some() || outcome == Some(Level::Error);
    let happened = recorded.level.max(failed.then_some(Level::Error));
    let level = word(Role::Level).and_then(|word| Level::from_word(&word));
    let level = level.or(happened).unwrap_or(match recorded.callsite.severity {
        Severity::Trace | Severity::Debug => Level::Debug,
        // An `error_span!` is a span that is always on, not one that failed.
        Severity::Info | Severity::Warn | Severity::Error => Level::Default,
    });
    let name = word(Role::Name).filter(|name| !name.is_empty());
    let name = name.map_or(Cow::Borrowed(recorded.callsite.name), |name| {
        Cow::Owned(name.into_owned())
    });
    let span_kind = word(Role::SpanKind).map_or(SpanKind::Internal, |word| span_kind(&word));
    let message = is_any.then(|| message(recorded, reading)).flatten();
    let message = message.or_else(|| class.map(Cow::into_owned));
    let status_ok = is_status("OK");
    let said = is_any.then(|| first_token(recorded, reading)).flatten();
    let first_token = recorded.first_token.or(said);
    (reading.level, reading.name, reading.span_kind) = (level, name, span_kind);
    (reading.status_message, reading.status_ok, reading.first_token) = (message, status_ok, first_token);
}

/// The most trusted message; an error that was returned before an event's, the last before the first.
fn message(recorded: &Recorded, reading: &Reading) -> Option<String> {
    let index = best(recorded, reading, &[Role::StatusDescription, Role::StatusMessage])?;
    let message = text(recorded.fields.value_at(index)?)?;
    (!message.is_empty()).then(|| message.into_owned())
}

fn span_kind(word: &str) -> SpanKind {
    let is = |kind: &str| word.trim().eq_ignore_ascii_case(kind);
    if is("server") {
        SpanKind::Server
    } else if is("client") {
        SpanKind::Client
    } else if is("producer") {
        SpanKind::Producer
    } else if is("consumer") {
        SpanKind::Consumer
    } else {
        SpanKind::Internal
    }
}

fn first_token(recorded: &Recorded, reading: &Reading) -> Option<UnixNanos> {
    let value = |role| {
        let index = best(recorded, reading, &[role])?;
        recorded.fields.value_at(index)
    };
    let absolute = value(Role::FirstToken).and_then(text).and_then(|time| {
        let time = humantime::parse_rfc3339_weak(time.trim().trim_matches('"')).ok()?;
        u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
    });
    absolute.or_else(|| {
        let entry = recorded
            .fields
            .entries()
            .get(best(recorded, reading, &[Role::FirstTokenAfter])?)?;
        let number = recorded.fields.value(entry).as_number()?;
        let in_millis = recorded.names(entry).1 == "ms";
        let after = Duration::try_from_secs_f64(if in_millis { number / 1e3 } else { number }).ok()?;
        recorded.start.checked_add(u64::try_from(after.as_nanos()).ok()?)
    })
}
