//! The variables that are set: what they are, never what a secret one says.

use std::collections::BTreeMap;

use similar::TextDiff;

use crate::doctor::report::Report;
use crate::page::Outcome;

/// Those of this process that speak of traces. One that is no text has no value.
pub(super) struct Variables(BTreeMap<String, Option<String>>);

/// The table of the README, which a test of the crate holds to be the list of what it reads.
const README: &str = include_str!("../../../../README.md");

pub(super) const PUBLIC_KEY: &str = "LANGFUSE_PUBLIC_KEY";
pub(super) const SECRET_KEY: &str = "LANGFUSE_SECRET_KEY";
pub(super) const ENABLED: &str = "LANGFUSE_TRACING_ENABLED";
pub(super) const CAPTURE: &str = "LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED";
pub(super) const CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
pub(super) const DISABLED: &str = "OTEL_SDK_DISABLED";
pub(super) const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const SAMPLE_RATE: &str = "LANGFUSE_SAMPLE_RATE";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
pub(super) const BASES: [&str; 3] = ["LANGFUSE_BASE_URL", "LANGFUSE_HOST", "LANGFUSE_BASEURL"];
pub(super) const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

impl Variables {
    pub(super) fn of_this_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().ok()))
        });
        Self(variables.collect())
    }

    /// The value as the crate reads it: without blanks and one pair of quotes; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.as_deref()?.trim();
        let inner = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some(inner.unwrap_or(value).trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.is_one_of(name, ["true", "1", "yes", "on"])
    }

    pub(super) fn is_off(&self, name: &str) -> bool {
        self.is_one_of(name, ["false", "0", "no", "off"])
    }

    fn is_one_of(&self, name: &str, words: [&str; 4]) -> bool {
        let value = self.get(name).unwrap_or_default();
        words.iter().any(|word| word.eq_ignore_ascii_case(value))
    }

    /// Whether something asks for Langfuse.
    pub(super) fn ask_for_langfuse(&self) -> bool {
        self.first(&[&[PUBLIC_KEY, SECRET_KEY][..], &BASES].concat())
            .is_some()
    }

    /// A line for each that is set.
    pub(super) fn report(&self, report: &mut Report<'_, '_>) -> Outcome {
        let known = known();
        let mut lines = 0;
        for name in &known {
            let Some(value) = self.0.get(name) else {
                continue;
            };
            lines += 1;
            match (value, self.get(name)) {
                (None, _) => report.warning(format_args!("{name}  is no text: it counts as not set"))?,
                (_, None) => report.warning(format_args!("{name}  is empty: it counts as not set"))?,
                (_, Some(value)) => match self.closes(name) {
                    Some(what) => report.warning(format_args!("{name}  {what}"))?,
                    None => report.ok(format_args!("{name}  {}", shown(name, value)))?,
                },
            }
        }
        if lines == 0 {
            report.warning("none is set")?;
        }
        self.report_unknown(&known, report)
    }

    fn is_a_part(&self, name: &str) -> bool {
        let share = self.get(name).and_then(|value| value.parse::<f64>().ok());
        share.is_some_and(|share| (0.0..1.0).contains(&share))
    }

    fn leaves_traces_out(&self) -> bool {
        let sampler = self.get(SAMPLER).unwrap_or_default().to_ascii_lowercase();
        match sampler.trim_start_matches("parentbased_") {
            "always_off" => true,
            "traceidratio" => self.is_a_part(SAMPLER_ARGUMENT),
            _ => false,
        }
    }

    /// What is less than usual because of it.
    fn closes(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            ENABLED if self.is_off(name) => "closes Langfuse: no traces go there",
            DISABLED if self.is_on(name) => "observes nothing: no traces go anywhere",
            CAPTURE if self.is_off(name) => {
                "is off: arguments become no input, and what is returned no output, at any destination"
            }
            SAMPLE_RATE if self.is_a_part(name) => "leaves traces out: Langfuse is sent a share of them",
            SAMPLER if self.leaves_traces_out() => "leaves traces out, at every destination",
            _ => return None,
        })
    }

    /// Those that look as if they were meant for this crate, which does not read them.
    fn report_unknown(&self, known: &[String], report: &mut Report<'_, '_>) -> Outcome {
        for name in self.0.keys().filter(|name| !known.contains(name)) {
            let near = nearest(name, known);
            if let Some(near) = near {
                report.warning(format_args!("{name}  is read by nobody here"))?;
                report.advise(format_args!("{near} is meant?"))?;
            } else if name.starts_with("LANGFUSE_") {
                report.ok(format_args!("{name}  is read by nobody here"))?;
            }
        }
        Ok(())
    }
}

