//! The local socket of this server: its folder is made before root is given up, the socket after that. One thread answers.
//!
//! Only the server's own user and root are answered. The thread never waits for a client: a bounded number of them are here
//! at once, and for one more, the one that has been silent longest is dropped.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::config::{Config, ControlSocket};
use crate::control::{answer, place};
use crate::ini::{self, Finding, shell_word};
use crate::sys::access::user_id;
use crate::sys::local_socket::{LocalListener, LocalStream, SocketName};
use crate::sys::person::Person;
use crate::sys::waker::Waker;

mod caller;
pub mod desk;

use caller::Caller;
use desk::Desk;

/// The running local socket; Drop ends it.
pub struct ControlServer {
    ending: Arc<AtomicBool>,
    waker: Waker,
    name: SocketName,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Answering {
    listener: LocalListener,
    waker: Waker,
    ending: Arc<AtomicBool>,
    callers: Vec<Caller>,
    desk: Desk,
    /// The last accept failed.
    troubled: bool,
}

/// Clients at once.
const MAX_CALLERS: usize = 32;
/// Maximum number of clients accepted before those that are here have their turn.
const MAX_AT_ONCE: usize = 8;
/// The time until the next try after an accept that failed because the system is short of something.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Makes the folders for the socket while root can still do so. The user that the server becomes can make the socket there,
/// and remove it.
pub fn prepare(config: &Config, port: u16, person: Option<&Person>) {
    let (ControlSocket::Auto, Some(person)) = (&config.server.control_socket, person) else { return };
    for (folder, _) in place::of_port(port) {
        // The next folder may do, and if none does, `bind` says why.
        let _ = folder.make_for(person);
    }
}

/// Listens where the configuration says; `None` if there is to be no socket. If none of the usual folders can be used, it is
/// `None`, too, with a warning in the log.
///
/// # Errors
/// Names the path that can't be used, and why.
pub fn bind(config: &Config, port: u16) -> io::Result<Option<LocalListener>> {
    match &config.server.control_socket {
        ControlSocket::Off => Ok(None),
        ControlSocket::At(path) => LocalListener::bind(path)
            .map(Some)
            .map_err(|why| io::Error::new(why.kind(), finding(config, path, &why).to_string())),
        ControlSocket::Auto => match bind_usual(port) {
            Ok(listener) => Ok(Some(listener)),
            Err(why) => {
                log::warn!("no control socket, so ftpd who and its like can't reach this server: {why}");
                Ok(None)
            }
        },
    }
}

fn bind_usual(port: u16) -> io::Result<LocalListener> {
    let mut failure = io::Error::from(ErrorKind::NotFound);
    for (folder, path) in place::of_port(port) {
        match folder.make().and_then(|()| LocalListener::bind(&path)) {
            Ok(listener) => return Ok(listener),
            Err(why) => {
                let is_held = why.kind() == ErrorKind::AddrInUse;
                let reason = if is_held { "another running ftpd listens there".to_owned() } else { why.to_string() };
                failure = io::Error::new(why.kind(), format!("can't make {}: {reason}", path.display()));
                if is_held {
                    break;
                }
            }
        }
    }
    Err(failure)
}

/// Why the socket that its configuration names can't be made.
pub fn finding(config: &Config, path: &Path, why: &io::Error) -> Finding {
    let folder = path.parent().unwrap_or(Path::new(".")).display();
    let error = |reason: &str| {
        let reason = format!("can't make the socket {}: {reason}", path.display());
        Finding::error(&config.source("server", "control_socket"), reason).about("control_socket")
    };
    match why.kind() {
        ErrorKind::NotFound => error(&format!("the folder {folder} does not exist"))
            .fix(format!("mkdir -p {}", shell_word(path.parent().unwrap_or(Path::new("."))))),
        ErrorKind::AddrInUse => error("another running ftpd listens there").fix("name another path"),
        ErrorKind::AlreadyExists => error("a file that is no socket has that name").fix("name another path"),
        ErrorKind::IsADirectory => error("it is a folder")
            .fix(format!("name a socket in it: {}/ftpd.sock", path.components().as_path().display())),
        ErrorKind::InvalidFilename => {
            error(&ini::without_number(why)).fix("name a shorter path, such as /run/ftpd.sock")
        }
        ErrorKind::PermissionDenied => error(&ini::without_number(why))
            .fix(format!("let the server's user write to {folder}, or name another path")),
        _ => error(&ini::without_number(why)),
    }
}

impl ControlServer {
    /// Starts to answer; the desk is told how to wake the thread.
    pub fn start(listener: LocalListener, desk: impl FnOnce(Waker) -> Desk) -> io::Result<ControlServer> {
        let (waker, ending, name) = (Waker::new()?, Arc::new(AtomicBool::new(false)), listener.name());
        let desk = desk(waker.clone());
        let mut answering = Answering {
            listener,
            waker: waker.clone(),
            ending: Arc::clone(&ending),
            callers: Vec::new(),
            desk,
            troubled: false,
        };
        let builder = thread::Builder::new().name("control socket".to_owned()).stack_size(STACK);
        let thread = Some(builder.spawn(move || answering.run())?);
        Ok(ControlServer { ending, waker, name, thread })
    }

