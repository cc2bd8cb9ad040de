//! The sessions that are here: what each does, and how each is told to end.

use std::collections::HashMap;
use std::ops::Add;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::net::ending::Ending;
use crate::net::stop::Stop;
use crate::reception::Accepted;
use crate::reception::activity::{Activity, Seat, Traffic};

/// Every session.
#[derive(Debug, Default)]
pub struct Roster {
    present: Mutex<Present>,
    left: Condvar,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Present {
    /// How many have come; the last one's number.
    came: u64,
    seats: HashMap<u64, Seat>,
    /// Of sessions that have left.
    moved: Traffic,
}

/// A session's entry in the roster; Drop takes it out.
#[derive(Debug)]
pub struct RosterEntry {
    roster: Arc<Roster>,
    /// How others see the session, and end it.
    pub seat: Seat,
}

/// How many sessions have come, and what they have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Sessions, those that have left among them.
    pub sessions: u64,
    /// What they have moved.
    pub moved: Traffic,
}

impl Roster {
    /// Adds a session with this connection.
    pub fn enter(roster: &Arc<Self>, Accepted { stream, peer, entrance }: &Accepted, stop: &Arc<Stop>) -> RosterEntry {
        let ending = Arc::new(Ending::new(Arc::clone(stream), Arc::clone(stop)));
        let mut present = roster.present.lock();
        present.came += 1;
        let id = present.came;
        let seat = Seat { activity: Arc::new(Activity::new(id, *peer, *entrance)), ending };
        present.seats.insert(id, seat.clone());
        drop(present);
        roster.came.notify_all();
        RosterEntry { roster: Arc::clone(roster), seat }
    }

    /// How many sessions are here.
    pub fn len(&self) -> usize {
        self.present.lock().seats.len()
    }

    /// The sessions that are here, in the order in which they came.
    pub fn seats(&self) -> Vec<Seat> {
        let mut seats: Vec<Seat> = self.present.lock().seats.values().cloned().collect();
        seats.sort_by_key(|seat| seat.activity.id);
        seats
    }

    /// How many have come, and what they have moved; no later look finds less.
    pub fn totals(&self) -> Totals {
        let present = self.present.lock();
        let moved = present.seats.values().map(|seat| seat.activity.moved());
        Totals { sessions: present.came, moved: moved.fold(present.moved, Traffic::add) }
    }

    /// Has every session see that it is asked to end.
    pub fn tell_all(&self) {
        self.present.lock().seats.values().for_each(Seat::tell);
    }

    /// Cuts every connection.
    pub fn disconnect(&self) {
        self.present.lock().seats.values().for_each(|seat| seat.ending.disconnect());
    }

    /// Waits until the last session has left; false if one is still here at the deadline.
    pub fn wait_until_empty(&self, deadline: Instant) -> bool {
        let mut present = self.present.lock();
        self.left.wait_while_until(&mut present, |present| !present.seats.is_empty(), deadline);
        present.seats.is_empty()
    }

    /// Waits until a session is here.
    pub fn wait_for_the_first(&self) {
        self.came.wait_while(&mut self.present.lock(), |present| present.seats.is_empty());
    }

    /// Waits until the last session has left.
    pub fn wait_for_the_last(&self) {
        self.left.wait_while(&mut self.present.lock(), |present| !present.seats.is_empty());
    }
}

impl Drop for RosterEntry {
    fn drop(&mut self) {
        let mut present = self.roster.present.lock();
        present.moved = present.moved + self.seat.activity.moved();
        present.seats.remove(&self.seat.activity.id);
        drop(present);
        self.roster.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::reception::Entrance;
    use crate::reception::activity::Moves;

    #[test]
    fn who_has_left_counts_in_the_totals_and_is_not_here() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let connection = Arc::new(TcpStream::connect(listener.local_addr().expect("bound")).expect("connected"));
        let (roster, stop) = (Arc::new(Roster::default()), Arc::new(Stop::default()));
        let peer = connection.peer_addr().expect("connected");
        let accepted = Accepted { stream: connection, peer, entrance: Entrance::Greeting };
        let enter = || Roster::enter(&roster, &accepted, &stop);
        let (first, second) = (enter(), enter());
        first.seat.activity.counter(Moves::In).fetch_add(3, Ordering::Relaxed);
        second.seat.activity.counter(Moves::Out).fetch_add(4, Ordering::Relaxed);
        let totals = Totals { sessions: 2, moved: Traffic { received: 3, sent: 4, kept: 0 } };
        assert_eq!((roster.totals(), roster.len()), (totals, 2));
        drop(first);
        assert_eq!(roster.totals(), totals);
        assert_eq!(roster.seats().iter().map(|seat| seat.activity.id).collect::<Vec<_>>(), [2]);
    }
}
