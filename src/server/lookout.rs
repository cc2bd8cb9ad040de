//! Accounts that change during sessions: user.ini is checked every two seconds while somebody is here. If an account has
//! changed, its sessions end, or go on with its new limits.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::auth::accounts::Accounts;
use crate::auth::change::{Consequence, consequence};
use crate::auth::users::{Look, Users};
use crate::net::ending::Farewell;
use crate::reception::activity::Seat;
use crate::server::hooks::Hooks;
use crate::server::keeping::Keeping;
use crate::server::roster::Roster;

/// The time between two checks.
const PERIOD: Duration = Duration::from_secs(2);

/// The goodbye to a session if its account has changed.
const CHANGED: Farewell = Farewell { text: "The account has changed; log in again", reason: "the account has changed" };

/// What a session is told whose account is gone or disabled.
const UNAVAILABLE: Farewell = Farewell { text: "This account is no longer available", ..CHANGED };

/// Starts to look, for as long as the process lives.
pub fn start(roster: &Arc<Roster>, users: &Arc<Users>, hooks: &Arc<Hooks>, keeping: &Arc<Keeping>) -> io::Result<()> {
    let (roster, users) = (Arc::clone(roster), Arc::clone(users));
    let (hooks, keeping) = (Arc::clone(hooks), Arc::clone(keeping));
    let watch = move || {
        let (mut last, mut asked) = (None, BTreeSet::new());
        loop {
            // A server without sessions makes no system call.
            roster.wait_for_the_first();
            asked = cut_overstayers(&roster, &asked);
            look(&roster, &users, &mut last);
            thread::sleep(PERIOD);
            // After the pause: a session may have come and gone meanwhile.
            let accounts = users.accounts();
            hooks.look(&accounts);
            keeping.look(&accounts);
        }
    };
    thread::Builder::new().name("accounts".to_owned()).spawn(watch)?;
    Ok(())
}

/// An editor that writes in place shows a cut file for a moment, so a session ends only if two checks in a row agree.
fn look(roster: &Roster, users: &Users, last: &mut Option<Look>) {
    let (accounts, look) = users.look();
    if last.as_ref() == Some(&look) {
        compare(roster, &accounts);
    }
    *last = Some(look);
}

/// Cuts the sessions that were asked to end at once, were here at the last look, and still are: their clients take no reply,
/// or they wait for something that takes long. Returns those that are asked by now.
fn cut_overstayers(roster: &Roster, asked: &BTreeSet<u64>) -> BTreeSet<u64> {
    let seats = roster.seats();
    let cut: Vec<&Seat> = seats.iter().filter(|seat| seat.ending.is_cut()).collect();
    cut.iter().filter(|seat| asked.contains(&seat.activity.id)).for_each(|seat| seat.ending.disconnect());
    cut.iter().map(|seat| seat.activity.id).collect()
}

/// Compares the account of each session with what it is now, and does what follows. Returns how many sessions end.
pub fn compare(roster: &Roster, accounts: &Accounts) -> usize {
    let mut ended = 0;
    for seat in &roster.seats() {
        ended += usize::from(follow(seat, accounts));
    }
    ended
}

