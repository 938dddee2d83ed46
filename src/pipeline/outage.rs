//! Outages of a minute, on a clock that the test turns: the whole worker runs on it, timeouts and back-off too.

use std::sync::Mutex;

use tokio::time::{Instant as Moment, sleep};

use super::*;
use crate::export::{Batch, ExportError, ExportFuture, Exported, Exporter, Scope};
use crate::model::{Observation, Recorded};
use crate::sink::Sink as _;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// One that is in trouble for a minute and then takes everything.
struct Troubled {
    begin: Moment,
    seen: Arc<Mutex<Vec<Attempt>>>,
    trouble: Trouble,
}

#[derive(Clone, Copy)]
enum Trouble {
    Down,
    /// The time that it asks for is over with its trouble.
    Asks,
    Hangs,
}

/// When, and what: the ends of spans in order.
type Attempt = (Duration, Vec<u64>);

impl Exporter for Troubled {
    fn name(&self) -> &str {
        "troubled"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        let (since, numbers) = (
            self.begin.elapsed(),
            batch.observations().map(Observation::start_nanos),
        );
        self.seen.lock().unwrap().push((since, numbers.collect()));
        Box::pin(async move {
            if since >= MINUTE {
                return Ok(Exported::all());
            }
            match self.trouble {
                Trouble::Down => Err(ExportError::retry("connection refused")),
                Trouble::Asks => Err(ExportError::retry("429").after(MINUTE - since)),
                Trouble::Hangs => std::future::pending().await,
            }
        })
    }
}

/// Takes everything.
struct Well;

impl Exporter for Well {
    fn name(&self) -> &str {
        "well"
    }

    fn export<'a>(&'a mut self, _: &'a Batch) -> ExportFuture<'a> {
        Box::pin(async { Ok(Exported::all()) })
    }
}

/// A span ends every second for two minutes, which take no time; answers the attempts and the lines.
async fn two_minutes(trouble: Trouble) -> (Vec<Attempt>, Vec<String>, Ledger) {
    let (seen, said) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
    let troubled = Troubled {
        begin: Moment::now(),
        seen: Arc::clone(&seen),
        trouble,
    };
    let lanes = vec![
        LaneSpec::new(Box::new(troubled), Scope::Everything),
        LaneSpec::new(Box::new(Well), Scope::Everything),
    ];
    let lines = Arc::clone(&said);
    let diagnostics = Diagnostics::new(move |line| lines.lock().unwrap().push(line.to_owned()));
    let (queue, worker) = assemble(&Settings::default(), lanes, diagnostics).unwrap();
    let worker = tokio::spawn(worker.run());
    for second in 1..=120 {
        let mut recorded = Recorded::sample("sample", queue.lanes());
        recorded.start = second;
        queue.open();
        queue.finish(recorded);
        sleep(SECOND).await;
        let ledger = queue.ledger();
        for lane in ledger.lanes() {
            let placed = lane.exported() + lane.failed() + lane.dropped() + lane.queued();
            assert_eq!(lane.offered(), placed, "{lane}");
        }
        // What is well waits for no more than its interval, a lingering worker and this second.
        assert!(ledger.lane("well").unwrap().queued() <= 7, "{ledger}");
    }
    // The longest back-off, and the longest attempt, are over by then.
    for _ in 0..80 {
        sleep(SECOND).await;
    }
    worker.abort();
    let (seen, said) = (seen.lock().unwrap().clone(), said.lock().unwrap().clone());
    (seen, said, queue.ledger())
}

/// Everything arrived, once, in order, and nothing came again that had been taken.
fn assert_all_arrived(attempts: &[Attempt], ledger: &Ledger) {
    let taken = attempts.iter().filter(|(since, _)| *since >= MINUTE);
    let numbers: Vec<_> = taken.flat_map(|(_, numbers)| numbers.clone()).collect();
    assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
    for lane in ledger.lanes() {
        assert_eq!((lane.offered(), lane.exported()), (120, 120), "{lane}");
    }
    let again: u64 = attempts.iter().map(|(_, numbers)| numbers.len() as u64).sum();
    assert_eq!(ledger.lane("troubled").unwrap().resent(), again - 120);
}

/// The seconds of the line that says so.
fn recovered_after(line: &str) -> u64 {
    let seconds = line.strip_prefix("troubled: everything arrives again, after ");
    seconds.unwrap().strip_suffix(" s").unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_was_down_for_a_minute_gets_everything() {
    let (attempts, said, ledger) = two_minutes(Trouble::Down).await;
    assert_all_arrived(&attempts, &ledger);
    let [failing, recovered] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        failing,
        "troubled: sending fails and is tried again: connection refused"
    );
    // It fails from the first batch on, after the interval, and rests for a minute at most.
    assert!((54..=115).contains(&recovered_after(recovered)), "{recovered}");
    assert_eq!(ledger.lane("troubled").unwrap().ambiguous(), 0);
    // Seconds that double, not a hammer.
    let failed = attempts.iter().filter(|(since, _)| *since < MINUTE).count();
    assert!((5..=8).contains(&failed), "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_asks_for_time_is_left_alone_until_then() {
    let (attempts, said, ledger) = two_minutes(Trouble::Asks).await;
    assert_all_arrived(&attempts, &ledger);
    let times: Vec<_> = attempts.iter().map(|(since, _)| since.as_secs()).collect();
    assert_eq!(times[..2], [5, 60], "{attempts:?}");
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(recovered_after(&said[1]), 54);
}

#[tokio::test(start_paused = true)]
async fn one_that_hung_for_a_minute_gets_everything() {
    let (attempts, said, ledger) = two_minutes(Trouble::Hangs).await;
    assert_all_arrived(&attempts, &ledger);
    assert_eq!(
        said[0],
        "troubled: sending fails and is tried again: no answer within 10s"
    );
    assert_eq!(said.len(), 2, "{said:?}");
    let unanswered = attempts.iter().filter(|(since, _)| *since < MINUTE);
    let unanswered: u64 = unanswered.map(|(_, numbers)| numbers.len() as u64).sum();
    assert_eq!(ledger.lane("troubled").unwrap().ambiguous(), unanswered);
}
