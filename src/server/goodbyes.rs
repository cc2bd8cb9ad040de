//! Connections that are closed before their client has said a word: what it then sends would be answered with a reset, which
//! takes away what it was told. One thread waits a moment for all of them.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::net::control::drop_unread;

/// The way to the thread that waits.
pub struct Goodbyes(Sender<(Arc<TcpStream>, Instant)>);

/// How long a client may take to say what it came for.
const MOMENT: Duration = Duration::from_millis(500);
/// The most connections that are waited for; more are closed at once.
const MOST: usize = 256;

impl Goodbyes {
    /// Starts the thread, which ends with this value.
    pub fn start() -> io::Result<Self> {
        let (sender, connections) = bounded(MOST);
        thread::Builder::new().name("goodbyes".to_owned()).spawn(move || wait(&connections))?;
        Ok(Self(sender))
    }

    /// Closes a connection after a moment, with what its client has sent by then dropped.
    pub fn wait_for(&self, connection: Arc<TcpStream>) {
        drop(self.0.try_send((connection, Instant::now() + MOMENT)));
    }
}

/// They come in the order in which their moments end.
fn wait(connections: &Receiver<(Arc<TcpStream>, Instant)>) {
    for (connection, end) in connections {
        thread::sleep(end.saturating_duration_since(Instant::now()));
        drop_unread(&connection);
    }
}
