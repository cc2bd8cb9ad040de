//! A program that the server starts, and what comes of it.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::sys::person::Person;

/// What is to be started.
pub struct ProgramCall<'a> {
    /// Where it is.
    pub program: &'a Path,
    /// Its arguments, without its name.
    pub arguments: &'a [String],
    /// All of its environment but `PATH`.
    pub environment: &'a [(&'a str, &'a [u8])],
    /// Who it runs as, without further groups; `None` is the user of this process.
    pub person: Option<&'a Person>,
}

/// A program that runs, in a process group of its own.
pub struct RunningProgram {
    child: Child,
    /// Readable once it has ended; kernels older than 5.3 have none.
    ended: Option<OwnedFd>,
    stderr: Option<ChildStderr>,
    /// The last that it wrote to stderr.
    said: Vec<u8>,
}

/// Where programs that it starts in turn are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of stderr that are kept.
const KEPT: usize = 4096;
/// How often it is asked whether it is late.
const TICK: Duration = Duration::from_millis(250);
/// How often it is asked whether it has ended, if the kernel tells nothing.
const SHORT_TICK: Duration = Duration::from_millis(20);

impl ProgramCall<'_> {
    /// Starts it without a shell, in `/`, with nothing to read.
    pub fn start(&self) -> io::Result<RunningProgram> {
        // What a service manager lets the server keep is not for others; without it, there is nothing to give up.
        let _ = rustix::thread::clear_ambient_capability_set();
        let mut command = Command::new(self.program);
        command.args(self.arguments).env_clear().env("PATH", PATH);
        command.envs(self.environment.iter().map(|(name, value)| (name, OsStr::from_bytes(value))));
        command.current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(person) = self.person {
            command.gid(person.group).uid(person.user);
        }
        let mut child = command.spawn()?;
        let stderr = child.stderr.take();
        if let Some(stderr) = &stderr {
            let flags = rustix::fs::fcntl_getfl(stderr)?;
            rustix::fs::fcntl_setfl(stderr, flags | OFlags::NONBLOCK)?;
        }
        let ended = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).ok();
        Ok(RunningProgram { child, ended, stderr, said: Vec::new() })
    }
}

impl RunningProgram {
    /// Waits until it has ended. When it is late, its process group is killed, and the result is `None`.
    pub fn wait(&mut self, is_late: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.listen();
                return Ok(Some(status));
            }
            if is_late() {
                let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
                self.child.wait()?;
                self.listen();
                return Ok(None);
            }
            self.pause();
            self.listen();
        }
    }

    /// Waits until something has happened, or for a moment.
    fn pause(&self) {
        let mut fds = Vec::with_capacity(2);
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        fds.extend(self.ended.as_ref().map(|ended| PollFd::new(ended, PollFlags::IN)));
        let tick = if self.ended.is_some() { TICK } else { SHORT_TICK };
        // A signal: as if something had happened.
        let _ = poll(&mut fds, Timespec::try_from(tick).ok().as_ref());
    }

    /// Reads what it has written to stderr.
    fn listen(&mut self) {
        let mut block = [0; KEPT];
        while let Some(stderr) = &mut self.stderr {
            match stderr.read(&mut block) {
                Ok(0) => self.stderr = None,
                Ok(count) => {
                    self.said.extend_from_slice(&block[..count]);
                    let surplus = self.said.len().saturating_sub(KEPT);
                    self.said.drain(..surplus);
                    if count < KEPT {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.stderr = None,
            }
        }
    }

    /// The last line that it has written to stderr.
    pub fn last_line(&self) -> Option<String> {
        let mut lines = self.said.rsplit(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        lines.find(|line| !line.is_empty()).map(|line| String::from_utf8_lossy(line).into_owned())
    }
}

/// How a program ended, in words: `exit code 3`, `signal 9`.
pub fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn run(script: &str, is_late: impl Fn() -> bool) -> (Option<ExitStatus>, Option<String>) {
        let arguments = ["-c".to_owned(), script.to_owned()];
        let environment = [("NAME", b"value".as_slice())];
        let call = ProgramCall {
            program: Path::new("/bin/sh"),
            arguments: &arguments,
            environment: &environment,
            person: None,
        };
        let mut running = call.start().expect("started");
        (running.wait(is_late).expect("waited"), running.last_line())
    }

    #[test]
    fn its_end_and_its_last_line_are_told() {
        for (script, ends, line) in [
            ("exit 0", "exit code 0", None),
            ("echo one >&2; echo two >&2; exit 3", "exit code 3", Some("two")),
            ("printf 'no line end' >&2; kill -9 $$", "signal 9", Some("no line end")),
            ("echo $NAME$HOME$CARGO >&2; cat; exit 1", "exit code 1", Some("value")),
            ("head -c 300000 /dev/zero >&2; echo >&2; echo last >&2; echo >&2", "exit code 0", Some("last")),
            ("sleep 1000 & echo $! >&2; exec 2>&-; exit 2", "exit code 2", Some("")),
        ] {
            let (status, said) = run(script, || false);
            assert_eq!(status.map(ending).as_deref(), Some(ends), "{script}");
            match line {
                // What it left behind holds nobody up.
                Some("") => {
                    let number = said.and_then(|said| said.parse().ok()).and_then(Pid::from_raw).expect("a number");
                    rustix::process::kill_process(number, Signal::KILL).expect("it runs");
                }
                line => assert_eq!(said.as_deref(), line, "{script}"),
            }
        }
    }

    #[test]
    fn a_late_one_is_killed_with_all_that_it_started() {
        let begin = Instant::now();
        let script = "trap '' TERM; sleep 1000 & echo $! >&2; wait";
        let (status, said) = run(script, || begin.elapsed() > Duration::from_millis(500));
        assert_eq!(status, None);
        let number = said.and_then(|said| said.parse().ok()).and_then(Pid::from_raw).expect("a number");
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        while !is_gone() {
            assert!(begin.elapsed() < Duration::from_secs(20), "it still runs");
            std::thread::sleep(SHORT_TICK);
        }
    }
}
