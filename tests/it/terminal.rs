//! A terminal of its own for a program, whose screen is read as a person would.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZero,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use rustix::{
    process::{Pid, Signal, kill_process_group},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{client::PATIENCE, server::wait_for_exit};

/// A terminal with a program on it, which is killed with it.
pub struct Terminal {
    child: Child,
    master: OwnedFd,
    keys: File,
    /// Held, so that the terminal lives on when the child has left.
    slave: OwnedFd,
    before: Termios,
    screen: Arc<Emulated>,
}

/// What came from the child, as a terminal shows it.
struct Emulated {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
}

impl Terminal {
    /// Runs `command` on a new terminal of this size.
    pub fn run(command: &Command, columns: u16, rows: u16) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(columns, rows)).unwrap();
        let slave =
            File::options().read(true).write(true).open(ptsname(&master, Vec::new()).unwrap().to_str().unwrap());
        let slave: OwnedFd = slave.unwrap().into();
        let before = tcgetattr(&slave).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut on_terminal = with_a_terminal(command);
        on_terminal.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let child = on_terminal.spawn().expect("setsid is part of util-linux");
        let parser = Mutex::new(vt100::Parser::new(not_zero(rows), not_zero(columns), 0));
        let screen = Arc::new(Emulated { parser, changed: Condvar::new() });
        let keys = File::from(master.try_clone().unwrap());
        let (output, writer) = (File::from(master.try_clone().unwrap()), Arc::clone(&screen));
        thread::spawn(move || writer.follow(output));
        Terminal { child, master, keys, slave, before, screen }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.screen.parser.lock().unwrap().screen_mut().set_size(not_zero(rows), not_zero(columns));
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
    }

    /// Waits until the screen is as wanted, and gives its text.
    #[track_caller]
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.screen.wait(|screen| wanted(&screen.contents())).unwrap_or_else(|text| panic!("never {what}:\n{text}"))
    }

    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Looks at the screen as it is.
    pub fn look<T>(&self, with: impl FnOnce(&vt100::Screen) -> T) -> T {
        with(self.screen.parser.lock().unwrap().screen())
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for its end; gives the exit code, and checks that the terminal is as it was.
    #[track_caller]
    pub fn ended(&mut self) -> Option<i32> {
        let status = wait_for_exit(&mut self.child, PATIENCE).expect("it ends");
        let was_left = |screen: &vt100::Screen| !screen.alternate_screen() && !screen.hide_cursor();
        self.screen.wait(was_left).unwrap_or_else(|text| panic!("the screen is not as it was:\n{text}"));
        assert_eq!(format!("{:?}", tcgetattr(&self.slave).unwrap()), format!("{:?}", self.before));
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With what it has started: a server takes the end of its terminal for a wish to reload.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(self.pid(), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Emulated {
    fn follow(&self, mut output: File) {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut bytes) {
            self.parser.lock().unwrap().process(&bytes[..read]);
            self.changed.notify_all();
        }
    }

    /// The text of the screen once it is as wanted, or if it never is.
    fn wait(&self, wanted: impl Fn(&vt100::Screen) -> bool) -> Result<String, String> {
        let parser = self.parser.lock().unwrap();
        let not_yet = |parser: &mut vt100::Parser| !wanted(parser.screen());
        let (parser, waited) = self.changed.wait_timeout_while(parser, PATIENCE, not_yet).unwrap();
        let text = parser.screen().contents();
        if waited.timed_out() { Err(text) } else { Ok(text) }
    }
}

/// The same command in a session that a terminal controls: only such a one is told about its size.
fn with_a_terminal(command: &Command) -> Command {
    let mut on_terminal = Command::new("setsid");
    on_terminal.arg("--ctty").arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        on_terminal.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => on_terminal.env(name, value),
            None => on_terminal.env_remove(name),
        };
    }
    on_terminal
}

fn not_zero(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a screen has a size")
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
