//! A DNS name's address. A thread of its own looks it up at start, and again when the answer is old: no session ever waits
//! for DNS.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use parking_lot::{Condvar, Mutex};

use crate::protocol::address;

/// The last good answers.
#[derive(Debug)]
pub struct Names {
    lookups: Mutex<Lookups>,
    changed: Condvar,
    tell: Hear,
}

/// Called with news about a name: where it is written, the name, and the news.
pub type Hear = fn(&str, &str, &LookedUp);

#[derive(Debug, Default)]
struct Lookups {
    /// What is looked up.
    wanted: Option<FollowedName>,
    /// The name that was looked up last, with or without success.
    tried: Option<String>,
    /// Also of former names, for the sessions that were there before the settings changed.
    answers: HashMap<String, Ipv4Addr>,
    /// If the last lookup failed: its name, and what was told.
    trouble: Option<(String, LookedUp)>,
    is_running: bool,
}

/// A name to look up.
#[derive(Debug, Clone)]
pub struct FollowedName {
    /// The name.
    pub name: String,
    /// Where it is written, for the log.
    pub place: String,
    /// What the server listens on: an address of its own machine is of no use to others.
    pub listening: Vec<IpAddr>,
}

/// What is new after the lookup of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// Its address is another one now.
    Found(Ipv4Addr),
    /// There is no good answer; the last one, if there is one, stays.
    Failed(Failure, Option<Ipv4Addr>),
}

/// Why a lookup gave no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// What the system says.
    System(String),
    /// The name has no IPv4 address.
    NoAddress,
    /// This address can't be given to clients: why, as the end of a sentence that begins with it.
    Unfit(Ipv4Addr, &'static str),
}

/// What to do about a [`Failure`].
pub const WAY_OUT: &str = "write the address itself, or a name that getent ahostsv4 finds";

impl Failure {
    /// The same as a sentence about the name.
    pub fn of(&self, name: &str) -> String {
        match self {
            Self::System(_) => format!("{name} can't be looked up"),
            Self::NoAddress => format!("{name} has no IPv4 address"),
            Self::Unfit(address, why) => format!("{name}: {address} {why}"),
        }
    }
}

/// How long an answer is good.
const AGE: Duration = Duration::from_secs(300);
/// The time to the next try after a failure.
const RETRY: Duration = Duration::from_secs(30);
/// How long the server's start waits for the first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Maximum number of answers kept.
const MAX_ANSWERS: usize = 16;

impl Names {
    /// No name yet. `tell` is called with what is new after a lookup.
    pub fn new(tell: Hear) -> Self {
        Self { lookups: Mutex::default(), changed: Condvar::new(), tell }
    }

    /// Looks this name up from now on, and no other; waits a few seconds for the answer. Addresses that no client could
    /// dial are refused, loopback among them unless the server listens there. It fails if a thread can't be started.
    pub fn follow(self: &Arc<Self>, wanted: Option<FollowedName>) -> io::Result<()> {
        let mut lookups = self.lookups.lock();
        let name = wanted.as_ref().map(|wanted| wanted.name.clone());
        lookups.wanted = wanted;
        lookups.tried = None;
        self.changed.notify_all();
        if name.is_none() {
            return Ok(());
        }
        if !lookups.is_running {
            let own = Arc::clone(self);
            thread::Builder::new().name("dns".to_owned()).spawn(move || own.look_up_again_and_again())?;
            lookups.is_running = true;
        }
        self.changed.wait_while_for(&mut lookups, |lookups| lookups.tried != name, FIRST_ANSWER);
        Ok(())
    }

    /// The last good answer for this name.
    pub fn address(&self, name: &str) -> Option<Ipv4Addr> {
        self.lookups.lock().answers.get(name).copied()
    }

    fn look_up_again_and_again(&self) {
        let mut lookups = self.lookups.lock();
        while let Some(FollowedName { name, place, listening }) = lookups.wanted.clone() {
            drop(lookups);
            let found = look_up(&name);
            lookups = self.lookups.lock();
            if let Some(news) = lookups.note(&name, &listening, found) {
                (self.tell)(&place, &name, &news);
            }
            let age = if lookups.trouble.is_none() { AGE } else { RETRY };
            if lookups.wanted.as_ref().is_some_and(|wanted| wanted.name == name) {
                lookups.tried = Some(name);
            }
            self.changed.notify_all();
            // Another name, or this one once more, may be wanted while the old one is looked up.
            let unchanged =
                |lookups: &mut Lookups| lookups.wanted.as_ref().map(|wanted| &wanted.name) == lookups.tried.as_ref();
            self.changed.wait_while_for(&mut lookups, unchanged, age);
        }
        lookups.is_running = false;
    }
}

