//! A DNS name's address, looked up at start and again when it ages by a thread of its own: no session ever waits for DNS.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::protocol::address;

/// The last good answers.
#[derive(Debug, Default)]
pub struct Names {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The name that is looked up, and what the server listens on.
    wanted: Option<(String, Vec<IpAddr>)>,
    /// The name that was looked up last, whatever came of it.
    tried: Option<String>,
    /// Also of former names, for the sessions that were there before the settings changed.
    answers: HashMap<String, Ipv4Addr>,
    /// What was said last about a lookup that failed.
    trouble: Option<String>,
    is_running: bool,
}

/// An answer ages so fast.
const AGE: Duration = Duration::from_secs(300);
/// After a failure the next try comes sooner.
const RETRY: Duration = Duration::from_secs(30);
/// So long the server's start waits for the first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// So many answers are kept.
const MAX_ANSWERS: usize = 16;

impl Names {
    /// Looks this name up from now on, and no other; waits a few seconds for the answer. Addresses that no client could
    /// dial are refused, loopback among them unless the server listens there.
    ///
    /// # Errors
    /// When a thread can't be started.
    pub fn follow(self: &Arc<Self>, name: Option<&str>, listening: &[IpAddr]) -> io::Result<()> {
        let mut state = self.state();
        state.wanted = name.map(|name| (name.to_owned(), listening.to_vec()));
        state.tried = None;
        self.changed.notify_all();
        if name.is_none() {
            return Ok(());
        }
        if !state.is_running {
            let own = Arc::clone(self);
            thread::Builder::new().name("dns".to_owned()).spawn(move || own.look_up_again_and_again())?;
            state.is_running = true;
        }
        drop(self.changed.wait_timeout_while(state, FIRST_ANSWER, |state| state.tried.as_deref() != name));
        Ok(())
    }

    /// The last good answer for this name.
    pub fn address(&self, name: &str) -> Option<Ipv4Addr> {
        self.state().answers.get(name).copied()
    }

    fn look_up_again_and_again(&self) {
        let mut state = self.state();
        while let Some((name, listening)) = state.wanted.clone() {
            drop(state);
            let found = look_up(&name);
            state = self.state();
            let patience = if state.note(&name, &listening, found) { AGE } else { RETRY };
            if state.wanted.as_ref().is_some_and(|(wanted, _)| *wanted == name) {
                state.tried = Some(name);
            }
            self.changed.notify_all();
            // Another name, or this one once more, may be wanted while the old one is looked up.
            let unchanged = |state: &mut State| state.wanted.as_ref().map(|(name, _)| name) == state.tried.as_ref();
            state =
                self.changed.wait_timeout_while(state, patience, unchanged).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_running = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// True where there is a good answer; what changed is logged.
    fn note(&mut self, name: &str, listening: &[IpAddr], found: io::Result<Vec<Ipv4Addr>>) -> bool {
        let old = self.answers.get(name).copied();
        let trouble = match found.map_err(|error| error.to_string()).and_then(|found| choose(&found, old, listening)) {
            Ok(address) => {
                if old != Some(address) {
                    log::info!("masquerade_address: {name} is {address}");
                }
                if self.answers.len() >= MAX_ANSWERS && old.is_none() {
                    self.answers.clear();
                }
                self.answers.insert(name.to_owned(), address);
                None
            }
            Err(reason) => Some(match old {
                Some(old) => format!("masquerade_address: {name}: {reason}; clients are still told {old}"),
                None => format!("masquerade_address: {name}: {reason}; clients are told the address they dialled"),
            }),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| self.trouble != trouble) {
            log::error!("{trouble}");
        }
        self.trouble = trouble;
        self.trouble.is_none()
    }
}

/// The old answer where it still is one; else the first that a client can dial.
fn choose(found: &[Ipv4Addr], old: Option<Ipv4Addr>, listening: &[IpAddr]) -> Result<Ipv4Addr, String> {
    let mut reason = "it has no IPv4 address".to_owned();
    for &address in found.iter().filter(|&&address| Some(address) == old).chain(found) {
        match address::may_be_given(address, listening) {
            Ok(()) => return Ok(address),
            Err(why) => reason = format!("{address} {why}"),
        }
    }
    Err(reason)
}

fn look_up(name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let addresses = (name, 0).to_socket_addrs()?.filter_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    Ok(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::LOCALHOST)];
    const EVERYWHERE: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    const ONE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
    const TWO: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

    #[test]
    fn the_last_good_answer_stays() {
        let mut state = State::default();
        assert!(state.note("x", EVERYWHERE, Ok(vec![ONE, TWO])));
        assert_eq!(state.answers["x"], ONE);
        assert!(state.note("x", EVERYWHERE, Ok(vec![TWO, ONE])), "the order of answers says nothing");
        assert_eq!(state.answers["x"], ONE);
        for bad in
            [Ok(vec![]), Ok(vec![Ipv4Addr::UNSPECIFIED]), Ok(vec![Ipv4Addr::LOCALHOST]), Err(io::Error::other("down"))]
        {
            assert!(!state.note("x", EVERYWHERE, bad));
            assert_eq!(state.answers["x"], ONE);
        }
        assert!(state.note("x", EVERYWHERE, Ok(vec![Ipv4Addr::LOCALHOST, TWO])));
        assert_eq!(state.answers["x"], TWO);
    }

    #[test]
    fn what_was_refused_is_told() {
        let mut state = State::default();
        assert!(!state.note("x", EVERYWHERE, Ok(vec![Ipv4Addr::LOCALHOST])));
        let told = state.trouble.expect("told");
        assert!(told.contains("x: 127.0.0.1 is the client's own machine"), "{told}");
    }

    #[test]
    fn a_name_is_looked_up_at_once_and_another_one_when_it_changes() {
        let names = Arc::new(Names::default());
        assert_eq!(names.address("localhost"), None);
        names.follow(Some("localhost"), HERE).expect("started");
        assert_eq!(names.address("localhost"), Some(Ipv4Addr::LOCALHOST));
        names.follow(Some("127.0.0.2"), HERE).expect("started");
        assert_eq!(names.address("127.0.0.2"), Some(Ipv4Addr::new(127, 0, 0, 2)));
        names.follow(None, HERE).expect("stopped");
        assert!(names.address("localhost").is_some(), "older sessions may still ask");
    }
}
