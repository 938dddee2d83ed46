//! What the machine says of this process: CPU time and memory.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use crate::Result;

/// CPU time of the current thread, in nanoseconds.
pub(crate) fn of_thread() -> u64 {
    nanos(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of the process, ended ones too, in nanoseconds.
pub(crate) fn of_process() -> u64 {
    nanos(ClockId::ProcessCPUTime)
}

fn nanos(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Resident memory in KiB: now, and at its peak.
pub(crate) fn resident_kib() -> Result<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.split_whitespace().next());
        Ok(value.ok_or("no such line in /proc/self/status")?.parse()?)
    };
    Ok((of("VmRSS:")?, of("VmHWM:")?))
}
