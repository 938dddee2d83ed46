//! A hundred thousand observations, put together to traces: what is kept meanwhile stays within a bound. A binary of its own, since
//! it counts what the whole process allocates.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "it/support/receiver.rs"]
mod receiver;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use peak_alloc::PeakAlloc;
use percent_encoding::percent_decode_str;
use receiver::{Answer, Receiver, Request};
use serde_json::Value;
use tracing_llm::Langfuse;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One test at a time: both count the whole process.
static ONE: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;

const ROWS: usize = 100_000;

/// Observations that a server computes when it is asked: ten traces at a time take turns, each with so many rows.
struct Rows {
    per_trace: usize,
}

impl Rows {
    /// The row at a place in the server's order, newest first.
    fn at(&self, place: usize) -> String {
        let at_a_time = 10.min(ROWS / self.per_trace);
        let (block, inside) = (
            place / (at_a_time * self.per_trace),
            place % (at_a_time * self.per_trace),
        );
        self.row(block * at_a_time + inside % at_a_time, inside / at_a_time, place)
    }

    /// A row of a trace.
    fn of(&self, trace: usize, number: usize) -> String {
        let at_a_time = 10.min(ROWS / self.per_trace);
        let begin = trace / at_a_time * at_a_time * self.per_trace + trace % at_a_time;
        self.row(trace, number, begin + number * at_a_time)
    }

    fn row(&self, trace: usize, number: usize, place: usize) -> String {
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600);
        let start = day - Duration::from_millis(place.try_into().unwrap());
        let time = |time: SystemTime| humantime::format_rfc3339_millis(time).to_string();
        let (start, end, day) = (time(start), time(start + Duration::from_millis(5)), time(day));
        format!(
            r#"{{"id":"{place:016x}","traceId":"{trace:032x}","startTime":"{start}","endTime":"{end}","updatedAt":"{day}",
            "projectId":"lab-project","parentObservationId":null,"type":"GENERATION","name":"call {number}","level":"DEFAULT",
            "environment":"default","userId":"u-1","sessionId":"s-1","traceName":"chat","tags":["a","b"],
            "usageDetails":{{"input":2,"output":1,"total":3}},"costDetails":{{"total":0.0001}},"totalCost":0.0001}}"#
        )
    }

    fn answer(&self, request: &Request) -> Answer {
        let (_, query) = request.path.split_once('?').unwrap();
        let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query: HashMap<_, _> = pairs
            .map(|(name, value)| (name, decode(&value.replace('+', " "))))
            .collect();
        let begin: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let (rows, all): (Vec<_>, _) = match query.get("filter") {
            None => (
                (begin..ROWS).take(1000).map(|place| self.at(place)).collect(),
                ROWS,
            ),
            Some(filter) => {
                let filter: Value = serde_json::from_str(filter).unwrap();
                let traces = filter[0]["value"].as_array().unwrap();
                let trace = |at: usize| usize::from_str_radix(traces[at].as_str().unwrap(), 16).unwrap();
                let all = traces.len() * self.per_trace;
                let row = |place| self.of(trace(place / self.per_trace), place % self.per_trace);
                ((begin..all).take(1000).map(row).collect(), all)
            }
        };
        let end = begin + rows.len();
        let cursor = if end < all {
            format!(r#""cursor":"{end}""#)
        } else {
            String::new()
        };
        let body = format!(r#"{{"data":[{}],"meta":{{{cursor}}}}}"#, rows.join(","));
        Answer::json(200, &body)
    }
}

/// Reads all traces of such a server; answers how many, and the most memory meanwhile.
fn read(per_trace: usize) -> (usize, usize) {
    let _alone = ONE.lock().unwrap();
    let server = Receiver::new(move |request| Rows { per_trace }.answer(request));
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut traces = 0;
    for trace in langfuse.traces().rows().blocking() {
        let trace = trace.unwrap();
        assert_eq!(
            (trace.observations, trace.tokens()),
            (per_trace, Some(3 * per_trace as u64))
        );
        let expected = 100_000_000 * i128::try_from(per_trace).unwrap();
        assert_eq!(trace.total_cost.unwrap().picodollars(), expected);
        traces += 1;
    }
    let peak = MEMORY.peak_usage().saturating_sub(before);
    println!("{traces} traces of {per_trace}: {} KiB", peak / 1024);
    (traces, peak)
}

#[test]
fn many_traces_take_the_memory_of_fifty() {
    let (traces, peak) = read(50);
    assert_eq!(traces, ROWS / 50);
    assert!(peak < 24 * MIB, "{} MiB", peak / MIB);
}

#[test]
fn one_huge_trace_takes_the_memory_of_what_is_counted_of_it() {
    let (traces, peak) = read(ROWS);
    assert_eq!(traces, 1);
    assert!(peak < 96 * MIB, "{} MiB", peak / MIB);
}
