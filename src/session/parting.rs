//! How a session leaves its thread: it is over, or it goes on with another thread. Each is a type of its own, so that the
//! two can't be confused. Used by `server::visit`.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use log::Level;

use crate::protocol::reply::Reply;
use crate::session::Session;
use crate::session::end::End;
use crate::session::step::Step;

/// A session that its thread is done with.
pub enum Parting {
    /// It is over but for its last words.
    Over(Ended),
    /// It goes on, on a thread that is not locked in.
    Elsewhere(Moved),
}

/// A session between two threads.
pub struct Moved {
    session: Box<Session>,
    /// What is still to be done about its last command.
    step: Box<Step>,
}

/// A session that is over: its login is gone, its connection is still open.
pub struct Ended {
    session: Box<Session>,
    last: Box<Step>,
}

impl Session {
    /// Serves the client from the greeting on, until the client or the server ends the session or until it needs another
    /// thread. A panic costs this session alone.
    pub fn run(self: Box<Self>) -> Parting {
        self.leave_after(Self::begin)
    }

    fn leave_after(mut self: Box<Self>, begin: impl FnOnce(&mut Self) -> Step) -> Parting {
        let served = catch_unwind(AssertUnwindSafe(|| {
            let first = begin(&mut self);
            self.serve(first)
        }));
        self.part(served)
    }

    fn part(mut self: Box<Self>, served: std::thread::Result<Box<Step>>) -> Parting {
        let step = served.unwrap_or_else(|_| {
            // It is unknown whether the thread was locked in by then.
            self.locked_in = true;
            Box::new(Step::Close(self.apology(), End::Failed))
        });
        let Some(end) = step.end() else { return Parting::Elsewhere(Moved { session: self, step }) };
        self.log_end(end);
        // A client that reads the goodbye may come back at once: by then nothing of this session is held.
        self.access.end();
        Parting::Over(Ended { session: self, last: step })
    }

    /// If the client was cut off, or hung up because it was asked to end, the log names who asked.
    fn log_end(&self, end: &End) {
        let asked = self.control.notice().filter(|_| end.is_sudden()).map(|notice| End::Asked(notice.farewell.reason));
        self.control.who.log(Level::Info, format_args!("FTP session closed ({}).", asked.as_ref().unwrap_or(end)));
    }

    #[cold]
    fn apology(&self) -> Reply {
        log::error!(peer:% = self.control.who.peer, user = ""; "the session failed inside; it is closed, all others go on");
        Reply::new(421, "Something went wrong inside; closing the connection.")
    }
}

impl Moved {
    /// Goes on, on a fresh thread, as [`Session::run`] does.
    pub fn resume(mut self) -> Parting {
        self.session.locked_in = false;
        let step = *self.step;
        self.session.leave_after(|_| step)
    }

    /// Says why it can't go on and lets go, without a wait for the client's end of TLS.
    pub fn break_off(mut self, reply: &Reply) {
        self.session.log_end(&End::NoThread);
        // A client that is gone by now misses nothing.
        let _ = self.session.control.send(reply);
    }
}

impl Ended {
    /// Whether its thread can't serve another session.
    pub fn spends_thread(&self) -> bool {
        self.session.locked_in
    }

    /// Sends the last reply, if one is due, and closes the connection.
    ///
    /// # Errors
    /// How the control connection broke.
    pub fn say_goodbye(mut self) -> io::Result<()> {
        match *self.last {
            Step::Cut(End::Broken(error)) => return Err(error),
            Step::Close(reply, _) => self.session.send(&reply)?,
            Step::Reply(_) | Step::Secure(_) | Step::Clear(_) | Step::Cut(_) => {}
        }
        self.session.control.close();
        Ok(())
    }
}
