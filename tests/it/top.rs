//! `ftpd top` on a terminal of its own, whose screen is read as a person would.

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
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{
    client::{Client, PATIENCE},
    data::Data,
    server::{BOB, Server, bare_command, run_to_its_end, wait_for_exit},
};

/// A terminal with `ftpd top` on it.
struct Terminal {
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
    fn of(server: &Server, columns: u16, rows: u16) -> Terminal {
        Terminal::run(server, &["top"], columns, rows)
    }

    fn run(server: &Server, arguments: &[&str], columns: u16, rows: u16) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(columns, rows)).unwrap();
        let slave =
            File::options().read(true).write(true).open(ptsname(&master, Vec::new()).unwrap().to_str().unwrap());
        let slave: OwnedFd = slave.unwrap().into();
        let before = tcgetattr(&slave).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        // A terminal tells only the session that it controls about its size.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(env!("CARGO_BIN_EXE_ftpd")).args(arguments).arg("--socket").arg(server.socket());
        command.env_remove("RUST_LOG").env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("setsid is part of util-linux");
        let parser = Mutex::new(vt100::Parser::new(not_zero(rows), not_zero(columns), 0));
        let screen = Arc::new(Emulated { parser, changed: Condvar::new() });
        let keys = File::from(master.try_clone().unwrap());
        let (output, writer) = (File::from(master.try_clone().unwrap()), Arc::clone(&screen));
        thread::spawn(move || writer.follow(output));
        Terminal { child, master, keys, slave, before, screen }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.screen.parser.lock().unwrap().screen_mut().set_size(not_zero(rows), not_zero(columns));
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
    }

    /// Waits until the screen is as wanted, and gives its text.
    #[track_caller]
    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.screen.wait(|screen| wanted(&screen.contents())).unwrap_or_else(|text| panic!("never {what}:\n{text}"))
    }

    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Waits for its end; gives the exit code, and checks that the terminal is as it was.
    #[track_caller]
    fn ended(&mut self) -> Option<i32> {
        let status = wait_for_exit(&mut self.child, PATIENCE).expect("it ends");
        let was_left = |screen: &vt100::Screen| !screen.alternate_screen() && !screen.hide_cursor();
        self.screen.wait(was_left).unwrap_or_else(|text| panic!("the screen is not as it was:\n{text}"));
        assert_eq!(format!("{:?}", tcgetattr(&self.slave).unwrap()), format!("{:?}", self.before));
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
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

fn not_zero(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a screen has a size")
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Bob's download of a large file, of which he reads the beginning.
fn download(server: &Server) -> (Client, Data) {
    server.write_sparse("film.iso", 400 << 20);
    let mut client = server.login();
    let mut data = client.passive();
    client.expect("RETR film.iso", 150);
    data.handshake();
    (client, data)
}

fn read(data: &mut Data, length: usize) {
    data.read_exact(&mut vec![0; length]).unwrap();
}

fn percent(screen: &str) -> Option<u32> {
    let line = screen.lines().find(|line| line.contains("/film.iso"))?;
    line.split_whitespace().find_map(|word| word.strip_suffix('%')?.parse().ok())
}

#[test]
fn a_transfer_moves_on_the_screen_and_q_ends_it() {
    let server = Server::plain();
    let (_client, mut data) = download(&server);
    let mut terminal = Terminal::of(&server, 80, 24);
    read(&mut data, 60 << 20);
    let moving = |screen: &str| percent(screen).is_some_and(|percent| percent >= 15);
    let screen = terminal.wait("a percentage", moving);
    for text in ["1 session of", "1 transfer: ", "/s to clients", "ID ACCOUNT", " bob ", " RETR ", "█", "/film.iso"] {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    read(&mut data, 140 << 20);
    let further = |screen: &str| percent(screen).is_some_and(|percent| percent >= 50);
    let screen = terminal.wait("progress", further);
    let line = screen.lines().find(|line| line.contains("/film.iso")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words.iter().any(|word| word.ends_with("M/s")) && words[words.len() - 2].ends_with('s'), "{line}");
    terminal.press("q");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let server = Server::plain();
    let (_client, _data) = download(&server);
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for("/film.iso");
    for (columns, rows) in [(120, 40), (30, 8), (80, 24), (200, 50), (1, 1), (10, 3), (80, 24)] {
        terminal.resize(columns, rows);
        let keys_are_last = |screen: &str| {
            columns < 30 || screen.lines().nth(usize::from(rows) - 1).is_some_and(|line| line.starts_with("↑↓ select"))
        };
        let screen = terminal.wait("the keys in the last line", keys_are_last);
        assert_eq!(screen.contains("/film.iso"), columns >= 60, "{columns}x{rows}:\n{screen}");
    }
    // Control-C.
    terminal.press("\u{3}");
    assert_eq!(terminal.ended(), Some(0));
}

fn uptime(screen: &str) -> Option<u32> {
    screen.split_once(", up ")?.1.split_once('s')?.0.parse().ok()
}

#[test]
fn a_paused_screen_stands_still() {
    let server = Server::start("", &(BOB.to_owned() + &BOB.replace("bob", "eve")));
    let _bob = server.login();
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for(" bob ");
    terminal.press("p");
    terminal.wait_for("PAUSED");
    let _eve = server.login_as("eve");
    // Another screen, on which some seconds pass.
    let other = Terminal::of(&server, 80, 24);
    let seen = uptime(&other.wait_for(" eve ")).unwrap();
    other.wait("time", |screen| uptime(screen).is_some_and(|now| now >= seen + 3));
    let paused = terminal.wait_for("PAUSED");
    assert!(!paused.contains(" eve ") && paused.contains(" bob "), "{paused}");
    terminal.press("p");
    terminal.wait_for(" eve ");
    terminal.press("q");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn a_session_is_kicked_only_after_a_yes() {
    let server = Server::start("", &(BOB.to_owned() + &BOB.replace("bob", "eve")));
    let mut bob = server.login();
    let mut eve = server.login_as("eve");
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for(" eve ");
    terminal.press("\u{1b}[B");
    for (key, end) in [("n", false), ("y", true)] {
        terminal.press("k");
        terminal.wait("the question", |screen| screen.contains("Kick session ") && screen.contains("y/n   eve from"));
        eve.expect("NOOP", 200);
        terminal.press(key);
        terminal.wait("no question", |screen| !screen.contains("y/n"));
        if end {
            eve.read_reply().expect(421);
            eve.expect_closed();
        } else {
            eve.expect("NOOP", 200);
        }
    }
    bob.expect("NOOP", 200);
    terminal.wait("eve has left", |screen| !screen.lines().any(|line| line.contains(" eve ") && line.contains("idle")));
    terminal.press("q");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn the_end_of_the_server_is_told_in_words_on_a_clean_terminal() {
    let mut server = Server::plain();
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for("0 sessions of");
    server.signal(rustix::process::Signal::TERM);
    server.wait_exit();
    assert_eq!(terminal.ended(), Some(1));
    let screen = terminal.wait_for("it has stopped");
    assert!(screen.starts_with("ftpd top: the server at ") && !screen.contains("select"), "{screen}");
}

#[test]
fn a_server_that_stands_still_is_told_and_keeps_nobody_from_leaving() {
    let server = Server::plain();
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for("0 sessions of");
    server.freeze();
    terminal.wait_for("the server has said nothing for");
    terminal.press("q");
    assert_eq!(terminal.ended(), Some(0));
    server.thaw();
}

#[test]
fn sigterm_leaves_the_terminal_as_it_was() {
    let server = Server::plain();
    let mut terminal = Terminal::of(&server, 80, 24);
    terminal.wait_for("0 sessions of");
    let pid = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn names_can_not_control_the_terminal() {
    let server = Server::plain();
    server.write_sparse("\u{1b}[2Jevil\u{7}.bin", 400 << 20);
    let mut client = server.login();
    let mut data = client.passive();
    client.expect("RETR \u{1b}[2Jevil\u{7}.bin", 150);
    data.handshake();
    let terminal = Terminal::of(&server, 110, 24);
    let screen = terminal.wait_for("evil");
    assert!(screen.contains(r"\u{1b}[2Jevil\u{7}.bin") && screen.contains("1 transfer"), "{screen}");
}

#[test]
fn without_a_terminal_it_says_so_and_writes_no_escape_sequence() {
    let server = Server::plain();
    let mut command = bare_command();
    command.args(["top", "--socket"]).arg(server.socket());
    let ended = run_to_its_end(command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.starts_with("ftpd top: it needs a terminal") && !ended.output.contains('\u{1b}'));
}
