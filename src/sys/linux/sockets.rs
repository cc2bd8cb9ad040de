//! Options of sockets that only Linux has. None of them is needed: without them, things work, more slowly.

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::fd::AsFd;
use rustix::net::sockopt;

/// Leaves the choice of a port to `connect`, for a socket that will be bound to port 0: connections to different peers may
/// share one. `bind` looks for a port that nobody has, and takes longer for each connection in TIME_WAIT. (Linux 4.2)
pub fn leave_port_to_connect(socket: impl AsFd) {
    let _ = setsockopt(&socket.as_fd(), IpBindAddressNoPort, &true);
}

/// Sends full segments only, from now on until the socket is closed.
pub fn send_full_segments(socket: impl AsFd) {
    let _ = sockopt::set_tcp_cork(socket, true);
}

/// Acknowledges at once what has come.
pub fn acknowledge_now(socket: impl AsFd) {
    let _ = sockopt::set_tcp_quickack(socket, true);
}
