//! The listeners of control connections and of the web, and the threads that accept from them.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use socket2::SockRef;

use crate::config::Config;
use crate::net::who::canonical;
use crate::reception::rejection::Rejection;
use crate::reception::{Accepted, Entrance};
use crate::server::gate::{Gate, GateState};
use crate::server::listen;
use crate::sys::service;
use crate::sys::waker::Waker;

/// All listeners of a server.
pub struct Listeners {
    all: Vec<Arc<DoorListener>>,
    /// Whether the port of the web speaks https, too.
    has_tls: bool,
}

/// One listener, and how its connections begin.
struct DoorListener {
    socket: TcpListener,
    entrance: Entrance,
    /// Ends the wait for connections if the listener is not the server's own: systemd goes on listening.
    waker: Option<Waker>,
}

/// Ports after the usual one of the web that are tried.
const NEXT_PORTS: usize = 20;
/// The time until the next try after an accept that failed because the system is short of something.
const BACK_OFF: Duration = Duration::from_millis(100);

impl Listeners {
    /// Binds the control port, the one of implicit TLS and the one of the web, unless systemd has done so.
    pub fn bind(config: &Config) -> io::Result<Listeners> {
        let has_tls = config.tls.files.is_some();
        let handed_over = service::listeners()?;
        if !handed_over.is_empty() {
            return Ok(Listeners { all: adopt(handed_over, config)?, has_tls });
        }
        let at = |port| listen::bind_all(&config.server.ip, port);
        // In this order: what nobody has chosen gives way.
        let bound = [
            (at(config.server.port)?, Entrance::Greeting),
            (config.tls.implicit_port.map_or(Ok(vec![]), at)?, Entrance::Tls),
            (bind_web(config)?, Entrance::Web),
        ];
        let mut all = Vec::new();
        for (sockets, entrance) in bound {
            let sockets = sockets.into_iter();
            all.extend(sockets.map(|socket| Arc::new(DoorListener { socket, entrance, waker: None })));
        }
        Ok(Listeners { all, has_tls })
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().filter_map(|listener| listener.socket.local_addr().ok())
    }

    /// The same, for people: those of the web as URLs.
    pub fn describe(&self) -> String {
        let on = |entrance| {
            let listeners = self.all.iter().filter(move |listener| listener.entrance == entrance);
            listeners.filter_map(|listener| listener.socket.local_addr().ok()).map(|address| address.to_string())
        };
        let of_web = |scheme| on(Entrance::Web).map(move |address| format!("{scheme}://{address}/"));
        let urls = of_web("http").chain(of_web("https").filter(|_| self.has_tls));
        let clear = on(Entrance::Greeting).collect::<Vec<_>>().join(", ");
        let others = [(", implicit TLS on ", on(Entrance::Tls).collect::<Vec<_>>()), (", web on ", urls.collect())];
        let others = others.iter().filter(|(_, list)| !list.is_empty());
        clear + &others.map(|(what, list)| format!("{what}{}", list.join(", "))).collect::<String>()
    }

    /// The addresses where plain FTP is listened on. An IPv6 listener that takes IPv4, too, is there twice.
    pub fn greeting(&self) -> Vec<SocketAddr> {
        self.at(Entrance::Greeting)
    }

    /// The addresses where HTTP is listened on, in the same form.
    pub fn web(&self) -> Vec<SocketAddr> {
        self.at(Entrance::Web)
    }

