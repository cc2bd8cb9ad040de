//! The listeners of control connections.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::net::source_port::Unbindable;

/// How many connections may wait until the accept thread runs.
const BACKLOG: i32 = 1024;
/// A client that accepts no reply for this long counts as gone, even if `timeout` is longer.
const SEND_PATIENCE: Duration = Duration::from_secs(60);
/// Port 0 means one free port for all addresses: another program may hold it on one of them.
const MAX_TRIES: usize = 16;

/// Binds every address; a family that the system lacks is left out if there is a listener of the other.
///
/// # Errors
/// Names the address that can't be bound.
pub fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut tries = if port == 0 { MAX_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(addresses, port) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            other => return other,
        }
    }
}

fn bind_once(addresses: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut lacking = Vec::new();
    for &address in addresses {
        let target = SocketAddr::new(address, port);
        match bind(target, addresses) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) => {
                let told = io::Error::new(error.kind(), format!("can't listen on {target}: {error}"));
                if !lacks_family(&error, address) {
                    return Err(told);
                }
                lacking.push(told);
            }
        }
    }
    if listeners.is_empty() {
        return Err(lacking.pop().unwrap_or_else(|| ErrorKind::AddrNotAvailable.into()));
    }
    Ok(listeners)
}

/// What gives the right to a port below 1024 that is missing.
pub const DATA_PORT_RIGHT: &str = "start the server as root (and let `user` give that up), or give it the capability CAP_NET_BIND_SERVICE: \
     AmbientCapabilities=CAP_NET_BIND_SERVICE and CapabilityBoundingSet=CAP_NET_BIND_SERVICE in the unit of \
     systemd, or `setcap cap_net_bind_service=+ep` for its binary; data_port = off uses any port";

/// Why `data_port` can't be used, and what gives the right that is missing.
pub fn explain_data_port(why: &Unbindable) -> String {
    let way_out = match why.error.kind() {
        ErrorKind::PermissionDenied => format!(": {DATA_PORT_RIGHT}"),
        ErrorKind::AddrInUse => ": another program listens there".to_owned(),
        _ => String::new(),
    };
    let Unbindable { at, error } = why;
    format!("data_port: can't use port {} at {}: {error}{way_out}", at.port(), at.ip())
}

/// A listener at one of the addresses; `::` serves IPv4, too, unless IPv4 has listeners of its own.
pub fn bind(address: SocketAddr, all: &[IpAddr]) -> io::Result<TcpListener> {
    let socket = bound(address, all)?;
    set_options_of_connections(&socket)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Fails if [`bind`] would, and does not listen: no client comes in.
pub fn try_at(address: SocketAddr, all: &[IpAddr]) -> io::Result<()> {
    bound(address, all).map(drop)
}

fn bound(address: SocketAddr, all: &[IpAddr]) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a server that was just killed don't keep the next one from its port.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        let both = address.ip() == Ipv6Addr::UNSPECIFIED && !all.iter().any(IpAddr::is_ipv4);
        socket.set_only_v6(!both)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Gives the connections of a listener that another process has bound the same options. It does not block then, as another
/// process may accept from it, too.
pub fn adopt(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    set_options_of_connections(&SockRef::from(listener))
}

/// Sets how long the connections that come from now on may hold up a reply: this idle time, with an upper limit.
pub fn set_patience(listener: &TcpListener, idle: Option<Duration>) -> io::Result<()> {
    SockRef::from(listener).set_write_timeout(Some(idle.map_or(SEND_PATIENCE, |idle| idle.min(SEND_PATIENCE))))
}

/// Whether an address can't be bound because this machine lacks its whole family.
pub fn lacks_family(error: &io::Error, address: IpAddr) -> bool {
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    is(Errno::AFNOSUPPORT) || is(Errno::PROTONOSUPPORT) || (is(Errno::ADDRNOTAVAIL) && address.is_unspecified())
}

/// Every accepted connection inherits these from its listener, which saves seven system calls for each.
fn set_options_of_connections(listener: &Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    // ABOR often comes as urgent data.
    listener.set_out_of_band_inline(true)?;
    listener.set_write_timeout(Some(SEND_PATIENCE))?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
    listener.set_tcp_keepalive(&keepalive.with_retries(6))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn accepted_connections_inherit_the_options() {
        let listeners = bind_all(&[Ipv4Addr::LOCALHOST.into()], 0).expect("bound");
        let listener = listeners.first().expect("one listener");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (accepted, _) = listener.accept().expect("accepted");
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().expect("readable"));
        assert!(socket.keepalive().expect("readable"));
        assert!(socket.out_of_band_inline().expect("readable"));
        assert_eq!(socket.tcp_keepalive_time().expect("readable"), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().expect("readable"), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().expect("readable"), 6);
        assert_eq!(socket.write_timeout().expect("readable"), Some(SEND_PATIENCE));
    }

    #[test]
    fn replies_wait_for_the_shorter_of_the_idle_time_and_a_minute() {
        let listeners = bind_all(&[Ipv4Addr::LOCALHOST.into()], 0).expect("bound");
        let listener = listeners.first().expect("one listener");
        for (idle, expected) in [(Some(4), 4), (Some(300), 60), (None, 60), (Some(60), 60)] {
            set_patience(listener, idle.map(Duration::from_secs)).expect("set");
            let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
            let (accepted, _) = listener.accept().expect("accepted");
            assert_eq!(accepted.write_timeout().expect("readable"), Some(Duration::from_secs(expected)));
        }
    }
}
