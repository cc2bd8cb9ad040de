//! How a client's conversation leaves its thread: it is over, or it goes on with another thread. Each is a type of its own, so
//! that the two can't be confused. Both doors implement these for `server::visit`.

use std::io;

use crate::reception::rejection::Rejection;

/// What there is when a thread is done with a conversation.
pub enum Parting {
    /// It is over but for its last words.
    Over(Box<dyn Ended>),
    /// It goes on, on a thread that is not locked in.
    Elsewhere(Box<dyn Moved>),
}

/// A conversation between two threads.
pub trait Moved: Send {
    /// Goes on, on a fresh thread.
    fn resume(self: Box<Self>) -> Parting;

    /// Says why it can't go on and lets go, without a wait for the client's end of TLS.
    fn break_off(self: Box<Self>, why: &Rejection);
}

/// A conversation that is over: its login is gone, its connection is still open.
pub trait Ended {
    /// Whether its thread can't serve another client.
    fn spends_thread(&self) -> bool;

    /// Sends the last words, if some are due, and closes the connection.
    ///
    /// # Errors
    /// How the connection broke.
    fn say_goodbye(self: Box<Self>) -> io::Result<()>;
}
