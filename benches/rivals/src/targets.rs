//! What is to be reached, and whether it was.

use crate::figures::{Table, ratio, whole};
use crate::push::{Pace, Pushed};
use crate::report::Report;
use crate::rows::Row;
use crate::spans::{Part, Spans};
use crate::workloads::Workload;

struct Target {
    measure: String,
    seen: f64,
    limit: f64,
    stretch: Option<f64>,
    /// Whether more is better.
    grows: bool,
}

impl Target {
    fn is_met(&self, limit: f64) -> bool {
        if self.grows {
            self.seen >= limit
        } else {
            self.seen <= limit
        }
    }

    fn met(&self) -> &'static str {
        match self.stretch {
            Some(stretch) if self.is_met(stretch) => "yes, the stretch too",
            _ if self.is_met(self.limit) => "yes",
            _ => "**no**",
        }
    }
}

/// Prints a line for each target that was measured.
pub(crate) fn show(report: &Report) {
    let mut list = List(Vec::new());
    if let Some(spans) = &report.spans {
        of_spans(&mut list, spans);
    }
    if let Some(instructions) = &report.instructions {
        for (workload, limit, stretch) in [
            (Workload::Empty, 3_400.0, 2_600.0),
            (Workload::Generation, 11_500.0, 7_500.0),
        ] {
            let measure = format!("{workload}, instructions on the application's thread");
            list.add(
                measure,
                instructions.of(workload, Row::Ours),
                limit,
                Some(stretch),
            );
        }
    }
    if let Some(pushes) = &report.pushes {
        let steady = Pace::PerSecond(20_000);
        let (ours, pair) = (pushes.of(Row::Ours, steady), pushes.of(Row::Pair, steady));
        list.add("20,000 W2/s, dropped", ours.map(|it| it.dropped), 0.0, None);
        let cpu = ours
            .zip(pair)
            .map(|(ours, pair)| ours.cpu_per_span() / pair.cpu_per_span());
        list.add("20,000 W2/s, CPU × (i)", cpu, 0.18, Some(0.13));
        let peak = ours.map(|it| it.peak);
        list.add("20,000 W2/s, peak RSS in MiB", peak, 48.0, Some(32.0));
        let (ours, pair) = (
            pushes.of(Row::Ours, Pace::FlatOut),
            pushes.of(Row::Pair, Pace::FlatOut),
        );
        let more = ours
            .zip(pair)
            .map(|(ours, pair)| ours.delivered_per_second() / pair.delivered_per_second());
        list.add_at_least("flat out, deliveries/s × (i)", more, 8.0, 12.0);
        let beyond = ours.map(Pushed::beyond_configured);
        list.add("flat out, MiB beyond the configured bytes", beyond, 0.0, None);
        // A push whose ledger and sink disagree ends the run.
        let wrong = ours.map(|_| 0.0);
        list.add("flat out, drops that the ledger miscounts", wrong, 0.0, None);
        let gzip = |rival| {
            let [ours, rival] = [Row::OursGzip, rival].map(|row| pushes.of(row, Pace::PerSecond(5_000)));
            Some(ours?.cpu_per_span() / rival?.cpu_per_span())
        };
        list.add(
            "gzip, 5,000 W2/s, CPU × (g) with its gzip",
            gzip(Row::OtlpGzipAlone),
            0.30,
            Some(0.20),
        );
    }
    if let Some(growth) = &report.growth {
        let faults = growth.faults();
        for fault in &faults {
            println!("Grows faster than its work: {fault}.\n");
        }
        list.add(
            "rows that grow faster than their work",
            Some(faults.len() as f64),
            0.0,
            None,
        );
    }
    if let Some(startup) = &report.startup {
        list.add("crates with default features", Some(startup.crates), 110.0, None);
    }
    list.show();
}

fn of_spans(list: &mut List, spans: &Spans) {
    use Part::{App, Process};
    use Workload::{Agent, Empty, Generation, Threads};
    for (workload, part, by, limit, stretch) in [
        (Generation, App, Row::Pair, 0.28, Some(0.18)),
        (Generation, App, Row::PairTuned, 0.35, None),
        (Generation, Process, Row::Pair, 0.12, Some(0.08)),
        (Generation, Process, Row::PairTuned, 0.14, None),
        (Empty, App, Row::Pair, 0.22, Some(0.15)),
        (Empty, App, Row::PairTuned, 0.50, None),
        (Agent, App, Row::Pair, 0.22, Some(0.15)),
        (Agent, Process, Row::Pair, 0.16, Some(0.12)),
        (Agent, App, Row::PairTuned, 0.45, None),
        (Agent, Process, Row::PairTuned, 0.26, None),
        (Threads(8), App, Row::Pair, 0.28, Some(0.20)),
    ] {
        let part_name = match part {
            App => "application",
            Process => "process",
        };
        let by_name = if by == Row::Pair { "(i)" } else { "(i3)" };
        let seen = spans.ratio(workload, part, Row::Ours, by).map(|it| it.median);
        let measure = format!("{workload}, {part_name} CPU × {by_name}");
        list.add(measure, seen, limit, stretch);
    }
    let own = spans
        .between(Row::Ours, Threads(8), Generation)
        .map(|it| it.median);
    list.add("W4-8, application CPU × our W2", own, 1.25, None);
    if let Some(allocated) = spans.allocated(Generation, Row::Ours) {
        list.add(
            "W2, allocations of the application",
            Some(allocated.app),
            2.0,
            Some(1.0),
        );
        list.add(
            "W2, allocations of the process",
            Some(allocated.process),
            3.0,
            Some(1.2),
        );
    }
    for (row, how) in [(Row::HiddenByLevel, "level"), (Row::HiddenByFilter, "filter")] {
        for workload in [Empty, Generation] {
            let seen = spans.ratio(workload, App, row, Row::Registry).map(|it| it.median);
            let measure = format!("{workload} hidden by {how}, application CPU × bare `Registry`");
            list.add(measure, seen, 1.5, Some(1.2));
        }
    }
}

struct List(Vec<Target>);

impl List {
    /// At most so much; nothing where nothing was seen.
    fn add(&mut self, measure: impl Into<String>, seen: Option<f64>, limit: f64, stretch: Option<f64>) {
        self.0.extend(seen.map(|seen| Target {
            measure: measure.into(),
            seen,
            limit,
            stretch,
            grows: false,
        }));
    }

    fn add_at_least(&mut self, measure: &str, seen: Option<f64>, limit: f64, stretch: f64) {
        self.0.extend(seen.map(|seen| Target {
            measure: measure.to_owned(),
            seen,
            limit,
            stretch: Some(stretch),
            grows: true,
        }));
    }

    fn show(&self) {
        println!("#### Targets\n");
        let mut table = Table::new(&["measure", "target", "stretch", "seen", "met"]);
        for target in &self.0 {
            let sign = if target.grows { "≥" } else { "≤" };
            let bound = |limit: f64| format!("{sign} {}", figure(limit));
            table.row(&[
                target.measure.clone(),
                bound(target.limit),
                target.stretch.map_or_else(String::new, bound),
                figure(target.seen),
                target.met().to_owned(),
            ]);
        }
        println!("{table}");
    }
}

fn figure(figure: f64) -> String {
    if figure.fract() == 0.0 || figure.abs() >= 100.0 {
        whole(figure)
    } else if figure < 0.0 {
        format!("{figure:.1}")
    } else {
        ratio(figure)
    }
}