    /// Its name, to be removed by a process that ends at once.
    pub fn name(&self) -> SocketName {
        self.name.clone()
    }
}

/// JSON of deep nesting is refused long before this is used up.
const STACK: usize = 512 * 1024;

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Answering {
    fn run(&mut self) {
        while !self.ending.load(Ordering::Relaxed) {
            let accepts = self.wait();
            self.waker.clear();
            let now = Instant::now();
            self.advance(now);
            if accepts {
                self.accept(now);
            }
        }
        // Answers that came last are still sent.
        let now = Instant::now();
        self.advance(now);
        // Who hears the goodbye may start another server.
        self.listener.name().remove();
        self.callers.iter_mut().for_each(|caller| caller.say_goodbye(now));
        mem::take(&mut self.callers);
    }

    fn advance(&mut self, now: Instant) {
        for caller in &mut self.callers {
            caller.advance(&mut self.desk, now);
        }
        self.callers.retain(Caller::is_here);
    }

    /// Waits for a client, an answer that took a while, or a deadline; whether a client may be there.
    fn wait(&mut self) -> bool {
        let mut fds = vec![PollFd::new(&self.waker, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
        fds.extend(self.callers.iter().map(|caller| PollFd::new(caller, caller.interest())));
        if self.troubled {
            fds.remove(1);
        }
        let now = Instant::now();
        let back_off = self.troubled.then(|| now + BACK_OFF);
        let end = self.callers.iter().map(|caller| caller.deadline(now)).chain(back_off).min();
        let left = end.and_then(|end| Timespec::try_from(end.saturating_duration_since(now)).ok());
        if rustix::event::poll(&mut fds, left.as_ref()).is_err() {
            return false;
        }
        let first = fds.len() - self.callers.len();
        let gone: Vec<bool> =
            fds[first..].iter().map(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR)).collect();
        let accepts = self.troubled || !fds[1].revents().is_empty();
        for (caller, gone) in self.callers.iter_mut().zip(gone) {
            caller.note_hangup(gone);
        }
        mem::take(&mut self.troubled);
        accepts
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..MAX_AT_ONCE {
            match self.listener.accept() {
                Ok(stream) => self.admit(stream, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::debug!("control socket: can't accept: {error}");
                    self.troubled = true;
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut stream: LocalStream, now: Instant) {
        match stream.peer_user() {
            Ok(user) if user == 0 || user == user_id() => {}
            user => {
                let user = user.map_or("an unknown user".to_owned(), |user| format!("user {user}"));
                log::warn!("control socket: {user} is refused");
                let reason = "only the user that this server runs as, and root, are answered";
                let _ = stream.write(answer::refusal(reason).as_bytes());
                return;
            }
        }
        if self.callers.len() >= MAX_CALLERS {
            self.drop_most_silent();
        }
        self.callers.push(Caller::new(stream, now));
    }

    fn drop_most_silent(&mut self) {
        let silent = self.callers.iter().enumerate().min_by_key(|(_, caller)| caller.silent_since());
        if let Some((index, _)) = silent {
            self.callers.remove(index);
        }
    }
}
