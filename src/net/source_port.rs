//! The port that all active data connections come from (`data_port`), bound by a thread of its own.
//!
//! A session's thread can't bind it: it has no capability, and its jail allows no port. This thread is in no jail and
//! keeps what the port needs; it hands out sockets that are bound and not connected yet.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// A port to connect from; its thread ends with this value.
#[derive(Debug)]
pub struct SourcePort {
    port: u16,
    jobs: Sender<Job>,
}

/// An address from which no connection can be made, and why.
#[derive(Debug)]
pub struct Unbindable {
    /// The local address with the port.
    pub at: SocketAddr,
    /// What the system says.
    pub error: io::Error,
}

type Job = Box<dyn FnOnce() + Send>;

impl SourcePort {
    /// Starts the thread, which has the rights of the calling one.
    pub fn start(port: u16) -> io::Result<Self> {
        let (jobs, waiting): (Sender<Job>, Receiver<Job>) = unbounded();
        thread::Builder::new().name("data port".to_owned()).spawn(move || waiting.iter().for_each(|job| job()))?;
        Ok(Self { port, jobs })
    }

    /// A socket at this port of a local address; the port in `at` is ignored. Any number of them may be open at once, as
    /// long as each is connected to another client or port.
    pub fn socket(&self, at: SocketAddr) -> io::Result<OwnedFd> {
        let port = self.port;
        self.run(move || bind(at, port))?
    }

    /// Binds the port at each of these local addresses and releases it again; returns the first at which that fails.
    pub fn try_at(&self, addresses: Vec<IpAddr>) -> io::Result<Result<(), Unbindable>> {
        let port = self.port;
        self.run(move || may_be_bound(port, addresses))
    }

    /// Runs work on the thread and waits for it. It must not block, as sessions wait for the thread.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (answer, answered) = bounded(1);
        let gone = || io::Error::other("the thread that binds the port is gone");
        self.jobs.send(Box::new(move || drop(answer.send(work())))).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }
}

/// Binds a port at each of these local addresses and releases it again.
pub fn may_be_bound(port: u16, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Unbindable> {
    for ip in addresses {
        let at = SocketAddr::new(ip, port);
        bind(at, port).map_err(|error| Unbindable { at, error })?;
    }
    Ok(())
}

fn bind(mut at: SocketAddr, port: u16) -> io::Result<OwnedFd> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // Others may have the port, too, while none of them listens.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    at.set_port(port);
    rustix::net::bind(&socket, &at)?;
    Ok(socket)
}
