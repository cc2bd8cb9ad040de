//! Files that do not stay for ever (`keep`): one thread outside of every jail looks for those whose time is over, and removes
//! them. A server whose accounts keep all has no such thread.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::auth::accounts::Accounts;
use crate::auth::users::Users;
use crate::fs::downloads::Downloads;
use crate::fs::expiry::InUse;
use crate::ini;
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::reception::activity::{Doing, Moves};
use crate::server::roster::Roster;
use crate::share::Premises;
use crate::share::tree::kept::{KeptFolder, KeptPlace};
use crate::sys::process;

/// The folders of all accounts.
pub struct Keeping {
    users: Arc<Users>,
    premises: Arc<Premises>,
    roster: Arc<Roster>,
    /// Whether there is a thread.
    is_started: Mutex<bool>,
}

/// The clock of the machine, and one that nobody sets.
struct Clocks {
    wall: SystemTime,
    steady: Duration,
    /// Until then, by the steady one, the other is not believed.
    doubted_until: Duration,
}

/// Commands that read files. They are noted only while some account has `keep`; as nobody knows which files those read that
/// began before, no file is removed until they have ended.
#[derive(Default)]
struct Readings {
    not_noted: Vec<Weak<Doing>>,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_secs(1);
/// How often user.ini is checked.
const CHECK: Duration = Duration::from_secs(60);

impl Keeping {
    /// Those of the accounts that share these premises; nothing is started yet.
    pub fn new(users: &Arc<Users>, premises: &Arc<Premises>, roster: &Arc<Roster>) -> Keeping {
        let (users, premises, roster) = (Arc::clone(users), Arc::clone(premises), Arc::clone(roster));
        Keeping { users, premises, roster, is_started: Mutex::new(false) }
    }

    /// Starts the thread, if there is none and one is needed. Not to be called from a jail, which it would inherit.
    pub fn look(&self, accounts: &Accounts) {
        let mut is_started = self.is_started.lock();
        if *is_started || accounts.shortest_keep().is_none() {
            return;
        }
        let (users, premises, roster) = (Arc::clone(&self.users), Arc::clone(&self.premises), Arc::clone(&self.roster));
        let started = thread::Builder::new().name("keep".to_owned()).spawn(move || work(&users, &premises, &roster));
        *is_started = started.inspect_err(|error| log::error!("keep: no thread can be started: {error}")).is_ok();
    }
}

fn work(users: &Users, premises: &Premises, roster: &Roster) {
    let mut clocks = Clocks { wall: SystemTime::now(), steady: process::uptime(), doubted_until: Duration::ZERO };
    let (mut last, mut due, mut readings) = (None, Instant::now(), Readings::default());
    loop {
        let (accounts, look) = users.look();
        // An editor that writes in place shows a cut file for a moment, which may lack an `off`.
        let is_settled = last.as_ref() == Some(&look);
        readings.look(&premises.downloads, roster, accounts.shortest_keep().is_some());
        let is_believed = clocks.are_believed(SystemTime::now(), process::uptime());
        if !is_settled {
            due = Instant::now();
        } else if Instant::now() >= due {
            if is_believed && readings.are_noted() {
                remove_old(&accounts, premises);
            }
            due = Instant::now() + accounts.shortest_keep().map_or(HOUR, |keep| (keep / 4).clamp(SHORTEST, HOUR));
        }
        last = Some(look);
        thread::sleep(if is_settled { due.saturating_duration_since(Instant::now()).min(CHECK) } else { SHORTEST });
    }
}

/// Removes what is too old by now, from the folders of all accounts. A folder that can't be opened is looked at the next time.
fn remove_old(accounts: &Accounts, premises: &Premises) {
    let in_use = InUse { claims: &premises.claims, downloads: &premises.downloads };
    for place in KeptPlace::all_of(accounts, &premises.homes) {
        remove_from(&place, &in_use, premises);
    }
}

fn remove_from(place: &KeptPlace, in_use: &InUse, premises: &Premises) {
    let Some(expiry) = place.expiry(SystemTime::now()) else { return };
    let KeptFolder { root, line, place, .. } = &place.folder;
    let shown = |path: &VirtualPath| Legible(root.real_path(path).as_os_str().as_encoded_bytes()).to_string();
    let _held = premises.quotas.hold();
    let searched = expiry.enforce(in_use, |path, removed| match removed {
        Ok(freed) => {
            let quota = path.parent().and_then(|parent| premises.quotas.around(root, &parent));
            quota.inspect(|quota| quota.credit(freed));
            log::info!("keep: {} removed, its time is over ({line})", shown(path));
        }
        Err(error) => log::warn!("keep: {}: {} ({line})", shown(path), ini::without_number(&error)),
    });
    if let Err(error) = searched {
        log::warn!("keep: {}: {} ({line})", shown(place), ini::without_number(&error));
    }
}

impl Readings {
    /// Has readings noted from now on, if some account does not keep all its files.
    fn look(&mut self, downloads: &Downloads, roster: &Roster, is_needed: bool) {
        if downloads.ask(is_needed) {
            let doing = roster.seats().into_iter().filter_map(|seat| seat.activity.doing());
            let reading = doing.filter(|(doing, _)| doing.moves != Moves::In);
            self.not_noted = reading.map(|(doing, _)| Arc::downgrade(&doing)).collect();
        }
        self.not_noted.retain(|reading| reading.strong_count() > 0);
    }

    /// Whether those that began before have ended.
    fn are_noted(&self) -> bool {
        self.not_noted.is_empty()
    }
}

impl Clocks {
    /// Whether the time that the machine says may decide about files: it has not jumped for a day.
    fn are_believed(&mut self, wall: SystemTime, steady: Duration) -> bool {
        let expected = self.wall + steady.saturating_sub(self.steady);
        let jump = wall.duration_since(expected).unwrap_or_else(|before| before.duration());
        (self.wall, self.steady) = (wall, steady);
        if jump > HOUR {
            log::warn!("keep: the clock has jumped by {} minutes: no file is removed for a day", jump.as_secs() / 60);
            self.doubted_until = steady + DAY;
        }
        steady >= self.doubted_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_has_jumped_is_not_believed_for_a_day() {
        let begin = SystemTime::now();
        for jump in [2 * HOUR, 400 * DAY] {
            for forward in [true, false] {
                let mut clocks = Clocks { wall: begin, steady: DAY, doubted_until: Duration::ZERO };
                let moved = |time: SystemTime| if forward { time + jump } else { time - jump };
                let after = |passed: Duration| DAY + passed;
                assert!(clocks.are_believed(begin + HOUR, after(HOUR)));
                // A leap of less than an hour, and a machine that slept.
                assert!(clocks.are_believed(begin + 30 * HOUR + HOUR / 2, after(30 * HOUR)));
                assert!(!clocks.are_believed(moved(begin + 31 * HOUR), after(31 * HOUR)));
                assert!(!clocks.are_believed(moved(begin + 54 * HOUR), after(54 * HOUR)));
                assert!(clocks.are_believed(moved(begin + 55 * HOUR), after(55 * HOUR)));
            }
        }
    }
}
