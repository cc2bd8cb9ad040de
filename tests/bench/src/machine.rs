//! The machine, in one line: figures without it mean nothing.

use std::fs;
use std::thread;

/// The load that was there before us: what runs besides makes every figure doubtful.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Whether each POSIX session has a share of the CPUs of its own: a server that calls setsid for each client then runs
/// ahead of its clients where they are many.
pub fn autogroup() -> &'static str {
    let text = fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled").unwrap_or_default();
    if text.trim() == "1" { "on" } else { "off" }
}

/// Processor, CPUs, memory, kernel.
pub fn description() -> String {
    let memory = value_in("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {} CPUs, {} GiB, Linux {}",
        value_in("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned()),
        thread::available_parallelism().map_or(1, usize::from),
        memory.unwrap_or_default() >> 20,
        kernel.trim(),
    )
}

fn value_in(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
