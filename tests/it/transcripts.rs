//! Dialogues as text files: `tests/transcripts/*.txt`, whose format is described in `README.txt` there.
//!
//! They run against the server of this crate, or, with `FTPD_TRANSCRIPT_ADDR=host:port` and
//! `FTPD_TRANSCRIPT_HOME=folder`, against any other that has an account bob (password secret, all rights) with that home.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write,
    net::{SocketAddr, ToSocketAddrs},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{
    channel::leave_out,
    client::{self, Client, Reply},
    data::{self, Data, Listener},
    glob,
    server::Server,
};

/// One test for each file; a file that is not listed fails `every_transcript_is_listed`.
macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

transcripts! {
    login_user login_pass login_acct login_rein login_quit login_anonymous
    before_login before_login_http
    line_ends line_length line_telnet line_nul line_pipelining
    noop syst feat help opts clnt stat host lang
    pwd cwd cwd_tilde cdup list nlst mlsd mlst size mdtm
    retr stor stou appe rest allo dele rmd mkd rename
    mfmt mff site_chmod site_help site_utime site_others
    types stru mode
    pasv epsv port eprt abor
    hash opts_hash rang xcrc xmd5 xsha1 xsha256 xsha512 avbl
    not_offered ascii listing_switches listing_globs listing_links data_port_kept blanks
}

const SAY_THAT_TLS_IS_OFF: [&str; 2] = ["feat", "not_offered"];

#[test]
fn every_transcript_is_listed() {
    let listed: BTreeSet<String> = NAMES.iter().map(|name| name.to_string()).collect();
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(listed, found);
}

#[test]
fn every_verb_of_help_and_feat_has_a_transcript() {
    let server = Server::plain();
    let mut client = server.login();
    let mut verbs = BTreeSet::new();
    for command in ["HELP", "FEAT"] {
        let reply = client.cmd(command);
        let inner = &reply.lines[1..reply.lines.len() - 1];
        let words = inner.iter().flat_map(|line| {
            let text = String::from_utf8_lossy(line).into_owned();
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let of_interest = if command == "FEAT" { 1 } else { words.len() };
            words.into_iter().take(of_interest)
        });
        verbs.extend(words.filter(|word| is_verb(word)));
    }
    assert!(verbs.len() > 40, "HELP and FEAT name the verbs: {verbs:?}");
    let scripts: Vec<Script> = NAMES.iter().map(|name| Script::read(name)).collect();
    let sent: BTreeSet<String> = scripts.iter().flat_map(Script::verbs).collect();
    let missing: Vec<&String> = verbs.difference(&sent).collect();
    assert!(missing.is_empty(), "no transcript sends {missing:?}");
}

/// Words of HELP and FEAT that are verbs: UTF8 and TVFS are only features.
fn is_verb(word: &str) -> bool {
    (3..=7).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !["UTF8", "TVFS"].contains(&word)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

// The text file

#[derive(Default)]
struct Script {
    config: String,
    users: String,
    /// Files, folders and links that every scene finds in the home.
    home: Vec<Step>,
    steps: Vec<Step>,
}

#[derive(Clone)]
struct Step {
    place: String,
    line: String,
}

impl Script {
    #[track_caller]
    fn read(name: &str) -> Script {
        let path = folder().join(format!("{name}.txt"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut script = Script::default();
        let mut in_header = true;
        for (index, line) in text.lines().enumerate() {
            let step = Step { place: format!("tests/transcripts/{name}.txt:{}", index + 1), line: line.to_owned() };
            in_header &= !line.starts_with("==");
            match line.split_once(' ').unwrap_or((line, "")) {
                ("" | "#", _) if line.trim_start().is_empty() || line.starts_with('#') => {}
                ("config", key) if in_header => script.config += &format!("{key}\n"),
                ("user", account) if in_header => script.users += &account_section(account),
                _ if in_header => script.home.push(step),
                _ => script.steps.push(step),
            }
        }
        if script.users.is_empty() {
            script.users = crate::server::BOB.to_owned();
        }
        script
    }

    fn verbs(&self) -> Vec<String> {
        let lines = self.steps.iter().filter_map(|step| step.line.strip_prefix("C: "));
        let mut verbs: Vec<String> = lines.filter_map(|line| line.split(' ').next()).map(str::to_uppercase).collect();
        verbs.push("PASS".to_owned());
        verbs
    }

    /// May this run against a server whose settings and accounts we do not know?
    fn is_for_any_server(&self) -> bool {
        self.config.is_empty() && self.users == crate::server::BOB
    }
}

/// `bob elr max_cons=1` → a section of user.ini; the home is the one of all accounts.
fn account_section(words: &str) -> String {
    let mut words = words.split(' ');
    let (name, perm) = (words.next().unwrap(), words.next().unwrap());
    let more: String = words.map(|pair| format!("{pair}\n")).collect();
    format!("[{name}]\npassword = secret\nperm = {perm}\nhome = home\n{more}")
}

// Running

#[track_caller]
fn run(name: &str) {
    if SAY_THAT_TLS_IS_OFF.contains(&name) {
        leave_out!(Explicit | Implicit: "this transcript says that TLS is off");
    }
    let script = Script::read(name);
    let other = env::var("FTPD_TRANSCRIPT_ADDR").ok();
    if other.is_some() && !script.is_for_any_server() {
        eprintln!("SKIPPED: {name} needs its own settings or accounts");
        return;
    }
    match other {
        Some(address) => {
            let address = address.to_socket_addrs().expect("FTPD_TRANSCRIPT_ADDR is host:port").next().unwrap();
            let home = env::var_os("FTPD_TRANSCRIPT_HOME").expect("FTPD_TRANSCRIPT_HOME names the home of bob there");
            play(&script, address, Path::new(&home));
        }
        None => {
            let server = Server::start(&script.config, &script.users);
            play(&script, server.door(), &server.home());
        }
    }
}

fn play(script: &Script, address: SocketAddr, home: &Path) {
    let mut scene = None;
    for step in &script.steps {
        if step.line.starts_with("==") {
            drop(scene.take());
            lay_out(home, &script.home);
            scene = Some(Scene { client: Client::greeted(address), address, home, reply: None, data: Stage::None });
        } else {
            scene.as_mut().unwrap_or_else(|| step.fail("a scene begins with ==")).act(step);
        }
    }
}

/// Empties the home, which itself stays, and makes what the header lists.
fn lay_out(home: &Path, entries: &[Step]) {
    for entry in fs::read_dir(home).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => fs::remove_dir_all(entry.path()).unwrap(),
            false => fs::remove_file(entry.path()).unwrap(),
        }
    }
    for step in entries {
        let (kind, rest) = step.words();
        match kind {
            "folder" => fs::create_dir_all(home.join(rest)).unwrap(),
            "file" => {
                let (name, content) = step.name_and_content(rest);
                fs::create_dir_all(home.join(name).parent().unwrap()).unwrap();
                fs::write(home.join(name), content).unwrap();
            }
            "link" => {
                let (name, target) = rest.split_once(" -> ").unwrap_or_else(|| step.fail("link NAME -> TARGET"));
                symlink(target.replace("{home}", home.to_str().unwrap()), home.join(name)).unwrap();
            }
            _ => step.fail("the header knows config, user, folder, file, link"),
        }
    }
}

/// One connection and what happens on it.
struct Scene<'a> {
    client: Client,
    address: SocketAddr,
    home: &'a Path,
    reply: Option<Reply>,
    data: Stage,
}

