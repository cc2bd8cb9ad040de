//! The pictures of README, made from what the real programs show on the terminal of a small machine.
//!
//! `make pictures` writes them; without it they are compared with what is there.

use std::{collections::BTreeSet, env, fs, path::Path};

use crate::{
    channel::leave_out,
    clients::program,
    machine::{Machine, Who},
    svg::picture,
    terminal::Terminal,
};

/// Set to write the pictures instead of comparing them.
const WRITE: &str = "FTPD_WRITE_PICTURES";

/// A picture below docs/pictures: the screen down to the line of the cursor, or all of it if there is none.
fn keep(name: &str, terminal: &Terminal, title: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures").join(name).with_extension("svg");
    let is = terminal.look(|screen| {
        let rows = if screen.hide_cursor() { screen.size().0.get() } else { screen.cursor_position().0 };
        picture(screen, rows, title)
    });
    if env::var_os(WRITE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(path, is).unwrap();
    }
    let was = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(words(&is), words(&was), "{} differs from what is shown now: make pictures", path.display());
}

/// The words of a picture that are the same whenever it is made: none of the log, which tells of this kernel, no numbers.
fn words(svg: &str) -> BTreeSet<&str> {
    let texts = svg.split('>').filter_map(|part| part.split_once("</text").map(|(text, _)| text));
    let texts = texts.filter(|text| !text.starts_with('['));
    texts.flat_map(|text| text.split(' ')).filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect()
}

/// A shell of ann's, in which `line` was typed.
fn shell(machine: &Machine, line: &str, columns: u16, rows: u16) -> Terminal {
    let mut terminal = Terminal::run(&machine.shell(Who::Ann, "exec sh -i"), columns, rows);
    terminal.wait_for("$ ");
    terminal.press(line);
    terminal.press("\n");
    terminal
}

#[test]
fn a_folder_is_shared() {
    leave_out!(Explicit | Implicit: "this server is the picture's own");
    let Some(machine) = Machine::new() else { return };
    let terminal = shell(&machine, "ftpd ~/photos", 100, 34);
    terminal.wait_for("Ctrl-C");
    keep("share", &terminal, "ftpd ~/photos");
}

const SETTINGS: &str = "[server]\nmax_cons = 100\n";
const ACCOUNTS: &str = "\
[alex]\npassword = paper4ever\nperm = elradfmwMT\nhome = /srv/share\nmax_download = 28M
[egon]\npassword = paper4ever\nperm = elr\nhome = /srv/share\nmax_download = 3M
[scanner]\npassword = paper4ever\nperm = elwm\nhome = /srv/inbox\nmax_upload = 2500K\nhasty = on\n";

/// A client: its address, account, command of lftp, and the file with its size in MiB.
const CLIENTS: [(&str, &str, &str, &str, u64); 4] = [
    ("192.168.1.31", "alex", "get films/summer.mkv -o /dev/null", "/srv/share/films/summer.mkv", 400),
    ("192.168.1.32", "egon", "get music/concert.flac -o /dev/null", "/srv/share/music/concert.flac", 40),
    ("192.168.1.33", "scanner", "put scan-0417.tiff", "/home/ann/scan-0417.tiff", 24),
    ("192.168.1.34", "egon", "ls", "/srv/share/notes.txt", 0),
];

#[test]
fn top_with_several_transfers() {
    leave_out!(Explicit | Implicit: "this server is the picture's own");
    let (Some(_), Some(machine)) = (program("lftp"), Machine::new()) else { return };
    machine.write("/home/ann/ftpd.conf", SETTINGS);
    machine.write("/home/ann/user.ini", ACCOUNTS);
    fs::create_dir_all(machine.file("/srv/share/films")).unwrap();
    fs::create_dir_all(machine.file("/srv/share/music")).unwrap();
    let server = Terminal::run(&machine.shell(Who::Ann, "exec ftpd"), 100, 30);
    server.wait_for("starting FTP server");
    let mut clients = Vec::new();
    for (address, user, command, path, size) in CLIENTS {
        machine.write(path, "");
        fs::File::options().write(true).open(machine.file(path)).unwrap().set_len(size << 20).unwrap();
        let settings = format!(
            "set ftp:ssl-allow no; set xfer:clobber on; set ftp:use-allo yes; set net:socket-bind-ipv4 {address}"
        );
        let login = format!("open -u {user},paper4ever 192.168.1.20:2121");
        let line = format!("exec lftp -e '{settings}; {login}; {command}'");
        clients.push(Terminal::run(&machine.neighbour(&line), 80, 24));
        let is_here = |line: &str| line.contains(address) && line.contains("logged in");
        server.wait("a login", |log| log.lines().any(is_here));
    }
    let terminal = shell(&machine, "ftpd top", 100, 9);
    let far = |screen: &str| {
        let line = screen.lines().find(|line| line.contains("summer.mkv"));
        line.and_then(|line| line.split_once('%')?.0.rsplit(' ').next()?.parse().ok())
            .is_some_and(|done: u32| done >= 42)
    };
    terminal.wait("the middle of a film", far);
    keep("top", &terminal, "ftpd top");
    drop((clients, server));
}

const MISTAKEN_SETTINGS: &str = "[server]\nport = 2121\nmax_con = 100\n";
const MISTAKEN_ACCOUNTS: &str = "[alex]\npassword = \"paper4ever\"\nperm = elrx\nhome = photos\n";

#[test]
fn check_with_some_mistakes() {
    leave_out!(Explicit | Implicit: "these files are the picture's own");
    let Some(machine) = Machine::new() else { return };
    machine.write("/home/ann/ftpd.conf", MISTAKEN_SETTINGS);
    machine.write("/home/ann/user.ini", MISTAKEN_ACCOUNTS);
    let terminal = shell(&machine, "ftpd check", 100, 20);
    terminal.wait("the next prompt", |screen| screen.trim_end().ends_with("\n$"));
    keep("check", &terminal, "ftpd check");
}
