//! What one span costs: rows beside each other, in interleaved rounds.

use std::collections::BTreeMap;

use crate::Result;
use crate::figures::{Middle, Table, ratio, whole};
use crate::helper::{Helper, numbers};
use crate::rows::Row;
use crate::scale::Scale;
use crate::sink::Sink;
use crate::workloads::Workload;

/// What one sample took, a span.
#[derive(Clone, Copy)]
struct Sample {
    app: f64,
    process: f64,
    wall: f64,
}

/// What a span allocates.
#[derive(Clone, Copy)]
pub(crate) struct Allocated {
    pub(crate) app: f64,
    pub(crate) app_bytes: f64,
    pub(crate) process: f64,
}

/// All that was seen.
#[derive(Default)]
pub(crate) struct Spans {
    /// A sample for each round.
    samples: BTreeMap<(Workload, Row), Vec<Sample>>,
    allocated: BTreeMap<(Workload, Row), Allocated>,
}

/// Which figure of a sample.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    App,
    Process,
}

impl Spans {
    pub(crate) fn measure(sink: &mut Sink, scale: &Scale) -> Result<Self> {
        let mut spans = Self::default();
        let mut rows = Vec::new();
        for row in Row::TIMED {
            let mut running = Running::start(sink, row)?;
            for workload in Workload::ALL {
                // Everything is warm before anything is measured.
                running.sample(sink, "time", workload, scale)?;
            }
            rows.push(running);
        }
        for round in 0..scale.rounds {
            eprintln!("round {} of {}", round + 1, scale.rounds);
            for workload in Workload::ALL {
                // Each has each place in turn.
                let order = (0..rows.len()).map(|at| (at + round) % Row::TIMED.len());
                for at in order {
                    let running = &mut rows[at];
                    let answer = running.sample(sink, "time", workload, scale)?;
                    let [made, app, process, wall] = numbers::<f64, 4>(&answer)?;
                    let sample = Sample {
                        app: app / made,
                        process: process / made,
                        wall: wall / made,
                    };
                    let key = (workload, running.row);
                    spans.samples.entry(key).or_default().push(sample);
                }
            }
        }
        for running in &mut rows {
            for workload in Workload::ALL {
                let answer = running.sample(sink, "count", workload, scale)?;
                let [made, app, app_bytes, process, _] = numbers::<f64, 5>(&answer)?;
                let allocated = Allocated {
                    app: app / made,
                    app_bytes: app_bytes / made,
                    process: process / made,
                };
                spans.allocated.insert((workload, running.row), allocated);
            }
        }
        for running in rows {
            running.process.end()?;
        }
        Ok(spans)
    }

    /// One row's figure by another's, within a round each time.
    pub(crate) fn ratio(&self, workload: Workload, part: Part, row: Row, by: Row) -> Option<Middle> {
        let [row, by] = [row, by].map(|row| self.samples.get(&(workload, row)));
        let pairs = row?.iter().zip(by?);
        Middle::of(pairs.map(|(row, by)| match part {
            Part::App => row.app / by.app,
            Part::Process => row.process / by.process,
        }))
    }

    /// A row's application CPU for one workload by that for another.
    pub(crate) fn between(&self, row: Row, workload: Workload, by: Workload) -> Option<Middle> {
        let [workload, by] = [workload, by].map(|workload| self.samples.get(&(workload, row)));
        Middle::of(
            workload?
                .iter()
                .zip(by?)
                .map(|(workload, by)| workload.app / by.app),
        )
    }

    pub(crate) fn allocated(&self, workload: Workload, row: Row) -> Option<Allocated> {
        self.allocated.get(&(workload, row)).copied()
    }

    /// A table for each workload.
    pub(crate) fn show(&self) {
        for workload in Workload::ALL {
            println!("#### {}, for each span\n", workload.describe());
            let mut table = Table::new(&[
                "row",
                "app CPU ns",
                "process CPU ns",
                "wall ns",
                "app × (i)",
                "app × (i3)",
                "app × Registry",
                "process × (i)",
                "process × (i3)",
                "allocations app / process",
                "bytes app",
            ]);
            for row in Row::TIMED {
                let (Some(samples), Some(allocated)) =
                    (self.samples.get(&(workload, row)), self.allocated(workload, row))
                else {
                    continue;
                };
                let of = |part: fn(&Sample) -> f64| {
                    Middle::of(samples.iter().map(part)).map_or_else(String::new, |it| whole(it.median))
                };
                let by = |part, by| {
                    let ratio = self.ratio(workload, part, row, by);
                    ratio.map_or_else(String::new, |it| it.to_string())
                };
                table.row(&[
                    row.label().to_owned(),
                    of(|it| it.app),
                    of(|it| it.process),
                    of(|it| it.wall),
                    by(Part::App, Row::Pair),
                    by(Part::App, Row::PairTuned),
                    by(Part::App, Row::Registry),
                    by(Part::Process, Row::Pair),
                    by(Part::Process, Row::PairTuned),
                    format!("{} / {}", count(allocated.app), count(allocated.process)),
                    whole(allocated.app_bytes),
                ]);
            }
            println!("{table}");
        }
    }
}

/// So many allocations; a hundredth is none.
pub(crate) fn count(times: f64) -> String {
    if times < 0.05 {
        "0".to_owned()
    } else {
        ratio(times)
    }
}

/// A row's process, with what it has made.
struct Running {
    row: Row,
    port: u16,
    process: Helper,
    made: u64,
}

impl Running {
    fn start(sink: &mut Sink, row: Row) -> Result<Self> {
        let port = sink.port()?;
        let mut process = Helper::start(&["row", &row.to_string(), &port.to_string()])?;
        process.answer()?;
        Ok(Self {
            row,
            port,
            process,
            made: 0,
        })
    }

    /// One sample, of which every span has arrived wherever it should: else it is none.
    fn sample(&mut self, sink: &mut Sink, what: &str, workload: Workload, scale: &Scale) -> Result<String> {
        let (bursts, spans) = scale.sample(workload);
        let answer = self.process.ask(&format!("{what} {workload} {bursts} {spans}"))?;
        self.made += answer.split(' ').next().unwrap_or_default().parse::<u64>()?;
        let arrived = sink.arrived(self.port)?;
        self.row.check_packing(&arrived)?;
        let wanted = self
            .row
            .destinations()
            .map(|sent| if sent { self.made } else { 0 });
        if arrived.map(|it| it.spans) != wanted {
            let row = self.row;
            return Err(format!("{row}, {workload}: {wanted:?} were made, {arrived:?} arrived").into());
        }
        Ok(answer)
    }
}
