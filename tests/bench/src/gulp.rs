//! Downloads that nobody looks at are dropped in the kernel.

use std::cell::RefCell;
use std::net::TcpStream;

use rustix::net::{RecvFlags, recv};

/// MSG_TRUNC drops at most this many bytes in one call; the memory itself is never touched.
const MOST: usize = 4 << 20;

/// Drops what has come, at most this many bytes; how many they were, 0 at the end of the stream.
pub fn gulp(socket: &TcpStream, most: u64) -> rustix::io::Result<u64> {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MOST]));
    let most = usize::try_from(most).map_or(MOST, |most| most.min(MOST));
    let (_, count) = BUFFER.with_borrow_mut(|buffer| recv(socket, &mut buffer[..most], RecvFlags::TRUNC))?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}
