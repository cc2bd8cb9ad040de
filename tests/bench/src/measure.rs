//! What the server's processes cost: CPU time, memory, and on which CPUs all of it runs.
//!
//! One server runs at a time, so its processes are all descendants of this one. Orphans come to us too (sub-reaper) and
//! are not reaped before the end of the cell: what they used is still there to be read.

use std::collections::HashMap;
use std::fs;

use rustix::process::getpid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::Failure;

/// All processes below this one.
pub fn processes() -> Vec<i32> {
    let stats: Vec<Stat> = numbers_in("/proc").into_iter().filter_map(Stat::of).collect();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for stat in &stats {
        children.entry(stat.parent).or_default().push(stat.process);
    }
    let mut found = vec![getpid().as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(process).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

/// All threads of all processes below this one.
pub fn threads() -> Vec<i32> {
    processes().into_iter().flat_map(threads_of).collect()
}

/// User and system time of all processes below this one and of the children that they have reaped, in seconds.
pub fn cpu_seconds() -> f64 {
    let tick = 1.0 / rustix::param::clock_ticks_per_second() as f64;
    let used = |stat: Stat| {
        // Ticks are cut off, for each process: much, if there are many. Nanoseconds miss the threads that have ended.
        let exact = threads_of(stat.process).into_iter().map(nanoseconds_of).sum::<u64>() as f64 / 1e9;
        exact.max(stat.own as f64 * tick) + stat.reaped as f64 * tick
    };
    processes().into_iter().filter_map(Stat::of).map(used).sum()
}

/// The same for the threads that there are now alone, to the nanosecond.
pub fn thread_seconds() -> f64 {
    threads().into_iter().map(nanoseconds_of).sum::<u64>() as f64 / 1e9
}

/// Proportional set size of all processes below this one, in KiB.
pub fn pss_kib() -> f64 {
    processes().into_iter().map(pss_of).sum()
}

/// Lets this thread, and all that it starts from now on, run on one CPU only.
pub fn pin_to_one_cpu() -> Result<(), Failure> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rfind(|&cpu| allowed.is_set(cpu)).unwrap_or(0);
    let mut one = CpuSet::new();
    one.set(last);
    Ok(sched_setaffinity(None, &one)?)
}

/// One line of /proc/PID/stat.
struct Stat {
    process: i32,
    parent: i32,
    /// utime and stime, in ticks.
    own: u64,
    /// cutime and cstime, in ticks.
    reaped: u64,
}

impl Stat {
    fn of(process: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before may hold blanks; the state is field 3 of proc(5), the first one here.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
        let parent = i32::try_from(field(4)?).ok()?;
        Some(Self { process, parent, own: field(14)? + field(15)?, reaped: field(16)? + field(17)? })
    }
}

fn threads_of(process: i32) -> Vec<i32> {
    numbers_in(&format!("/proc/{process}/task"))
}

/// The first field of schedstat: time on a CPU.
fn nanoseconds_of(thread: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or_default()
}

fn pss_of(process: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    pss.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

fn numbers_in(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
