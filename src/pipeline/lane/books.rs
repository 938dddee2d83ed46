//! Whatever happens, in whatever order: the books balance, and they say what is really there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::diag::Diagnostics;
use crate::export::Scope;
use crate::ledger::Account;
use crate::model::{Head, Lane as Number, Lanes, Recorded, Shared};
use crate::pipeline::queue::{Bounds, Queue};
use crate::process::Findings;
use crate::read::Reader;
use crate::sink::Sink as _;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// So many spans with so many bytes of text end, shown in these of the two lanes.
    End(usize, usize, Vec<Number>),
    /// The worker takes what waits.
    Take,
    /// It reads so many of them.
    Read(usize),
    /// The destination of a lane answers, if it was asked.
    Answer(usize, Answer),
    /// So many milliseconds pass.
    Pass(u64),
    Flush(usize),
    Close,
    Stop(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    let answer = prop_oneof![
        4 => Just(Ok(Exported::all())),
        1 => (0..9_usize).prop_map(|rejected| Ok(Exported::partly(rejected, "some"))),
        2 => Just(Err(Failure::Answered(ExportError::retry("503").ambiguous()))),
        1 => Just(Err(Failure::Answered(ExportError::retry("429").after(Duration::from_secs(9))))),
        2 => Just(Err(Failure::Answered(ExportError::too_large("413")))),
        1 => Just(Err(Failure::Answered(ExportError::reject("400")))),
        1 => Just(Err(Failure::Panicked)),
    ];
    let lanes = prop::sample::subsequence(vec![0, 1], 0..=2);
    prop_oneof![
        8 => (1..9_usize, prop_oneof![Just(0), 0..20_000_usize], lanes)
            .prop_map(|(count, bytes, lanes)| Happening::End(count, bytes, lanes)),
        4 => Just(Happening::Take),
        6 => (1..9_usize).prop_map(Happening::Read),
        8 => (0..2_usize, answer).prop_map(|(lane, answer)| Happening::Answer(lane, answer)),
        4 => (1..9_000_u64).prop_map(Happening::Pass),
        2 => (0..2_usize).prop_map(Happening::Flush),
        1 => prop_oneof![8 => Just(Happening::Take), 1 => Just(Happening::Close)],
        1 => prop_oneof![8 => Just(Happening::Take), 1 => (0..2_usize).prop_map(Happening::Stop)],
    ]
}

/// A queue with two lanes, and the worker played by the test.
struct House {
    queue: Queue,
    hand: VecDeque<Box<Recorded>>,
    reader: Reader,
    lanes: [Lane<Shared>; 2],
    flying: [Option<Vec<Shared>>; 2],
    /// The number of the last observation that each lane was done with, which only grows.
    done: [u64; 2],
    /// What the destinations have seen and said, counted apart from the books.
    seen: [Seen; 2],
    ended: u64,
    now: Instant,
}

/// How many observations a destination has, by what it said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Seen {
    taken: u64,
    rejected: u64,
    too_large: u64,
    panicked: u64,
    unanswered: u64,
    /// The number of the newest that was ever sent: all up to it that come, come again.
    newest: u64,
    again: u64,
}

impl Seen {
    fn send(&mut self, numbers: &[u64]) {
        let again = numbers.iter().filter(|number| **number <= self.newest).count();
        self.again += again as u64;
        self.newest = self.newest.max(*numbers.last().unwrap());
    }

    fn answer(&mut self, count: usize, answer: &Answer) {
        let count = count as u64;
        match answer {
            Ok(exported) => {
                let rejected = count.min(exported.rejected as u64);
                self.taken += count - rejected;
                self.rejected += rejected;
            }
            Err(Failure::Panicked) => self.panicked += count,
            Err(Failure::Answered(error)) => {
                self.unanswered += if error.is_ambiguous() { count } else { 0 };
                match error.verdict() {
                    Verdict::Reject => self.rejected += count,
                    Verdict::Split if count == 1 => self.too_large += 1,
                    Verdict::Split | Verdict::Retry { .. } => {}
                }
            }
        }
    }
}

