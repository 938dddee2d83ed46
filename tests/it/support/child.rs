//! A program of its own process: this test binary once more, running one test that is a `main`.
#![cfg_attr(
    not(all(unix, feature = "signal")),
    allow(dead_code, reason = "what only the tests of signals need")
)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// The variable that makes a test which is a `main` do its work; what it says is the test's own.
pub(crate) const RUN: &str = "TRACING_LLM_TEST_PROGRAM";

/// How long a program may say nothing before the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<Line>,
    out: Vec<String>,
    err: Vec<String>,
}

enum Line {
    Out(String),
    Err(String),
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
}

impl Child {
    /// Starts the test with this name, with no variables but these.
    pub(crate) fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        forward(process.stdout.take().unwrap(), sender.clone(), Line::Out);
        forward(process.stderr.take().unwrap(), sender, Line::Err);
        Self {
            process,
            lines,
            out: Vec::new(),
            err: Vec::new(),
        }
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(test: &str, variables: &[(&str, &str)]) -> Ended {
        Self::start(test, variables).end()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it says a word on stdout; fails the test when it ends without.
    pub(crate) fn wait_for(&mut self, word: &str) {
        while self.next_line() {
            if self.out.last().is_some_and(|line| line.contains(word)) {
                return;
            }
        }
        panic!("it ended and never said {word}: {:?} {:?}", self.out, self.err);
    }

    pub(crate) fn end(mut self) -> Ended {
        while self.next_line() {}
        let status = self.process.wait().unwrap();
        Ended {
            succeeded: status.success(),
            code: status.code(),
            out: std::mem::take(&mut self.out),
            err: std::mem::take(&mut self.err),
        }
    }

    /// Takes one more line; false when both streams have ended.
    fn next_line(&mut self) -> bool {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(Line::Out(line)) => self.out.push(line),
            Ok(Line::Err(line)) => self.err.push(line),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("it hangs: {:?} {:?}", self.out, self.err),
        }
        true
    }
}

/// A failing test leaves no program behind.
impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// What stands behind a label on stdout. The test runner's own words may stand before it.
    pub(crate) fn said(&self, label: &str) -> Option<&str> {
        self.out
            .iter()
            .find_map(|line| line.split_once(label))
            .map(|(_, rest)| rest)
    }

    /// The lines that the crate said on stderr.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let lines = self.err.iter();
        lines
            .filter_map(|line| line.strip_prefix("tracing-llm: "))
            .collect()
    }
}

fn forward(stream: impl Read + Send + 'static, lines: Sender<Line>, as_line: fn(String) -> Line) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(as_line(line)).is_err() {
                return;
            }
        }
    });
}
