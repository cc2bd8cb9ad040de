//! A passive listener, at which sessions of different clients wait at the same time.
//!
//! At most one of them leads: it alone watches the socket, accepts for all and hands over the connections of others. Each
//! of the others watches an event of its own, which tells it that its connection is here or that it is its turn to lead. A
//! session that does something else, or leaves, passes the lead on. A session that is alone needs no event: it leads.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::thread;

use log::Level;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::who::{Who, canonical};
use crate::sys::waker::Waker;

/// A bound port, and who waits there.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// Known without a system call.
    port: u16,
    room: Mutex<Room>,
}

/// Whose connections a session takes; if it takes all, no other session waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Those of this address.
    From(IpAddr),
    /// All that come.
    Anybody,
}

/// What a session gets when it asks for its connection.
#[derive(Debug)]
pub enum Arrival {
    /// The connection.
    Here(OwnedFd),
    /// It has not come: until it does, the session watches this event, or the listener if there is none.
    NotYet(Option<Waker>),
}

/// The waiting sessions. Each is identified by the client it expects.
#[derive(Debug, Default)]
struct Room {
    waiting: Vec<Waiting>,
    leader: Option<Expected>,
    /// Clients whose session has left; their connection may still come.
    late: Vec<IpAddr>,
}

#[derive(Debug)]
struct Waiting {
    expected: Expected,
    /// From now on what comes is meant for it: the queue holds nothing older.
    ready: bool,
    /// Its session has its connection.
    served: bool,
    /// Accepted by another session; closed with this entry if it is not fetched.
    arrived: Option<OwnedFd>,
    /// There while the session waits without leading.
    wake: Option<Waker>,
}

/// How many clients may have connected before their transfer commands, one for each session.
const BACKLOG: i32 = 512;
/// Maximum number of such clients remembered.
const MAX_LATE: usize = 16;
/// How often the leader gets a chance to take what came before a newcomer; it is awake by then.
const MAX_YIELDS: usize = 100;

