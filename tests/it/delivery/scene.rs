//! A program with two destinations, one of which is in trouble, and what must be true of that whatever the trouble is.

use std::collections::HashSet;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tracing::{Dispatch, dispatcher, info_span};
use tracing_llm::{Account, Guard, Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::lines::Lines;
use crate::support::receiver::{Answer, Receiver, Request};

/// How many spans end each time.
pub(super) const SPANS: u64 = 100;

/// Nothing here takes that long; what does has hung.
pub(super) const HANG: Duration = Duration::from_secs(20);

/// A destination that answers at all answers within this.
const PATIENT: Duration = Duration::from_secs(10);

/// Which of the two is in trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Langfuse,
    Otlp,
}

/// A destination in trouble.
pub(super) struct Faulty {
    pub(super) url: String,
    /// What stands behind the URL, if anything does.
    pub(super) server: Option<Receiver>,
    pub(super) timeout: Duration,
}

/// What becomes of the spans for the destination in trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Becomes {
    /// They wait and are sent again.
    SentAgain,
    /// The same, and each time the destination may have taken them.
    SentAgainAmbiguous,
    /// They wait for longer than the test.
    Kept,
    /// They are failed: rejected.
    Refused,
    /// They are failed: each too large alone.
    TooLarge,
    /// They arrived.
    Taken,
    /// They arrived, less this many of each request, which are failed: rejected.
    TakenLess(u64),
}

/// Runs a program with the destination as its Langfuse, and another with it as its OTLP backend. The line is what is
/// said after the destination's name, with `{host}` for its host; an empty one is none.
#[track_caller]
pub(super) fn either(faulty: impl Fn() -> Faulty + Sync, line: &str, becomes: Becomes) {
    thread::scope(|scope| {
        for side in [Side::Langfuse, Side::Otlp] {
            let faulty = &faulty;
            scope.spawn(move || one(side, faulty(), line, becomes));
        }
    });
}

/// Runs a program with one destination in trouble: spans end before it shows and while it lasts, the other destination
/// gets them all, and the books say where they are.
pub(super) fn one(side: Side, faulty: Faulty, line: &str, becomes: Becomes) {
    let mut program = Program::new(side, &faulty);
    program.work();
    program.wait_until(|program| {
        let is_asked = faulty
            .server
            .as_ref()
            .is_some_and(|server| server.connected() > 0);
        is_asked || !program.lines.all().is_empty()
    });
    program.work();
    program.wait_until(|program| program.account(side.other()).exported() == program.ended);
    program.wait_until(|program| {
        let is_said = line.is_empty() || !program.lines.all().is_empty();
        is_said && becomes.is_seen(&program.account(side), program.ended)
    });
    let host = faulty.url.split('/').nth(2).unwrap();
    let mut lines = Vec::new();
    if !line.is_empty() {
        lines.push(format!("{}: {}", side.name(), line.replace("{host}", host)));
    }
    if becomes.waits() {
        let left = format!("{} {}", side.name(), program.ended);
        lines.push(format!("shut down before everything was sent; dropped: {left}"));
    }
    let report = program.llm.shutdown_blocking(Duration::ZERO);
    assert_eq!(report.lane(side.other().name()).unwrap().sent(), program.ended);
    // A worker that has something in hand answers later.
    program.wait_until(|program| {
        program.account(side).queued() == 0 && program.lines.all().len() >= lines.len()
    });
    program.assert_balanced();
    program.assert_other_has_everything();
    if let Some(server) = &faulty.server {
        assert_nothing_taken_came_again(&server.requests());
    }
    becomes.check(&program.account(side), program.ended);
    assert_eq!(program.lines.all(), lines);
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Langfuse => "langfuse",
            Self::Otlp => "otlp",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Langfuse => Self::Otlp,
            Self::Otlp => Self::Langfuse,
        }
    }
}

impl Faulty {
    /// Behind HTTP.
    pub(super) fn answers(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::server(Receiver::new(answer))
    }

    pub(super) fn server(server: Receiver) -> Self {
        Self {
            url: server.url(),
            server: Some(server),
            timeout: PATIENT,
        }
    }

