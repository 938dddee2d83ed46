//! How what a span costs grows with what is around it: ours only. None may grow faster than the work it is given.

mod process;

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::figures::{Middle, Table, ratio, whole};
use crate::helper::{Helper, numbers};
use crate::scale::Scale;
use crate::sink::Sink;
use crate::{Result, callgrind};

pub(crate) use process::main;

/// What grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Open,
    Depth,
    Trace,
    Value,
    Threads,
    Lanes,
}

/// Times each size is timed.
const TIMES: usize = 7;

impl What {
    const ALL: [Self; 6] = [
        Self::Open,
        Self::Depth,
        Self::Trace,
        Self::Value,
        Self::Threads,
        Self::Lanes,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Depth => "depth",
            Self::Trace => "trace",
            Self::Value => "value",
            Self::Threads => "threads",
            Self::Lanes => "lanes",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Open => "a W2 beside so many open spans",
            Self::Depth => "an empty span in a chain so deep, below a user's and a session's root",
            Self::Trace => "an empty span in a trace of so many",
            Self::Value => "a span with an input of so many bytes",
            Self::Threads => "a W2 of so many threads",
            Self::Lanes => "a W2 to so many OTLP destinations",
        }
    }

    fn sizes(self, scale: &Scale) -> &'static [u64] {
        let sizes: &[u64] = match self {
            Self::Open | Self::Depth => &[1, 10, 100, 1_000],
            Self::Trace => &[10, 100, 1_000, 10_000, 100_000],
            Self::Value => &[100, 1_000, 10_000, 100_000, 1_000_000],
            Self::Threads => &[1, 2, 4, 8, 16, 32, 64],
            Self::Lanes => &[1, 2, 4, 8],
        };
        if scale.is_whole { sizes } else { &sizes[..2] }
    }

    /// The exponent that is linear growth of the whole: cost of one span on the application's thread and in the process, by size.
    fn linear(self) -> [f64; 2] {
        match self {
            // Twice the bytes are twice the work.
            Self::Value => [1.0, 1.0],
            // So are twice the destinations, though not for the application.
            Self::Lanes => [0.0, 1.0],
            _ => [0.0, 0.0],
        }
    }

    /// Whether callgrind can do it: one thread, and done before anybody falls asleep.
    fn is_counted(self, size: u64) -> bool {
        match self {
            Self::Threads => false,
            Self::Trace => size <= 10_000,
            _ => true,
        }
    }
}

impl FromStr for What {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| format!("nothing called {name:?} grows"))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a span of one size costs.
struct Cost {
    size: u64,
    instructions: Option<Instructions>,
    app: f64,
    process: f64,
}

/// On the application's thread, under callgrind.
struct Instructions {
    all: f64,
    /// Of these, what the subscriber takes without any layer.
    bare: f64,
}

pub(crate) struct Growth(Vec<(What, Vec<Cost>)>);

impl Growth {
    pub(crate) fn measure(sink: &mut Sink, scale: &Scale, counts: bool) -> Result<Self> {
        let mut all = Vec::new();
        for what in What::ALL {
            let mut costs = Vec::new();
            // Valgrind is what takes long.
            let counts = counts && (scale.is_whole || what == What::Depth);
            for &size in what.sizes(scale) {
                eprintln!("growth: {what} {size}");
                costs.push(cost(sink, scale, what, size, counts)?);
            }
            all.push((what, costs));
        }
        Ok(Self(all))
    }

    /// What grows faster than its work.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (what, costs) in &self.0 {
            for verdict in verdicts(*what, costs) {
                if verdict.exponent > verdict.linear + verdict.leeway {
                    faults.push(format!("{what}, {verdict}"));
                }
            }
        }
        faults
    }

    pub(crate) fn show(&self) {
        println!("#### How a span's cost grows\n");
        let mut table = Table::new(&[
            "what",
            "size",
            "app instructions",
            "without our layer",
            "app CPU ns",
            "process CPU ns",
            "steepest growth, by size to the power of (linear)",
        ]);
        for (what, costs) in &self.0 {
            let verdicts: Vec<_> = verdicts(*what, costs).iter().map(Verdict::to_string).collect();
            for (at, cost) in costs.iter().enumerate() {
                let is_first = at == 0;
                let instructions = |part: fn(&Instructions) -> f64| {
                    let counted = cost.instructions.as_ref().map(part);
                    counted.map_or_else(|| "-".to_owned(), whole)
                };
                table.row(&[
                    if is_first {
                        what.label().to_owned()
                    } else {
                        String::new()
                    },
                    whole(cost.size as f64),
                    instructions(|it| it.all),
                    instructions(|it| it.bare),
                    whole(cost.app),
                    whole(cost.process),
                    if is_first {
                        verdicts.join(", ")
                    } else {
                        String::new()
                    },
                ]);
            }
        }
        println!("{table}");
    }
}

