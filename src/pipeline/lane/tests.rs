//! A lane, stepped by hand under a clock of the test's.

use std::time::Duration;

use super::*;
use crate::ledger::Account;
use crate::model::{Lanes, Recorded, Shared, Value};
use crate::read::Reader;

const SECOND: Duration = Duration::from_secs(1);

/// A lane with its account and what it did.
struct Bench {
    lane: Lane<Shared>,
    account: Account,
    now: Instant,
    flying: Option<Vec<Shared>>,
    /// How many observations each batch had.
    sent: Vec<usize>,
    said: Vec<String>,
}

impl Bench {
    fn new(adapt: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Plan {
            batch: 10,
            batch_bytes: 1 << 20,
            interval: 5 * SECOND,
            bytes: 1 << 20,
            count: None,
        };
        adapt(&mut plan);
        Self {
            lane: Lane::new(Noun::OBSERVATION, "test", plan, Backoff::new(1)),
            account: Account::new("test"),
            now: Instant::now(),
            flying: None,
            sent: Vec::new(),
            said: Vec::new(),
        }
    }

    fn step(&mut self, event: Event<Shared>) -> &mut Self {
        let mut effects = Vec::new();
        self.lane.step(self.now, event, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(batch) => {
                    assert!(self.flying.is_none(), "two batches at once");
                    self.sent.push(batch.len());
                    self.flying = Some(batch);
                }
                Effect::Count(posting) => self.account.post(posting),
                Effect::Say(line) => self.said.push(line),
                Effect::Done(_) => {}
            }
        }
        assert_eq!(self.account.queued(), self.lane.held() as u64);
        self
    }

    fn offer(&mut self, count: usize) -> &mut Self {
        self.account.post(Posting::Offered(count));
        self.step(Event::Offered((0..count).map(|_| sample()).collect()))
    }

    fn answer(&mut self, answer: Result<Exported, ExportError>) -> &mut Self {
        let batch = self.flying.take().expect("a batch is on its way");
        self.step(Event::Answered(batch, answer.map_err(Failure::Answered)))
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.step(Event::Tick)
    }

    /// Lets the time pass that the lane wants to be woken after.
    fn wake(&mut self) -> Duration {
        let time = self.lane.wake_at().expect("it waits for a time") - self.now;
        self.pass(time);
        time
    }
}

fn sample() -> Shared {
    Shared::new(Reader::default().read(Recorded::sample("sample", Lanes::NONE)))
}

fn all() -> Result<Exported, ExportError> {
    Ok(Exported::all())
}

#[test]
fn a_full_batch_goes_at_once_and_the_rest_after_the_interval() {
    let mut bench = Bench::new(|_| {});
    bench.offer(23);
    bench.answer(all()).answer(all());
    assert_eq!((&bench.sent[..], bench.flying.is_none()), (&[10, 10][..], true));
    assert_eq!(bench.wake(), 5 * SECOND);
    bench.answer(all());
    assert_eq!(bench.sent, [10, 10, 3]);
    assert_eq!(bench.account.exported(), 23);
    assert_eq!(bench.lane.wake_at(), None);
    assert!(bench.said.is_empty());
}

#[test]
fn the_interval_counts_from_the_first_that_waits() {
    let mut bench = Bench::new(|_| {});
    bench.offer(1).pass(3 * SECOND).offer(1);
    assert_eq!(bench.wake(), 2 * SECOND);
    assert_eq!(bench.sent, [2]);
}

#[test]
fn without_an_interval_nothing_waits() {
    let mut bench = Bench::new(|plan| plan.interval = Duration::ZERO);
    bench.offer(1);
    assert_eq!(bench.sent, [1]);
}

#[test]
fn an_interval_without_end_is_none() {
    let mut bench = Bench::new(|plan| plan.interval = Duration::MAX);
    bench.offer(1);
    assert!(bench.flying.is_none());
    bench.step(Event::Flush);
    assert!(bench.flying.is_some());
}

#[test]
fn a_batch_is_full_with_its_bytes_too() {
    let weight = sample().weight();
    let mut bench = Bench::new(|plan| plan.batch_bytes = weight * 3);
    bench.offer(7);
    bench.answer(all()).answer(all());
    assert_eq!(bench.sent, [3, 3]);
    let mut bench = Bench::new(|plan| plan.batch_bytes = 1);
    bench.offer(2);
    assert_eq!(bench.sent, [1]);
}

