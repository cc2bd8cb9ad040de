//! Giving up root, once everything that needs it is bound and open.

use std::io;

use crate::config;
use crate::net::source_port::SourcePort;
use crate::sys::access::user_id;
use crate::sys::person::Person;
use crate::sys::privileges::{LowPorts, left_of_root};

/// Makes the whole process the configured user, if there is one, and checks that this holds for every thread. The thread of
/// `data_port`, if there is one, keeps the right to bind ports below 1024, if root had it. It is an error if anything of
/// root is left.
pub fn give_up_root(server: &config::ServerSection, source: Option<&SourcePort>) -> io::Result<()> {
    let Some(person) = wanted(server)? else { return Ok(()) };
    let name = &person.name;
    if user_id() == person.user {
        return Ok(());
    }
    if user_id() != 0 {
        return Err(io::Error::other(only_root(&person)));
    }
    source.map(|source| source.run(LowPorts::prepare)).transpose()?.transpose()?;
    person.become_for_good().map_err(|error| io::Error::other(format!("can't become the user {name}: {error}")))?;
    let low_ports = source.map(|source| source.run(LowPorts::keep)).transpose()?.transpose()?;
    match left_of_root(&person, low_ports) {
        Some(what) => {
            Err(io::Error::other(format!("something of root is left after becoming the user {name}: {what}")))
        }
        None => {
            log::info!("root is given up: running as {name}, uid={}, gid={}", person.user, person.group);
            Ok(())
        }
    }
}

/// The user that ftpd.conf names. The error says in words that this system has no such user or group.
pub fn wanted(server: &config::ServerSection) -> io::Result<Option<Person>> {
    let Some(user) = &server.user else { return Ok(None) };
    Person::find(user, server.group.as_deref()).map(Some).map_err(io::Error::other)
}

/// What to tell a user who is not root and has asked for another one.
fn only_root(person: &Person) -> String {
    format!("only root can become the user {}: start as root, or leave `user` out of ftpd.conf", person.name)
}
