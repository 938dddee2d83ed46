//! The process of one row: it makes samples when it is told to, and says what they took.

use std::hint::black_box;
use std::io;

use crate::allocator::{self, Counts, Owner};
use crate::rows::{Ground, Row};
use crate::team::{Burst, Team};
use crate::workloads::Workload;
use crate::{Result, cpu};

/// Obeys what comes on the input, until that ends: `time` or `count`, workload, bursts, spans in each. A burst is flushed before
/// the next.
pub(crate) fn main(row: Row, port: u16) -> Result<()> {
    let mut team = Team::new()?;
    let ground = row.open(port, &team.runtime)?;
    println!("ready");
    for command in io::stdin().lines() {
        let command = command?;
        let words: Vec<_> = command.split(' ').collect();
        let [what, workload, bursts, spans] = words[..] else {
            return Err(format!("{command:?} is no command").into());
        };
        let (workload, bursts, spans) = (workload.parse()?, bursts.parse()?, spans.parse()?);
        let mut sample = Sampler {
            team: &mut team,
            ground: &ground,
            workload,
            spans,
        };
        match what {
            "time" => sample.time(bursts)?,
            _ => sample.count(bursts)?,
        }
    }
    Ok(())
}

/// Makes the spans of one burst in [`measured`], after others that warm everything up; for callgrind.
pub(crate) fn instructions(row: Row, workload: Workload, port: u16, spans: u64) -> Result<()> {
    let mut team = Team::new()?;
    let ground = row.open(port, &team.runtime)?;
    for _ in 0..3 {
        team.burst(ground.api, workload, spans)?;
        ground.delivery.flush()?;
    }
    measured(|| team.burst(ground.api, workload, spans))?;
    ground.delivery.flush()
}

/// What callgrind counts (`--toggle-collect`), on the thread that it runs on.
#[inline(never)]
pub(crate) fn measured<T>(run: impl FnOnce() -> T) -> T {
    black_box(run())
}

struct Sampler<'a> {
    team: &'a mut Team,
    ground: &'a Ground,
    workload: Workload,
    spans: u64,
}

impl Sampler<'_> {
    /// Says spans made, CPU time of the threads that made them, of the process with the flush, and the time they took.
    fn time(&mut self, bursts: u64) -> Result<()> {
        let before = cpu::of_process();
        let mut sum = Burst::default();
        for _ in 0..bursts {
            let burst = self.burst()?;
            self.ground.delivery.flush()?;
            sum.made += burst.made;
            sum.app += burst.app;
            sum.wall += burst.wall;
        }
        let process = cpu::of_process() - before;
        println!("{} {} {process} {}", sum.made, sum.app, sum.wall);
        Ok(())
    }

    /// Says spans made, and what was allocated, how often and how many bytes: on the threads that made them, in the process.
    fn count(&mut self, bursts: u64) -> Result<()> {
        let owner = match self.workload {
            Workload::Agent => Owner::Runtime,
            _ => Owner::Application,
        };
        let (mut made, mut app, mut all) = (0, allocator::Count::default(), allocator::Count::default());
        for _ in 0..bursts {
            allocator::count();
            made += self.burst()?.made;
            // What the flush allocates is the exporter's, whichever thread asks for it.
            let here: Counts = allocator::counted();
            self.ground.delivery.flush()?;
            let whole = allocator::counted();
            allocator::stop_counting();
            app += here.of(owner);
            all += whole.all();
        }
        println!("{made} {} {} {} {}", app.times, app.bytes, all.times, all.bytes);
        Ok(())
    }

    fn burst(&mut self) -> Result<Burst> {
        self.team.burst(self.ground.api, self.workload, self.spans)
    }
}
