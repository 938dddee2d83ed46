//! How much gets through: generations in traces of 17 spans from 8 threads, at a set rate or as fast as they can.

mod process;

use crate::Result;
use crate::figures::{Table, whole};
use crate::helper::numbers;
use crate::rows::Row;
use crate::scale::Scale;
use crate::sink::Sink;

pub(crate) use process::main;

/// How fast spans are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    FlatOut,
    /// So many a second, of all threads together.
    PerSecond(u64),
}

/// What is pushed, how fast.
const PUSHES: [(Pace, &[Row]); 3] = [
    (
        Pace::PerSecond(20_000),
        &[Row::Otlp, Row::Pair, Row::PairTuned, Row::Fastrace, Row::Ours],
    ),
    (
        Pace::PerSecond(5_000),
        &[Row::OtlpGzipAlone, Row::OtlpGzip, Row::OursGzip],
    ),
    // fastrace is left out: what it has not yet reported has no bound, and took 6 GB in 5 s.
    (Pace::FlatOut, &[Row::Otlp, Row::Pair, Row::PairTuned, Row::Ours]),
];

/// What ours may hold: the queue, two lanes, two bodies on their way.
const CONFIGURED_MIB: f64 = 32.0 + 2.0 * 32.0 + 2.0 * 4.0;

/// What became of one push.
pub(crate) struct Pushed {
    row: Row,
    pace: Pace,
    made: f64,
    /// For all destinations of the row.
    delivered: f64,
    /// Of what was to be delivered.
    pub(crate) dropped: f64,
    /// To the end of the making, and to the end of the flush.
    making_seconds: f64,
    seconds: f64,
    /// Of the process, in microseconds.
    cpu: f64,
    bytes: f64,
    /// Resident, in MiB: before the first span, at the peak.
    before: f64,
    pub(crate) peak: f64,
}

impl Pushed {
    pub(crate) fn delivered_per_second(&self) -> f64 {
        self.delivered / self.seconds
    }

    pub(crate) fn cpu_per_span(&self) -> f64 {
        self.cpu / self.made
    }

    /// How much more than what is configured was held, in MiB.
    pub(crate) fn beyond_configured(&self) -> f64 {
        self.peak - self.before - CONFIGURED_MIB
    }
}

pub(crate) struct Pushes(Vec<Pushed>);

impl Pushes {
    pub(crate) fn measure(sink: &mut Sink, scale: &Scale) -> Result<Self> {
        let mut pushes = Vec::new();
        for (pace, rows) in PUSHES {
            for &row in rows {
                eprintln!("throughput: {row}, {}", pace.heading());
                pushes.push(push(sink, scale, row, pace)?);
            }
        }
        Ok(Self(pushes))
    }

    pub(crate) fn of(&self, row: Row, pace: Pace) -> Option<&Pushed> {
        self.0.iter().find(|it| it.row == row && it.pace == pace)
    }

    pub(crate) fn show(&self) {
        for (pace, _) in PUSHES {
            println!("#### W2 from 8 threads, {}\n", pace.heading());
            let mut table = Table::new(&[
                "row",
                "made/s",
                "delivered/s",
                "dropped",
                "CPU µs / span made",
                "CPU µs / delivery",
                "peak RSS MiB",
                "body bytes / delivery",
            ]);
            for push in self.0.iter().filter(|it| it.pace == pace) {
                table.row(&[
                    push.row.label().to_owned(),
                    whole(push.made / push.making_seconds),
                    whole(push.delivered_per_second()),
                    match push.dropped {
                        0.0 => "0".to_owned(),
                        dropped => format!("{:.1} %", dropped / (dropped + push.delivered) * 100.0),
                    },
                    format!("{:.1}", push.cpu_per_span()),
                    format!("{:.1}", push.cpu / push.delivered),
                    format!("{:.0}", push.peak),
                    whole(push.bytes / push.delivered),
                ]);
            }
            println!("{table}");
        }
    }
}

impl Pace {
    fn heading(self) -> String {
        match self {
            Self::FlatOut => "flat out".to_owned(),
            Self::PerSecond(rate) => format!("{}/s", whole(rate as f64)),
        }
    }

    /// As a word: 0 is no bound.
    fn rate(self) -> u64 {
        match self {
            Self::FlatOut => 0,
            Self::PerSecond(rate) => rate,
        }
    }
}

fn push(sink: &mut Sink, scale: &Scale, row: Row, pace: Pace) -> Result<Pushed> {
    let port = sink.port()?;
    let mut process = row.process(&[
        "push",
        &row.to_string(),
        &port.to_string(),
        &pace.rate().to_string(),
        &scale.push.as_millis().to_string(),
    ])?;
    let [made, making, all, cpu, before, peak] = numbers::<u64, 6>(&process.answer()?)?;
    let books = process.answer()?;
    process.end()?;
    let arrived = sink.arrived(port)?;
    row.check_packing(&arrived)?;
    let spans = arrived.map(|it| it.spans);
    let fault = if row.keeps_books() {
        check_books(&books, made, spans)
    } else {
        Ok(())
    };
    fault.map_err(|fault| format!("{row}, {}: {fault}", pace.heading()))?;
    let delivered = spans[0] + spans[1];
    let wanted = made * row.destinations().map(u64::from).iter().sum::<u64>();
    if delivered > wanted {
        return Err(format!("{row}: {delivered} arrived of {wanted}").into());
    }
    Ok(Pushed {
        row,
        pace,
        made: made as f64,
        delivered: delivered as f64,
        dropped: (wanted - delivered) as f64,
        making_seconds: making as f64 / 1e9,
        seconds: all as f64 / 1e9,
        cpu: cpu as f64 / 1e3,
        bytes: (arrived[0].bytes + arrived[1].bytes) as f64,
        before: before as f64 / 1024.0,
        peak: peak as f64 / 1024.0,
    })
}

/// Our ledger and the sink say the same of every span made, to the last one.
fn check_books(books: &str, made: u64, arrived: [u64; 2]) -> Result<()> {
    let otlp_and_langfuse: [u64; 10] = numbers(books)?;
    for (account, arrived) in otlp_and_langfuse.chunks(5).zip(arrived) {
        let [offered, exported, failed, dropped, queued] = account else {
            continue;
        };
        let is_closed = *queued == 0 && *offered == exported + failed + dropped;
        if *offered != made || !is_closed || *exported != arrived {
            return Err(format!(
                "{made} made, {arrived} arrived, and the ledger says: {offered} offered, {exported} exported, {failed} \
                 failed, {dropped} dropped, {queued} queued"
            )
            .into());
        }
    }
    Ok(())
}