/// What may be shown of a value. It may be a secret in the wrong place.
fn shown(name: &str, value: &str) -> String {
    if name == PUBLIC_KEY {
        return match value.strip_prefix("pk-lf-") {
            Some(rest) => format!("pk-lf-{}…", rest.chars().take(4).collect::<String>()),
            None => "is set".to_owned(),
        };
    }
    if [&BASES[..], &ENDPOINTS].concat().contains(&name) {
        let host = host_and_port(value);
        return host.map_or("is set".to_owned(), |(host, port)| {
            format!("is set: {host}:{port}")
        });
    }
    "is set".to_owned()
}

/// Where a URL leads to.
pub(super) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// All that are read, in the table's order; also those that it only describes ("or with … in front").
fn known() -> Vec<String> {
    let table = README.split_once("<!-- variables -->").unwrap_or_default().1;
    let (table, _) = table.split_once("<!-- /variables -->").unwrap_or_default();
    let names = table.lines().filter_map(|line| line.split('|').nth(1));
    let names = names.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let is_name = |word: &&str| {
        word.contains('_') && !word.ends_with('_') && !word.contains(|c: char| c.is_lowercase())
    };
    let mut known = Vec::new();
    for name in names.filter(is_name) {
        known.push(name.to_owned());
        known.extend(
            name.strip_prefix("OTEL_EXPORTER_OTLP_")
                .map(|rest| format!("OTEL_EXPORTER_OTLP_TRACES_{rest}")),
        );
        known.extend(
            name.strip_prefix("OTEL_ATTRIBUTE_")
                .map(|rest| format!("OTEL_SPAN_ATTRIBUTE_{rest}")),
        );
    }
    known
}

/// The one that somebody may have meant. OpenTelemetry has others, for metrics and logs, which are no slips.
fn nearest<'k>(name: &str, known: &'k [String]) -> Option<&'k str> {
    const ALIKE: f32 = 0.9;
    let others = ["METRIC", "LOGS", "BLRP", "PYTHON", "PROPAGATORS"];
    let is_ours = ["LANGFUSE", "OTEL_", "OTLP_"]
        .iter()
        .any(|start| name.starts_with(start));
    if !is_ours || others.iter().any(|other| name.contains(other)) {
        return None;
    }
    let alike = |known: &str| TextDiff::from_chars(name, known).ratio();
    let best = known
        .iter()
        .max_by(|one, other| alike(one).total_cmp(&alike(other)))?;
    (alike(best) >= ALIKE).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_variables() {
        let known = known();
        for name in [
            PUBLIC_KEY,
            SECRET_KEY,
            ENABLED,
            CAPTURE,
            CONTENT,
            DISABLED,
            EXPORTER,
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        ] {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
        for name in [BASES[0], BASES[1], BASES[2], ENDPOINTS[0], ENDPOINTS[1]] {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn a_slip_is_seen_and_another_signals_variable_is_none() {
        let known = known();
        let near = |name| nearest(name, &known);
        assert_eq!(near("LANGFUSE_PUBLICKEY"), Some(PUBLIC_KEY));
        assert_eq!(near("OTEL_EXPORTER_OTLP_ENDPIONT"), Some(ENDPOINTS[1]));
        for name in [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "OTEL_BLRP_SCHEDULE_DELAY",
            "LANGFUSE_INIT_ORG_ID",
            "PATH",
        ] {
            assert_eq!(near(name), None);
        }
    }

    #[test]
    fn no_secret_is_shown_wherever_it_stands() {
        for (name, value) in [
            (SECRET_KEY, "sk-lf-planted"),
            (PUBLIC_KEY, "sk-lf-planted"),
            (BASES[0], "https://planted:planted@h/planted?planted"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=planted"),
            (ENDPOINTS[0], "planted"),
        ] {
            assert!(!shown(name, value).contains("planted"), "{name}");
        }
        assert_eq!(shown(PUBLIC_KEY, "pk-lf-1234567890"), "pk-lf-1234…");
        assert_eq!(
            shown(BASES[0], "https://user:word@langfuse.example/x"),
            "is set: langfuse.example:443"
        );
    }
}