/// How far the data connection is.
enum Stage {
    None,
    Listening(Listener),
    Open(Data),
    Received(Vec<u8>),
}

impl Scene<'_> {
    fn act(&mut self, step: &Step) {
        let (verb, rest) = step.words();
        match verb {
            "login" => self.client.login(rest, "secret"),
            "C:" => {
                let line = step.unescape(&self.with_addresses(rest));
                self.client.try_send_raw([&line, &b"\r\n"[..]].concat());
            }
            "raw" => self.client.try_send_raw(step.quoted(rest)),
            "S:" if rest == "closed" => self.expect_closed(step),
            "S:" => self.expect_reply(step, rest),
            "S+" | "S-" => {
                let reply = self.reply.as_ref().unwrap_or_else(|| step.fail("no reply yet"));
                expect_line(step, verb == "S+", rest, &reply.lines);
            }
            "passive" => self.data = Stage::Open(self.client.passive()),
            "connect" => self.connect(step),
            "listen" => self.data = Stage::Listening(self.client.listen()),
            "send" => {
                let bytes = step.quoted(rest);
                self.open_data(step).write_all(&bytes).unwrap_or_else(|error| step.fail(&error.to_string()));
            }
            "close" => {
                self.open_data(step).handshake();
                self.data = Stage::None;
            }
            "D<" => {
                let (expected, got) = (step.quoted(rest), self.received(step));
                let (expected, got) = (expected.escape_ascii().to_string(), got.escape_ascii().to_string());
                step.check(expected == got, &format!("the data was \"{got}\""));
            }
            "D+" | "D-" => {
                let lines = client::lines_of(self.received(step));
                let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
                expect_line(step, verb == "D+", rest, &lines);
            }
            "disk" => self.check_disk(step, rest),
            _ => step.fail("no such step"),
        }
    }

    fn expect_closed(&mut self, step: &Step) {
        let reply = self.client.try_read_reply();
        step.check(reply.is_none(), &format!("the server said {reply:?}"));
    }

    /// `250`, `250|212`, `257 "/a" *`.
    fn expect_reply(&mut self, step: &Step, expected: &str) {
        let Some(reply) = self.client.try_read_reply() else { step.fail("the server closed the connection") };
        let (codes, pattern) = expected.split_once(' ').unwrap_or((expected, "*"));
        let fits = codes.split('|').any(|code| code == reply.code.to_string())
            && glob::matches(&step.unescape(pattern), reply.message());
        step.check(fits, &format!("the server said {reply:?}"));
        self.reply = Some(reply);
    }

    /// Connects to the address in the last 227 or 229.
    fn connect(&mut self, step: &Step) {
        let reply = self.reply.as_ref().unwrap_or_else(|| step.fail("no reply yet"));
        let address = match reply.code {
            227 => client::address_of_227(reply),
            229 => SocketAddr::new(self.address.ip(), client::port_of_229(reply)),
            _ => step.fail("connect comes after a 227 or 229"),
        };
        self.data = Stage::Open(self.client.connect_data(address));
    }

    /// `{port}` and `{eprt}` in a command stand for the address that `listen` took.
    fn with_addresses(&self, line: &str) -> String {
        let Stage::Listening(listener) = &self.data else { return line.to_owned() };
        let address = listener.address();
        let argument = |command: String| command.split_once(' ').unwrap().1.to_owned();
        line.replace("{port}", &argument(client::port_command(address)))
            .replace("{eprt}", &argument(client::eprt_command(address)))
    }

    fn open_data(&mut self, step: &Step) -> &mut Data {
        if let Stage::Listening(listener) = &self.data {
            self.data = Stage::Open(listener.accept());
        }
        let Stage::Open(stream) = &mut self.data else { step.fail("no data connection is open") };
        stream
    }

    fn received(&mut self, step: &Step) -> &[u8] {
        if !matches!(self.data, Stage::Received(_)) {
            let bytes = data::read_all(self.open_data(step));
            self.data = Stage::Received(bytes);
        }
        let Stage::Received(bytes) = &self.data else { unreachable!() };
        bytes
    }

    /// `file a "text"`, `folder a`, `absent a`, `mode a 644`, `modified a 1577934245`.
    fn check_disk(&self, step: &Step, rest: &str) {
        let (kind, rest) = rest.split_once(' ').unwrap_or_else(|| step.fail("disk KIND NAME"));
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let path = self.home.join(name);
        let metadata = path.symlink_metadata();
        match kind {
            "file" => {
                let (name, content) = step.name_and_content(rest);
                let found = fs::read(self.home.join(name)).unwrap_or_else(|error| step.fail(&error.to_string()));
                step.check(found == content, &format!("it holds \"{}\"", found.escape_ascii()));
            }
            "folder" => step.check(metadata.is_ok_and(|found| found.is_dir()), "there is no such folder"),
            "absent" => step.check(metadata.is_err(), "it is there"),
            "mode" => {
                let mode = metadata.unwrap_or_else(|error| step.fail(&error.to_string())).permissions().mode() & 0o7777;
                step.check(format!("{mode:o}") == value, &format!("the mode is {mode:o}"));
            }
            "modified" => {
                let time = metadata.and_then(|found| found.modified()).unwrap();
                let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
                step.check(seconds.to_string() == value, &format!("the time is {seconds}"));
            }
            _ => step.fail("disk knows file, folder, absent, mode, modified"),
        }
    }
}