impl Lookups {
    /// Takes in what a lookup found, and returns what is new.
    fn note(&mut self, name: &str, listening: &[IpAddr], found: io::Result<Vec<Ipv4Addr>>) -> Option<LookedUp> {
        let old = self.answers.get(name).copied();
        let found = found.map_err(Failure::system);
        match found.and_then(|found| choose(&found, old, listening)) {
            Ok(address) => {
                self.trouble = None;
                if self.answers.len() >= MAX_ANSWERS && old.is_none() {
                    self.answers.clear();
                }
                self.answers.insert(name.to_owned(), address);
                (old != Some(address)).then_some(LookedUp::Found(address))
            }
            Err(why) => {
                let trouble = (name.to_owned(), LookedUp::Failed(why, old));
                let is_new = self.trouble.as_ref() != Some(&trouble);
                self.trouble = Some(trouble.clone());
                is_new.then_some(trouble.1)
            }
        }
    }
}

/// Looks a name up once, as [`Names`] does, and waits this long at most.
pub fn look_up_once(name: &str, listening: &[IpAddr], patience: Duration) -> Result<Ipv4Addr, Failure> {
    let (answer, answered) = bounded(1);
    let asked = name.to_owned();
    let looked_up = move || drop(answer.send(look_up(&asked)));
    thread::Builder::new().name("dns".to_owned()).spawn(looked_up).map_err(Failure::system)?;
    match answered.recv_timeout(patience) {
        Ok(found) => choose(&found.map_err(Failure::system)?, None, listening),
        Err(_) => Err(Failure::System(format!("no answer within {} s", patience.as_secs()))),
    }
}

impl Failure {
    fn system(error: io::Error) -> Self {
        Self::System(error.to_string())
    }
}

/// The old answer if it still is one; else the first that a client can dial.
fn choose(found: &[Ipv4Addr], old: Option<Ipv4Addr>, listening: &[IpAddr]) -> Result<Ipv4Addr, Failure> {
    let mut failure = Failure::NoAddress;
    for &address in found.iter().filter(|&&address| Some(address) == old).chain(found) {
        match address::may_be_given(address, listening) {
            Ok(()) => return Ok(address),
            Err(why) => failure = Failure::Unfit(address, why),
        }
    }
    Err(failure)
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
        let mut lookups = Lookups::default();
        assert_eq!(lookups.note("x", EVERYWHERE, Ok(vec![ONE, TWO])), Some(LookedUp::Found(ONE)));
        assert_eq!(lookups.note("x", EVERYWHERE, Ok(vec![TWO, ONE])), None, "the order of answers says nothing");
        assert_eq!(lookups.answers["x"], ONE);
        for bad in
            [Ok(vec![]), Ok(vec![Ipv4Addr::UNSPECIFIED]), Ok(vec![Ipv4Addr::LOCALHOST]), Err(io::Error::other("down"))]
        {
            assert!(matches!(lookups.note("x", EVERYWHERE, bad), Some(LookedUp::Failed(_, Some(ONE)))));
            assert!(lookups.trouble.is_some());
            assert_eq!(lookups.answers["x"], ONE);
        }
        let found = lookups.note("x", EVERYWHERE, Ok(vec![Ipv4Addr::LOCALHOST, TWO]));
        assert_eq!(found, Some(LookedUp::Found(TWO)));
        assert!(lookups.trouble.is_none());
    }

    #[test]
    fn what_was_refused_is_told_once() {
        let mut lookups = Lookups::default();
        let told = lookups.note("x", EVERYWHERE, Ok(vec![Ipv4Addr::LOCALHOST]));
        assert!(matches!(told, Some(LookedUp::Failed(Failure::Unfit(Ipv4Addr::LOCALHOST, _), None))), "{told:?}");
        assert_eq!(lookups.note("x", EVERYWHERE, Ok(vec![Ipv4Addr::LOCALHOST])), None);
    }

    #[test]
    fn a_name_can_be_looked_up_once() {
        let patience = Duration::from_secs(60);
        assert_eq!(look_up_once("localhost", HERE, patience), Ok(Ipv4Addr::LOCALHOST));
        assert!(matches!(look_up_once("localhost", EVERYWHERE, patience), Err(Failure::Unfit(..))));
        assert!(matches!(look_up_once("nowhere.invalid", HERE, patience), Err(Failure::System(_))));
    }

    #[test]
    fn a_name_is_looked_up_at_once_and_another_one_when_it_changes() {
        let names = Arc::new(Names::new(|_, _, _| {}));
        let follow = |name: Option<&str>| {
            let wanted =
                |name: &str| FollowedName { name: name.to_owned(), place: String::new(), listening: HERE.to_vec() };
            names.follow(name.map(wanted))
        };
        assert_eq!(names.address("localhost"), None);
        follow(Some("localhost")).expect("started");
        assert_eq!(names.address("localhost"), Some(Ipv4Addr::LOCALHOST));
        follow(Some("127.0.0.2")).expect("started");
        assert_eq!(names.address("127.0.0.2"), Some(Ipv4Addr::new(127, 0, 0, 2)));
        follow(None).expect("stopped");
        assert!(names.address("localhost").is_some(), "older sessions may still ask");
    }
}
