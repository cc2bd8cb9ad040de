//! Places of connections that are idle: others can have them. A connection parks its places before it waits for its next
//! request, and takes them back when that comes; if somebody else had them meanwhile, it ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::auth::limits::{Counted, Ticket};
use crate::net::ending::{Ending, Farewell};
use crate::share::SharePlace;

/// The places that a connection takes; they are given back before it is closed, so that a client that reconnects at once
/// finds them free.
#[derive(Debug)]
pub struct Places {
    /// Among all sessions of the server.
    pub server: Ticket,
    /// Among those of its address; `None` until a load balancer has said for which client it connects.
    pub address: Option<Ticket>,
    /// Among those of its account, for a connection that can do without while it is idle.
    pub account: Option<Arc<SharePlace>>,
}

/// The places of all connections that are idle.
#[derive(Debug, Default)]
pub struct Parking(Mutex<Lot>);

#[derive(Debug, Default)]
struct Lot {
    came: u64,
    /// In the order in which they came: the first one has been idle longest.
    parked: BTreeMap<u64, Parked>,
}

#[derive(Debug)]
struct Parked {
    places: Places,
    ending: Arc<Ending>,
}

/// Says which parked places are one's own.
#[derive(Debug)]
pub struct Stub(u64);

/// What an idle connection is told whose places are needed.
const NEEDED: Farewell = Farewell { text: "Others need the place", reason: "others needed its place" };

impl Parking {
    /// Parks the places of a connection that begins to be idle. It is asked to end if they are given to others.
    pub fn park(&self, places: Places, ending: &Arc<Ending>) -> Stub {
        let mut lot = self.0.lock();
        lot.came += 1;
        let number = lot.came;
        lot.parked.insert(number, Parked { places, ending: Arc::clone(ending) });
        Stub(number)
    }

    /// Gives parked places back to their connection; `None` if others have them.
    pub fn take_back(&self, Stub(number): Stub) -> Option<Places> {
        self.0.lock().parked.remove(&number).map(|parked| parked.places)
    }

    /// Frees the places of the connection that has been idle longest among those that hold one of this kind, those of the same
    /// address first; false if there is none.
    pub fn free_one(&self, needed: &Counted, address: IpAddr) -> bool {
        let mut lot = self.0.lock();
        let number = {
            let same = Counted::Address(address);
            let mut holders = lot.parked.iter().filter(|(_, parked)| parked.places.hold(needed));
            let near = holders.clone().find(|(_, parked)| parked.places.hold(&same));
            near.or_else(|| holders.next()).map(|(number, _)| *number)
        };
        let Some(parked) = number.and_then(|number| lot.parked.remove(&number)) else { return false };
        drop(lot);
        drop(parked.places);
        parked.ending.ask(NEEDED);
        true
    }
}

impl Places {
    /// Whether a load balancer has yet to say for which client it connects.
    pub fn lack_client(&self) -> bool {
        self.address.is_none()
    }

    fn hold(&self, key: &Counted) -> bool {
        let address = self.address.as_ref().is_some_and(|ticket| ticket.is_for(key));
        self.server.is_for(key) || address || self.account.as_ref().is_some_and(|place| place.is_for(key))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::auth::limits::Limits;

    #[test]
    fn the_longest_idle_of_the_same_address_gives_way_first() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let connection = Arc::new(TcpStream::connect(listener.local_addr().expect("bound")).expect("connected"));
        let limits = Arc::new(Limits::default());
        let parking = Parking::default();
        let [near, far] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse::<IpAddr>().expect("an address"));
        let park = |address| {
            let take = |key| limits.take(key, None).expect("no limit");
            let ending = Arc::new(Ending::new(Arc::clone(&connection), Arc::default()));
            let places =
                Places { server: take(Counted::Server), address: Some(take(Counted::Address(address))), account: None };
            let stub = parking.park(places, &ending);
            (stub, ending)
        };
        let [(a, of_a), (b, of_b), (c, _)] = [far, near, near].map(park);
        assert!(parking.free_one(&Counted::Server, near));
        assert!(of_b.is_cut() && !of_a.is_cut());
        assert_eq!((limits.taken(&Counted::Server), limits.taken(&Counted::Address(near))), (2, 1));
        assert!(parking.take_back(b).is_none());
        assert!(parking.take_back(c).is_some());
        assert!(!parking.free_one(&Counted::Address(near), near));
        assert!(parking.free_one(&Counted::Server, near));
        assert!(of_a.is_cut() && parking.take_back(a).is_none());
    }
}
