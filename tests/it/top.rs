//! `ftpd top` on a terminal of its own, whose screen is read as a person would.

use std::io::Read;

use crate::{
    client::Client,
    data::Data,
    server::{BOB, Server, bare_command, run_to_its_end},
    terminal::Terminal,
};

/// A terminal with `ftpd top` on it.
fn top(server: &Server, columns: u16, rows: u16) -> Terminal {
    let mut command = bare_command();
    command.args(["top", "--socket"]).arg(server.socket());
    Terminal::run(&command, columns, rows)
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
    let mut terminal = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
    terminal.wait_for(" bob ");
    terminal.press("p");
    terminal.wait_for("PAUSED");
    let _eve = server.login_as("eve");
    // Another screen, on which some seconds pass.
    let other = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
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
    let mut terminal = top(&server, 80, 24);
    terminal.wait_for("0 sessions of");
    rustix::process::kill_process(terminal.pid(), rustix::process::Signal::TERM).unwrap();
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
    let terminal = top(&server, 110, 24);
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