#[test]
fn a_batch_is_full_with_what_its_rows_repeat_of_their_trace() {
    let mut recorded = Recorded::sample("sample", Lanes::NONE);
    let document = Value::Text("x".repeat(1 << 13));
    recorded.trace.make_mut().set_metadata("document", document);
    let observation = Shared::new(Reader::default().read(recorded));
    let mut bench = Bench::new(|plan| plan.batch_bytes = 1 << 14);
    bench.account.post(Posting::Offered(5));
    bench
        .step(Event::Offered(vec![observation; 5]))
        .step(Event::Flush);
    for _ in 0..4 {
        bench.answer(all());
    }
    assert_eq!(bench.sent, [1, 1, 1, 1, 1]);
}

#[test]
fn the_same_batch_is_tried_again_until_it_is_taken() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    let mut waits = Vec::new();
    for _ in 0..3 {
        bench.answer(Err(ExportError::retry("connection refused")));
        bench.offer(1);
        waits.push(bench.wake());
    }
    bench.answer(all());
    assert!(waits.is_sorted() && waits[0] >= SECOND / 2, "{waits:?}");
    assert_eq!(bench.sent, [10, 10, 10, 10]);
    assert_eq!((bench.account.exported(), bench.account.resent()), (10, 30));
    let [failing, recovered] = &bench.said[..] else {
        panic!("{:?}", bench.said)
    };
    assert_eq!(
        failing,
        "test: sending fails and is tried again: connection refused"
    );
    assert!(recovered.starts_with("test: everything arrives again, after "));
    bench.step(Event::Flush);
    bench.answer(Err(ExportError::retry("connection refused")));
    assert!(bench.wake() <= SECOND, "the next failure is a first one again");
}

#[test]
fn a_destination_is_left_alone_as_long_as_it_asks() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    bench.answer(Err(ExportError::retry("429").after(90 * SECOND)));
    bench.step(Event::Flush).pass(89 * SECOND);
    assert_eq!(bench.sent, [10]);
    bench.pass(SECOND);
    assert_eq!(bench.sent, [10, 10]);
}

#[test]
fn a_lost_answer_is_sent_again_and_counted() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    bench.answer(Err(ExportError::retry("no answer").ambiguous()));
    bench.wake();
    bench.answer(all());
    assert_eq!((bench.account.ambiguous(), bench.account.exported()), (10, 10));
}

#[test]
fn what_is_lost_again_and_again_goes_in_smaller_portions() {
    let lost = || Err(ExportError::retry("no answer").ambiguous());
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    for _ in 0..5 {
        bench.answer(lost());
        bench.wake();
    }
    assert_eq!(bench.sent, [10, 10, 10, 5, 2, 1]);
    bench.answer(lost());
    bench.wake();
    for _ in 0..4 {
        bench.answer(all());
    }
    assert_eq!(bench.sent[6..], [1, 1, 3, 5]);
    assert_eq!((bench.account.exported(), bench.account.ambiguous()), (10, 38));
    let sent: usize = bench.sent.iter().sum();
    assert_eq!(bench.account.resent(), sent as u64 - 10);
    // The next batch is whole again, and one that is only refused for now stays whole.
    bench.offer(10);
    for _ in 0..5 {
        bench.answer(Err(ExportError::retry("503")));
        bench.wake();
    }
    assert_eq!(bench.sent[10..], [10; 6]);
}

#[test]
fn what_is_too_large_is_halved_down_to_the_one() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    let large = || Err(ExportError::too_large("413"));
    // The second of the ten is the large one.
    bench.answer(large()); // 10
    bench.answer(large()); // 5
    bench.answer(large()); // 2
    bench.answer(all()); // 1
    bench.answer(large()); // 1, the large one
    bench.answer(all()); // 3
    bench.answer(all()); // 5
    assert_eq!(bench.sent, [10, 5, 2, 1, 1, 3, 5]);
    assert_eq!((bench.account.exported(), bench.account.too_large()), (9, 1));
    assert_eq!(bench.said[0], "test: an observation is too large: 413");
}

