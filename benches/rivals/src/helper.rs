//! This program once more, in a process of its own, that answers a line for each line.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

use crate::Result;

/// It ends with this.
pub(crate) struct Helper {
    name: String,
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start(words: &[&str]) -> Result<Self> {
        Self::run(Command::new(env::current_exe()?).args(words))
    }

    pub(crate) fn run(command: &mut Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = process.stdout.take().ok_or("it has no output")?;
        Ok(Self {
            name: format!("{command:?}"),
            commands: process.stdin.take(),
            answers: BufReader::new(answers),
            process,
        })
    }

    pub(crate) fn ask(&mut self, command: &str) -> Result<String> {
        writeln!(self.commands.as_ref().ok_or("it has no input")?, "{command}")?;
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Result<String> {
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(format!("{} has ended", self.name).into());
        }
        Ok(answer.trim_end().to_owned())
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn end(mut self) -> Result<()> {
        self.commands = None;
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("{}: {status}", self.name).into());
        }
        Ok(())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.process.wait();
    }
}

/// The numbers of an answer, which must be so many.
pub(crate) fn numbers<T: FromStr, const N: usize>(answer: &str) -> Result<[T; N]> {
    let numbers: Vec<T> = answer.split(' ').filter_map(|word| word.parse().ok()).collect();
    numbers
        .try_into()
        .map_err(|_| format!("{answer:?} are not {N} numbers").into())
}
