//! The listeners of control connections.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// A burst of clients waits here until the accept thread has been scheduled.
const BACKLOG: i32 = 1024;
/// Port 0 means one free port for all addresses: another program may hold it on one of them.
const MAX_TRIES: usize = 16;

/// Binds every address; a family that the system lacks is a warning as long as one listener stands.
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
    let mut lacking = None;
    // Only alone does `::` serve IPv4, too.
    let v6_only = addresses.iter().any(IpAddr::is_ipv4);
    for &address in addresses {
        let both = address == Ipv6Addr::UNSPECIFIED && !v6_only;
        match bind(SocketAddr::new(address, port), both) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if lacks_family(&error) => lacking = Some((address, error)),
            Err(error) => {
                let target = SocketAddr::new(address, port);
                return Err(io::Error::new(error.kind(), format!("can't listen on {target}: {error}")));
            }
        }
    }
    match lacking {
        Some((address, error)) if listeners.is_empty() => {
            Err(io::Error::new(error.kind(), format!("can't listen on {address}: {error}")))
        }
        Some((address, error)) => {
            log::warn!("not listening on {address}: {error}");
            Ok(listeners)
        }
        None => Ok(listeners),
    }
}

fn bind(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a server that was just killed don't keep the next one from its port.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!both)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn lacks_family(error: &io::Error) -> bool {
    let lacking = [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::ADDRNOTAVAIL];
    lacking.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
