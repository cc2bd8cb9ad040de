//! System calls, counted by strace while a workload runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::Failure;
use crate::measure;

/// strace on all threads of the server.
pub struct Trace {
    child: Child,
    summary: PathBuf,
}

/// How often each system call was made.
pub struct Calls(BTreeMap<String, u64>);

/// Maximum number of kinds that are named.
const MOST: usize = 12;
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
/// Processes of the server that are just ending may finish.
const SETTLE: Duration = Duration::from_millis(200);

impl Trace {
    /// Attaches to everything that runs below this process.
    pub fn attach(folder: &Path) -> Result<Self, Failure> {
        let summary = folder.join("strace");
        let (processes, threads) = (measure::processes(), measure::threads());
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-qq", "-U", "calls,name", "-o"]).arg(&summary);
        for process in processes {
            command.args(["-p", &process.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| Failure::Unsupported(format!("strace: {error}")))?;
        let mut trace = Self { child, summary };
        let deadline = Instant::now() + PATIENCE;
        while !threads.iter().all(|&thread| is_traced(thread)) {
            if trace.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(Failure::broken("strace does not attach"));
            }
            thread::sleep(POLL);
        }
        Ok(trace)
    }

    /// Detaches; what was called since.
    pub fn detach(mut self) -> Result<Calls, Failure> {
        thread::sleep(SETTLE);
        if let Some(process) = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default()) {
            kill_process(process, Signal::INT)?;
        }
        self.child.wait()?;
        let text = fs::read_to_string(&self.summary)?;
        let lines = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        let calls = lines.filter_map(|(count, name)| Some((name.trim().to_owned(), count.parse().ok()?)));
        Ok(Calls(calls.filter(|(name, _)| name != "total").collect()))
    }
}

impl Calls {
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// "2 recvfrom, 1 openat", for each of this many operations: the most frequent ones.
    pub fn per_operation(&self, operations: u64) -> String {
        let mut calls: Vec<_> = self.0.iter().filter(|&(_, &count)| 2 * count >= operations).collect();
        calls.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
        calls.truncate(MOST);
        let each = calls.iter().map(|&(name, &count)| {
            let number = (count as f64 / operations as f64 * 10.0).round() / 10.0;
            format!("{number} {name}")
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

fn is_traced(thread: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
        || status.contains("\nState:\tZ")
        || status.is_empty()
}