impl Listener {
    /// Listens at a local address; port 0 is any free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from(socket);
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port, room: Mutex::default() })
    }

    /// The port that clients are told.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether no session waits here.
    pub fn is_free(&self) -> bool {
        self.room.lock().waiting.is_empty()
    }

    /// Takes a place for a session, unless one that waits here takes the same connections. [`Self::drain`] comes next.
    pub fn reserve(&self, expected: Expected) -> bool {
        let mut room = self.room.lock();
        let admits = match expected {
            Expected::Anybody => room.waiting.is_empty(),
            Expected::From(_) => {
                !room.waiting.iter().any(|other| [Expected::Anybody, expected].contains(&other.expected))
            }
        };
        if admits {
            room.waiting.push(Waiting { expected, ready: false, served: false, arrived: None, wake: None });
        }
        admits
    }

    /// Empties the queue of what is older than the place just taken: each connection goes to the session it is for, or is
    /// closed.
    pub fn drain(&self, expected: Expected, who: &Who) -> io::Result<()> {
        let mut room = self.room.lock();
        for _ in 0..MAX_YIELDS {
            if room.leader.is_none() || !is_readable(&self.socket) {
                break;
            }
            drop(room);
            thread::yield_now();
            room = self.room.lock();
        }
        while room.leader.is_none() {
            let Some((socket, peer)) = self.take_first()? else { break };
            self.hand_over(&mut room, socket, peer, who.peer.ip())
                .unwrap_or_else(|refused| self.tell(who, peer, &refused));
        }
        if let Some(waiting) = room.find(expected) {
            waiting.ready = true;
        }
        Ok(())
    }

    /// The connection that a session waits for, if it is here by now. `wake` is what the session has watched until now.
    pub fn accept(&self, expected: Expected, wake: Option<Waker>, who: &Who) -> io::Result<Arrival> {
        let mut room = self.room.lock();
        if let Some(socket) = room.find(expected).and_then(|waiting| waiting.arrived.take()) {
            room.serve(expected);
            return Ok(Arrival::Here(socket));
        }
        if room.leader.is_some_and(|leader| leader != expected) {
            let wake = wake.map_or_else(Waker::new, Ok)?;
            room.set_wake(expected, Some(wake.clone()));
            return Ok(Arrival::NotYet(Some(wake)));
        }
        room.set_wake(expected, None);
        while let Some((socket, peer)) = self.take_first()? {
            if expected.takes(peer) {
                if peer != Some(who.peer.ip()) {
                    who.log(Level::Info, format_args!("data connection to port {} from {}", self.port, shown(peer)));
                }
                room.serve(expected);
                return Ok(Arrival::Here(socket));
            }
            self.hand_over(&mut room, socket, peer, who.peer.ip())
                .unwrap_or_else(|refused| self.tell(who, peer, &refused));
        }
        room.leader = Some(expected);
        Ok(Arrival::NotYet(None))
    }

    /// For a session that keeps its place and turns to something else: another one leads, if one waits.
    pub fn step_back(&self, expected: Expected) {
        let mut room = self.room.lock();
        room.set_wake(expected, None);
        room.pass_lead_on(expected);
    }

    /// Gives the place of this client's session back; its connection is closed if it is here and was not fetched.
    pub fn leave(&self, expected: Expected, client: IpAddr) {
        let mut room = self.room.lock();
        let place = room.waiting.iter().position(|waiting| waiting.expected == expected);
        let left = place.map(|place| room.waiting.remove(place));
        if left.is_some_and(|left| left.is_unserved()) {
            self.close_late(&mut room, expected, client);
        }
        room.pass_lead_on(expected);
    }

    /// Closes the connection of a session that has left without it, now or when it comes: that is nobody else's business.
    #[cold]
    fn close_late(&self, room: &mut Room, expected: Expected, client: IpAddr) {
        if room.late.len() >= MAX_LATE {
            room.late.remove(0);
        }
        room.late.push(client);
        // If another session leads, it finds the connection.
        while room.leader.is_none_or(|leader| leader == expected) {
            let Ok(Some((socket, peer))) = self.take_first() else { break };
            if let Err(refused) = self.hand_over(room, socket, peer, client) {
                log::warn!("{}", self.refusal(peer, &refused));
            }
        }
    }

    /// Gives a connection to the session that waits for it; if there is none, it is closed, and the error says why. `client`
    /// is the one whose session looks.
    fn hand_over(&self, room: &mut Room, socket: OwnedFd, peer: Option<IpAddr>, client: IpAddr) -> Result<(), String> {
        let others = room.waiting.len().saturating_sub(1);
        let is_late = room.late.iter().position(|&late| Some(late) == peer);
        let reason = match room.waiting.iter_mut().find(|waiting| waiting.expected.takes(peer)) {
            Some(waiting) if waiting.ready && waiting.arrived.is_none() => {
                waiting.arrived = Some(socket);
                waiting.wake();
                return Ok(());
            }
            _ if let Some(place) = is_late => {
                room.late.remove(place);
                return Ok(());
            }
            Some(waiting) if waiting.ready => "its session has one already".to_owned(),
            Some(_) => "it came before it was asked for".to_owned(),
            None if others == 0 => format!("not {client}"),
            None => format!("not {client}, nor one of the {others} others that wait there"),
        };
        Err(reason)
    }

    #[cold]
    fn tell(&self, who: &Who, peer: Option<IpAddr>, reason: &str) {
        who.log(Level::Warn, format_args!("{}", self.refusal(peer, reason)));
    }

    fn refusal(&self, peer: Option<IpAddr>, reason: &str) -> String {
        format!("data connection to port {} from {} refused: {reason}", self.port, shown(peer))
    }

    /// The first connection in the queue, and where it is from.
    fn take_first(&self) -> io::Result<Option<(OwnedFd, Option<IpAddr>)>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        loop {
            match rustix::net::acceptfrom_with(&self.socket, flags) {
                Ok((socket, peer)) => {
                    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                    return Ok(Some((socket, peer.map(|peer| canonical(peer).ip()))));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Expected {
    fn takes(self, peer: Option<IpAddr>) -> bool {
        match self {
            Self::From(client) => peer == Some(client),
            Self::Anybody => true,
        }
    }
}

impl Room {
    fn find(&mut self, expected: Expected) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.expected == expected)
    }

    /// Its session gets its connection, and no longer leads.
    fn serve(&mut self, expected: Expected) {
        if let Some(waiting) = self.find(expected) {
            waiting.served = true;
        }
        self.pass_lead_on(expected);
    }

    fn set_wake(&mut self, expected: Expected, wake: Option<Waker>) {
        if let Some(waiting) = self.find(expected) {
            waiting.wake = wake;
        }
    }

    /// The session that has waited longest leads next, if this one led.
    fn pass_lead_on(&mut self, from: Expected) {
        if self.leader != Some(from) {
            return;
        }
        let next = self.waiting.iter().find(|waiting| waiting.expected != from && waiting.wake.is_some());
        self.leader = next.map(|waiting| waiting.expected);
        if let Some(next) = next {
            next.wake();
        }
    }
}

impl Waiting {
    /// Whether its connection may still be in the queue, or come.
    fn is_unserved(&self) -> bool {
        !self.served && self.arrived.is_none()
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake.wake();
        }
    }
}

fn is_readable(socket: &TcpListener) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::IN)];
    matches!(rustix::event::poll(&mut fds, Some(&Timespec::default())), Ok(1..))
}

fn shown(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_string())
}
