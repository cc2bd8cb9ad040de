//! The protocol of a running server's local socket: the types of both sides, and where the socket is. Each message is a JSON
//! object on a line of its own; docs/control-socket.md describes them.

pub mod answer;
pub mod place;
pub mod request;

/// The version of the protocol, the `v` of every message.
pub const VERSION: u32 = 1;
