//! Giving up root, once everything that needs it is bound and open.

use std::fs;
use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, Pid};

use crate::config;
use crate::net::source_port::SourcePort;
use crate::sys::person::Person;

/// The thread that keeps a capability.
#[derive(Clone, Copy)]
struct Keeper {
    thread: Pid,
    kept: CapabilitySet,
}

/// Makes the whole process the configured user, if there is one, and checks that this holds for every thread. The one of
/// `data_port`, if there is one, keeps the right to bind ports below 1024, if root had it.
///
/// # Errors
/// When that user is unknown, somebody else is asked for without root, or anything of root is left.
pub fn give_up_root(server: &config::ServerSection, source: Option<&SourcePort>) -> io::Result<()> {
    let Some(person) = wanted(server)? else { return Ok(()) };
    let name = &person.name;
    if rustix::process::geteuid().as_raw() == person.user {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(told(only_root(&person)));
    }
    // A capability that is kept is out of effect at first.
    source.map_or(Ok(Ok(())), |source| source.run(|| rustix::thread::set_keep_capabilities(true)))??;
    person.become_for_good().map_err(|error| told(format!("can't become the user {name}: {error}")))?;
    let keeper = source.map(|source| source.run(keep_binding_alone)).transpose()?.transpose()?;
    match left_of_root(&person, keeper) {
        Some(what) => Err(told(format!("something of root is left after becoming the user {name}: {what}"))),
        None => {
            log::info!("root is given up: running as {name}, uid={}, gid={}", person.user, person.group);
            Ok(())
        }
    }
}

/// The user that ftpd.conf names.
///
/// # Errors
/// In words, when this system has no such user or group.
pub fn wanted(server: &config::ServerSection) -> io::Result<Option<Person>> {
    let Some(user) = &server.user else { return Ok(None) };
    Person::find(user, server.group.as_deref()).map(Some).map_err(|error| told(format!("user: {error}")))
}

/// What whoever is not root hears.
pub fn only_root(person: &Person) -> String {
    format!("only root can become the user {}: start as root, or leave `user` out of ftpd.conf", person.name)
}

/// All that this thread may do besides what the user may is to bind ports below 1024.
fn keep_binding_alone() -> io::Result<Keeper> {
    rustix::thread::set_keep_capabilities(false)?;
    let none = CapabilitySet::empty();
    let kept = rustix::thread::capabilities(None)?.permitted & CapabilitySet::NET_BIND_SERVICE;
    rustix::thread::set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none })?;
    Ok(Keeper { thread: rustix::thread::gettid(), kept })
}

/// What a way back would need.
fn left_of_root(person: &Person, keeper: Option<Keeper>) -> Option<String> {
    let user = rustix::process::Uid::from_raw(person.user);
    if rustix::thread::set_thread_res_uid(user, rustix::process::Uid::ROOT, user).is_ok() {
        return Some("it can become root again".to_owned());
    }
    let capabilities = rustix::thread::capabilities(None).map(|sets| sets.effective | sets.permitted);
    if capabilities != Ok(CapabilitySet::empty()) {
        return Some(format!("capabilities: {capabilities:?}"));
    }
    // Where /proc is not there, this thread stands for all.
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(|status| differing(&status, person, keeper)).next()
}

/// The line of a thread's status that does not fit the user.
fn differing(status: &str, person: &Person, keeper: Option<Keeper>) -> Option<String> {
    let is_of = |keeper: &Keeper| status.lines().any(|line| line == format!("Pid:\t{}", keeper.thread));
    let kept = keeper.filter(is_of).map_or(CapabilitySet::empty(), |keeper| keeper.kept);
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

fn told(text: String) -> io::Error {
    io::Error::other(text)
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
        let keeper = Some(Keeper { thread, kept: CapabilitySet::NET_BIND_SERVICE });
        let status = |thread, kept| format!("Pid:\t{thread}\nCapPrm:\t{kept}\nCapEff:\t{kept}\n");
        assert_eq!(differing(&status("70", "0000000000000400"), &person, keeper), None);
        for (thread, kept) in [("7", "0000000000000400"), ("70", "0000000000000480"), ("70", "0000000000000000")] {
            assert_eq!(differing(&status(thread, kept), &person, keeper), Some(format!("CapPrm:\t{kept}")));
        }
    }
}
