//! How a session leaves its thread: it is over, or it goes on with another thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use log::Level;

use crate::protocol::reply::Reply;
use crate::reception::parting::{Ended, Moved, Parting};
use crate::reception::rejection::Rejection;
use crate::session::Session;
use crate::session::end::End;
use crate::session::step::Step;

/// A session between two threads.
struct MovedSession {
    session: Box<Session>,
    /// What is still to be done about its last command.
    step: Box<Step>,
}

/// A session that is over: its login is gone, its connection is still open.
struct EndedSession {
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
        let Some(end) = step.end() else { return Parting::Elsewhere(Box::new(MovedSession { session: self, step })) };
        self.log_end(end);
        // A client that reads the goodbye may come back at once: by then nothing of this session is held.
        self.access.end();
        Parting::Over(Box::new(EndedSession { session: self, last: step }))
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

impl Moved for MovedSession {
    fn resume(self: Box<Self>) -> Parting {
        let Self { mut session, step } = *self;
        session.locked_in = false;
        session.leave_after(|_| *step)
    }

    fn break_off(mut self: Box<Self>, why: &Rejection) {
        self.session.log_end(&End::NoThread);
        // A client that is gone by now misses nothing.
        let _ = self.session.control.send(&Reply::new(421, why.text.clone()));
    }
}

impl Ended for EndedSession {
    fn spends_thread(&self) -> bool {
        self.session.locked_in
    }

    fn say_goodbye(mut self: Box<Self>) -> io::Result<()> {
        match *self.last {
            Step::Cut(End::Broken(error)) => return Err(error),
            Step::Close(reply, _) => self.session.send(&reply)?,
            Step::Reply(_) | Step::Secure(_) | Step::Clear(_) | Step::Cut(_) => {}
        }
        self.session.control.close();
        Ok(())
    }
}
