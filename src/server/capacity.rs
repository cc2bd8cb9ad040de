//! How many sessions the process has room for: they share the files, address space and memory that it may use, less what
//! the server itself needs. Used at start, by `ftpd check` and for each connection.
//!
//! If there are too few files, a call fails; that is only worth a warning. An allocation that fails ends the process, so
//! address space and memory also bound the number of sessions that are admitted.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;
use crate::ini::Finding;
use crate::protocol::plural::Plural;
use crate::server::pool::STACK;
use crate::sys::limits;

/// How much there is of something, and how much the server needs.
struct Supply {
    limit: u64,
    /// What the server needs without a session.
    own: u64,
    /// What a busy session needs.
    each: u64,
    shortage: fn(&Shortage) -> String,
}

/// A supply that is too small, in the words of a warning.
struct Shortage {
    max_cons: u64,
    needed: u64,
    limit: u64,
    fits: u64,
}

/// Whether there is room for one more session; asked for each connection, as limits of a running process can change.
pub struct Headroom {
    max_cons: usize,
    /// Address space in use when the server started: a limit that comes later finds more than an early one leaves.
    own: u64,
    /// The most sessions there ever were at once: the C library keeps as many stacks, or has freed them.
    most: AtomicUsize,
}

/// Descriptors that a session may hold at once: its connection, its home, a passive listener or what wakes it at a shared
/// one, a data connection, a file and its folder, or the two ends of a pipe in place of the listener and the folder.
const FILES_PER_SESSION: u64 = 6;
/// Descriptors of the server itself, in addition to the shared passive ports, which are bound at each local address:
/// standard streams, logs, listeners, signal pipes, sockets of the announcement.
const OWN_FILES: u64 = 32;
/// Growth of VmSize in a release build with one heap (MALLOC_ARENA_MAX=1), for each of 20 sessions in the middle of an upload
/// under TLS, the greediest of all: 855 KiB. 260 of them are stack and guard page; idle, it is 298.
const ADDRESS_SPACE_PER_SESSION: u64 = 864 * KIB;
/// The part of it that an idle session in clear has already: 279 KiB.
const ADDRESS_SPACE_IDLE: u64 = 280 * KIB;
/// VmSize at the start of the same server: 30 MiB, of a debug build 47.
const OWN_ADDRESS_SPACE: u64 = 52 * 1024 * KIB;
/// Growth of VmRSS for each of the same sessions: 622 KiB, in clear 32, idle 12.
const MEMORY_PER_SESSION: u64 = 640 * KIB;
/// VmRSS at the start of the same server: 10 MiB, of a debug build 24; all but 2 of them are pages of the program's file, which
/// the kernel can take back.
const OWN_MEMORY: u64 = 16 * 1024 * KIB;
/// What is left for everything else when a thread is started: another thread's signal stack, growth of the heap.
const SPARE_ADDRESS_SPACE: u64 = 4 * 1024 * KIB;
const KIB: u64 = 1024;

/// Warnings about limits that are too low for `max_cons`.
pub fn warnings(config: &Config) -> Vec<Finding> {
    let max_cons = count(config.server.max_cons);
    let ports = files(config).filter(|files| files.own + files.each > files.limit);
    if let Some(Supply { own, limit, .. }) = ports {
        // No number of sessions would help.
        let reason = format!("so many passive ports may need {own} open files, but the limit is {limit}");
        let fix = format!(
            "a range of {} ports is enough for max_cons = {max_cons}",
            max_cons.saturating_mul(2).min(limit / 2)
        );
        return vec![Finding::warning(&config.source("passive", "passive_ports"), reason).fix(fix)];
    }
    let supplies = [files(config), address_space(), memory()];
    let lines = supplies.into_iter().flatten().filter_map(|supply| supply.warning(max_cons));
    lines.map(|line| Finding::warning(&config.source("server", "max_cons"), line)).collect()
}

/// The number of sessions to admit at most.
pub fn sessions(config: &Config) -> usize {
    let fit = [address_space(), memory()].into_iter().flatten().map(|supply| supply.fits()).min();
    let fit = fit.and_then(|fit| usize::try_from(fit).ok()).unwrap_or(usize::MAX);
    config.server.max_cons.min(fit)
}