    /// Where no server is.
    pub(super) fn nobody(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            server: None,
            timeout: PATIENT,
        }
    }

    /// One that does not answer in time.
    pub(super) fn waited_for(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A port of this machine that nobody listens on.
pub(super) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Becomes {
    fn waits(self) -> bool {
        matches!(self, Self::SentAgain | Self::SentAgainAmbiguous | Self::Kept)
    }

    /// Whether it has come to that. The first batch that comes again is the first that was sent.
    fn is_seen(self, account: &Account, ended: u64) -> bool {
        match self {
            Self::SentAgain | Self::SentAgainAmbiguous => account.resent() >= SPANS,
            Self::Kept => account.queued() == ended,
            _ => account.queued() == 0 && account.offered() == ended,
        }
    }

    /// The account at the end, exactly, less what depends on how often it was tried.
    fn check(self, account: &Account, ended: u64) {
        let (exported, rejected, too_large, dropped) = match self {
            Self::SentAgain | Self::SentAgainAmbiguous | Self::Kept => (0, 0, 0, ended),
            Self::Refused => (0, ended, 0, 0),
            Self::TooLarge => (0, 0, ended, 0),
            Self::Taken => (ended, 0, 0, 0),
            Self::TakenLess(each) => {
                let rejected = each * ended / SPANS;
                (ended - rejected, rejected, 0, 0)
            }
        };
        let found = [
            account.offered(),
            account.exported(),
            account.rejected(),
            account.too_large(),
            account.dropped_at_shutdown(),
            account.panicked() + account.dropped_full() + account.queued(),
        ];
        assert_eq!(
            found,
            [ended, exported, rejected, too_large, dropped, 0],
            "{account}"
        );
        assert_eq!(
            account.ambiguous() >= SPANS,
            self == Self::SentAgainAmbiguous,
            "{account}"
        );
        let again = matches!(self, Self::SentAgain | Self::SentAgainAmbiguous | Self::TooLarge);
        assert_eq!(account.resent() >= SPANS, again, "{account}");
    }
}

/// A program with Langfuse and OTLP.
pub(super) struct Program {
    subscriber: Dispatch,
    pub(super) llm: Guard,
    pub(super) lines: Lines,
    /// The destination that is well.
    pub(super) other: Receiver,
    /// How many spans have ended.
    pub(super) ended: u64,
}

impl Program {
    pub(super) fn new(side: Side, faulty: &Faulty) -> Self {
        let lines = Lines::default();
        let other = match side {
            Side::Langfuse => Receiver::otlp(),
            Side::Otlp => Receiver::langfuse(),
        };
        let place = |of: Side| match of == side {
            true => (faulty.url.clone(), faulty.timeout),
            false => (other.url(), PATIENT),
        };
        let ((langfuse, patience), (otlp, patience_of_otlp)) = (place(Side::Langfuse), place(Side::Otlp));
        let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
        let (layer, llm) = tracing_llm::builder()
            .langfuse(keys.base_url(langfuse).timeout(patience))
            .otlp_to(Otlp::new(format!("{otlp}/v1/traces")).timeout(patience_of_otlp))
            .capture_content(true)
            .on_diagnostic(lines.writer())
            .build()
            .unwrap();
        Self {
            subscriber: Dispatch::new(tracing_subscriber::registry().with(layer)),
            llm,
            lines,
            other,
            ended: 0,
        }
    }

    /// Makes spans, which holds nobody up, and has them sent, which somebody else waits for.
    pub(super) fn work(&mut self) {
        self.work_of(SPANS, "");
    }

    /// So many spans with this text in each.
    pub(super) fn work_of(&mut self, spans: u64, text: &str) {
        let begin = Instant::now();
        dispatcher::with_default(&self.subscriber, || {
            for number in 0..spans {
                info_span!("work", number, text).in_scope(|| {});
            }
        });
        assert!(begin.elapsed() < HANG / 2, "the program waited");
        self.ended += spans;
        let llm = self.llm.clone();
        thread::spawn(move || llm.flush_blocking(HANG));
    }

    /// Looks until it is so; the books balance every time.
    pub(super) fn wait_until(&self, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + HANG;
        while !is_so(self) {
            self.assert_balanced();
            assert!(
                Instant::now() < end,
                "{}\n{:?}",
                self.llm.ledger(),
                self.lines.all()
            );
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    pub(super) fn account(&self, side: Side) -> Account {
        self.llm.ledger().lane(side.name()).unwrap().clone()
    }

    pub(super) fn assert_balanced(&self) {
        let ledger = self.llm.ledger();
        assert_eq!(ledger.open(), 0);
        for lane in ledger.lanes() {
            let settled = lane.exported() + lane.failed() + lane.dropped() + lane.queued();
            assert_eq!(lane.offered(), settled, "{lane}");
        }
    }

    /// Every span, once, and none had to be sent again.
    pub(super) fn assert_other_has_everything(&self) {
        let spans = self.other.spans();
        let ids: HashSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
        assert_eq!((spans.len() as u64, ids.len() as u64), (self.ended, self.ended));
        assert_nothing_taken_came_again(&self.other.requests());
    }
}

/// What was answered with success is not seen again, in whatever request.
pub(super) fn assert_nothing_taken_came_again(requests: &[Request]) {
    let mut taken = HashSet::new();
    for request in requests {
        let export = request.export().unwrap_or_default();
        let scopes = export.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        let ids: Vec<_> = scopes.flat_map(|it| it.spans).map(|span| span.span_id).collect();
        assert!(!ids.iter().any(|id| taken.contains(id)), "sent again after a 2xx");
        if request.status.is_some_and(|status| status / 100 == 2) {
            taken.extend(ids);
        }
    }
}
