//! All parts, one after the other, as Markdown.

use std::process::Command;
use std::{fs, thread};

use crate::Result;
use crate::callgrind::{self, Instructions};
use crate::growth::Growth;
use crate::push::Pushes;
use crate::scale::Scale;
use crate::sink::Sink;
use crate::spans::Spans;
use crate::startup::Startup;
use crate::targets;

/// What was measured; the rest was not asked for.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) spans: Option<Spans>,
    pub(crate) instructions: Option<Instructions>,
    pub(crate) pushes: Option<Pushes>,
    pub(crate) growth: Option<Growth>,
    pub(crate) startup: Option<Startup>,
}

const PARTS: [&str; 5] = ["spans", "instructions", "throughput", "growth", "startup"];

/// Measures and prints the parts that are named, or all.
pub(crate) fn main(words: &[&str]) -> Result<()> {
    let (options, parts): (Vec<_>, Vec<_>) = words.iter().copied().partition(|word| word.starts_with("--"));
    let scale = match options[..] {
        [] => Scale::WHOLE,
        ["--smoke"] => Scale::TINY,
        _ => return Err(format!("{options:?}: there is only --smoke").into()),
    };
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(part)) {
        return Err(format!("there is no part {unknown:?}, only {PARTS:?}").into());
    }
    let wants = |part| parts.is_empty() || parts.contains(&part);
    let counts = callgrind::is_here();
    if !counts {
        eprintln!("without valgrind no instructions are counted");
    }
    head()?;
    let mut sink = Sink::start()?;
    let mut report = Report::default();
    if wants("spans") {
        let spans = Spans::measure(&mut sink, &scale)?;
        spans.show();
        report.spans = Some(spans);
    }
    if counts && wants("instructions") {
        let instructions = Instructions::measure(&mut sink, &scale)?;
        instructions.show();
        report.instructions = Some(instructions);
    }
    if wants("throughput") {
        let pushes = Pushes::measure(&mut sink, &scale)?;
        pushes.show();
        report.pushes = Some(pushes);
    }
    if wants("growth") {
        let growth = Growth::measure(&mut sink, &scale, counts)?;
        growth.show();
        report.growth = Some(growth);
    }
    if wants("startup") {
        let startup = Startup::measure(&mut sink, &scale)?;
        startup.show();
        report.startup = Some(startup);
    }
    if scale.is_whole {
        targets::show(&report);
    }
    Ok(())
}

/// When it was, and on what.
fn head() -> Result<()> {
    let line = |command: &mut Command| -> Result<String> {
        let text = String::from_utf8(command.output()?.stdout)?;
        Ok(text.trim().to_owned())
    };
    let date = line(Command::new("date").arg("+%Y-%m-%d"))?;
    let compiler = line(Command::new("rustc").arg("--version"))?;
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |name| {
        let line = processors.lines().find(|line: &&str| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown")
            .to_owned()
    };
    let (maker, family, model) = (of("vendor_id"), of("cpu family"), of("model\t"));
    let cores = thread::available_parallelism()?;
    println!("{date}, {cores} cores ({maker} family {family}, model {model}), {compiler}.\n");
    Ok(())
}