fn files(config: &Config) -> Option<Supply> {
    let ports = config.passive.passive_ports.as_ref().map_or(0, |range| range.len() * config.server.ip.len());
    Some(Supply {
        limit: limits::open_files()?,
        own: count(ports) + OWN_FILES,
        each: FILES_PER_SESSION,
        shortage: |Shortage { max_cons, needed, limit, fits }| {
            format!(
                "max_cons = {max_cons} may need {needed} open files, but the limit is {limit}: \
                 set max_cons = {fits}, or LimitNOFILE={needed} in the service (ulimit -n {needed} in a shell)"
            )
        },
    })
}

fn address_space() -> Option<Supply> {
    Some(Supply {
        limit: limits::address_space()?,
        own: OWN_ADDRESS_SPACE,
        each: ADDRESS_SPACE_PER_SESSION,
        shortage: |shortage| {
            shortage.in_kib("address space", "the limit", |needed| {
                format!("LimitAS={needed}K in the service (ulimit -v {needed} in a shell)")
            })
        },
    })
}

fn memory() -> Option<Supply> {
    Some(Supply {
        limit: limits::memory()?,
        own: OWN_MEMORY,
        each: MEMORY_PER_SESSION,
        shortage: |shortage| {
            shortage
                .in_kib("memory", "the control group's limit", |needed| format!("MemoryMax={needed}K in the service"))
        },
    })
}

impl Supply {
    /// How many sessions it is enough for, at least one.
    fn fits(&self) -> u64 {
        (self.limit.saturating_sub(self.own) / self.each).max(1)
    }

    fn warning(&self, max_cons: u64) -> Option<String> {
        let (fits, limit) = (self.fits(), self.limit);
        let needed = max_cons.saturating_mul(self.each).saturating_add(self.own);
        (needed > limit).then(|| (self.shortage)(&Shortage { max_cons, needed, limit, fits }))
    }
}

impl Shortage {
    /// The warning about a limit that bounds the sessions; `raised` says how to set it to a number of KiB.
    fn in_kib(&self, what: &str, limited: &str, raised: fn(u64) -> String) -> String {
        let Shortage { max_cons, fits, .. } = self;
        let (needed, limit) = (self.needed.div_ceil(KIB), self.limit / KIB);
        format!(
            "max_cons = {max_cons} may need {needed} KiB of {what}, but {limited} is {limit} KiB: {} at most can be \
             admitted; set max_cons = {fits}, or {}",
            Plural(*fits, "session"),
            raised(needed)
        )
    }
}

impl Headroom {
    /// For at most this many sessions.
    pub fn new(max_cons: usize) -> Self {
        Self { max_cons, own: limits::address_space_in_use().unwrap_or(0), most: AtomicUsize::new(0) }
    }

    /// The number of sessions to admit at most.
    pub fn max_cons(&self) -> usize {
        self.max_cons
    }

    /// Whether there is address space for the last of these sessions, which is about to get its thread.
    pub fn is_enough_for(&self, sessions: impl FnOnce() -> usize) -> bool {
        let Some(mut supply) = address_space() else { return true };
        let is_late = self.own > supply.own;
        supply.own = supply.own.max(self.own);
        let sessions = sessions();
        let known = sessions <= self.most.load(Ordering::Relaxed);
        // What a heap has reserved before a late limit came is of no use to the others: each session may still grow.
        let growing = if is_late { count(sessions).saturating_mul(supply.each - ADDRESS_SPACE_IDLE) } else { 0 };
        let enough = count(sessions) <= supply.fits() && (known || left(supply.limit) >= count(STACK) + growing);
        if enough {
            self.most.fetch_max(sessions, Ordering::Relaxed);
        }
        enough
    }
}

/// Address space that is neither in use nor kept spare.
fn left(limit: u64) -> u64 {
    limit.saturating_sub(limits::address_space_in_use().unwrap_or(0)).saturating_sub(SPARE_ADDRESS_SPACE)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(limit: u64) -> Supply {
        Supply { limit, own: 100, each: 10, shortage: |shortage| format!("{} of {}", shortage.fits, shortage.needed) }
    }

    #[test]
    fn what_the_server_does_not_need_is_shared_among_sessions() {
        let cases =
            [(300, 20, None), (299, 19, Some("19 of 300")), (105, 1, Some("1 of 300")), (0, 1, Some("1 of 300"))];
        for (limit, fits, warning) in cases {
            assert_eq!(supply(limit).fits(), fits, "{limit}");
            assert_eq!(supply(limit).warning(20).as_deref(), warning, "{limit}");
        }
        assert_eq!(supply(u64::MAX).warning(u64::MAX).as_deref(), None);
    }
}