/// Does what follows for one session; true if it is asked to end for the first time.
fn follow(seat: &Seat, accounts: &Accounts) -> bool {
    let Seat { activity, ending } = seat;
    let Some(live) = activity.live_user() else { return false };
    let old = live.now();
    let new = accounts.now(&old);
    if new.is_some_and(|new| Arc::ptr_eq(&old, new)) {
        return false;
    }
    // The line comes first: the session may end before the next call is over.
    let tell = |why, when| {
        let (peer, user) = (activity.address(), old.name.as_str());
        log::info!(peer:%, user; "the account {why}: the session ends {when}");
    };
    let farewell = if new.is_some_and(|new| new.enabled) { CHANGED } else { UNAVAILABLE };
    match consequence(&old, new.map(Arc::as_ref)) {
        Consequence::EndAtOnce(why) if !ending.is_cut() => {
            tell(why, "now");
            ending.ask(farewell);
            true
        }
        Consequence::EndAfterTransfer(why) if !ending.is_barred() => {
            tell(why, "after its transfer");
            seat.ask_after_transfer(farewell);
            true
        }
        Consequence::EndAtOnce(_) | Consequence::EndAfterTransfer(_) => false,
        Consequence::TakenOver => {
            new.into_iter().for_each(|new| live.take_over(Arc::clone(new)));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::path::PathBuf;

    use super::*;
    use crate::auth::live_user::LiveUser;
    use crate::auth::user::Terms;
    use crate::net::ending::Grace;
    use crate::net::stop::Stop;
    use crate::reception::{Accepted, Entrance};
    use crate::server::roster::RosterEntry;

    #[test]
    fn a_session_that_stays_after_it_was_asked_to_end_at_once_is_cut_at_the_next_look() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let (mut client, peer) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        let roster = Arc::new(Roster::default());
        let entry = enter(&roster, connection, peer);
        let is_cut = |client: &mut TcpStream| matches!(client.read(&mut [0]), Ok(0));
        assert!(cut_overstayers(&roster, &BTreeSet::new()).is_empty());
        entry.seat.ending.ask(CHANGED);
        let asked = cut_overstayers(&roster, &BTreeSet::new());
        assert_eq!((asked.len(), is_cut(&mut client)), (1, false));
        assert_eq!((cut_overstayers(&roster, &asked).len(), is_cut(&mut client)), (1, true));
    }

    fn enter(roster: &Arc<Roster>, stream: Arc<TcpStream>, peer: SocketAddr) -> RosterEntry {
        let accepted = Accepted { stream, peer, entrance: Entrance::Greeting };
        Roster::enter(roster, &accepted, &Arc::new(Stop::default()))
    }

    const BOB: &str = "[bob]\npassword = secret\nperm = elr\nhome = .\n";
    const EVE: &str = "[eve]\npassword = secret\nperm = elr\nhome = .\n";

    /// A session of bob, and the file that has his account.
    struct Scene {
        folder: tempfile::TempDir,
        roster: Arc<Roster>,
        users: Users,
        entry: RosterEntry,
        last: Option<Look>,
    }

    impl Scene {
        fn new() -> Scene {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("user.ini");
            fs::write(&path, BOB.to_owned() + EVE).unwrap();
            let users = Users::load(Some(&path), Terms::default()).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let connection = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            let (roster, peer) = (Arc::new(Roster::default()), connection.peer_addr().unwrap());
            let entry = enter(&roster, connection, peer);
            let scene = Scene { folder, roster, users, entry, last: None };
            scene.log_in("bob");
            scene
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("user.ini")
        }

        fn write(&self, text: &str) {
            fs::write(self.path(), text).unwrap();
        }

        fn log_in(&self, name: &str) {
            let user = self.users.accounts().find(name.as_bytes()).map(Arc::clone).unwrap();
            self.entry.seat.activity.belongs_to(Some(Arc::new(LiveUser::new(user))));
        }

        /// What the session is asked after one more look.
        fn look(&mut self) -> Option<Grace> {
            look(&self.roster, &self.users, &mut self.last);
            self.entry.seat.ending.notice().map(|notice| notice.grace)
        }
    }

    #[test]
    fn a_change_counts_at_the_second_look() {
        for (text, grace) in [(EVE.to_owned(), Grace::Over), (BOB.replace("elr", "el"), Grace::Unlimited)] {
            let mut scene = Scene::new();
            assert_eq!([scene.look(), scene.look()], [None, None]);
            scene.write(&text);
            assert_eq!([scene.look(), scene.look()], [None, Some(grace)]);
        }
    }

    #[test]
    fn a_file_that_is_cut_for_a_moment_ends_nobody() {
        let mut scene = Scene::new();
        scene.look();
        for text in [EVE, "", BOB] {
            scene.write(text);
            assert_eq!(scene.look(), None);
        }
        fs::remove_file(scene.path()).unwrap();
        assert_eq!([scene.look(), scene.look()], [None, None]);
        scene.write(BOB);
        assert_eq!([scene.look(), scene.look(), scene.look()], [None, None, None]);
    }

    #[test]
    fn the_same_content_in_another_file_counts_at_the_second_look_too() {
        let mut scene = Scene::new();
        scene.write(EVE);
        assert_eq!(scene.look(), None);
        let other = scene.folder.path().join("new");
        fs::write(&other, EVE).unwrap();
        fs::rename(other, scene.path()).unwrap();
        assert_eq!([scene.look(), scene.look()], [None, Some(Grace::Over)]);
    }

    #[test]
    fn limits_are_taken_over_and_a_session_that_came_with_an_old_account_is_seen_later() {
        let mut scene = Scene::new();
        scene.write(&format!("{BOB}max_cons = 7\n{EVE}"));
        assert_eq!([scene.look(), scene.look()], [None, None]);
        let activity = Arc::clone(&scene.entry.seat.activity);
        assert_eq!(activity.account().unwrap().max_cons, Some(7));
        // Read before the change, noted after it was seen by all others.
        let old = Arc::clone(scene.users.accounts().find(b"eve").unwrap());
        scene.write(BOB);
        assert_eq!([scene.look(), scene.look()], [None, None]);
        activity.belongs_to(Some(Arc::new(LiveUser::new(old))));
        assert_eq!(scene.look(), Some(Grace::Over));
    }

    #[test]
    fn a_session_without_an_account_is_left_alone() {
        let mut scene = Scene::new();
        scene.entry.seat.activity.belongs_to(None);
        scene.write(EVE);
        assert_eq!([scene.look(), scene.look()], [None, None]);
    }
}