#[test]
fn halves_survive_a_retry() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    bench.answer(Err(ExportError::too_large("413")));
    bench.answer(Err(ExportError::retry("503")));
    bench.wake();
    bench.answer(all()).answer(all());
    assert_eq!(bench.sent, [10, 5, 5, 5]);
    assert_eq!((bench.account.exported(), bench.account.resent()), (10, 15));
}

#[test]
fn what_is_refused_is_failed_and_the_next_goes_on() {
    let mut bench = Bench::new(|_| {});
    bench.offer(20);
    bench.answer(Err(ExportError::reject("401")));
    bench.answer(Err(ExportError::reject("401")));
    assert_eq!(bench.account.rejected(), 20);
    assert_eq!(bench.said, ["test: 10 observations were refused: 401"]);
}

#[test]
fn of_a_batch_that_is_taken_in_part_the_rest_is_failed() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    bench.answer(Ok(Exported::partly(3, "too old")));
    assert_eq!((bench.account.exported(), bench.account.rejected()), (7, 3));
    assert_eq!(bench.said, ["test: 3 observations were refused: too old"]);
    bench.offer(10);
    bench.answer(Ok(Exported::partly(99, "nonsense")));
    assert_eq!((bench.account.exported(), bench.account.rejected()), (7, 13));
}

#[test]
fn a_panic_costs_the_batch() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    let batch = bench.flying.take().unwrap();
    bench.step(Event::Answered(batch, Err(Failure::Panicked)));
    assert_eq!((bench.account.panicked(), bench.account.failed()), (10, 10));
    assert_eq!(bench.said, ["test: the exporter panicked"]);
}

#[test]
fn a_full_lane_drops_the_newest_and_says_so_once_per_flood() {
    let weight = sample().weight();
    let mut bench = Bench::new(|plan| plan.bytes = weight * 20);
    bench.offer(15).offer(15).offer(15);
    assert_eq!((bench.account.dropped_full(), bench.lane.held()), (25, 20));
    assert_eq!(bench.said.len(), 1);
    bench.answer(all()).answer(all()).offer(21);
    assert_eq!(bench.account.dropped_full(), 26);
    assert_eq!(bench.said.len(), 2);
    let mut bench = Bench::new(|plan| plan.count = Some(3));
    bench.offer(5);
    assert_eq!(bench.account.dropped_full(), 2);
}

#[test]
fn a_small_lane_sends_before_it_is_full() {
    let weight = sample().weight();
    let mut bench = Bench::new(|plan| plan.bytes = weight * 4);
    bench.offer(2);
    assert_eq!(bench.sent, [2]);
    let mut bench = Bench::new(|plan| plan.count = Some(4));
    bench.offer(2);
    assert_eq!(bench.sent, [2]);
}

#[test]
fn a_flush_does_not_wait_and_knows_what_was_there() {
    let mut bench = Bench::new(|_| {});
    bench.offer(15).step(Event::Flush);
    let mark = bench.lane.mark();
    bench.offer(3);
    assert_eq!(bench.lane.pending(mark), 15);
    bench.answer(all());
    assert_eq!(bench.lane.pending(mark), 5);
    bench.answer(all());
    assert_eq!((bench.lane.pending(mark), &bench.sent[..]), (0, &[10, 8][..]));
    bench.offer(3);
    assert_eq!(bench.sent, [10, 8]);
}

#[test]
fn one_that_rests_says_until_when() {
    let mut bench = Bench::new(|_| {});
    bench.offer(10);
    bench.answer(Err(ExportError::retry("503").after(30 * SECOND)));
    assert!(bench.lane.rests_past(bench.now + 29 * SECOND));
    assert!(!bench.lane.rests_past(bench.now + 31 * SECOND));
}

#[test]
fn at_the_end_all_that_is_left_is_dropped() {
    let mut bench = Bench::new(|_| {});
    bench.offer(25);
    let late = bench.flying.clone().unwrap();
    bench.step(Event::Stop).offer(1);
    assert_eq!((bench.account.dropped_at_shutdown(), bench.lane.held()), (26, 0));
    bench.step(Event::Answered(late, Ok(Exported::all())));
    assert_eq!(bench.account.exported(), 0);
}