impl House {
    fn new() -> Self {
        let one = Recorded::sample("sample", Lanes::NONE).weight();
        let bounds = Bounds {
            bytes: one * 30,
            count: Some(25),
        };
        let plan = Plan {
            batch: 8,
            batch_bytes: one * 12,
            interval: Duration::from_secs(5),
            bytes: one * 40,
            count: Some(20),
        };
        let accounts = [
            (Account::new("0"), Scope::Everything.into()),
            (Account::new("1"), Scope::Everything.into()),
        ];
        let (sender, _) = unbounded_channel();
        Self {
            queue: Queue::new(
                bounds,
                accounts,
                Default::default(),
                sender,
                Diagnostics::new(|_| {}),
            ),
            hand: VecDeque::new(),
            reader: Reader::default(),
            lanes: [(); 2].map(|()| Lane::new(Noun::OBSERVATION, "test", plan.clone(), Backoff::new(7))),
            flying: [None, None],
            done: [0, 0],
            seen: Default::default(),
            ended: 0,
            now: Instant::now(),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::End(count, bytes, lanes) => {
                let text = "x".repeat(bytes);
                for _ in 0..count {
                    self.ended += 1;
                    self.queue.open();
                    let mut recorded = Recorded::sample("sample", lanes.iter().copied().collect());
                    recorded.start = self.ended;
                    recorded.fields.str(Head::declared(0), &text);
                    self.queue.finish(recorded);
                }
            }
            Happening::Take => {
                self.queue.take(&mut self.hand);
            }
            Happening::Read(count) => self.read(count),
            Happening::Answer(lane, answer) => {
                if let Some(batch) = self.flying[lane].take() {
                    self.seen[lane].answer(batch.len(), &answer);
                    self.step(lane, Event::Answered(batch, answer));
                }
            }
            Happening::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                (0..2).for_each(|lane| self.step(lane, Event::Tick));
            }
            Happening::Flush(lane) => self.step(lane, Event::Flush),
            Happening::Close => self.queue.close("closed"),
            Happening::Stop(lane) => {
                self.step(lane, Event::Stop);
                self.flying[lane] = None;
            }
        }
    }

    fn read(&mut self, count: usize) {
        for recorded in self.hand.drain(..count.min(self.hand.len())).collect::<Vec<_>>() {
            self.queue.release(recorded.weight(), 1, Findings::default());
            let observation = Shared::new(self.reader.read(recorded));
            for lane in 0..2 {
                if observation.shown().contains(lane as Number) {
                    self.step(lane, Event::Offered(vec![observation.clone()]));
                }
            }
        }
    }

    fn step(&mut self, lane: usize, event: Event<Shared>) {
        let is_answer = matches!(event, Event::Answered(..));
        let mut effects = Vec::new();
        self.lanes[lane].step(self.now, event, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(batch) => {
                    assert!(self.flying[lane].is_none(), "two batches at once");
                    assert!(!batch.is_empty() && batch.len() <= 8);
                    let numbers: Vec<_> = batch.iter().map(|one| one.start_nanos()).collect();
                    assert!(
                        numbers.is_sorted() && numbers[0] > self.done[lane],
                        "out of order"
                    );
                    self.seen[lane].send(&numbers);
                    self.flying[lane] = Some(batch);
                }
                Effect::Count(posting) => self.queue.post(lane, posting),
                Effect::Say(_) => {}
                Effect::Done(observations) if is_answer => {
                    for observation in &observations {
                        assert!(observation.start_nanos() > self.done[lane], "done twice");
                        self.done[lane] = observation.start_nanos();
                    }
                    for observation in observations.into_iter().filter_map(Arc::into_inner) {
                        self.queue.give_back(observation.into_recorded());
                    }
                }
                Effect::Done(_) => {}
            }
        }
    }

    fn check(&self) {
        let ledger = self.queue.ledger();
        assert_eq!(ledger.open(), 0);
        for (number, account) in ledger.lanes().iter().enumerate() {
            let placed = account.exported() + account.failed() + account.dropped() + account.queued();
            assert_eq!(account.offered(), placed, "{account}");
            let (lane, seen) = (&self.lanes[number], self.seen[number]);
            // The books say what the destination would say.
            let booked = Seen {
                taken: account.exported(),
                rejected: account.rejected(),
                too_large: account.too_large(),
                panicked: account.panicked(),
                unanswered: account.ambiguous(),
                again: account.resent(),
                ..seen
            };
            assert_eq!(booked, seen, "{account}");
            let in_hand = self
                .hand
                .iter()
                .filter(|one| one.shown.contains(number as Number));
            let there = self.queue.waiting(number as Number) + in_hand.clone().count() + lane.held();
            assert_eq!(account.queued(), there as u64, "{account}");
            // A span in the queue and in the hand takes its room, whatever lanes show it.
            assert!(self.queue.waiting(number as Number) + in_hand.count() <= 25);
            let flying = self.flying[number].as_ref().map_or(0, Vec::len);
            assert_eq!(lane.flying, flying);
            assert!(lane.held() <= 20 && lane.bytes <= lane.plan.bytes);
            let waiting: usize = lane.waiting.iter().map(Weigh::weight).sum();
            assert_eq!(lane.waiting_bytes, waiting);
            let cut: usize = lane.cut.iter().map(|portion| weight(portion)).sum();
            let flying = self.flying[number].iter().flatten();
            let flying: usize = flying.map(Weigh::weight).sum();
            assert_eq!(lane.bytes, waiting + cut + flying);
            assert_eq!(lane.accepted - lane.settled, lane.held() as u64);
            // Whoever has something to send and nothing on its way wants to be woken.
            assert!(lane.held() == 0 || lane.flying > 0 || lane.wake_at().is_some());
        }
    }
}

/// `PROPTEST_CASES` counts here, too.
fn twice_as_many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 2,
        ..usual
    }
}

proptest! {
    #![proptest_config(twice_as_many())]
    #[test]
    fn the_books_say_what_is_there(happenings in prop::collection::vec(happening(), 0..80)) {
        let mut house = House::new();
        for happening in happenings {
            house.happen(happening);
            house.check();
        }
    }

    /// Once the destinations take everything, a flush empties the house.
    #[test]
    fn everything_arrives_in_the_end(happenings in prop::collection::vec(happening(), 0..40)) {
        let mut house = House::new();
        for happening in happenings {
            house.happen(happening);
        }
        house.happen(Happening::Take);
        house.happen(Happening::Read(usize::MAX));
        for lane in 0..2 {
            house.happen(Happening::Flush(lane));
            for _ in 0..200 {
                house.happen(Happening::Answer(lane, Ok(Exported::all())));
                house.happen(Happening::Pass(9_000));
            }
            prop_assert_eq!(house.lanes[lane].held(), 0);
        }
        house.check();
    }
}
