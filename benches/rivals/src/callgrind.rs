//! Instructions, which noise does not move.

use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::Result;
use crate::figures::{Table, whole};
use crate::rows::Row;
use crate::scale::Scale;
use crate::sink::Sink;
use crate::workloads::Workload;

/// Whether there is a valgrind on this machine.
pub(crate) fn is_here() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// How many instructions this program runs with these words, within [`measured`](crate::child::measured) and on its thread.
pub(crate) fn count(words: &[&str]) -> Result<f64> {
    let out = env::temp_dir().join(format!("rivals-{}.callgrind", process::id()));
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*child*measured*",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .args(words)
        .output()?;
    let profile = fs::read_to_string(&out);
    // There is none where valgrind itself failed.
    let _ = fs::remove_file(&out);
    if !output.status.success() {
        return Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let profile = profile?;
    let sum = profile
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    let sum: f64 = sum.ok_or("a profile without a sum")?.trim().parse()?;
    if sum == 0.0 {
        return Err("callgrind did not find the function to count in".into());
    }
    Ok(sum)
}

/// Instructions of a span on the application's thread.
pub(crate) struct Instructions(Vec<(Row, f64, f64)>);

impl Instructions {
    pub(crate) fn measure(sink: &mut Sink, scale: &Scale) -> Result<Self> {
        let mut rows = Vec::new();
        let few: &[Row] = &[Row::Registry, Row::Ours];
        for &row in if scale.is_whole { &Row::TIMED } else { few } {
            eprintln!("instructions: {row}");
            let mut of = |workload: Workload| -> Result<f64> {
                let (row, workload) = (row.to_string(), workload.to_string());
                let (port, spans) = (sink.port()?.to_string(), scale.counted_spans.to_string());
                let sum = count(&["instructions", &row, &workload, &port, &spans])?;
                // The parent is one of them.
                Ok(sum / (scale.counted_spans + 1) as f64)
            };
            rows.push((row, of(Workload::Empty)?, of(Workload::Generation)?));
        }
        Ok(Self(rows))
    }

    pub(crate) fn of(&self, workload: Workload, row: Row) -> Option<f64> {
        let (_, empty, generation) = self.0.iter().find(|(it, ..)| *it == row)?;
        Some(if workload == Workload::Empty {
            *empty
        } else {
            *generation
        })
    }

    pub(crate) fn show(&self) {
        println!("#### Instructions of a span on the application's thread (callgrind)\n");
        let mut table = Table::new(&["row", "W1", "W2"]);
        for (row, empty, generation) in &self.0 {
            table.row(&[row.label().to_owned(), whole(*empty), whole(*generation)]);
        }
        println!("{table}");
    }
}
