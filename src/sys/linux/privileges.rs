//! What is left of root after the process has become another user.

use std::fs;
use std::io;

use rustix::process::Uid;
use rustix::thread::{CapabilitySet, CapabilitySets, Pid};

use crate::sys::person::Person;

/// The thread that keeps the right to bind ports below 1024, if it had it.
#[derive(Clone, Copy)]
pub struct LowPorts {
    thread: Pid,
    kept: CapabilitySet,
}

impl LowPorts {
    /// Lets the calling thread keep its rights when the process becomes another user. They are out of effect then, until
    /// [`LowPorts::keep`].
    pub fn prepare() -> io::Result<()> {
        Ok(rustix::thread::set_keep_capabilities(true)?)
    }

    /// Takes all rights from the calling thread that its user does not have, except the one to bind ports below 1024.
    pub fn keep() -> io::Result<LowPorts> {
        rustix::thread::set_keep_capabilities(false)?;
        let none = CapabilitySet::empty();
        let kept = rustix::thread::capabilities(None)?.permitted & CapabilitySet::NET_BIND_SERVICE;
        rustix::thread::set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none })?;
        Ok(LowPorts { thread: rustix::thread::gettid(), kept })
    }
}

/// What a thread of this process could use to become root again, in words; `None` if there is nothing, as it should be.
pub fn left_of_root(person: &Person, exception: Option<LowPorts>) -> Option<String> {
    let user = Uid::from_raw(person.user);
    if rustix::thread::set_thread_res_uid(user, Uid::ROOT, user).is_ok() {
        return Some("it can become root again".to_owned());
    }
    let capabilities = rustix::thread::capabilities(None).map(|sets| sets.effective | sets.permitted);
    if capabilities != Ok(CapabilitySet::empty()) {
        return Some(format!("capabilities: {capabilities:?}"));
    }
    // Without /proc, this thread stands for all.
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(|status| differing(&status, person, exception)).next()
}

/// The first line of a thread's status that does not fit the user.
fn differing(status: &str, person: &Person, exception: Option<LowPorts>) -> Option<String> {
    let is_of = |exception: &LowPorts| status.lines().any(|line| line == format!("Pid:\t{}", exception.thread));
    let kept = exception.filter(is_of).map_or(CapabilitySet::empty(), |exception| exception.kept);
    let fits = |line: &&str| {
        let (key, values) = line.split_once(':').unwrap_or((line, ""));
        let mut numbers = values.split_whitespace().map(|value| value.parse::<u32>().ok());
        match key {
            "Uid" => numbers.all(|number| number == Some(person.user)),
            "Gid" => numbers.all(|number| number == Some(person.group)),
            "Groups" => numbers.all(|number| number.is_some_and(|number| person.groups.contains(&number))),
            "CapPrm" | "CapEff" => u64::from_str_radix(values.trim(), 16) == Ok(kept.bits()),
            "CapAmb" => values.trim().bytes().all(|digit| digit == b'0'),
            _ => true,
        }
    };
    status.lines().find(|line| !fits(line)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_not_the_user_in_every_way_is_found() {
        let person = Person { name: "ftp".to_owned(), user: 5, group: 6, groups: vec![6, 7] };
        let status = |uid, gid, groups, capabilities| {
            format!(
                "Name:\tlog\nUid:\t{uid}\nGid:\t{gid}\nGroups:\t{groups} \nCapInh:\t0000000000000001\nCapEff:\t{capabilities}\n"
            )
        };
        let (five, six, none) = ("5\t5\t5\t5", "6\t6\t6\t6", "0000000000000000");
        assert_eq!(differing(&status(five, six, "6 7", none), &person, None), None);
        let cases = [
            (status("5\t5\t0\t5", six, "6 7", none), "Uid:\t5\t5\t0\t5"),
            (status(five, "0\t6\t6\t6", "6 7", none), "Gid:\t0\t6\t6\t6"),
            (status(five, six, "0 6", none), "Groups:\t0 6 "),
            (status(five, six, "6", "0000000000000400"), "CapEff:\t0000000000000400"),
        ];
        for (status, line) in cases {
            assert_eq!(differing(&status, &person, None).as_deref(), Some(line));
        }
    }

    #[test]
    fn one_thread_may_have_what_it_keeps_and_no_other() {
        let person = Person { name: "ftp".to_owned(), user: 5, group: 6, groups: vec![6] };
        let thread = Pid::from_raw(70).expect("a number");
        let exception = Some(LowPorts { thread, kept: CapabilitySet::NET_BIND_SERVICE });
        let status = |thread, kept| format!("Pid:\t{thread}\nCapPrm:\t{kept}\nCapEff:\t{kept}\n");
        assert_eq!(differing(&status("70", "0000000000000400"), &person, exception), None);
        for (thread, kept) in [("7", "0000000000000400"), ("70", "0000000000000480"), ("70", "0000000000000000")] {
            assert_eq!(differing(&status(thread, kept), &person, exception), Some(format!("CapPrm:\t{kept}")));
        }
    }
}
