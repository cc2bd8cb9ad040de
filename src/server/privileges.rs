//! Giving up root, once everything that needs it is bound and open.

use std::fs;
use std::io;

use rustix::thread::CapabilitySet;

use crate::auth::person::Person;
use crate::config;

/// Makes the whole process the configured user, if there is one, and looks whether that holds for every thread.
///
/// # Errors
/// When that user is unknown, somebody else is asked for without root, or anything of root is left.
pub fn give_up_root(server: &config::Server) -> io::Result<()> {
    let Some(person) = wanted(server)? else { return Ok(()) };
    let name = &person.name;
    if rustix::process::geteuid().as_raw() == person.user {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(told(only_root(&person)));
    }
    person.become_for_good().map_err(|error| told(format!("can't become the user {name}: {error}")))?;
    match left_of_root(&person) {
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
pub fn wanted(server: &config::Server) -> io::Result<Option<Person>> {
    let Some(user) = &server.user else { return Ok(None) };
    Person::find(user, server.group.as_deref()).map(Some).map_err(|error| told(format!("user: {error}")))
}

/// What whoever is not root hears.
pub fn only_root(person: &Person) -> String {
    format!("only root can become the user {}: start as root, or leave `user` out of ftpd.conf", person.name)
}

/// Nothing that this program starts, or that takes it over, gets more rights than it has. To be called while there is
/// one thread: the others inherit it.
pub fn forbid_more() {
    // Kernels older than 3.5 lack it, and nothing else depends on it.
    let _ = rustix::thread::set_no_new_privs(true);
}

/// What a way back would need.
fn left_of_root(person: &Person) -> Option<String> {
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
    statuses.filter_map(|status| differing(&status, person)).next()
}

/// The line of a thread's status that does not fit the user.
fn differing(status: &str, person: &Person) -> Option<String> {
    let fits = |line: &&str| {
        let (key, values) = line.split_once(':').unwrap_or((line, ""));
        let mut numbers = values.split_whitespace().map(|value| value.parse::<u32>().ok());
        match key {
            "Uid" => numbers.all(|number| number == Some(person.user)),
            "Gid" => numbers.all(|number| number == Some(person.group)),
            "Groups" => numbers.all(|number| number.is_some_and(|number| person.groups.contains(&number))),
            "CapPrm" | "CapEff" | "CapAmb" => values.trim().bytes().all(|digit| digit == b'0'),
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
        assert_eq!(differing(&status(five, six, "6 7", none), &person), None);
        let cases = [
            (status("5\t5\t0\t5", six, "6 7", none), "Uid:\t5\t5\t0\t5"),
            (status(five, "0\t6\t6\t6", "6 7", none), "Gid:\t0\t6\t6\t6"),
            (status(five, six, "0 6", none), "Groups:\t0 6 "),
            (status(five, six, "6", "0000000000000400"), "CapEff:\t0000000000000400"),
        ];
        for (status, line) in cases {
            assert_eq!(differing(&status, &person).as_deref(), Some(line));
        }
    }
}
