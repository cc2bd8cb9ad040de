//! Options of sockets that only Linux has. None of them is needed: without them, things work, more slowly.

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::fd::AsFd;
use rustix::net::{SendFlags, sockopt};

/// With it, what is sent waits for more, as long as it fills no segment.
pub const MORE_FOLLOWS: SendFlags = SendFlags::MORE;

/// Leaves the choice of a port to `connect`, for a socket that will be bound to port 0: connections to different peers may
/// share one. `bind` looks for a port that nobody has, and takes longer for each connection in TIME_WAIT. (Linux 4.2)
pub fn leave_port_to_connect(socket: impl AsFd) {
    let _ = setsockopt(&socket.as_fd(), IpBindAddressNoPort, &true);
}

/// Sends full segments only, from now on until the socket is closed or [`send_all_segments`] is called.
pub fn send_full_segments(socket: impl AsFd) {
    let _ = sockopt::set_tcp_cork(socket, true);
}

/// Sends segments as they are again, and at once what was held back to be filled.
pub fn send_all_segments(socket: impl AsFd) {
    let _ = sockopt::set_tcp_cork(socket, false);
}

/// Acknowledges at once what has come.
pub fn acknowledge_now(socket: impl AsFd) {
    let _ = sockopt::set_tcp_quickack(socket, true);
}
