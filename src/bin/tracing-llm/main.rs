//! `tracing-llm`: a Langfuse project on the command line.
//!
//! It is a user of the crate, and uses nothing but its public API. Which project it speaks to, the variables say that a program
//! would be told by: `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY`, `LANGFUSE_BASE_URL`.
//!
//! What was asked for goes to stdout and can be piped, what went wrong to stderr. The exit code is 0, 1 after a failure and 2
//! after arguments that cannot be.

mod args;
mod cost;
mod doctor;
mod page;
mod prompt;
mod score;
mod table;
mod traces;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Args, Command};
use self::page::{Failure, Outcome, Page};

fn main() -> ExitCode {
    let args = Args::parse();
    let mut stdout = io::stdout().lock();
    let mut page = Page::stdout(&mut stdout);
    match run(args, &mut page).and_then(|()| page.flush()) {
        // Whoever reads has enough (`| head`).
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Said(why)) => {
            let _ = writeln!(io::stderr(), "tracing-llm: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args, page: &mut Page<'_>) -> Outcome {
    match args.command {
        Command::Doctor(args) => doctor::run(&args, page),
        Command::Prompt(command) => prompt::run(command, page),
        Command::Score(args) => score::run(args, page),
        Command::Cost(args) => cost::run(&args, page),
        Command::Traces(args) => traces::run(&args, page),
    }
}