    fn at(&self, entrance: Entrance) -> Vec<SocketAddr> {
        let listeners = self.all.iter().filter(|listener| listener.entrance == entrance);
        let addresses = listeners.filter_map(|listener| {
            let address = listener.socket.local_addr().ok()?;
            let takes_both =
                address.ip() == Ipv6Addr::UNSPECIFIED && !SockRef::from(&listener.socket).only_v6().ok()?;
            let v4 = takes_both.then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into());
            Some([Some(address), v4].into_iter().flatten())
        });
        addresses.flatten().collect()
    }

    /// [`listen::set_patience`] of each listener.
    pub fn set_patience(&self, idle: Option<Duration>) -> io::Result<()> {
        self.all.iter().try_for_each(|listener| listen::set_patience(&listener.socket, idle))
    }

    /// Starts a thread for each listener that accepts until the server stops.
    pub fn accept(&self, gate: &Arc<Gate>) -> io::Result<Vec<JoinHandle<()>>> {
        let spawn = |listener: &Arc<DoorListener>| {
            let (listener, gate) = (Arc::clone(listener), Arc::clone(gate));
            thread::Builder::new().name("accept".to_owned()).spawn(move || listener.accept_all(&gate))
        };
        self.all.iter().map(spawn).collect()
    }

    /// Wakes the threads that accept, so that they see that the server stops.
    pub fn stop(&self) {
        for listener in &self.all {
            match &listener.waker {
                Some(waker) => waker.wake(),
                None => drop(shutdown(&listener.socket, Shutdown::Both)),
            }
        }
    }
}

/// Binds the port of the web, or, if nobody has chosen it and it is taken, one of the next ones, or any.
fn bind_web(config: &Config) -> io::Result<Vec<TcpListener>> {
    let Some(port) = config.web.port else { return Ok(Vec::new()) };
    let first = listen::bind_all(&config.server.ip, port);
    if !config.web.or_another || !first.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
        return first;
    }
    let is_passive = |port: &u16| config.passive.passive_ports.as_ref().is_some_and(|ports| ports.contains(port));
    let next = (port..=u16::MAX).skip(1).filter(|port| !is_passive(port)).take(NEXT_PORTS).chain([0]);
    let mut tried = next.map(|port| listen::bind_all(&config.server.ip, port));
    let bound = tried.find(Result::is_ok).unwrap_or(first)?;
    let taken = bound.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port());
    log::info!("port {port} is in use, so browsers are served at {taken}");
    Ok(bound)
}

/// Takes what systemd has bound; the number of its port tells how a connection begins.
fn adopt(sockets: Vec<TcpListener>, config: &Config) -> io::Result<Vec<Arc<DoorListener>>> {
    let waker = Waker::new()?;
    let adopted = sockets.into_iter().map(|socket| {
        listen::adopt(&socket)?;
        let entrance = match Some(socket.local_addr()?.port()) {
            port if port == config.tls.implicit_port => Entrance::Tls,
            port if port == config.web.port => Entrance::Web,
            _ => Entrance::Greeting,
        };
        Ok(Arc::new(DoorListener { socket, entrance, waker: Some(waker.clone()) }))
    });
    adopted.collect()
}

impl DoorListener {
    fn accept_all(&self, gate: &Arc<Gate>) {
        let mut troubled = false;
        loop {
            self.wait();
            let accepted = self.socket.accept().map(|(stream, peer)| Accepted {
                stream: Arc::new(stream),
                peer: canonical(peer),
                entrance: self.entrance,
            });
            let state = gate.state();
            match accepted {
                Ok(connection) if state != GateState::Open => {
                    gate.refuse(&connection, &Rejection::stopping(state == GateState::Draining))
                }
                Ok(connection) => match gate.ask(connection) {
                    Ok(()) => troubled = false,
                    Err(error) => back_off(&mut troubled, "can't start a session's thread", &error),
                },
                Err(_) if state == GateState::Closed => {}
                Err(error) if is_transient(&error) => {}
                Err(error) => back_off(&mut troubled, "can't accept connections at the moment", &error),
            }
            if state == GateState::Closed {
                return;
            }
        }
    }

    /// Waits for a connection or the waker; without one, `accept` itself waits.
    fn wait(&self) {
        if let Some(waker) = &self.waker {
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(waker, PollFlags::IN)];
            let _ = rustix::event::poll(&mut fds, None);
        }
    }
}

/// Says once what the system is short of, and gives it time.
fn back_off(troubled: &mut bool, what: &str, error: &io::Error) {
    if !mem::replace(troubled, true) {
        log::error!("{what}: {error}{}", hint(error));
    }
    thread::sleep(BACK_OFF);
}

/// Whether the next accept may well succeed: a client is gone again, or another process has accepted it.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::WouldBlock)
}

fn hint(error: &io::Error) -> &'static str {
    let limit = [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if limit { " (raise LimitNOFILE= or ulimit -n, or lower max_cons)" } else { "" }
}