fn expect_line(step: &Step, wanted: bool, pattern: &str, lines: &[Vec<u8>]) {
    let pattern = step.unescape(pattern);
    let found = lines.iter().any(|line| glob::matches(&pattern, line));
    step.check(found == wanted, &format!("the lines were \"{}\"", lines.join(&b'\n').escape_ascii()));
}

impl Step {
    fn words(&self) -> (&str, &str) {
        self.line.split_once(' ').unwrap_or((&self.line, ""))
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{}: `{}`: {why}", self.place, self.line)
    }

    fn check(&self, holds: bool, why: &str) {
        if !holds {
            self.fail(why);
        }
    }

    /// `name "content"`.
    fn name_and_content<'a>(&self, rest: &'a str) -> (&'a str, Vec<u8>) {
        let (name, content) = rest.split_once(" \"").unwrap_or_else(|| self.fail("NAME \"CONTENT\""));
        (name, self.quoted(&format!("\"{content}")))
    }

    fn quoted(&self, text: &str) -> Vec<u8> {
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        self.unescape(inner.unwrap_or_else(|| self.fail("bytes stand in quotes")))
    }

    /// `\r \n \t \0 \\ \" \xHH`, and `\*N{text}` for many bytes: `\*5000{a}`.
    fn unescape(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some((before, escape)) = rest.split_once('\\') {
            bytes.extend_from_slice(before.as_bytes());
            let Some(kind) = escape.chars().next() else { self.fail("a lone \\ at the end") };
            rest = &escape[kind.len_utf8()..];
            match kind {
                'r' => bytes.push(b'\r'),
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                '0' => bytes.push(0),
                '\\' | '"' => bytes.push(kind as u8),
                'x' => {
                    let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    bytes.push(byte.unwrap_or_else(|| self.fail("\\xHH")));
                    rest = &rest[2..];
                }
                '*' => {
                    let (count, text, after) = repetition(rest).unwrap_or_else(|| self.fail("\\*N{text}"));
                    bytes.extend(text.as_bytes().repeat(count));
                    rest = after;
                }
                _ => self.fail("unknown escape"),
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }
}

/// `5000{a}rest` → 5000, `a`, `rest`.
fn repetition(text: &str) -> Option<(usize, &str, &str)> {
    let (count, rest) = text.split_once('{')?;
    let (text, after) = rest.split_once('}')?;
    Some((count.parse().ok()?, text, after))
}