/// How one figure grows with the size: where a size is ten times the one before, in the steepest such step; else over all.
struct Verdict {
    of: &'static str,
    exponent: f64,
    linear: f64,
    /// What noise and caches may add.
    leeway: f64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.of, ratio_of(self.exponent), self.linear)
    }
}

fn ratio_of(exponent: f64) -> String {
    format!(
        "{}{}",
        if exponent < 0.0 { "-" } else { "" },
        ratio(exponent.abs())
    )
}

fn verdicts(what: What, costs: &[Cost]) -> Vec<Verdict> {
    let [app, process] = what.linear();
    let verdict = |of, linear, leeway, figure: fn(&Cost) -> Option<f64>| {
        let known: Vec<_> = costs
            .iter()
            .filter_map(|it| Some((it.size as f64, figure(it)?)))
            .collect();
        let exponent = |(small, little): (f64, f64), (large, much): (f64, f64)| {
            (much / little).ln() / (large / small).ln()
        };
        let steps = known.windows(2).filter(|pair| pair[1].0 >= pair[0].0 * 10.0);
        let steepest = steps
            .map(|pair| exponent(pair[0], pair[1]))
            .max_by(f64::total_cmp);
        let over_all = known.first().zip(known.last()).filter(|_| known.len() > 1);
        Some(Verdict {
            of,
            exponent: steepest.or(over_all.map(|(first, last)| exponent(*first, *last)))?,
            linear,
            leeway,
        })
    };
    let own = |cost: &Cost| cost.instructions.as_ref().map(|it| it.all - it.bare);
    let all = [
        verdict("our instructions", app, 0.05, own),
        verdict("app CPU", app, 0.2, |it| Some(it.app)),
        verdict("process CPU", process, 0.2, |it| Some(it.process)),
    ];
    all.into_iter().flatten().collect()
}

fn cost(sink: &mut Sink, scale: &Scale, what: What, size: u64, counts: bool) -> Result<Cost> {
    let (name, text) = (what.to_string(), size.to_string());
    let spans = process::spans(what, size) as f64;
    let mut instructions = None;
    if counts && what.is_counted(size) {
        let port = sink.port()?.to_string();
        let counted =
            |port| Ok::<_, Box<dyn Error>>(callgrind::count(&["grow", &name, &text, port, "1"])? / spans);
        instructions = Some(Instructions {
            all: counted(&port)?,
            bare: counted("nowhere")?,
        });
    }
    let port = sink.port()?;
    let times = if scale.is_whole { TIMES } else { 1 };
    let mut process = Helper::start(&["grow", &name, &text, &port.to_string(), &times.to_string()])?;
    let mut samples = Vec::new();
    for _ in 0..times {
        let [app, all] = numbers::<f64, 2>(&process.answer()?)?;
        samples.push((app, all));
    }
    let [ended, lanes] = numbers::<u64, 2>(&process.answer()?)?;
    process.end()?;
    let [otlp, langfuse] = sink.arrived(port)?.map(|it| it.spans);
    if otlp + langfuse != ended * lanes {
        return Err(
            format!("{what} {size}: {ended} ended, to {lanes}; {otlp} and {langfuse} arrived").into(),
        );
    }
    let middle =
        |part: fn(&(f64, f64)) -> f64| Middle::of(samples.iter().map(part)).map(|it| it.median / spans);
    Ok(Cost {
        size,
        instructions,
        app: middle(|it| it.0).ok_or("no samples")?,
        process: middle(|it| it.1).ok_or("no samples")?,
    })
}
